//! The file of a recording: made under a name that no file has, and mapped.
//!
//! The file has its full size from the start, but no blocks: [`RecordingFile::back`] gets those of
//! a part from the system before anybody writes there, since a write that finds the disk full
//! would end the process. The file is closed as soon as it is mapped: a program may close all files
//! that it finds open.
//!
//! The system is called directly, as in [`environment`](crate::environment).
//!
//! Invariant: nothing here allocates; `errno` stays what it was.

use core::{ffi::CStr, ptr, slice, sync::atomic::AtomicU64};

use orionrt_sys::mapping::PAGE;

use crate::environment::{errno, set_errno};

/// The most bytes of a name, with the zero at its end.
const MOST_NAME: usize = 4096;

/// How many names are tried.
const MOST_TRIES: u32 = 1000;

/// A file that is mapped for as long as the process lives.
#[derive(Clone, Copy)]
pub(crate) struct RecordingFile {
    pub(crate) words: &'static [AtomicU64],
}

/// Why there is no file: the number of the system's error.
pub(crate) struct NoFile(pub(crate) i32);

impl RecordingFile {
    /// Makes a file and maps it. `%p` in the name stands for the process's number. If there is a
    /// file of that name, the process's number is appended, then others. Of these many bytes it
    /// takes fewer, where it may not have them, but not less than `least`.
    pub(crate) fn create(
        pattern: &[u8],
        process: u32,
        bytes: usize,
        least: usize,
    ) -> Result<Self, NoFile> {
        let saved = errno();
        let made = (0..MOST_TRIES).find_map(|attempt| {
            let mut name = Name::new();
            let named = name.expand(pattern, process, attempt);
            match named.and_then(open_new) {
                Ok(file) => Some(map(file, bytes, least)),
                Err(NoFile(libc::EEXIST)) => None,
                Err(error) => Some(Err(error)),
            }
        });
        set_errno(saved);
        made.unwrap_or(Err(NoFile(libc::EEXIST)))
    }

    /// Gets blocks of the disk, and memory, for a part; `false` if there are none.
    pub(crate) fn back(part: &[AtomicU64]) -> bool {
        let saved = errno();
        let populated = populate(part);
        let number = errno();
        set_errno(saved);
        // Where the system cannot do this, the whole file has its blocks already.
        populated || number == libc::EINVAL
    }

    /// Unmaps it.
    ///
    /// # Safety
    /// Nobody uses its words from now on.
    pub(crate) unsafe fn unmap(self) {
        let saved = errno();
        let (start, bytes) = (self.words.as_ptr(), size_of_val(self.words));
        // SAFETY: mapped by `map`; the caller's duty.
        unsafe { libc::syscall(libc::SYS_munmap, start, bytes) };
        set_errno(saved);
    }
}

/// Writes to every page, as far as the system is concerned.
fn populate(part: &[AtomicU64]) -> bool {
    let (start, bytes) = (part.as_ptr(), size_of_val(part));
    // SAFETY: pages of a mapping; their contents stay.
    let result =
        unsafe { libc::syscall(libc::SYS_madvise, start, bytes, libc::MADV_POPULATE_WRITE) };
    result == 0
}

/// A name that is being put together.
struct Name {
    bytes: [u8; MOST_NAME],
    len: usize,
}

impl Name {
    fn new() -> Self {
        Self {
            bytes: [0; MOST_NAME],
            len: 0,
        }
    }

    fn push(&mut self, bytes: &[u8]) -> Result<(), NoFile> {
        let end = self.len + bytes.len();
        // One byte stays for the zero.
        let place = self.bytes.get_mut(self.len..end);
        let place = place.filter(|_| end < MOST_NAME);
        place
            .ok_or(NoFile(libc::ENAMETOOLONG))?
            .copy_from_slice(bytes);
        self.len = end;
        Ok(())
    }

