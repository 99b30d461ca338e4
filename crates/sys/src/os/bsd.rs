//! FreeBSD and Apple's systems: POSIX, and what each of the two has of its own.
//!
//! Discarded pages are replaced by new ones: `MADV_FREE` and Apple's `MADV_FREE_REUSABLE` may leave
//! the old bytes, and a discarded page reads as zeros. (On FreeBSD those of before a `fork`, even
//! where zeros were written.) Apple's kernel puts the old pages back where it refuses new ones.
//! FreeBSD's may leave a hole, in which anyone may map something: then the process ends.
//!
//! Neither system takes advice for huge pages (FreeBSD makes superpages by itself), moves pages, or
//! binds memory to a node.
//!
//! Invariant: that of `posix.rs`.

// A file uses only files above it in this list.
mod sysctl;
#[cfg(all(target_vendor = "apple", not(loom)))]
mod apple_wait;
#[cfg(target_vendor = "apple")]
mod apple;
#[cfg(target_os = "freebsd")]
mod freebsd;

#[cfg(not(loom))]
use core::sync::atomic::AtomicU32;
use core::{ffi::c_void, fmt, ptr::NonNull, time::Duration};
use std::string::String;

use rustix::mm::ProtFlags;

#[cfg(target_vendor = "apple")]
use self::apple as own;
#[cfg(target_os = "freebsd")]
use self::freebsd as own;
use super::{
    OsError, Pages, System,
    faults::{self, Call},
    posix,
};

/// The implementation of [`System`] for FreeBSD and Apple's systems.
pub(crate) struct Bsd;

impl System for Bsd {
    const MISSING: &'static [i32] = posix::MISSING;
    const NO_MEMORY: &'static [i32] = posix::NO_MEMORY;

    fn page_size() -> Option<usize> {
        posix::page_size()
    }

    fn reserve(len: usize, align: usize) -> Result<NonNull<u8>, OsError> {
        posix::reserve::reserve(len, align)
    }

    unsafe fn release(pages: Pages) {
        // SAFETY: the caller's duty.
        unsafe { posix::release(pages) };
    }

    unsafe fn commit(pages: Pages) -> Result<(), OsError> {
        // SAFETY: the caller's duty.
        unsafe { posix::commit(pages) }
    }

    unsafe fn commit_read_only(pages: Pages) -> Result<(), OsError> {
        // SAFETY: the caller's duty.
        unsafe { posix::commit_read_only(pages) }
    }

    unsafe fn decommit(pages: Pages) -> Result<(), OsError> {
        // SAFETY: the caller's duty: nobody uses the pages.
        unsafe { posix::replace(Call::Map, pages, ProtFlags::empty()) }
    }

    unsafe fn discard(pages: Pages) -> Result<(), OsError> {
        // SAFETY: the caller's duty: nobody relies on the contents.
        unsafe { own::discard(pages) }
    }

    unsafe fn protect(pages: Pages, accessible: bool) -> Result<(), OsError> {
        // SAFETY: the caller's duty.
        unsafe { posix::protect(pages, accessible) }
    }

    unsafe fn lock(pages: Pages) -> Result<(), OsError> {
        // SAFETY: the caller's duty.
        unsafe { posix::lock(pages) }
    }

    unsafe fn unlock(pages: Pages) -> Result<(), OsError> {
        // SAFETY: the caller's duty.
        unsafe { posix::unlock(pages) }
    }

    fn lock_limit() -> Option<u64> {
        posix::lock_limit()
    }

    fn explain_lock_limit(f: &mut fmt::Formatter<'_>, limit: u64, bytes: usize) -> fmt::Result {
        posix::explain_lock_limit(f, limit, bytes)?;
        f.write_str(" (KiB)")
    }

    fn online_nodes() -> Option<String> {
        own::online_nodes()
    }

    fn address_space_limit() -> Option<u64> {
        posix::address_space_limit()
    }

    fn memory_and_swap() -> Option<u64> {
        faults::pass(Call::MachineMemory).ok()?;
        own::memory_and_swap()
    }

    #[cfg(not(loom))]
    fn wait_while(word: &AtomicU32, value: u32, timeout: Option<Duration>) -> bool {
        own::wait_while(word, value, timeout)
    }

    #[cfg(not(loom))]
    fn wake_one(word: &AtomicU32) {
        own::wake_one(word);
    }

    #[inline]
    fn monotonic() -> Duration {
        posix::read_clock(own::CLOCK)
    }

    #[inline]
    fn monotonic_coarse() -> Duration {
        posix::read_clock(own::COARSE_CLOCK)
    }

    fn write_to_stderr(message: &[u8]) {
        posix::write_to_stderr(message);
    }

    fn at_fork(
        before: Option<extern "C" fn()>,
        in_parent: Option<extern "C" fn()>,
        in_child: Option<extern "C" fn()>,
    ) -> bool {
        posix::at_fork(before, in_parent, in_child)
    }

    fn new_thread_key(run: extern "C" fn(*mut c_void)) -> Option<u32> {
        posix::new_thread_key(run)
    }

    fn delete_thread_key(key: u32) {
        posix::delete_thread_key(key);
    }

    fn set_thread_key(key: u32, _run: extern "C" fn(*mut c_void)) -> bool {
        posix::set_thread_key(key)
    }
}
