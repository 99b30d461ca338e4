//! Invalid frees: the error that the heap returns for one, and the end of the process.
//!
//! The files of the heap return [`InvalidFree`] wherever a caller can pass it on. The global
//! allocator in front of them, and the few places without such a caller (in `spans.rs` and
//! `hardened.rs`), turn it into a message and an abort: going on could hand out memory that is in
//! use, and unwinding out of a global allocator is undefined behaviour. The message is written
//! piece by piece, because nothing here may allocate.
//!
//! `orionrt_buddy::InvalidFree`, the error of a buddy allocator, is another type: it can say which
//! offset and size were wrong, because its callers may format.

#![forbid(unsafe_code)]

use orionrt_sys::process;

/// The program freed or resized memory that is not allocated: a pointer that is not the start of a
/// live block, or a layout of another size class.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidFree {
    address: usize,
}

impl InvalidFree {
    /// The pointer that was freed or resized.
    #[must_use]
    pub fn at(start: *const u8) -> Self {
        Self {
            address: start.addr(),
        }
    }
}

/// Writes why to standard error and ends the process, without allocating or unwinding.
///
/// Its type parameter makes it fit where a value is expected, as in
/// `outcome.unwrap_or_else(abort_invalid_free)`.
#[cold]
pub fn abort_invalid_free<T>(invalid: InvalidFree) -> T {
    let digits = hexadecimal(invalid.address);
    process::abort_with(&[
        "orionrt: invalid free: the program freed or resized memory at ",
        core::str::from_utf8(&digits).unwrap_or("an address"),
        ", which is not a live block of this allocator (freed twice, or with another layout)\n",
    ])
}

/// The digits of a pointer behind `0x`, with leading zeros.
fn hexadecimal(address: usize) -> [u8; 2 + usize::BITS as usize / 4] {
    let mut digits = [b'0'; 2 + usize::BITS as usize / 4];
    digits[1] = b'x';
    let mut left = address;
    for digit in digits[2..].iter_mut().rev() {
        *digit = b"0123456789abcdef"[left % 16];
        left /= 16;
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_all_of_its_digits() {
        for address in [0, 0xf, 0xdead_beef, usize::MAX] {
            let digits = hexadecimal(address);
            let width = digits.len();
            assert_eq!(digits.as_slice(), format!("{address:#0width$x}").as_bytes());
        }
    }
}
