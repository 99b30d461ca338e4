//! Any sequence of arena operations: blocks never overlap, contents survive, zeroed bytes are zero,
//! and in the end all bytes are free.
//!
//! Every live block is filled with a mark of its own, which is checked whenever the block is
//! touched, so an overlap shows as foreign bytes; the arena validates its bitmaps after every
//! operation.
#![no_main]

use std::ptr::NonNull;

use libfuzzer_sys::{
    arbitrary::{self, Arbitrary},
    fuzz_target,
};
use orionrt::Arena;
use orionrt_testing::arena_blocks::{BlockOp, LiveBlocks};

#[derive(Arbitrary, Debug)]
enum Op {
    Block(BlockOp),
    Purge,
    Reserve(u16),
}

#[derive(Arbitrary, Debug)]
struct Case {
    capacity: u32,
    block_bytes: u8,
    /// Where the arena begins in memory that it is lent; otherwise it maps memory of its own.
    lent: Option<u8>,
    ops: Vec<Op>,
}

fuzz_target!(|case: Case| {
    let builder = Arena::builder()
        .capacity(case.capacity as usize % (1 << 20))
        .block_size(16 << (case.block_bytes % 8));
    let mut memory = vec![0xaau8; 1 << 18];
    let arena: Arena = match case.lent {
        None => builder.build().expect("a megabyte"),
        Some(lead) => {
            let part = &mut memory[usize::from(lead)..][..case.capacity as usize % (1 << 17)];
            // SAFETY: `memory` outlives the arena and is not touched meanwhile.
            unsafe { builder.build_over(NonNull::from(part)) }.expect("lent")
        }
    };
    let mut live = LiveBlocks::default();
    for op in &case.ops {
        match op {
            Op::Block(op) => live.apply(&arena, op),
            Op::Purge => drop(arena.purge().expect("free pages")),
            Op::Reserve(bytes) => drop(arena.reserve((*bytes).into()).expect("a few pages")),
        }
        assert_eq!(arena.stats().requested_bytes, live.requested_bytes());
        assert!(arena.validate());
    }
    live.free_all(&arena);
    let stats = arena.stats();
    assert_eq!(stats.free_bytes, stats.capacity_bytes);
});
