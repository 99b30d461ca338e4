//! The thread's pointer to its cache, which is read by every allocation and every release.
//!
//! It is a thread-local variable of Rust. In a library that is preloaded, the compiler cannot know
//! where such a variable lies, and asks the loader for it by a call each time. With the feature
//! `initial-exec` it is a variable at a fixed distance from the thread's own address (the *initial
//! exec* model of Drepper's "ELF Handling For Thread-Local Storage", 2013): two loads. A library
//! with such a variable is loaded when the program starts; loaded later, it takes from the little
//! room that the C library keeps for such cases.
//!
//! Invariant: the pointer is that of [`NO_CACHE`], or of a cache that stays for ever.

use super::cache::{Cache, NO_CACHE};

#[cfg(not(all(
    feature = "initial-exec",
    target_arch = "x86_64",
    target_os = "linux",
    target_env = "gnu"
)))]
mod variable {
    use core::cell::Cell;

    use super::{Cache, NO_CACHE};

    std::thread_local! {
        static CACHE: Cell<*const Cache> = const { Cell::new(NO_CACHE.as_ptr()) };
    }

    #[inline(always)]
    pub(super) fn get() -> *const Cache {
        CACHE.get()
    }

    pub(super) fn set(cache: *const Cache) {
        CACHE.set(cache);
    }
}

#[cfg(all(
    feature = "initial-exec",
    target_arch = "x86_64",
    target_os = "linux",
    target_env = "gnu"
))]
mod variable {
    use core::arch::{asm, global_asm};

    use super::{Cache, NO_CACHE};

    global_asm!(
        ".pushsection .tdata.orionrt_thread_cache,\"awT\",@progbits",
        ".balign 8",
        ".globl orionrt_thread_cache",
        ".hidden orionrt_thread_cache",
        ".type orionrt_thread_cache, @object",
        ".size orionrt_thread_cache, 8",
        "orionrt_thread_cache:",
        ".quad {none}",
        ".popsection",
        none = sym NO_CACHE,
    );

    #[inline(always)]
    pub(super) fn get() -> *const Cache {
        let cache: *const Cache;
        // SAFETY: reads the variable above, of this thread.
        unsafe {
            asm!(
                "mov {cache}, qword ptr [rip + orionrt_thread_cache@GOTTPOFF]",
                "mov {cache}, qword ptr fs:[{cache}]",
                cache = out(reg) cache,
                options(pure, readonly, nostack, preserves_flags),
            );
        }
        cache
    }

    pub(super) fn set(cache: *const Cache) {
        // SAFETY: writes the variable above, of this thread.
        unsafe {
            asm!(
                "mov {place}, qword ptr [rip + orionrt_thread_cache@GOTTPOFF]",
                "mov qword ptr fs:[{place}], {cache}",
                place = out(reg) _,
                cache = in(reg) cache,
                options(nostack, preserves_flags),
            );
        }
    }
}

/// The cache of this thread; one that serves no heap if the thread has none.
#[inline(always)]
pub(crate) fn cache() -> &'static Cache {
    // SAFETY: caches live for ever, and so does `NO_CACHE`.
    unsafe { &*variable::get() }
}

/// Makes this the cache of the thread, or `NO_CACHE` if there is none; returns the one before.
pub(super) fn replace_cache(cache: Option<&'static Cache>) -> *const Cache {
    let before = variable::get();
    variable::set(cache.map_or(NO_CACHE.as_ptr(), core::ptr::from_ref));
    before
}
