//! Transfers, for which the driver is asked for nothing once the first ones are done.

use std::{
    cell::Cell,
    ffi::c_void,
    mem::transmute,
    ptr::null_mut,
    sync::atomic::{AtomicPtr, Ordering},
};

use orionrt_devices::{
    DeviceMemory, StreamId,
    vulkan::{VulkanDevice, VulkanMemory, VulkanStream, ash::vk},
};

use crate::{
    loader,
    support::{opened, silent, skipped, validated},
};

static CREATE: AtomicPtr<c_void> = AtomicPtr::new(null_mut());

thread_local! {
    static POOLS: Cell<usize> = const { Cell::new(0) };
}

unsafe extern "system" fn create(
    device: vk::Device,
    info: *const vk::CommandPoolCreateInfo<'_>,
    callbacks: *const vk::AllocationCallbacks<'_>,
    pool: *mut vk::CommandPool,
) -> vk::Result {
    POOLS.set(POOLS.get() + 1);
    // SAFETY: the driver's function, and the caller's arguments.
    unsafe {
        let driver: vk::PFN_vkCreateCommandPool = transmute(CREATE.load(Ordering::Relaxed));
        driver(device, info, callbacks, pool)
    }
}

#[test]
fn command_buffers_of_transfers_are_used_again() {
    let loader = loader::wrapped_by(|name| {
        (name == c"vkCreateCommandPool").then_some((&CREATE, create as *const c_void))
    });
    let Some(loader) = loader else {
        return skipped("there is no loader");
    };
    let Some(device) = opened(VulkanDevice::open_with(loader, 0, validated())) else {
        return;
    };
    let messages = device.messages();
    let memory = VulkanMemory::allocate(&device, 4096).unwrap();
    let buffer = memory.buffer(0..4096).unwrap();
    // Four pieces a transfer, two of which are on their way together.
    let mut stream = VulkanStream::new(&device, StreamId::new(0), 2048).unwrap();
    for round in 0..20_u32 {
        stream.upload(&[round; 1024], &buffer).unwrap();
        let mut values = [0_u32; 1024];
        stream.download(&buffer, &mut values).unwrap();
        assert_eq!(values, [round; 1024]);
    }
    assert!((1..=4).contains(&POOLS.get()), "{} pools", POOLS.get());
    // What was copied is held by nobody.
    drop((buffer, memory));
    drop((stream, device));
    silent(&messages);
}
