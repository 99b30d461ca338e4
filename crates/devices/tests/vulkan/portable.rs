//! A device that is not all of Vulkan, as Metal's through MoltenVK is, and that says how much of
//! its memory this process may have: the driver's, with wrappers that say so.

use std::{
    cell::{Cell, RefCell},
    ffi::{CStr, CString, c_char, c_void},
    mem::transmute,
    ptr::null_mut,
    slice,
    sync::atomic::{AtomicPtr, Ordering},
};

use orionrt_devices::{
    DeviceMemoryError,
    vulkan::{
        VulkanDevice, VulkanMemory, VulkanOptions,
        ash::{Entry, ext, khr, vk},
    },
};

use crate::{
    loader::{self, Wrapper},
    support::{opened, skipped},
};

static CREATE_INSTANCE: AtomicPtr<c_void> = AtomicPtr::new(null_mut());
static CREATE_DEVICE: AtomicPtr<c_void> = AtomicPtr::new(null_mut());
static EXTENSIONS: AtomicPtr<c_void> = AtomicPtr::new(null_mut());
static MEMORY: AtomicPtr<c_void> = AtomicPtr::new(null_mut());
static ALLOCATE: AtomicPtr<c_void> = AtomicPtr::new(null_mut());

/// What the wrapped device has, and the driver's may not have.
const ADDED: [&CStr; 2] = [khr::portability_subset::NAME, ext::memory_budget::NAME];

thread_local! {
    /// The flags and the extensions of the last instance, and the extensions of the last device.
    static FLAGS: Cell<vk::InstanceCreateFlags> = const {
        Cell::new(vk::InstanceCreateFlags::empty())
    };
    static OF_INSTANCE: RefCell<Vec<CString>> = const { RefCell::new(Vec::new()) };
    static OF_DEVICE: RefCell<Vec<CString>> = const { RefCell::new(Vec::new()) };
    /// The budget of each heap, and how much of it is used.
    static BUDGET: Cell<(u64, u64)> = const { Cell::new((0, 0)) };
    /// Whether the driver refuses blocks.
    static IS_FULL: Cell<bool> = const { Cell::new(false) };
    /// How often the extensions of a device were listed.
    static LISTED: Cell<usize> = const { Cell::new(0) };
}

fn wrapper(name: &CStr) -> Option<Wrapper> {
    match name {
        _ if name == c"vkCreateInstance" => {
            Some((&CREATE_INSTANCE, create_instance as *const c_void))
        }
        _ if name == c"vkCreateDevice" => Some((&CREATE_DEVICE, create_device as *const c_void)),
        _ if name == c"vkEnumerateDeviceExtensionProperties" => {
            Some((&EXTENSIONS, extensions as *const c_void))
        }
        _ if name == c"vkGetPhysicalDeviceMemoryProperties2" => {
            Some((&MEMORY, memory as *const c_void))
        }
        _ if name == c"vkAllocateMemory" => Some((&ALLOCATE, allocate as *const c_void)),
        _ => None,
    }
}

/// The names of a list of extensions.
///
/// # Safety
/// There are so many names.
unsafe fn names(list: *const *const c_char, count: u32) -> Vec<CString> {
    if count == 0 {
        return Vec::new();
    }
    // SAFETY: the caller's.
    let list = unsafe { slice::from_raw_parts(list, count as usize) };
    // SAFETY: the caller's.
    let name = |&name: &*const c_char| unsafe { CStr::from_ptr(name) }.to_owned();
    list.iter().map(name).collect()
}

unsafe extern "system" fn create_instance(
    info: *const vk::InstanceCreateInfo<'_>,
    callbacks: *const vk::AllocationCallbacks<'_>,
    made: *mut vk::Instance,
) -> vk::Result {
    // SAFETY: the driver's function, and the caller's arguments.
    unsafe {
        let wanted = &*info;
        FLAGS.set(wanted.flags);
        let list = names(
            wanted.pp_enabled_extension_names,
            wanted.enabled_extension_count,
        );
        OF_INSTANCE.set(list);
        let driver: vk::PFN_vkCreateInstance = transmute(CREATE_INSTANCE.load(Ordering::Relaxed));
        driver(info, callbacks, made)
    }
}

unsafe extern "system" fn create_device(
    of: vk::PhysicalDevice,
    info: *const vk::DeviceCreateInfo<'_>,
    callbacks: *const vk::AllocationCallbacks<'_>,
    made: *mut vk::Device,
) -> vk::Result {
    // SAFETY: the driver's function, and the caller's arguments but for the extensions that the
    // driver does not have.
    unsafe {
        let mut wanted = *info;
        let list = names(
            wanted.pp_enabled_extension_names,
            wanted.enabled_extension_count,
        );
        let known: Vec<_> = list
            .iter()
            .filter(|name| !ADDED.contains(&name.as_c_str()))
            .collect();
        let known: Vec<*const c_char> = known.iter().map(|name| name.as_ptr()).collect();
        wanted.pp_enabled_extension_names = known.as_ptr();
        wanted.enabled_extension_count = known.len() as u32;
        let driver: vk::PFN_vkCreateDevice = transmute(CREATE_DEVICE.load(Ordering::Relaxed));
        let answer = driver(of, &wanted, callbacks, made);
        OF_DEVICE.set(list);
        answer
    }
}

