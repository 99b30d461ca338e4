//! The buddy allocator against a naive reference: one flag for each block, and a search over all of
//! them.
//!
//! Checked: an allocation overlaps no other, is aligned, and is the lowest free run of its order;
//! the free bytes are exact; misuse is refused and changes nothing; once everything is freed, it
//! has all merged. (What an operation costs is checked beside the code, where the words that it
//! touches are counted.)

use std::{alloc::Layout, ops::Range};

use orionrt::buddy::Buddy;
use proptest::prelude::*;

const BLOCK_BYTES: usize = 64;

#[derive(Clone, Debug)]
enum Op {
    Allocate { size: usize, align: usize },
    Free(usize),
    Resize(usize, usize),
    Misuse(usize),
}

fn ops() -> impl Strategy<Value = Vec<Op>> {
    let size = prop_oneof![8 => 1..400usize, 4 => 400..6000usize, 1 => 6000..300_000usize];
    let allocate = (size.clone(), 0..14u32).prop_map(|(size, log)| Op::Allocate {
        size,
        align: 1 << log,
    });
    let op = prop_oneof![
        5 => allocate,
        4 => any::<usize>().prop_map(Op::Free),
        2 => (any::<usize>(), size).prop_map(|(index, size)| Op::Resize(index, size)),
        1 => any::<usize>().prop_map(Op::Misuse),
    ];
    proptest::collection::vec(op, 1..120)
}

/// One flag for each block; true = free.
struct Reference {
    free: Vec<bool>,
    live: Vec<(usize, Layout)>,
}

impl Reference {
    fn blocks(size: usize) -> usize {
        size.div_ceil(BLOCK_BYTES)
    }

    fn run(&self, offset: usize, size: usize) -> Range<usize> {
        offset / BLOCK_BYTES..offset / BLOCK_BYTES + Self::blocks(size)
    }

    fn mark(&mut self, run: Range<usize>, free: bool) {
        for block in run {
            assert_ne!(
                self.free[block], free,
                "block {block} is taken or freed twice"
            );
            self.free[block] = free;
        }
    }

    /// The offset of the lowest free run of the order that holds the layout.
    fn lowest(&self, layout: Layout) -> Option<usize> {
        let blocks = Self::blocks(layout.size()).next_power_of_two();
        let order = blocks.max(layout.align() / BLOCK_BYTES);
        let starts = (0..self.free.len()).step_by(order);
        let mut fitting = starts.filter(|&s| s + order <= self.free.len());
        fitting
            .find(|&s| self.free[s..s + order].iter().all(|&f| f))
            .map(|start| start * BLOCK_BYTES)
    }

    fn free_bytes(&self) -> usize {
        self.free.iter().filter(|&&f| f).count() * BLOCK_BYTES
    }
}

