//! What of a device matters for planning its memory.

use core::alloc::Layout;

use orionrt_plan::{Lifetimes, Plan, regions::RegionPlan};

use crate::error::DeviceMemoryError;

/// What sort of processor a device is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum DeviceKind {
    /// A GPU with memory of its own.
    Discrete,
    /// A GPU that shares the memory of the host.
    Integrated,
    /// A GPU of a virtual machine.
    Virtual,
    /// The host's processor, which does a GPU's work.
    Cpu,
    /// Anything else.
    Other,
}

/// One of a device's memories.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryHeap {
    /// Its size in bytes.
    pub bytes: u64,
    /// How many bytes this process may have of it at this moment, if the driver says.
    pub budget: Option<u64>,
    /// Whether it is the device's own memory, the fastest for kernels.
    pub device_local: bool,
    /// Whether the host can map it.
    pub host_visible: bool,
}

/// What of a device matters for planning its memory. Sizes and alignments are in bytes, alignments
/// are powers of two.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeviceProperties {
    /// The device's name, as its driver says.
    pub name: String,
    /// What sort of processor it is.
    pub kind: DeviceKind,
    /// A range that a kernel is given begins at a multiple of this.
    pub offset_alignment: u64,
    /// A block of memory is aligned to this at least.
    pub block_alignment: u64,
    /// Buffers and images that lie closer together than this may not be used at the same time; 1 if
    /// there is no such rule. It is kept by an arena without images.
    pub buffer_image_granularity: u64,
    /// Copies between host and device begin at multiples of this and are multiples of it.
    pub copy_alignment: u64,
    /// The largest range that a kernel can be given.
    pub largest_binding: u64,
    /// The largest block of memory.
    pub largest_block: u64,
    /// The device's memories.
    pub heaps: Vec<MemoryHeap>,
}

impl DeviceProperties {
    /// Properties without limits: everything is aligned to 1, nothing is too large, and there are
    /// no heaps. Backends overwrite what they know.
    #[must_use]
    pub fn unlimited(name: impl Into<String>, kind: DeviceKind) -> Self {
        Self {
            name: name.into(),
            kind,
            offset_alignment: 1,
            block_alignment: 1,
            buffer_image_granularity: 1,
            copy_alignment: 1,
            largest_binding: u64::MAX,
            largest_block: u64::MAX,
            heaps: Vec::new(),
        }
    }

    /// The alignment to plan tensors with: what kernels, copies and images need together.
    #[must_use]
    pub fn plan_alignment(&self) -> u64 {
        let copies = self.copy_alignment.max(self.buffer_image_granularity);
        self.offset_alignment.max(copies)
    }

    /// A tensor's layout on this device: its size is rounded up to what copies need, and it is
    /// aligned to [`plan_alignment`](Self::plan_alignment).
    ///
    /// # Errors
    /// The rounded size is larger than any allocation of this program can be.
    pub fn layout(&self, bytes: u64) -> Result<Layout, DeviceMemoryError> {
        let too_large = DeviceMemoryError::TooLarge {
            needed: bytes,
            largest: isize::MAX as u64,
        };
        let rounded = bytes.checked_next_multiple_of(self.copy_alignment);
        let size = rounded.and_then(|bytes| usize::try_from(bytes).ok());
        let align = usize::try_from(self.plan_alignment()).ok();
        let layout = size
            .zip(align)
            .and_then(|(size, align)| Layout::from_size_align(size, align).ok());
        layout.ok_or(too_large)
    }

    /// Checks that a plan can be laid into a block of this device's memory: the offset of every
    /// tensor is aligned, no tensor is larger than a kernel can be given, and all of it is at most
    /// as large as a block can be.
    ///
    /// # Errors
    /// The first rule that is broken, with the tensor and what is needed.
    pub fn check(&self, plan: &Plan) -> Result<(), DeviceMemoryError> {
        self.check_tensors(plan.lifetimes(), plan.offsets())?;
        self.check_block(plan.peak())
    }

    /// Checks that each region of a plan can be a block of this device's memory, as
    /// [`check`](Self::check) does for a plan of one region.
    ///
    /// # Errors
    /// The first rule that is broken, with the tensor and what is needed.
    pub fn check_regions(&self, plan: &RegionPlan) -> Result<(), DeviceMemoryError> {
        self.check_tensors(plan.lifetimes(), plan.offsets())?;
        let mut sizes = plan.sizes().iter();
        sizes.try_for_each(|&bytes| self.check_block(bytes))
    }

    /// Checks offsets in blocks, and sizes.
    fn check_tensors(
        &self,
        lifetimes: &Lifetimes,
        offsets: &[u64],
    ) -> Result<(), DeviceMemoryError> {
        let alignment = self.plan_alignment();
        for ((_, name, lifetime), &offset) in lifetimes.iter().zip(offsets) {
            if !offset.is_multiple_of(alignment) {
                return Err(DeviceMemoryError::OtherAlignment {
                    tensor: name.to_owned(),
                    offset,
                    needed: alignment,
                });
            }
            if lifetime.size > self.largest_binding {
                return Err(DeviceMemoryError::TensorTooLarge {
                    tensor: name.to_owned(),
                    bytes: lifetime.size,
                    largest: self.largest_binding,
                });
            }
        }
        Ok(())
    }

    fn check_block(&self, needed: u64) -> Result<(), DeviceMemoryError> {
        let largest = self.largest_block;
        match needed <= largest {
            true => Ok(()),
            false => Err(DeviceMemoryError::TooLarge { needed, largest }),
        }
    }

    /// Checks that one of the device's heaps is as large as a block; nothing is known of a device
    /// without heaps.
    ///
    /// # Errors
    /// [`DeviceMemoryError::OutOfMemory`] with the size of the largest heap.
    pub fn check_heaps(&self, bytes: u64) -> Result<(), DeviceMemoryError> {
        match self.heaps.iter().map(|heap| heap.bytes).max() {
            Some(heap) if heap < bytes => Err(DeviceMemoryError::OutOfMemory {
                needed: bytes,
                heap: Some(heap),
            }),
            _ => Ok(()),
        }
    }
}
