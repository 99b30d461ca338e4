//! Why a tensor's slot cannot be had, filled, transferred, joined or left, and why a tensor cannot
//! be parked.
//!
//! Every variant names the tensor, and what would have to be different.

#![forbid(unsafe_code)]

use alloc::string::String;
use core::fmt;

use orionrt_plan::TensorId;

/// Why a tensor's slot cannot be had, filled, transferred, joined or left, and why a tensor cannot
/// be parked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SlotError {
    /// The plan, or the model, has no such tensor.
    Unknown {
        /// The id.
        id: TensorId,
        /// The number of tensors that there are.
        tensors: usize,
    },
    /// The tensor is never alive, so the plan has no bytes for it.
    NeverAlive {
        /// Its name.
        name: String,
    },
    /// The tensor to be transferred or joined does not fill its planned slot: it outgrew it, or is
    /// shorter.
    Elsewhere {
        /// Its name.
        name: String,
    },
    /// The receiving tensor does not lie within the transferred one as whole elements of it.
    NotWithin {
        /// The name of the receiving tensor.
        name: String,
        /// The name of the transferred tensor.
        of: String,
    },
    /// The tensor to be joined to another one does not lie within that as whole elements of it.
    NotPart {
        /// The name of the tensor to be joined.
        name: String,
        /// The name of the joined tensor.
        of: String,
    },
    /// The tensors to be joined to this one have fewer bytes than it has.
    NotFilled {
        /// Its name.
        name: String,
        /// Its size in bytes.
        bytes: usize,
        /// The bytes of the tensors.
        filled: usize,
    },
    /// The tensor to be joined to another one is of another pool.
    OtherPool {
        /// Its name.
        name: String,
    },
    /// The tensor's bytes are in use.
    InUse {
        /// Its name.
        name: String,
        /// A live tensor that shares bytes with it, or itself; `None` if that one has gone
        /// meanwhile.
        by: Option<String>,
    },
    /// More bytes are asked for than the tensor has, and the pool has no fallback.
    TooLarge {
        /// Its name.
        name: String,
        /// The bytes that are asked for; `usize::MAX` if they are more than that.
        needed: usize,
        /// Its size in bytes.
        planned: usize,
    },
    /// The arena has no room for an allocation that does not fit the tensor's slot.
    OutOfMemory {
        /// Its name.
        name: String,
        /// The bytes that are asked for; `usize::MAX` if they are more than that.
        needed: usize,
    },
    /// There is no memory for a copy of the tensor outside of its pool.
    NoMemory {
        /// Its name.
        name: String,
        /// Its size in bytes.
        needed: usize,
    },
    /// There is no memory to park the tensor, or to unpark it: mostly none in the arena.
    NoMemoryToPark {
        /// Its name.
        name: String,
        /// The bytes of the one piece that was refused, of the several that parking allocates.
        needed: usize,
    },
    /// The tensor needs more bytes in compressed form than it may have.
    TooLargeToPark {
        /// Its name.
        name: String,
        /// How many bytes it may have.
        most: usize,
    },
    /// The stored bytes of the parked tensor cannot be expanded: somebody without a right to them
    /// has written to the arena. Not all such writes are found: there is no checksum.
    Damaged {
        /// Its name.
        name: String,
    },
    /// The tensor has more or fewer elements than were given for it.
    OtherLength {
        /// Its name.
        name: String,
        /// How many elements it has.
        elements: usize,
        /// How many were given.
        given: usize,
    },
    /// The tensor's size is not a whole number of elements.
    NotWhole {
        /// Its name.
        name: String,
        /// Its size in bytes.
        bytes: usize,
        /// The element's size in bytes.
        element: usize,
    },
    /// The tensor's address is not aligned for the element.
    Misaligned {
        /// Its name.
        name: String,
        /// The element's alignment in bytes.
        needed: usize,
        /// The alignment of the tensor's address in bytes.
        planned: usize,
    },
}

impl fmt::Display for SlotError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { id, tensors } => write!(
                f,
                "there is no tensor {id}: the plan has {tensors} tensors, counted from T0"
            ),
            Self::NeverAlive { name } => write!(
                f,
                "tensor '{name}' is never alive, so the plan has no bytes for it"
            ),
            Self::Elsewhere { name } => write!(
                f,
                "tensor '{name}' does not fill its planned slot, so it cannot be transferred"
            ),
            Self::NotWithin { name, of } => write!(
                f,
                "tensor '{name}' is not made of whole elements of '{of}', \
                 so it cannot take its bytes"
            ),
            Self::NotPart { name, of } => write!(
                f,
                "tensor '{name}' does not lie within '{of}' as whole elements of it, \
                 so it cannot be a part of it"
            ),
            Self::NotFilled {
                name,
                bytes,
                filled,
            } => write!(
                f,
                "tensor '{name}' has {bytes} bytes, but the tensors that are joined have {filled}"
            ),
            Self::OtherPool { name } => {
                write!(
                    f,
                    "tensor '{name}' is of another pool, so it cannot be joined"
                )
            }
            Self::InUse { name, by: Some(by) } if by == name => {
                write!(f, "tensor '{name}' is already allocated")
            }
            Self::InUse { name, by: Some(by) } => write!(
                f,
                "tensor '{name}' shares bytes with '{by}', which is alive"
            ),
            Self::InUse { name, by: None } => write!(f, "the bytes of tensor '{name}' are in use"),
            Self::TooLarge {
                name,
                needed,
                planned,
            } => write!(
                f,
                "tensor '{name}' has {planned} bytes, but {needed} are asked for"
            ),
            Self::OutOfMemory { name, needed } => write!(
                f,
                "{needed} bytes do not fit the slot of tensor '{name}', \
                 and the arena has no room for them"
            ),
            Self::NoMemory { name, needed } => write!(
                f,
                "there is no memory for a copy of tensor '{name}', which has {needed} bytes"
            ),
            Self::NoMemoryToPark { name, needed } => write!(
                f,
                "there is no memory to park or unpark tensor '{name}': \
                 an allocation of {needed} bytes was refused"
            ),
            Self::TooLargeToPark { name, most } => write!(
                f,
                "tensor '{name}' needs more than the {most} bytes that it may be parked in"
            ),
            Self::Damaged { name } => write!(
                f,
                "the stored bytes of the parked tensor '{name}' cannot be expanded: \
                 they have been written over"
            ),
            Self::OtherLength {
                name,
                elements,
                given,
            } => write!(
                f,
                "tensor '{name}' has {elements} elements, but {given} are given"
            ),
            Self::NotWhole {
                name,
                bytes,
                element,
            } => write!(
                f,
                "tensor '{name}' has {bytes} bytes, \
                 which is not a whole number of elements of {element} bytes"
            ),
            Self::Misaligned {
                name,
                needed,
                planned,
            } => write!(
                f,
                "tensor '{name}' is aligned to {planned} bytes, but its elements need {needed}; \
                 plan with a larger alignment"
            ),
        }
    }
}

impl core::error::Error for SlotError {}
