//! What Linux, FreeBSD and Apple's systems have in common: memory by `mmap` and `mprotect`, limits,
//! clocks, `fork` and the keys of threads.
//!
//! rustix makes most calls. libc makes those that rustix lacks (`pthread_atfork`, keys of threads),
//! and reads the clock, for which rustix looks up the kernel's fast path on first use and may
//! allocate.
//!
//! Invariant: every call that the kernel may refuse and whose caller acts on it goes through `ask`.
//! `munmap` does not: its caller could only ignore the refusal.

// A file uses only files above it in this list.
pub(super) mod call;
pub(super) mod reserve;

use core::{
    ffi::{c_int, c_void},
    fmt, ptr,
    time::Duration,
};

use rustix::mm::{self, MapFlags, MprotectFlags, ProtFlags};

use self::call::{UNCOMMITTED, ask};
use super::{OsError, Pages, faults::Call};

const READ_WRITE: MprotectFlags = MprotectFlags::READ.union(MprotectFlags::WRITE);

/// How a system that lacks a call, or a seccomp filter that pretends so, refuses it.
pub(super) const MISSING: &[i32] = &[libc::ENOSYS];

/// How a call is refused for lack of memory.
pub(super) const NO_MEMORY: &[i32] = &[libc::ENOMEM];

pub(super) fn at(pages: Pages) -> *mut c_void {
    pages.start.as_ptr().cast()
}

/// The C library has it from the start of the process.
pub(super) fn page_size() -> Option<usize> {
    // SAFETY: asks for a number.
    usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).ok()
}

/// # Safety
/// That of [`System::release`](super::System::release).
pub(super) unsafe fn release(pages: Pages) {
    // SAFETY: the caller's duty.
    let _ = unsafe { mm::munmap(at(pages), pages.len) };
}

/// # Safety
/// The caller owns the pages.
pub(super) unsafe fn commit(pages: Pages) -> Result<(), OsError> {
    // SAFETY: only widens the access to pages that the caller owns.
    unsafe { set_access(pages, READ_WRITE) }
}

/// # Safety
/// The caller owns the pages, of which none is committed.
pub(super) unsafe fn commit_read_only(pages: Pages) -> Result<(), OsError> {
    // SAFETY: only widens the access to pages that the caller owns, since none is committed.
    unsafe { set_access(pages, MprotectFlags::READ) }
}

/// Replaces pages by new ones, which have no memory and this access.
///
/// # Safety
/// The caller owns the pages; nobody uses them, or relies on their contents.
pub(super) unsafe fn replace(call: Call, pages: Pages, access: ProtFlags) -> Result<(), OsError> {
    let flags = UNCOMMITTED | MapFlags::FIXED;
    // SAFETY: replaces pages that the caller owns and that nobody uses.
    let mapped = ask(call, || unsafe {
        mm::mmap_anonymous(at(pages), pages.len, access, flags)
    });
    mapped.map(drop)
}

/// # Safety
/// The caller owns the pages; nobody touches them while they are not accessible.
pub(super) unsafe fn protect(pages: Pages, accessible: bool) -> Result<(), OsError> {
    let access = match accessible {
        true => READ_WRITE,
        false => MprotectFlags::empty(),
    };
    // SAFETY: the caller's duty.
    unsafe { set_access(pages, access) }
}

/// # Safety
/// The caller owns the pages, and nobody relies on access that is taken away.
unsafe fn set_access(pages: Pages, access: MprotectFlags) -> Result<(), OsError> {
    // SAFETY: the caller's duty.
    ask(Call::Protect, || unsafe {
        mm::mprotect(at(pages), pages.len, access)
    })
}

/// # Safety
/// The caller owns the pages.
pub(super) unsafe fn lock(pages: Pages) -> Result<(), OsError> {
    // SAFETY: changes where the caller's pages are kept, not what they hold.
    ask(Call::Lock, || unsafe { mm::mlock(at(pages), pages.len) })
}

