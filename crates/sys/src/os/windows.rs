//! Windows: memory by `VirtualAlloc`, waiting by `WaitOnAddress`, functions at a thread's end by
//! fibre-local storage.
//!
//! What is committed counts against the commit limit of the machine at once (memory and paging
//! files), whether it is touched or not. A NUMA node is chosen for a whole reservation, when it is
//! made. Large pages are for whole allocations that are committed at once, and refused. There is
//! neither `fork` nor a call that moves pages.
//!
//! Invariant: every call that the system may refuse and whose caller acts on it goes through `ask`,
//! or starts with `faults::pass`.

// A file uses only files above it in this list.
mod call;
mod reserve;
mod discard;
#[cfg(test)]
mod tests;

#[cfg(not(loom))]
use core::sync::atomic::AtomicU32;
use core::{
    ffi::c_void,
    fmt, mem,
    ptr::{self, NonNull},
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};
use std::{format, string::String};

#[cfg(not(loom))]
use windows_sys::Win32::System::Threading::{INFINITE, WaitOnAddress, WakeByAddressSingle};
use windows_sys::Win32::{
    Foundation::{
        ERROR_CALL_NOT_IMPLEMENTED, ERROR_COMMITMENT_LIMIT, ERROR_NO_SYSTEM_RESOURCES,
        ERROR_NOT_ENOUGH_MEMORY, ERROR_NOT_LOCKED, ERROR_OUTOFMEMORY, ERROR_PAGEFILE_QUOTA,
    },
    Storage::FileSystem::WriteFile,
    System::{
        Console::{GetStdHandle, STD_ERROR_HANDLE},
        Memory::{
            MEM_COMMIT, MEM_DECOMMIT, PAGE_NOACCESS, PAGE_PROTECTION_FLAGS, PAGE_READONLY,
            PAGE_READWRITE, VirtualAlloc, VirtualFree, VirtualLock, VirtualProtect, VirtualUnlock,
        },
        Performance::{QueryPerformanceCounter, QueryPerformanceFrequency},
        SystemInformation::{GlobalMemoryStatusEx, MEMORYSTATUSEX},
        Threading::{
            FLS_OUT_OF_INDEXES, FlsAlloc, FlsFree, FlsSetValue, GetCurrentProcess,
            GetNumaHighestNodeNumber, GetProcessWorkingSetSize,
        },
    },
};

use self::{
    call::{ask, at},
    reserve::ANY_NODE,
};
use super::{
    OsError, Pages, System,
    faults::{self, Call},
};

/// The implementation of [`System`] for Windows.
pub(crate) struct Windows;

