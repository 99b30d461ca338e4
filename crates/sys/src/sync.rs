//! Atomics of std or of loom, and a lock that a global allocator may take.
//!
//! This file (and `locked.rs`, for its cell) chooses between std and loom. [`RawLock`] owns one
//! word and never allocates, formats or unwinds. A waiter spins briefly and then sleeps until the
//! operating system wakes it; without the feature `std` it spins on. In debug builds the lock knows
//! its owner, so that taking it twice in one thread aborts instead of hanging.
//!
//! Invariant: the word is `FREE` when nobody holds the lock, `HELD` when somebody does and nobody
//! sleeps, and `CONTENDED` when somebody holds it and others may sleep. Whoever goes to sleep has
//! stored `CONTENDED` first.

#[cfg(not(loom))]
pub use core::sync::atomic;
#[cfg(loom)]
pub use loom::sync::atomic;

use core::time::Duration;

use atomic::{AtomicU32, Ordering};

#[cfg(all(feature = "std", not(loom)))]
use crate::os::{Os, System};

const FREE: u32 = 0;
const HELD: u32 = 1;
const CONTENDED: u32 = 2;

/// How often a waiter looks at the word before it sleeps: about as long as a short critical section
/// takes.
const SPINS: u32 = if cfg!(loom) { 1 } else { 100 };

/// How long a thread naps that cannot sleep until it is woken.
#[cfg(all(feature = "std", not(loom)))]
const NAP: Duration = Duration::from_millis(10);

/// A mutual-exclusion lock that never allocates; usable with [`lock_api::Mutex`] and inside a
/// global allocator.
///
/// After Drepper, *Futexes are tricky* (2004), mutex 3.
///
/// ```
/// let counter = lock_api::Mutex::<orionrt_sys::sync::RawLock, _>::new(0);
/// *counter.lock() += 1;
/// assert_eq!(counter.into_inner(), 1);
/// ```
#[derive(Debug)]
pub struct RawLock {
    state: AtomicU32,
    #[cfg(all(debug_assertions, feature = "std", not(loom)))]
    owner: owner::Owner,
}

impl RawLock {
    /// A lock that nobody holds.
    #[cfg(not(loom))]
    #[must_use]
    pub const fn new() -> Self {
        Self {
            state: AtomicU32::new(FREE),
            #[cfg(all(debug_assertions, feature = "std"))]
            owner: owner::Owner::new(),
        }
    }

    /// A lock that nobody holds.
    #[cfg(loom)]
    #[must_use]
    pub fn new() -> Self {
        Self {
            state: AtomicU32::new(FREE),
        }
    }

    /// Waits until nobody holds the lock and takes it.
    #[inline]
    pub fn acquire(&self) {
        if !self.try_acquire() {
            self.acquire_slow();
        }
    }

    /// Takes the lock if nobody holds it; returns whether it did.
    #[inline]
    pub fn try_acquire(&self) -> bool {
        let taken = self
            .state
            .compare_exchange(FREE, HELD, Ordering::Acquire, Ordering::Relaxed)
            .is_ok();
        if taken {
            self.note_owner();
        }
        taken
    }

    #[cold]
    fn acquire_slow(&self) {
        self.forbid_relock();
        for _ in 0..SPINS {
            if self.state.load(Ordering::Relaxed) == FREE && self.try_acquire() {
                return;
            }
            spin();
        }
        // Other threads may be asleep from here on, so this one takes the lock as contended: its
        // release then wakes the next.
        while self.state.swap(CONTENDED, Ordering::Acquire) != FREE {
            sleep_while(&self.state, CONTENDED);
        }
        self.note_owner();
    }

    /// Releases the lock and wakes a thread that waits for it.
    ///
    /// # Safety
    /// The caller holds it.
    #[inline]
    pub unsafe fn release(&self) {
        self.forget_owner();
        if self.state.swap(FREE, Ordering::Release) == CONTENDED {
            wake_one(&self.state);
        }
    }

    #[inline]
    fn note_owner(&self) {
        #[cfg(all(debug_assertions, feature = "std", not(loom)))]
        self.owner.note();
    }

