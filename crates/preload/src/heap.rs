//! The one heap of the process, which all functions of the library work on, and what a refusal is
//! to C: null, and `ENOMEM`.
//!
//! Stands on the settings, which it reads on first use, and on the recorder, which it tells of
//! every call if the settings ask for a recording. A `static` without an initialiser, so that it
//! can be used before anything of the process was initialised, and after everything was destroyed.
//!
//! Invariant: every block that a function of the library returns is one of this heap, and `errno`
//! changes only where a block is refused.

use orionrt_alloc::{Malloc, OrionAlloc};

use crate::{environment::set_errno, recorder::Recorder, settings};

/// The heap behind all functions.
pub(crate) static HEAP: Malloc =
    Malloc::new(OrionAlloc::new().adjusted_by(settings::apply)).observed_by(&Recorder);

/// The alignment that every block has, in bytes.
pub(crate) const ALIGN: usize = 16;

/// Sets `errno` where a block is refused.
#[inline(always)]
pub(crate) fn or_no_memory(block: *mut u8) -> *mut u8 {
    if block.is_null() {
        refused();
    }
    block
}

#[cold]
fn refused() {
    set_errno(libc::ENOMEM);
}
