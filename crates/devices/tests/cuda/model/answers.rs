//! What the driver answers, and the few numbers that it is told.

use std::ffi::c_uint;

pub const SUCCESS: u32 = 0;
pub const INVALID_VALUE: u32 = 1;
pub const OUT_OF_MEMORY: u32 = 2;
pub const INVALID_DEVICE: u32 = 101;
pub const INVALID_CONTEXT: u32 = 201;
pub const ALREADY_REGISTERED: u32 = 712;
pub const INVALID_PTX: u32 = 218;
pub const NOT_FOUND: u32 = 500;
pub const NOT_READY: u32 = 600;
pub const ILLEGAL_ADDRESS: u32 = 700;
pub const CAPTURE_UNSUPPORTED: u32 = 900;
pub const CAPTURE_INVALIDATED: u32 = 901;
pub const CAPTURED_EVENT: u32 = 907;
pub const CAPTURE_WRONG_THREAD: u32 = 908;

/// Modes of captures and of threads.
pub const CAPTURE_GLOBAL: c_uint = 0;
pub const CAPTURE_RELAXED: c_uint = 2;

/// Writes what a call answers to where it was told.
pub fn give<T>(to: *mut T, value: T) -> u32 {
    // SAFETY: the driver's interface says that this can be written.
    unsafe { to.write(value) };
    SUCCESS
}
