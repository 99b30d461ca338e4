//! Kernels: what they compute, and what they are not given.

use orionrt_devices::{
    DeviceMemory,
    wgpu::{WgpuCommands, WgpuKernel, WgpuMemory},
};

use crate::{
    refusal::refusal,
    support::{ADD, device, distance},
};

#[test]
fn kernels_compute_the_same_in_one_block_and_in_one_each() {
    let Some(device) = device() else { return };
    let apart = distance(&device);
    let x: Vec<f32> = (0..16).map(|i| i as f32 * 0.37 - 3.0).collect();
    let y: Vec<f32> = (0..16).map(|i| 1.0 / (i as f32 + 0.7)).collect();

    let run = |memories: [&WgpuMemory; 2], offsets: [u64; 2]| {
        let [mx, my] = memories;
        let bx = mx.buffer(offsets[0]..offsets[0] + 64).unwrap();
        let by = my.buffer(offsets[1]..offsets[1] + 64).unwrap();
        let add = WgpuKernel::new(&device, ADD, "add", 2, 4).unwrap();
        let square = WgpuKernel::new(&device, ADD, "square", 1, 0).unwrap();
        let mut commands = WgpuCommands::new(&device);
        for factor in [0.5_f32, -3.25] {
            let factor = factor.to_le_bytes();
            commands
                .dispatch(&add, &[&bx, &by], &factor, [1, 1, 1])
                .unwrap();
            commands.dispatch(&square, &[&by], &[], [1, 1, 1]).unwrap();
            commands
                .dispatch(&add, &[&by, &bx], &factor, [1, 1, 1])
                .unwrap();
        }
        assert_eq!(commands.len(), 6);
        let mut results = Vec::new();
        // Recorded once, run twice.
        for _ in 0..2 {
            mx.upload(&bx, &x).unwrap();
            my.upload(&by, &y).unwrap();
            let event = device.submit(&commands).unwrap();
            assert!(event.wait(None).unwrap());
            let mut result = [[0.0_f32; 16]; 2];
            mx.download(&bx, &mut result[0]).unwrap();
            my.download(&by, &mut result[1]).unwrap();
            results.push(result.map(|tensor| tensor.map(f32::to_bits)));
        }
        assert_eq!(results[0], results[1]);
        results[0]
    };

    let memory = WgpuMemory::new(&device, 3 * apart).unwrap();
    let planned = run([&memory, &memory], [2 * apart, 0]);
    let (first, second) = (
        WgpuMemory::new(&device, 64).unwrap(),
        WgpuMemory::new(&device, 64).unwrap(),
    );
    assert_eq!(planned, run([&first, &second], [0, 0]));

    let (mut x, mut y) = (x, y);
    for factor in [0.5_f32, -3.25] {
        for (x, y) in x.iter_mut().zip(&mut y) {
            *y += *x * factor;
            *y *= *y;
            *x += *y * factor;
        }
    }
    for (computed, expected) in planned[0].iter().zip(x).chain(planned[1].iter().zip(y)) {
        let computed = f32::from_bits(*computed);
        // A device may add a product without rounding it first.
        let tolerance = 1e-5 * expected.abs().max(1.0);
        assert!(
            (computed - expected).abs() <= tolerance,
            "{computed} {expected}"
        );
    }
}

#[test]
fn nothing_is_allocated_in_the_second_run() {
    let Some(device) = device() else { return };
    let memory = WgpuMemory::new(&device, 1 << 16).unwrap();
    let x = memory.buffer(0..1 << 16).unwrap();
    let square = WgpuKernel::new(&device, ADD, "square", 1, 0).unwrap();
    let mut commands = WgpuCommands::new(&device);
    commands
        .dispatch(&square, &[&x], &[], [1024, 1, 1])
        .unwrap();
    let mut data = vec![1.0_f32; 1 << 14];
    let mut run = || {
        memory.upload(&x, &data).unwrap();
        device.submit(&commands).unwrap();
        memory.download(&x, &mut data).unwrap();
        let report = device.device().generate_allocator_report();
        report.map(|report| (report.allocations.len(), report.total_reserved_bytes))
    };
    let first = run();
    for _ in 0..8 {
        assert_eq!(run(), first);
    }
}

