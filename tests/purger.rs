//! `OrionAlloc::spawn_purger`: what a burst leaves goes back in silence, the thread sleeps when
//! there is nothing to do, ends with its handle, and is not expected in a child of `fork`.
//!
//! Nothing here is timed: a test waits for as long as it takes, and on Linux counts how often the
//! thread has run. There is one test, because threads are found by their name in the whole process.

#[cfg(target_os = "linux")]
use std::{
    fs,
    panic::{AssertUnwindSafe, catch_unwind},
    process,
};
use std::{io, thread, time::Duration};

use orionrt::{OrionAlloc, heap::Decay};
use orionrt_testing::{
    blocks::{Block, layout},
    random::Random,
};

const MIB: usize = 1 << 20;
#[cfg(target_os = "linux")]
const CHILD_SECONDS: u32 = 60;

fn decaying() -> OrionAlloc {
    OrionAlloc::new().with_decay(Decay::After(Duration::from_millis(20)))
}

/// Waits until a condition holds. It is looked at 6000 times.
fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    for _ in 0..6000 {
        if holds() {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("{what}");
}

/// A field of the status of each purger's thread in this process.
#[cfg(target_os = "linux")]
fn purgers(field: &str) -> Vec<String> {
    let tasks = fs::read_dir("/proc/self/task").unwrap().flatten();
    let status = tasks.filter_map(|task| fs::read_to_string(task.path().join("status")).ok());
    let value = |status: String, field: &str| {
        let line = status.lines().find(|line| line.starts_with(field))?;
        Some(line.split_once(':')?.1.trim().to_owned())
    };
    let purgers = status.filter(|text| value(text.clone(), "Name").unwrap() == "orionrt-purger");
    purgers.filter_map(|text| value(text, field)).collect()
}

/// How many purgers' threads there are, where the system says so.
#[cfg(target_os = "linux")]
fn has_purgers(count: usize) -> bool {
    purgers("Name").len() == count
}

#[cfg(not(target_os = "linux"))]
fn has_purgers(_count: usize) -> bool {
    true
}

/// How often the purger has gone to sleep.
#[cfg(target_os = "linux")]
fn sleeps() -> u64 {
    let counts = purgers("voluntary_ctxt_switches");
    assert_eq!(counts.len(), 1);
    counts[0].parse().unwrap()
}

/// Waits until the purger sleeps and does not wake by itself any more.
#[cfg(target_os = "linux")]
fn wait_for_sleep() {
    let mut last = 0;
    wait_until("it keeps waking", || {
        thread::sleep(Duration::from_millis(300));
        let now = sleeps();
        now == std::mem::replace(&mut last, now)
    });
}

/// Waits until the purger sleeps, by all that is known.
#[cfg(not(target_os = "linux"))]
fn wait_for_sleep() {
    thread::sleep(Duration::from_millis(300));
}

/// Large and small blocks, of several threads, some of which end.
fn burst(alloc: &OrionAlloc) {
    let work = || {
        let mut random = Random(3);
        let large = (0..40).map(|tag| Block::new(alloc, layout(MIB, 8), tag));
        let mut blocks: Vec<_> = large.collect();
        let small = (0..10_000).map(|tag| {
            let size = random.log_uniform(64, 4000);
            Block::new(alloc, layout(size, 8), tag)
        });
        blocks.extend(small);
        assert!(alloc.stats().resident_bytes > 40 * MIB);
        blocks.into_iter().for_each(|block| block.free(alloc));
    };
    thread::scope(|scope| {
        scope.spawn(work);
        scope.spawn(work);
    });
    work();
}

/// What may stay: a cache for this thread, tables, and pages that are not worth waking up for.
fn is_calm(alloc: &OrionAlloc) -> bool {
    alloc.stats().resident_bytes - alloc.stats().metadata_bytes < 2 * MIB
}

fn what_a_burst_leaves_goes_back_in_silence() {
    let alloc = decaying();
    let purger = alloc.spawn_purger().unwrap();
    for _ in 0..2 {
        burst(&alloc);
        wait_until("memory stays", || is_calm(&alloc));
        wait_for_sleep();
    }
    purger.stop();
}

#[cfg(target_os = "linux")]
fn a_sleeping_purger_wakes_for_a_release_that_leaves_something() {
    let alloc = decaying();
    let _purger = alloc.spawn_purger().unwrap();
    wait_for_sleep();
    let before = sleeps();
    let block = Block::new(&alloc, layout(60 << 10, 8), 1);
    block.free(&alloc);
    thread::sleep(Duration::from_millis(300));
    assert_eq!(sleeps(), before);
    let blocks: Vec<_> = (0..20)
        .map(|tag| Block::new(&alloc, layout(60 << 10, 8), tag))
        .collect();
    blocks.into_iter().for_each(|block| block.free(&alloc));
    wait_until("it sleeps on", || sleeps() > before);
    wait_until("memory stays", || is_calm(&alloc));
}

fn an_allocator_has_one_purger_which_ends_with_its_handle() {
    let alloc = decaying();
    for _ in 0..3 {
        let purger = alloc.spawn_purger().unwrap();
        let second = alloc.spawn_purger().unwrap_err();
        assert_eq!(second.kind(), io::ErrorKind::AlreadyExists);
        // A thread names itself.
        wait_until("no thread", || has_purgers(1));
        drop(purger);
        wait_until("a thread stays", || has_purgers(0));
    }
    let purger = alloc.spawn_purger().unwrap();
    drop(alloc);
    drop(purger);
    // The system lists a thread for a moment after its end.
    wait_until("a thread stays", || has_purgers(0));
}

#[cfg(target_os = "linux")]
fn an_allocator_that_gives_nothing_back_has_a_purger_that_no_release_wakes() {
    let alloc = OrionAlloc::new().with_decay(Decay::Never);
    let purger = alloc.spawn_purger().unwrap();
    burst(&alloc);
    wait_for_sleep();
    assert!(!is_calm(&alloc));
    let before = sleeps();
    for tag in 0..20 {
        Block::new(&alloc, layout(MIB, 8), tag).free(&alloc);
        thread::sleep(Duration::from_millis(10));
    }
    assert_eq!(sleeps(), before);
    drop(purger);
}

#[cfg(target_os = "linux")]
fn a_child_of_fork_has_none_until_it_spawns_one() {
    let alloc = decaying();
    let purger = alloc.spawn_purger().unwrap();
    wait_for_sleep();
    // SAFETY: the child ends in this function, without running anything of the parent.
    let child = unsafe { libc::fork() };
    if child == 0 {
        // SAFETY: ends the process if it hangs.
        unsafe { libc::alarm(CHILD_SECONDS) };
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            assert!(has_purgers(0));
            let own = alloc.spawn_purger().unwrap();
            drop(purger);
            burst(&alloc);
            wait_until("memory stays in the child", || is_calm(&alloc));
            drop(own);
        }));
        // SAFETY: skips what the parent registered to run at its end.
        unsafe { libc::_exit(i32::from(outcome.is_err())) };
    }
    let mut status = 0;
    // SAFETY: writes to `status` alone.
    assert_eq!(unsafe { libc::waitpid(child, &raw mut status, 0) }, child);
    assert_eq!(status, 0, "in process {}", process::id());
    burst(&alloc);
    wait_until("memory stays in the parent", || is_calm(&alloc));
}

#[test]
fn purgers_give_back_sleep_end_and_fork() {
    what_a_burst_leaves_goes_back_in_silence();
    an_allocator_has_one_purger_which_ends_with_its_handle();
    #[cfg(target_os = "linux")]
    {
        a_sleeping_purger_wakes_for_a_release_that_leaves_something();
        an_allocator_that_gives_nothing_back_has_a_purger_that_no_release_wakes();
        a_child_of_fork_has_none_until_it_spawns_one();
    }
}
