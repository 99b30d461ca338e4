//! A lower bound of the load of a segment in every order.
//!
//! Stands on [`Segment`] and [`BitSet`]. An alias set is alive at an operator's step in every order
//! if it is written by that operator or one that must come before it, and read by that operator or
//! one that must come after it. From this, all bytes are subtracted that the operator writes in
//! place in *some* order. In large segments, only what the operator itself reads and writes is
//! counted, since to know which operators must come before which takes a bit for every two of them.
//!
//! ```text
//!   writer of x ──► … ──► op ──► … ──► reader of x     x is alive at op's step in every order
//! ```

use alloc::{vec, vec::Vec};

use super::{
    in_place::saved_bytes,
    segment::{Progress, Segment},
};
use crate::bits::BitSet;
use crate::csr::Csr;

/// Most operators for which all pairs are related: 1 MiB of bits.
const MOST_RELATED: usize = 2048;

/// The bytes that some step has in every order.
pub(super) fn lower_bound(segment: &Segment) -> u64 {
    let ops = 0..segment.len();
    let (enduring, outlasting) = (enduring(segment), outlasting(segment));
    let bounds = if segment.len() <= MOST_RELATED {
        bounds_by_relation(segment, &outlasting)
    } else {
        ops.clone().map(|op| own_bytes(segment, op)).collect()
    };
    let most = bounds.into_iter().max().unwrap_or(0) + enduring;
    // The first step has one of the operators without predecessors.
    let start = Progress::new(segment);
    let first = ops
        .clone()
        .filter(|&op| segment.predecessors.row(op).is_empty());
    let first = first.map(|op| start.load(segment, op as u32)).min();
    // The last step has one of the operators without successors.
    let last = ops.filter(|&op| segment.successors.row(op).is_empty());
    let last = last.map(|op| own_bytes(segment, op) - segment.kept(op));
    let end = enduring + outlasting.iter().sum::<u64>();
    let (first, last) = (first.unwrap_or(0), last.min().unwrap_or(0) + end);
    most.max(first).max(last)
}

/// The bytes that are alive at all steps of the segment, whatever the order.
fn enduring(segment: &Segment) -> u64 {
    let sets = segment.writers.iter().zip(&segment.sizes);
    let dying = sets.filter(|(writer, _)| writer.is_none());
    let dying = dying.map(|(_, size)| size).sum::<u64>();
    segment.live_before - segment.unread_inputs - dying
}

/// The bytes that an operator itself reads and writes, if everything is in place that may be.
fn own_bytes(segment: &Segment, op: usize) -> u64 {
    let reads = segment.reads.row(op).iter();
    let read: u64 = reads.map(|&set| segment.sizes[set as usize]).sum();
    segment.written[op] + read - saved_bytes(&segment.in_place_pairs[op], |_| true)
}

/// For each operator, the bytes that it writes and that are alive after the segment.
fn outlasting(segment: &Segment) -> Vec<u64> {
    let mut outlasting: Vec<u64> = (0..segment.len()).map(|op| segment.kept(op)).collect();
    for (writer, size) in segment.writers.iter().zip(&segment.sizes) {
        if let Some(writer) = *writer {
            outlasting[writer as usize] -= size;
        }
    }
    outlasting
}

/// For each operator, the bytes that are alive at its step in every order, except the enduring
/// ones.
fn bounds_by_relation(segment: &Segment, outlasting: &[u64]) -> Vec<u64> {
    let ops = segment.len();
    let earlier = reachable(ops, 0..ops, &segment.predecessors);
    let later = reachable(ops, (0..ops).rev(), &segment.successors);
    let mut bounds = segment.unread.clone();
    for (later, bytes) in later.iter().zip(outlasting) {
        later.for_each(|step| bounds[step] += bytes);
    }
    let mut alive = BitSet::new(ops);
    for (set, &size) in segment.sizes.iter().enumerate() {
        alive.clear();
        for &reader in segment.readers.row(set) {
            alive.union_with(&earlier[reader as usize]);
        }
        if let Some(writer) = segment.writers[set] {
            alive.intersect_with(&later[writer as usize]);
        }
        alive.for_each(|step| bounds[step] += size);
    }
    for (op, bound) in bounds.iter_mut().enumerate() {
        let stays = |&reader: &u32| reader as usize != op && later[op].contains(reader as usize);
        let may_die = |set: u32| !segment.readers.row(set as usize).iter().any(stays);
        *bound -= saved_bytes(&segment.in_place_pairs[op], may_die);
    }
    bounds
}

/// For each operator, the set of itself and all operators to which `next` leads from it. In
/// `order`, an operator comes after all those to which `next` leads.
fn reachable(ops: usize, order: impl Iterator<Item = usize>, next: &Csr) -> Vec<BitSet> {
    let mut reachable = vec![BitSet::new(0); ops];
    for op in order {
        let mut reached = BitSet::new(ops);
        reached.insert(op);
        for &next in next.row(op) {
            reached.union_with(&reachable[next as usize]);
        }
        reachable[op] = reached;
    }
    reachable
}
