//! The thread's pointer to its cache, which is read by every allocation and every release, and the
//! one that takes its place where calls are observed.
//!
//! They are thread-local variables of Rust. In a library that is preloaded, the compiler cannot
//! know where such a variable lies, and asks the loader for it by a call each time. With the
//! feature `initial-exec` each is a variable at a fixed distance from the thread's own address (the
//! *initial exec* model of Drepper's "ELF Handling For Thread-Local Storage", 2013): two loads. A
//! library with such a variable is loaded when the program starts; loaded later, it takes from the
//! little room that the C library keeps for such cases.
//!
//! Invariant: each pointer is that of [`NO_CACHE`], or of a cache that stays for ever.

use super::cache::{Cache, NO_CACHE};

/// Defines a pointer of each thread to a cache: how it is read and written, and the name of the
/// variable in the library.
macro_rules! thread_pointer {
    ($module:ident, $name:literal) => {
        #[cfg(not(all(
            feature = "initial-exec",
            target_arch = "x86_64",
            target_os = "linux",
            target_env = "gnu"
        )))]
        mod $module {
            use core::cell::Cell;

            use crate::heap::cache::{Cache, NO_CACHE};

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
        mod $module {
            use core::arch::{asm, global_asm};

            use crate::heap::cache::{Cache, NO_CACHE};

            global_asm!(
                concat!(".pushsection .tdata.", $name, ",\"awT\",@progbits"),
                ".balign 8",
                concat!(".globl ", $name),
                concat!(".hidden ", $name),
                concat!(".type ", $name, ", @object"),
                concat!(".size ", $name, ", 8"),
                concat!($name, ":"),
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
                        concat!("mov {cache}, qword ptr [rip + ", $name, "@GOTTPOFF]"),
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
                        concat!("mov {place}, qword ptr [rip + ", $name, "@GOTTPOFF]"),
                        "mov qword ptr fs:[{place}], {cache}",
                        place = out(reg) _,
                        cache = in(reg) cache,
                        options(nostack, preserves_flags),
                    );
                }
            }
        }
    };
}

thread_pointer!(shown, "orionrt_thread_cache");
thread_pointer!(hidden, "orionrt_hidden_cache");

/// The cache of this thread; one that serves no heap if the thread has none.
#[inline(always)]
pub(crate) fn cache() -> &'static Cache {
    // SAFETY: caches live for ever, and so does `NO_CACHE`.
    unsafe { &*shown::get() }
}

/// Makes this the cache of the thread, or `NO_CACHE` if there is none; returns the one before.
pub(super) fn replace_cache(cache: Option<&'static Cache>) -> *const Cache {
    let before = shown::get();
    shown::set(cache.map_or(NO_CACHE.as_ptr(), core::ptr::from_ref));
    before
}

/// The cache of a thread that is bound to an observed heap, which the fast path does not find; one
/// that serves no heap if the thread has none.
#[inline(always)]
pub(super) fn hidden_cache() -> &'static Cache {
    // SAFETY: as in `cache`.
    unsafe { &*hidden::get() }
}

/// Makes this the hidden cache of the thread, or `NO_CACHE` if there is none.
pub(super) fn set_hidden_cache(cache: Option<&'static Cache>) {
    hidden::set(cache.map_or(NO_CACHE.as_ptr(), core::ptr::from_ref));
}
