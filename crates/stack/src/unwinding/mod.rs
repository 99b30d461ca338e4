//! Walks the stack of the calling thread: the part of the crate that depends on the processor and
//! on Linux.
//!
//! Nothing but [`prepare`] allocates, locks or waits. What threads share is atomic words: the rules
//! in the `cache`, each right by itself, and the list of `modules`, which has a version. What a
//! walk learns of the stack itself is its thread's alone: the `last_walk`.

// A file uses only files above it in this list.
mod arch;
mod memory;
mod frame;
#[cfg(target_arch = "x86_64")]
mod rule;
#[cfg(target_arch = "x86_64")]
mod cache;
#[cfg(target_arch = "x86_64")]
mod modules;
#[cfg(target_arch = "x86_64")]
mod module_bytes;
#[cfg(target_arch = "x86_64")]
mod tables;
#[cfg(target_arch = "x86_64")]
mod expression;
#[cfg(target_arch = "x86_64")]
mod by_tables;
#[cfg(target_arch = "x86_64")]
mod last_walk;
mod walk;

pub(crate) use arch::{Registers, keep_frame};
#[cfg(target_arch = "x86_64")]
pub(crate) use last_walk::LastWalk;
#[cfg(not(target_arch = "x86_64"))]
pub(crate) use walk::LastWalk;
pub(crate) use walk::{walk, walk_along};

/// Finds the modules that are loaded, and forgets the rules of those that are not any more.
pub(crate) fn prepare() {
    #[cfg(target_arch = "x86_64")]
    if modules::refresh() {
        cache::CACHE.clear();
    }
}