impl System for Windows {
    const MISSING: &'static [i32] = &[ERROR_CALL_NOT_IMPLEMENTED as i32];
    const NO_MEMORY: &'static [i32] = &[
        ERROR_NOT_ENOUGH_MEMORY as i32,
        ERROR_OUTOFMEMORY as i32,
        ERROR_NO_SYSTEM_RESOURCES as i32,
        ERROR_PAGEFILE_QUOTA as i32,
        ERROR_COMMITMENT_LIMIT as i32,
    ];
    const DISCARD_WRITES: bool = true;
    const NODES_ARE_RESERVED: bool = true;

    fn reserve(len: usize, align: usize) -> Result<NonNull<u8>, OsError> {
        reserve::reserve(len, align, ANY_NODE)
    }

    fn reserve_on_node(len: usize, align: usize, node: u32) -> Result<NonNull<u8>, OsError> {
        faults::pass(Call::Bind)?;
        reserve::reserve(len, align, node)
    }

    unsafe fn release(pages: Pages) {
        // SAFETY: the caller's duty: all of a reservation, which was made by one call.
        unsafe { reserve::release(pages.start) };
    }

    unsafe fn commit(pages: Pages) -> Result<(), OsError> {
        // SAFETY: only widens the access to pages that the caller owns.
        unsafe { commit(pages, PAGE_READWRITE) }
    }

    /// The zeros cost no memory, but count against the commit limit.
    unsafe fn commit_read_only(pages: Pages) -> Result<(), OsError> {
        // SAFETY: only widens the access to pages that the caller owns, since none is committed.
        unsafe { commit(pages, PAGE_READONLY) }
    }

    unsafe fn decommit(pages: Pages) -> Result<(), OsError> {
        // SAFETY: the caller's duty: nobody uses the pages.
        ask(Call::Map, || unsafe {
            VirtualFree(at(pages), pages.len, MEM_DECOMMIT)
        })
    }

    unsafe fn discard(pages: Pages) -> Result<(), OsError> {
        // SAFETY: the caller's duty: nobody relies on the contents of committed pages.
        unsafe { discard::discard(pages) }
    }

    unsafe fn protect(pages: Pages, accessible: bool) -> Result<(), OsError> {
        let access = match accessible {
            true => PAGE_READWRITE,
            false => PAGE_NOACCESS,
        };
        // SAFETY: the caller's duty.
        ask(Call::Protect, || unsafe { set_access(pages, access) })
    }

    unsafe fn lock(pages: Pages) -> Result<(), OsError> {
        // SAFETY: changes where the caller's pages are kept, not what they hold.
        ask(Call::Lock, || unsafe { VirtualLock(at(pages), pages.len) })
    }

    unsafe fn unlock(pages: Pages) -> Result<(), OsError> {
        // SAFETY: changes where the caller's pages are kept, not what they hold.
        let unlocked = ask(Call::Unlock, || unsafe {
            VirtualUnlock(at(pages), pages.len)
        });
        match unlocked {
            Err(OsError::Code(code)) if code == ERROR_NOT_LOCKED as i32 => Ok(()),
            unlocked => unlocked,
        }
    }

    /// A process may lock a little less than its least working set.
    fn lock_limit() -> Option<u64> {
        let (mut least, mut most) = (0, 0);
        // SAFETY: writes to the two sizes alone.
        let is_known =
            unsafe { GetProcessWorkingSetSize(GetCurrentProcess(), &raw mut least, &raw mut most) };
        (is_known != 0).then_some(least as u64)
    }

    fn explain_lock_limit(f: &mut fmt::Formatter<'_>, limit: u64, bytes: usize) -> fmt::Result {
        let least = limit.saturating_add(bytes as u64);
        write!(
            f,
            "; the process may lock a little less than its minimum working set, which is {limit} \
             bytes; this request alone needs {bytes} bytes. Raise it to {least} bytes or more with \
             SetProcessWorkingSetSize"
        )
    }

    fn online_nodes() -> Option<String> {
        let mut highest = 0;
        // SAFETY: writes to the number alone.
        let is_known = unsafe { GetNumaHighestNodeNumber(&raw mut highest) };
        (is_known != 0).then(|| format!("0-{highest}"))
    }

    fn address_space_limit() -> Option<u64> {
        memory_status().map(|status| status.ullTotalVirtual)
    }

    /// The commit limit.
    fn memory_and_swap() -> Option<u64> {
        memory_status().map(|status| status.ullTotalPageFile)
    }

    #[cfg(not(loom))]
    fn wait_while(word: &AtomicU32, value: u32, timeout: Option<Duration>) -> bool {
        // A timeout beyond what the system can count is none.
        let milliseconds = timeout.map(|timeout| timeout.as_nanos().div_ceil(1_000_000));
        let milliseconds = milliseconds.and_then(|timeout| u32::try_from(timeout).ok());
        let place = word.as_ptr().cast::<c_void>();
        // SAFETY: reads the word and the value, which outlive the call.
        unsafe {
            WaitOnAddress(
                place,
                (&raw const value).cast(),
                size_of::<u32>(),
                milliseconds.unwrap_or(INFINITE),
            )
        };
        true
    }

    #[cfg(not(loom))]
    fn wake_one(word: &AtomicU32) {
        // SAFETY: the address is looked up among those that are waited for, and not read.
        unsafe { WakeByAddressSingle(word.as_ptr().cast()) };
    }

    fn monotonic() -> Duration {
        let mut ticks = 0;
        // SAFETY: writes to the count alone. Since Windows XP it is never refused.
        unsafe { QueryPerformanceCounter(&raw mut ticks) };
        let (ticks, frequency) = (ticks as u64, ticks_per_second());
        let nanoseconds = ticks % frequency * 1_000_000_000 / frequency;
        Duration::new(ticks / frequency, nanoseconds as u32)
    }

    fn write_to_stderr(message: &[u8]) {
        let mut written = 0;
        let len = u32::try_from(message.len()).unwrap_or(u32::MAX);
        // SAFETY: reads the message and writes to the count; a process without standard error has a
        // handle that is refused.
        unsafe {
            WriteFile(
                GetStdHandle(STD_ERROR_HANDLE),
                message.as_ptr(),
                len,
                &raw mut written,
                ptr::null_mut(),
            )
        };
    }

    /// There is no `fork`.
    fn at_fork(
        _before: Option<extern "C" fn()>,
        _in_parent: Option<extern "C" fn()>,
        _in_child: Option<extern "C" fn()>,
    ) -> bool {
        true
    }

    /// The function is the value that threads set.
    fn new_thread_key(_run: extern "C" fn(*mut c_void)) -> Option<u32> {
        // SAFETY: the function is called with values that `set_thread_key` has set.
        let key = unsafe { FlsAlloc(Some(thread_ended)) };
        (key != FLS_OUT_OF_INDEXES).then_some(key)
    }

    fn delete_thread_key(key: u32) {
        // SAFETY: no thread has set it (caller), so nothing is called.
        unsafe { FlsFree(key) };
    }

    fn set_thread_key(key: u32, run: extern "C" fn(*mut c_void)) -> bool {
        // SAFETY: the value is a function, as `thread_ended` expects.
        unsafe { FlsSetValue(key, run as *const c_void) != 0 }
    }

    fn process_is_ending() -> bool {
        // SAFETY: asks for a flag.
        unsafe { RtlDllShutdownInProgress() != 0 }
    }
}

