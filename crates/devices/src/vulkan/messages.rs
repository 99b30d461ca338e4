//! What Khronos' validation layers say of this program's calls, collected in a list.
//!
//! Invariant: the list that a driver was given lives until its instance is destroyed.

use std::{
    ffi::c_void,
    sync::{Arc, Mutex, PoisonError},
};

use ash::vk;

/// At most this many messages are kept: a program with one mistake makes it often.
const KEPT: usize = 256;

/// The errors and warnings of validation layers, in the order in which they came: those of
/// everything that the instance made, until it is destroyed, so also what was left over then.
///
/// A clone has the same list, which can be read when the device is gone.
#[derive(Clone, Debug, Default)]
pub struct VulkanMessages {
    list: Arc<Mutex<Vec<String>>>,
}

impl VulkanMessages {
    /// The messages up to now, at most 256.
    #[must_use]
    pub fn to_vec(&self) -> Vec<String> {
        let list = self.list.lock();
        list.unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What a driver must be told to write errors and warnings into this list.
    ///
    /// The list must live as long as anything that was made with this.
    pub(super) fn listener(&self) -> vk::DebugUtilsMessengerCreateInfoEXT<'static> {
        let list: *const Mutex<Vec<String>> = Arc::as_ptr(&self.list);
        vk::DebugUtilsMessengerCreateInfoEXT::default()
            .message_severity(
                vk::DebugUtilsMessageSeverityFlagsEXT::ERROR
                    | vk::DebugUtilsMessageSeverityFlagsEXT::WARNING,
            )
            .message_type(vk::DebugUtilsMessageTypeFlagsEXT::VALIDATION)
            .pfn_user_callback(Some(collect))
            .user_data(list.cast_mut().cast())
    }
}

/// Appends a message to the list that `list` points to.
unsafe extern "system" fn collect(
    _: vk::DebugUtilsMessageSeverityFlagsEXT,
    _: vk::DebugUtilsMessageTypeFlagsEXT,
    message: *const vk::DebugUtilsMessengerCallbackDataEXT<'_>,
    list: *mut c_void,
) -> vk::Bool32 {
    // SAFETY: the pointer that `listener` gave, and `Instance` keeps its list until the driver has
    // destroyed what calls this.
    let list = unsafe { &*list.cast::<Mutex<Vec<String>>>() };
    // SAFETY: the layer's message is valid during the call.
    let text = unsafe { message.as_ref().and_then(|data| data.message_as_c_str()) };
    let text = text.map_or_else(String::new, |text| text.to_string_lossy().into_owned());
    let mut list = list.lock().unwrap_or_else(PoisonError::into_inner);
    if list.len() < KEPT {
        list.push(text);
    }
    vk::FALSE
}
