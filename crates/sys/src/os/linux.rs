//! Linux: what POSIX lacks, by `madvise`, `mremap` and `mbind`; waiting by futex.
//!
//! rustix makes most calls, libc those that rustix lacks (`mbind`, `mremap` with a hint).
//!
//! Invariant: every call that the kernel may refuse and whose caller acts on it goes through `ask`.
//! `munmap` does not: its caller could only ignore the refusal.

// A file uses only files above it in this list.
#[cfg(test)]
mod tests;

#[cfg(not(loom))]
use core::sync::atomic::AtomicU32;
use core::{
    ffi::{c_ulong, c_void},
    fmt,
    ptr::{self, NonNull},
    time::Duration,
};
use std::string::String;

#[cfg(not(loom))]
use rustix::thread::futex;
use rustix::{
    io::Errno,
    mm::{self, Advice, MremapFlags, ProtFlags},
};

use super::{
    OsError, Pages, System,
    faults::Call,
    posix::{
        self, at,
        call::{FIXED_NOREPLACE, UNCOMMITTED, ask},
    },
    system::MoveRefused,
};

/// The implementation of [`System`] for Linux.
pub(crate) struct Linux;

/// How populating pages fails if there is no memory for them, or none that works.
const CANNOT_POPULATE: [i32; 3] = [libc::ENOMEM, libc::EFAULT, libc::EHWPOISON];

/// NUMA nodes have numbers below 1024 on every Linux.
const NODE_WORDS: usize = 1024 / c_ulong::BITS as usize;

