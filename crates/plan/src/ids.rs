//! The name of a tensor inside its graph, its lifetimes and its plan.
//!
//! A graph, the [`Lifetimes`](crate::Lifetimes) made from it and the [`Plan`](crate::Plan) made from
//! those keep their tensors in one order, so one [`TensorId`] is valid in all three.

use core::fmt;

/// The position of a tensor in its graph, lifetimes and plan; counted from 0 in order of declaration.
///
/// ```
/// use orionrt_plan::{GraphBuilder, TensorId};
/// let mut g = GraphBuilder::new();
/// let x = g.tensor("x", core::alloc::Layout::new::<[f32; 4]>());
/// assert_eq!(x, TensorId::new(0));
/// assert_eq!(format!("{x:?}"), "T0");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TensorId(u32);

impl TensorId {
    /// The tensor at position `index`, counted from 0.
    #[must_use]
    pub const fn new(index: u32) -> Self {
        Self(index)
    }

    /// The position as an index into per-tensor tables.
    #[must_use]
    pub const fn index(self) -> usize {
        self.0 as usize
    }

    /// The id of table index `index`; tables of tensors never hold more than `u32::MAX`.
    #[doc(hidden)]
    #[must_use]
    pub fn from_index(index: usize) -> Self {
        debug_assert!(u32::try_from(index).is_ok());
        Self(index as u32)
    }
}

impl fmt::Debug for TensorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "T{}", self.0)
    }
}

impl fmt::Display for TensorId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
