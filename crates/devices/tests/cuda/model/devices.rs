//! The driver itself, its two devices and their contexts.

use std::{
    ffi::{c_char, c_int, c_uint},
    ptr,
};

use crate::{
    answers::{CAPTURE_UNSUPPORTED, INVALID_CONTEXT, INVALID_DEVICE, OUT_OF_MEMORY, SUCCESS, give},
    memory::MEMORY,
    state::{CURRENT, with},
};

#[unsafe(no_mangle)]
pub extern "C" fn cuInit(_flags: c_uint) -> u32 {
    SUCCESS
}

#[unsafe(no_mangle)]
pub extern "C" fn cuDriverGetVersion(version: *mut c_int) -> u32 {
    give(version, 12000)
}

#[unsafe(no_mangle)]
pub extern "C" fn cuDeviceGetCount(count: *mut c_int) -> u32 {
    give(count, 2)
}

#[unsafe(no_mangle)]
pub extern "C" fn cuDeviceGet(device: *mut c_int, ordinal: c_int) -> u32 {
    if (0..2).contains(&ordinal) {
        give(device, ordinal)
    } else {
        INVALID_DEVICE
    }
}

#[unsafe(no_mangle)]
pub extern "C" fn cuDeviceGetName(name: *mut c_char, bytes: c_int, _device: c_int) -> u32 {
    let text = c"model of a device".to_bytes_with_nul();
    assert!(text.len() <= bytes as usize);
    // SAFETY: the caller has room for so many bytes.
    unsafe { ptr::copy(text.as_ptr().cast(), name, text.len()) };
    SUCCESS
}

#[unsafe(no_mangle)]
pub extern "C" fn cuDeviceTotalMem_v2(bytes: *mut usize, _device: c_int) -> u32 {
    give(bytes, MEMORY)
}

#[unsafe(no_mangle)]
pub extern "C" fn cuDeviceGetAttribute(value: *mut c_int, _what: c_uint, _device: c_int) -> u32 {
    give(value, 0)
}

#[unsafe(no_mangle)]
pub extern "C" fn cuDevicePrimaryCtxRetain(context: *mut usize, device: c_int) -> u32 {
    with(|model| {
        if model.is_refused() {
            return OUT_OF_MEMORY;
        }
        model.contexts += 1;
        give(context, device as usize + 1)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn cuDevicePrimaryCtxRelease_v2(_device: c_int) -> u32 {
    with(|model| {
        model.contexts -= 1;
        SUCCESS
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn cuCtxGetCurrent(context: *mut usize) -> u32 {
    give(context, CURRENT.get())
}

#[unsafe(no_mangle)]
pub extern "C" fn cuCtxSetCurrent(context: usize) -> u32 {
    CURRENT.set(context);
    SUCCESS
}

#[unsafe(no_mangle)]
pub extern "C" fn cuCtxSynchronize() -> u32 {
    with(|model| {
        if CURRENT.get() == 0 {
            return INVALID_CONTEXT;
        }
        // A context whose stream is captured cannot be waited for, in whatever mode the thread is.
        if model.invalidate(|_| true) {
            return CAPTURE_UNSUPPORTED;
        }
        let streams: Vec<_> = model.streams.keys().copied().collect();
        let answers = streams.into_iter().map(|stream| model.finish(stream));
        answers.fold(SUCCESS, u32::max)
    })
}

#[unsafe(no_mangle)]
pub extern "C" fn cuGetErrorString(_error: u32, text: *mut *const c_char) -> u32 {
    give(text, c"as the model was told".as_ptr())
}