#[test]
fn what_does_not_fit_a_kernel_is_refused() {
    let Some(device) = device() else { return };
    let apart = distance(&device);
    let memory = WgpuMemory::new(&device, 4 * apart).unwrap();
    let x = memory.buffer(0..64).unwrap();
    let y = memory.buffer(apart..apart + 64).unwrap();
    let over_both = memory.buffer(0..2 * apart).unwrap();
    let empty = memory.buffer(apart..apart).unwrap();
    let add = WgpuKernel::new(&device, ADD, "add", 2, 4).unwrap();
    let mut commands = WgpuCommands::new(&device);
    let mut dispatch = |buffers: &[_], constants: &[u8], groups| {
        refusal(commands.dispatch(&add, buffers, constants, groups))
    };

    let few = dispatch(&[&x], &[0; 4], [1, 1, 1]);
    assert!(
        few.ends_with("1 buffers are given, the kernel has 2"),
        "{few}"
    );
    let none = dispatch(&[&x, &y], &[], [1, 1, 1]);
    assert!(
        none.ends_with("0 bytes of constants are given, the kernel has 4"),
        "{none}"
    );
    let common = dispatch(&[&over_both, &y], &[0; 4], [1, 1, 1]);
    assert!(common.ends_with("have bytes in common"), "{common}");
    let same = dispatch(&[&x, &x], &[0; 4], [1, 1, 1]);
    assert!(same.ends_with("have bytes in common"), "{same}");
    let nothing = dispatch(&[&x, &empty], &[0; 4], [1, 1, 1]);
    assert!(nothing.ends_with("buffer 1 is empty"), "{nothing}");
    let many = dispatch(&[&x, &y], &[0; 4], [1, u32::MAX, 1]);
    assert!(many.contains("workgroups are more than the"), "{many}");
    assert!(commands.is_empty());
}

#[test]
fn kernels_that_are_wrong_are_refused_with_what_the_compiler_says() {
    let Some(device) = device() else { return };
    let compile = |wgsl, entry, bindings, constants| {
        refusal(WgpuKernel::new(&device, wgsl, entry, bindings, constants))
    };
    let syntax = compile("fn add( {", "add", 0, 0);
    assert!(
        syntax.contains("compile a kernel") && syntax.contains("expected"),
        "{syntax}"
    );
    compile(ADD, "subtract", 2, 4);
    compile(ADD, "add", 1, 4);
    let constants = compile(ADD, "add", 2, 1 << 20);
    assert!(
        constants.contains("1048576 bytes of constants"),
        "{constants}"
    );
    // Constants that a kernel has, and of which nothing was said, are noticed when it would run.
    let memory = WgpuMemory::new(&device, 512).unwrap();
    let (x, y) = (
        memory.buffer(0..64).unwrap(),
        memory.buffer(256..320).unwrap(),
    );
    let unsaid = WgpuKernel::new(&device, ADD, "add", 2, 0).unwrap();
    let mut commands = WgpuCommands::new(&device);
    commands
        .dispatch(&unsaid, &[&x, &y], &[], [1, 1, 1])
        .unwrap();
    refusal(device.submit(&commands));

    // The device works on.
    WgpuKernel::new(&device, ADD, "add", 2, 4).unwrap();
    memory.upload(&x, &[0_u8; 64]).unwrap();
    device.wait().unwrap();
}

#[test]
fn blocks_may_be_dropped_before_what_uses_them_is_done() {
    let Some(device) = device() else { return };
    let square = WgpuKernel::new(&device, ADD, "square", 1, 0).unwrap();
    for _ in 0..8 {
        let mut commands = WgpuCommands::new(&device);
        {
            let memory = WgpuMemory::new(&device, 1 << 20).unwrap();
            let x = memory.buffer(0..1 << 20).unwrap();
            memory.upload(&x, &vec![1.5_f32; 1 << 18]).unwrap();
            commands
                .dispatch(&square, &[&x], &[], [1 << 14, 1, 1])
                .unwrap();
            device.submit(&commands).unwrap();
        }
        let event = device.submit(&commands).unwrap();
        drop(commands);
        assert!(event.wait(None).unwrap());
    }
}
