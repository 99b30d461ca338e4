//! A segment: some consecutive steps of an order, to be put into another order by themselves.
//!
//! Stands on [`Timeline`]. Operators are numbered from 0 in the order that they have, so
//! `0, 1, 2, ...` is always a valid order; alias sets are numbered from 0 too, and only those that
//! die within the segment have a number. Invariant: `predecessors` and `successors` are transposes
//! of each other, and predecessors have smaller numbers.

use alloc::{collections::BTreeMap, vec::Vec};
use core::ops::Range;

use super::{
    in_place::{InPlacePair, saved_bytes},
    indexed_graph::IndexedGraph,
    timeline::Timeline,
};
use crate::csr::Csr;

/// What the orders of some consecutive steps are judged by.
#[derive(Debug)]
pub(super) struct Segment {
    /// The bytes alive before the first step.
    pub(super) live_before: u64,
    /// Of these, the bytes that are alive at the first step only, whichever operator runs there.
    pub(super) unread_inputs: u64,
    /// The bytes that each operator writes.
    pub(super) written: Vec<u64>,
    /// Of these, the bytes that nobody reads afterwards.
    pub(super) unread: Vec<u64>,
    /// The alias sets that each operator reads.
    pub(super) reads: Csr,
    /// The operators that read each alias set.
    pub(super) readers: Csr,
    /// The bytes of each alias set.
    pub(super) sizes: Vec<u64>,
    /// The operator in the segment that writes the root of each alias set.
    pub(super) writers: Vec<Option<u32>>,
    /// The results that each operator may write in place of numbered alias sets.
    pub(super) in_place_pairs: Vec<Vec<InPlacePair>>,
    /// The operators in the segment that must come before each operator.
    pub(super) predecessors: Csr,
    /// The operators in the segment that must come after each operator.
    pub(super) successors: Csr,
}

impl Segment {
    pub(super) fn new(graph: &IndexedGraph, timeline: &Timeline, steps: Range<usize>) -> Self {
        let ops = || timeline.order[steps.clone()].iter().map(|&op| op as usize);
        let mut numbers: BTreeMap<u32, u32> = BTreeMap::new();
        let (mut sizes, mut writers) = (Vec::new(), Vec::new());
        let (mut reads, mut predecessors) = (Csr::default(), Csr::default());
        let number_of = |op: u32| {
            let step = timeline.position[op as usize] as usize;
            step.checked_sub(steps.start).map(|step| step as u32)
        };
        let dies = |set: u32| (timeline.last_reads[set as usize] as usize) < steps.end;
        for op in ops() {
            let before = graph.predecessors.row(op).iter();
            predecessors.push(before.filter_map(|&op| number_of(op)));
            let dying = graph.reads.row(op).iter().copied().filter(|&set| dies(set));
            reads.push(dying.map(|set| {
                *numbers.entry(set).or_insert_with(|| {
                    sizes.push(graph.sizes[set as usize]);
                    writers.push(graph.writers[set as usize].and_then(number_of));
                    sizes.len() as u32 - 1
                })
            }));
        }
        let in_place_pairs = |op: usize| {
            let pairs = graph.in_place_pairs[op].iter();
            let pairs = pairs.filter_map(|pair| {
                let number = *numbers.get(&pair.alias_set)?;
                Some(pair.with_alias_set(number))
            });
            pairs.collect()
        };
        Self {
            live_before: timeline.live_before(graph, steps.start),
            unread_inputs: match steps.start {
                0 => graph.unread_inputs,
                _ => 0,
            },
            written: ops().map(|op| graph.written[op]).collect(),
            unread: ops().map(|op| graph.unread[op]).collect(),
            in_place_pairs: ops().map(in_place_pairs).collect(),
            readers: reads.transposed(sizes.len()),
            successors: predecessors.transposed(predecessors.rows()),
            reads,
            sizes,
            writers,
            predecessors,
        }
    }

    /// How many operators there are.
    pub(super) fn len(&self) -> usize {
        self.written.len()
    }

    /// The unit of work: how many numbers are read by one look at everything.
    pub(super) fn work(&self) -> u64 {
        let pairs: usize = self.in_place_pairs.iter().map(Vec::len).sum();
        (self.len() + self.predecessors.items() + self.reads.items() + pairs) as u64
    }

    /// Of what an operator writes, the bytes that are read later.
    pub(super) fn kept(&self, op: usize) -> u64 {
        self.written[op] - self.unread[op]
    }

    /// The bytes alive at each step of an order.
    pub(super) fn loads(&self, order: &[u32]) -> Vec<u64> {
        let mut progress = Progress::new(self);
        let mut loads = Vec::with_capacity(order.len());
        for &op in order {
            loads.push(progress.load(self, op));
            progress.run(self, op);
        }
        loads
    }
}

/// What is alive and what can run next after some of the operators have run, in whatever order.
#[derive(Clone, Debug)]
pub(super) struct Progress {
    /// Bytes alive.
    pub(super) live: u64,
    /// How many readers of each alias set have not run.
    pub(super) readers_left: Vec<u32>,
    /// How many predecessors of each operator have not run.
    pub(super) predecessors_left: Vec<u32>,
    unread_inputs: u64,
}

impl Progress {
    /// Before the first step.
    pub(super) fn new(segment: &Segment) -> Self {
        let lengths = |rows: &Csr| (0..rows.rows()).map(|i| rows.row(i).len() as u32).collect();
        Self {
            live: segment.live_before,
            readers_left: lengths(&segment.readers),
            predecessors_left: lengths(&segment.predecessors),
            unread_inputs: segment.unread_inputs,
        }
    }

    /// The bytes alive at the step of `op`, if it runs next.
    pub(super) fn load(&self, segment: &Segment, op: u32) -> u64 {
        self.live + self.rise(segment, op)
    }

    /// How many more bytes are alive at the step of `op` than before it, if it runs next.
    pub(super) fn rise(&self, segment: &Segment, op: u32) -> u64 {
        let is_last = |set: u32| self.readers_left[set as usize] == 1;
        segment.written[op as usize] - saved_bytes(&segment.in_place_pairs[op as usize], is_last)
    }

    /// The bytes that `op` reads and that are not alive after it, if it runs next.
    fn freed(&self, segment: &Segment, op: u32) -> u64 {
        let reads = segment.reads.row(op as usize).iter();
        let dying = reads.filter(|&&set| self.readers_left[set as usize] == 1);
        dying.map(|&set| segment.sizes[set as usize]).sum()
    }

    /// How many more bytes are alive after `op` than before it, if it runs next; unread inputs,
    /// which only the first step has, do not count.
    pub(super) fn change(&self, segment: &Segment, op: u32) -> i64 {
        segment.kept(op as usize) as i64 - self.freed(segment, op) as i64
    }

    /// Runs `op`.
    pub(super) fn run(&mut self, segment: &Segment, op: u32) {
        let live = self.live.wrapping_add_signed(self.change(segment, op));
        self.live = live - self.unread_inputs;
        self.unread_inputs = 0;
        self.count(segment, op, true);
    }

    /// Counts `op` as one that has run, or takes that back; leaves the bytes alive as they are.
    pub(super) fn count(&mut self, segment: &Segment, op: u32, has_run: bool) {
        let count = |number: &mut u32| if has_run { *number -= 1 } else { *number += 1 };
        for &read in segment.reads.row(op as usize) {
            count(&mut self.readers_left[read as usize]);
        }
        for &next in segment.successors.row(op as usize) {
            count(&mut self.predecessors_left[next as usize]);
        }
    }
}
