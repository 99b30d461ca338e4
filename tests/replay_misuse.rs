//! Releasing what is not a planned block ends the process with a message; the test starts
//! itself again to see it.

use std::{
    alloc::{GlobalAlloc, Layout, System},
    process::Output,
};

use orionrt::{Planner, ReplayAlloc};
use orionrt_testing::children::{has_aborted, this_program};

static ALLOC: ReplayAlloc<System> = ReplayAlloc::new(System);

const KIND: &str = "ORIONRT_TEST_MISUSE";
const MESSAGE: &str = "orionrt: invalid free";
const BYTES: usize = 1000;

fn layout() -> Layout {
    Layout::from_size_align(BYTES, 8).unwrap()
}

fn allocate() -> *mut u8 {
    // SAFETY: the size is not zero.
    unsafe { ALLOC.alloc(layout()) }
}

/// Releases what may not be a block: the allocator must notice.
fn release(block: *mut u8) {
    // SAFETY: broken on purpose, in a process that ends here.
    unsafe { ALLOC.dealloc(block, layout()) };
}

fn resize(block: *mut u8) {
    // SAFETY: as in `release`.
    unsafe { ALLOC.realloc(block, layout(), 10 * BYTES) };
}

type Case = (&'static str, fn(*mut u8));

/// Ways to misuse a planned block.
const CASES: &[Case] = &[
    ("twice", |block| {
        release(block);
        release(block);
    }),
    ("resized after its release", |block| {
        release(block);
        resize(block);
    }),
    ("released after it was resized away", |block| {
        resize(block);
        release(block);
    }),
    ("one byte into it", |block| release(block.wrapping_add(1))),
    ("resized from one byte into it", |block| {
        resize(block.wrapping_add(1));
    }),
    ("behind the region", |block| {
        release(block.wrapping_add(BYTES))
    }),
    ("where no region is", |block| {
        release(block.wrapping_add(64 << 20))
    }),
    ("resized where no region is", |block| {
        resize(block.wrapping_add(64 << 20));
    }),
];

/// Runs this test again, in a process that misuses the allocator.
fn run(kind: &str) -> Output {
    this_program()
        .args(["--exact", "misuse_is_caught_and_named", "--nocapture"])
        .env(KIND, kind)
        .output()
        .unwrap()
}

/// Runs in the process that `run` has started.
fn misuse(kind: &str) {
    let ((), recording) = ALLOC.record(|| release(allocate())).unwrap();
    let plan = Planner::new()
        .plan(&recording.lifetimes(0).unwrap())
        .unwrap();
    let mut replay = ALLOC.replay(&recording, &plan).unwrap();
    let (block, counts) = replay.run(allocate).unwrap();
    assert_eq!(counts.hits, 1);
    match CASES.iter().find(|case| case.0 == kind) {
        Some((_, misuse)) => misuse(block),
        None => release(block),
    }
}

#[test]
fn misuse_is_caught_and_named() {
    if let Ok(kind) = std::env::var(KIND) {
        return misuse(&kind);
    }
    for (kind, _) in CASES {
        let child = run(kind);
        let text = String::from_utf8_lossy(&child.stderr);
        assert!(has_aborted(child.status), "{kind}: {text}");
        assert!(text.starts_with(MESSAGE), "{kind}: {text}");
    }
    assert!(run("none").status.success());
}
