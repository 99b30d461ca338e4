//! [`StackRecorder`]: the stack of a thread, captured again and again.
//!
//! Stands on `unwinding`, and where there is none, every stack is empty. Invariant: what
//! `addresses` begins with is the last stack that was captured; all bytes of a new recorder are
//! zero.

use crate::limits::MOST_ADDRESSES;
#[cfg(all(
    target_os = "linux",
    target_pointer_width = "64",
    any(target_arch = "x86_64", target_arch = "aarch64"),
    not(miri)
))]
use crate::unwinding;

/// Captures the stack of a thread again and again. It knows the last one: what has not changed
/// since takes half of the instructions, and a stack that is the same as a whole is known to be.
///
/// ```
/// orionrt_stack::prepare();
///
/// let mut recorder = orionrt_stack::StackRecorder::new();
/// for _ in 0..3 {
///     let stack = recorder.capture();
///     println!("{} frames, the same again: {}", stack.addresses.len(), stack.repeats);
/// }
/// ```
///
/// Another thread may go on with a recorder: that finds a stack with other addresses then.
///
/// Memory that is all zero is a new recorder, so that one can be a part of something larger that is
/// made of fresh pages.
pub struct StackRecorder {
    addresses: [usize; MOST_ADDRESSES],
    #[cfg(all(
        target_os = "linux",
        target_pointer_width = "64",
        any(target_arch = "x86_64", target_arch = "aarch64"),
        not(miri)
    ))]
    last: unwinding::LastWalk,
}

/// What [`StackRecorder::capture`] has found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct CapturedStack<'r> {
    /// The return addresses, as of [`capture`](crate::capture).
    pub addresses: &'r [usize],
    /// Whether they are known to be those of the call before. (They may be without being known.)
    pub repeats: bool,
}

impl StackRecorder {
    /// A recorder that has captured nothing. All of its bytes are zero.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            addresses: [0; MOST_ADDRESSES],
            #[cfg(all(
                target_os = "linux",
                target_pointer_width = "64",
                any(target_arch = "x86_64", target_arch = "aarch64"),
                not(miri)
            ))]
            last: unwinding::LastWalk::new(),
        }
    }

    /// Captures the return addresses of the functions that called this one, as
    /// [`capture`](crate::capture) does.
    #[inline(never)]
    pub fn capture(&mut self) -> CapturedStack<'_> {
        #[cfg(all(
            target_os = "linux",
            target_pointer_width = "64",
            any(target_arch = "x86_64", target_arch = "aarch64"),
            not(miri)
        ))]
        let (count, repeats) = {
            let registers = unwinding::Registers::here();
            let found = unwinding::walk_along(&mut self.last, registers, &mut self.addresses);
            unwinding::keep_frame();
            found
        };
        #[cfg(not(all(
            target_os = "linux",
            target_pointer_width = "64",
            any(target_arch = "x86_64", target_arch = "aarch64"),
            not(miri)
        )))]
        let (count, repeats) = (0, false);
        CapturedStack {
            addresses: &self.addresses[..count],
            repeats,
        }
    }
}

impl Default for StackRecorder {
    fn default() -> Self {
        Self::new()
    }
}

impl core::fmt::Debug for StackRecorder {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("StackRecorder").finish_non_exhaustive()
    }
}
