//! A driver that refuses one call in turn, or loses the device there.
//!
//! A wrapper counts the calls of its thread, and answers the chosen one itself, before the driver
//! could have done anything.

use std::{
    cell::{Cell, RefCell},
    collections::BTreeSet,
    ffi::{CStr, c_void},
    sync::atomic::{AtomicPtr, Ordering},
};

use orionrt_devices::vulkan::ash::{Entry, vk};

use crate::loader::{self, Wrapper};

thread_local! {
    /// How many calls are answered before the one that is refused, and with what.
    static REFUSED: Cell<Option<(usize, vk::Result)>> = const { Cell::new(None) };
    /// The wrapped functions that were called.
    static CALLED: RefCell<BTreeSet<&'static CStr>> = const { RefCell::new(BTreeSet::new()) };
}

/// Refuses the call behind `after` others of this thread, until [`accept`].
pub fn refuse(after: usize, answer: vk::Result) {
    REFUSED.set(Some((after, answer)));
}

/// Accepts all calls again; whether one was refused.
pub fn accept() -> bool {
    REFUSED
        .replace(None)
        .is_none_or(|(after, _)| after == usize::MAX)
}

/// The wrapped functions that this thread has called.
pub fn called() -> BTreeSet<&'static CStr> {
    CALLED.with_borrow(BTreeSet::clone)
}

/// Notes a call, and answers it if it is the one to refuse.
fn answer(name: &'static CStr) -> Option<vk::Result> {
    CALLED.with_borrow_mut(|called| called.insert(name));
    match REFUSED.get() {
        // Refused: a device that is lost stays so, and memory is there again.
        Some((usize::MAX, _)) | None => None,
        Some((0, answer)) => {
            REFUSED.set(Some((usize::MAX, answer)));
            Some(answer)
        }
        Some((after, answer)) => {
            REFUSED.set(Some((after - 1, answer)));
            None
        }
    }
}

/// A loader whose functions that can fail are wrapped.
pub fn refusing() -> Option<Entry> {
    loader::wrapped_by(wrapper)
}

macro_rules! wrappers {
    ($($name:literal $function:ident($($argument:ident: $kind:ty),*);)*) => {
        /// Where the driver's function of this name is kept, and its wrapper.
        fn wrapper(name: &CStr) -> Option<Wrapper> {
            $(if name == $name {
                return Some((&$function::DRIVER, $function::wrapper as *const c_void));
            })*
            None
        }

        /// The names of all functions that have wrappers.
        pub fn wrapped() -> BTreeSet<&'static CStr> {
            [$($name),*].into()
        }

        $(mod $function {
            use super::*;

            pub static DRIVER: AtomicPtr<c_void> = AtomicPtr::new(std::ptr::null_mut());

            pub unsafe extern "system" fn wrapper($($argument: $kind),*) -> vk::Result {
                let answer = answer($name);
                // A wait is refused when it is over: a device that is lost runs nothing.
                if let Some(answer) = answer
                    && $name != c"vkWaitSemaphores"
                {
                    return answer;
                }
                let driver = DRIVER.load(Ordering::Relaxed);
                // SAFETY: `wrap` stored this function of the driver, which has this signature; the
                // rest is the caller's.
                let done = unsafe {
                    let driver: unsafe extern "system" fn($($kind),*) -> vk::Result =
                        std::mem::transmute(driver);
                    driver($($argument),*)
                };
                answer.unwrap_or(done)
            }
        })*
    };
}

/// A handle, or a pointer to what the wrappers do not look at.
type Ptr = *const c_void;

wrappers! {
    c"vkCreateInstance" create_instance(info: Ptr, own: Ptr, made: Ptr);
    c"vkEnumerateInstanceLayerProperties" enumerate_instance_layer_properties(
        count: Ptr, list: Ptr
    );
    c"vkEnumeratePhysicalDevices" enumerate_physical_devices(instance: Ptr, count: Ptr, list: Ptr);
    c"vkEnumerateDeviceExtensionProperties" enumerate_device_extension_properties(
        device: Ptr, layer: Ptr, count: Ptr, list: Ptr
    );
    c"vkCreateDebugUtilsMessengerEXT" create_debug_utils_messenger_ext(
        instance: Ptr, info: Ptr, own: Ptr, made: Ptr
    );
    c"vkCreateDevice" create_device(of: Ptr, info: Ptr, own: Ptr, made: Ptr);
    c"vkCreateBuffer" create_buffer(of: Ptr, info: Ptr, own: Ptr, made: Ptr);
    c"vkCreateSemaphore" create_semaphore(of: Ptr, info: Ptr, own: Ptr, made: Ptr);
    c"vkCreateShaderModule" create_shader_module(of: Ptr, info: Ptr, own: Ptr, made: Ptr);
    c"vkCreateDescriptorSetLayout" create_descriptor_set_layout(
        of: Ptr, info: Ptr, own: Ptr, made: Ptr
    );
    c"vkCreatePipelineLayout" create_pipeline_layout(of: Ptr, info: Ptr, own: Ptr, made: Ptr);
    c"vkCreateDescriptorPool" create_descriptor_pool(of: Ptr, info: Ptr, own: Ptr, made: Ptr);
    c"vkCreateCommandPool" create_command_pool(of: Ptr, info: Ptr, own: Ptr, made: Ptr);
    c"vkResetCommandPool" reset_command_pool(of: Ptr, pool: u64, flags: u32);
    c"vkAllocateMemory" allocate_memory(device: Ptr, info: Ptr, own: Ptr, made: Ptr);
    c"vkBindBufferMemory" bind_buffer_memory(device: Ptr, buffer: u64, memory: u64, offset: u64);
    c"vkMapMemory" map_memory(
        device: Ptr, memory: u64, offset: u64, size: u64, flags: u32, first: Ptr
    );
    c"vkCreateComputePipelines" create_compute_pipelines(
        device: Ptr, cache: u64, count: u32, infos: Ptr, own: Ptr, made: Ptr
    );
    c"vkAllocateDescriptorSets" allocate_descriptor_sets(device: Ptr, info: Ptr, made: Ptr);
    c"vkAllocateCommandBuffers" allocate_command_buffers(device: Ptr, info: Ptr, made: Ptr);
    c"vkBeginCommandBuffer" begin_command_buffer(buffer: Ptr, info: Ptr);
    c"vkEndCommandBuffer" end_command_buffer(buffer: Ptr);
    c"vkQueueSubmit" queue_submit(queue: Ptr, count: u32, list: Ptr, fence: u64);
    c"vkGetSemaphoreCounterValue" get_semaphore_counter_value(
        device: Ptr, semaphore: u64, value: Ptr
    );
    c"vkWaitSemaphores" wait_semaphores(device: Ptr, info: Ptr, timeout: u64);
}