    fn push_number(&mut self, mut number: u32) -> Result<(), NoFile> {
        let mut digits = [0; 10];
        let mut at = digits.len();
        loop {
            at -= 1;
            digits[at] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                return self.push(&digits[at..]);
            }
        }
    }

    /// The name for an attempt, the first of which is 0.
    fn expand(&mut self, pattern: &[u8], process: u32, attempt: u32) -> Result<&CStr, NoFile> {
        let mut suffixes = attempt;
        let mut rest = pattern;
        let mut has_process = false;
        while let Some((&byte, others)) = rest.split_first() {
            if byte == b'%' && others.first() == Some(&b'p') {
                self.push_number(process)?;
                (rest, has_process) = (&others[1..], true);
            } else {
                self.push(&[byte])?;
                rest = others;
            }
        }
        if !has_process && suffixes > 0 {
            self.push(b".")?;
            self.push_number(process)?;
            suffixes -= 1;
        }
        if suffixes > 0 {
            self.push(b".")?;
            self.push_number(suffixes)?;
        }
        let bytes = self.bytes.get(..=self.len).unwrap_or_default();
        CStr::from_bytes_with_nul(bytes).map_err(|_| NoFile(libc::EINVAL))
    }
}

/// Opens a file that did not exist, for its owner alone.
fn open_new(name: &CStr) -> Result<i64, NoFile> {
    let flags = libc::O_RDWR | libc::O_CREAT | libc::O_EXCL | libc::O_CLOEXEC;
    // SAFETY: the name ends with a zero.
    let file = unsafe {
        libc::syscall(
            libc::SYS_openat,
            libc::AT_FDCWD,
            name.as_ptr(),
            flags,
            0o600,
        )
    };
    if file < 0 {
        return Err(NoFile(errno()));
    }
    Ok(file)
}

/// Maps a file that is empty, and closes it.
fn map(file: i64, bytes: usize, least: usize) -> Result<RecordingFile, NoFile> {
    let mut bytes = bytes.min(most_file_bytes()).max(least) & !(PAGE - 1);
    let mapped = loop {
        match map_as(file, bytes) {
            Err(_) if bytes / 2 >= least => bytes = (bytes / 2) & !(PAGE - 1),
            mapped => break mapped,
        }
    };
    // SAFETY: opened by the caller, and used by nobody else.
    unsafe { libc::syscall(libc::SYS_close, file) };
    mapped
}

fn map_as(file: i64, bytes: usize) -> Result<RecordingFile, NoFile> {
    let (access, shared) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED);
    let none = ptr::null_mut::<u8>();
    // SAFETY: sizes an empty file.
    if unsafe { libc::syscall(libc::SYS_ftruncate, file, bytes) } != 0 {
        return Err(NoFile(errno()));
    }
    // SAFETY: maps at a new address.
    let start = unsafe { libc::syscall(libc::SYS_mmap, none, bytes, access, shared, file, 0_i64) };
    if start == -1 {
        return Err(NoFile(errno()));
    }
    let start = ptr::with_exposed_provenance::<AtomicU64>(start as usize);
    // SAFETY: just mapped, at a page, and kept until `unmap`; pages of zeros are atomics.
    let words = unsafe { slice::from_raw_parts(start, bytes / 8) };
    if !populate(&words[..PAGE / 8]) && !allocate_all(file, bytes) {
        return Err(NoFile(libc::ENOSPC));
    }
    Ok(RecordingFile { words })
}

/// Gets blocks for the whole file at once: before Linux 5.14 there is no way to get those of a part
/// that is mapped.
fn allocate_all(file: i64, bytes: usize) -> bool {
    if errno() != libc::EINVAL {
        return false;
    }
    // SAFETY: changes no contents.
    unsafe { libc::syscall(libc::SYS_fallocate, file, 0, 0_i64, bytes) == 0 }
}

/// How large the process's files may be; beyond that, a signal would end it.
fn most_file_bytes() -> usize {
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
