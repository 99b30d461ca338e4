//! One block of a device's memory: what every backend offers to the core.

use core::ops::Range;

use crate::{error::DeviceMemoryError, properties::DeviceProperties};

/// One block of a device's memory, of which ranges can be given to kernels.
///
/// Invariant: the block's addresses and its size, [`bytes`](Self::bytes), stay the same until it is
/// dropped. A backend may give a part of it memory only when a buffer is made there. The device's
/// memory is given back when no work that was submitted *through this crate* can use it any more:
/// the block waits for that work when it is dropped, or the work holds the block. A buffer may be
/// dropped at any time: work that was submitted with it keeps what the device needs of it. What an
/// engine submits by itself is known to nobody here, so the engine keeps the buffers of it, and
/// their arena, until the device has done it.
///
/// # Submissions
///
/// Work is given to the device in submissions, which are numbered from 1 on in the order in which
/// they are made, whatever their stream. A range that is given back while work may still use it is
/// lent again when the last submission of that moment has ended. A backend whose device finds by
/// itself that one range is used twice, and orders that, needs none of the three functions: without
/// them a range is free at once.
pub trait DeviceMemory {
    /// A range of the block in the form in which kernels are given it.
    type Buffer;

    /// What of the device matters for planning.
    fn properties(&self) -> &DeviceProperties;

    /// The size of the block in bytes: at least what was asked for, and a multiple of
    /// [`DeviceProperties::copy_alignment`].
    fn bytes(&self) -> u64;

    /// Makes a range of the block usable by kernels. The range begins at a multiple of
    /// [`DeviceProperties::plan_alignment`].
    ///
    /// # Errors
    /// The driver refuses it, or the range is not within the block.
    fn buffer(&self, bytes: Range<u64>) -> Result<Self::Buffer, DeviceMemoryError>;

    /// The number of the last submission that may use the block; 0 if there is none.
    fn submitted(&self) -> u64 {
        0
    }

    /// The largest number such that the submission of this number and all before it have ended.
    ///
    /// # Errors
    /// The device was lost.
    fn completed(&self) -> Result<u64, DeviceMemoryError> {
        Ok(self.submitted())
    }

    /// Waits until a submission and all before it have ended.
    ///
    /// # Errors
    /// The device was lost, or it cannot be waited for now: with CUDA, a stream is being captured.
    fn wait_for(&self, submission: u64) -> Result<(), DeviceMemoryError> {
        let _ = submission;
        Ok(())
    }
}
