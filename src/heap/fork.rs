//! `fork` in a program with threads: the child gets heaps that no other thread holds a lock of.
//!
//! Only the forking thread lives on in the child. Were another one inside a heap at that moment, its lock would stay taken
//! for ever. So the forking thread takes all locks first (`pthread_atfork`), in the order in which everyone takes them, and
//! then parent and child let go of them. What other threads had in their caches is lost to the child, as the threads are.
//!
//! Invariant: the list of heaps only grows, and does not while `REGISTRY` is held.

use core::{
    ptr,
    sync::atomic::{AtomicBool, AtomicPtr, Ordering},
};

use super::Heap;
use crate::sync::RawLock;

/// Held while the list grows, and from before a fork until after it.
static REGISTRY: RawLock = RawLock::new();
static FIRST: AtomicPtr<Heap> = AtomicPtr::new(ptr::null_mut());
static HOOKED: AtomicBool = AtomicBool::new(false);

/// Adds a heap to those that are kept usable across `fork`.
pub(super) fn register(heap: &'static Heap) {
    REGISTRY.acquire();
    heap.next
        .store(FIRST.load(Ordering::Relaxed), Ordering::Relaxed);
    FIRST.store(ptr::from_ref(heap).cast_mut(), Ordering::Release);
    // SAFETY: acquired above.
    unsafe { REGISTRY.release() };
    if !HOOKED.swap(true, Ordering::Relaxed) {
        // SAFETY: the functions are valid for ever. A refusal (no memory) leaves `fork` as it is without them.
        let _ = unsafe { libc::pthread_atfork(Some(before), Some(after), Some(after)) };
    }
}

extern "C" fn before() {
    REGISTRY.acquire();
    each(Heap::hold);
}

extern "C" fn after() {
    // SAFETY: `before` took them, in this thread, and the child's only thread is a copy of it.
    each(|heap| unsafe { heap.let_go() });
    // SAFETY: as above.
    unsafe { REGISTRY.release() };
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
    fn hold(&self) {
        self.caches.hold();
        self.depots.iter().for_each(|depot| depot.hold());
        self.purging.acquire();
        self.pages.hold();
    }

    /// Gives all locks back.
    ///
    /// # Safety
    /// This thread has taken them with `hold`.
    unsafe fn let_go(&self) {
        // SAFETY: the caller holds them all.
        unsafe {
            self.pages.let_go();
            self.purging.release();
            self.depots.iter().for_each(|depot| depot.let_go());
            self.caches.let_go();
        }
    }
}
