//! Fault injection: an operating system that refuses calls when a test says so.
//!
//! Every call of [`System`](super::System) that may be refused starts with `pass`, which refuses it
//! if the current thread has planned that: by number, by [`Call`], and with the error number of the
//! test's choice. Without the feature `fault-injection` (and outside of this crate's own tests)
//! `pass` does nothing.
//!
//! Invariant: `MADE` is the number of calls that this thread has made since it last chose a plan,
//! of those that the plan is about.

#![forbid(unsafe_code)]

use super::OsError;

#[cfg(any(test, feature = "fault-injection"))]
pub use injection::{Refusal, calls_made, refuse, refuse_after, refuse_only};

/// A call that an operating system may refuse. The names in brackets are those of Linux, where a
/// seccomp filter can tell all of them apart; other systems have others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Call {
    /// Reserving address space, giving up what it holds, or filling a hole in it (`mmap`).
    Map,
    /// Changing the access to memory (`mprotect`).
    Protect,
    /// Making memory resident (`madvise` with `MADV_POPULATE_WRITE`).
    Populate,
    /// Advising for huge pages (`madvise` with `MADV_HUGEPAGE`).
    HugePages,
    /// Advising against huge pages (`madvise` with `MADV_NOHUGEPAGE`).
    NoHugePages,
    /// Giving memory back (`madvise` with `MADV_DONTNEED`).
    Discard,
    /// Locking pages (`mlock`).
    Lock,
    /// Unlocking pages (`munlock`).
    Unlock,
    /// Moving pages (`mremap`).
    Move,
    /// Binding memory to a NUMA node (`mbind`).
    Bind,
    /// Reading how much memory the machine has (`sysinfo`).
    MachineMemory,
}

/// Called before a system call that may be refused: counts it, and refuses it if that is planned.
#[cfg(any(test, feature = "fault-injection"))]
pub(super) fn pass(call: Call) -> Result<(), OsError> {
    injection::pass(call)
}

/// Called before a system call that may be refused: nothing is, outside of tests.
#[cfg(not(any(test, feature = "fault-injection")))]
#[inline(always)]
pub(super) fn pass(_call: Call) -> Result<(), OsError> {
    Ok(())
}

#[cfg(any(test, feature = "fault-injection"))]
mod injection {
    use core::{cell::Cell, ops::Range};
    use std::thread_local;

    use super::{Call, OsError};

    impl Call {
        /// All of them.
        pub const ALL: [Self; 11] = [
            Self::Map,
            Self::Protect,
            Self::Populate,
            Self::HugePages,
            Self::NoHugePages,
            Self::Discard,
            Self::Lock,
            Self::Unlock,
            Self::Move,
            Self::Bind,
            Self::MachineMemory,
        ];

        /// The error numbers that a test should try: those that the manual page of the call lists,
        /// and those with which seccomp filters refuse a call.
        #[cfg(target_os = "linux")]
        #[must_use]
        pub const fn error_numbers(self) -> &'static [i32] {
            use libc::{EACCES, EAGAIN, EBADF, EFAULT, EHWPOISON, EINTR, EINVAL, EIO, ENODEV};
            use libc::{ENOMEM, ENOSYS, EOVERFLOW, EPERM};
            match self {
                Self::Map => &[
                    EPERM, ENOSYS, EACCES, ENOMEM, EAGAIN, EINVAL, ENODEV, EOVERFLOW,
                ],
                Self::Populate => &[
                    EPERM, ENOSYS, EACCES, EINVAL, ENOMEM, EFAULT, EHWPOISON, EAGAIN, EINTR, EIO,
                    EBADF,
                ],
                Self::MachineMemory => &[EPERM, ENOSYS, EACCES, EFAULT],
                Self::Protect
                | Self::HugePages
                | Self::NoHugePages
                | Self::Discard
                | Self::Lock
                | Self::Unlock
                | Self::Move
                | Self::Bind => &[EPERM, ENOSYS, EACCES, EINVAL, ENOMEM, EAGAIN, EFAULT, EIO],
            }
        }

