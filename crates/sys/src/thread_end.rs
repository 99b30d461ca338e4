//! A function that runs when a thread ends, registered without allocating.
//!
//! Rust's and C++'s destructors of thread-local variables are kept in lists, for which the C
//! library allocates; where it cannot, it ends the process. A key of POSIX (`pthread_key_create`)
//! has a destructor of its own, and the first keys of a process need no memory. It runs after the
//! destructors of thread-local variables.
//!
//! On Windows it is an index of fibre-local storage (`FlsAlloc`), whose function may run before the
//! destructors of Rust's thread-local variables, which may still allocate then. `DeleteFiber` runs
//! it, too: on the thread that deletes the fibre, and not on the one that registered in it, which
//! has no registration left.
//!
//! Invariant: a key, once made, stays for ever.

#![forbid(unsafe_code)]

use core::{
    ffi::c_void,
    sync::atomic::{AtomicU32, Ordering},
};

use crate::os::{Os, System};

/// A function to run at the end of those threads that ask for it.
///
/// It is to be a static. A library that has one must not be unloaded: threads would call what is
/// gone.
///
/// ```
/// use std::{ffi::c_void, sync::atomic::{AtomicU32, Ordering::Relaxed}, thread};
/// use orionrt_sys::thread_end::ThreadEnd;
///
/// static ENDED: AtomicU32 = AtomicU32::new(0);
///
/// extern "C" fn count(_: *mut c_void) {
///     ENDED.fetch_add(1, Relaxed);
/// }
///
/// static COUNTED: ThreadEnd = ThreadEnd::new(count);
///
/// thread::spawn(|| assert!(COUNTED.register())).join().expect("no panic");
/// assert_eq!(ENDED.load(Relaxed), 1);
/// ```
#[derive(Debug)]
pub struct ThreadEnd {
    /// The key, plus one; 0 before it is made.
    key: AtomicU32,
    run: extern "C" fn(*mut c_void),
}

impl ThreadEnd {
    /// A function, which is passed a pointer that means nothing.
    #[must_use]
    pub const fn new(run: extern "C" fn(*mut c_void)) -> Self {
        Self {
            key: AtomicU32::new(0),
            run,
        }
    }

    /// Runs the function once more when the calling thread ends, unless it is to run then anyway.
    /// Returns whether it will: a process may be out of keys or out of memory, and the operating
    /// system may have none.
    pub fn register(&self) -> bool {
        let key = self.key_or_new();
        key.is_some_and(|key| Os::set_thread_key(key, self.run))
    }

    fn key_or_new(&self) -> Option<u32> {
        let known = self.key.load(Ordering::Acquire);
        if let Some(key) = known.checked_sub(1) {
            return Some(key);
        }
        let key = Os::new_thread_key(self.run)?;
        let Some(made) = key.checked_add(1) else {
            Os::delete_thread_key(key);
            return None;
        };
        match self
            .key
            .compare_exchange(0, made, Ordering::AcqRel, Ordering::Acquire)
        {
            Ok(_) => Some(key),
            Err(first) => {
                Os::delete_thread_key(key);
                Some(first - 1)
            }
        }
    }
}

/// Whether the operating system has ended all other threads of this process, wherever they were,
/// and the last one runs what is to be done at its end, as on Windows: a lock that one of the
/// others held is never released.
#[must_use]
pub fn process_is_ending() -> bool {
    Os::process_is_ending()
}

#[cfg(test)]
mod tests {
    use core::sync::atomic::AtomicUsize;
    use std::thread;

    use super::*;

    static RUNS: AtomicUsize = AtomicUsize::new(0);

    extern "C" fn count(_: *mut c_void) {
        RUNS.fetch_add(1, Ordering::Relaxed);
    }

    #[test]
    fn it_runs_once_at_the_end_of_each_thread_that_registers() {
        static END: ThreadEnd = ThreadEnd::new(count);
        for registrations in [0, 1, 3] {
            let before = RUNS.load(Ordering::Relaxed);
            thread::scope(|scope| {
                let thread = || (0..registrations).all(|_| END.register());
                let threads: [_; 4] = core::array::from_fn(|_| scope.spawn(thread));
                assert!(threads.into_iter().all(|thread| thread.join().unwrap()));
            });
            let runs = RUNS.load(Ordering::Relaxed) - before;
            assert_eq!(runs, if registrations > 0 { 4 } else { 0 });
        }
    }
}