// The name that ntdll exports has none of the decorations that 32-bit programs expect.
#[cfg_attr(
    target_arch = "x86",
    link(name = "ntdll", kind = "raw-dylib", import_name_type = "undecorated")
)]
#[cfg_attr(not(target_arch = "x86"), link(name = "ntdll", kind = "raw-dylib"))]
unsafe extern "system" {
    /// A `BOOLEAN`, a byte. Microsoft documents it for libraries that are detached.
    fn RtlDllShutdownInProgress() -> u8;
}

/// Makes pages readable, or writable as well.
///
/// # Safety
/// The caller owns the pages, and nobody relies on access that is taken away.
unsafe fn commit(pages: Pages, access: PAGE_PROTECTION_FLAGS) -> Result<(), OsError> {
    ask(Call::Protect, || {
        // SAFETY: the caller's pages; those that are committed keep their contents.
        let committed = unsafe { VirtualAlloc(at(pages), pages.len, MEM_COMMIT, access) };
        i32::from(!committed.is_null())
    })?;
    // What the call does to the access to pages that were committed before is not documented.
    // SAFETY: the caller's duty.
    ask(Call::Protect, || unsafe { set_access(pages, access) })
}

/// # Safety
/// The caller owns the pages, and nobody relies on access that is taken away.
unsafe fn set_access(pages: Pages, access: PAGE_PROTECTION_FLAGS) -> i32 {
    let mut before = 0;
    // SAFETY: the caller's duty.
    unsafe { VirtualProtect(at(pages), pages.len, access, &raw mut before) }
}

/// Runs the function that a thread has set as the value of a key, when the thread ends.
///
/// # Safety
/// The value is a function.
unsafe extern "system" fn thread_ended(run: *const c_void) {
    // SAFETY: the caller's duty.
    let run = unsafe { mem::transmute::<*const c_void, extern "C" fn(*mut c_void)>(run) };
    run(ptr::null_mut());
}

fn memory_status() -> Option<MEMORYSTATUSEX> {
    // SAFETY: integers only: zeros are a value.
    let mut status: MEMORYSTATUSEX = unsafe { mem::zeroed() };
    status.dwLength = size_of::<MEMORYSTATUSEX>() as u32;
    // SAFETY: writes to `status` alone, whose length it is told.
    let told = ask(Call::MachineMemory, || unsafe {
        GlobalMemoryStatusEx(&raw mut status)
    });
    told.ok().map(|()| status)
}

/// The frequency of the clock, which is fixed when the system starts; at least 1.
fn ticks_per_second() -> u64 {
    static FREQUENCY: AtomicU64 = AtomicU64::new(0);
    let known = FREQUENCY.load(Ordering::Relaxed);
    if known != 0 {
        return known;
    }
    let mut frequency = 0;
    // SAFETY: writes to the number alone. Since Windows XP it is never refused.
    unsafe { QueryPerformanceFrequency(&raw mut frequency) };
    let frequency = (frequency as u64).max(1);
    FREQUENCY.store(frequency, Ordering::Relaxed);
    frequency
}
