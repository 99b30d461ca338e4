//! Transfers, for which the driver is asked for nothing once the first ones are done.

use std::{
    cell::Cell,
    ffi::c_void,
    mem::transmute,
    ptr::null_mut,
    sync::{
        Arc,
        atomic::{AtomicPtr, Ordering},
    },
};

use orionrt_alloc::Arena;

use orionrt_devices::{
    DeviceMemory, StreamId,
    vulkan::{VulkanDevice, VulkanMemory, VulkanStream, ash::vk},
};

use crate::{
    loader,
    support::{device, opened, pinned, silent, skipped, validated},
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

#[test]
fn transfers_go_through_a_block_of_a_pinned_arena() {
    let Some(device) = device() else { return };
    let Some(arena) = pinned(1 << 20) else { return };
    let before = arena.stats();
    let id = StreamId::new(0);
    let mut stream = VulkanStream::new_in(&device, id, 5000, &arena).unwrap();
    // Mesa's lavapipe, with which these tests are run, imports memory of the host.
    let is_lavapipe = device.properties().name.contains("llvmpipe");
    assert!(stream.stages_in_arena() || !is_lavapipe);
    if stream.stages_in_arena() {
        let taken = arena.stats().live_bytes - before.live_bytes;
        assert!((5000..=1 << 16).contains(&taken), "{taken}");
    }
    let memory = VulkanMemory::allocate(&device, 1 << 16).unwrap();
    let whole = memory.buffer(0..1 << 16).unwrap();
    let sent: Vec<u32> = (0..1 << 14)
        .map(|value: u32| value.wrapping_mul(0x9e37))
        .collect();
    // In pieces of at most half of the block.
    stream.upload(&sent, &whole).unwrap();
    stream.wait().unwrap();
    let mut received = vec![0_u32; 1 << 14];
    stream.download(&whole, &mut received).unwrap();
    assert!(received == sent);
    if stream.stages_in_arena() {
        // The last piece lies in the arena's own bytes.
        // SAFETY: the arena has these bytes, and the device has done all that it was given.
        let bytes = unsafe { std::slice::from_raw_parts(arena.base().as_ptr(), arena.capacity()) };
        let last: Vec<u8> = sent[(1 << 14) - 8..]
            .iter()
            .flat_map(|it| it.to_ne_bytes())
            .collect();
        assert!(bytes.windows(last.len()).any(|window| window == last));
    }
    // The arena stays as long as the device may use it, and has its block back then.
    drop(stream);
    assert_eq!(arena.stats().live_bytes, before.live_bytes);
    let messages = device.messages();
    drop((whole, memory, device));
    silent(&messages);
}

#[test]
fn memory_for_transfers_is_of_a_pinned_arena_with_room_for_it() {
    let Some(device) = device() else { return };
    let id = StreamId::new(0);
    let unpinned = Arc::new(Arena::builder().capacity(1 << 16).build().unwrap());
    let refused = VulkanStream::new_in(&device, id, 4096, &unpinned).unwrap_err();
    assert!(
        refused.to_string().ends_with("the arena is not pinned"),
        "{refused}"
    );
    let Some(arena) = pinned(1 << 16) else { return };
    let stream = VulkanStream::new_in(&device, id, 1 << 20, &arena);
    if let Err(refused) = stream {
        let said = refused.to_string();
        assert!(said.contains("it has no block of 1048576 bytes"), "{said}");
        assert!(said.contains("65536 bytes of it are free"), "{said}");
    } else {
        assert!(!stream.unwrap().stages_in_arena());
    }
    assert_eq!(arena.stats().live_bytes, 0);
}
