//! Sessions on a system that runs out of memory: each system call that they make fails in turn.
//!
//! Checked, whichever call fails: there is no panic; every iteration runs, unless the session is
//! strict, and what could not be recorded or replayed is counted; an iteration of a strict session
//! that returns an error has not run; blocks keep their contents, those that outlive their session,
//! too; and when there is memory again, everything works and all of it can be reclaimed.

use alloc::vec::Vec;
use core::alloc::{GlobalAlloc, Layout};
use std::alloc::System;

use super::{ReplayAlloc, ReplayError, Session, other_threads::OtherThreadCounters};
use orionrt_alloc::arena::HugePages;
use orionrt_plan::planner::Planner;
use orionrt_sys::mapping::faults;

type Alloc = ReplayAlloc<System>;

/// A block filled with its mark.
struct Block {
    start: *mut u8,
    layout: Layout,
    mark: u8,
}

impl Block {
    fn new(alloc: &Alloc, size: usize, mark: u8) -> Self {
        let layout = Layout::from_size_align(size, 64).unwrap();
        // SAFETY: the size is not zero, and the block has that many bytes.
        let start = unsafe {
            let start = alloc.alloc(layout);
            assert!(!start.is_null());
            start.write_bytes(mark, size);
            start
        };
        Self {
            start,
            layout,
            mark,
        }
    }

    fn free(self, alloc: &Alloc) {
        // SAFETY: a live block with its layout.
        unsafe {
            let bytes = core::slice::from_raw_parts(self.start, self.layout.size());
            let expected = [self.mark; 4096];
            let mut chunks = bytes.chunks(4096);
            assert!(chunks.all(|chunk| *chunk == expected[..chunk.len()]));
            alloc.dealloc(self.start, self.layout);
        }
    }
}

/// Three blocks; the middle one goes to `kept` if there is one.
fn iteration(alloc: &Alloc, kept: Option<&mut Vec<Block>>) {
    let sizes = [100, 3 << 20, 70_000];
    let [first, middle, last] = sizes.map(|size| Block::new(alloc, size, size as u8 | 1));
    first.free(alloc);
    match kept {
        Some(kept) => kept.push(middle),
        None => middle.free(alloc),
    }
    last.free(alloc);
}

fn session(alloc: &Alloc) -> Session<'_, System, u8> {
    alloc.session(Planner::new()).huge_pages(HugePages::Always)
}

/// Runs some iterations; the third keeps a planned block, which is released after the session's
/// end. Returns the number of iterations that failed, or ran plainly.
fn run_session(alloc: &Alloc, is_strict: bool) -> u64 {
    let mut kept = Vec::new();
    let mut refused = 0;
    let mut session = session(alloc).strict(is_strict);
    for turn in 0..5 {
        let mut has_run = false;
        let run = session.run(turn % 2, || {
            has_run = true;
            iteration(alloc, (turn == 2).then_some(&mut kept));
        });
        assert_eq!(run.is_ok(), has_run);
        match run {
            Ok(()) => {}
            Err(ReplayError::Memory(_)) if is_strict => {
                refused += 1;
                session.forget(&(turn % 2));
            }
            Err(other) => panic!("{other}"),
        }
    }
    for key in session.report().keys {
        assert_eq!(key.plain.total(), key.plain.no_memory, "{key}");
        refused += key.plain.no_memory;
        if !is_strict {
            let ran = key.recorded + key.replayed + key.plain.total();
            assert_eq!(ran, if key.key == "0" { 3 } else { 2 }, "{key}");
        }
    }
    drop(session);
    kept.into_iter().for_each(|block| block.free(alloc));
    alloc.reclaim();
    refused
}

/// Everything works, and leaves nothing behind.
fn check(alloc: &Alloc) {
    assert_eq!(run_session(alloc, false), 0);
    let (left, lost) = alloc.range().unwrap().regions();
    assert_eq!(left, lost, "regions are left");
}

/// Runs sessions under limits of the system, one after the other, until one is no limit any more;
/// returns the number of iterations that were refused.
fn run_under_limits(limit: impl Fn(usize), is_strict: bool) -> u64 {
    /// A range that the system refuses to take back is lost, and with 32 bits there are few.
    const RANGE: usize = 32 << 20;
    let mut refused = 0;
    for calls in 0.. {
        let alloc = Alloc::new(System).with_reserved_limit(RANGE);
        limit(calls);
        refused += run_session(&alloc, is_strict);
        let made = faults::calls_made();
        faults::refuse_after(None);
        check(&alloc);
        if made <= calls {
            break;
        }
    }
    refused
}

