//! The file of a recording: made under a name that no file has, and mapped.
//!
//! The file has its full size from the start, but no blocks: [`RecordingFile::back`] gets those of
//! a part from the system before anybody writes there, since a write that finds the disk full
//! would end the process. Before Linux 5.14 that takes a write of zeros. At the end,
//! [`RecordingFile::cut`] takes away what was not used.
//!
//! The file is closed as soon as it is mapped: a program may close all files that it finds open.
//! What needs it later opens it again by its name, and looks whether it is the same file. Where
//! that cannot be done, as after `chroot`, the file keeps its size, and before Linux 5.14 the
//! recording gets no more parts.
//!
//! # Limits
//!
//! Two things end a recorded process with `SIGBUS`, as with every mapping of a file:
//! - somebody else makes the file shorter while the process runs;
//! - the disk is full, and the file system writes to new blocks what it has written before (btrfs
//!   and others, where a folder does not have `chattr +C`).
//!
//! A process that does not come to its end by itself leaves a file of the full size, whose unused
//! part has no blocks.
//!
//! Invariant: nothing here allocates; `errno` stays what it was.

use core::{
    ffi::CStr,
    ptr, slice,
    sync::atomic::{AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, Ordering::Relaxed},
};

use orionrt_sys::mapping::PAGE;

use crate::{
    recording_calls::{
        NoFile, close, identity, keeping_errno, map_words, most_file_bytes, open, populate,
        set_len, unmap, write_zeros,
    },
    recording_name::Naming,
};

/// How many names are tried.
const MOST_TRIES: u32 = 1000;

/// A file that is mapped.
#[derive(Clone, Copy)]
pub(crate) struct RecordingFile {
    pub(crate) words: &'static [AtomicU64],
    /// Which attempt its name is of.
    attempt: u32,
    /// The device and the inode.
    identity: [u64; 2],
}

impl RecordingFile {
    /// Makes a file and maps it. If there is a file of its name, others are tried. Of these many
    /// bytes it takes fewer, where it may not have them, but not less than `least`, whole pages.
    pub(crate) fn create(naming: &Naming, bytes: usize, least: usize) -> Result<Self, NoFile> {
        keeping_errno(|| {
            let most = most_file_bytes();
            if most < least {
                return Err(NoFile(libc::EFBIG));
            }
            let bytes = bytes.min(most).max(least);
            let made = (0..MOST_TRIES).find_map(|attempt| {
                let made = naming.with_name(attempt, |name| create(name, attempt, bytes, least));
                match made {
                    Err(NoFile(libc::EEXIST)) => None,
                    made => Some(made),
                }
            });
            made.unwrap_or(Err(NoFile(libc::EEXIST)))
        })
    }

    /// Gets blocks of the disk, and memory, for a part whose words are zeros.
    pub(crate) fn back(&self, naming: &Naming, part: &[AtomicU64]) -> Result<(), NoFile> {
        keeping_errno(|| match populate(part) {
            Err(NoFile(libc::EINVAL)) => self.with_file(naming, |file| {
                let at = part.as_ptr().addr() - self.words.as_ptr().addr();
                write_zeros(file, at, size_of_val(part))
            }),
            result => result,
        })
    }

    /// Makes the file shorter. What its words have beyond that must not be used any more.
    pub(crate) fn cut(&self, naming: &Naming, bytes: usize) -> Result<(), NoFile> {
        keeping_errno(|| self.with_file(naming, |file| set_len(file, bytes)))
    }

    /// Unmaps it.
    ///
    /// # Safety
    /// Nobody uses its words from now on.
    pub(crate) unsafe fn unmap(self) {
        // SAFETY: mapped by `map`; the rest is the caller's duty.
        keeping_errno(|| unsafe { unmap(self.words) });
    }