impl System for Linux {
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
        unsafe { advise(Call::Discard, pages, Advice::LinuxDontNeed) }
    }

    unsafe fn protect(pages: Pages, accessible: bool) -> Result<(), OsError> {
        // SAFETY: the caller's duty.
        unsafe { posix::protect(pages, accessible) }
    }

    /// Kernels before 5.14 do not know the advice, and older seccomp filters refuse it. Only an
    /// error that is about the memory itself is one.
    unsafe fn populate(pages: Pages) -> Result<(), OsError> {
        // SAFETY: the advice keeps the contents.
        let outcome = unsafe { advise(Call::Populate, pages, Advice::LinuxPopulateWrite) };
        outcome.map_err(|error| match error {
            OsError::Code(code) if !CANNOT_POPULATE.contains(&code) => OsError::Unsupported,
            error => error,
        })
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
        f.write_str(
            " (KiB), LimitMEMLOCK= in a systemd unit or a memlock line in \
             /etc/security/limits.conf, or grant CAP_IPC_LOCK",
        )
    }

    fn address_space_limit() -> Option<u64> {
        posix::address_space_limit()
    }

    unsafe fn advise_huge(pages: Pages) -> Result<(), OsError> {
        // SAFETY: the advice keeps the contents.
        unsafe { advise(Call::HugePages, pages, Advice::LinuxHugepage) }
    }

    /// A kernel built without huge pages does not know the advice, and follows it.
    unsafe fn advise_nohuge(pages: Pages) -> Result<(), OsError> {
        // SAFETY: the advice keeps the contents.
        match unsafe { advise(Call::NoHugePages, pages, Advice::LinuxNoHugepage) } {
            Err(OsError::Code(libc::EINVAL)) => Ok(()),
            outcome => outcome,
        }
    }

    /// The kernel refuses pages that have been joined by earlier moves: to the kernel they are
    /// several mappings.
    ///
    /// It takes two steps. Moving to a fixed address unmaps what is there before the kernel (before
    /// 6.16) has even looked whether the source can be moved, and anyone's `mmap` could then fill
    /// the hole. So the pages first move to a fresh address: a refusal of that is harmless. The
    /// result is one mapping, which the second step can always move.
    unsafe fn move_pages(from: Pages, to: NonNull<u8>) -> Result<(), MoveRefused> {
        // Not rustix: it passes no fifth argument, and with `MREMAP_DONTUNMAP` the kernel reads
        // one.
        // SAFETY: pages that the caller owns and nobody uses; their memory goes to a fresh address.
        let between = ask(Call::Move, || unsafe {
            let flags = libc::MREMAP_MAYMOVE | libc::MREMAP_DONTUNMAP;
            let anywhere = ptr::null_mut::<c_void>();
            match libc::mremap(at(from), from.len, from.len, flags, anywhere) {
                libc::MAP_FAILED => Err(last_error()),
                between => Ok(between),
            }
        })?;
        // SAFETY: `between` was mapped above with this length; the target is the caller's, and
        // unused.
        let moved = ask(Call::Move, || unsafe {
            let target = to.as_ptr().cast();
            mm::mremap_fixed(between, from.len, from.len, MremapFlags::MAYMOVE, target)
        });
        let Err(reason) = moved else {
            return Ok(());
        };
        // SAFETY: both hold `from.len` committed bytes, and nobody uses `from`.
        unsafe {
            from.start
                .as_ptr()
                .copy_from_nonoverlapping(between.cast(), from.len)
        };
        // SAFETY: mapped above, copied, and never handed out. A refusal leaks it.
        let _ = unsafe { mm::munmap(between, from.len) };
        Err(MoveRefused {
            reason,
            target_lost: !remap_hole(Pages { start: to, ..from }),
        })
    }

    unsafe fn bind(pages: Pages, node: u32) -> Result<(), OsError> {
        let mut nodes: [c_ulong; NODE_WORDS] = [0; NODE_WORDS];
        let word = nodes.get_mut((node / c_ulong::BITS) as usize);
        let invalid = OsError::Code(Errno::INVAL.raw_os_error());
        *word.ok_or(invalid)? |= 1 << (node % c_ulong::BITS);
        // The kernel reads one bit less than it is told.
        let bits = NODE_WORDS * c_ulong::BITS as usize + 1;
        // SAFETY: sets the policy of pages that the caller owns, and reads `bits - 1` bits of
        // `nodes`.
        ask(Call::Bind, || unsafe {
            let mask = nodes.as_ptr();
            match libc::syscall(
                libc::SYS_mbind,
                at(pages),
                pages.len,
                libc::MPOL_BIND,
                mask,
                bits,
                0,
            ) {
                0 => Ok(()),
                _ => Err(last_error()),
            }
        })
    }

    fn online_nodes() -> Option<String> {
        std::fs::read_to_string("/sys/devices/system/node/online").ok()
    }

    #[allow(clippy::useless_conversion, reason = "32-bit systems count in 32 bits")]
    fn memory_and_swap() -> Option<u64> {
        // SAFETY: integers only: zeros are a value.
        let mut info: libc::sysinfo = unsafe { core::mem::zeroed() };
        // SAFETY: writes to `info` alone.
        let asked = ask(Call::MachineMemory, || unsafe {
            match libc::sysinfo(&raw mut info) {
                0 => Ok(()),
                _ => Err(last_error()),
            }
        });
        let units = u64::from(info.totalram).saturating_add(u64::from(info.totalswap));
        asked.ok()?;
        Some(units.saturating_mul(u64::from(info.mem_unit)))
    }

    #[cfg(not(loom))]
    fn wait_while(word: &AtomicU32, value: u32, timeout: Option<Duration>) -> bool {
        // A timeout beyond what the kernel can count is none.
        let timeout = timeout.and_then(|timeout| futex::Timespec::try_from(timeout).ok());
        let slept = futex::wait(word, futex::Flags::PRIVATE, value, timeout.as_ref());
        let woken = [Errno::AGAIN, Errno::INTR, Errno::TIMEDOUT];
        slept.map_or_else(|error| woken.contains(&error), |()| true)
    }

    #[cfg(not(loom))]
    fn wake_one(word: &AtomicU32) {
        let _ = futex::wake(word, futex::Flags::PRIVATE, 1);
    }

    #[inline]
    fn monotonic() -> Duration {
        posix::read_clock(libc::CLOCK_MONOTONIC)
    }

    #[inline]
    fn monotonic_coarse() -> Duration {
        posix::read_clock(libc::CLOCK_MONOTONIC_COARSE)
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

/// # Safety
/// The caller owns the pages, and nobody relies on contents that the advice drops.
unsafe fn advise(call: Call, pages: Pages, advice: Advice) -> Result<(), OsError> {
    // SAFETY: the caller's duty.
    ask(call, || unsafe {
        mm::madvise(at(pages), pages.len, advice)
    })
}

/// Maps pages again that a refused move has unmapped; returns whether that was possible.
///
/// It is not where anything is mapped. That may be the pages themselves, if the move did not get
/// far enough to unmap them, or something that another thread has mapped meanwhile: nobody can
/// tell.
#[cold]
fn remap_hole(pages: Pages) -> bool {
    let (access, flags) = (
        ProtFlags::READ | ProtFlags::WRITE,
        UNCOMMITTED | FIXED_NOREPLACE,
    );
    // SAFETY: replaces nothing: the kernel refuses where anything is mapped.
    let mapped = ask(Call::Map, || unsafe {
        mm::mmap_anonymous(at(pages), pages.len, access, flags)
    });
    let Ok(start) = mapped else {
        return false;
    };
    let done = start == at(pages);
    if !done {
        // A kernel before 4.17 takes the address for a hint.
        // SAFETY: mapped just now, elsewhere, and nobody else's.
        let _ = unsafe { mm::munmap(start, pages.len) };
    }
    done
}

/// Why the last call through `libc` was refused.
fn last_error() -> Errno {
    // SAFETY: the thread's own error number, which always exists.
    Errno::from_raw_os_error(unsafe { *libc::__errno_location() })
}