/// Runs operations on an allocator and its reference. The allocator's words first hold `garbage`,
/// repeated: 7, 13 and 19 look like heights of nodes, which a new tree must not believe.
fn run_ops(capacity: usize, first: usize, garbage: &[u64], ops: Vec<Op>) {
    let end = first + capacity;
    let words = garbage.iter().copied().cycle();
    let words: Vec<u64> = words
        .take(Buddy::<Vec<u64>>::words_for(end, BLOCK_BYTES))
        .collect();
    let mut buddy = Buddy::new(words, BLOCK_BYTES, first..end).unwrap();
    let first_block = first.div_ceil(BLOCK_BYTES);
    let mut reference = Reference {
        free: (0..end / BLOCK_BYTES)
            .map(|block| block >= first_block)
            .collect(),
        live: Vec::new(),
    };
    for op in ops {
        match op {
            Op::Allocate { size, align } => {
                let layout = Layout::from_size_align(size, align).unwrap();
                let expected = reference.lowest(layout);
                let got = buddy.allocate(layout);
                if expected.is_some() {
                    assert_eq!(got, expected, "not the lowest run for {layout:?}");
                }
                if let Some(offset) = got {
                    assert_eq!(offset % align.max(BLOCK_BYTES), 0);
                    reference.mark(reference.run(offset, size), false);
                    reference.live.push((offset, layout));
                }
            }
            Op::Free(index) if !reference.live.is_empty() => {
                let (offset, layout) = reference.live.swap_remove(index % reference.live.len());
                buddy.free(offset, layout).unwrap();
                reference.mark(reference.run(offset, layout.size()), true);
            }
            Op::Resize(index, size) if !reference.live.is_empty() => {
                let index = index % reference.live.len();
                let (offset, layout) = reference.live[index];
                let (old, new) = (
                    reference.run(offset, layout.size()),
                    reference.run(offset, size),
                );
                let more = old.end..new.end.max(old.end);
                let room = more.end <= reference.free.len()
                    && reference.free[more.clone()].iter().all(|&f| f);
                assert_eq!(buddy.resize(offset, layout.size(), size), Ok(room));
                if room {
                    reference.mark(more, false);
                    reference.mark(new.end.min(old.end)..old.end, true);
                    reference.live[index].1 =
                        Layout::from_size_align(size, layout.align()).unwrap();
                }
            }
            Op::Misuse(offset) => {
                let offset = offset % (end + 1000);
                let layout = Layout::from_size_align(300, 1).unwrap();
                let run = reference.run(offset, 300);
                let taken = offset % BLOCK_BYTES == 0
                    && run.end <= reference.free.len()
                    && run.start >= first_block
                    && !reference.free[run].iter().any(|&f| f);
                if !taken {
                    assert!(buddy.free(offset, layout).is_err());
                }
            }
            Op::Free(_) | Op::Resize(..) => {}
        }
        assert_eq!(buddy.free_bytes(), reference.free_bytes());
        assert!(buddy.validate());
    }
    for (offset, layout) in reference.live.drain(..) {
        buddy.free(offset, layout).unwrap();
    }
    assert_eq!(buddy.free_bytes(), buddy.capacity());
    let mut runs = Vec::new();
    buddy.free_runs(|run| {
        runs.push(run);
        true
    });
    let whole = first_block * BLOCK_BYTES..end / BLOCK_BYTES * BLOCK_BYTES;
    assert_eq!(
        runs,
        if whole.is_empty() {
            vec![]
        } else {
            vec![whole]
        }
    );
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_allocator_agrees_with_the_reference(
        capacity in 0..400_000usize,
        first in 0..9000usize,
        garbage in proptest::collection::vec(
            prop_oneof![Just(0u64), Just(7), Just(13), Just(19), Just(u64::MAX)],
            1..20,
        ),
        ops in ops(),
    ) {
        run_ops(capacity, first, &garbage, ops);
    }
}

#[test]
fn growing_beyond_the_managed_range_is_refused() {
    let mut buddy = Buddy::new(vec![0; Buddy::<Vec<u64>>::words_for(64, 1)], 1, 0..64).unwrap();
    let layout = Layout::from_size_align(10, 16).unwrap();
    let first = buddy.allocate(layout).unwrap();
    let second = buddy.allocate(layout).unwrap();
    assert_eq!((first, second), (0, 16));
    assert_eq!(buddy.resize(second, 10, usize::MAX), Ok(false));
    assert_eq!(buddy.resize(second, 10, 49), Ok(false));
    assert_eq!(buddy.resize(second, 10, 48), Ok(true));
    assert!(buddy.validate());
}

#[cfg(target_pointer_width = "64")]
#[test]
fn half_a_terabyte_is_served_and_merges_again() {
    let terabyte = 1usize << 40;
    let words = vec![0; Buddy::<Vec<u64>>::words_for(terabyte, 4096)];
    let mut buddy = Buddy::new(words, 4096, 0..terabyte).unwrap();
    let half = Layout::from_size_align(terabyte / 2 + 1, 1).unwrap();
    let offset = buddy.allocate(half).unwrap();
    assert_eq!(buddy.allocate(half), None);
    assert_eq!(buddy.free_bytes(), terabyte / 2 - 4096);
    buddy.free(offset, half).unwrap();
    assert_eq!(buddy.largest_free(), terabyte);
    assert!(buddy.validate());
}
