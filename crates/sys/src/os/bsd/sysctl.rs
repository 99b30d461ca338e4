//! Numbers that the kernel tells by name.

use core::{ffi::CStr, ptr};

/// A number of 32 or of 64 bits; `None` where the kernel has none of that name.
pub(super) fn number_of_kernel(name: &CStr) -> Option<u64> {
    let mut bytes = [0u8; 8];
    let mut len = bytes.len();
    // SAFETY: the kernel writes at most `len` bytes, and how many they are.
    let told = unsafe {
        let place = bytes.as_mut_ptr().cast();
        libc::sysctlbyname(name.as_ptr(), place, &raw mut len, ptr::null_mut(), 0)
    };
    match (told, len) {
        (0, 4) => Some(u32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]).into()),
        (0, 8) => Some(u64::from_ne_bytes(bytes)),
        _ => None,
    }
}
