//! The files that profiles are written to, without the C library's functions, and without
//! allocating.

use core::ffi::{CStr, c_int, c_long};

use crate::{environment::unless_interrupted, file_name::FileName};

/// A file that is being written.
pub(crate) struct ProfileFile(c_int);

impl ProfileFile {
    /// Opens a new file, for its owner alone, or an old one whose contents go. A path that is a
    /// symbolic link is refused: in a folder for all, it may be somebody else's.
    pub(crate) fn create(path: &CStr) -> Option<Self> {
        let flags = libc::O_WRONLY | libc::O_CREAT | libc::O_TRUNC;
        let flags = flags | libc::O_NOFOLLOW | libc::O_CLOEXEC;
        let opened = unless_interrupted(|| {
            // SAFETY: the path ends with a zero.
            unsafe {
                libc::syscall(
                    libc::SYS_openat,
                    libc::AT_FDCWD,
                    path.as_ptr(),
                    flags,
                    0o600,
                )
            }
        });
        let file = c_int::try_from(opened).ok().filter(|&file| file >= 0)?;
        Some(Self(file))
    }

    /// Writes all of it; whether that went well.
    pub(crate) fn write(&self, mut bytes: &[u8]) -> bool {
        while !bytes.is_empty() {
            let written: c_long = unless_interrupted(|| {
                // SAFETY: so many bytes.
                unsafe { libc::syscall(libc::SYS_write, self.0, bytes.as_ptr(), bytes.len()) }
            });
            match usize::try_from(written) {
                Ok(written @ 1..) => bytes = &bytes[written..],
                _ => return false,
            }
        }
        true
    }

    /// Ends writing; whether the system has taken everything.
    pub(crate) fn close(self) -> bool {
        // SAFETY: opened by `create`, and used by nobody else.
        unsafe { libc::syscall(libc::SYS_close, self.0) == 0 }
    }
}

/// The path of a profile: `%p` is the process's number. The number of a profile on the way, and
/// that of a child whose path would be its parent's, go before the ending. `None` if it is too
/// long.
pub(crate) fn path_of<'p>(
    file: &[u8],
    process: u32,
    is_child: bool,
    number: Option<u32>,
    place: &'p mut [u8],
) -> Option<&'p CStr> {
    let mut path = FileName::new(place);
    let (stem, ending) = match file.strip_suffix(b".pb") {
        Some(stem) => (stem, &b".pb"[..]),
        None => (file, &b""[..]),
    };
    let has_process = path.push_pattern(stem, process)?;
    if is_child && !has_process {
        path.push_number(process)?;
    }
    if let Some(number) = number {
        path.push_number(number)?;
    }
    path.push(ending)?;
    path.finish()
}
