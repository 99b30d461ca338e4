//! The interface between OrionRT and an operating system, which each port implements.
//!
//! The calls are those that every system has in some form, named after what they achieve and not
//! after one system's calls. A port starts with the required ones; an optional call has a default
//! that refuses it, or that does with less.
//!
//! Rules for every implementation: no call allocates through Rust's global allocator, formats or
//! unwinds, since the global allocator itself makes them; and each memory call that may be refused
//! starts with [`faults::pass`](super::faults), so that tests can refuse it.
//!
//! ```text
//!            reserve               commit             (touched)
//!   nothing ─────────▶ addresses, ─────────▶ zeros, ────────────▶ memory
//!           ◀───────── no access  ◀───────── no memory ◀─────────
//!            release              decommit               discard
//! ```

#[cfg(not(loom))]
use core::sync::atomic::AtomicU32;
use core::{ffi::c_void, fmt, ptr::NonNull, time::Duration};
use std::string::String;

use super::{
    OsError,
    faults::{self, Call},
};

/// The smallest page of any target: writing one byte in every `LEAST_PAGE` touches every page.
pub(crate) const LEAST_PAGE: usize = 4096;

/// A run of whole pages inside one reservation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pages {
    /// The first byte.
    pub(crate) start: NonNull<u8>,
    /// The length in bytes.
    pub(crate) len: usize,
}

/// Why pages were not moved.
#[derive(Clone, Copy, Debug)]
pub(crate) struct MoveRefused {
    pub(crate) reason: OsError,
    /// Whether the target may no longer be part of its reservation: nobody may use it again.
    pub(crate) target_lost: bool,
}

impl From<OsError> for MoveRefused {
    /// A refusal before anything was changed.
    fn from(reason: OsError) -> Self {
        Self {
            reason,
            target_lost: false,
        }
    }
}

/// What an operating system offers.
///
/// # Safety of the calls
///
/// For every `unsafe` call, `pages` lies in one reservation that the caller owns: made by
/// [`reserve`](Self::reserve), and not released. Calls with a duty beyond that one state it.
pub(crate) trait System {
    /// The error numbers that say that the system has no such call.
    const MISSING: &'static [i32];

    /// The error numbers that say that there was no memory, or no address space.
    const NO_MEMORY: &'static [i32];

    /// Whether [`discard`](Self::discard) writes zeros.
    const DISCARD_WRITES: bool = false;

    /// Whether a NUMA node is chosen when addresses are [reserved](Self::reserve_on_node), and not
    /// for parts of a reservation by [`bind`](Self::bind).
    const NODES_ARE_RESERVED: bool = false;

    /// The page size of the system that runs, in bytes; `None` if the target has one size only.
    fn page_size() -> Option<usize> {
        None
    }

    // Memory, required.

    /// Reserves `len` bytes of address space, whole pages, at a multiple of `align`, a power of two
    /// that is at least a page. The range has no memory and no access.
    fn reserve(len: usize, align: usize) -> Result<NonNull<u8>, OsError>;

    /// Gives a whole reservation back. A refusal leaks it.
    ///
    /// # Safety
    /// `pages` is all of a reservation, and nobody uses it any more.
    unsafe fn release(pages: Pages);

    /// Makes pages readable and writable. Pages that were not committed before read as zeros; the
    /// others keep their bytes. Memory is attached when a page is touched.
    ///
    /// # Safety
    /// As for every call.
    unsafe fn commit(pages: Pages) -> Result<(), OsError>;

    /// Makes pages readable, and only that: zeros that cost no memory.
    ///
    /// # Safety
    /// None of the pages is committed: a committed page would lose its write access.
    unsafe fn commit_read_only(pages: Pages) -> Result<(), OsError>;

    /// Makes pages what they were when they were reserved: no memory, no access, no advice. On an
    /// error some of them may have become so.
    ///
    /// # Safety
    /// Nobody uses the pages until they are committed again.
    unsafe fn decommit(pages: Pages) -> Result<(), OsError>;

    /// Gives the memory of committed pages back. They stay committed and read as zeros. On an error
    /// some of them may have become zeros.
    ///
    /// # Safety
    /// Nobody relies on the contents. Where [`DISCARD_WRITES`](Self::DISCARD_WRITES) is true, the
    /// pages are accessible.
    unsafe fn discard(pages: Pages) -> Result<(), OsError>;

    /// Takes the access to committed pages away, or gives it back. Their bytes stay.
    ///
    /// # Safety
    /// Nobody touches the pages while they are not accessible.
    unsafe fn protect(pages: Pages, accessible: bool) -> Result<(), OsError>;

    // Memory, optional.

    /// Makes committed pages resident. Where this is `Unsupported`, the caller writes to each page:
    /// any refusal that does not say that there is no memory.
    ///
    /// # Safety
    /// As for every call.
    unsafe fn populate(_pages: Pages) -> Result<(), OsError> {
        faults::pass(Call::Populate)?;
        Err(OsError::Unsupported)
    }

    /// Locks committed pages in memory: resident, and never swapped out or moved to disk.
    ///
    /// # Safety
    /// As for every call.
    unsafe fn lock(_pages: Pages) -> Result<(), OsError> {
        faults::pass(Call::Lock)?;
        Err(OsError::Unsupported)
    }

