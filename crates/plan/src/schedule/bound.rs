//! What no order can avoid.
//!
//! Stands on [`Problem`]. A family is alive at an operator's step in every order if it is written by that operator or one that
//! must come before it, and read by it or one that must come after it. Of what the operator may write in place, all is taken off that is in place
//! in some order. In large problems only what the operator itself reads
//! and writes is counted, since who must come before whom takes a bit for every two operators.

use alloc::{vec, vec::Vec};

use super::{
    in_place::saved,
    problem::{Problem, State},
};
use crate::csr::Csr;

/// Larger problems are judged by each operator alone: 1 MiB of bits.
const MOST_RELATED: usize = 2048;

/// Bytes that some step has in every order.
pub(super) fn floor(problem: &Problem) -> u64 {
    let ops = 0..problem.len();
    let (enduring, staying) = (enduring(problem), staying(problem));
    let floors = if problem.len() <= MOST_RELATED {
        related(problem, &staying)
    } else {
        ops.clone().map(|op| alone(problem, op)).collect()
    };
    let most = floors.into_iter().max().unwrap_or(0) + enduring;
    let start = State::new(problem);
    let first = ops.clone().filter(|&op| problem.before.row(op).is_empty());
    let first = first.map(|op| start.load(problem, op as u32)).min();
    let last = ops.filter(|&op| problem.after.row(op).is_empty());
    let last = last.map(|op| alone(problem, op) - kept(problem, op));
    let end = enduring + staying.iter().sum::<u64>();
    let (first, last) = (first.unwrap_or(0), last.min().unwrap_or(0) + end);
    most.max(first).max(last)
}

/// Bytes that are alive at all steps, whatever the order.
fn enduring(problem: &Problem) -> u64 {
    let tensors = problem.writers.iter().zip(&problem.sizes);
    let dying = tensors.filter(|(writer, _)| writer.is_none());
    problem.base - problem.opening - dying.map(|(_, size)| size).sum::<u64>()
}

/// Bytes of the families that an operator reads and that die here.
fn read_bytes(problem: &Problem, op: usize) -> u64 {
    let reads = problem.reads.row(op).iter();
    reads.map(|&t| problem.sizes[t as usize]).sum()
}

/// What an operator reads and writes itself, if all is in place that may be.
fn alone(problem: &Problem, op: usize) -> u64 {
    problem.grows[op] + read_bytes(problem, op) - saved(&problem.takes[op], |_| true)
}

/// Of what an operator writes, the bytes that are alive after it.
fn kept(problem: &Problem, op: usize) -> u64 {
    problem.grows[op] - problem.drops[op]
}

/// For each operator, the bytes that it writes and that are alive after the last step here.
fn staying(problem: &Problem) -> Vec<u64> {
    let mut staying: Vec<u64> = (0..problem.len()).map(|op| kept(problem, op)).collect();
    for (writer, size) in problem.writers.iter().zip(&problem.sizes) {
        if let Some(writer) = *writer {
            staying[writer as usize] -= size;
        }
    }
    staying
}

/// For each operator, the bytes that are alive at its step in every order.
fn related(problem: &Problem, staying: &[u64]) -> Vec<u64> {
    let ops = problem.len();
    let earlier = Bits::reachable(ops, 0..ops, &problem.before);
    let later = Bits::reachable(ops, (0..ops).rev(), &problem.after);
    let mut floors = problem.drops.clone();
    for (op, bytes) in staying.iter().enumerate() {
        later.each(op, |step| floors[step] += bytes);
    }
    for (family, &size) in problem.sizes.iter().enumerate() {
        let mut steps = Bits::new(1, ops);
        for &reader in problem.readers.row(family) {
            steps.add(0, earlier.row(reader as usize));
        }
        if let Some(writer) = problem.writers[family] {
            steps.keep(0, later.row(writer as usize));
        }
        steps.each(0, |step| floors[step] += size);
    }
    for (op, floor) in floors.iter_mut().enumerate() {
        let stays = |&reader: &u32| reader as usize != op && later.has(op, reader as usize);
        let may_die = |family: u32| !problem.readers.row(family as usize).iter().any(stays);
        *floor -= saved(&problem.takes[op], may_die);
    }
    floors
}

/// Rows of one bit for each operator.
struct Bits {
    width: usize,
    words: Vec<u64>,
}

impl Bits {
    fn new(rows: usize, ops: usize) -> Self {
        let width = ops.div_ceil(64);
        Self {
            width,
            words: vec![0; width * rows],
        }
    }

    /// For each operator itself, and all that can be reached from it; `order` has those first to which `next` leads.
    fn reachable(ops: usize, order: impl Iterator<Item = usize>, next: &Csr) -> Self {
        let mut bits = Self::new(ops, ops);
        for op in order {
            bits.words[op * bits.width + op / 64] |= 1 << (op % 64);
            for &next in next.row(op) {
                let row = bits.row(next as usize).to_vec();
                bits.add(op, &row);
            }
        }
        bits
    }

    fn row(&self, row: usize) -> &[u64] {
        &self.words[row * self.width..][..self.width]
    }

    fn row_mut(&mut self, row: usize) -> &mut [u64] {
        &mut self.words[row * self.width..][..self.width]
    }

    fn has(&self, row: usize, op: usize) -> bool {
        self.row(row)[op / 64] >> (op % 64) & 1 == 1
    }

    fn add(&mut self, row: usize, other: &[u64]) {
        for (word, other) in self.row_mut(row).iter_mut().zip(other) {
            *word |= other;
        }
    }

    fn keep(&mut self, row: usize, other: &[u64]) {
        for (word, other) in self.row_mut(row).iter_mut().zip(other) {
            *word &= other;
        }
    }

    fn each(&self, row: usize, mut visit: impl FnMut(usize)) {
        for (index, &word) in self.row(row).iter().enumerate() {
            let mut rest = word;
            while rest != 0 {
                visit(64 * index + rest.trailing_zeros() as usize);
                rest &= rest - 1;
            }
        }
    }
}
