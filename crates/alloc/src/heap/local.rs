//! Which cache the current thread uses: a thread-local pointer, bound on first use and unbound when the thread ends.
//!
//! The pointer needs neither initialisation nor a destructor, so reading it is one load at any time, also while a thread
//! starts or ends. A guard with a destructor, registered when a cache is bound, hands the cache over at the thread's end; from
//! then on the thread uses the depots directly.
//!
//! Invariant: the pointer is `NO_CACHE` or a cache that is bound to this thread alone. The guard is touched
//! once, while the state is `Binding`: whatever allocates meanwhile finds no cache and goes to the depots.

use core::cell::Cell;

use super::{
    Heap,
    cache::{Cache, NO_CACHE},
};

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Unbound,
    Binding,
    Bound,
    Ended,
}

std::thread_local! {
    static CACHE: Cell<*const Cache> = const { Cell::new(NO_CACHE.as_ptr()) };
    static STATE: Cell<State> = const { Cell::new(State::Unbound) };
    static GUARD: Guard = const { Guard };
}

struct Guard;

impl Drop for Guard {
    fn drop(&mut self) {
        STATE.set(State::Ended);
        unbind();
    }
}

/// The cache of this thread; of no heap, where there is none.
#[inline(always)]
pub(crate) fn cache() -> &'static Cache {
    // SAFETY: caches live for ever, and so does `NO_CACHE`.
    unsafe { &*CACHE.get() }
}

/// Binds a cache of `heap` to this thread, if it has none of another heap that is in use; `None` otherwise, or when the
/// thread ends, or when there is no memory.
#[cold]
pub(super) fn bind(heap: &'static Heap) -> Option<&'static Cache> {
    match STATE.get() {
        State::Unbound => {
            STATE.set(State::Binding);
            // Registers the destructor, once in a thread's life. It may allocate; see the invariant.
            if GUARD.try_with(|_| ()).is_err() {
                STATE.set(State::Ended);
                return None;
            }
        }
        State::Bound if is_retired() => unbind(),
        State::Bound if cache().serves(heap) => return Some(cache()),
        State::Binding | State::Bound | State::Ended => return None,
    }
    let cache = heap.take_cache();
    STATE.set(if cache.is_some() {
        State::Bound
    } else {
        State::Unbound
    });
    CACHE.set(cache.map_or(NO_CACHE.as_ptr(), core::ptr::from_ref));
    cache
}

/// Whether the allocator whose cache this thread has is gone.
fn is_retired() -> bool {
    // SAFETY: a bound cache's heap is never given back; `NO_CACHE` is not bound.
    STATE.get() == State::Bound && unsafe { &*cache().heap() }.is_retired()
}

/// Hands this thread's cache over to its heap.
fn unbind() {
    let cache = CACHE.replace(NO_CACHE.as_ptr());
    if cache != NO_CACHE.as_ptr() {
        // SAFETY: a bound cache and its heap live for ever; the cache is no longer this thread's.
        let (cache, heap) = unsafe { (&*cache, &*(*cache).heap()) };
        heap.give_cache(cache);
    }
}
