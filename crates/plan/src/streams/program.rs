//! For tests: random programs on several streams, and an oracle that follows the definitions.
//!
//! Stands on [`HappensBefore`] and [`UseSets`] only to build them.

use alloc::{vec, vec::Vec};
use proptest::prelude::*;

use super::{happens_before::HappensBefore, use_sets::UseSets};
use crate::csr::Csr;

/// What [`HappensBefore`] and [`UseSets`] are made of.
#[derive(Clone, Debug)]
pub(super) struct Program {
    pub(super) streams: Vec<u32>,
    pub(super) waits: Vec<Vec<u32>>,
    pub(super) users: Vec<Vec<u32>>,
    pub(super) from_start: Vec<bool>,
    pub(super) to_end: Vec<bool>,
}

pub(super) fn csr<R: AsRef<[u32]>>(rows: impl IntoIterator<Item = R>) -> Csr {
    let mut csr = Csr::default();
    for row in rows {
        csr.push(row.as_ref().iter().copied());
    }
    csr
}

/// Programs with fewer than `most` operators and buffers. The first user of a buffer, or the
/// caller, happens before its other users.
pub(super) fn programs(most: usize) -> impl Strategy<Value = Program> {
    let ops = (1usize..7, 0..most).prop_flat_map(move |(width, ops)| {
        let op = (0..width, prop::collection::vec(any::<u32>(), 0..3), 0u32..4);
        prop::collection::vec(op, ops)
    });
    let buffer = (
        0u32..10,
        any::<u32>(),
        prop::collection::vec(any::<u32>(), 0..6),
    );
    let buffers = prop::collection::vec(buffer, 0..most);
    (ops, buffers).prop_map(|(ops, buffers)| {
        let names = [7, 0, u32::MAX, 3, 1 << 20, 8];
        let mut program = Program {
            streams: ops.iter().map(|op| names[op.0]).collect(),
            waits: Vec::new(),
            users: Vec::new(),
            from_start: Vec::new(),
            to_end: Vec::new(),
        };
        for (op, (_, picks, waits)) in ops.iter().enumerate() {
            // Few waits for operators far behind: with many, all operators would be ordered.
            let picks = picks.iter().filter(|_| op > 0 && *waits == 0);
            program
                .waits
                .push(picks.map(|pick| pick % op as u32).collect());
        }
        let reach = program.reach();
        for (kind, first, others) in buffers {
            program.add_buffer(&reach, kind, first, &others);
        }
        program
    })
}

impl Program {
    /// Adds a buffer, which is mostly neither an input nor an output, and rarely without users.
    fn add_buffer(&mut self, reach: &[Vec<bool>], kind: u32, first: u32, others: &[u32]) {
        let ops = self.streams.len() as u32;
        let from_start = kind == 0 || kind == 1;
        self.from_start.push(from_start);
        self.to_end.push(kind == 1 || kind == 2);
        let mut users = Vec::new();
        if ops > 0 && from_start {
            users.extend(others.iter().map(|other| other % ops));
        } else if ops > 0 && kind != 3 {
            let first = first % ops;
            let mut after = (first..ops).filter(|&op| reach[first as usize][op as usize]);
            // Users soon after the first one: otherwise hardly any buffer would precede another.
            let near: Vec<u32> = after.by_ref().take(4).collect();
            users.push(first);
            let picks = others.iter().filter(|_| !near.is_empty()).take(2);
            users.extend(picks.map(|&other| near[other as usize % near.len()]));
        }
        self.users.push(users);
    }

    pub(super) fn happens_before(&self) -> HappensBefore {
        HappensBefore::new(self.streams.clone(), csr(&self.waits))
    }

    pub(super) fn uses(&self) -> UseSets {
        let (from_start, to_end) = (self.from_start.clone(), self.to_end.clone());
        UseSets::new(self.happens_before(), csr(&self.users), from_start, to_end)
    }

    /// `reach[a][b]`: whether a path of edges leads from operator a to operator b.
    pub(super) fn reach(&self) -> Vec<Vec<bool>> {
        let ops = self.streams.len();
        let mut edges = vec![Vec::new(); ops];
        for (op, edges) in edges.iter_mut().enumerate() {
            let next = (op + 1..ops).find(|&next| self.streams[next] == self.streams[op]);
            let waiting = (op + 1..ops).filter(|&next| self.waits[next].contains(&(op as u32)));
            edges.extend(next.into_iter().chain(waiting));
        }
        let from = |op: usize| {
            let (mut reached, mut left) = (vec![false; ops], vec![op]);
            while let Some(op) = left.pop() {
                for &next in &edges[op] {
                    if !reached[next] {
                        reached[next] = true;
                        left.push(next);
                    }
                }
            }
            reached
        };
        (0..ops).map(from).collect()
    }

    pub(super) fn oracle(&self) -> Oracle {
        let (reach, ops) = (self.reach(), self.streams.len());
        // One more step at either end, for the caller.
        let before = (0..ops + 2).map(|a| {
            let inner = |step: usize| (1..=ops).contains(&step);
            let reaches = |b: usize| inner(a) && inner(b) && reach[a - 1][b - 1];
            let caller = |b: usize| (a == 0 && b > 0) || (a <= ops && b == ops + 1);
            (0..ops + 2).map(|b| caller(b) || reaches(b)).collect()
        });
        let uses = (0..self.users.len()).map(|buffer| {
            let mut steps: Vec<usize> = self.users[buffer]
                .iter()
                .map(|&op| op as usize + 1)
                .collect();
            let (start, end) = (self.from_start[buffer], self.to_end[buffer]);
            if steps.is_empty() && ops > 0 && start {
                steps.push(1);
            }
            // A buffer that is read at the end and never written holds what was there at the start.
            if start || (end && steps.is_empty()) {
                steps.push(0);
            }
            if end {
                steps.push(ops + 1);
            }
            steps
        });
        Oracle {
            before: before.collect(),
            uses: uses.collect(),
        }
    }
}

/// The whole relation and all uses. Number 0 is the caller at the start, the last number the caller
/// at the end, and operator i has number i + 1.
pub(super) struct Oracle {
    before: Vec<Vec<bool>>,
    uses: Vec<Vec<usize>>,
}

impl Oracle {
    /// Whether each use of `a` happens before each use of `b`.
    pub(super) fn precedes(&self, a: usize, b: usize) -> bool {
        let mut pairs = self.uses[a]
            .iter()
            .flat_map(|&a| self.uses[b].iter().map(move |&b| (a, b)));
        !self.uses[a].is_empty()
            && !self.uses[b].is_empty()
            && pairs.all(|(a, b)| self.before[a][b])
    }

    pub(super) fn conflicts(&self, a: usize, b: usize) -> bool {
        let used = !self.uses[a].is_empty() && !self.uses[b].is_empty();
        used && !self.precedes(a, b) && !self.precedes(b, a)
    }
}
