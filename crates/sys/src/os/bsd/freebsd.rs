//! FreeBSD: giving memory back, waiting by `_umtx_op`, and what `sysctl` tells.

#[cfg(not(loom))]
use core::sync::atomic::AtomicU32;
#[cfg(not(loom))]
use core::{ffi::c_void, ptr, time::Duration};
use std::{format, string::String};

use rustix::mm::ProtFlags;

use super::sysctl::number_of_kernel;
use crate::os::{OsError, Pages, faults::Call, posix};

pub(super) const CLOCK: libc::clockid_t = libc::CLOCK_MONOTONIC;
pub(super) const COARSE_CLOCK: libc::clockid_t = libc::CLOCK_MONOTONIC_FAST;

/// # Safety
/// That of [`System::discard`](crate::os::System::discard).
pub(super) unsafe fn discard(pages: Pages) -> Result<(), OsError> {
    let access = ProtFlags::READ | ProtFlags::WRITE;
    // SAFETY: the caller's duty: nobody relies on the contents.
    let replaced = unsafe { posix::replace(Call::Discard, pages, access) };
    if replaced.is_err() && !is_mapped(pages) {
        posix::write_to_stderr(b"orionrt: the system took pages and refused new ones\n");
        std::process::abort();
    }
    replaced
}

/// Whether the first of these pages is mapped. The kernel takes all of a range, or nothing.
fn is_mapped(pages: Pages) -> bool {
    let mut state = 0;
    // SAFETY: the kernel looks at a page, and writes a byte about it.
    unsafe { libc::mincore(posix::at(pages).cast(), 1, &raw mut state) == 0 }
}

pub(super) fn memory_and_swap() -> Option<u64> {
    let memory = number_of_kernel(c"hw.physmem")?;
    let swap = number_of_kernel(c"vm.swap_total").unwrap_or(0);
    Some(memory.saturating_add(swap))
}

/// The kernel calls them domains.
pub(super) fn online_nodes() -> Option<String> {
    let last = number_of_kernel(c"vm.ndomains")?.checked_sub(1)?;
    Some(format!("0-{last}"))
}

#[cfg(not(loom))]
pub(super) fn wait_while(word: &AtomicU32, value: u32, timeout: Option<Duration>) -> bool {
    // A timeout beyond what the kernel can count is none.
    let time = timeout.and_then(|timeout| {
        Some(libc::_umtx_time {
            _timeout: libc::timespec {
                tv_sec: timeout.as_secs().try_into().ok()?,
                tv_nsec: timeout.subsec_nanos() as _,
            },
            _flags: 0,
            _clockid: libc::CLOCK_MONOTONIC as u32,
        })
    });
    let (size, time) = match &time {
        Some(time) => (
            size_of::<libc::_umtx_time>(),
            ptr::from_ref(time).cast_mut(),
        ),
        None => (0, ptr::null_mut()),
    };
    // SAFETY: the kernel compares the word, which outlives the call, and reads the time, whose size
    // it is told in the place of an address.
    unsafe {
        libc::_umtx_op(
            word.as_ptr().cast::<c_void>(),
            libc::UMTX_OP_WAIT_UINT_PRIVATE,
            value.into(),
            ptr::without_provenance_mut(size),
            time.cast(),
        )
    };
    true
}

#[cfg(not(loom))]
pub(super) fn wake_one(word: &AtomicU32) {
    let none = ptr::null_mut();
    // SAFETY: the kernel looks for threads that wait at the address, and touches nothing.
    unsafe {
        libc::_umtx_op(
            word.as_ptr().cast::<c_void>(),
            libc::UMTX_OP_WAKE_PRIVATE,
            1,
            none,
            none,
        )
    };
}
