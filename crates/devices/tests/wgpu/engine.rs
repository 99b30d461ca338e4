//! A device that an engine has already.

use orionrt_devices::{
    DeviceMemory, DeviceMemoryError,
    wgpu::{WgpuCommands, WgpuKernel, WgpuMemory, wgpu},
};

use crate::support::{ADD, engine};

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
