//! Blocks, buffers at offsets, kernels and transfers.

use orionrt_devices::{
    DeviceMemory, StreamId,
    vulkan::{VulkanDevice, VulkanMemory, VulkanRecorder, VulkanStream},
};

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
    drop(device);
    silent(&messages);
}
