//! What OrionRT needs from the operating system: memory, locks that sleep, clocks, and `fork`.
//!
//! This is the only library crate of OrionRT that makes system calls or depends on the target. Most
//! users need it only through the crates above it, `orionrt-alloc` and `orionrt`. Use it directly
//! to write an allocator of your own: except where an item says otherwise, nothing here allocates
//! through Rust's global allocator, formats or unwinds, so it may be called inside one.
//!
//! ```
//! use orionrt_sys::{locked::Locked, mapping::{Mapping, PAGE}};
//!
//! // Address space first, memory where it is needed.
//! let mapping = Mapping::reserve(1 << 30, PAGE)?;
//! mapping.commit(0..64 * PAGE)?;
//!
//! // A lock that a global allocator may take; the value is the next free offset.
//! let next = Locked::new(0usize);
//! let offset = next.with(|next| std::mem::replace(next, *next + PAGE));
//! // SAFETY: committed above, and no other pointer into the mapping is in use.
//! unsafe { mapping.base().add(offset).write(1) };
//! # Ok::<(), orionrt_sys::mapping::MapError>(())
//! ```
//!
//! # What is in it
//!
//! ```text
//!   mapping   ranges of memory   clock   process   numa   machine   the public interface:
//!      │ locked, bell ── sync      │        │        │       │      checks, rounds, names errors
//!      └────────────┬─────┴────────┴────────┴────────┴───────┘
//!              os::System                                           one trait, some thirty calls
//!      ┌────────────┼─────────────┬───────────────┐
//!   linux.rs     bsd.rs       windows.rs    unsupported.rs          one file for each system
//!      └─ posix.rs ─┘                                               in os/
//! ```
//!
//! - [`mapping`] reserves address space, commits memory in it and gives it back; it also locks,
//!   binds and moves pages where the system can.
//! - [`sync`] has the atomics (of std, or of loom in models) and `RawLock`, a lock of one word that
//!   spins and then sleeps. [`locked`] puts a value behind it, and a [`bell`] wakes a thread.
//! - `clock`, `process`, `thread_end`, `numa` and `machine` read the time, end the process with a
//!   message, take part in `fork`, run a function when a thread ends, list the NUMA nodes, and say
//!   how much memory there is.
//! - [`checker`] tells Valgrind and the address sanitizer which bytes are blocks.
//!
//! # When the system refuses
//!
//! A kernel may be old or built without a part, a container may forbid calls (seccomp answers
//! `EPERM`, `ENOSYS` or `EACCES`), and memory may run out. Nothing is taken for granted that the
//! system did not grant, and nothing fails that can be done without:
//!
//! | request | a refusal means |
//! | --- | --- |
//! | reserve, commit, protect, decommit | an error, whatever the reason |
//! | prefault | pages are written to instead; an error only where there is no memory |
//! | huge pages, for or against | an error that callers ignore: advice alone |
//! | lock | an error, which names the limit: memory is pinned or it is not |
//! | unlock | an error that callers ignore: the memory stays resident for longer |
//! | discard | an error: the pages stay committed, and some of them may read as zeros |
//! | move | an error: the caller copies |
//! | bind | an error: memory comes from that node or it does not |
//! | release | the addresses are leaked |
//! | sleep on a word, wake | the waiter yields to other threads instead, or naps |
//! | the limit of locked memory, the list of nodes, the machine's memory | not known |
//! | the clock | time stands still |
//! | taking part in `fork`, or in the end of a thread | `false`; to be tried again |
//!
//! # Operating systems
//!
//! Linux has everything. FreeBSD and Apple's systems (`bsd.rs`) and Windows lack some of it, and
//! refuse it as unsupported ([`MapError::is_unsupported`](mapping::MapError::is_unsupported)):
//! moving pages, advice for huge pages, binding to a NUMA node, which Windows chooses for
//! [reservations](mapping::Mapping::reserve_on_node) instead. `docs/platforms.md` in the
//! repository says what works where, and how that was checked.
//!
//! On Windows a committed page counts against the commit limit of the machine before it is touched,
//! and still does after its memory was discarded: `decommit` alone ends that.
//!
//! # Adding an operating system
//!
//! Write `src/os/NAME.rs` with an implementation of the trait in `src/os/system.rs`, choose it in
//! `src/os/mod.rs`, and name the system in `build.rs`; no other library code depends on the target.
//! Until then this crate compiles for such a system, and each request for memory returns an error
//! that says that it is not supported there. A program with an `OrionAlloc` does not compile
//! there (`IS_SUPPORTED` is false).
//!
//! Without the feature `std` there are [`sync`], [`locked`], [`bell`] and [`checker`] alone, and
//! waiters spin. The lock follows Drepper's *Futexes are tricky* (2004). Memory calls go through
//! rustix, or libc where rustix lacks them; on Windows through windows-sys.

#![cfg_attr(not(feature = "std"), no_std)]

// A file uses only files above it in this list.
pub mod checker;
#[cfg(feature = "std")]
mod os;
pub mod sync;
pub mod locked;
pub mod bell;
#[cfg(feature = "std")]
pub mod clock;
#[cfg(feature = "std")]
pub mod process;
#[cfg(feature = "std")]
pub mod thread_end;
#[cfg(feature = "std")]
pub mod numa;
#[cfg(feature = "std")]
pub mod machine;
#[cfg(feature = "std")]
pub mod system_heap;
#[cfg(feature = "std")]
mod page;
#[cfg(feature = "std")]
mod map_error;
#[cfg(feature = "std")]
pub mod mapping;

/// Whether this crate has an implementation for the operating system that it is built for. Without
/// one, every request for memory is refused.
#[cfg(feature = "std")]
pub const IS_SUPPORTED: bool = os::IS_SUPPORTED;
