//! Which cache the current thread uses: its [pointer](super::thread_cache) is bound on first use,
//! and unbound when the thread ends.
//!
//! The pointer needs neither initialisation nor a destructor, so reading it is one load at any
//! time, also while a thread starts or ends. What runs at the thread's end is registered when a
//! cache is bound, and gives the cache back; from then on the thread uses the depots directly.
//!
//! In a program that is the destructor of a thread-local variable of Rust: the C library knows of
//! those, and does not unload a library while its threads have some. To register one it allocates,
//! and it ends the process where it cannot. A library that is preloaded is never unloaded, and is
//! what would be asked for that memory: with the feature `initial-exec` it is a [`ThreadEnd`] that
//! is registered, which needs none. It does not keep the library loaded, either: one with that
//! feature must not be unloaded (`-Wl,-z,nodelete`), or the next thread that ends calls a function
//! that is gone.
//!
//! Where Rust does not use thread-local variables of the target, as for `x86_64-pc-windows-gnu` up
//! to Rust 1.95 at least, it allocates each of them, and destroys all of them when the thread ends,
//! in an order that nobody chooses: one that is used after that begins anew. So what gives the
//! cache back knows it itself, and does not ask the pointer, which may be gone. (A destructor that
//! is still the first to allocate in the last of several rounds leaves a cache behind.)
//!
//! A heap whose calls are observed hides its caches: the pointer stays that of no cache, so that
//! the fast path always fails, and another variable, which slow paths alone read, has the cache.
//!
//! Invariant: the pointer is `NO_CACHE` or a cache that is bound to this thread alone. Registration
//! happens once, while the thread's binding is `InProgress`: what allocates meanwhile finds no
//! cache and goes to the depots.
//!
//! [`ThreadEnd`]: orionrt_sys::thread_end::ThreadEnd

use core::cell::Cell;

use orionrt_sys::thread_end::process_is_ending;

use super::{
    cache::{Cache, NO_CACHE},
    heap::Heap,
    thread_cache::{cache, hidden_cache, replace_cache, set_hidden_cache},
};

/// Whether a thread has a cache.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Binding {
    Unbound,
    InProgress,
    Bound,
    ThreadEnded,
}

std::thread_local! {
    static BINDING: Cell<Binding> = const { Cell::new(Binding::Unbound) };
}

#[cfg(not(feature = "initial-exec"))]
mod at_thread_end {
    use core::cell::Cell;

    use crate::heap::cache::{Cache, NO_CACHE};

    std::thread_local! {
        static GUARD: Guard = const { Guard { bound: Cell::new(NO_CACHE.as_ptr()) } };
    }

    /// The cache to give back when the thread ends.
    struct Guard {
        bound: Cell<*const Cache>,
    }

    impl Drop for Guard {
        fn drop(&mut self) {
            super::thread_ended(self.bound.get());
        }
    }

    pub(super) fn register() -> bool {
        GUARD.try_with(|_| ()).is_ok()
    }

    /// Has this cache given back when the thread ends; `NO_CACHE` for none.
    pub(super) fn note(cache: *const Cache) {
        let _ = GUARD.try_with(|guard| guard.bound.set(cache));
    }

    /// The cache that will be given back when the thread ends, or `NO_CACHE`.
    pub(super) fn noted() -> *const Cache {
        GUARD
            .try_with(|guard| guard.bound.get())
            .unwrap_or(NO_CACHE.as_ptr())
    }
}

/// This library is for Linux, where the thread's pointers are never destroyed.
#[cfg(feature = "initial-exec")]
mod at_thread_end {
    use core::ffi::c_void;

    use orionrt_sys::thread_end::ThreadEnd;

    use crate::heap::cache::Cache;

    static END: ThreadEnd = ThreadEnd::new(ended);

    extern "C" fn ended(_: *mut c_void) {
        super::thread_ended(super::bound());
    }

    pub(super) fn register() -> bool {
        END.register()
    }

