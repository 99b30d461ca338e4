//! The return addresses of the calling thread, taken without allocating.
//!
//! A sampling heap profiler asks for the stack in the middle of `malloc`. There it may not allocate
//! or wait for a lock, and may have interrupted anything. [`capture`] does neither: its only system
//! call asks whether a page can be read, and so it also works in signal handlers and while another
//! thread loads or unloads libraries.
//!
//! ```
//! orionrt_stack::prepare();
//!
//! let mut frames = [0; 64];
//! let depth = orionrt_stack::capture(&mut frames);
//! for address in &frames[..depth] {
//!     println!("{address:#x}");
//! }
//! ```
//!
//! # How a stack is walked
//!
//! ```text
//!   capture ── registers by assembly
//!      │
//!     walk ───── for each frame: where is its caller?
//!      │  │
//!      │  ├── last walk the rules of this thread's last stack, as far as the stack is the same
//!      │  ├── cache     the rule of each return address seen before, in 29 bits
//!      │  └── tables    the unwind table of the module: `.eh_frame_hdr`, then `.eh_frame`
//!      │        ├── modules         the module at an address: glibc's `_dl_find_object`, or a list
//!      │        └── module bytes    copies bytes of the module
//!      └── memory       reads words of the stack that the thread runs on
//! ```
//!
//! - **x86-64**: by the unwind tables that compilers write for exceptions, which are there without
//!   frame pointers, too. Code without a table, as just-in-time compilers make it, is passed by its
//!   frame pointer if that looks sane.
//! - **64-bit Arm**: by frame pointers alone.
//! - **Elsewhere**, and on systems other than Linux, the stack is empty.
//!
//! A stack that is broken, or that has a frame that no rule describes, ends there. It is shorter,
//! or has wrong addresses, but nothing faults, because little is ever read:
//!
//! - **Of the stack**: words from the innermost frame upwards, as far as pages can be read without
//!   a gap, at most 8 MiB and not beyond the thread's own variables. Another stack is read only
//!   where a signal interrupted it, and every frame before had a table.
//! - **Of modules**: bytes within a module, each copied from a page that the kernel was asked
//!   about. What they say is checked, so anything may be there.
//!
//! # Limits
//!
//! - Between a `dlclose` and the next [`prepare`] a rule of the closed library may be applied to
//!   another one at its address, and the stack may then be wrong. With glibc before 2.35 the same
//!   is true of its unwind table.
//! - A wrong address, from such a rule or from a frame pointer that was not one, may be in a module
//!   of which the thread has no frame. If another thread unloads just that one, it may do so
//!   between the question whether a page can be read and the copy from it, some nanoseconds later,
//!   and that faults. A system call that copies memory would not, but programs that restrict their
//!   system calls (`seccomp`) may be ended for it.
//! - Where a function moves to another stack by itself, as some do that recurse deeply, the stack
//!   that it came from is not read.
//! - A stack that a program made itself without a guard page is read beyond its end if it is
//!   broken.
#![no_std]

// For the signatures of `gimli`'s readers alone.
#[cfg(all(target_os = "linux", target_arch = "x86_64", not(miri)))]
extern crate alloc;

// A file uses only files above it in this list.
mod limits;
#[cfg(all(
    target_os = "linux",
    target_pointer_width = "64",
    any(target_arch = "x86_64", target_arch = "aarch64"),
    not(miri)
))]
mod unwinding;
mod recorder;

pub use limits::MOST_ADDRESSES;
pub use recorder::{CapturedStack, StackRecorder};

/// Finds what [`capture`] needs to know of the process: how to find the module at an address, and
/// which modules are loaded.
///
/// Call it before the first `capture`, and again after each `dlopen` or `dlclose`: it notices which
/// libraries were loaded or unloaded since, at the price of a lock. It may allocate and wait, so
/// not inside an allocator or a signal handler. Without it, stacks are walked by frame pointers
/// alone.
pub fn prepare() {
    #[cfg(all(
        target_os = "linux",
        target_pointer_width = "64",
        any(target_arch = "x86_64", target_arch = "aarch64"),
        not(miri)
    ))]
    unwinding::prepare();
}

/// Writes the return addresses of the functions that called this one, innermost first, and returns
/// how many.
///
/// The first is an address in the caller of `capture`. An address is that of the instruction after
/// a call, except in a function that a signal interrupted, where it is that of the next instruction
/// to execute. To name a call, look up the address less one, which is within its instruction.
///
/// Allocates nothing and takes no lock. It needs some 8 KiB of stack. A thread that captures its
/// stack again and again is faster with a [`StackRecorder`].
#[inline(never)]
pub fn capture(frames: &mut [usize]) -> usize {
    #[cfg(all(
        target_os = "linux",
        target_pointer_width = "64",
        any(target_arch = "x86_64", target_arch = "aarch64"),
        not(miri)
    ))]
    {
        let registers = unwinding::Registers::here();
        let count = unwinding::walk(registers, frames);
        // The frame of this function is to be there during the walk: no tail call.
        unwinding::keep_frame();
        count
    }
    #[cfg(not(all(
        target_os = "linux",
        target_pointer_width = "64",
        any(target_arch = "x86_64", target_arch = "aarch64"),
        not(miri)
    )))]
    {
        let _ = frames;
        0
    }
}
