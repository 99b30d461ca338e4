//! The buddy allocator against a naive model: one flag a block, and a search over all of them.
//!
//! Checked: an allocation overlaps no other; it is aligned; it is the lowest run of its order that is free; free bytes are exact;
//! misuse is refused and changes nothing; when all is freed, everything has merged again.

use std::{alloc::Layout, ops::Range};

use orionrt::buddy::Buddy;
use proptest::prelude::*;

const GRAIN: usize = 64;

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

/// One flag a block; true = free.
struct Model {
    free: Vec<bool>,
    live: Vec<(usize, Layout)>,
}

impl Model {
    fn blocks(size: usize) -> usize {
        size.div_ceil(GRAIN)
    }

    fn run(&self, offset: usize, size: usize) -> Range<usize> {
        offset / GRAIN..offset / GRAIN + Self::blocks(size)
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

    /// The lowest free run of the order that holds the layout.
    fn lowest(&self, layout: Layout) -> Option<usize> {
        let blocks = Self::blocks(layout.size()).next_power_of_two();
        let order = blocks.max(layout.align() / GRAIN);
        let starts = (0..self.free.len()).step_by(order);
        let mut fitting = starts.filter(|&s| s + order <= self.free.len());
        fitting
            .find(|&s| self.free[s..s + order].iter().all(|&f| f))
            .map(|start| start * GRAIN)
    }

    fn free_bytes(&self) -> usize {
        self.free.iter().filter(|&&f| f).count() * GRAIN
    }
}

/// `garbage` repeats in the lent words: 7, 13, 19 look like heights of nodes, which a new tree must not believe.
fn run_ops(capacity: usize, first: usize, garbage: &[u64], ops: Vec<Op>) {
    let end = first + capacity;
    let words = garbage.iter().copied().cycle();
    let words: Vec<u64> = words
        .take(Buddy::<Vec<u64>>::words_for(end, GRAIN))
        .collect();
    let mut buddy = Buddy::new(words, GRAIN, first..end).unwrap();
    let first_block = first.div_ceil(GRAIN);
    let mut model = Model {
        free: (0..end / GRAIN).map(|block| block >= first_block).collect(),
        live: Vec::new(),
    };
    for op in ops {
        match op {
            Op::Allocate { size, align } => {
                let layout = Layout::from_size_align(size, align).unwrap();
                let expected = model.lowest(layout);
                let got = buddy.allocate(layout);
                if expected.is_some() {
                    assert_eq!(got, expected, "not the lowest run for {layout:?}");
                }
                if let Some(offset) = got {
                    assert_eq!(offset % align.max(GRAIN), 0);
                    model.mark(model.run(offset, size), false);
                    model.live.push((offset, layout));
                }
            }
            Op::Free(index) if !model.live.is_empty() => {
                let (offset, layout) = model.live.swap_remove(index % model.live.len());
                buddy.free(offset, layout).unwrap();
                model.mark(model.run(offset, layout.size()), true);
            }
            Op::Resize(index, size) if !model.live.is_empty() => {
                let index = index % model.live.len();
                let (offset, layout) = model.live[index];
                let (old, new) = (model.run(offset, layout.size()), model.run(offset, size));
                let more = old.end..new.end.max(old.end);
                let room =
                    more.end <= model.free.len() && model.free[more.clone()].iter().all(|&f| f);
                assert_eq!(buddy.resize(offset, layout.size(), size), Ok(room));
                if room {
                    model.mark(more, false);
                    model.mark(new.end.min(old.end)..old.end, true);
                    model.live[index].1 = Layout::from_size_align(size, layout.align()).unwrap();
                }
            }
            Op::Misuse(offset) => {
                let offset = offset % (end + 1000);
                let layout = Layout::from_size_align(300, 1).unwrap();
                let run = model.run(offset, 300);
                let taken = offset.is_multiple_of(GRAIN)
                    && run.end <= model.free.len()
                    && run.start >= first_block
                    && !model.free[run].iter().any(|&f| f);
                if !taken {
                    assert!(buddy.free(offset, layout).is_err());
                }
            }
            Op::Free(_) | Op::Resize(..) => {}
        }
        assert_eq!(buddy.free_bytes(), model.free_bytes());
        assert!(buddy.validate());
    }
    for (offset, layout) in model.live.drain(..) {
        buddy.free(offset, layout).unwrap();
    }
    assert_eq!(buddy.free_bytes(), buddy.capacity());
    let mut runs = Vec::new();
    buddy.free_runs(|run| {
        runs.push(run);
        true
    });
    let whole = first_block * GRAIN..end / GRAIN * GRAIN;
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
    fn it_agrees_with_the_model(
        capacity in 0..400_000usize,
        first in 0..9000usize,
        garbage in proptest::collection::vec(prop_oneof![Just(0u64), Just(7), Just(13), Just(19), Just(u64::MAX)], 1..20),
        ops in ops(),
    ) {
        run_ops(capacity, first, &garbage, ops);
    }
}

#[test]
fn a_size_beyond_all_memory_cannot_be_grown_to() {
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

/// A tree of five levels: most of its words are never touched.
#[test]
fn a_huge_range_costs_only_what_is_used() {
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
