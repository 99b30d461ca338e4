//! `fork` inside and outside of iterations, while helpers allocate and other threads make sessions
//! and recordings: the child ends the iteration that it is in, and records and replays others, also
//! on threads of its own that run meanwhile.
//!
//! There is only one test, since a child is a copy of the whole process. An alarm ends a process
//! that waits forever for a loan to end.
#![cfg(target_os = "linux")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    io::{self, Write},
    panic::catch_unwind,
    process,
    sync::atomic::{AtomicBool, Ordering},
    thread::{self, JoinHandle},
    time::Duration,
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
/// Started and stopped all the time.
static BUSY_RECORDER: Recorder<System> = Recorder::new(System);

fn session() -> Session<'static, System, ()> {
    ALLOC.session(Planner::new()).threshold(0)
}

fn run<R>(session: &mut Session<'_, System, ()>, iteration: impl FnOnce() -> R) -> R {
    session.run((), iteration).expect("not refused")
}

/// An iteration with a helper.
fn helped_network() -> (u64, u64) {
    thread::scope(|scope| {
        let helper = scope.spawn(|| network(64, 2));
        (network(128, 2), helper.join().expect("no panic"))
    })
}

/// Uses what a child inherited: sessions with helpers of its own, and recordings.
fn live_on(fork: usize) {
    let mut own = session().lanes(2);
    for _ in 0..4 {
        let helped = run(&mut own, helped_network);
        assert_eq!(helped, (network(128, 2), network(64, 2)));
    }
    let mut alone = session().lanes(0);
    for _ in 0..3 {
        run(&mut alone, || {
            thread::scope(|scope| drop(scope.spawn(|| filled(1000, 1)).join()))
        });
    }
    let others = alone.report().keys[0].last.other_threads;
    assert!(others.threads >= 1 && others.bytes >= 8000, "{others:?}");
    for recorder in [&RECORDER, &BUSY_RECORDER] {
        // The parent's recording need not be stopped first.
        if fork % 2 == 0 {
            recorder.stop();
        }
        let is_started = recorder.start(1000, OverflowPolicy::Newest);
        assert!(is_started.expect("memory"), "the parent's is none of ours");
        let layout = Layout::array::<u64>(100).expect("small");
        // SAFETY: allocated with this layout, and not used after that.
        unsafe { recorder.dealloc(recorder.alloc(layout), layout) };
        let recording = recorder.stop().expect("started above");
        assert_eq!(recording.requests(0)[0].size, layout.size());
    }
}

/// A thread of the child that lends its iterations to helpers, the first of them while the child's
/// first thread leaves the iteration that it has from its parent.
fn lend_meanwhile() -> JoinHandle<()> {
    static IS_LENT: AtomicBool = AtomicBool::new(false);
    let thread = thread::spawn(|| {
        let mut own = session().lanes(2);
        for _ in 0..3 {
            let helped = run(&mut own, || {
                IS_LENT.store(true, Ordering::Release);
                while !HAS_LEFT.load(Ordering::Acquire) {
                    thread::yield_now();
                }
                helped_network()
            });
            assert_eq!(helped, (network(128, 2), network(64, 2)));
        }
        assert!(own.report().keys[0].counts.hits > 0);
    });
    while !IS_LENT.load(Ordering::Acquire) {
        thread::yield_now();
    }
    thread
}

/// Whether the child has left the iteration that it has from its parent.
static HAS_LEFT: AtomicBool = AtomicBool::new(false);

/// Allocates now and then in a thread of its own, until the process ends.
fn allocate_for_ever(seed: u64) -> JoinHandle<()> {
    thread::spawn(move || {
        loop {
            drop(filled(40, seed));
            thread::sleep(Duration::from_millis(1));
        }
    })
}

/// Whether the parent waits for a child. Helpers rest meanwhile, so that recordings stay short.
static IS_WAITING: AtomicBool = AtomicBool::new(false);

/// Waits for a child; returns its status, if it is this one.
fn wait_for(child: libc::pid_t) -> Option<i32> {
    let mut status = 0;
    IS_WAITING.store(true, Ordering::Relaxed);
    // SAFETY: waits for a child of this process, and writes to `status` only.
    let waited = unsafe { libc::waitpid(child, &raw mut status, 0) };
    IS_WAITING.store(false, Ordering::Relaxed);
    (waited == child).then_some(status)
}

/// Whether a thread of the parent goes on; waits while the parent waits.
fn goes_on(stop: &AtomicBool) -> bool {
    while IS_WAITING.load(Ordering::Relaxed) && !stop.load(Ordering::Relaxed) {
        thread::sleep(Duration::from_micros(100));
    }
    !stop.load(Ordering::Relaxed)
}

/// Makes and drops sessions and recordings until told to stop.
fn make_and_drop(stop: &AtomicBool) {
    while goes_on(stop) {
        let mut brief = session();
        (0..2).for_each(|seed| drop(run(&mut brief, || filled(30, seed))));
        let is_started = BUSY_RECORDER.start(100, OverflowPolicy::Newest);
        assert!(is_started.expect("memory") && BUSY_RECORDER.stop().is_some());
    }
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
    assert_eq!(wait_for(child), Some(0));
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
                while goes_on(stop) {
                    drop(filled(40, seed));
                }
            });
        }
        scope.spawn(|| make_and_drop(stop));
        let _stopping = Stopping(stop);
        assert!(
            RECORDER
                .start(100_000, OverflowPolicy::Newest)
                .expect("memory")
        );
        let mut helped = session().lanes(HELPERS);
        for fork in 0..FORKS {
            // Inside of an iteration, recorded or replayed, while helpers may borrow: the child
            // leaves it by itself.
            let mut lender = None;
            run(&mut helped, || {
                let kept = filled(100, 7);
                io::stdout().flush().expect("open");
                // SAFETY: as in `in_child`; the child goes on below.
                match unsafe { libc::fork() } {
                    0 => {
                        // SAFETY: the alarm ends this process only, should it hang on its way out.
                        unsafe { libc::alarm(CHILD_SECONDS) };
                        (1..3).for_each(|seed| drop(allocate_for_ever(seed)));
                        lender = Some(lend_meanwhile());
                    }
                    child => assert_eq!(wait_for(child), Some(0), "fork {fork}; 14: alarm"),
                }
                assert_eq!(kept, filled(100, 7));
            });
            if let Some(lender) = lender {
                HAS_LEFT.store(true, Ordering::Release);
                let has_lent = lender.join().is_ok();
                let has_lived = catch_unwind(|| live_on(fork)).is_ok();
                process::exit(i32::from(!has_lent || !has_lived));
            }
        }
        drop(helped);
        (0..2).for_each(|fork| in_child(|| live_on(fork)));
    });
    assert!(RECORDER.stop().is_some());
}
