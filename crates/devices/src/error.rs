//! Why device memory cannot be had, or not be used as asked.

use core::fmt;

/// Why device memory cannot be had, or not be used as asked. Sizes and offsets are in bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeviceMemoryError {
    /// There is no such backend on this machine: no loader, no driver or no device.
    Unavailable {
        /// The backend: `vulkan`, `wgpu` or `cuda`.
        backend: &'static str,
        /// What is missing.
        reason: String,
    },
    /// There is no device of this number.
    NoSuchDevice {
        /// The number, counted from 0.
        index: usize,
        /// How many there are.
        devices: usize,
    },
    /// The device has no memory left for a block.
    OutOfMemory {
        /// The size of the block.
        needed: u64,
        /// How many bytes the device's heap has, if that is known.
        heap: Option<u64>,
    },
    /// The driver refused a block that would take more of the device's heap than this process may
    /// have now, by what the driver says of budgets.
    OverBudget {
        /// The size of the block.
        needed: u64,
        /// How many bytes this process may have of the heap, which depends on others' use of it.
        budget: u64,
        /// How many bytes of the heap this process has.
        used: u64,
    },
    /// The driver has no memory for what was asked of it, other than a block.
    NoMemoryTo {
        /// What was asked of it.
        action: &'static str,
    },
    /// Something of one device was given to another one: a slot's buffer, a kernel, commands, an
    /// event or a stream.
    OtherDevice {
        /// What was given.
        what: &'static str,
        /// The device that it is of: its name, and its number in the order in which devices were
        /// opened.
        of: String,
        /// The device that it was given to.
        given_to: String,
    },
    /// A number is not what it must be.
    Mismatch {
        /// What is counted.
        what: &'static str,
        /// How many were given.
        given: u64,
        /// How many must be.
        expected: u64,
    },
    /// The arena has no free range for an allocation.
    Exhausted {
        /// The size of the allocation.
        needed: u64,
        /// The free bytes of the arena.
        free: u64,
        /// Its largest free range.
        largest: u64,
    },
    /// The host has no memory for what describes the arena.
    NoHostMemory {
        /// How much was needed.
        needed: u64,
    },
    /// A range is not within the block.
    OutOfBlock {
        /// Where it begins.
        start: u64,
        /// Where it ends.
        end: u64,
        /// The size of the block.
        block: u64,
    },
    /// Bytes are copied to or from a range that does not have as many.
    OtherSize {
        /// The size of the range.
        range: u64,
        /// How many bytes are copied.
        given: u64,
    },
    /// A block is larger than the device allows.
    TooLarge {
        /// Its size.
        needed: u64,
        /// The largest block.
        largest: u64,
    },
    /// A tensor is larger than the range that a kernel can be given.
    TensorTooLarge {
        /// Its name.
        tensor: String,
        /// Its size.
        bytes: u64,
        /// The largest range.
        largest: u64,
    },
    /// A plan was made for a device with another alignment.
    OtherAlignment {
        /// The first tensor that is not aligned for this device.
        tensor: String,
        /// Its offset.
        offset: u64,
        /// The alignment that the device needs.
        needed: u64,
    },
    /// The device was lost: it was reset or removed, or a kernel ran for too long.
    Lost {
        /// What was asked of it.
        action: &'static str,
    },
    /// The driver refused a call for another reason.
    Refused {
        /// What was asked of it.
        action: &'static str,
        /// What it answered.
        answer: String,
    },
}

impl fmt::Display for DeviceMemoryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unavailable { backend, reason } => {
                write!(f, "{backend} cannot be used on this machine: {reason}")
            }
            Self::NoSuchDevice { index, devices } => {
                write!(
                    f,
                    "there is no device {index}: there are {devices}, counted from 0"
                )
            }
            Self::OutOfMemory { needed, heap } => {
                write!(f, "the device has no memory for a block of {needed} bytes")?;
                heap.map_or(Ok(()), |heap| write!(f, "; its heap has {heap} bytes"))
            }
            Self::OverBudget {
                needed,
                budget,
                used,
            } => write!(
                f,
                "the device has no memory for a block of {needed} bytes: this process may have \
                 {budget} bytes of its heap now, and uses {used}"
            ),
            Self::NoMemoryTo { action } => write!(f, "the driver has no memory to {action}"),
            Self::OtherDevice { what, of, given_to } => {
                write!(f, "{what} of {of} was given to {given_to}")
            }
            Self::Mismatch {
                what,
                given,
                expected,
            } => write!(f, "{what}: {given} given, {expected} expected"),
            Self::Exhausted {
                needed,
                free,
                largest,
            } => write!(
                f,
                "the arena has no free range of {needed} bytes: {free} bytes are free, at most \
                 {largest} of them in one range"
            ),
            Self::NoHostMemory { needed } => write!(
                f,
                "the host has no memory for the {needed} bytes that describe the arena"
            ),
            Self::OutOfBlock { start, end, block } => write!(
                f,
                "bytes {start}..{end} are not within a block of {block} bytes"
            ),
            Self::OtherSize { range, given } => write!(
                f,
                "{given} bytes are copied to or from a range of {range} bytes"
            ),
            Self::TooLarge { needed, largest } => write!(
                f,
                "a block of {needed} bytes is needed, and the largest that the device allows has \
                 {largest}"
            ),
            Self::TensorTooLarge {
                tensor,
                bytes,
                largest,
            } => write!(
                f,
                "tensor `{tensor}` has {bytes} bytes, and a kernel of the device can be given at \
                 most {largest}"
            ),
            Self::OtherAlignment {
                tensor,
                offset,
                needed,
            } => write!(
                f,
                "the plan is for another device: it has tensor `{tensor}` at offset {offset}, and \
                 this one needs multiples of {needed}"
            ),
            Self::Lost { action } => write!(f, "the device was lost: it was asked to {action}"),
            Self::Refused { action, answer } => {
                write!(f, "the driver refused to {action}: {answer}")
            }
        }
    }
}

impl core::error::Error for DeviceMemoryError {}
