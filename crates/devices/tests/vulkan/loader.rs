//! A Vulkan loader, functions of which are wrapped: they are looked up by name, and whoever asks
//! for one with a wrapper is given that, which calls the driver's.

use std::{
    cell::Cell,
    ffi::{CStr, c_char, c_void},
    sync::{
        OnceLock,
        atomic::{AtomicPtr, Ordering},
    },
};

use orionrt_devices::vulkan::ash::{Entry, StaticFn, vk};

/// Where a wrapper finds the driver's function, and the wrapper, which has its signature.
pub type Wrapper = (&'static AtomicPtr<c_void>, *const c_void);

thread_local! {
    /// The wrapper of a function, if it has one.
    static WRAPPERS: Cell<fn(&CStr) -> Option<Wrapper>> = const { Cell::new(|_| None) };
}

/// The system's loader, if there is one.
static LOADER: OnceLock<Option<Entry>> = OnceLock::new();

/// A loader whose functions are wrapped, for devices that this thread opens.
pub fn wrapped_by(wrappers: fn(&CStr) -> Option<Wrapper>) -> Option<Entry> {
    WRAPPERS.set(wrappers);
    let load = || {
        // SAFETY: the system's loader does what Vulkan says, and is kept for ever.
        unsafe { Entry::load() }.ok()
    };
    LOADER.get_or_init(load).as_ref()?;
    let get_instance_proc_addr = look_up;
    // SAFETY: the system's functions, or wrappers with the same signatures.
    Some(unsafe {
        Entry::from_static_fn(StaticFn {
            get_instance_proc_addr,
        })
    })
}

unsafe extern "system" fn look_up(
    instance: vk::Instance,
    name: *const c_char,
) -> vk::PFN_vkVoidFunction {
    let loader = LOADER.get()?.as_ref()?;
    // SAFETY: the caller's.
    let (found, name) = unsafe {
        let found = (loader.static_fn().get_instance_proc_addr)(instance, name);
        (found?, CStr::from_ptr(name))
    };
    Some(wrap(name, found))
}

unsafe extern "system" fn look_up_of_device(
    device: vk::Device,
    name: *const c_char,
) -> vk::PFN_vkVoidFunction {
    let function = OF_DEVICE.load(Ordering::Relaxed);
    // SAFETY: `wrap` stored this function of the driver; the rest is the caller's.
    let (found, name) = unsafe {
        let function: vk::PFN_vkGetDeviceProcAddr = std::mem::transmute(function);
        (function(device, name)?, CStr::from_ptr(name))
    };
    Some(wrap(name, found))
}

/// The driver's function by which those of a device are looked up.
static OF_DEVICE: AtomicPtr<c_void> = AtomicPtr::new(std::ptr::null_mut());

type Function = unsafe extern "system" fn();

/// The wrapper of a function if it has one, which then calls the function.
fn wrap(name: &CStr, found: Function) -> Function {
    let is_lookup = name == c"vkGetDeviceProcAddr";
    let (driver, wrapper) = match WRAPPERS.get()(name) {
        Some(found) => found,
        None if is_lookup => (&OF_DEVICE, look_up_of_device as *const c_void),
        None => return found,
    };
    driver.store((found as *const c_void).cast_mut(), Ordering::Relaxed);
    // SAFETY: a function with the signature of the one that it wraps.
    unsafe { std::mem::transmute::<*const c_void, Function>(wrapper) }
}