/// # Safety
/// The caller owns the pages.
pub(super) unsafe fn unlock(pages: Pages) -> Result<(), OsError> {
    // SAFETY: changes where the caller's pages are kept, not what they hold.
    ask(Call::Unlock, || unsafe {
        mm::munlock(at(pages), pages.len)
    })
}

pub(super) fn lock_limit() -> Option<u64> {
    // SAFETY: the call writes to the limit alone.
    limit(|limit| unsafe { libc::getrlimit(libc::RLIMIT_MEMLOCK, limit) })
}

/// The limit in force, and how to raise it; the unit of `ulimit` is to follow.
pub(super) fn explain_lock_limit(
    f: &mut fmt::Formatter<'_>,
    limit: u64,
    bytes: usize,
) -> fmt::Result {
    let kib = bytes.div_ceil(1024);
    write!(
        f,
        "; the limit of locked memory (RLIMIT_MEMLOCK) is {limit} bytes for the whole process, \
         this request alone needs {bytes} bytes. Raise it with `ulimit -l {kib}`"
    )
}

pub(super) fn address_space_limit() -> Option<u64> {
    // SAFETY: the call writes to the limit alone.
    limit(|limit| unsafe { libc::getrlimit(libc::RLIMIT_AS, limit) })
}

/// The limit of a resource, if there is one; `read` is the call that reads it.
fn limit(read: impl FnOnce(*mut libc::rlimit) -> c_int) -> Option<u64> {
    let mut limit = libc::rlimit {
        rlim_cur: libc::RLIM_INFINITY,
        rlim_max: libc::RLIM_INFINITY,
    };
    // Not rustix, which takes for granted that the kernel answers.
    let is_known = read(&raw mut limit) == 0;
    let is_limited = is_known && limit.rlim_cur != libc::RLIM_INFINITY;
    // Of 32 bits on some targets.
    #[allow(clippy::unnecessary_cast)]
    is_limited.then_some(limit.rlim_cur as u64)
}

#[inline]
pub(super) fn read_clock(clock: libc::clockid_t) -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the call writes to `time` alone. If it is refused, the time is zero.
    let _ = unsafe { libc::clock_gettime(clock, &raw mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

pub(super) fn write_to_stderr(message: &[u8]) {
    let _ = rustix::io::write(rustix::stdio::stderr(), message);
}

pub(super) fn at_fork(
    before: Option<extern "C" fn()>,
    in_parent: Option<extern "C" fn()>,
    in_child: Option<extern "C" fn()>,
) -> bool {
    let unsafe_fn = |f: Option<extern "C" fn()>| f.map(|f| f as unsafe extern "C" fn());
    let [before, in_parent, in_child] = [before, in_parent, in_child].map(unsafe_fn);
    // SAFETY: functions are valid for ever, and by their types safe to call at any time.
    unsafe { libc::pthread_atfork(before, in_parent, in_child) == 0 }
}

/// Keys are small numbers, whose type differs from system to system.
#[allow(clippy::unnecessary_cast)]
pub(super) fn new_thread_key(run: extern "C" fn(*mut c_void)) -> Option<u32> {
    let mut key = 0;
    // SAFETY: the place is valid, and the function safe to call at any time, by its type.
    let made = unsafe { libc::pthread_key_create(&raw mut key, Some(run)) == 0 };
    made.then_some(key as u32)
}

#[allow(clippy::unnecessary_cast)]
pub(super) fn delete_thread_key(key: u32) {
    // SAFETY: it touches nothing but the key.
    unsafe { libc::pthread_key_delete(key as libc::pthread_key_t) };
}

#[allow(clippy::unnecessary_cast)]
pub(super) fn set_thread_key(key: u32) -> bool {
    // Destructors run for what is not null.
    let value = ptr::dangling();
    // SAFETY: nobody dereferences the value.
    unsafe { libc::pthread_setspecific(key as libc::pthread_key_t, value) == 0 }
}
