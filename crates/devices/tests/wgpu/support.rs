//! The device of the tests, and kernels for it.

use std::sync::Once;

use orionrt_devices::{
    DeviceMemoryError,
    wgpu::{WgpuDevice, wgpu},
};

/// Adds `y += x * factor`, with the factor as a constant.
pub const ADD: &str = "
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
pub const SQUARE: &str = "
    @group(0) @binding(0) var<storage, read_write> x: array<f32>;
    @compute @workgroup_size(16)
    fn square(@builtin(global_invocation_id) id: vec3<u32>) {
        if id.x < arrayLength(&x) { x[id.x] = x[id.x] * x[id.x]; }
    }";

/// The first device, or nothing, which is said once. With `ORIONRT_NEEDS_DEVICE`, it is an error
/// that there is none.
pub fn device() -> Option<WgpuDevice> {
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
pub fn engine(options: wgpu::InstanceDescriptor) -> Option<WgpuDevice> {
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
pub fn distance(device: &WgpuDevice) -> u64 {
    device.properties().plan_alignment().max(256)
}
