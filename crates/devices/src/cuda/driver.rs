//! The driver's library: whether it is there with all that is called of it, and its answers as
//! errors.
//!
//! `cudarc` panics when it is asked for a function of a library that is not there, or does not have
//! it. Invariant: nothing of `cudarc` is called before [`load`] has found all of [`FUNCTIONS`].

#![allow(unsafe_code)]

use std::sync::OnceLock;

use cudarc::driver::{
    result::{self, DriverError},
    sys::{self, CUresult},
};

use crate::error::DeviceMemoryError;

/// The functions of the driver that this backend calls, and those that `cudarc` calls for it.
const FUNCTIONS: [&str; 49] = [
    "cuCtxGetCurrent",
    "cuCtxSetCurrent",
    "cuCtxSynchronize",
    "cuDeviceGet",
    "cuDeviceGetAttribute",
    "cuDeviceGetCount",
    "cuDeviceGetName",
    "cuDevicePrimaryCtxRelease_v2",
    "cuDevicePrimaryCtxRetain",
    "cuDeviceTotalMem_v2",
    "cuDriverGetVersion",
    "cuEventCreate",
    "cuEventDestroy_v2",
    "cuEventQuery",
    "cuEventRecord",
    "cuEventSynchronize",
    "cuGetErrorString",
    "cuGraphDestroy",
    "cuGraphExecDestroy",
    "cuGraphInstantiateWithFlags",
    "cuGraphLaunch",
    "cuInit",
    "cuLaunchKernel",
    "cuMemAddressFree",
    "cuMemAddressReserve",
    "cuMemAlloc_v2",
    "cuMemCreate",
    "cuMemFree_v2",
    "cuMemGetAllocationGranularity",
    "cuMemGetInfo_v2",
    "cuMemHostRegister_v2",
    "cuMemHostUnregister",
    "cuMemMap",
    "cuMemRelease",
    "cuMemSetAccess",
    "cuMemUnmap",
    "cuMemcpyDtoHAsync_v2",
    "cuMemcpyHtoDAsync_v2",
    "cuModuleGetFunction",
    "cuModuleLoadData",
    "cuModuleUnload",
    "cuStreamBeginCapture_v2",
    "cuStreamCreate",
    "cuStreamDestroy_v2",
    "cuStreamEndCapture",
    "cuStreamIsCapturing",
    "cuStreamSynchronize",
    "cuStreamWaitEvent",
    "cuThreadExchangeStreamCaptureMode",
];

/// Finds the driver and starts it, once in a process.
pub(super) fn load() -> Result<(), DeviceMemoryError> {
    static DRIVER: OnceLock<Result<(), String>> = OnceLock::new();
    let found = DRIVER.get_or_init(find).clone();
    found.map_err(|reason| DeviceMemoryError::Unavailable {
        backend: "cuda",
        reason,
    })
}

fn find() -> Result<(), String> {
    // SAFETY: the system's loader finds the driver's library by its name, as for every program
    // that uses CUDA, and runs its initializers.
    if !unsafe { sys::is_culib_present() } {
        return Err("the driver's library, libcuda, is not there".to_owned());
    }
    // SAFETY: the library was found just now; it is loaded once, and stays.
    let library = unsafe { sys::culib() };
    for name in FUNCTIONS {
        // SAFETY: the symbol is looked up, and not called as this type.
        let symbol = unsafe { library.get::<unsafe extern "C" fn()>(name.as_bytes()) };
        if symbol.is_err() {
            let version = version().map_or(String::new(), |version| format!(", for {version},"));
            return Err(format!("the driver{version} has no function `{name}`"));
        }
    }
    result::init().map_err(|error| format!("the driver does not start: {}", words(error)))
}

/// The version of CUDA that a driver is for, if it says so.
fn version() -> Option<String> {
    // SAFETY: every driver has this symbol, with this type, from CUDA 2.2 on.
    let function =
        unsafe { sys::culib().get::<unsafe extern "C" fn(*mut i32) -> u32>(b"cuDriverGetVersion") };
    let mut version = 0;
    // SAFETY: it writes the number to where it is told.
    match unsafe { function.ok()?(&raw mut version) } {
        0 => Some(format!("CUDA {}.{}", version / 1000, version % 1000 / 10)),
        _ => None,
    }
}

/// What the driver was asked for, as errors name it.
#[derive(Clone, Copy)]
pub(super) struct Asked {
    /// What it was asked to do: `allocate a block`.
    pub action: &'static str,
    /// How much of the device's memory that takes, if it is more than a little, and how much the
    /// device has.
    pub bytes: Option<(u64, u64)>,
}

impl Asked {
    /// Something that takes hardly any of the device's memory.
    pub fn to(action: &'static str) -> Self {
        let bytes = None;
        Self { action, bytes }
    }

    /// The error for what the driver answered.
    pub fn answered(self, error: DriverError) -> DeviceMemoryError {
        let action = self.action;
        match (error.0, self.bytes) {
            (CUresult::CUDA_ERROR_OUT_OF_MEMORY, Some((needed, heap))) => {
                let heap = Some(heap);
                DeviceMemoryError::OutOfMemory { needed, heap }
            }
            (answer, _) if is_loss(answer) => DeviceMemoryError::Lost { action },
            _ => DeviceMemoryError::Refused {
                action,
                answer: words(error),
            },
        }
    }
}

/// Whether nothing can be done with the context any more: the driver gives the same answer to every
/// call from then on.
fn is_loss(answer: CUresult) -> bool {
    use CUresult::*;
    matches!(
        answer,
        CUDA_ERROR_DEINITIALIZED
            | CUDA_ERROR_ECC_UNCORRECTABLE
            | CUDA_ERROR_NVLINK_UNCORRECTABLE
            | CUDA_ERROR_ILLEGAL_ADDRESS
            | CUDA_ERROR_LAUNCH_TIMEOUT
            | CUDA_ERROR_CONTEXT_IS_DESTROYED
            | CUDA_ERROR_ASSERT
            | CUDA_ERROR_HARDWARE_STACK_ERROR
            | CUDA_ERROR_ILLEGAL_INSTRUCTION
            | CUDA_ERROR_MISALIGNED_ADDRESS
            | CUDA_ERROR_INVALID_ADDRESS_SPACE
            | CUDA_ERROR_INVALID_PC
            | CUDA_ERROR_LAUNCH_FAILED
    )
}

/// Whether a call is refused as long as a stream is being captured.
pub(super) fn is_of_capture(answer: CUresult) -> bool {
    use CUresult::*;
    matches!(
        answer,
        CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED
            | CUDA_ERROR_STREAM_CAPTURE_INVALIDATED
            | CUDA_ERROR_STREAM_CAPTURE_UNJOINED
            | CUDA_ERROR_STREAM_CAPTURE_ISOLATION
            | CUDA_ERROR_STREAM_CAPTURE_IMPLICIT
            | CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD
    )
}

/// An error's name and what the driver says of it.
fn words(error: DriverError) -> String {
    match error.error_string() {
        Ok(text) => format!("{:?}, {}", error.0, text.to_string_lossy()),
        Err(_) => format!("{:?}", error.0),
    }
}
