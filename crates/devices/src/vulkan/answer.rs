//! The answers of a Vulkan driver as errors of this crate.

use ash::vk;

use crate::error::DeviceMemoryError;

/// The name of the backend in errors.
pub(super) const BACKEND: &str = "vulkan";

/// Makes an error of what the driver answered when it was asked to do `action`.
pub(super) fn refused(action: &'static str) -> impl Fn(vk::Result) -> DeviceMemoryError {
    move |answer| match answer {
        vk::Result::ERROR_OUT_OF_HOST_MEMORY
        | vk::Result::ERROR_OUT_OF_DEVICE_MEMORY
        | vk::Result::ERROR_OUT_OF_POOL_MEMORY
        | vk::Result::ERROR_FRAGMENTED_POOL
        | vk::Result::ERROR_TOO_MANY_OBJECTS => DeviceMemoryError::NoMemoryTo { action },
        vk::Result::ERROR_DEVICE_LOST => DeviceMemoryError::Lost { action },
        other => DeviceMemoryError::Refused {
            action,
            answer: format!("{other:?}"),
        },
    }
}

/// An error that says what of Vulkan is missing on this machine.
pub(super) fn unavailable(reason: impl Into<String>) -> DeviceMemoryError {
    DeviceMemoryError::Unavailable {
        backend: BACKEND,
        reason: reason.into(),
    }
}
