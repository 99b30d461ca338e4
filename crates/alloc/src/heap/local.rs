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
//! A heap whose calls are observed hides its caches: the pointer stays that of no cache, so that
//! the fast path always fails, and another variable, which slow paths alone read, has the cache.
//!
//! Invariant: the pointer is `NO_CACHE` or a cache that is bound to this thread alone. Registration
//! happens once, while the thread's binding is `InProgress`: what allocates meanwhile finds no
//! cache and goes to the depots.
//!
//! [`ThreadEnd`]: orionrt_sys::thread_end::ThreadEnd

use core::cell::Cell;

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
    std::thread_local! {
        static GUARD: Guard = const { Guard };
    }

    struct Guard;

    impl Drop for Guard {
        fn drop(&mut self) {
            super::thread_ended();
        }
    }

    pub(super) fn register() -> bool {
        GUARD.try_with(|_| ()).is_ok()
    }
}

#[cfg(feature = "initial-exec")]
mod at_thread_end {
    use core::ffi::c_void;

    use orionrt_sys::thread_end::ThreadEnd;

    static END: ThreadEnd = ThreadEnd::new(ended);

    extern "C" fn ended(_: *mut c_void) {
        super::thread_ended();
    }

    pub(super) fn register() -> bool {
        END.register()
    }
}

fn thread_ended() {
    BINDING.set(Binding::ThreadEnded);
    unbind();
}

/// Binds a cache of `heap` to this thread and returns it; `None` if the thread has a cache of
/// another heap that is in use, if the thread is ending, or if there is no memory.
#[cold]
pub(super) fn bind(heap: &'static Heap) -> Option<&'static Cache> {
    match BINDING.get() {
        Binding::Unbound => {
            BINDING.set(Binding::InProgress);
            // Once in a thread's life. It may allocate; see the invariant.
            if !at_thread_end::register() {
                BINDING.set(Binding::ThreadEnded);
                return None;
            }
        }
        Binding::Bound if heap_is_retired() => unbind(),
        Binding::Bound if cache_of(heap).is_some() => return cache_of(heap),
        Binding::InProgress | Binding::Bound | Binding::ThreadEnded => return None,
    }
    let cache = heap.take_cache();
    BINDING.set(if cache.is_some() {
        Binding::Bound
    } else {
        Binding::Unbound
    });
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
    // SAFETY: a bound cache's heap stays for ever; `NO_CACHE` is not bound.
    BINDING.get() == Binding::Bound && unsafe { heap_of(&*bound()) }.is_retired()
}

/// The heap of a cache.
///
/// # Safety
/// The cache is not `NO_CACHE`.
unsafe fn heap_of(cache: &Cache) -> &'static Heap {
    // SAFETY: a cache that was made for a heap has its address, and heaps stay for ever.
    unsafe { &*cache.heap().cast::<Heap>() }
}

/// Gives this thread's cache back to its heap.
fn unbind() {
    let cache = bound();
    replace_cache(None);
    set_hidden_cache(None);
    if cache != NO_CACHE.as_ptr() {
        // SAFETY: caches live for ever; this one was bound, and is no longer this thread's.
        let (cache, heap) = unsafe { (&*cache, heap_of(&*cache)) };
        heap.put_back_cache(cache);
    }
}