    #[inline]
    fn forget_owner(&self) {
        #[cfg(all(debug_assertions, feature = "std", not(loom)))]
        self.owner.forget();
    }

    fn forbid_relock(&self) {
        #[cfg(all(debug_assertions, feature = "std", not(loom)))]
        self.owner.forbid_relock();
    }
}

impl Default for RawLock {
    fn default() -> Self {
        Self::new()
    }
}

// SAFETY: `acquire` returns only after its compare-exchange or swap saw FREE and stored another
// value (Acquire), and only the holder's `release` stores FREE (Release), so at most one thread
// holds the lock.
#[cfg(not(loom))]
unsafe impl lock_api::RawMutex for RawLock {
    // The trait wants a constant with interior mutability: every use of it is a new lock.
    #[allow(clippy::declare_interior_mutable_const)]
    const INIT: Self = Self::new();
    type GuardMarker = lock_api::GuardNoSend;

    fn lock(&self) {
        self.acquire();
    }

    fn try_lock(&self) -> bool {
        self.try_acquire()
    }

    unsafe fn unlock(&self) {
        // SAFETY: the caller holds the lock (contract of the trait).
        unsafe { self.release() }
    }
}

#[cfg(not(loom))]
fn spin() {
    core::hint::spin_loop();
}

#[cfg(loom)]
fn spin() {
    loom::thread::yield_now();
}

/// Sleeps until the word has changed. Being woken early does no harm: the caller looks again.
#[cfg(all(feature = "std", not(loom)))]
fn sleep_while(word: &AtomicU32, value: u32) {
    // A process that may not sleep lets others run instead.
    if !Os::wait_while(word, value, None) {
        std::thread::yield_now();
    }
}

/// Sleeps until the word has changed, or for so long. May return early.
#[cfg(all(feature = "std", not(loom)))]
pub(crate) fn sleep_for(word: &AtomicU32, value: u32, timeout: Option<Duration>) {
    // A process that may not sleep on a word takes naps: what it waits for may be far off.
    if !Os::wait_while(word, value, timeout) {
        std::thread::sleep(timeout.map_or(NAP, |timeout| timeout.min(NAP)));
    }
}

#[cfg(all(feature = "std", not(loom)))]
#[cold]
pub(crate) fn wake_one(word: &AtomicU32) {
    Os::wake_one(word);
}

#[cfg(any(loom, not(feature = "std")))]
fn sleep_while(_word: &AtomicU32, _value: u32) {
    spin();
}

#[cfg(any(loom, not(feature = "std")))]
pub(crate) fn sleep_for(_word: &AtomicU32, _value: u32, _timeout: Option<Duration>) {
    spin();
}

#[cfg(any(loom, not(feature = "std")))]
pub(crate) fn wake_one(_word: &AtomicU32) {}

/// The thread that holds a lock, recorded in debug builds only.
#[cfg(all(debug_assertions, feature = "std", not(loom)))]
mod owner {
    use core::sync::atomic::{AtomicUsize, Ordering};

    #[derive(Debug)]
    pub(super) struct Owner(AtomicUsize);

    impl Owner {
        pub(super) const fn new() -> Self {
            Self(AtomicUsize::new(0))
        }

        pub(super) fn note(&self) {
            self.0.store(this_thread(), Ordering::Relaxed);
        }

        pub(super) fn forget(&self) {
            self.0.store(0, Ordering::Relaxed);
        }

        pub(super) fn forbid_relock(&self) {
            // Only this thread stores its mark, so if the mark is there, this thread holds the
            // lock.
            if self.0.load(Ordering::Relaxed) == this_thread() {
                std::process::abort();
            }
        }
    }

    /// A number that no other living thread has: the address of a thread-local. Having neither an
    /// initialiser nor a destructor, that needs no memory from the allocator.
    fn this_thread() -> usize {
        std::thread_local! {
            static MARK: u8 = const { 0 };
        }
        MARK.with(|mark| core::ptr::from_ref(mark).addr())
    }
}
