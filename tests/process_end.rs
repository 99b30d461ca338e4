//! A process ends while its threads allocate, and a purger looks after the heap.
//!
//! Windows then ends all other threads wherever they are, also while they hold a lock of the heap,
//! and the last one runs its destructors. On other systems nothing of that kind happens, and the
//! test says little. The test program starts itself again, since each process ends once.

use std::{
    env, process,
    process::Stdio,
    thread,
    time::{Duration, Instant},
};

use orionrt::OrionAlloc;
use orionrt_testing::children::this_program;

#[global_allocator]
static ALLOC: OrionAlloc = OrionAlloc::new();

/// Set in a child.
const CHILD: &str = "ORIONRT_TEST_ENDS";
const NAME: &str = "a_process_ends_while_its_threads_allocate";
const PROCESSES: u32 = 20;
const THREADS: usize = 4;
/// A child that takes longer hangs.
const LONGEST: Duration = Duration::from_secs(60);

/// Blocks of all kinds, most of which the thread's cache does not serve.
fn allocate_for_ever() {
    let mut kept = Vec::new();
    for round in 0usize.. {
        let size = 1 << (4 + round % 14);
        kept.extend((0..(4 << 20) / size.max(16 << 10)).map(|_| vec![1u8; size]));
        if round % 3 == 2 {
            kept.clear();
        }
    }
}

/// Ends the process in the midst of it all.
fn end_in_the_midst(number: u32) -> ! {
    let _purger = ALLOC.spawn_purger().expect("a thread");
    for _ in 0..THREADS {
        thread::spawn(allocate_for_ever);
    }
    thread::sleep(Duration::from_millis(u64::from(5 + 3 * number)));
    // This thread has a cache, which has something to give back.
    drop(vec![vec![1u8; 100]; 100]);
    process::exit(0)
}

#[test]
fn a_process_ends_while_its_threads_allocate() {
    if let Ok(number) = env::var(CHILD) {
        end_in_the_midst(number.parse().expect("a number"));
    }
    for number in 0..PROCESSES {
        let mut command = this_program();
        command.args([NAME, "--exact"]).stdout(Stdio::null());
        command.env(CHILD, number.to_string());
        let mut child = command.spawn().expect("a child");
        let started = Instant::now();
        let status = loop {
            if let Some(status) = child.try_wait().expect("a child that was started") {
                break status;
            }
            if started.elapsed() > LONGEST {
                let _ = child.kill();
                let _ = child.wait();
                panic!("process {number} does not end");
            }
            thread::sleep(Duration::from_millis(1));
        };
        assert!(status.success(), "process {number}: {status}");
    }
}
