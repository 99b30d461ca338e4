//! How much address space the planned regions of a `ReplayAlloc` reserve: what suits the machine,
//! what the process may have, and what the program says.
//!
//! There is one test, because a limit of the process holds for all of it.
#![cfg(all(target_os = "linux", target_pointer_width = "64"))]

#[path = "global_limits/process.rs"]
mod process;

use std::alloc::System;

use orionrt::{Planner, ReplayAlloc, replay::PlainCounts};
use orionrt_sys::machine;
use orionrt_testing::{
    blocks::{Block, layout},
    process_memory::process_reserved,
};

const MIB: usize = 1 << 20;
const GIB: usize = 1 << 30;
/// For everything else that the process maps meanwhile.
const SLACK: usize = 100 * MIB;

/// Runs a few iterations that allocate so many bytes; returns the address space that this took, how
/// many iterations were replayed, and why others ran plainly.
fn replay(alloc: &ReplayAlloc<System>, bytes: usize) -> (usize, u64, PlainCounts) {
    let before = process_reserved();
    let mut session = alloc.session(Planner::new());
    for _ in 0..4 {
        let block = || Block::new(alloc, layout(bytes, 64), 1).free(alloc);
        session.run((), block).expect("not strict");
    }
    let taken = process_reserved() - before;
    let key = session.report().keys.remove(0);
    (taken, key.replayed, key.plain)
}

fn without_a_limit_it_is_twice_the_memory_of_the_machine() {
    let memory = machine::memory_and_swap().expect("Linux tells") as usize;
    let suits = (2 * memory).next_power_of_two().min(256 * GIB);
    let (taken, replayed, _) = replay(&ReplayAlloc::new(System), MIB);
    assert!((suits..suits + SLACK).contains(&taken), "{taken}");
    assert_eq!(replayed, 3);
}

fn within_a_limit_of_the_process_it_leaves_space_for_others() {
    process::limit_address_space(Some(process_reserved() + GIB));
    let (taken, replayed, _) = replay(&ReplayAlloc::new(System), MIB);
    process::limit_address_space(None);
    assert!(taken < (process_reserved() + GIB) / 4 + SLACK, "{taken}");
    assert_eq!(replayed, 3);
}

fn the_program_chooses_the_most_and_what_does_not_fit_runs_plainly() {
    let alloc = ReplayAlloc::new(System).with_reserved_limit(3 * MIB);
    let (taken, replayed, plain) = replay(&alloc, 4 * MIB);
    assert!(taken < SLACK, "{taken}");
    assert_eq!(replayed, 3, "{plain:?}");
    let (_, replayed, plain) = replay(&alloc, 4 * MIB + 1);
    assert!(replayed == 0 && plain.no_addresses > 0, "{plain:?}");
    for limit in [0, 1] {
        let alloc = ReplayAlloc::new(System).with_reserved_limit(limit);
        assert_eq!(replay(&alloc, 2 * MIB).1, 3);
        assert_eq!(replay(&alloc, 2 * MIB + 1).1, 0);
    }
}

#[test]
fn the_range_of_regions_suits_the_machine_the_process_and_the_program() {
    within_a_limit_of_the_process_it_leaves_space_for_others();
    without_a_limit_it_is_twice_the_memory_of_the_machine();
    the_program_chooses_the_most_and_what_does_not_fit_runs_plainly();
}
