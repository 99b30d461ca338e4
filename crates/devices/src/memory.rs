//! One block of a device's memory: what every backend offers to the core.

use core::ops::Range;

use crate::{error::DeviceMemoryError, properties::DeviceProperties};

/// One block of a device's memory, of which ranges can be given to kernels.
///
/// Invariant: the block stays where it is and as large as it is until it is dropped, and whoever
/// implements this waits in its `Drop` for all work of the device that may use the block.
pub trait DeviceMemory {
    /// A range of the block in the form in which kernels are given it.
    type Buffer;

    /// What of the device matters for planning.
    fn properties(&self) -> &DeviceProperties;

    /// The size of the block in bytes.
    fn bytes(&self) -> u64;

    /// Makes a range of the block usable by kernels. The range begins at a multiple of
    /// [`DeviceProperties::plan_alignment`].
    ///
    /// # Errors
    /// The driver refuses it, or the range is not within the block.
    fn buffer(&self, bytes: Range<u64>) -> Result<Self::Buffer, DeviceMemoryError>;
}
