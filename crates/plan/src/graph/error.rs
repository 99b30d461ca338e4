//! Why a graph was refused.

use alloc::string::String;
use core::fmt;

use super::{DeviceId, OpId};
use crate::ids::TensorId;

/// Why a graph was refused. Operators are named with their step.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GraphError {
    /// A tensor id that this builder never gave out.
    UnknownTensor {
        /// The id.
        id: TensorId,
        /// Where it was used.
        place: String,
        /// How many tensors the builder has declared.
        declared: usize,
    },
    /// Two tensors with one name.
    DuplicateName {
        /// The name.
        tensor: String,
        /// The tensor that had it first.
        first: TensorId,
        /// The tensor that took it again.
        second: TensorId,
    },
    /// A tensor is read at or before the step that writes it.
    ReadBeforeWritten {
        /// The tensor's name.
        tensor: String,
        /// The operator that reads it.
        reader: String,
        /// The operator that writes it.
        writer: String,
    },
    /// A tensor has two writers, or an operator writes a graph input.
    WrittenTwice {
        /// The tensor's name.
        tensor: String,
        /// Who writes it first.
        first: String,
        /// The operator that writes it again.
        second: String,
    },
    /// A graph output that no operator writes and that is no graph input.
    NoSuchOutput {
        /// The tensor's name.
        tensor: String,
    },
    /// A device id that this builder never gave out.
    UnknownDevice {
        /// The tensor that is to lie there.
        tensor: String,
        /// The id.
        device: DeviceId,
    },
    /// A device whose alignment is no power of two.
    DeviceAlignment {
        /// Its name.
        device: String,
        /// The alignment in bytes.
        alignment: u64,
    },
    /// An operator that waits for itself, or for one that is submitted after it.
    WaitsForLater {
        /// The operator.
        op: String,
        /// What it waits for.
        waits: OpId,
    },
    /// An operator reads what another stream writes, and does not wait for it.
    Race {
        /// The tensor's name.
        tensor: String,
        /// The operator that reads it.
        reader: String,
        /// The operator that writes it.
        writer: String,
    },
    /// Two tensors that cannot share bytes as declared: a view, or a result in place.
    BadAlias {
        /// The operator.
        op: String,
        /// The result's name.
        result: String,
        /// The name of the tensor whose bytes it is to have.
        of: String,
        /// What is wrong.
        mistake: AliasMistake,
    },
    /// More tensors than can be numbered.
    TooManyTensors,
    /// All sizes together reach 2⁶³ bytes.
    SizeOverflow {
        /// The tensor at which the sum passes the limit.
        tensor: String,
        /// Its size in bytes.
        size: usize,
    },
}

/// What can be wrong with a view, or with a result in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AliasMistake {
    /// A view that ends outside of the tensor that it is a view of.
    OutOfBounds {
        /// Where it begins, in bytes.
        offset: u64,
        /// Its size in bytes.
        size: u64,
        /// The other's size in bytes.
        of: u64,
    },
    /// A view whose first byte is not aligned as it must be.
    Misaligned {
        /// Where it begins, in bytes.
        offset: u64,
        /// Its alignment in bytes.
        alignment: u64,
    },
    /// A result in place that has not as many bytes as what it would take the place of.
    OtherSize {
        /// Its size in bytes.
        size: u64,
        /// The other's size in bytes.
        of: u64,
    },
    /// They lie on different devices.
    OtherDevice,
    /// The result is declared to be a view already.
    Twice,
}

impl fmt::Display for AliasMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfBounds { offset, size, of } => write!(
                f,
                "{size} bytes from byte {offset} on do not lie within {of} bytes"
            ),
            Self::Misaligned { offset, alignment } => write!(
                f,
                "byte {offset} is no multiple of the alignment {alignment}"
            ),
            Self::OtherSize { size, of } => {
                write!(f, "it has {size} bytes, not {of}")
            }
            Self::OtherDevice => write!(f, "they lie on different devices"),
            Self::Twice => write!(f, "it is a view already"),
        }
    }
}

impl fmt::Display for GraphError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownTensor {
                id,
                place,
                declared,
            } => write!(
                f,
                "{place} names tensor {id}, but this graph declares {declared} tensors, counted from T0"
            ),
            Self::DuplicateName {
                tensor,
                first,
                second,
            } => write!(
                f,
                "tensors {first} and {second} are both named '{tensor}'; names must be unique"
            ),
            Self::ReadBeforeWritten {
                tensor,
                reader,
                writer,
            } => write!(
                f,
                "tensor '{tensor}' is read by {reader} before it is written by {writer}; a tensor is written at an earlier step than it is read"
            ),
            Self::WrittenTwice {
                tensor,
                first,
                second,
            } => write!(
                f,
                "tensor '{tensor}' is written by {first} and again by {second}; a tensor has one writer"
            ),
            Self::NoSuchOutput { tensor } => write!(
                f,
                "graph output '{tensor}' is written by no operator and is no graph input"
            ),
            Self::UnknownDevice { tensor, device } => write!(
                f,
                "tensor '{tensor}' is to lie on device {device:?}, which this graph has not declared"
            ),
            Self::DeviceAlignment { device, alignment } => write!(
                f,
                "device '{device}' has the alignment {alignment}, which is not a power of two (1, 2, 4, ...)"
            ),
            Self::WaitsForLater { op, waits } => write!(
                f,
                "{op} waits for operator {waits:?}; it can only wait for operators that are submitted before it"
            ),
            Self::Race {
                tensor,
                reader,
                writer,
            } => write!(
                f,
                "tensor '{tensor}' is read by {reader}, which does not wait for {writer} on another stream, which writes it"
            ),
            Self::BadAlias {
                op,
                result,
                of,
                mistake,
            } => write!(
                f,
                "{op} cannot have '{result}' in the bytes of '{of}': {mistake}"
            ),
            Self::TooManyTensors => write!(f, "the graph has more than {} tensors", u32::MAX),
            Self::SizeOverflow { tensor, size } => write!(
                f,
                "with tensor '{tensor}' of {size} bytes the tensors reach 2^63 bytes together; they must stay below"
            ),
        }
    }
}

impl core::error::Error for GraphError {}
