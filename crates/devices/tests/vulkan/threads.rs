//! Streams of several threads on one device.

use std::thread;

use orionrt_devices::{
    DeviceArena, StreamId,
    vulkan::{
        VulkanBuffer, VulkanCommands, VulkanDevice, VulkanKernel, VulkanMemory, VulkanPoint,
        VulkanProgram, VulkanRecorder, VulkanStream,
    },
};

use crate::support::{affine, by, device, groups, silent};

const THREADS: u32 = 4;
const VALUES: usize = 256;

/// One thread's work: a block from the arena in each round, its own stream, shared commands.
fn work(arena: &DeviceArena<VulkanMemory>, kernel: &VulkanKernel, thread: u32) {
    let device = arena.memory().device();
    let mut stream = VulkanStream::new(device, StreamId::new(thread), 1024).unwrap();
    for round in 0..8 {
        let [from, to] = [0; 2].map(|_| arena.allocate(4 * VALUES as u64).unwrap());
        let mut recorder = VulkanRecorder::new(device);
        let buffers = [from.buffer(), to.buffer()];
        recorder
            .dispatch(kernel, &buffers, &by(2, thread), groups(VALUES))
            .unwrap();
        let commands = recorder.finish().unwrap();
        stream.upload(&[round; VALUES], from.buffer()).unwrap();
        stream.submit(&commands, &[]).unwrap();
        let mut values = [0_u32; VALUES];
        stream.download(to.buffer(), &mut values).unwrap();
        assert_eq!(values, [2 * round + thread; VALUES]);
        // What is given back here while it may still be written is not lent to others by then.
        stream.submit(&commands, &[]).unwrap();
    }
}

#[test]
fn threads_have_streams_of_their_own() {
    let Some(device) = device() else { return };
    let messages = device.messages();
    let memory = VulkanMemory::allocate(&device, 1 << 15).unwrap();
    let arena = DeviceArena::new(memory).unwrap();
    let kernel = affine(&device).unwrap();
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (arena, kernel) = (&arena, &kernel);
            scope.spawn(move || work(arena, kernel, thread));
        }
    });
    let all = arena.allocate(1 << 15).unwrap();
    assert_eq!(all.range(), 0..1 << 15);
    drop((all, arena, kernel, device));
    silent(&messages);
}

#[test]
fn handles_go_between_threads() {
    fn shared<T: Send + Sync>() {}
    fn sent<T: Send>() {}
    shared::<(VulkanDevice, VulkanMemory, VulkanBuffer, VulkanKernel)>();
    shared::<(VulkanCommands, VulkanPoint, VulkanProgram)>();
    sent::<(VulkanRecorder, VulkanStream)>();
}
