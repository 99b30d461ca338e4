//! What crosses between C and Rust: handles, and panics that do not.
//!
//! Stands on `failure`. A *handle* is a pointer to a value of Rust that C cannot look into: an
//! empty type that the header declares, and the value that it stands for. Invariant: the value of
//! every handle may be used from several threads. That a handle is null or one that the library
//! gave is the caller's part.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::failure::Failure;
use crate::status::orionrt_status::{self, *};

/// A type that C sees as opaque, and the value behind a pointer to it.
pub(crate) trait Handle: Sized {
    /// What the header calls a parameter of this type.
    const NAME: &'static str;
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
pub(crate) unsafe fn get<'a, H: Handle>(handle: *const H) -> Result<&'a H::Value, Failure> {
    // SAFETY: the caller says that the pointer is null or that of a value, which nobody changes.
    unsafe { handle.cast::<H::Value>().as_ref() }.ok_or_else(|| Failure::null(H::NAME))
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
pub(crate) unsafe fn get_mut<'a, H: Handle>(handle: *mut H) -> Result<&'a mut H::Value, Failure> {
    // SAFETY: the caller says that the pointer is null or that of a value that is ours alone.
    unsafe { handle.cast::<H::Value>().as_mut() }.ok_or_else(|| Failure::null(H::NAME))
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
    let answer = catch(|| Ok(answer(unsafe { get(handle) }?)));
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

#[cfg(test)]
mod tests {
    use super::*;

    struct Number(());

    impl Handle for Number {
        const NAME: &'static str = "number";
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
}
