//! Why a call to the operating system failed, for every system alike.
//!
//! Invariant: making an [`OsError`] allocates nothing; showing one may.

#![forbid(unsafe_code)]

use core::fmt;

/// The reason for a refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OsError {
    /// The system's own error number: `errno` on Unix, `GetLastError` on Windows.
    Code(i32),
    /// There is no memory, or no address space, for the request.
    OutOfMemory,
    /// The range is not part of the mapping, not whole pages, or overlaps another.
    InvalidRange,
    /// The system has no such call, or OrionRT does not support this system.
    Unsupported,
}

impl fmt::Display for OsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => std::io::Error::from_raw_os_error(*code).fmt(f),
            Self::OutOfMemory => f.write_str("out of memory"),
            Self::InvalidRange => f.write_str("the range is not whole pages of this mapping"),
            Self::Unsupported => write!(f, "not supported on {}", std::env::consts::OS),
        }
    }
}
