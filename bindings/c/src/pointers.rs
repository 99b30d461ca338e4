//! The caller's pointers: arrays, text, paths, and places for answers.
//!
//! Stands on `failure`. Invariant: a pointer is looked at only after the checks that can be made of
//! it: not null, aligned, and with a length that memory can have. That it points to what the caller
//! says is the caller's part.

use std::ffi::{CStr, c_char};
use std::path::Path;

use crate::failure::Failure;
use crate::status::orionrt_status::*;

/// The elements of an array in the caller's memory.
///
/// # Safety
/// `data` is null, or it points to `count` elements that stay as they are during `'a`.
pub(crate) unsafe fn slice<'a, T>(
    data: *const T,
    count: usize,
    what: &str,
) -> Result<&'a [T], Failure> {
    if count == 0 {
        return Ok(&[]);
    }
    check_array(data, count, what)?;
    // SAFETY: the pointer is neither null nor misaligned and the length is one that memory can
    // have, as was checked; the caller says that the elements are there.
    Ok(unsafe { std::slice::from_raw_parts(data, count) })
}

/// Copies values into an array in the caller's memory, which has room for `room` of them.
///
/// # Safety
/// `data` is null, or `room` elements may be written there.
pub(crate) unsafe fn copy<T: Copy>(
    values: &[T],
    data: *mut T,
    room: usize,
    what: &str,
) -> Result<(), Failure> {
    if room < values.len() {
        let message = format!("{what} has room for {room}; expected {}", values.len());
        return Err(Failure::new(ORIONRT_WRONG_COUNT, message));
    }
    if values.is_empty() {
        return Ok(());
    }
    check_array(data, room, what)?;
    // SAFETY: the pointer is neither null nor misaligned, and the caller says that `room` elements
    // may be written, of which these are at most as many. They are ours, so nothing overlaps.
    unsafe { std::ptr::copy_nonoverlapping(values.as_ptr(), data, values.len()) };
    Ok(())
}

fn check_array<T>(data: *const T, count: usize, what: &str) -> Result<(), Failure> {
    check_pointer(data, what)?;
    check_length(count, size_of::<T>(), what)
}

fn check_pointer<T>(data: *const T, what: &str) -> Result<(), Failure> {
    if data.is_null() {
        return Err(Failure::null(what));
    }
    if !data.is_aligned() {
        let expected = format!("a multiple of {}", align_of::<T>());
        return Err(Failure::invalid(
            what,
            format_args!("at {data:p}"),
            &expected,
        ));
    }
    Ok(())
}

/// Whether so many elements, each so many bytes after the one before it, can be in memory.
pub(crate) fn check_length(count: usize, stride: usize, what: &str) -> Result<(), Failure> {
    let bytes = count.checked_mul(stride);
    if bytes.is_some_and(|bytes| isize::try_from(bytes).is_ok()) {
        return Ok(());
    }
    let message = format!(
        "{what} has {count} elements, {stride} bytes apart; expected fewer than {} bytes",
        isize::MAX
    );
    Err(Failure::new(ORIONRT_LENGTH_OVERFLOW, message))
}

/// A text that ends with a zero byte.
///
/// # Safety
/// `text` is null, or a zero byte comes after it, and nothing up to there changes during `'a`.
pub(crate) unsafe fn string<'a>(text: *const c_char, what: &str) -> Result<&'a str, Failure> {
    if text.is_null() {
        return Err(Failure::null(what));
    }
    // SAFETY: the caller says that a zero byte ends the text.
    let text = unsafe { CStr::from_ptr(text) };
    text.to_str().map_err(|error| {
        let message = format!("{what} is not UTF-8: byte {} is wrong", error.valid_up_to());
        Failure::new(ORIONRT_NOT_UTF8, message)
    })
}

/// The path of a file: on Unix any bytes, elsewhere UTF-8.
///
/// # Safety
/// As for [`string`].
pub(crate) unsafe fn path<'a>(text: *const c_char) -> Result<&'a Path, Failure> {
    #[cfg(unix)]
    {
        use std::os::unix::ffi::OsStrExt;
        if text.is_null() {
            return Err(Failure::null("path"));
        }
        // SAFETY: the pointer is not null, and the caller says that a zero byte ends the text.
        let bytes = unsafe { CStr::from_ptr(text) }.to_bytes();
        Ok(Path::new(std::ffi::OsStr::from_bytes(bytes)))
    }
    #[cfg(not(unix))]
    // SAFETY: the caller says of the text what `string` asks for.
    Ok(Path::new(unsafe { string(text, "path") }?))
}

/// Writes an answer to where the caller wants it.
///
/// # Safety
/// `out` is null, or a value may be written there.
pub(crate) unsafe fn put<T>(out: *mut T, value: T, what: &str) -> Result<(), Failure> {
    check_pointer(out, what)?;
    // SAFETY: the pointer is neither null nor misaligned, and the caller says that it may be
    // written to.
    unsafe { out.write(value) };
    Ok(())
}

/// Writes an answer to where the caller wants it, if it is wanted.
///
/// # Safety
/// As for [`put`].
pub(crate) unsafe fn put_if_wanted<T>(out: *mut T, value: T, what: &str) -> Result<(), Failure> {
    if out.is_null() {
        return Ok(());
    }
    // SAFETY: the caller says that a value may be written there.
    unsafe { put(out, value, what) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_are_looked_at_only_if_memory_can_have_them() {
        let numbers = [1u64, 2, 3];
        let at = |bytes: usize| numbers.as_ptr().wrapping_byte_add(bytes);
        let status = |data, count| {
            // SAFETY: what does not point to so many numbers is refused before it is looked at.
            let found = unsafe { slice::<u64>(data, count, "numbers") };
            found.map(<[u64]>::to_vec).map_err(|failure| failure.status)
        };
        assert_eq!(status(at(0), 3), Ok(numbers.to_vec()));
        assert_eq!(status(std::ptr::null(), 0), Ok(Vec::new()));
        assert_eq!(status(std::ptr::null(), 1), Err(ORIONRT_NULL_POINTER));
        assert_eq!(status(at(1), 1), Err(ORIONRT_INVALID_ARGUMENT));
        assert_eq!(status(at(0), usize::MAX), Err(ORIONRT_LENGTH_OVERFLOW));
        assert_eq!(
            status(at(0), isize::MAX as usize),
            Err(ORIONRT_LENGTH_OVERFLOW)
        );
    }

    #[test]
    fn answers_are_written_only_to_where_they_may_be() {
        let mut numbers = [1u64, 2];
        let at = numbers.as_mut_ptr();
        // SAFETY: a pointer that is null or misaligned is refused before anything is written.
        let status = |out: *mut u64| unsafe { put(out, 7, "out") }.map_err(|one| one.status);
        assert_eq!(status(at), Ok(()));
        assert_eq!(status(std::ptr::null_mut()), Err(ORIONRT_NULL_POINTER));
        let odd = at.wrapping_byte_add(1);
        assert_eq!(status(odd), Err(ORIONRT_INVALID_ARGUMENT));
        // SAFETY: nothing is written to a null pointer.
        assert!(unsafe { put_if_wanted(std::ptr::null_mut(), 7, "out") }.is_ok());
        assert_eq!(numbers, [7, 2]);
    }
}