    /// Ends the lock of pages that may be locked.
    ///
    /// # Safety
    /// As for every call.
    unsafe fn unlock(_pages: Pages) -> Result<(), OsError> {
        faults::pass(Call::Unlock)?;
        Err(OsError::Unsupported)
    }

    /// How many bytes the process may lock, if there is a limit.
    fn lock_limit() -> Option<u64> {
        None
    }

    /// Writes, behind what was refused, which limit of locked memory is in force, what is needed,
    /// and how to raise the limit. (May allocate: it is for a reader.)
    fn explain_lock_limit(f: &mut fmt::Formatter<'_>, limit: u64, bytes: usize) -> fmt::Result {
        write!(
            f,
            "; the process may lock {limit} bytes in all, this request alone needs {bytes}"
        )
    }

    /// Advises the system to back pages with huge pages.
    ///
    /// # Safety
    /// As for every call.
    unsafe fn advise_huge(_pages: Pages) -> Result<(), OsError> {
        faults::pass(Call::HugePages)?;
        Err(OsError::Unsupported)
    }

    /// Advises the system never to back pages with huge pages. A system that has none agrees.
    ///
    /// # Safety
    /// As for every call.
    unsafe fn advise_nohuge(_pages: Pages) -> Result<(), OsError> {
        faults::pass(Call::NoHugePages)
    }

    /// Moves the memory of `from` to the address `to` without copying. What was at `to` is gone;
    /// `from` stays committed and reads as zeros. On an error `from` is unchanged, but what was at
    /// `to` may be gone, and even its addresses.
    ///
    /// # Safety
    /// `from`, and as many bytes at `to`, are committed pages of one reservation, which do not
    /// overlap. Nobody uses either meanwhile, or relies on what was at `to`.
    unsafe fn move_pages(_from: Pages, _to: NonNull<u8>) -> Result<(), MoveRefused> {
        faults::pass(Call::Move)?;
        Err(OsError::Unsupported.into())
    }

    /// Has the memory of pages that nobody has touched yet come from one NUMA node.
    ///
    /// # Safety
    /// As for every call.
    unsafe fn bind(_pages: Pages, _node: u32) -> Result<(), OsError> {
        faults::pass(Call::Bind)?;
        Err(OsError::Unsupported)
    }

    /// Reserves as [`reserve`](Self::reserve) does. The memory comes from one NUMA node, as long as
    /// that has some left. For systems where [`NODES_ARE_RESERVED`](Self::NODES_ARE_RESERVED).
    fn reserve_on_node(_len: usize, _align: usize, _node: u32) -> Result<NonNull<u8>, OsError> {
        faults::pass(Call::Bind)?;
        Err(OsError::Unsupported)
    }

    /// The numbers of the NUMA nodes that are online, as a list like `0,2-3`; `None` where the
    /// system does not tell. (May allocate: an arena asks while it is built.)
    fn online_nodes() -> Option<String> {
        None
    }

    /// How many bytes of address space the process may have, if there is a limit.
    fn address_space_limit() -> Option<u64> {
        None
    }

    /// The bytes of memory and swap space in the machine; `None` where the system does not tell.
    fn memory_and_swap() -> Option<u64> {
        None
    }

    // Threads, time and the process.

    /// Sleeps for as long as `word` holds `value`, until [`wake_one`](Self::wake_one) or for as
    /// long as `timeout` says. May return early; `false` if the process may not sleep so.
    #[cfg(not(loom))]
    fn wait_while(word: &AtomicU32, value: u32, timeout: Option<Duration>) -> bool;

    /// Wakes a thread that sleeps in [`wait_while`](Self::wait_while) on `word`, if there is one.
    #[cfg(not(loom))]
    fn wake_one(word: &AtomicU32);

    /// The time since some fixed moment, to the nanosecond; never runs backwards.
    fn monotonic() -> Duration;

    /// Like [`monotonic`](Self::monotonic), exact to a few milliseconds only where that is cheaper.
    fn monotonic_coarse() -> Duration {
        Self::monotonic()
    }

    /// Writes to standard error, once. Failures are ignored.
    fn write_to_stderr(message: &[u8]);

    /// Registers functions that `fork` calls in the forking thread: one before the fork, then one
    /// in the parent and one in the child. Returns whether that succeeded; a system without `fork`
    /// has nothing to do and succeeds.
    fn at_fork(
        before: Option<extern "C" fn()>,
        in_parent: Option<extern "C" fn()>,
        in_child: Option<extern "C" fn()>,
    ) -> bool;

    /// Makes a key whose destructor is `run`, which a thread calls at its end if it has set the
    /// key; `None` if there are no more keys.
    fn new_thread_key(run: extern "C" fn(*mut c_void)) -> Option<u32>;

    /// Deletes a key that no thread has set.
    fn delete_thread_key(key: u32);

    /// Sets a key, which was made for `run`, for the calling thread; `false` if there is no memory
    /// for that.
    fn set_thread_key(key: u32, run: extern "C" fn(*mut c_void)) -> bool;

    /// Whether the system has ended all other threads of this process, wherever they were: what
    /// they held locked stays so.
    fn process_is_ending() -> bool {
        false
    }
}
