//! Planned tensors through wgpu, on whatever device there is: Mesa's lavapipe will do. Where there
//! is none, the tests say that they are skipped.

use std::sync::{Arc, Mutex, Once};

use orionrt_devices::{
    DeviceArena, DeviceMemory, DeviceMemoryError, StreamId, StreamOrder,
    wgpu::{WgpuCommands, WgpuDevice, WgpuKernel, WgpuMemory, devices, wgpu},
};
use orionrt_plan::{Lifetimes, Planner, TensorId};
use proptest::prelude::*;

/// Adds `y += x * factor`, with the factor as a constant.
const ADD: &str = "
    var<immediate> factor: f32;
    @group(0) @binding(0) var<storage, read_write> x: array<f32>;
    @group(0) @binding(1) var<storage, read_write> y: array<f32>;
    @compute @workgroup_size(16)
    fn add(@builtin(global_invocation_id) id: vec3<u32>) {
        if id.x < arrayLength(&y) { y[id.x] = y[id.x] + x[id.x] * factor; }
    }
    @compute @workgroup_size(16)
    fn square(@builtin(global_invocation_id) id: vec3<u32>) {
        if id.x < arrayLength(&x) { x[id.x] = x[id.x] * x[id.x]; }
    }";

/// `x[i] *= x[i]`.
const SQUARE: &str = "
    @group(0) @binding(0) var<storage, read_write> x: array<f32>;
    @compute @workgroup_size(16)
    fn square(@builtin(global_invocation_id) id: vec3<u32>) {
        if id.x < arrayLength(&x) { x[id.x] = x[id.x] * x[id.x]; }
    }";

