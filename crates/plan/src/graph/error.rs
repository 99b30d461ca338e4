//! Why a graph was refused.
//!
//! Stands on the mistakes of constructs and orders, and on the names of tensors and operators.
//! Every tensor and operator concerned is named.

use alloc::{boxed::Box, string::String};
use core::{error::Error, fmt};

use super::{
    construct::{Construct, ConstructMistake},
    named::{Mention, NamedOp, NamedTensor},
    order_mistake::OrderMistake,
    output_alias::OutputAliasMistake,
};
use crate::ids::{DeviceId, OpId, TensorId};

/// Why [`GraphBuilder::build`](super::GraphBuilder::build) refused a graph.
///
/// ```
/// use core::alloc::Layout;
/// use orionrt_plan::{GraphBuilder, GraphError, OpId};
/// let mut g = GraphBuilder::new();
/// let [x, y] = ["x", "y"].map(|name| g.tensor(name, Layout::new::<[u8; 100]>()));
/// g.op("relu").reads([x]).writes([y]);
/// g.op("load").writes([x]);
/// match g.build() {
///     Err(GraphError::ReadBeforeWritten { tensor, reader, .. }) => {
///         assert_eq!((tensor.id(), reader.id()), (x, OpId::new(0)));
///         assert_eq!(reader.to_string(), "operator 'relu' (step 0)");
///     }
///     other => panic!("{other:?}"),
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GraphError {
    /// A tensor id that this builder never gave out.
    UnknownTensor {
        /// The id.
        id: TensorId,
        /// Where the id was used.
        mention: Mention,
        /// How many tensors the builder has declared.
        declared: usize,
    },
    /// Two tensors with one name.
    DuplicateName {
        /// The name.
        name: String,
        /// The tensor that had the name first.
        first: TensorId,
        /// The tensor that was given the name again.
        second: TensorId,
    },
    /// A tensor is read at or before the step that writes it.
    ReadBeforeWritten {
        /// The tensor.
        tensor: NamedTensor,
        /// The operator that reads the tensor.
        reader: NamedOp,
        /// The operator that writes the tensor.
        writer: NamedOp,
    },
    /// A tensor has two writers that may both run, and is not carried from one iteration of a loop
    /// into the next.
    WrittenTwice {
        /// The tensor.
        tensor: NamedTensor,
        /// The operator that writes the tensor first.
        first: NamedOp,
        /// The operator that writes the tensor again.
        second: NamedOp,
    },
    /// A tensor is read although no operator may have written it: the writers are in branches or
    /// loops that need not run.
    MayBeUnwritten {
        /// The tensor.
        tensor: NamedTensor,
        /// The operator that reads the tensor; `None` if it is a graph output, which the caller
        /// reads.
        reader: Option<NamedOp>,
        /// An operator that writes the tensor, but not on every path.
        writer: NamedOp,
    },
    /// Branches or a loop's body that are not ranges of operators as they must be.
    BadConstruct {
        /// The branches or the body.
        construct: Construct,
        /// What is wrong.
        mistake: ConstructMistake,
    },
    /// An order of operators that [`Graph::in_order`](super::Graph::in_order) refuses.
    BadOrder(OrderMistake),
    /// An operator writes a graph input, which the caller fills.
    InputWritten {
        /// The graph input.
        tensor: NamedTensor,
        /// The operator that writes the input.
        writer: NamedOp,
    },
    /// A graph output that no operator writes and that is not a graph input.
    NoSuchOutput {
        /// The graph output.
        tensor: NamedTensor,
    },
    /// A tensor whose bytes the caller was to give up, and that is not a graph input.
    DonatedNoInput {
        /// The tensor.
        tensor: NamedTensor,
    },
    /// An output that cannot have the bytes of an input as declared.
    BadOutputAlias {
        /// The output.
        output: NamedTensor,
        /// The input whose bytes the output was to have.
        input: NamedTensor,
        /// What is wrong.
        mistake: Box<OutputAliasMistake>,
    },
    /// A device id that this builder never gave out.
    UnknownDevice {
        /// The tensor that was to lie on the device.
        tensor: NamedTensor,
        /// The id.
        device: DeviceId,
    },
    /// A device whose alignment is not a power of two.
    DeviceAlignment {
        /// The device.
        device: DeviceId,
        /// The device's name.
        name: String,
        /// The alignment in bytes.
        alignment: u64,
    },
    /// An operator that waits for itself, or for an operator that is submitted after it.
    WaitsForLater {
        /// The operator.
        op: NamedOp,
        /// The operator for which it waits.
        waits_for: OpId,
    },
    /// An operator reads what another stream writes, and does not wait for it.
    Race {
        /// The tensor.
        tensor: NamedTensor,
        /// The operator that reads the tensor.
        reader: NamedOp,
        /// The operator that writes the tensor.
        writer: NamedOp,
    },
    /// A view or a result in place that cannot share bytes with the operand as declared.
    BadAlias {
        /// The operator.
        op: NamedOp,
        /// The result.
        result: NamedTensor,
        /// The operand whose bytes the result was to share.
        of: NamedTensor,
        /// What is wrong.
        mistake: AliasMistake,
    },
    /// There are more tensors than ids can number.
    TooManyTensors,
    /// There are too many operators on too many streams: how many operators of each stream happen
    /// before it is kept for each operator.
    TooManyStreams {
        /// How many operators there are.
        ops: usize,
        /// On how many streams they run.
        streams: usize,
        /// How large the product of both may be.
        most: usize,
    },
    /// All sizes together reach 2⁶³ bytes.
    SizeOverflow {
        /// The tensor at which the sum passes the limit.
        tensor: NamedTensor,
        /// The tensor's size in bytes.
        size: usize,
    },
}

