//! How much address space an `OrionAlloc` reserves on first use: what suits the machine, what the
//! process may have, and what the program says.
//!
//! There is one test, because a limit of the process holds for all of it.
#![cfg(all(target_os = "linux", target_pointer_width = "64"))]

use orionrt::OrionAlloc;
use orionrt_sys::machine;
use orionrt_testing::blocks::{Block, layout};

const MIB: usize = 1 << 20;
const GIB: usize = 1 << 30;

/// What an allocator has reserved once it was used.
fn reserved(alloc: &OrionAlloc) -> usize {
    Block::new(alloc, layout(MIB, 8), 1).free(alloc);
    assert_eq!(alloc.stats().failures, 0);
    alloc.stats().reserved_bytes
}

/// Tables take less than a 32nd of what the pages do, and 1 MiB.
fn with_tables(bytes: usize) -> usize {
    bytes + bytes / 32 + MIB
}

fn without_a_limit_it_is_twice_the_memory_of_the_machine() {
    let memory = machine::memory_and_swap().expect("Linux tells") as usize;
    let suits = (2 * memory).next_power_of_two().min(64 * GIB);
    let reserved = reserved(&OrionAlloc::new());
    assert!(
        (suits..with_tables(suits)).contains(&reserved),
        "{reserved}"
    );
}

fn the_program_chooses_the_first_zone_and_the_most_of_all_zones() {
    let reserved_first = reserved(&OrionAlloc::new().with_first_zone(32 * MIB));
    assert!(reserved_first < with_tables(32 * MIB));
    let alloc = OrionAlloc::new().with_reserved_limit(GIB);
    assert!(reserved(&alloc) <= GIB);
}

fn limit_address_space(bytes: u64) {
    let limit = libc::rlimit {
        rlim_cur: bytes,
        rlim_max: libc::RLIM_INFINITY,
    };
    // SAFETY: reads `limit`.
    let status = unsafe { libc::setrlimit(libc::RLIMIT_AS, &raw const limit) };
    assert_eq!(status, 0);
}

fn within_a_limit_of_the_process_it_leaves_space_for_others() {
    limit_address_space(2 * GIB as u64);
    let (alloc, other, mut blocks) = (OrionAlloc::new(), OrionAlloc::new(), Vec::new());
    for alloc in [&alloc, &other] {
        assert!(reserved(alloc) < with_tables(512 * MIB));
    }
    // There is space for threads, and for more zones than the first.
    std::thread::spawn(|| ()).join().unwrap();
    for tag in 0..7 {
        blocks.push(Block::new(&alloc, layout(80 * MIB, 8), tag));
    }
    assert_eq!(alloc.stats().failures, 0);
    blocks.into_iter().for_each(|block| block.free(&alloc));
    limit_address_space(libc::RLIM_INFINITY);
}

#[test]
fn the_reservation_suits_the_machine_the_process_and_the_program() {
    // First: the address space of allocators stays reserved.
    within_a_limit_of_the_process_it_leaves_space_for_others();
    without_a_limit_it_is_twice_the_memory_of_the_machine();
    the_program_chooses_the_first_zone_and_the_most_of_all_zones();
}
