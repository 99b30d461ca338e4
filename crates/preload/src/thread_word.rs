//! A pointer that each thread has, found without asking the loader.
//!
//! In a preloaded library, a thread-local variable of Rust is found by a call of the loader. On
//! 64-bit x86 this one is at a fixed distance from the thread's own address, as the heap's pointer
//! to the thread's cache is (the feature `initial-exec` of `orionrt-alloc`); on other processors it
//! is a variable of Rust.
//!
//! Invariant: it is null until the thread sets it, and nothing has to be done when the thread ends.

pub(crate) use variable::{get, set};

#[cfg(target_arch = "x86_64")]
mod variable {
    use core::arch::{asm, global_asm};

    global_asm!(
        ".pushsection .tbss.orionrt_thread_word,\"awT\",@nobits",
        ".balign 8",
        ".globl orionrt_thread_word",
        ".hidden orionrt_thread_word",
        ".type orionrt_thread_word, @object",
        ".size orionrt_thread_word, 8",
        "orionrt_thread_word:",
        ".zero 8",
        ".popsection",
    );

    /// What the thread has set, or null.
    #[inline(always)]
    pub(crate) fn get() -> *mut () {
        let word;
        // SAFETY: reads the variable above, of this thread.
        unsafe {
            asm!(
                "mov {word}, qword ptr [rip + orionrt_thread_word@GOTTPOFF]",
                "mov {word}, qword ptr fs:[{word}]",
                word = out(reg) word,
                options(pure, readonly, nostack, preserves_flags),
            );
        }
        word
    }

    pub(crate) fn set(word: *mut ()) {
        // SAFETY: writes the variable above, of this thread.
        unsafe {
            asm!(
                "mov {place}, qword ptr [rip + orionrt_thread_word@GOTTPOFF]",
                "mov qword ptr fs:[{place}], {word}",
                place = out(reg) _,
                word = in(reg) word,
                options(nostack, preserves_flags),
            );
        }
    }
}

#[cfg(not(target_arch = "x86_64"))]
mod variable {
    use core::{cell::Cell, ptr};

    std::thread_local! {
        static WORD: Cell<*mut ()> = const { Cell::new(ptr::null_mut()) };
    }

    /// What the thread has set, or null.
    pub(crate) fn get() -> *mut () {
        WORD.get()
    }

    pub(crate) fn set(word: *mut ()) {
        WORD.set(word);
    }
}
