//! `fork` in a program with threads: the child gets heaps whose locks nobody holds.
//!
//! Only the forking thread lives on in the child. If another thread were inside a heap at that
//! moment, its lock would stay taken in the child for ever. So the forking thread takes all locks
//! first (`pthread_atfork`), in the order in which everyone takes them, and parent and child
//! release them afterwards. What other threads had in their caches is lost to the child, as the
//! threads are, and so is a purger: the child has none until it makes one.
//!
//! A heap is made, and becomes known to its allocator, under the same lock: a child never finds one
//! half made. Fork handlers that other libraries registered before the first heap was made run
//! while everything is locked: they must not allocate.
//!
//! Invariant: the list of heaps only grows, and does not grow while another thread holds
//! `HEAPS_LOCK`.

use core::{
    cell::Cell,
    ptr,
    sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering},
};

use super::heap::Heap;
use orionrt_sys::{process, sync::RawLock};

/// Held while a heap is made, and from before a fork until after it.
static HEAPS_LOCK: RawLock = RawLock::new();
/// The newest heap; each one leads to the next older one.
static NEWEST: AtomicPtr<Heap> = AtomicPtr::new(ptr::null_mut());
/// How often this process and those before it have become a new one.
static FORKS: AtomicUsize = AtomicUsize::new(0);
static HOOKED: AtomicBool = AtomicBool::new(false);

std::thread_local! {
    /// How often `before` was called for the fork under way in this thread: once for each time that
    /// it was registered.
    static DEPTH: Cell<usize> = const { Cell::new(0) };
    /// Whether this thread is registering `before`. The C library may allocate for that, and may
    /// do so from the very heap that is about to be made.
    static IS_HOOKING: Cell<bool> = const { Cell::new(false) };
}

/// Runs `make`, which makes a heap, while no other thread makes one and no `fork` is under way.
pub(crate) fn with_heaps_locked<R>(make: impl FnOnce() -> R) -> R {
    hook();
    HEAPS_LOCK.acquire();
    let made = make();
    // SAFETY: acquired above.
    unsafe { HEAPS_LOCK.release() };
    made
}

/// Makes `fork` call `before` and `after` from now on. There is no lock, because a fork at this
/// moment could leave it taken: two threads may both register. If there is no memory for that,
/// `fork` stays as it is until the next heap is made.
fn hook() {
    if HOOKED.load(Ordering::Acquire) || IS_HOOKING.replace(true) {
        return;
    }
    let registered = process::at_fork(Some(before), Some(after), Some(in_child));
    HOOKED.store(registered, Ordering::Release);
    IS_HOOKING.set(false);
}

/// Adds a heap to those that `fork` leaves usable; to be called within [`with_heaps_locked`].
pub(super) fn register(heap: &'static Heap) {
    heap.next
        .store(NEWEST.load(Ordering::Relaxed), Ordering::Relaxed);
    NEWEST.store(ptr::from_ref(heap).cast_mut(), Ordering::Release);
}

extern "C" fn before() {
    let depth = DEPTH.get();
    DEPTH.set(depth + 1);
    if depth == 0 {
        HEAPS_LOCK.acquire();
        each(Heap::lock_all);
    }
}

/// How often this process and those before it have become a new one by `fork`: a number that
/// differs in the child. It is 0 until a heap is made.
pub fn forks() -> usize {
    FORKS.load(Ordering::Relaxed)
}

extern "C" fn in_child() {
    if DEPTH.get() == 1 {
        FORKS.fetch_add(1, Ordering::Relaxed);
    }
    each(|heap| heap.purger.forget());
    after();
}

extern "C" fn after() {
    let depth = DEPTH.get();
    DEPTH.set(depth.saturating_sub(1));
    if depth == 1 {
        // SAFETY: `before` took them, in this thread; the child's only thread is a copy of it.
        each(|heap| unsafe { heap.unlock_all() });
        // SAFETY: as above.
        unsafe { HEAPS_LOCK.release() };
    }
}

fn each(mut visit: impl FnMut(&'static Heap)) {
    let mut next = NEWEST.load(Ordering::Acquire);
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
        self.lock_owned();
        self.purging.acquire();
        self.pages.lock();
        #[cfg(feature = "profile")]
        self.samples.lock();
    }

    /// Releases all locks.
    ///
    /// # Safety
    /// This thread has taken them with [`lock_all`](Self::lock_all).
    unsafe fn unlock_all(&self) {
        // SAFETY: the caller holds them all.
        unsafe {
            #[cfg(feature = "profile")]
            self.samples.unlock();
            self.pages.unlock();
            self.purging.release();
            self.unlock_owned();
            self.depots.iter().for_each(|depot| depot.unlock());
            self.caches.unlock();
        }
    }
}
