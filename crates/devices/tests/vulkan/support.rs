//! A validated device, or the reason for skipping a test; its kernels.

use std::sync::{Arc, Once};

use orionrt_alloc::Arena;
use orionrt_devices::{
    DeviceMemoryError,
    vulkan::{VulkanDevice, VulkanKernel, VulkanMessages, VulkanOptions},
};

use crate::{contrary, kernels};

/// A device under validation layers.
pub fn device() -> Option<VulkanDevice> {
    opened(VulkanDevice::open(0, validated()))
}

/// A device whose streams run in the most surprising order that they may.
pub fn contrary_device() -> Option<VulkanDevice> {
    match contrary::loader() {
        Some(loader) => opened(VulkanDevice::open_with(loader, 0, validated())),
        None => device(),
    }
}

/// Says once that tests are skipped, and why. With `ORIONRT_NEEDS_DEVICE`, that is an error.
pub fn skipped(reason: &str) {
    let is_needed = std::env::var_os("ORIONRT_NEEDS_DEVICE").is_some();
    assert!(!is_needed, "a device of Vulkan is needed: {reason}");
    static SKIPPED: Once = Once::new();
    SKIPPED.call_once(|| println!("skipped: tests on Vulkan: {reason}"));
}

/// How tests open a device.
pub fn validated() -> VulkanOptions {
    VulkanOptions {
        validated: true,
        queues: 2,
        ..VulkanOptions::default()
    }
}

/// The device, if it could be opened; whether Vulkan is there or not.
pub fn opened(device: Result<VulkanDevice, DeviceMemoryError>) -> Option<VulkanDevice> {
    match device {
        Ok(device) => Some(device),
        Err(DeviceMemoryError::Unavailable { reason, .. }) => {
            skipped(&reason);
            None
        }
        Err(other) => panic!("{other}"),
    }
}

/// A pinned arena, or nothing where this process may not pin memory.
pub fn pinned(capacity: usize) -> Option<Arc<Arena>> {
    let arena = Arena::builder().capacity(capacity).pinned(true).build();
    match arena {
        Ok(arena) => Some(Arc::new(arena)),
        Err(refused) => {
            println!("skipped: an arena cannot be pinned: {refused}");
            None
        }
    }
}

/// Checks that validation layers had nothing to say, also when the device was closed. Everything
/// that is of the device must have been dropped.
pub fn silent(messages: &VulkanMessages) {
    assert_eq!(messages.to_vec(), Vec::<String>::new());
}

/// The kernel that writes `from * factor + term` to `to`.
pub fn affine(device: &VulkanDevice) -> Result<VulkanKernel, DeviceMemoryError> {
    // SAFETY: written by naga, with bounds checks, of a source that takes two buffers and eight
    // bytes of push constants.
    unsafe { VulkanKernel::new(device, kernels::AFFINE, c"affine", 2, 8) }
}

/// The push constants of `affine`.
pub fn by(factor: u32, term: u32) -> Vec<u8> {
    [factor.to_ne_bytes(), term.to_ne_bytes()].concat()
}

/// How many groups of `affine` have so many invocations together.
pub fn groups(values: usize) -> [u32; 3] {
    [u32::try_from(values.div_ceil(64)).unwrap(), 1, 1]
}
