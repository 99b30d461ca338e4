//! Blocks, ranges and transfers.

use orionrt_alloc::Arena;
use orionrt_devices::{
    DeviceKind, DeviceMemory, DeviceMemoryError,
    cuda::{CudaDevice, CudaMemory, CudaPinned, CudaStream, devices},
};

use crate::{
    refusal::refusal,
    support::{device, is_model, kernel, model, square},
};

#[test]
fn devices_say_what_planning_needs() {
    let Some(device) = device() else { return };
    let all = devices().unwrap();
    let first = &all[0];
    assert!(first.plan_alignment().is_power_of_two() && first.plan_alignment() >= 128);
    assert_eq!(first.heaps[0].bytes, first.largest_block);
    assert!(matches!(
        first.kind,
        DeviceKind::Discrete | DeviceKind::Integrated
    ));
    let budget = device.properties().heaps[0].budget.unwrap();
    assert!(budget > 0 && budget <= first.largest_block);
    let none = DeviceMemoryError::NoSuchDevice {
        index: all.len(),
        devices: all.len(),
    };
    assert_eq!(CudaDevice::open(all.len()).unwrap_err(), none);
}

#[test]
fn transfers_keep_every_byte_and_their_neighbours() {
    let Some(device) = device() else { return };
    let (block, apart) = (4096, device.properties().plan_alignment());
    let memory = CudaMemory::new(&device, block).unwrap();
    let stream = CudaStream::new(&device).unwrap();
    let whole = memory.buffer(0..block).unwrap();
    let mut expected = vec![0xa5_u8; block as usize];
    memory.upload(&stream, &whole, &expected).unwrap();
    for (index, size) in [(0, 1), (3, 255), (15, 256), (7, 0), (8, 513)] {
        let start = index * apart;
        let buffer = memory.buffer(start..start + size as u64).unwrap();
        let data: Vec<u8> = (0..size).map(|at| (at * 7 + size) as u8).collect();
        memory.upload(&stream, &buffer, &data).unwrap();
        expected[start as usize..start as usize + size].copy_from_slice(&data);
        let mut all = vec![0; block as usize];
        memory.download(&stream, &whole, &mut all).unwrap();
        assert_eq!(all, expected);
    }
}

#[test]
fn allocations_are_counted_where_the_driver_is_asked_for_them() {
    let Some(device) = device() else { return };
    let (before, made) = (
        device.allocations(),
        is_model().then(|| model("model_allocated", 0)),
    );
    let stream = CudaStream::new(&device).unwrap();
    let memory = CudaMemory::new(&device, 4096).unwrap();
    assert_eq!(device.allocations() - before, 1);
    let x = memory.buffer(0..64).unwrap();
    memory.upload(&stream, &x, &[2.0_f32; 16]).unwrap();
    let kernel = kernel(&device, "square").unwrap();
    square(&kernel, &stream, &x).unwrap();
    memory.download(&stream, &x, &mut [0.0_f32; 16]).unwrap();
    assert_eq!(device.clone().allocations() - before, 1, "a run needs none");
    let growing = CudaMemory::reserve(&device, 32 << 20).unwrap();
    assert_eq!(device.allocations() - before, 1, "addresses have no memory");
    let _first = growing.buffer(0..1000).unwrap();
    let _again = growing.buffer(0..2000).unwrap();
    assert_eq!(device.allocations() - before, 2);
    if let Some(made) = made {
        let made = u64::from(model("model_allocated", 0) - made);
        assert_eq!(device.allocations() - before, made);
    }
}

#[test]
fn reserved_addresses_get_memory_as_it_is_needed() {
    let Some(device) = device() else { return };
    let stream = CudaStream::new(&device).unwrap();
    let most = 32 << 20;
    let memory = CudaMemory::reserve(&device, most).unwrap();
    assert!(memory.bytes() >= most);
    assert_eq!(memory.mapped_bytes(), 0);
    let first = memory.buffer(0..1000).unwrap();
    let step = memory.mapped_bytes();
    assert!((1000..most).contains(&step), "{step}");
    memory.upload(&stream, &first, &[7_u8; 1000]).unwrap();

    // Over the end of what is mapped, and then within it again.
    let apart = device.properties().plan_alignment();
    let over = memory.buffer(step - apart..3 * step + 5).unwrap();
    assert_eq!(memory.mapped_bytes(), 4 * step);
    memory.buffer(0..4 * step).unwrap();
    assert_eq!(memory.mapped_bytes(), 4 * step);
    let data: Vec<u8> = (0..over.size()).map(|at| at as u8).collect();
    memory.upload(&stream, &over, &data).unwrap();
    let mut back = vec![0; data.len()];
    memory.download(&stream, &over, &mut back).unwrap();
    assert!(back == data);
    let mut back = [0_u8; 1000];
    memory.download(&stream, &first, &mut back).unwrap();
    assert_eq!(back, [7; 1000]);
    assert_eq!(memory.buffer(0..1000).unwrap().address(), first.address());
}

#[test]
fn a_pinned_arena_is_registered_while_it_is_lent() {
    let Some(device) = device() else { return };
    let arena = |pinned| Arena::builder().capacity(64 << 10).pinned(pinned).build();
    let unpinned = arena(false).unwrap();
    let refused = refusal(CudaPinned::new(&device, &unpinned));
    assert!(refused.ends_with("the arena is not pinned"), "{refused}");
    let Ok(arena) = arena(true) else {
        println!("skipped: an arena cannot be pinned within this process's limit");
        return;
    };
    let memory = CudaMemory::new(&device, 4096).unwrap();
    let (x, stream) = (
        memory.buffer(0..4096).unwrap(),
        CudaStream::new(&device).unwrap(),
    );
    for _ in 0..2 {
        let staging = CudaPinned::new(&device, &arena).unwrap();
        refusal(CudaPinned::new(&device, staging.arena()));
        let mut data = allocator_api2::vec::Vec::new_in(staging.arena());
        data.resize(4096, 0x5a_u8);
        memory.upload(&stream, &x, &data).unwrap();
        data.fill(0);
        memory.download(&stream, &x, &mut data).unwrap();
        assert!(data.iter().all(|&byte| byte == 0x5a));
    }
}

#[test]
fn blocks_wait_for_what_uses_them() {
    let Some(device) = device() else { return };
    let stream = CudaStream::new(&device).unwrap();
    let kernel = kernel(&device, "square").unwrap();
    for reserved in [false, true] {
        let memory = match reserved {
            false => CudaMemory::new(&device, 4096).unwrap(),
            true => CudaMemory::reserve(&device, 1 << 20).unwrap(),
        };
        let x = memory.buffer(0..4096).unwrap();
        square(&kernel, &stream, &x).unwrap();
        drop(memory);
        drop(x);
        // On the model, an access to memory that was given back would have lost the device.
        stream.finish().unwrap();
    }
    // So does a kernel's module.
    let memory = CudaMemory::new(&device, 4096).unwrap();
    let x = memory.buffer(0..4096).unwrap();
    square(&kernel, &stream, &x).unwrap();
    drop(kernel);
    stream.finish().unwrap();
}