/// What can be wrong with a view, a result in place or a part of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AliasMistake {
    /// The view ends outside the operand.
    OutOfBounds {
        /// Where in the operand the view begins, in bytes.
        offset: u64,
        /// The view's size in bytes.
        size: u64,
        /// The operand's size in bytes.
        of_size: u64,
    },
    /// The first byte of the view is not aligned as the view demands.
    Misaligned {
        /// Where in the root, the tensor with bytes of its own, the view begins, in bytes.
        offset: u64,
        /// The view's alignment in bytes.
        alignment: u64,
    },
    /// A result in place has another size than its operand.
    OtherSize {
        /// The result's size in bytes.
        size: u64,
        /// The operand's size in bytes.
        of_size: u64,
    },
    /// Result and operand lie on different devices.
    OtherDevice,
    /// The result has already been declared to be a view.
    Twice,
    /// The operand ends outside the result that it is to be part of.
    PartOutOfBounds {
        /// Where in the result the operand begins, in bytes.
        offset: u64,
        /// The operand's size in bytes.
        size: u64,
        /// The result's size in bytes.
        of_size: u64,
    },
    /// The operand overlaps another part of the result.
    PartsOverlap,
}

impl fmt::Display for AliasMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfBounds {
                offset,
                size,
                of_size,
            }
            | Self::PartOutOfBounds {
                offset,
                size,
                of_size,
            } => write!(
                f,
                "{size} bytes from byte {offset} on do not lie within {of_size} bytes"
            ),
            Self::Misaligned { offset, alignment } => write!(
                f,
                "byte {offset} is not a multiple of the alignment {alignment}"
            ),
            Self::OtherSize { size, of_size } => write!(f, "it has {size} bytes, not {of_size}"),
            Self::OtherDevice => write!(f, "they lie on different devices"),
            Self::Twice => write!(f, "it is a view already"),
            Self::PartsOverlap => write!(f, "two parts of the result overlap"),
        }
    }
}

impl fmt::Display for GraphError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownTensor {
                id,
                mention,
                declared,
            } => write!(
                f,
                "{mention} names tensor {id}, but this graph declares {declared} tensors, \
                 counted from T0"
            ),
            Self::DuplicateName {
                name,
                first,
                second,
            } => write!(
                f,
                "tensors {first} and {second} are both named '{name}'; names must be unique"
            ),
            Self::ReadBeforeWritten {
                tensor,
                reader,
                writer,
            } => write!(
                f,
                "{tensor} is read by {reader} before it is written by {writer}; \
                 it must be written at an earlier step than it is read"
            ),
            Self::WrittenTwice {
                tensor,
                first,
                second,
            } => write!(
                f,
                "{tensor} is written by {first} and again by {second}; \
                 a tensor has one writer, unless only one of them runs or the second is in a loop"
            ),
            Self::MayBeUnwritten {
                tensor,
                reader,
                writer,
            } => {
                match reader {
                    Some(reader) => write!(f, "{tensor} is read by {reader}")?,
                    None => write!(f, "{tensor} is a graph output")?,
                }
                write!(
                    f,
                    ", but need not be written by then: {writer} is in a branch or a loop \
                     that may not run"
                )
            }
            Self::BadConstruct { construct, mistake } => write!(f, "{construct}: {mistake}"),
            Self::BadOrder(mistake) => write!(f, "the order cannot be used: {mistake}"),
            Self::InputWritten { tensor, writer } => write!(
                f,
                "{tensor} is a graph input, which the caller fills, but is written by {writer}"
            ),
            Self::NoSuchOutput { tensor } => write!(
                f,
                "{tensor} is a graph output, but no operator writes it and it is not a graph input"
            ),
            Self::DonatedNoInput { tensor } => write!(
                f,
                "{tensor} is donated, but it is not a graph input, which the caller fills"
            ),
            Self::BadOutputAlias {
                output,
                input,
                mistake,
            } => write!(
                f,
                "output '{}' cannot have the bytes of input '{}': {mistake}",
                output.name(),
                input.name()
            ),
            Self::UnknownDevice { tensor, device } => write!(
                f,
                "{tensor} is to lie on device {device}, which this graph has not declared"
            ),
            Self::DeviceAlignment {
                name, alignment, ..
            } => write!(
                f,
                "device '{name}' has the alignment {alignment}, \
                 which is not a power of two (1, 2, 4, ...)"
            ),
            Self::WaitsForLater { op, waits_for } => write!(
                f,
                "{op} waits for operator {waits_for}; \
                 it can only wait for operators that are submitted before it"
            ),
            Self::Race {
                tensor,
                reader,
                writer,
            } => write!(
                f,
                "{tensor} is read by {reader}, which does not wait for its writer, \
                 {writer} on another stream"
            ),
            Self::BadAlias {
                op,
                result,
                of,
                mistake,
            } => write!(
                f,
                "{op} cannot have '{}' in the bytes of '{}': {mistake}",
                result.name(),
                of.name()
            ),
            Self::TooManyTensors => write!(f, "the graph has more than {} tensors", u32::MAX),
            Self::TooManyStreams { ops, streams, most } => write!(
                f,
                "{ops} operators run on {streams} streams; \
                 the product of both must be at most {most}"
            ),
            Self::SizeOverflow { tensor, size } => write!(
                f,
                "with {tensor} of {size} bytes, the tensors reach 2^63 bytes together; \
                 they must stay below"
            ),
        }
    }
}

impl Error for AliasMistake {}

impl Error for GraphError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::BadAlias { mistake, .. } => Some(mistake),
            Self::BadOutputAlias { mistake, .. } => Some(&**mistake),
            Self::BadConstruct { mistake, .. } => Some(mistake),
            Self::BadOrder(mistake) => Some(mistake),
            _ => None,
        }
    }
}
