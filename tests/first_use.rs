//! An allocator's first use: on a small stack, by several threads at once, and while the process
//! forks.

#[cfg(target_os = "linux")]
use std::sync::atomic::{AtomicU32, Ordering};
use std::{sync::Barrier, thread};

use orionrt::OrionAlloc;
use orionrt_testing::blocks::{Block, layout};

#[global_allocator]
static ALLOC: OrionAlloc = OrionAlloc::new();

/// After so many seconds, a child that hangs is ended.
#[cfg(target_os = "linux")]
const SECONDS: u32 = 20;

fn use_once(alloc: &OrionAlloc) {
    Block::new(alloc, layout(1000, 16), 1).free(alloc);
}

#[test]
fn a_small_stack_is_enough_for_the_first_use() {
    let first_use = || use_once(&OrionAlloc::new().with_first_zone(1 << 20));
    let thread = thread::Builder::new().stack_size(64 << 10).spawn(first_use);
    thread.unwrap().join().unwrap();
}

#[test]
fn threads_may_be_first_at_once() {
    const THREADS: usize = 4;
    for _ in 0..100 {
        let alloc = OrionAlloc::new().with_first_zone(1 << 20);
        let start = Barrier::new(THREADS);
        thread::scope(|scope| {
            for _ in 0..THREADS {
                scope.spawn(|| {
                    start.wait();
                    use_once(&alloc);
                });
            }
        });
        let stats = alloc.stats();
        assert_eq!((stats.allocations, stats.live_bytes), (4, 0), "{stats}");
    }
}

/// Forks while another thread uses an allocator for the first time; the child uses it too. Returns
/// the child's wait status.
#[cfg(target_os = "linux")]
fn fork_during_first_use(round: u32) -> i32 {
    static STARTED: AtomicU32 = AtomicU32::new(0);
    let alloc = OrionAlloc::new().with_first_zone(1 << 20);
    thread::scope(|scope| {
        scope.spawn(|| {
            STARTED.store(round, Ordering::Release);
            use_once(&alloc);
        });
        while STARTED.load(Ordering::Acquire) != round {
            std::hint::spin_loop();
        }
        (0..round % 200).for_each(|_| std::hint::spin_loop());
        // SAFETY: the child uses only what the allocator keeps usable, and leaves by `_exit`; the
        // parent waits for it.
        unsafe {
            let (pid, mut status) = (libc::fork(), 0);
            if pid == 0 {
                libc::alarm(SECONDS);
                use_once(&alloc);
                libc::_exit(0);
            }
            assert_eq!(libc::waitpid(pid, &raw mut status, 0), pid);
            status
        }
    })
}

#[cfg(target_os = "linux")]
#[test]
fn a_fork_during_first_use_leaves_a_usable_allocator() {
    // Heaps stay for ever, and each fork copies the pages of all their locks: a few must do.
    for round in 1..200 {
        assert_eq!(fork_during_first_use(round), 0, "round {round}; 14: alarm");
    }
}
