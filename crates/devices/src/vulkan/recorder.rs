//! Commands: listed, made into a command buffer once, and submitted as often as wanted.

use core::fmt;
use std::sync::Arc;

use ash::vk;

use super::{
    block::VulkanBuffer,
    command::{Command, RecordedCommands},
    device::VulkanDevice,
    kernel::VulkanKernel,
};
use crate::error::DeviceMemoryError;

/// A list of commands, which the device runs as if one after the other: commands of which two use
/// the same bytes have a barrier between them.
pub struct VulkanRecorder {
    device: VulkanDevice,
    list: Vec<Command>,
}

/// Commands that a stream can run, made by [`VulkanRecorder::finish`]. A clone is the same ones.
#[derive(Clone)]
pub struct VulkanCommands {
    pub(super) shared: Arc<RecordedCommands>,
}

impl VulkanCommands {
    /// Checks that the commands are of a device.
    pub(super) fn check_own(&self, device: &VulkanDevice) -> Result<(), DeviceMemoryError> {
        device.check_own(&self.shared.device.logical, "a list of commands")
    }
}

impl VulkanRecorder {
    /// An empty list of commands for a device.
    #[must_use]
    pub fn new(device: &VulkanDevice) -> Self {
        Self {
            device: device.clone(),
            list: Vec::new(),
        }
    }

    /// How many commands there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// Appends a run of a kernel: on these buffers as bindings 0 and up, with these push constants,
    /// in so many groups in each dimension.
    ///
    /// # Errors
    /// The kernel takes other numbers of buffers or of bytes of push constants, a buffer is of
    /// another device, empty, or larger than a kernel can be given, or the device allows fewer
    /// groups.
    pub fn dispatch(
        &mut self,
        kernel: &VulkanKernel,
        buffers: &[&VulkanBuffer],
        constants: &[u8],
        groups: [u32; 3],
    ) -> Result<(), DeviceMemoryError> {
        let takes = &*kernel.shared;
        expect(
            "the kernel's buffers",
            buffers.len() as u64,
            takes.bindings.into(),
        )?;
        let bytes = constants.len() as u64;
        expect(
            "bytes of push constants",
            bytes,
            takes.push_constant_bytes.into(),
        )?;
        self.device.check_own(&takes.pipeline.device, "a kernel")?;
        let largest = self.device.properties().largest_binding;
        for buffer in buffers {
            self.device.check_own(buffer.device(), "a buffer")?;
            let needed = buffer.bytes();
            if needed == 0 {
                return Err(DeviceMemoryError::Refused {
                    action: "run a kernel",
                    answer: "a kernel cannot be given an empty buffer".into(),
                });
            }
            if needed > largest {
                return Err(DeviceMemoryError::TooLarge { needed, largest });
            }
        }
        let most = self.device.physical().limits.max_compute_work_group_count;
        if let Some(axis) = (0..3).find(|&axis| groups[axis] > most[axis]) {
            return Err(DeviceMemoryError::Refused {
                action: "run a kernel",
                answer: format!(
                    "{} groups in dimension {axis}, at most {} are allowed",
                    groups[axis], most[axis]
                ),
            });
        }
        self.list.push(Command::Dispatch {
            kernel: kernel.clone(),
            buffers: buffers.iter().map(|&buffer| buffer.clone()).collect(),
            constants: constants.to_vec(),
            groups,
        });
        Ok(())
    }

    /// Appends a copy of `bytes` bytes from an offset in a buffer to an offset in another.
    ///
    /// # Errors
    /// The bytes are not within both buffers, the two ranges have a byte in common, or a buffer is
    /// of another device.
    pub fn copy(
        &mut self,
        from: (&VulkanBuffer, u64),
        to: (&VulkanBuffer, u64),
        bytes: u64,
    ) -> Result<(), DeviceMemoryError> {
        for (buffer, offset) in [from, to] {
            self.device.check_own(buffer.device(), "a buffer")?;
            let end = offset.checked_add(bytes);
            if end.is_none_or(|end| end > buffer.bytes()) {
                return Err(DeviceMemoryError::OutOfBlock {
                    start: offset,
                    end: end.unwrap_or(u64::MAX),
                    block: buffer.bytes(),
                });
            }
        }
        if from.0.meets(to.0) {
            return Err(DeviceMemoryError::Refused {
                action: "copy between buffers",
                answer: "the two have bytes in common".into(),
            });
        }
        if bytes == 0 {
            return Ok(());
        }
        let (_, from_start) = from.0.place();
        let (_, to_start) = to.0.place();
        let region = vk::BufferCopy::default()
            .src_offset(from_start + from.1)
            .dst_offset(to_start + to.1)
            .size(bytes);
        self.list.push(Command::Copy {
            from: from.0.clone(),
            to: to.0.clone(),
            regions: [region],
        });
        Ok(())
    }

    /// Appends a fill of a whole buffer with a word of 32 bits. A size that is not a multiple of 4
    /// is rounded up: the bytes up to there are no other tensor's. An empty buffer has nothing to
    /// fill.
    ///
    /// # Errors
    /// The buffer is of another device.
    pub fn fill(&mut self, buffer: &VulkanBuffer, word: u32) -> Result<(), DeviceMemoryError> {
        self.device.check_own(buffer.device(), "a buffer")?;
        if buffer.bytes() > 0 {
            let buffer = buffer.clone();
            self.list.push(Command::Fill { buffer, word });
        }
        Ok(())
    }

    /// Appends a barrier between all commands before it and all after it: for memory that they use
    /// through buffers of an engine's own, which nothing else here knows of.
    pub fn barrier(&mut self) {
        self.list.push(Command::Barrier);
    }

    /// Makes the list into commands that a stream can run.
    ///
    /// # Errors
    /// The driver refuses it.
    pub fn finish(self) -> Result<VulkanCommands, DeviceMemoryError> {
        let shared = Arc::new(RecordedCommands::new(&self.device, self.list)?);
        Ok(VulkanCommands { shared })
    }

    /// The list.
    pub(super) fn into_list(self) -> Vec<Command> {
        self.list
    }
}

fn expect(what: &'static str, given: u64, expected: u64) -> Result<(), DeviceMemoryError> {
    if given == expected {
        return Ok(());
    }
    Err(DeviceMemoryError::Mismatch {
        what,
        given,
        expected,
    })
}

impl fmt::Debug for VulkanRecorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VulkanRecorder")
            .field("commands", &self.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for VulkanCommands {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VulkanCommands").finish_non_exhaustive()
    }
}
