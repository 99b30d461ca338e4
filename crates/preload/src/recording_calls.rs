//! What the system does for the file of a recording.
//!
//! The system is called directly, as in [`environment`](crate::environment).
//!
//! Invariant: nothing here allocates.

use core::{
    ffi::CStr,
    mem, ptr, slice,
    sync::atomic::{AtomicU64, Ordering},
};

use orionrt_sys::mapping::PAGE;

use crate::environment::{errno, set_errno, unless_interrupted};

/// Why there is no file, or no part of it: the number of the system's error.
#[derive(Clone, Copy)]
pub(crate) struct NoFile(pub(crate) i32);

impl NoFile {
    fn last() -> Self {
        Self(errno())
    }

    /// Whether it may be otherwise in a moment.
    pub(crate) fn may_pass(self) -> bool {
        matches!(self.0, libc::ENOMEM | libc::EAGAIN | libc::EINTR)
    }
}

/// Runs `f`; `errno` stays what it was.
pub(crate) fn keeping_errno<R>(f: impl FnOnce() -> R) -> R {
    let saved = errno();
    let result = f();
    set_errno(saved);
    result
}

/// Opens a file; one that is made is for its owner alone.
pub(crate) fn open(name: &CStr, flags: i32) -> Result<i64, NoFile> {
    let (at, name, flags) = (libc::AT_FDCWD, name.as_ptr(), flags | libc::O_CLOEXEC);
    // SAFETY: the name ends with a zero.
    let open = || unsafe { libc::syscall(libc::SYS_openat, at, name, flags, 0o600) };
    let file = unless_interrupted(open);
    if file < 0 {
        return Err(NoFile::last());
    }
    Ok(file)
}

pub(crate) fn close(file: i64) {
    // SAFETY: opened by the caller, and used by nobody else.
    unsafe { libc::syscall(libc::SYS_close, file) };
}

pub(crate) fn identity(file: i64) -> Result<[u64; 2], NoFile> {
    // SAFETY: zeros are numbers.
    let mut about: libc::stat = unsafe { mem::zeroed() };
    // SAFETY: `about` is valid for a write.
    if unsafe { libc::syscall(libc::SYS_fstat, file, &raw mut about) } != 0 {
        return Err(NoFile::last());
    }
    Ok([about.st_dev, about.st_ino])
}

pub(crate) fn set_len(file: i64, bytes: usize) -> Result<(), NoFile> {
    // SAFETY: a file of this module's.
    let result = unless_interrupted(|| unsafe { libc::syscall(libc::SYS_ftruncate, file, bytes) });
    if result != 0 {
        return Err(NoFile::last());
    }
    Ok(())
}

/// Maps a file of so many bytes, whole pages.
pub(crate) fn map_words(file: i64, bytes: usize) -> Result<&'static [AtomicU64], NoFile> {
    let (access, shared) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED);
    let none = ptr::null_mut::<u8>();
    // SAFETY: maps at a new address.
    let start = unsafe { libc::syscall(libc::SYS_mmap, none, bytes, access, shared, file, 0_i64) };
    if start == -1 {
        return Err(NoFile::last());
    }
    let start = ptr::with_exposed_provenance::<AtomicU64>(start as usize);
    // SAFETY: just mapped, at a page, and kept until it is unmapped; pages of zeros are atomics.
    Ok(unsafe { slice::from_raw_parts(start, bytes / 8) })
}

/// Unmaps words.
///
/// # Safety
/// They are a mapping, and nobody uses them from now on.
pub(crate) unsafe fn unmap(words: &'static [AtomicU64]) {
    let (start, bytes) = (words.as_ptr(), size_of_val(words));
    // SAFETY: the caller's duty.
    unsafe { libc::syscall(libc::SYS_munmap, start, bytes) };
}

/// Makes words of a private mapping zeros, and gives their memory back where the system agrees.
///
/// # Safety
/// They begin a page of a private mapping without a file, and what they leave of their last page is
/// nobody's.
pub(crate) unsafe fn clear(words: &[AtomicU64]) {
    let (start, bytes) = (words.as_ptr(), size_of_val(words));
    // SAFETY: whole pages of such a mapping (the caller's duty), which read as zeros from then on.
    let discard = || unsafe { libc::syscall(libc::SYS_madvise, start, bytes, libc::MADV_DONTNEED) };
    if keeping_errno(discard) != 0 {
        words
            .iter()
            .for_each(|word| word.store(0, Ordering::Relaxed));
    }
}

/// Writes to every page, as far as the system is concerned: `EINVAL` before Linux 5.14.
pub(crate) fn populate(part: &[AtomicU64]) -> Result<(), NoFile> {
    let start = part.as_ptr().map_addr(|address| address & !(PAGE - 1));
    let bytes = size_of_val(part) + (part.as_ptr().addr() - start.addr());
    // SAFETY: pages of a mapping; their contents stay.
    let result =
        unsafe { libc::syscall(libc::SYS_madvise, start, bytes, libc::MADV_POPULATE_WRITE) };
    if result != 0 {
        return Err(NoFile::last());
    }
    Ok(())
}

/// Writes zeros, where zeros are, so that the file has blocks there.
pub(crate) fn write_zeros(file: i64, at: usize, bytes: usize) -> Result<(), NoFile> {
    static ZEROS: [u8; PAGE] = [0; PAGE];
    // The limit may be another one by now. Only files that are written to are held to it.
    if most_file_bytes() < at + bytes {
        return Err(NoFile(libc::EFBIG));
    }
    let mut written = 0;
    while written < bytes {
        let (zeros, at) = (&ZEROS[..PAGE.min(bytes - written)], at + written);
        let write = || {
            // SAFETY: so many bytes.
            unsafe { libc::syscall(libc::SYS_pwrite64, file, zeros.as_ptr(), zeros.len(), at) }
        };
        match usize::try_from(unless_interrupted(write)) {
            Ok(0) => return Err(NoFile(libc::ENOSPC)),
            Ok(more) => written += more,
            Err(_) => return Err(NoFile::last()),
        }
    }
    Ok(())
}

/// How large the process's files may be; beyond that, a signal would end it.
pub(crate) fn most_file_bytes() -> usize {
    let mut limit = libc::rlimit {
        rlim_cur: 0,
        rlim_max: 0,
    };
    // SAFETY: `limit` is valid for a write.
    let got = unsafe { libc::getrlimit(libc::RLIMIT_FSIZE, &mut limit) };
    match got {
        0 => usize::try_from(limit.rlim_cur).unwrap_or(usize::MAX),
        _ => usize::MAX,
    }
}
