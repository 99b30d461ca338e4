//! Which tensors of a program on streams conflict, by definition: unless every use of one happens
//! before every use of the other.
//!
//! Shares no code with the library, whose relation is built from vector clocks and intervals: here
//! each pair of tensors is compared use by use.

use std::ops::Range;

use orionrt_plan::{Lifetimes, Plan, TensorId, lifetimes::Lifetime, plan::PlanError};
use proptest::prelude::*;

use crate::stream_programs::Program;

/// When the bytes of a tensor are used: by the caller, and by which operators.
#[derive(Clone, Copy, Debug, Default)]
struct Uses {
    at_start: bool,
    /// A mask.
    ops: u64,
    at_end: bool,
}

/// Who uses which tensors, and which operator happens before which.
pub struct Oracle {
    before: Vec<u64>,
    uses: Vec<Uses>,
    rows: Vec<Lifetime>,
}

impl Oracle {
    /// The oracle of a program whose tensors lie within others as `lifetimes` say.
    pub fn new(program: &Program, lifetimes: &Lifetimes) -> Self {
        let rows = lifetimes.rows().to_vec();
        let mut uses = vec![Uses::default(); rows.len()];
        let root = |t: usize| rows[t].within.map_or(t, |within| within.root.index());
        for (step, op) in program.ops.iter().enumerate() {
            for &t in op.reads.iter().chain(&op.writes) {
                uses[root(t)].ops |= 1 << step;
            }
        }
        for t in 0..rows.len() {
            uses[root(t)].at_start |= program.is_input(t);
            uses[root(t)].at_end |= program.outputs.contains(&t);
        }
        for uses in &mut uses {
            // The caller's unread input is there until the first operator has ended.
            if uses.at_start && uses.ops == 0 && !program.ops.is_empty() {
                uses.ops = 1;
            }
        }
        Self {
            before: program.before(),
            uses,
            rows,
        }
    }

    /// Whether every use of `a` happens before every use of `b`.
    fn precedes(&self, a: usize, b: usize) -> bool {
        let (a, b) = (self.uses[a], self.uses[b]);
        let mut ops = (0..self.before.len()).filter(|&op| b.ops & 1 << op != 0);
        !a.at_end && !b.at_start && ops.all(|op| a.ops & !self.before[op] == 0)
    }

    fn is_used(&self, tensor: usize) -> bool {
        let uses = self.uses[tensor];
        uses.at_start || uses.at_end || uses.ops != 0
    }

    /// Whether two tensors must not share bytes.
    pub fn conflict(&self, a: usize, b: usize) -> bool {
        let exist = [a, b].iter().all(|&t| self.is_used(t) && self.occupies(t));
        exist && a != b && !self.precedes(a, b) && !self.precedes(b, a)
    }

    /// Whether the tensor is alive at some step and has bytes of its own.
    pub fn occupies(&self, tensor: usize) -> bool {
        let row = &self.rows[tensor];
        row.lower < row.upper && row.size > 0 && row.within.is_none()
    }

    /// All tensors that are alive at some step and have bytes of their own.
    pub fn occupying(&self) -> Vec<usize> {
        (0..self.rows.len()).filter(|&t| self.occupies(t)).collect()
    }

    /// Whether the lifetimes of two tensors have a step in common.
    pub fn meet(&self, a: usize, b: usize) -> bool {
        let (a, b) = (&self.rows[a], &self.rows[b]);
        a.lower.max(b.lower) < a.upper.min(b.upper)
    }

    /// The bytes of a tensor in a plan.
    pub fn bytes(&self, tensor: usize, offsets: &[u64]) -> Range<u64> {
        offsets[tensor]..offsets[tensor] + self.rows[tensor].size
    }

    /// All pairs `(a, b)`, `a < b`, that conflict and share bytes, of the tensors asked for.
    pub fn collisions(
        &self,
        offsets: &[u64],
        asked: impl Fn(usize) -> bool,
    ) -> Vec<(usize, usize)> {
        let mut pairs = Vec::new();
        for b in (0..self.rows.len()).filter(|&b| asked(b)) {
            for a in (0..b).filter(|&a| asked(a)) {
                let (x, y) = (self.bytes(a, offsets), self.bytes(b, offsets));
                if x.start.max(y.start) < x.end.min(y.end) && self.conflict(a, b) {
                    pairs.push((a, b));
                }
            }
        }
        pairs
    }

