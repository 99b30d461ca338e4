//! What devices say, what they refuse, and how they are lost.

use orionrt_devices::{
    DeviceMemory, DeviceMemoryError,
    wgpu::{WgpuCommands, WgpuDevice, WgpuKernel, WgpuMemory, devices},
};

use crate::{
    other_device::names_both,
    support::{ADD, SQUARE, device},
};

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
fn what_is_of_another_device_is_refused_with_the_names_of_both() {
    let (Some(here), Some(there)) = (device(), device()) else {
        return;
    };
    let name = &here.properties().name;
    let names_both = |error, given| names_both(error, given, name);
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
