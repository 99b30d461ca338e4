//! What the operating system refused: which request, for how many bytes, and why.
//!
//! Invariant: making a [`MapError`] allocates nothing, so that a global allocator may do it;
//! showing one may allocate.

#![forbid(unsafe_code)]

use core::fmt;

use crate::os::{Os, OsError, System};

/// What was requested of the operating system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MapCall {
    /// Reserving address space (`mmap` on Linux).
    Reserve,
    /// Making reserved address space usable (`mprotect`).
    Commit,
    /// Advising for or against huge pages (`madvise`).
    HugePages,
    /// Making memory resident ahead of time (`madvise`).
    Prefault,
    /// Page-locking (`mlock`).
    Lock,
    /// Giving memory back (`madvise`).
    Discard,
    /// Moving pages to other addresses (`mremap`).
    Move,
    /// Making memory inaccessible, or accessible again (`mprotect`).
    Protect,
    /// Binding memory to a NUMA node (`mbind`).
    Bind,
}

/// The operating system refused a request for memory.
///
/// The message says what was requested, for how many bytes, and the system's reason. For a refused
/// page lock it also gives the limit in force and how to raise it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct MapError {
    call: MapCall,
    bytes: usize,
    reason: OsError,
    lock_limit: Option<u64>,
}

impl MapError {
    pub(crate) fn new(call: MapCall, bytes: usize, reason: OsError) -> Self {
        let lock_limit = match call {
            MapCall::Lock => Os::lock_limit(),
            _ => None,
        };
        Self {
            call,
            bytes,
            reason,
            lock_limit,
        }
    }

    /// What was requested.
    #[must_use]
    pub fn call(&self) -> MapCall {
        self.call
    }

    /// For how many bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The error number that the operating system gave; `None` when the request never reached it.
    #[must_use]
    pub fn raw_os_error(&self) -> Option<i32> {
        match self.reason {
            OsError::Code(code) => Some(code),
            _ => None,
        }
    }

    /// Whether the system has no such call, or OrionRT does not support this operating system yet.
    #[must_use]
    pub fn is_unsupported(&self) -> bool {
        self.reason == OsError::Unsupported
    }

    /// Whether the system has no such call at all. A seccomp filter may pretend so.
    #[must_use]
    pub fn is_missing(&self) -> bool {
        match self.reason {
            OsError::Code(code) => Os::MISSING.contains(&code),
            other => other == OsError::Unsupported,
        }
    }

    /// Whether the system had no memory, or no address space, for the request.
    #[must_use]
    pub fn is_out_of_memory(&self) -> bool {
        match self.reason {
            OsError::Code(code) => Os::NO_MEMORY.contains(&code),
            other => other == OsError::OutOfMemory,
        }
    }

    /// For [`MapCall::Lock`]: how many bytes the process may page-lock, if there is a limit.
    #[must_use]
    pub fn limit(&self) -> Option<u64> {
        self.lock_limit
    }
}

impl fmt::Debug for MapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MapError")
            .field("call", &self.call)
            .field("bytes", &self.bytes)
            .field("reason", &self.reason)
            .field("limit", &self.lock_limit)
            .finish()
    }
}

impl fmt::Display for MapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let what = match self.call {
            MapCall::Reserve => "reserve address space",
            MapCall::Commit => "commit memory",
            MapCall::HugePages => "advise on huge pages",
            MapCall::Prefault => "make memory resident",
            MapCall::Lock => "page-lock memory",
            MapCall::Discard => "give memory back",
            MapCall::Move => "move memory",
            MapCall::Protect => "change the access to memory",
            MapCall::Bind => "bind memory to a NUMA node",
        };
        write!(f, "cannot {what}: {} bytes: {}", self.bytes, self.reason)?;
        if let (MapCall::Lock, Some(limit)) = (self.call, self.lock_limit) {
            Os::explain_lock_limit(f, limit, self.bytes)?;
        }
        Ok(())
    }
}

impl core::error::Error for MapError {}

/// The operating system refused to move pages; see
/// [`Mapping::remap`](crate::mapping::Mapping::remap).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MoveError {
    refusal: MapError,
    target_lost: bool,
}

impl MoveError {
    pub(crate) fn new(refusal: MapError, target_lost: bool) -> Self {
        Self {
            refusal,
            target_lost,
        }
    }

    /// What was refused, and why.
    #[must_use]
    pub fn refusal(&self) -> MapError {
        self.refusal
    }

    /// Whether the pages that were to be replaced may no longer belong to the mapping: they are
    /// not mapped any more, or somebody else's memory is mapped there. Nobody may ever touch them,
    /// or pass them to the system, again.
    #[must_use]
    pub fn is_target_lost(&self) -> bool {
        self.target_lost
    }
}

impl fmt::Display for MoveError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.refusal.fmt(f)?;
        if self.target_lost {
            f.write_str("; the addresses that were to be replaced are lost")?;
        }
        Ok(())
    }
}

impl core::error::Error for MoveError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        Some(&self.refusal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::string::ToString;

    #[test]
    fn a_refused_lock_says_limit_need_and_remedy() {
        let error = MapError {
            call: MapCall::Lock,
            bytes: 64 << 20,
            reason: OsError::OutOfMemory,
            lock_limit: Some(8 << 20),
        };
        let text = error.to_string();
        let remedy: &[&str] = if cfg!(windows) {
            &[
                "minimum working set",
                "75497472",
                "SetProcessWorkingSetSize",
            ]
        } else {
            &["RLIMIT_MEMLOCK", "ulimit -l 65536"]
        };
        for part in ["8388608", "67108864"].iter().chain(remedy) {
            assert!(text.contains(part), "{text}");
        }
    }

    #[test]
    fn a_system_without_support_is_named() {
        let error = MapError::new(MapCall::Reserve, 4096, OsError::Unsupported);
        assert!(error.is_unsupported() && error.raw_os_error().is_none());
        let text = error.to_string();
        let expected = "cannot reserve address space: 4096 bytes: not supported on ";
        assert!(text.starts_with(expected), "{text}");
    }
}