    /// The most bytes of tensors that all conflict with each other, by trying all sets.
    pub fn heaviest(&self) -> u64 {
        let tensors = self.occupying();
        let size = |i: usize| self.rows[tensors[i]].size;
        let sets = 0u32..1 << tensors.len();
        let members = |set: u32| (0..tensors.len()).filter(move |&i: &usize| set & 1 << i != 0);
        let all_conflict = |set: &u32| {
            let pairs = members(*set).flat_map(|a| members(*set).map(move |b| (a, b)));
            { pairs }.all(|(a, b)| a >= b || self.conflict(tensors[a], tensors[b]))
        };
        let weights = sets.filter(all_conflict);
        weights
            .map(|set| members(set).map(size).sum())
            .max()
            .unwrap_or(0)
    }

    /// Fails unless the plan is one by definition, with the peak that it states.
    pub fn check(&self, plan: &Plan) -> Result<(), TestCaseError> {
        let (rows, offsets) = (plan.lifetimes().rows(), plan.offsets());
        for (row, &offset) in rows.iter().zip(offsets) {
            prop_assert_eq!(offset % row.alignment, 0);
            prop_assert_eq!(row.fixed_offset.unwrap_or(offset), offset);
            if let Some(within) = row.within {
                let root = &rows[within.root.index()];
                prop_assert_eq!(offset, offsets[within.root.index()] + within.offset);
                prop_assert!(within.offset + row.size <= root.size && root.within.is_none());
            }
        }
        prop_assert_eq!(self.collisions(offsets, |_| true), []);
        let ends = self.occupying().into_iter();
        let ends = ends.map(|t| offsets[t] + rows[t].size);
        prop_assert_eq!(plan.peak(), ends.max().unwrap_or(0));
        prop_assert!(plan.load() <= plan.lower_bound() && plan.lower_bound() <= plan.peak());
        Ok(())
    }

    /// Fails unless `Plan::new` accepts these offsets exactly if the definition does, and otherwise
    /// names two tensors that collide, and how.
    pub fn check_verdict(
        &self,
        lifetimes: &Lifetimes,
        offsets: &[u64],
    ) -> Result<(), TestCaseError> {
        let collisions = self.collisions(offsets, |_| true);
        let plan = Plan::new(lifetimes.clone(), offsets.to_vec());
        let (ids, names, bytes, steps) = match plan {
            Ok(plan) => {
                prop_assert_eq!(&collisions, &[]);
                return self.check(&plan);
            }
            Err(PlanError::Overlap {
                ids,
                names,
                bytes,
                steps,
            }) => (ids, names, bytes, Some(steps)),
            Err(PlanError::StreamsOverlap { ids, names, bytes }) => (ids, names, bytes, None),
            Err(other) => return Err(TestCaseError::fail(other.to_string())),
        };
        let [a, b] = ids.map(TensorId::index);
        prop_assert!(collisions.contains(&(a, b)), "{} and {}", a, b);
        prop_assert_eq!(names, [a, b].map(|t| format!("t{t}")));
        let (x, y) = (self.bytes(a, offsets), self.bytes(b, offsets));
        prop_assert_eq!(bytes, x.start.max(y.start)..x.end.min(y.end));
        // Tensors with a common step are found first.
        let is_in_time = collisions.iter().any(|&(a, b)| self.meet(a, b));
        prop_assert_eq!(steps.is_some(), is_in_time);
        Ok(())
    }
}

/// Moves the tensors that lie within others to where their roots are.
pub fn with_members(lifetimes: &Lifetimes, mut offsets: Vec<u64>) -> Vec<u64> {
    for (i, row) in lifetimes.rows().iter().enumerate() {
        if let Some(within) = row.within {
            offsets[i] = offsets[within.root.index()] + within.offset;
        }
    }
    offsets
}