unsafe extern "system" fn extensions(
    of: vk::PhysicalDevice,
    layer: *const c_char,
    count: *mut u32,
    list: *mut vk::ExtensionProperties,
) -> vk::Result {
    LISTED.set(LISTED.get() + 1);
    // SAFETY: the driver's function, and the caller's arguments: room for as many as it was told.
    unsafe {
        let driver: vk::PFN_vkEnumerateDeviceExtensionProperties =
            transmute(EXTENSIONS.load(Ordering::Relaxed));
        if !list.is_null() {
            *count -= ADDED.len() as u32;
        }
        let answer = driver(of, layer, count, list);
        for name in ADDED {
            if !list.is_null() {
                let added = &mut *list.add(*count as usize);
                *added = vk::ExtensionProperties::default();
                let bytes = name.to_bytes_with_nul().iter();
                let room = added.extension_name.iter_mut();
                room.zip(bytes).for_each(|(to, &from)| *to = from as c_char);
            }
            *count += 1;
        }
        answer
    }
}

unsafe extern "system" fn memory(
    of: vk::PhysicalDevice,
    about: *mut vk::PhysicalDeviceMemoryProperties2<'_>,
) {
    // SAFETY: the driver's function, and the caller's arguments: a chain of valid structures.
    unsafe {
        let driver: vk::PFN_vkGetPhysicalDeviceMemoryProperties2 =
            transmute(MEMORY.load(Ordering::Relaxed));
        driver(of, about);
        let mut next = (*about).p_next.cast::<vk::BaseOutStructure<'_>>();
        while let Some(structure) = next.as_mut() {
            if structure.s_type == vk::StructureType::PHYSICAL_DEVICE_MEMORY_BUDGET_PROPERTIES_EXT {
                let budgets = next.cast::<vk::PhysicalDeviceMemoryBudgetPropertiesEXT<'_>>();
                let (budget, used) = BUDGET.get();
                (*budgets).heap_budget.fill(budget);
                (*budgets).heap_usage.fill(used);
            }
            next = structure.p_next;
        }
    }
}

unsafe extern "system" fn allocate(
    device: vk::Device,
    info: *const vk::MemoryAllocateInfo<'_>,
    callbacks: *const vk::AllocationCallbacks<'_>,
    made: *mut vk::DeviceMemory,
) -> vk::Result {
    if IS_FULL.get() {
        return vk::Result::ERROR_OUT_OF_DEVICE_MEMORY;
    }
    // SAFETY: the driver's function, and the caller's arguments.
    unsafe {
        let driver: vk::PFN_vkAllocateMemory = transmute(ALLOCATE.load(Ordering::Relaxed));
        driver(device, info, callbacks, made)
    }
}

fn device() -> Option<VulkanDevice> {
    let Some(loader) = loader::wrapped_by(wrapper) else {
        skipped("there is no loader");
        return None;
    };
    opened(VulkanDevice::open_with(loader, 0, VulkanOptions::default()))
}

#[test]
fn a_portable_device_is_listed_and_opened_as_one() {
    if device().is_none() {
        return;
    }
    // SAFETY: the system's loader does what Vulkan says.
    let loader = unsafe { Entry::load() }.unwrap();
    // SAFETY: a query without arguments.
    let all = unsafe { loader.enumerate_instance_extension_properties(None) }.unwrap();
    let enumeration = khr::portability_enumeration::NAME;
    let is_there = all
        .iter()
        .any(|one| one.extension_name_as_c_str() == Ok(enumeration));
    let is_enabled =
        OF_INSTANCE.with_borrow(|all| all.iter().any(|one| one.as_c_str() == enumeration));
    let flag = vk::InstanceCreateFlags::ENUMERATE_PORTABILITY_KHR;
    assert_eq!(
        (is_enabled, FLAGS.get().contains(flag)),
        (is_there, is_there)
    );

    let subset = khr::portability_subset::NAME;
    assert!(OF_DEVICE.with_borrow(|all| all.iter().any(|one| one.as_c_str() == subset)));
}

/// A budget is an estimate: it explains why the driver refused a block, and refuses none itself.
#[test]
fn a_block_that_the_driver_refuses_is_explained_by_the_budget_of_its_heap() {
    let Some(device) = device() else { return };
    let allocate = |bytes, (budget, used), is_full| {
        BUDGET.set((budget, used));
        IS_FULL.set(is_full);
        VulkanMemory::allocate(&device, bytes).map(|memory| memory.allocated())
    };
    let (half, all) = (1 << 19, 1 << 20);
    let beyond = half + 4096;
    BUDGET.set((all, half));
    assert_eq!(device.heaps()[0].budget, Some(all));
    let listed = LISTED.get();

    assert_eq!(allocate(beyond, (all, half), false), Ok(beyond));
    let refused = allocate(beyond, (all, half), true).unwrap_err();
    let (needed, budget, used) = (beyond, all, half);
    let expected = DeviceMemoryError::OverBudget {
        needed,
        budget,
        used,
    };
    assert_eq!(refused, expected);
    assert_eq!(
        refused.to_string(),
        "the device has no memory for a block of 528384 bytes: this process may have 1048576 bytes \
         of its heap now, and uses 524288"
    );
    // A process may have more than its budget.
    assert!(allocate(64, (half, all), false).is_ok());
    let refused = allocate(64, (half, all), true).unwrap_err();
    assert!(matches!(refused, DeviceMemoryError::OverBudget { .. }));

    // Within the budget, or where the driver knows none, it is not the reason.
    for budget in [(all, half), (0, 0)] {
        let refused = allocate(half, budget, true).unwrap_err();
        let is_full = matches!(refused, DeviceMemoryError::OutOfMemory { needed, heap: Some(_) }
            if needed == half);
        assert!(is_full, "{refused}");
    }
    // What extensions the device has was asked for once, when it was opened.
    assert_eq!(LISTED.get(), listed);
}
