//! The segments of a plan: its region cut at the offset and the end of every tensor.
//!
//! Invariant: bounds grow strictly; segment *i* is the bytes `bounds[i]..bounds[i + 1]`; the offset
//! and the end of every tensor that has bytes are among the bounds.

use core::ops::Range;

use orionrt_plan::{Plan, TensorId};

#[derive(Debug)]
pub(crate) struct Segments {
    bounds: Vec<u64>,
    /// For each tensor of the plan; empty if it never has bytes.
    of_tensors: Vec<Range<usize>>,
}

impl Segments {
    pub(crate) fn new(plan: &Plan) -> Self {
        let rows = plan.lifetimes().rows().iter().zip(plan.offsets());
        let placed = rows.clone().filter(|(row, _)| row.has_bytes());
        let mut bounds: Vec<u64> = placed.flat_map(|(row, &o)| [o, o + row.size]).collect();
        bounds.sort_unstable();
        bounds.dedup();
        let segment = |bound: u64| bounds.partition_point(|&b| b < bound);
        let of_tensors = rows.map(|(row, &offset)| match row.has_bytes() {
            true => segment(offset)..segment(offset + row.size),
            false => 0..0,
        });
        let of_tensors = of_tensors.collect();
        Self { bounds, of_tensors }
    }

    /// How many segments there are.
    pub(crate) fn count(&self) -> usize {
        self.bounds.len().saturating_sub(1)
    }

    /// The segments of a tensor of the plan.
    pub(crate) fn of(&self, tensor: TensorId) -> Range<usize> {
        self.of_tensors[tensor.index()].clone()
    }

    /// The bytes of a tensor of the plan.
    pub(crate) fn bytes(&self, tensor: TensorId) -> u64 {
        let Range { start, end } = self.of(tensor);
        match start < end {
            true => self.bounds[end] - self.bounds[start],
            false => 0,
        }
    }
}