    /// Calls `f` with the file, opened again.
    fn with_file(
        &self,
        naming: &Naming,
        f: impl FnOnce(i64) -> Result<(), NoFile>,
    ) -> Result<(), NoFile> {
        let flags = libc::O_RDWR | libc::O_NOFOLLOW | libc::O_NONBLOCK;
        let file = naming.with_name(self.attempt, |name| open(name, flags))?;
        let result = match identity(file) {
            Ok(identity) if identity == self.identity => f(file),
            Ok(_) => Err(NoFile(libc::ESTALE)),
            Err(error) => Err(error),
        };
        close(file);
        result
    }
}

/// The file of a process, in a static. Whoever uses it sees to it that nobody changes it meanwhile.
pub(crate) struct KeptFile {
    words: AtomicPtr<AtomicU64>,
    len: AtomicUsize,
    attempt: AtomicU32,
    identity: [AtomicU64; 2],
}

impl KeptFile {
    pub(crate) const fn new() -> Self {
        Self {
            words: AtomicPtr::new(ptr::null_mut()),
            len: AtomicUsize::new(0),
            attempt: AtomicU32::new(0),
            identity: [const { AtomicU64::new(0) }; 2],
        }
    }

    pub(crate) fn set(&self, file: &RecordingFile) {
        self.len.store(file.words.len(), Relaxed);
        self.attempt.store(file.attempt, Relaxed);
        for (kept, &number) in self.identity.iter().zip(&file.identity) {
            kept.store(number, Relaxed);
        }
        self.words.store(file.words.as_ptr().cast_mut(), Relaxed);
    }

    /// The file, if there is one.
    ///
    /// # Safety
    /// It is mapped for as long as what this returns is used.
    pub(crate) unsafe fn get(&self) -> Option<RecordingFile> {
        let words = self.words.load(Relaxed);
        if words.is_null() {
            return None;
        }
        Some(RecordingFile {
            // SAFETY: of a mapping that `set` was called with, which the caller says is there.
            words: unsafe { slice::from_raw_parts(words, self.len.load(Relaxed)) },
            attempt: self.attempt.load(Relaxed),
            identity: [0, 1].map(|at| self.identity[at].load(Relaxed)),
        })
    }

    pub(crate) fn clear(&self) {
        self.words.store(ptr::null_mut(), Relaxed);
    }
}

/// Makes the file of a name, unless there is one, and maps it; leaves none behind if that fails.
fn create(name: &CStr, attempt: u32, bytes: usize, least: usize) -> Result<RecordingFile, NoFile> {
    let file = open(name, libc::O_RDWR | libc::O_CREAT | libc::O_EXCL)?;
    let made = identity(file).and_then(|identity| {
        Ok(RecordingFile {
            words: map(file, bytes, least)?,
            attempt,
            identity,
        })
    });
    close(file);
    if made.is_err() {
        // SAFETY: the name ends with a zero.
        unsafe { libc::syscall(libc::SYS_unlinkat, libc::AT_FDCWD, name.as_ptr(), 0) };
    }
    made
}

/// Maps a file that is empty.
fn map(file: i64, mut bytes: usize, least: usize) -> Result<&'static [AtomicU64], NoFile> {
    loop {
        bytes &= !(PAGE - 1);
        match map_as(file, bytes) {
            Err(_) if bytes / 2 >= least => bytes /= 2,
            mapped => return mapped,
        }
    }
}

fn map_as(file: i64, bytes: usize) -> Result<&'static [AtomicU64], NoFile> {
    set_len(file, bytes)?;
    let words = map_words(file, bytes)?;
    let backed = match populate(&words[..PAGE / 8]) {
        Err(NoFile(libc::EINVAL)) => write_zeros(file, 0, PAGE),
        // What the system says of a fault that the disk has no room for.
        Err(NoFile(libc::EFAULT)) => Err(NoFile(libc::ENOSPC)),
        result => result,
    };
    if let Err(error) = backed {
        // SAFETY: just mapped, and used by nobody.
        unsafe { unmap(words) };
        return Err(error);
    }
    Ok(words)
}
