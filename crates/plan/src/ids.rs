//! Identifiers: the position of a tensor, an operator, a device or a model in its list.
//!
//! Stands on nothing. Each kind is a type of its own, so that two kinds cannot be swapped, and its
//! `Debug` and `Display` begin with a letter of its own (`T0`, `O3`). A graph, the
//! [`Lifetimes`](crate::Lifetimes) made from it and the [`Plan`](crate::Plan) made from those keep
//! their tensors in one order, so one [`TensorId`] is valid in all three.

use core::fmt;

/// Defines an identifier: a `u32` that counts from 0 and is shown after a letter.
macro_rules! define_id {
    ($(#[$attribute:meta])* $name:ident, $letter:literal, $noun:literal) => {
        $(#[$attribute])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u32);

        impl $name {
            #[doc = concat!("The ", $noun, " at position `index`, counted from 0.")]
            #[must_use]
            pub const fn new(index: u32) -> Self {
                Self(index)
            }

            #[doc = concat!("The position, to index a table with one entry per ", $noun, ".")]
            #[must_use]
            pub const fn index(self) -> usize {
                self.0 as usize
            }

            /// The identifier of a table index, which must fit into 32 bits.
            #[doc(hidden)]
            #[must_use]
            pub fn from_index(index: usize) -> Self {
                debug_assert!(u32::try_from(index).is_ok());
                Self(index as u32)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($letter, "{}"), self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Debug::fmt(self, f)
            }
        }
    };
}

define_id! {
    /// A tensor: its position in its graph, lifetimes and plan, in order of declaration.
    ///
    /// ```
    /// use orionrt_plan::{GraphBuilder, TensorId};
    /// let mut g = GraphBuilder::new();
    /// let x = g.tensor("x", core::alloc::Layout::new::<[f32; 4]>());
    /// assert_eq!(x, TensorId::new(0));
    /// assert_eq!(format!("{x:?}"), "T0");
    /// ```
    TensorId, "T", "tensor"
}

define_id! {
    /// An operator: its position in the execution order of its graph.
    ///
    /// ```
    /// use orionrt_plan::{GraphBuilder, OpId};
    /// let mut g = GraphBuilder::new();
    /// assert_eq!(g.op("load").id(), OpId::new(0));
    /// assert_eq!(g.op("relu").id().to_string(), "O1");
    /// ```
    OpId, "O", "operator"
}

define_id! {
    /// A device with memory of its own, the host or a GPU: its position in its graph, in order of
    /// declaration, the host first.
    ///
    /// ```
    /// use orionrt_plan::{GraphBuilder, graph::DeviceId};
    /// let mut g = GraphBuilder::new();
    /// let gpu = g.device("gpu", 256);
    /// assert_eq!((DeviceId::HOST.index(), gpu.index()), (0, 1));
    /// ```
    DeviceId, "D", "device"
}

impl DeviceId {
    /// The memory of the program itself. Every graph has it, and tensors lie there by default.
    pub const HOST: Self = Self::new(0);
}

define_id! {
    /// A model of a [`LifetimeAnalyzer`](crate::multi_model::LifetimeAnalyzer) or a
    /// [`ModelSet`](crate::multi_model::ModelSet), in the order in which they were added.
    ///
    /// ```
    /// use orionrt_plan::multi_model::ModelId;
    /// assert_eq!(ModelId::new(3).index(), 3);
    /// assert_eq!(format!("{:?}", ModelId::new(3)), "M3");
    /// ```
    ModelId, "M", "model"
}
