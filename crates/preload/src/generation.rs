//! [`generation`]: tells a process from the one that it was made from.
//!
//! A page of memory that the system clears in every child with memory of its own says so, however
//! the child was made: `clone` and `_Fork` call no handlers. Before Linux 4.14 there is no such
//! page, and [`forks`] says so of `fork` alone.
//!
//! Invariant: nothing here allocates or locks. The number of a process stays the same and differs
//! from those of all that it descends from.

use core::{
    ptr,
    sync::atomic::{AtomicPtr, AtomicUsize, Ordering},
};

use orionrt_alloc::heap::forks;
use orionrt_sys::mapping::PAGE;

use crate::environment::{errno, set_errno};

/// The number of the process plus 1, in a page that is zero in a child; null if there is no page.
static MARK: AtomicPtr<AtomicUsize> = AtomicPtr::new(ptr::null_mut());
/// The last number that was given out, where there is a page.
static LAST: AtomicUsize = AtomicUsize::new(0);

/// The number of this process. `fork`, `clone` and the like give the child another one.
#[inline]
pub(crate) fn generation() -> usize {
    // SAFETY: a page that stays, or null.
    let Some(mark) = (unsafe { MARK.load(Ordering::Acquire).as_ref() }) else {
        return forks();
    };
    match mark.load(Ordering::Relaxed) {
        0 => next(mark),
        marked => marked - 1,
    }
}

/// Whether this process is known to have this number, without a call; `false` where that takes one.
#[inline]
pub(crate) fn is_known_to_be(generation: usize) -> bool {
    // SAFETY: as in `generation`.
    let mark = unsafe { MARK.load(Ordering::Acquire).as_ref() };
    mark.is_some_and(|mark| mark.load(Ordering::Relaxed) == generation + 1)
}

/// The number of a process that has none yet.
#[cold]
fn next(mark: &AtomicUsize) -> usize {
    let new = LAST.fetch_add(1, Ordering::Relaxed) + 1;
    let marked = mark.compare_exchange(0, new + 1, Ordering::Relaxed, Ordering::Relaxed);
    marked.map_or_else(|other| other - 1, |_| new)
}

/// Makes the page, if there is none. The number of the process stays what it is.
pub(crate) fn watch() {
    if !MARK.load(Ordering::Relaxed).is_null() {
        return;
    }
    let saved = errno();
    if let Some(mark) = new_page() {
        LAST.store(forks(), Ordering::Relaxed);
        mark.store(forks() + 1, Ordering::Relaxed);
        MARK.store(ptr::from_ref(mark).cast_mut(), Ordering::Release);
    }
    set_errno(saved);
}

/// A page of zeros that is one again in every child.
fn new_page() -> Option<&'static AtomicUsize> {
    let (access, flags) = (
        libc::PROT_READ | libc::PROT_WRITE,
        libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
    );
    let none = ptr::null_mut::<u8>();
    // SAFETY: maps at a new address.
    let page = unsafe { libc::syscall(libc::SYS_mmap, none, PAGE, access, flags, -1, 0_i64) };
    if page == -1 {
        return None;
    }
    // SAFETY: pages that were just mapped.
    let wiped = unsafe { libc::syscall(libc::SYS_madvise, page, PAGE, libc::MADV_WIPEONFORK) == 0 };
    if !wiped {
        // SAFETY: just mapped, and used by nobody.
        unsafe { libc::syscall(libc::SYS_munmap, page, PAGE) };
        return None;
    }
    // SAFETY: just mapped, and kept for ever; zeros are an atomic.
    unsafe { ptr::with_exposed_provenance::<AtomicUsize>(page as usize).as_ref() }
}