#[test]
fn after_a_failed_system_call_everything_works() {
    let refused = run_under_limits(faults::refuse_only, true);
    assert!(refused > 3, "{refused}");
}

#[test]
fn after_a_failed_system_call_iterations_run_plainly() {
    let refused = run_under_limits(faults::refuse_only, false);
    assert!(refused > 2, "{refused}");
}

#[test]
fn without_memory_iterations_of_a_strict_session_fail_until_there_is_some_again() {
    let refused = run_under_limits(|calls| faults::refuse_after(Some(calls)), true);
    assert!(refused > 10, "{refused}");
}

#[test]
fn without_memory_iterations_run_plainly() {
    let refused = run_under_limits(|calls| faults::refuse_after(Some(calls)), false);
    assert!(refused > 10, "{refused}");
}

#[test]
fn a_plan_without_a_region_waits_for_memory_ever_longer_and_is_not_recorded_again() {
    let alloc = Alloc::new(System);
    // The other key needs less, and the budget allows no more.
    let mut session = alloc.session(Planner::new()).budget(1 << 20);
    session.run(0, || iteration(&alloc, None)).unwrap();
    let small = || Block::new(&alloc, 5000, 1).free(&alloc);
    session.run(1, small).unwrap();
    assert_eq!(session.report().keys[0].regions_given_up, 1);
    faults::refuse_after(Some(0));
    let mut tries = Vec::new();
    for turn in 1..=16 {
        let before = faults::calls_made();
        session.run(0, || iteration(&alloc, None)).unwrap();
        if faults::calls_made() > before {
            tries.push(turn);
        }
    }
    faults::refuse_after(None);
    assert_eq!(tries, [1, 2, 4, 8, 16]);
    for _ in 0..17 {
        session.run(0, || iteration(&alloc, None)).unwrap();
    }
    let key = &session.report().keys[0];
    assert_eq!((key.recorded, key.replayed), (1, 2), "{key}");
    assert_eq!((key.plain.no_memory, key.last.hits), (31, 2), "{key}");
}

/// Whether what a child of a `fork` does returns `true`.
#[cfg(target_os = "linux")]
fn in_child(work: impl FnOnce() -> bool) -> bool {
    let mut status = 0;
    // SAFETY: the child runs `work` alone and ends at once, without the parent's exit code.
    unsafe {
        match libc::fork() {
            0 => libc::_exit(i32::from(!work())),
            child => assert_eq!(libc::waitpid(child, &raw mut status, 0), child),
        }
    }
    status == 0
}

#[cfg(target_os = "linux")]
#[test]
fn in_a_child_the_iterations_of_its_parent_do_not_run() {
    let counters = OtherThreadCounters::new();
    let parents = counters.watch();
    assert!(!counters.is_idle());
    let is_right = in_child(|| {
        counters.count(100);
        let forgets = counters.is_idle() && parents.counts().requests == 0;
        let own = counters.watch();
        counters.count(10);
        let counts = own.counts().bytes == 10 && !counters.is_idle();
        // The parent's ends, too, where the child goes on inside it.
        drop(parents);
        let stays = !counters.is_idle();
        drop(own);
        forgets && counts && stays && counters.is_idle()
    });
    assert!(is_right);
}

#[test]
fn iterations_watch_other_threads_each_for_itself() {
    let counters = OtherThreadCounters::new();
    let first = counters.watch();
    counters.count(1);
    let second = counters.watch();
    std::thread::scope(|scope| {
        let counts = scope.spawn(|| (0..5).for_each(|_| counters.count(10)));
        counts.join().unwrap();
    });
    let (all, later) = (first.counts(), second.counts());
    assert_eq!((all.threads, all.requests, all.bytes), (2, 6, 51));
    assert_eq!((later.threads, later.requests, later.bytes), (1, 5, 50));
    drop(first);
    assert!(!counters.is_idle());
    drop(second);
    assert!(counters.is_idle());
    assert_eq!(counters.watch().counts().requests, 0);
}