        /// The error numbers that a test should try: those by which Windows says that there is no
        /// memory, that the commit limit or a quota is reached, and that it does not allow the
        /// call. None for calls that Windows does not have.
        #[cfg(windows)]
        #[must_use]
        pub const fn error_numbers(self) -> &'static [i32] {
            use windows_sys::Win32::Foundation::{
                ERROR_ACCESS_DENIED, ERROR_CALL_NOT_IMPLEMENTED, ERROR_COMMITMENT_LIMIT,
                ERROR_INVALID_ADDRESS, ERROR_INVALID_PARAMETER, ERROR_NO_SYSTEM_RESOURCES,
                ERROR_NOACCESS, ERROR_NOT_ENOUGH_MEMORY, ERROR_PAGEFILE_QUOTA,
                ERROR_WORKING_SET_QUOTA,
            };
            const NUMBERS: &[i32] = &[
                ERROR_ACCESS_DENIED as i32,
                ERROR_CALL_NOT_IMPLEMENTED as i32,
                ERROR_COMMITMENT_LIMIT as i32,
                ERROR_INVALID_ADDRESS as i32,
                ERROR_INVALID_PARAMETER as i32,
                ERROR_NO_SYSTEM_RESOURCES as i32,
                ERROR_NOACCESS as i32,
                ERROR_NOT_ENOUGH_MEMORY as i32,
                ERROR_PAGEFILE_QUOTA as i32,
                ERROR_WORKING_SET_QUOTA as i32,
            ];
            match self {
                Self::Map
                | Self::Protect
                | Self::Discard
                | Self::Lock
                | Self::Unlock
                | Self::Bind
                | Self::MachineMemory => NUMBERS,
                Self::Populate | Self::HugePages | Self::NoHugePages | Self::Move => &[],
            }
        }
    }

    /// Which calls of a thread are refused, and with which error.
    #[derive(Clone, Debug)]
    pub struct Refusal {
        call: Option<Call>,
        error: OsError,
        which: Range<usize>,
    }

    impl Refusal {
        /// Every call of this kind, for lack of memory.
        #[must_use]
        pub fn of(call: Call) -> Self {
            Self {
                call: Some(call),
                ..Self::any()
            }
        }

        /// Every call, for lack of memory.
        #[must_use]
        pub fn any() -> Self {
            Self {
                call: None,
                error: OsError::OutOfMemory,
                which: 0..usize::MAX,
            }
        }

        /// With this error number.
        #[must_use]
        pub fn with_error_number(mut self, number: i32) -> Self {
            self.error = OsError::Code(number);
            self
        }

        /// None of the first `calls` calls.
        #[must_use]
        pub fn after(mut self, calls: usize) -> Self {
            self.which = calls..usize::MAX;
            self
        }

        /// A single call, the one with number `call`, counted from 0.
        #[must_use]
        pub fn only(mut self, call: usize) -> Self {
            self.which = call..call + 1;
            self
        }
    }

    thread_local! {
        static CALL: Cell<Option<Call>> = const { Cell::new(None) };
        static ERROR: Cell<OsError> = const { Cell::new(OsError::OutOfMemory) };
        static FIRST: Cell<usize> = const { Cell::new(0) };
        static END: Cell<usize> = const { Cell::new(0) };
        static MADE: Cell<usize> = const { Cell::new(0) };
    }

    /// Has these calls of this thread refused, and lets all others pass. Counting starts again from
    /// 0.
    pub fn refuse(refusal: Refusal) {
        CALL.set(refusal.call);
        ERROR.set(refusal.error);
        FIRST.set(refusal.which.start);
        END.set(refusal.which.end);
        MADE.set(0);
    }

    /// Lets the next `calls` calls of this thread pass and refuses all later ones for lack of
    /// memory; `None` lets all pass. Counting starts again from 0.
    pub fn refuse_after(calls: Option<usize>) {
        refuse(match calls {
            Some(calls) => Refusal::any().after(calls),
            None => Refusal {
                which: 0..0,
                ..Refusal::any()
            },
        });
    }

    /// Refuses a single call of this thread for lack of memory, the one with number `call`.
    /// Counting starts again from 0.
    pub fn refuse_only(call: usize) {
        refuse(Refusal::any().only(call));
    }

    /// How many calls this thread has made, refused ones included, since it last chose which calls
    /// are refused: calls of that kind, if it chose one.
    #[must_use]
    pub fn calls_made() -> usize {
        MADE.get()
    }

    /// Counts a call, and refuses it if that is planned.
    pub(super) fn pass(call: Call) -> Result<(), OsError> {
        if CALL.get().is_some_and(|planned| planned != call) {
            return Ok(());
        }
        let number = MADE.replace(MADE.get() + 1);
        match (FIRST.get()..END.get()).contains(&number) {
            true => Err(ERROR.get()),
            false => Ok(()),
        }
    }
}