    pub(super) fn note(_: *const Cache) {}

    pub(super) fn noted() -> *const Cache {
        super::bound()
    }
}

/// Gives back the cache of a thread that ends. One that ends with the process keeps it: others,
/// which are gone, may have had a lock that this takes.
fn thread_ended(bound: *const Cache) {
    if process_is_ending() {
        return;
    }
    BINDING.set(Binding::ThreadEnded);
    unbind(bound);
}

/// Binds a cache of `heap` to this thread and returns it; `None` if the thread has a cache of
/// another heap that is in use, if the thread is ending, or if there is no memory.
#[cold]
pub(super) fn bind(heap: &'static Heap) -> Option<&'static Cache> {
    match BINDING.get() {
        // See `thread_ended`.
        Binding::Unbound if process_is_ending() => return None,
        Binding::Unbound => {
            BINDING.set(Binding::InProgress);
            // Once in a thread's life. It may allocate; see the invariant.
            if !at_thread_end::register() {
                BINDING.set(Binding::ThreadEnded);
                return None;
            }
        }
        Binding::Bound if heap_is_retired() => unbind(bound()),
        Binding::Bound if cache_of(heap).is_some() => return cache_of(heap),
        Binding::InProgress | Binding::Bound | Binding::ThreadEnded => return None,
    }
    let cache = match at_thread_end::noted() {
        none if none == NO_CACHE.as_ptr() => heap.take_cache(),
        // The pointers were destroyed, and the thread still has the cache.
        noted => {
            // SAFETY: caches live for ever. This one is bound to this thread alone, which has not
            // given it back; so it is not `NO_CACHE`, and was made for a heap.
            let (cache, own) = unsafe { (&*noted, heap_of(&*noted)) };
            if own.is_retired() {
                unbind(noted);
                heap.take_cache()
            } else {
                Some(cache).filter(|cache| cache.serves(heap.address()))
            }
        }
    };
    BINDING.set(if cache.is_some() {
        Binding::Bound
    } else {
        Binding::Unbound
    });
    if let Some(cache) = cache {
        at_thread_end::note(cache);
    }
    if heap.is_observed {
        set_hidden_cache(cache);
    } else {
        replace_cache(cache);
    }
    cache
}

/// The cache of this thread, if it is bound to this heap.
pub(super) fn cache_of(heap: &Heap) -> Option<&'static Cache> {
    let cache = if heap.is_observed {
        hidden_cache()
    } else {
        cache()
    };
    cache.serves(heap.address()).then_some(cache)
}

/// The cache that this thread is bound to, or `NO_CACHE`.
fn bound() -> *const Cache {
    let hidden = core::ptr::from_ref(hidden_cache());
    if hidden == NO_CACHE.as_ptr() {
        cache()
    } else {
        hidden
    }
}

/// Whether the allocator whose cache this thread has is gone.
fn heap_is_retired() -> bool {
    let cache = bound();
    // SAFETY: caches live for ever, and one that is not `NO_CACHE` was made for a heap.
    cache != NO_CACHE.as_ptr() && unsafe { heap_of(&*cache) }.is_retired()
}

/// The heap of a cache.
///
/// # Safety
/// The cache is not `NO_CACHE`.
unsafe fn heap_of(cache: &Cache) -> &'static Heap {
    // SAFETY: a cache that was made for a heap has its address, and heaps stay for ever.
    unsafe { &*cache.heap().cast::<Heap>() }
}

/// Gives this thread's cache back to its heap; `NO_CACHE` if it has none.
fn unbind(cache: *const Cache) {
    replace_cache(None);
    set_hidden_cache(None);
    at_thread_end::note(NO_CACHE.as_ptr());
    if cache != NO_CACHE.as_ptr() {
        // SAFETY: caches live for ever; this one was bound, and is no longer this thread's.
        let (cache, heap) = unsafe { (&*cache, heap_of(&*cache)) };
        heap.put_back_cache(cache);
    }
}
