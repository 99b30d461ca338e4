//! Blocks, buffers at offsets, kernels and transfers.

use orionrt_devices::{
    DeviceArena, DeviceMemory, DeviceMemoryError, StreamId, StreamOrder,
    vulkan::{VulkanDevice, VulkanMemory, VulkanOptions, VulkanRecorder, VulkanStream},
};
use orionrt_plan::{Lifetimes, Planner};

use crate::support::{affine, by, device, groups, silent};

const VALUES: usize = 1000;

/// Three tensors in a block: the third has the bytes of the first.
fn chain(device: &VulkanDevice, memory: VulkanMemory) {
    let bytes = (VALUES * 4) as u64;
    let second = bytes.next_multiple_of(device.properties().plan_alignment());
    let first = memory.buffer(0..bytes).unwrap();
    let second = memory.buffer(second..second + bytes).unwrap();
    let third = memory.buffer(0..bytes).unwrap();
    let kernel = affine(device).unwrap();
    let mut recorder = VulkanRecorder::new(device);
    recorder
        .dispatch(&kernel, &[&first, &second], &by(3, 1), groups(VALUES))
        .unwrap();
    recorder
        .dispatch(&kernel, &[&second, &third], &by(1, 7), groups(VALUES))
        .unwrap();
    let commands = recorder.finish().unwrap();
    // Transfers in several pieces.
    let mut stream = VulkanStream::new(device, StreamId::new(0), 1024).unwrap();
    let mut values: Vec<u32> = (0..VALUES as u32).collect();
    stream.upload(&values, &first).unwrap();
    for _ in 0..3 {
        stream.submit(&commands, &[]).unwrap();
    }
    // What the device still reads goes when it is done.
    drop((memory, commands, kernel, first, second));
    stream.download(&third, &mut values).unwrap();
    let thrice = |value: u32| (0..3).fold(value, |value, _| value * 3 + 8);
    assert!(
        values
            .iter()
            .zip(0..)
            .all(|(&value, index)| value == thrice(index))
    );
}

#[test]
fn kernels_run_on_planned_ranges() {
    let Some(device) = device() else { return };
    let messages = device.messages();
    chain(&device, VulkanMemory::allocate(&device, 16384).unwrap());
    chain(
        &device,
        VulkanMemory::allocate_as_one_buffer(&device, 16384).unwrap(),
    );
    // The last word of a block that is not a multiple of it.
    let odd = VulkanMemory::allocate_as_one_buffer(&device, 4097).unwrap();
    let mut recorder = VulkanRecorder::new(&device);
    recorder.fill(&odd.buffer(4096..4097).unwrap(), 1).unwrap();
    let mut stream = VulkanStream::new(&device, StreamId::new(0), 0).unwrap();
    stream.submit(&recorder.finish().unwrap(), &[]).unwrap();
    drop((odd, stream, device));
    silent(&messages);
}

/// Synchronization validation sees every pair of commands that use the same bytes without a barrier
/// between them.
#[test]
fn commands_that_use_the_same_bytes_have_barriers() {
    let Some(device) = device() else { return };
    let messages = device.messages();
    let memory = VulkanMemory::allocate(&device, 1 << 16).unwrap();
    let buffer = |start: u64| memory.buffer(start..start + 1024).unwrap();
    // The last one has the bytes of the first in a buffer of its own.
    let [a, b, c] = [buffer(0), buffer(4096), buffer(0)];
    let kernel = affine(&device).unwrap();
    let mut recorder = VulkanRecorder::new(&device);
    recorder.fill(&a, 7).unwrap();
    recorder
        .dispatch(&kernel, &[&a, &b], &by(1, 0), groups(256))
        .unwrap();
    recorder.fill(&c, 1).unwrap();
    recorder.copy((&b, 0), (&a, 512), 512).unwrap();
    recorder.copy((&c, 0), (&b, 0), 1024).unwrap();
    let commands = recorder.finish().unwrap();
    let mut stream = VulkanStream::new(&device, StreamId::new(0), 1024).unwrap();
    stream.submit(&commands, &[]).unwrap();
    let mut values = [0_u32; 256];
    stream.download(&b, &mut values).unwrap();
    assert_eq!(
        values,
        core::array::from_fn(|index| if index < 128 { 1 } else { 7 })
    );
    drop((stream, commands, kernel, a, b, c, memory, device));
    silent(&messages);
}

#[test]
fn what_cannot_be_is_an_error_with_the_need() {
    let Some(device) = device() else { return };
    let properties = device.properties().clone();
    let largest = properties.largest_block;
    let too_large = VulkanMemory::allocate(&device, largest + 4).err().unwrap();
    let needed = largest + 4;
    assert_eq!(too_large, DeviceMemoryError::TooLarge { needed, largest });
    let no_device = VulkanDevice::open(99, VulkanOptions::default())
        .err()
        .unwrap();
    assert!(matches!(
        no_device,
        DeviceMemoryError::NoSuchDevice {
            index: 99,
            devices: 1..
        }
    ));

    let memory = VulkanMemory::allocate(&device, 8192).unwrap();
    assert!(memory.buffer(1..65).is_err());
    let (start, end, block) = (8192 - 64, 8192 + 64, 8192);
    let beyond = memory.buffer(start..end).err().unwrap();
    assert_eq!(beyond, DeviceMemoryError::OutOfBlock { start, end, block });
    let small = memory.buffer(0..64).unwrap();
    let mut stream = VulkanStream::new(&device, StreamId::new(0), 0).unwrap();
    let too_long = stream.upload(&[0_u8; 65], &small).err().unwrap();
    assert_eq!(
        too_long,
        DeviceMemoryError::OtherSize {
            range: 64,
            given: 65
        }
    );

    let kernel = affine(&device).unwrap();
    let mut recorder = VulkanRecorder::new(&device);
    let buffers = recorder
        .dispatch(&kernel, &[&small], &by(1, 1), [1; 3])
        .unwrap_err();
    let what = "the kernel's buffers";
    let (given, expected) = (1, 2);
    assert_eq!(
        buffers,
        DeviceMemoryError::Mismatch {
            what,
            given,
            expected
        }
    );
    assert!(
        recorder
            .dispatch(&kernel, &[&small, &small], &[0; 4], [1; 3])
            .is_err()
    );
    let many = [u32::MAX, 1, 1];
    assert!(
        recorder
            .dispatch(&kernel, &[&small, &small], &by(1, 1), many)
            .is_err()
    );
    assert!(recorder.copy((&small, 0), (&small, 32), 32).is_err());
    assert!(recorder.copy((&small, 60), (&small, 0), u64::MAX).is_err());
    assert!(recorder.is_empty());
}

/// A plan for rows of 100 bytes is not one for this device.
#[test]
fn a_plan_for_another_device_is_refused() {
    let Some(device) = device() else { return };
    let needed = device.properties().plan_alignment();
    let rows = [("a", 0, 2, 100, 4), ("b", 1, 3, 100, 4)];
    let plan = Planner::new()
        .plan(&Lifetimes::from_rows(rows).unwrap())
        .unwrap();
    let memory = VulkanMemory::allocate(&device, 4096).unwrap();
    let arena = DeviceArena::new(memory).unwrap();
    let refused = arena.pool(&plan, &StreamOrder::new(1)).unwrap_err();
    let DeviceMemoryError::OtherAlignment {
        offset, needed: by, ..
    } = refused
    else {
        panic!("{refused}");
    };
    assert_eq!((offset, by), (100, needed));
}
