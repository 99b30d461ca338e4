//! `fork` inside and outside of iterations, while helpers allocate: the child ends the iteration
//! that it is in, and records and replays others.
//!
//! There is only one test, since a child is a copy of the whole process. An alarm ends a process
//! that waits forever for a loan to end.
#![cfg(target_os = "linux")]

use std::{
    alloc::System,
    io::{self, Write},
    panic::catch_unwind,
    process,
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use orionrt::{
    Planner, Recorder, ReplayAlloc,
    replay::{OverflowPolicy, Session},
};
use orionrt_testing::workloads::{filled, network};

const FORKS: usize = 60;
const HELPERS: usize = 3;
const CHILD_SECONDS: u32 = 20;
const PARENT_SECONDS: u32 = 240;

#[global_allocator]
static ALLOC: ReplayAlloc<System> = ReplayAlloc::new(System);
static RECORDER: Recorder<System> = Recorder::new(System);

fn session() -> Session<'static, System, ()> {
    ALLOC.session(Planner::new())
}

fn run<R>(session: &mut Session<'_, System, ()>, iteration: impl FnOnce() -> R) -> R {
    session.run((), iteration).expect("not refused")
}

/// Uses what a child inherited: sessions with helpers of its own, and a recording.
fn live_on() {
    let mut own = session().lanes(2);
    for _ in 0..4 {
        let helped = run(&mut own, || {
            thread::scope(|scope| {
                let helper = scope.spawn(|| network(64, 2));
                (network(128, 2), helper.join().expect("no panic"))
            })
        });
        assert_eq!(helped, (network(128, 2), network(64, 2)));
    }
    RECORDER.stop();
    assert!(
        RECORDER
            .start(1000, OverflowPolicy::Newest)
            .expect("memory")
    );
    assert!(RECORDER.stop().is_some());
}

/// Stops the helpers, also if the test fails.
struct Stopping<'s>(&'s AtomicBool);

impl Drop for Stopping<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Runs `work` in a child; returns once that has ended without a panic.
fn in_child(work: impl FnOnce()) {
    io::stdout().flush().expect("open");
    // SAFETY: the child uses allocators and threads of its own, and ends without running the
    // parent's exit code.
    let child = unsafe { libc::fork() };
    assert!(child >= 0, "{}", io::Error::last_os_error());
    if child == 0 {
        // SAFETY: the alarm ends this process only.
        unsafe { libc::alarm(CHILD_SECONDS) };
        let work = std::panic::AssertUnwindSafe(work);
        process::exit(i32::from(catch_unwind(work).is_err()));
    }
    let mut status = 0;
    // SAFETY: waits for the child that was just made, and writes to `status` only.
    let waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
    assert_eq!((waited, status), (child, 0));
}

#[test]
fn a_child_ends_its_iteration_and_starts_others() {
    // SAFETY: the alarm ends this process only, should it hang.
    unsafe { libc::alarm(PARENT_SECONDS) };
    let stop = AtomicBool::new(false);
    let stop = &stop;
    thread::scope(|scope| {
        for seed in 0..HELPERS as u64 {
            scope.spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    drop(filled(40, seed));
                }
            });
        }
        let _stopping = Stopping(stop);
        assert!(
            RECORDER
                .start(100_000, OverflowPolicy::Newest)
                .expect("memory")
        );
        let mut helped = session().lanes(HELPERS);
        for _ in 0..FORKS {
            // Inside of an iteration, recorded or replayed, while helpers may borrow: the child
            // leaves it by itself.
            let mut is_child = false;
            run(&mut helped, || {
                let kept = filled(100, 7);
                io::stdout().flush().expect("open");
                // SAFETY: as in `in_child`; the child goes on below.
                match unsafe { libc::fork() } {
                    0 => {
                        // SAFETY: the alarm ends this process only, should it hang on its way out.
                        unsafe { libc::alarm(CHILD_SECONDS) };
                        is_child = true;
                    }
                    child => {
                        let mut status = 0;
                        // SAFETY: as in `in_child`.
                        unsafe { libc::waitpid(child, &raw mut status, 0) };
                        assert_eq!(status, 0);
                    }
                }
                assert_eq!(kept, filled(100, 7));
            });
            if is_child {
                process::exit(i32::from(catch_unwind(live_on).is_err()));
            }
        }
        drop(helped);
        in_child(live_on);
    });
    assert!(RECORDER.stop().is_some());
}
