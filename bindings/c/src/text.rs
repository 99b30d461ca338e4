//! Text: strings that belong to a handle, and text that the caller owns.
//!
//! Stands on `boundary`. Strings have a length, as names may hold any character, zero included.

use std::ffi::c_char;

use crate::boundary::{Answer, Handle, ask, free};

/// UTF-8 text in memory: `length` bytes without a zero byte at the end. It belongs to the handle
/// that it was asked of, and is valid as long as that. Print it with
/// `printf("%.*s", (int)string.length, string.data)`.
#[repr(C)]
#[derive(Clone, Copy, Debug)]
pub struct orionrt_string {
    /// The first byte; if there is no text, that of an empty one, never null.
    pub data: *const c_char,
    /// The number of bytes.
    pub length: usize,
}

impl orionrt_string {
    pub(crate) fn of(text: &str) -> Self {
        Self {
            data: text.as_ptr().cast(),
            length: text.len(),
        }
    }
}

impl Answer for orionrt_string {
    const NOTHING: Self = Self {
        data: c"".as_ptr(),
        length: 0,
    };
}

/// Text that the caller owns: JSON, CSV, warnings. Free it with `orionrt_text_free`.
pub struct orionrt_text(());

impl Handle for orionrt_text {
    const NAME: &'static str = "text";
    type Value = String;
}

/// The text. It is valid until the text is freed.
///
/// # Safety
/// `text` is null or a text that has not been freed.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_text_string(text: *const orionrt_text) -> orionrt_string {
    // SAFETY: the caller says that the handle is null or live.
    unsafe { ask(text, |text| orionrt_string::of(text)) }
}

/// Frees a text; nothing for a null pointer.
///
/// # Safety
/// `text` is null or a text that has not been freed, and is not used any more.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn orionrt_text_free(text: *mut orionrt_text) {
    // SAFETY: the caller gives the handle back.
    unsafe { free(text) };
}
