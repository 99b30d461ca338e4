//! What Khronos' validation layers say to what wgpu is asked for.

use std::sync::Mutex;

use orionrt_devices::{
    DeviceMemory,
    wgpu::{WgpuCommands, WgpuKernel, WgpuMemory, wgpu},
};

use crate::support::{ADD, distance, engine};

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