/// The first device, or nothing, which is said once. With `ORIONRT_NEEDS_DEVICE`, it is an error
/// that there is none.
fn device() -> Option<WgpuDevice> {
    static SKIPPED: Once = Once::new();
    let is_needed = std::env::var_os("ORIONRT_NEEDS_DEVICE").is_some();
    match WgpuDevice::open(0) {
        Ok(device) => Some(device),
        Err(error @ DeviceMemoryError::Unavailable { .. }) if !is_needed => {
            SKIPPED.call_once(|| println!("skipped: tests on wgpu: {error}"));
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// A device of an instance with other options, and with the callback of an engine.
fn engine(options: wgpu::InstanceDescriptor) -> Option<WgpuDevice> {
    device()?;
    let instance = wgpu::Instance::new(options);
    let adapters = now(instance.enumerate_adapters(wgpu::Backends::all()));
    let request = adapters[0].request_device(&wgpu::DeviceDescriptor {
        required_features: adapters[0].features() & wgpu::Features::IMMEDIATES,
        required_limits: adapters[0].limits(),
        ..Default::default()
    });
    let (device, queue) = now(request).unwrap();
    Some(WgpuDevice::from_engine(device, queue))
}

/// The value of a future that is ready.
fn now<F: Future>(future: F) -> F::Output {
    let mut context = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(future).poll(&mut context) {
        std::task::Poll::Ready(value) => value,
        std::task::Poll::Pending => panic!("wgpu answers at once"),
    }
}

/// A distance between tensors that is aligned, and a multiple of which a block is.
fn distance(device: &WgpuDevice) -> u64 {
    device.properties().plan_alignment().max(256)
}

fn refusal<T>(result: Result<T, DeviceMemoryError>) -> String {
    match result {
        Err(error @ DeviceMemoryError::Refused { .. }) => error.to_string(),
        Err(error) => panic!("{error}"),
        Ok(_) => panic!("this should be refused"),
    }
}

#[test]
fn devices_say_what_planning_needs() {
    if device().is_none() {
        return;
    }
    let all = devices().unwrap();
    for properties in &all {
        assert!(properties.plan_alignment().is_power_of_two());
        assert!(properties.plan_alignment() >= 4 && properties.copy_alignment == 4);
        assert!(properties.largest_binding.is_multiple_of(4));
        assert!(properties.largest_binding <= properties.largest_block);
    }
    assert_eq!(WgpuDevice::open(0).unwrap().properties(), &all[0]);
    let none = DeviceMemoryError::NoSuchDevice {
        index: all.len(),
        devices: all.len(),
    };
    assert_eq!(WgpuDevice::open(all.len()).unwrap_err(), none);
}

#[test]
fn transfers_keep_every_byte_and_their_neighbours() {
    let Some(device) = device() else { return };
    let apart = distance(&device);
    let block = 16 * apart;
    // Chunks of 200 bytes, so that many transfers go in several pieces.
    let memory = WgpuMemory::with_staging(&device, block, 200).unwrap();
    let whole = memory.buffer(0..block).unwrap();
    let mut expected = vec![0xa5_u8; block as usize];
    memory.upload(&whole, &expected).unwrap();

    let transfer = (0..16_u64, 0..=apart, any::<u8>());
    let mut runner = proptest::test_runner::TestRunner::new(ProptestConfig::with_cases(24));
    let expected = Mutex::new(&mut expected);
    let checked = runner.run(&transfer, |(index, size, value)| {
        let (start, size) = (index * apart, size as usize);
        let buffer = memory.buffer(start..start + size as u64).unwrap();
        let data: Vec<u8> = (0..size).map(|at| value.wrapping_add(at as u8)).collect();
        memory.upload(&buffer, &data).unwrap();
        // A copy has a multiple of 4 bytes: up to 3 zeros follow, in the alignment's padding.
        let mut expected = expected.lock().unwrap();
        let (start, padded) = (start as usize, size.next_multiple_of(4));
        expected[start..start + padded].fill(0);
        expected[start..start + size].copy_from_slice(&data);

        let mut part = vec![0; size];
        memory.download(&buffer, &mut part).unwrap();
        prop_assert_eq!(part, data);
        let mut all = vec![0; block as usize];
        memory.download(&whole, &mut all).unwrap();
        prop_assert_eq!(&all, &**expected);
        Ok(())
    });
    checked.unwrap();
}

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
fn ranges_and_slices_that_do_not_fit_are_refused() {
    let Some(device) = device() else { return };
    let apart = distance(&device);
    let memory = WgpuMemory::new(&device, 2 * apart).unwrap();
    let ranges = [(apart, 2 * apart + 4), (u64::MAX, u64::MAX), (apart, 0)];
    for (start, end) in ranges {
        let (error, block) = (memory.buffer(start..end).unwrap_err(), 2 * apart);
        assert_eq!(error, DeviceMemoryError::OutOfBlock { start, end, block });
    }
    let aligned = refusal(memory.buffer(4..apart));
    assert!(
        aligned.contains("does not begin at a multiple of"),
        "{aligned}"
    );

    let x = memory.buffer(0..8).unwrap();
    let long = memory.upload(&x, &[0_u8; 9]).unwrap_err();
    assert_eq!(long, DeviceMemoryError::OtherSize { range: 8, given: 9 });
    let short = memory.download(&x, &mut [0_u32]).unwrap_err();
    assert_eq!(short, DeviceMemoryError::OtherSize { range: 8, given: 4 });
    let other = WgpuMemory::new(&device, 64).unwrap();
    let foreign = refusal(other.upload(&x, &[0_u8; 8]));
    assert!(foreign.ends_with("of another block"), "{foreign}");
    memory.upload(&x, &[0_u64]).unwrap();
}

#[test]
fn what_is_of_another_device_is_refused_with_the_names_of_both() {
    let (Some(here), Some(there)) = (device(), device()) else {
        return;
    };
    let names_both = |error: DeviceMemoryError, given: &str| match error {
        DeviceMemoryError::OtherDevice { what, of, given_to } => {
            assert_eq!(what, given);
            assert_ne!(of, given_to);
            let name = &here.properties().name;
            assert!(
                of.contains(name) && given_to.contains(name),
                "{of}, {given_to}"
            );
        }
        other => panic!("{other}"),
    };
    let [own, other] = [&here, &there].map(|device| WgpuMemory::new(device, 256).unwrap());
    let [x, y] = [&own, &other].map(|memory| memory.buffer(0..64).unwrap());
    names_both(own.upload(&y, &[0_u32; 16]).unwrap_err(), "a buffer");
    names_both(own.download(&y, &mut [0_u32; 16]).unwrap_err(), "a buffer");

    let square = |device| WgpuKernel::new(device, SQUARE, "square", 1, 0).unwrap();
    let [kernel, others] = [&here, &there].map(square);
    let mut commands = WgpuCommands::new(&here);
    let groups = [1, 1, 1];
    let foreign = commands.dispatch(&kernel, &[&y], &[], groups);
    names_both(foreign.unwrap_err(), "a buffer");
    let foreign = commands.dispatch(&others, &[&x], &[], groups);
    names_both(foreign.unwrap_err(), "a kernel");
    commands.dispatch(&kernel, &[&x], &[], groups).unwrap();
    names_both(there.submit(&commands).unwrap_err(), "a list of commands");
    here.submit(&commands).unwrap();
    here.wait().unwrap();
}

#[test]
fn blocks_that_cannot_be_had_are_typed_errors() {
    let Some(device) = device() else { return };
    let largest = device.properties().largest_block;
    for needed in [largest + 1, u64::MAX] {
        let error = WgpuMemory::new(&device, needed).unwrap_err();
        assert_eq!(error, DeviceMemoryError::TooLarge { needed, largest });
    }
    let staging = WgpuMemory::with_staging(&device, 64, u64::MAX).unwrap_err();
    assert!(
        matches!(staging, DeviceMemoryError::TooLarge { .. }),
        "{staging}"
    );
}

#[test]
fn a_lost_device_is_a_typed_error_everywhere() {
    let Some(device) = device() else { return };
    let memory = WgpuMemory::new(&device, 4096).unwrap();
    let x = memory.buffer(0..64).unwrap();
    let square = WgpuKernel::new(&device, ADD, "square", 1, 0).unwrap();
    let mut commands = WgpuCommands::new(&device);
    commands.dispatch(&square, &[&x], &[], [1, 1, 1]).unwrap();
    let before = device.submit(&commands).unwrap();

    device.device().destroy();
    let lost = |error: DeviceMemoryError| {
        assert!(matches!(error, DeviceMemoryError::Lost { .. }), "{error}");
    };
    lost(memory.download(&x, &mut [0_u8; 64]).unwrap_err());
    assert!(device.loss().is_reported());
    lost(memory.upload(&x, &[0_u8; 64]).unwrap_err());
    lost(device.submit(&commands).unwrap_err());
    lost(
        commands
            .dispatch(&square, &[&x], &[], [1, 1, 1])
            .unwrap_err(),
    );
    lost(WgpuMemory::new(&device, 64).unwrap_err());
    lost(WgpuKernel::new(&device, ADD, "square", 1, 0).unwrap_err());
    lost(device.wait().unwrap_err());
    lost(before.wait(None).unwrap_err());
}

#[test]
fn an_engine_reports_the_loss_of_its_device() {
    let options = wgpu::InstanceDescriptor::new_without_display_handle();
    let Some(device) = engine(options) else {
        return;
    };
    let memory = WgpuMemory::new(&device, 4096).unwrap();
    let (x, loss) = (memory.buffer(0..64).unwrap(), device.loss());
    device
        .device()
        .set_device_lost_callback(move |_, _| loss.report());
    memory.upload(&x, &[1_u8; 64]).unwrap();
    device.device().destroy();
    let error = device.wait().unwrap_err();
    assert!(matches!(error, DeviceMemoryError::Lost { .. }), "{error}");
}

#[test]
fn a_callback_that_panics_is_the_engines_affair() {
    let options = wgpu::InstanceDescriptor::new_without_display_handle();
    let Some(device) = engine(options) else {
        return;
    };
    device.queue().submit([]);
    device
        .queue()
        .on_submitted_work_done(|| panic!("a callback fails"));
    let waited = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| device.wait()));
    let panic = waited.unwrap_err();
    assert_eq!(panic.downcast_ref(), Some(&"a callback fails"));
    assert!(!device.loss().is_reported());
    device.wait().unwrap();
}

#[test]
fn an_engine_encodes_recorded_commands_in_a_pass_of_its_own() {
    let options = wgpu::InstanceDescriptor::new_without_display_handle();
    let Some(device) = engine(options) else {
        return;
    };
    let memory = WgpuMemory::new(&device, 64).unwrap();
    let x = memory.buffer(0..64).unwrap();
    let square = WgpuKernel::new(&device, ADD, "square", 1, 0).unwrap();
    let mut commands = WgpuCommands::new(&device);
    commands.dispatch(&square, &[&x], &[], [1, 1, 1]).unwrap();
    memory.upload(&x, &[3.0_f32; 16]).unwrap();

    let mut encoder = device.device().create_command_encoder(&Default::default());
    commands.encode(&mut encoder.begin_compute_pass(&Default::default()));
    device.queue().submit([encoder.finish()]);
    let mut squares = [0.0_f32; 16];
    memory.download(&x, &mut squares).unwrap();
    assert_eq!(squares, [9.0; 16]);
}

#[test]
fn a_plan_of_tensors_with_odd_sizes_is_laid_into_an_arena() {
    let Some(device) = device() else { return };
    let align = device.properties().plan_alignment();
    // `c` has the bytes of `a`.
    let rows = [
        ("a", 0, 1, 37, align),
        ("b", 0, 2, 6, align),
        ("c", 1, 2, 35, align),
    ];
    let plan = Planner::new()
        .plan(&Lifetimes::from_rows(rows).unwrap())
        .unwrap();
    let [a, b, c] = [0, 1, 2].map(TensorId::new);
    let arena = DeviceArena::new(WgpuMemory::new(&device, 1 << 16).unwrap()).unwrap();
    let queue = StreamId::new(0);
    let pool = arena.pool(&plan, &StreamOrder::new(1)).unwrap();
    let memory = arena.memory();
    let (first, other) = (pool.slot(a, queue).unwrap(), pool.slot(b, queue).unwrap());
    memory.upload(first.buffer(), &[1_u8; 37]).unwrap();
    memory.upload(other.buffer(), &[2_u8; 6]).unwrap();
    assert!(pool.slot(c, queue).is_err());
    let mut data = [0_u8; 37];
    memory.download(first.buffer(), &mut data).unwrap();
    assert_eq!(data, [1; 37]);
    drop(first);
    let last = pool.slot(c, queue).unwrap();
    memory.upload(last.buffer(), &[3_u8; 35]).unwrap();
    let mut data = [0_u8; 6];
    memory.download(other.buffer(), &mut data).unwrap();
    assert_eq!(data, [2; 6]);
    for data in [&[3_u8; 32][..], &[3; 37]] {
        let error = memory.upload(last.buffer(), data).unwrap_err();
        assert!(
            matches!(error, DeviceMemoryError::OtherSize { .. }),
            "{error}"
        );
    }
}

const NO_LAYERS: &str = "unable to find layer";

/// What wgpu and the layers under it log as wrong, in this process.
struct Complaints(Mutex<Vec<String>>);

impl log::Log for Complaints {
    fn enabled(&self, about: &log::Metadata<'_>) -> bool {
        about.target().contains("vulkan::instance")
    }

    fn log(&self, record: &log::Record<'_>) {
        // The layers speak through the callback of the instance, which also says if there are none.
        let text = record.args().to_string();
        let is_complaint = record.level() <= log::Level::Warn || text.contains(NO_LAYERS);
        if self.enabled(record.metadata()) && is_complaint {
            self.0.lock().unwrap().push(text);
        }
    }

    fn flush(&self) {}
}

#[test]
fn validation_layers_have_nothing_to_say() {
    static COMPLAINTS: Complaints = Complaints(Mutex::new(Vec::new()));
    let mut options = wgpu::InstanceDescriptor::new_without_display_handle();
    options.flags = wgpu::InstanceFlags::VALIDATION;
    log::set_max_level(log::LevelFilter::Debug);
    log::set_logger(&COMPLAINTS).unwrap();
    let Some(device) = engine(options) else {
        return;
    };
    let apart = distance(&device);
    let memory = WgpuMemory::with_staging(&device, 2 * apart, 16).unwrap();
    let (x, y) = (
        memory.buffer(0..64).unwrap(),
        memory.buffer(apart..apart + 64).unwrap(),
    );
    let add = WgpuKernel::new(&device, ADD, "add", 2, 4).unwrap();
    let mut commands = WgpuCommands::new(&device);
    for _ in 0..3 {
        let factor = 2.0_f32.to_le_bytes();
        commands
            .dispatch(&add, &[&x, &y], &factor, [1, 1, 1])
            .unwrap();
        commands
            .dispatch(&add, &[&y, &x], &factor, [1, 1, 1])
            .unwrap();
    }
    for _ in 0..2 {
        memory.upload(&x, &[1.0_f32; 16]).unwrap();
        memory.upload(&y, &[0.0_f32; 16]).unwrap();
        device.submit(&commands).unwrap();
        let mut data = [0.0_f32; 16];
        memory.download(&x, &mut data).unwrap();
        assert!(data.iter().all(|&value| value > 1.0));
    }
    drop((memory, commands, add, x, y));
    device.wait().unwrap();
    drop(device);
    let complaints = COMPLAINTS.0.lock().unwrap();
    if complaints.iter().any(|text| text.contains(NO_LAYERS)) {
        println!("skipped: the validation layers of Vulkan are not installed");
        return;
    }
    assert_eq!(*complaints, Vec::<String>::new());
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

#[test]
fn threads_share_a_block() {
    let Some(device) = device() else { return };
    let apart = distance(&device);
    let memory = Arc::new(WgpuMemory::with_staging(&device, 4 * apart, 16).unwrap());
    std::thread::scope(|scope| {
        for thread in 0..4_u8 {
            let memory = Arc::clone(&memory);
            scope.spawn(move || {
                let start = u64::from(thread) * apart;
                let buffer = memory.buffer(start..start + apart).unwrap();
                for round in 0..16 {
                    let data = vec![thread * 16 + round; apart as usize];
                    memory.upload(&buffer, &data).unwrap();
                    let mut back = vec![0; apart as usize];
                    memory.download(&buffer, &mut back).unwrap();
                    assert_eq!(back, data);
                }
            });
        }
    });
}
