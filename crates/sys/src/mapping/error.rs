//! What the operating system refused: the call, for how many bytes, and why.
//!
//! Invariant: making a [`MapError`] allocates nothing; showing it may, and only its receiver does that.

use core::fmt;

use rustix::{
    io::Errno,
    process::{Resource, getrlimit},
};

/// What was asked of the operating system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum MapCall {
    /// Reserving address space (`mmap`).
    Reserve,
    /// Making reserved address space usable (`mprotect`).
    Commit,
    /// Asking for huge pages, or for none (`madvise`).
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

/// The operating system refused memory.
///
/// For a refused page lock, [`limit`](Self::limit) is the limit in force, and the message says how to raise it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct MapError {
    call: MapCall,
    bytes: usize,
    errno: Errno,
    limit: Option<u64>,
}

impl MapError {
    pub(super) fn new(call: MapCall, bytes: usize, errno: Errno) -> Self {
        let limit = match call {
            MapCall::Lock => getrlimit(Resource::Memlock).current,
            _ => None,
        };
        Self {
            call,
            bytes,
            errno,
            limit,
        }
    }

    /// What was asked.
    #[must_use]
    pub fn call(&self) -> MapCall {
        self.call
    }

    /// For how many bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The error number that the operating system gave.
    #[must_use]
    pub fn raw_os_error(&self) -> i32 {
        self.errno.raw_os_error()
    }

    /// For [`MapCall::Lock`]: the page-lock limit of the process in bytes, if it has one.
    #[must_use]
    pub fn limit(&self) -> Option<u64> {
        self.limit
    }

    /// The kernel does not know this advice (as opposed to: refuses it here).
    pub(super) fn is_unknown_call(&self) -> bool {
        self.errno == Errno::INVAL
    }
}

impl fmt::Debug for MapError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MapError")
            .field("call", &self.call)
            .field("bytes", &self.bytes)
            .field("os_error", &self.raw_os_error())
            .field("limit", &self.limit)
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
        let reason = std::io::Error::from_raw_os_error(self.raw_os_error());
        write!(f, "cannot {what}: {} bytes: {reason}", self.bytes)?;
        if let (MapCall::Lock, Some(limit)) = (self.call, self.limit) {
            let need = self.bytes.div_ceil(1024);
            write!(
                f,
                "; the limit of locked memory (RLIMIT_MEMLOCK) is {limit} bytes for the whole process, this arena needs {} bytes. \
                 Raise it with `ulimit -l {need}` (KiB), LimitMEMLOCK= in a systemd unit, a memlock line in /etc/security/limits.conf, \
                 or grant CAP_IPC_LOCK",
                self.bytes
            )?;
        }
        Ok(())
    }
}

impl core::error::Error for MapError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refused_lock_says_limit_need_and_remedy() {
        let error = MapError {
            call: MapCall::Lock,
            bytes: 64 << 20,
            errno: Errno::NOMEM,
            limit: Some(8 << 20),
        };
        let text = error.to_string();
        for part in ["8388608", "67108864", "RLIMIT_MEMLOCK", "ulimit -l 65536"] {
            assert!(text.contains(part), "{text}");
        }
    }
}
