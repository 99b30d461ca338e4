//! The device of the tests, kernels for it, and how tests steer the model of a driver.

use std::{
    env,
    sync::{Mutex, Once},
};

use orionrt_devices::{
    DeviceMemoryError,
    cuda::{CudaBuffer, CudaDevice, CudaKernel, CudaStream, cudarc::driver::sys},
};

/// `x[i] *= x[i]` and `y[i] += x[i]`, for `i < n`.
const PTX: &str = "
.version 7.0
.target sm_52
.address_size 64

.visible .entry square(.param .u64 px, .param .u32 pn)
{
    .reg .pred %p;
    .reg .f32 %f<2>;
    .reg .b32 %r<5>;
    .reg .b64 %rd<3>;
    ld.param.u64 %rd0, [px];
    ld.param.u32 %r0, [pn];
    mov.u32 %r1, %ctaid.x;
    mov.u32 %r2, %ntid.x;
    mov.u32 %r3, %tid.x;
    mad.lo.u32 %r4, %r1, %r2, %r3;
    setp.ge.u32 %p, %r4, %r0;
    @%p bra done;
    cvta.to.global.u64 %rd1, %rd0;
    mul.wide.u32 %rd2, %r4, 4;
    add.u64 %rd1, %rd1, %rd2;
    ld.global.f32 %f0, [%rd1];
    mul.f32 %f1, %f0, %f0;
    st.global.f32 [%rd1], %f1;
done:
    ret;
}

.visible .entry add(.param .u64 px, .param .u64 py, .param .u32 pn)
{
    .reg .pred %p;
    .reg .f32 %f<3>;
    .reg .b32 %r<5>;
    .reg .b64 %rd<5>;
    ld.param.u64 %rd0, [px];
    ld.param.u64 %rd1, [py];
    ld.param.u32 %r0, [pn];
    mov.u32 %r1, %ctaid.x;
    mov.u32 %r2, %ntid.x;
    mov.u32 %r3, %tid.x;
    mad.lo.u32 %r4, %r1, %r2, %r3;
    setp.ge.u32 %p, %r4, %r0;
    @%p bra done;
    cvta.to.global.u64 %rd2, %rd0;
    cvta.to.global.u64 %rd3, %rd1;
    mul.wide.u32 %rd4, %r4, 4;
    add.u64 %rd2, %rd2, %rd4;
    add.u64 %rd3, %rd3, %rd4;
    ld.global.f32 %f0, [%rd2];
    ld.global.f32 %f1, [%rd3];
    add.f32 %f2, %f0, %f1;
    st.global.f32 [%rd3], %f2;
done:
    ret;
}
";

/// Set in the program that runs on the model of a driver.
pub const ON_THE_MODEL: &str = "ORIONRT_CUDA_MODEL";

pub fn is_model() -> bool {
    env::var_os(ON_THE_MODEL).is_some()
}

/// The first device, or nothing, which is said once.
pub fn device() -> Option<CudaDevice> {
    static SKIPPED: Once = Once::new();
    match CudaDevice::open(0) {
        Ok(device) => Some(device),
        Err(error @ DeviceMemoryError::Unavailable { .. }) if !is_model() => {
            SKIPPED
                .call_once(|| println!("skipped: tests on a GPU, which run on a model: {error}"));
            None
        }
        Err(error) => panic!("{error}"),
    }
}

/// Calls one of the functions by which tests steer the model.
pub fn model(function: &str, argument: u32) -> u32 {
    assert!(is_model());
    // SAFETY: the model's library is loaded, as a device was opened, and has this function.
    unsafe {
        let function = sys::culib().get::<extern "C" fn(u32) -> u32>(function.as_bytes());
        function.unwrap()(argument)
    }
}

/// What is done once: when the model has accepted the next copy, before its next event, and behind
/// that event.
static BEHIND_A_COPY: Act = Mutex::new(None);
static BEFORE_AN_EVENT: Act = Mutex::new(None);
static BEHIND_AN_EVENT: Act = Mutex::new(None);

type Act = Mutex<Option<Box<dyn FnOnce() + Send>>>;

extern "C" fn behind_a_copy() {
    let act = BEHIND_A_COPY.lock().unwrap().take();
    act.unwrap()();
}

extern "C" fn before_an_event() {
    let act = BEFORE_AN_EVENT.lock().unwrap().take();
    act.unwrap()();
}

extern "C" fn behind_an_event() {
    let act = BEHIND_AN_EVENT.lock().unwrap().take();
    act.unwrap()();
}

/// Has something done between the next copy and what comes behind it.
pub fn on_the_next_copy(act: impl FnOnce() + Send + 'static) {
    *BEHIND_A_COPY.lock().unwrap() = Some(Box::new(act));
    have_called("model_behind_a_copy", behind_a_copy);
}

/// Has something done just before the next event is recorded.
pub fn before_the_next_event(act: impl FnOnce() + Send + 'static) {
    *BEFORE_AN_EVENT.lock().unwrap() = Some(Box::new(act));
    have_called("model_before_an_event", before_an_event);
}

/// Has something done as soon as the next event was recorded.
pub fn behind_the_next_event(act: impl FnOnce() + Send + 'static) {
    *BEHIND_AN_EVENT.lock().unwrap() = Some(Box::new(act));
    have_called("model_behind_an_event", behind_an_event);
}

fn have_called(by: &str, function: extern "C" fn()) {
    assert!(is_model());
    // SAFETY: the model's library is loaded, as a device was opened, and has this function.
    unsafe {
        let set = sys::culib().get::<extern "C" fn(extern "C" fn())>(by.as_bytes());
        set.unwrap()(function);
    }
}

/// A device of the model, or nothing on another driver.
pub fn model_device() -> Option<CudaDevice> {
    is_model().then(device)?
}

pub fn kernel(device: &CudaDevice, name: &str) -> Result<CudaKernel, DeviceMemoryError> {
    CudaKernel::new(device, PTX, name)
}

pub fn square(
    kernel: &CudaKernel,
    stream: &CudaStream,
    x: &CudaBuffer,
) -> Result<(), DeviceMemoryError> {
    let count = u32::try_from(x.size() / 4).unwrap();
    let blocks = [count.div_ceil(32), 1, 1];
    // SAFETY: the kernel has a buffer and its length as parameters, and the tests keep the buffer.
    unsafe { kernel.launch(stream, &[x], &[count], blocks, [32, 1, 1]) }
}
