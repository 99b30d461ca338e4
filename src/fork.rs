//! What `fork` means to this crate: in which process this is, and work that no `fork` interrupts.
//!
//! In the child of a `fork`, only the forking thread goes on. What other threads had borrowed or
//! locked stays so in the child's copy of memory, for ever. So shared state of this crate is either
//! stamped with the [`generation`] of the process that wrote it, and means nothing in another one;
//! or it is changed only in [`uninterrupted`], for whose end a `fork` waits.
//!
//! Invariant: whoever has a generation, or does uninterrupted work, has registered the handlers
//! before, unless the system has no memory for them. They may be registered more than once: a lock
//! that prevented that could itself be taken when the process forks.

#[cfg(not(loom))]
pub(crate) use process::{generation, uninterrupted};

/// Generations have so many bits. Processes that are further apart have no common memory alive.
pub(crate) const BITS: u32 = 30;

#[cfg(not(loom))]
mod process {
    use core::{
        cell::Cell,
        sync::atomic::{AtomicBool, AtomicU64, Ordering},
    };

    use orionrt_sys::{process, sync::RawLock};

    static GENERATION: AtomicU64 = AtomicU64::new(0);
    static HOOKED: AtomicBool = AtomicBool::new(false);
    /// Held during uninterrupted work, and from before a fork until after it.
    static GATE: RawLock = RawLock::new();

    std::thread_local! {
        /// How often `before` was called for the fork under way in this thread.
        static DEPTH: Cell<usize> = const { Cell::new(0) };
    }

    /// A number that differs from that of the parent, and of the parent's parents: the number of
    /// forks between the first process that used this and the current one, or a multiple of it.
    #[inline]
    pub(crate) fn generation() -> u64 {
        if !HOOKED.load(Ordering::Relaxed) {
            hook();
        }
        GENERATION.load(Ordering::Relaxed)
    }

    /// Does work that must be complete or not begun in every child. Only one thread does such work
    /// at a time, and a thread that forks waits. The work may allocate; it must not call this.
    pub(crate) fn uninterrupted<R>(work: impl FnOnce() -> R) -> R {
        struct Release;
        impl Drop for Release {
            fn drop(&mut self) {
                // SAFETY: acquired below, by this thread, and dropped once.
                unsafe { GATE.release() }
            }
        }
        if !HOOKED.load(Ordering::Relaxed) {
            hook();
        }
        GATE.acquire();
        let _held = Release;
        work()
    }

    /// Has `fork` call the functions below. If the system has no memory for that, the next call
    /// tries again.
    ///
    /// `before` runs ahead of the handlers that were registered earlier. Among these are those of a
    /// global allocator, which has been used by now: uninterrupted work may still allocate while a
    /// fork waits for it.
    #[cold]
    fn hook() {
        let registered = process::at_fork(Some(before), Some(in_parent), Some(in_child));
        HOOKED.store(registered, Ordering::Relaxed);
    }

    extern "C" fn before() {
        let depth = DEPTH.get();
        DEPTH.set(depth + 1);
        if depth == 0 {
            GATE.acquire();
        }
    }

    extern "C" fn in_parent() {
        let depth = DEPTH.get();
        DEPTH.set(depth.saturating_sub(1));
        if depth == 1 {
            // SAFETY: `before` took it, in this thread or in the parent's, of which this is a copy.
            unsafe { GATE.release() }
        }
    }

    extern "C" fn in_child() {
        let next = (GENERATION.load(Ordering::Relaxed) + 1) & ((1 << super::BITS) - 1);
        GENERATION.store(next, Ordering::Relaxed);
        in_parent();
    }
}

/// The processes of a model: each is the child of the one before it.
#[cfg(loom)]
pub(crate) mod model {
    use std::cell::Cell;

    std::thread_local! {
        /// All threads of a model run in one thread of the system.
        static GENERATION: Cell<u64> = const { Cell::new(0) };
    }

    pub(crate) fn generation() -> u64 {
        GENERATION.get()
    }

    /// From now on the model is the first process. To be called at the start of each interleaving:
    /// what one leaves here would make the next one another program.
    pub fn begin() {
        GENERATION.set(0);
    }

    /// From now on the model is the child of the process that it was, and has no other thread.
    pub fn fork() {
        GENERATION.set((GENERATION.get() + 1) & ((1 << super::BITS) - 1));
    }
}
#[cfg(loom)]
pub(crate) use model::generation;
