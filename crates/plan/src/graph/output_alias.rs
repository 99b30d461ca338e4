//! Outputs that take the bytes of an input: what is declared, and what can be wrong with it.
//!
//! Stands on the names of tensors and operators. Plain values; `build` checks them.

use core::fmt;

use super::named::{NamedOp, NamedTensor};
use crate::ids::TensorId;

/// An output that has the bytes of an input, as the new value of a state has those of the old one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OutputAlias {
    /// The graph output: the new value.
    pub output: TensorId,
    /// The graph input: the old value.
    pub input: TensorId,
}

impl OutputAlias {
    /// `output` has the bytes of `input`.
    #[must_use]
    pub const fn new(output: TensorId, input: TensorId) -> Self {
        Self { output, input }
    }
}

/// Why an output cannot have the bytes of an input.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OutputAliasMistake {
    /// The tensor that was to be the input is not one.
    NotAnInput,
    /// The tensor that was to be the output is not one.
    NotAnOutput,
    /// The input, or the output, is already declared with another one.
    Twice,
    /// The output has another size than the input.
    OtherSize {
        /// The output's size in bytes.
        size: u64,
        /// The input's size in bytes.
        of_size: u64,
    },
    /// Output and input lie on different devices.
    OtherDevice,
    /// The output is written by several operators, in branches or loops.
    SeveralWriters,
    /// The output is a view of a tensor that cannot lie in the input's bytes: it is larger than the
    /// output, a graph input, or another output's.
    ViewOf {
        /// The tensor that has the output's bytes.
        root: NamedTensor,
    },
    /// A tensor that has the old value is a graph output, which the caller reads at the end.
    KeptByCaller {
        /// The tensor: the input itself, or a view of it.
        tensor: NamedTensor,
    },
    /// The old value is read when the new one may have been written already.
    ReadAfterwards {
        /// The tensor that has the old value: the input itself, or a view of it.
        tensor: NamedTensor,
        /// The operator that reads it.
        reader: NamedOp,
        /// The operator that writes the new value, and does not wait for the reader.
        writer: NamedOp,
    },
    /// The operator that writes the new value also uses the old one, and is not declared to write
    /// over it: by [`in_place`](super::OpBuilder::in_place), and through one operand alone.
    NotInPlace {
        /// The tensor that has the old value: the input itself, or a view of it.
        tensor: NamedTensor,
        /// The operator.
        writer: NamedOp,
    },
}

impl fmt::Display for OutputAliasMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotAnInput => write!(f, "the latter is not a graph input"),
            Self::NotAnOutput => write!(f, "the former is not a graph output"),
            Self::Twice => write!(f, "one of them is already declared with another tensor"),
            Self::OtherSize { size, of_size } => write!(f, "it has {size} bytes, not {of_size}"),
            Self::OtherDevice => write!(f, "they lie on different devices"),
            Self::SeveralWriters => {
                write!(f, "several operators write it, in branches or loops")
            }
            Self::ViewOf { root } => write!(
                f,
                "it is a view of {root}, which is larger, a graph input, or another output's"
            ),
            Self::KeptByCaller { tensor } => write!(
                f,
                "{tensor} has the old value and is a graph output, which the caller reads at the \
                 end"
            ),
            Self::ReadAfterwards {
                tensor,
                reader,
                writer,
            } => write!(
                f,
                "{reader} reads the old value, {tensor}, and may run after {writer} has written \
                 the new one"
            ),
            Self::NotInPlace { tensor, writer } => write!(
                f,
                "{writer} uses the old value, {tensor}, while it writes the new one, and is not \
                 declared to write over it in place"
            ),
        }
    }
}

impl core::error::Error for OutputAliasMistake {}
