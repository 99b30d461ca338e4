//! The version of the library, to be compared with that of the header.
//!
//! Stands on nothing.

use std::ffi::{CStr, c_char};

const VERSION: &CStr = {
    let version = concat!(env!("CARGO_PKG_VERSION"), "\0").as_bytes();
    match CStr::from_bytes_with_nul(version) {
        Ok(version) => version,
        Err(_) => panic!("a version has no zero byte"),
    }
};

/// The version of the library that runs, `MAJOR.MINOR.PATCH`; that of the header is
/// `ORIONRT_VERSION`. It is valid for good.
#[unsafe(no_mangle)]
pub extern "C" fn orionrt_version() -> *const c_char {
    VERSION.as_ptr()
}

/// The version of the binary interface of the library that runs; a program that was compiled with
/// another `ORIONRT_ABI_VERSION` must not go on.
#[unsafe(no_mangle)]
pub extern "C" fn orionrt_abi_version() -> u32 {
    ORIONRT_ABI_VERSION
}

/// The version of the binary interface that this header describes. It grows when a function or a
/// structure changes, also by a new field, not when a function is added. The shared library's name
/// has it: `liborionrt-plan.so.3`.
pub const ORIONRT_ABI_VERSION: u32 = 3;
