//! The system's Vulkan loader, with a count of the allocations of device memory that it makes.
//!
//! Whoever asks the loader for a device's `vkAllocateMemory` is given a function that counts, and
//! calls the driver's. Invariant: a call is counted before the driver is asked, whether it is the
//! planned block's, a transfer's or another allocator's.

use std::{
    collections::BTreeMap,
    ffi::{CStr, c_char},
    mem::transmute,
    sync::{Mutex, MutexGuard, OnceLock, PoisonError},
};

use orionrt_devices::vulkan::ash::{
    Entry, StaticFn,
    vk::{self, Handle},
};

/// The system's loader, if there is one, which is kept for ever.
static LOADER: OnceLock<Option<Entry>> = OnceLock::new();

/// The loader's own look-up of a device's functions, which is the same one for all devices.
static OF_DEVICE: OnceLock<vk::PFN_vkGetDeviceProcAddr> = OnceLock::new();

/// The devices by their handles, each with its driver's function and the calls of it so far.
static DEVICES: Mutex<BTreeMap<u64, (vk::PFN_vkAllocateMemory, u64)>> = Mutex::new(BTreeMap::new());

/// The loader that counts, if there is a loader on this machine.
pub fn loader() -> Option<Entry> {
    // SAFETY: the system's loader does what Vulkan says, and is kept for ever.
    let load = || unsafe { Entry::load() }.ok();
    LOADER.get_or_init(load).as_ref()?;
    let get_instance_proc_addr = of_instance;
    // SAFETY: the system's functions, or those below with the same signatures.
    Some(unsafe {
        Entry::from_static_fn(StaticFn {
            get_instance_proc_addr,
        })
    })
}

/// The allocations of a device's memory so far; none for a device of another loader.
pub fn allocations(device: vk::Device) -> u64 {
    devices()
        .get(&device.as_raw())
        .map_or(0, |&(_, calls)| calls)
}

fn devices() -> MutexGuard<'static, BTreeMap<u64, (vk::PFN_vkAllocateMemory, u64)>> {
    DEVICES.lock().unwrap_or_else(PoisonError::into_inner)
}

unsafe extern "system" fn of_instance(
    instance: vk::Instance,
    name: *const c_char,
) -> vk::PFN_vkVoidFunction {
    let loader = LOADER.get()?.as_ref()?;
    // SAFETY: the caller's.
    let (found, name) = unsafe {
        let found = (loader.static_fn().get_instance_proc_addr)(instance, name);
        (found?, CStr::from_ptr(name))
    };
    if name != c"vkGetDeviceProcAddr" {
        return Some(found);
    }
    // SAFETY: the function of this name has this signature.
    OF_DEVICE.get_or_init(|| unsafe { transmute::<Function, vk::PFN_vkGetDeviceProcAddr>(found) });
    // SAFETY: any function may be given as one without a signature, until it is called.
    Some(unsafe { transmute::<vk::PFN_vkGetDeviceProcAddr, Function>(of_device) })
}

unsafe extern "system" fn of_device(
    device: vk::Device,
    name: *const c_char,
) -> vk::PFN_vkVoidFunction {
    // SAFETY: the caller's.
    let (found, name) = unsafe { (OF_DEVICE.get()?(device, name)?, CStr::from_ptr(name)) };
    if name != c"vkAllocateMemory" {
        return Some(found);
    }
    // SAFETY: the function of this name has this signature.
    let driver = unsafe { transmute::<Function, vk::PFN_vkAllocateMemory>(found) };
    // A handle may have been that of another device before.
    devices().insert(device.as_raw(), (driver, 0));
    // SAFETY: any function may be given as one without a signature, until it is called.
    Some(unsafe { transmute::<vk::PFN_vkAllocateMemory, Function>(allocate) })
}

type Function = unsafe extern "system" fn();

unsafe extern "system" fn allocate(
    device: vk::Device,
    info: *const vk::MemoryAllocateInfo<'_>,
    callbacks: *const vk::AllocationCallbacks<'_>,
    memory: *mut vk::DeviceMemory,
) -> vk::Result {
    let counted = devices().get_mut(&device.as_raw()).map(|(driver, calls)| {
        *calls += 1;
        *driver
    });
    match counted {
        // SAFETY: the caller's.
        Some(driver) => unsafe { driver(device, info, callbacks, memory) },
        None => vk::Result::ERROR_INITIALIZATION_FAILED,
    }
}
