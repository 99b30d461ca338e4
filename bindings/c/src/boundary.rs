//! What crosses between C and Rust: handles, pointers, lengths, and panics that do not.
//!
//! Stands on `failure`. A *handle* is a pointer to a value of Rust that C cannot look into: an
//! empty type that the header declares, and the value that it stands for. Invariants: a pointer is
//! looked at only after the checks that can be made of it: not null, and, unless it is a handle,
//! aligned and with a length that memory can have; and the value of every handle may be used from
//! several threads. That a pointer points to what the caller says, and that a handle is one that
//! the library gave, is the caller's part.

use std::any::Any;
use std::ffi::{CStr, c_char};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use crate::failure::Failure;
use crate::status::orionrt_status::{self, *};

/// A type that C sees as opaque, and the value behind a pointer to it.
pub(crate) trait Handle: Sized {
    /// What the pointer points to. Several threads may use one that nobody changes.
    type Value: Send + Sync;
}

/// A handle of a value, which the caller owns from now on.
pub(crate) fn give<H: Handle>(value: H::Value) -> *mut H {
    Box::into_raw(Box::new(value)).cast()
}

/// A handle that the caller may look at for as long as `value` is there.
pub(crate) fn lend<H: Handle>(value: &H::Value) -> *const H {
    std::ptr::from_ref(value).cast()
}

/// Drops the value of a handle; nothing for a null pointer.
///
/// # Safety
/// The handle is null, or [`give`] made it and nobody uses it any more.
pub(crate) unsafe fn free<H: Handle>(handle: *mut H) {
    if handle.is_null() {
        return;
    }
    // SAFETY: `give` made the pointer of a box of this type, and the caller gives it back once.
    let value = unsafe { Box::from_raw(handle.cast::<H::Value>()) };
    let _ = catch(|| {
        drop(value);
        Ok(())
    });
}

/// The value of a handle.
///
/// # Safety
/// The handle is null, or it was given or lent, is still there, and is not changed during `'a`.
pub(crate) unsafe fn get<'a, H: Handle>(
    handle: *const H,
    what: &str,
) -> Result<&'a H::Value, Failure> {
    // SAFETY: the caller says that the pointer is null or that of a value, which nobody changes.
    unsafe { handle.cast::<H::Value>().as_ref() }.ok_or_else(|| Failure::null(what))
}

/// A copy of what a handle stands for; the default for a null handle.
///
/// # Safety
/// As for [`get`], but during the call alone.
pub(crate) unsafe fn copy_of<H: Handle>(handle: *const H) -> H::Value
where
    H::Value: Clone + Default,
{
    // SAFETY: the caller says that the pointer is null or that of a value, which nobody changes.
    let value = unsafe { handle.cast::<H::Value>().as_ref() };
    value.cloned().unwrap_or_default()
}

/// The value of a handle, to be changed.
///
/// # Safety
/// The handle is null, or it was given, is still there, and nobody else uses it during `'a`.
pub(crate) unsafe fn get_mut<'a, H: Handle>(
    handle: *mut H,
    what: &str,
) -> Result<&'a mut H::Value, Failure> {
    // SAFETY: the caller says that the pointer is null or that of a value that is ours alone.
    unsafe { handle.cast::<H::Value>().as_mut() }.ok_or_else(|| Failure::null(what))
}

/// What a handle says of itself; the default, which is 0 or null, if the handle is null.
///
/// # Safety
/// As for [`get`].
pub(crate) unsafe fn ask<H: Handle, T: Answer>(
    handle: *const H,
    answer: impl FnOnce(&H::Value) -> T,
) -> T {
    // SAFETY: the caller says of the handle what `get` asks for.
    let answer = catch(|| Ok(answer(unsafe { get(handle, "the handle") }?)));
    answer.unwrap_or(T::NOTHING)
}

/// A value that a function returns by itself, with one that says that there is none.
pub(crate) trait Answer {
    /// The value for a null handle.
    const NOTHING: Self;
}

impl Answer for orionrt_status {
    const NOTHING: Self = ORIONRT_OK;
}

impl Answer for bool {
    const NOTHING: Self = false;
}

impl Answer for u64 {
    const NOTHING: Self = 0;
}

impl Answer for usize {
    const NOTHING: Self = 0;
}

impl<T> Answer for *const T {
    const NOTHING: Self = std::ptr::null();
}

/// Runs what a function does. A panic becomes an error.
pub(crate) fn catch<T>(body: impl FnOnce() -> Result<T, Failure>) -> Result<T, Failure> {
    catch_unwind(AssertUnwindSafe(body)).unwrap_or_else(|panic| Err(of_panic(&*panic)))
}

fn of_panic(panic: &(dyn Any + Send)) -> Failure {
    let text = panic.downcast_ref::<&str>().copied();
    let text = text.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    let text = text.unwrap_or("no message");
    Failure::new(ORIONRT_INTERNAL, format!("the library panicked: {text}"))
}

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

    struct Number(());

    impl Handle for Number {
        type Value = u64;
    }

    #[test]
    fn a_panic_becomes_an_error_with_its_message() {
        let failure = catch::<()>(|| panic!("number {}", 7)).unwrap_err();
        assert_eq!(failure.status, ORIONRT_INTERNAL);
        assert_eq!(failure.message, "the library panicked: number 7");
        let number: *mut Number = give(7);
        // SAFETY: the handle was given, and is freed once, at the end.
        unsafe {
            assert_eq!(ask(number, |&number| number), 7);
            assert_eq!(ask::<_, u64>(number, |_| panic!("no answer")), 0);
            free(number);
        }
    }

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
