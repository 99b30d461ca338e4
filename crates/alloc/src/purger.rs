//! [`Purger`]: a thread that gives memory back while the program is silent.
//!
//! Decay runs when the program allocates and releases. The purger is for the time in which it does
//! neither. The thread is started here, outside of the allocator, where allocating is no danger;
//! what it does is the heap's (`heap/watch.rs`).
//!
//! Invariant: a heap has at most one purger in a process, and its thread ends before `stop`, or the
//! drop of its handle, returns.

#![forbid(unsafe_code)]

use std::{fmt, io, mem, thread};

use crate::{global::OrionAlloc, heap::Heap};

/// A running purger; dropping it ends the thread.
///
/// [`OrionAlloc::spawn_purger`] makes it. A child of `fork` has no copy of the thread: there,
/// dropping the handle does nothing, and the child may spawn a purger of its own.
#[must_use = "dropping it ends the purger"]
pub struct Purger {
    heap: &'static Heap,
    /// The generation of the process that the thread belongs to. Numbers of processes are used
    /// again; generations are not.
    generation: u32,
    thread: Option<thread::JoinHandle<()>>,
}

impl OrionAlloc {
    /// Starts a thread that gives back what nobody needs while the program allocates nothing.
    ///
    /// Without it, free pages go back when the program allocates and releases, and a program that
    /// falls silent after a burst keeps what was free at that moment. With it, they go back once no
    /// page has been allocated or freed for four periods of [`Decay`](crate::heap::Decay): within
    /// one to two seconds by default. If they are asked for again soon after, the silence must last
    /// longer the next time, up to 32 periods, so that a loop whose iterations have long pauses
    /// keeps its pages. The transfer caches of small objects are emptied, too; caches of other
    /// threads are when these next need memory.
    ///
    /// The thread looks once a period as long as pages come and go, or are there to be given back.
    /// Then it sleeps, without waking, until a release leaves something: 256 KiB of free pages.
    /// That costs a release one comparison more.
    ///
    /// It allocates, as every thread does when it starts, and must not be called by an allocator.
    ///
    /// ```
    /// use orionrt_alloc::OrionAlloc;
    ///
    /// #[global_allocator]
    /// static ALLOC: OrionAlloc = OrionAlloc::new();
    ///
    /// fn main() -> std::io::Result<()> {
    ///     let _purger = ALLOC.spawn_purger()?;
    ///     // The program.
    ///     Ok(())
    /// }
    /// ```
    ///
    /// To keep the thread for as long as the program runs, leak the handle (`std::mem::forget`).
    ///
    /// # Errors
    ///
    /// [`AlreadyExists`](io::ErrorKind::AlreadyExists) if this allocator has a purger,
    /// [`OutOfMemory`](io::ErrorKind::OutOfMemory) if this is the first use and there is no memory,
    /// and what the system says if it starts no thread.
    pub fn spawn_purger(&self) -> io::Result<Purger> {
        let heap = self.heap_or_create().ok_or(io::ErrorKind::OutOfMemory)?;
        let Some(generation) = heap.begin_watch() else {
            let message = "the allocator has a purger";
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, message));
        };
        let thread = thread::Builder::new().name("orionrt-purger".into());
        match thread.spawn(|| heap.watch()) {
            Ok(thread) => Ok(Purger {
                heap,
                generation,
                thread: Some(thread),
            }),
            Err(error) => {
                heap.end_watch();
                Err(error)
            }
        }
    }
}

impl Purger {
    /// Ends the thread, and waits for that, as dropping does.
    pub fn stop(self) {}
}

impl fmt::Debug for Purger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Purger")
            .field("generation", &self.generation)
            .finish_non_exhaustive()
    }
}

impl Drop for Purger {
    fn drop(&mut self) {
        let Some(thread) = self.thread.take() else {
            return;
        };
        if self.generation != self.heap.generation() {
            // The thread is the parent's; there is nothing to wait for.
            mem::forget(thread);
            return;
        }
        self.heap.stop_watch();
        // It does not panic.
        let _ = thread.join();
        self.heap.end_watch();
    }
}
