//! `fork` in a program with threads: the child gets heaps that no other thread holds a lock of.
//!
//! Only the forking thread lives on in the child. Were another one inside a heap at that moment, its lock would stay taken
//! for ever. So the forking thread takes all locks first (`pthread_atfork`), in the order in which everyone takes them, and
//! then parent and child let go of them. What other threads had in their caches is lost to the child, as the threads are.
//!
//! A heap is made, and becomes known to its allocator, under the same lock: a child never finds one half made. What other libraries do in
//! fork handlers of their own that were registered before the first heap was made runs while all is locked: it must not allocate.
//!
//! Invariant: the list of heaps only grows, and does not while `REGISTRY` is held.

use core::{
    cell::Cell,
    ptr,
    sync::atomic::{AtomicBool, AtomicPtr, Ordering},
};

use super::Heap;
use orionrt_sys::{process, sync::RawLock};

/// Held while a heap is made, and from before a fork until after it.
static REGISTRY: RawLock = RawLock::new();
static FIRST: AtomicPtr<Heap> = AtomicPtr::new(ptr::null_mut());
static HOOKED: AtomicBool = AtomicBool::new(false);

std::thread_local! {
    /// How often `before` was called for the fork under way in this thread: once for each time that it was registered.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
}

/// Runs what makes a heap: one thread at a time, and not during a fork.
pub(crate) fn one_by_one<R>(make: impl FnOnce() -> R) -> R {
    hook();
    REGISTRY.acquire();
    let made = make();
    // SAFETY: acquired above.
    unsafe { REGISTRY.release() };
    made
}

/// Has `fork` call `before` and `after` from now on. Without a lock, which a fork now could leave taken: two threads
/// at once may both register. A refusal (no memory) leaves `fork` as it is until the next heap is made.
fn hook() {
    if HOOKED.load(Ordering::Acquire) {
        return;
    }
    let registered = process::at_fork(Some(before), Some(after), Some(after));
    HOOKED.store(registered, Ordering::Release);
}

/// Adds a heap to those that are kept usable across `fork`; within [`one_by_one`].
pub(super) fn register(heap: &'static Heap) {
    heap.next
        .store(FIRST.load(Ordering::Relaxed), Ordering::Relaxed);
    FIRST.store(ptr::from_ref(heap).cast_mut(), Ordering::Release);
}

extern "C" fn before() {
    let depth = DEPTH.get();
    DEPTH.set(depth + 1);
    if depth == 0 {
        REGISTRY.acquire();
        each(Heap::lock_all);
    }
}

extern "C" fn after() {
    let depth = DEPTH.get();
    DEPTH.set(depth.saturating_sub(1));
    if depth == 1 {
        // SAFETY: `before` took them, in this thread, and the child's only thread is a copy of it.
        each(|heap| unsafe { heap.unlock_all() });
        // SAFETY: as above.
        unsafe { REGISTRY.release() };
    }
}

fn each(mut visit: impl FnMut(&'static Heap)) {
    let mut next = FIRST.load(Ordering::Acquire);
    // SAFETY: heaps stay for ever.
    while let Some(heap) = unsafe { next.as_ref() } {
        visit(heap);
        next = heap.next.load(Ordering::Relaxed);
    }
}

impl Heap {
    /// Takes all locks.
    fn lock_all(&self) {
        self.caches.lock();
        self.depots.iter().for_each(|depot| depot.lock());
        self.purging.acquire();
        self.pages.lock();
    }

    /// Gives all locks back.
    ///
    /// # Safety
    /// This thread has taken them with `lock_all`.
    unsafe fn unlock_all(&self) {
        // SAFETY: the caller holds them all.
        unsafe {
            self.pages.unlock();
            self.purging.release();
            self.depots.iter().for_each(|depot| depot.unlock());
            self.caches.unlock();
        }
    }
}
