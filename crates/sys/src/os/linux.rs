//! Linux: memory by `mmap` and its relatives, waiting by futex.
//!
//! rustix makes most calls. libc makes those that rustix lacks (`mbind`, `mremap` with a hint,
//! `pthread_atfork`), and reads the clock, for which rustix looks up the kernel's fast path on
//! first use and may allocate.
//!
//! Invariant: every call that the kernel may refuse and whose caller acts on it goes through `ask`.
//! `munmap` does not: its caller could only ignore the refusal.

// A file uses only files above it in this list.
mod call;
mod reserve;
#[cfg(test)]
mod tests;

#[cfg(not(loom))]
use core::sync::atomic::AtomicU32;
use core::{
    ffi::{c_int, c_ulong, c_void},
    ptr::{self, NonNull},
    time::Duration,
};
use std::string::String;

#[cfg(not(loom))]
use rustix::thread::futex;
use rustix::{
    io::Errno,
    mm::{self, Advice, MapFlags, MprotectFlags, MremapFlags, ProtFlags},
};

use self::call::{UNCOMMITTED, ask, last_error};
use super::{MoveRefused, OsError, Pages, System, faults::Call};

/// The implementation of [`System`] for Linux.
pub(crate) struct Linux;

const READ_WRITE: MprotectFlags = MprotectFlags::READ.union(MprotectFlags::WRITE);

/// How populating pages fails if there is no memory for them, or none that works.
const NO_MEMORY: [i32; 3] = [libc::ENOMEM, libc::EFAULT, libc::EHWPOISON];

/// NUMA nodes have numbers below 1024 on every Linux.
const NODE_WORDS: usize = 1024 / c_ulong::BITS as usize;

impl System for Linux {
    fn reserve(len: usize, align: usize) -> Result<NonNull<u8>, OsError> {
        reserve::reserve(len, align)
    }

    unsafe fn release(pages: Pages) {
        // SAFETY: the caller's duty.
        let _ = unsafe { mm::munmap(pages.start.as_ptr().cast(), pages.len) };
    }

    unsafe fn commit(pages: Pages) -> Result<(), OsError> {
        // SAFETY: only widens the access to pages that the caller owns.
        unsafe { set_access(pages, READ_WRITE) }
    }

    unsafe fn commit_read_only(pages: Pages) -> Result<(), OsError> {
        // SAFETY: only widens the access to pages that the caller owns, since none is committed.
        unsafe { set_access(pages, MprotectFlags::READ) }
    }

    unsafe fn decommit(pages: Pages) -> Result<(), OsError> {
        let flags = UNCOMMITTED | MapFlags::FIXED;
        // SAFETY: replaces pages that the caller owns and that nobody uses.
        let mapped = ask(Call::Map, || unsafe {
            mm::mmap_anonymous(at(pages), pages.len, ProtFlags::empty(), flags)
        });
        mapped.map(drop)
    }

    unsafe fn discard(pages: Pages) -> Result<(), OsError> {
        // SAFETY: the caller's duty: nobody relies on the contents.
        unsafe { advise(Call::Discard, pages, Advice::LinuxDontNeed) }
    }

    unsafe fn protect(pages: Pages, accessible: bool) -> Result<(), OsError> {
        let access = match accessible {
            true => READ_WRITE,
            false => MprotectFlags::empty(),
        };
        // SAFETY: the caller's duty.
        unsafe { set_access(pages, access) }
    }

    /// Kernels before 5.14 do not know the advice, and older seccomp filters refuse it. Only an
    /// error that is about the memory itself is one.
    unsafe fn populate(pages: Pages) -> Result<(), OsError> {
        // SAFETY: the advice keeps the contents.
        let outcome = unsafe { advise(Call::Populate, pages, Advice::LinuxPopulateWrite) };
        outcome.map_err(|error| match error {
            OsError::Code(code) if !NO_MEMORY.contains(&code) => OsError::Unsupported,
            error => error,
        })
    }

    unsafe fn lock(pages: Pages) -> Result<(), OsError> {
        // SAFETY: changes where the caller's pages are kept, not what they hold.
        ask(Call::Lock, || unsafe { mm::mlock(at(pages), pages.len) })
    }

    unsafe fn unlock(pages: Pages) -> Result<(), OsError> {
        // SAFETY: changes where the caller's pages are kept, not what they hold.
        ask(Call::Unlock, || unsafe {
            mm::munlock(at(pages), pages.len)
        })
    }

    fn lock_limit() -> Option<u64> {
        // SAFETY: the call writes to the limit alone.
        limit(|limit| unsafe { libc::getrlimit(libc::RLIMIT_MEMLOCK, limit) })
    }

    fn address_space_limit() -> Option<u64> {
        // SAFETY: the call writes to the limit alone.
        limit(|limit| unsafe { libc::getrlimit(libc::RLIMIT_AS, limit) })
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
        read_clock(libc::CLOCK_MONOTONIC)
    }

    #[inline]
    fn monotonic_coarse() -> Duration {
        read_clock(libc::CLOCK_MONOTONIC_COARSE)
    }

    fn write_to_stderr(message: &[u8]) {
        let _ = rustix::io::write(rustix::stdio::stderr(), message);
    }

    fn at_fork(
        before: Option<extern "C" fn()>,
        in_parent: Option<extern "C" fn()>,
        in_child: Option<extern "C" fn()>,
    ) -> bool {
        let unsafe_fn = |f: Option<extern "C" fn()>| f.map(|f| f as unsafe extern "C" fn());
        let [before, in_parent, in_child] = [before, in_parent, in_child].map(unsafe_fn);
        // SAFETY: functions are valid for ever, and by their types safe to call at any time.
        unsafe { libc::pthread_atfork(before, in_parent, in_child) == 0 }
    }

    fn new_thread_key(run: extern "C" fn(*mut c_void)) -> Option<u32> {
        let mut key = 0;
        // SAFETY: the place is valid, and the function safe to call at any time, by its type.
        let made = unsafe { libc::pthread_key_create(&raw mut key, Some(run)) == 0 };
        made.then_some(key)
    }

    fn delete_thread_key(key: u32) {
        // SAFETY: it touches nothing but the key.
        unsafe { libc::pthread_key_delete(key) };
    }

    fn set_thread_key(key: u32) -> bool {
        // Destructors run for what is not null.
        let value = ptr::dangling();
        // SAFETY: nobody dereferences the value.
        unsafe { libc::pthread_setspecific(key, value) == 0 }
    }
}

fn at(pages: Pages) -> *mut c_void {
    pages.start.as_ptr().cast()
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
        UNCOMMITTED | MapFlags::FIXED_NOREPLACE,
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
fn read_clock(clock: libc::clockid_t) -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: the call writes to `time` alone. If it is refused, the time is zero.
    let _ = unsafe { libc::clock_gettime(clock, &raw mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
