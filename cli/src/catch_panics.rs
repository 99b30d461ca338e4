//! Turns panics of other people's code into errors.
//!
//! Stands on nothing. Invariant: a panic inside [`catch_panics`] ends there, and nothing of it is
//! printed. That takes `panic = "unwind"`.

#![forbid(unsafe_code)]

use std::{
    any::Any,
    cell::Cell,
    panic::{self, AssertUnwindSafe},
    sync::Once,
};

thread_local! {
    static IS_QUIET: Cell<bool> = const { Cell::new(false) };
}

/// Does `work`; returns the panic's message if it panics. What `work` was changing may then be
/// half changed, and must not be used again.
pub(crate) fn catch_panics<T>(work: impl FnOnce() -> T) -> Result<T, String> {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let hook = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if !IS_QUIET.get() {
                hook(info);
            }
        }));
    });
    let outer = IS_QUIET.replace(true);
    let result = panic::catch_unwind(AssertUnwindSafe(work));
    IS_QUIET.set(outer);
    result.map_err(|panic| message(&*panic))
}

/// The first line: a panic over one of tract's errors carries a backtrace after it.
fn message(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or(panic.downcast_ref::<&str>().copied());
    let first = text.and_then(|text| text.lines().next());
    first.unwrap_or("no message").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error_with_its_first_line() {
        assert_eq!(catch_panics(|| 3), Ok(3));
        let lines: Result<(), _> = catch_panics(|| panic!("one {}\ntwo", 1));
        assert_eq!(lines, Err("one 1".into()));
        let plain: Result<(), _> = catch_panics(|| panic!("plain"));
        assert_eq!(plain, Err("plain".into()));
        let other: Result<(), _> = catch_panics(|| panic::panic_any(7));
        assert_eq!(other, Err("no message".into()));
        assert!(!IS_QUIET.get());
    }
}
