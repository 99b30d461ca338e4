//! The lifetimes of a graph's tensors.
//!
//! Stands on [`Graph`] and [`aliases`]. Invariant: the row of a root is the lifetime of its bytes,
//! so it covers the lifetimes of everything that lies within it, and its alignment suffices for
//! all.

use alloc::{sync::Arc, vec, vec::Vec};

use super::{
    aliases::{Aliasing, aliases},
    collection::Lifetimes,
    conflict_relation::ConflictRelation,
    flow_liveness::FlowLiveness,
    lifetime::{Lifetime, Within},
    live_ranges::LiveRanges,
    names::Names,
    parts::place_parts,
    pieces::WindowedRows,
};
use crate::csr::Csr;
use crate::graph::{Graph, Tensor};
use crate::ids::{DeviceId, TensorId};
use crate::streams::UseSets;

impl Graph {
    /// The lifetimes of all tensors, under the same ids.
    ///
    /// A tensor written by operator *i* and last read by operator *j* is alive in `i..j + 1`.
    /// Inputs are alive from step 0, outputs to the end, and a result that nobody reads at the step
    /// that writes it. A tensor that no operator uses is never alive (`0..0`).
    ///
    /// Views and results in place lie [within](Lifetime::within) other tensors, which stay alive
    /// for them; so do outputs that have the bytes of an input. Under control flow a lifetime may
    /// have gaps: a tensor is alive at the steps from which some path leads to a read of it,
    /// through any branch and any number of iterations. With several streams, steps are those of
    /// the order of submission, and tensors may [conflict](Lifetimes::conflict) although their
    /// lifetimes do not overlap.
    #[must_use]
    pub fn lifetimes(&self) -> Lifetimes {
        self.lifetimes_with(Aliasing::InPlace)
    }

    /// The lifetimes of all tensors with as much [sharing of bytes](Aliasing) between operands and
    /// results as the executor supports.
    ///
    /// ```
    /// use core::alloc::Layout;
    /// use orionrt_plan::{Aliasing, GraphBuilder};
    /// let mut g = GraphBuilder::new();
    /// let [a, b, c] = ["a", "b", "c"].map(|name| g.tensor(name, Layout::new::<[u8; 100]>()));
    /// g.op("load").writes([a]);
    /// g.op("reshape").view(b, a, 0);
    /// g.op("relu").in_place(c, b);
    /// let graph = g.output(c).build()?;
    /// let lifetimes = |aliasing| graph.lifetimes_with(aliasing);
    /// assert_eq!(lifetimes(Aliasing::Off).total_bytes(), 300);
    /// assert_eq!(lifetimes(Aliasing::Views).total_bytes(), 200);
    /// assert_eq!(lifetimes(Aliasing::InPlace).total_bytes(), 100);
    /// # Ok::<(), orionrt_plan::GraphError>(())
    /// ```
    #[must_use]
    pub fn lifetimes_with(&self, aliasing: Aliasing) -> Lifetimes {
        self.lifetimes_where(aliasing, |_| true)
    }

    /// The lifetimes of the tensors on one device. Those of other devices keep their ids and are
    /// never alive.
    #[must_use]
    pub fn lifetimes_on(&self, device: DeviceId, aliasing: Aliasing) -> Lifetimes {
        self.lifetimes_where(aliasing, |tensor| tensor.device() == device)
    }

    fn lifetimes_where(&self, aliasing: Aliasing, is_here: impl Fn(&Tensor) -> bool) -> Lifetimes {
        let liveness = FlowLiveness::new(self);
        let within = aliases(self, aliasing, liveness.as_ref());
        let mut rows = self.rows();
        for (row, within) in rows.iter_mut().zip(&within) {
            row.within = *within;
        }
        cover_members(&mut rows);
        let has_parts = aliasing == Aliasing::Parts
            && liveness.is_none()
            && self.happens_before_relation().is_none();
        let parts = match has_parts {
            true => place_parts(self, &mut rows),
            false => Vec::new(),
        };
        let mut ranges = liveness.map_or_else(Vec::new, |liveness| liveness.ranges(&mut rows));
        for alias in self.output_aliases() {
            // The bytes pass from the input to the output, however late that is written.
            if let Some(ranges) = ranges.get_mut(alias.input.index()) {
                *ranges = vec![rows[alias.input.index()].steps()];
            }
        }
        let mut live_ranges = LiveRanges::default();
        let mut names = Names::default();
        for ((id, tensor), row) in self.tensors().zip(&mut rows) {
            names.push(tensor.name());
            let device = &self.device(tensor.device());
            if row.within.is_none() {
                row.alignment = row.alignment.max(device.alignment());
            }
            if !is_here(tensor) {
                row.upper = row.lower;
            } else if let Some(ranges) = ranges.get(id.index()) {
                live_ranges.push(id.index(), ranges);
            }
        }
        Lifetimes {
            conflict_relation: self.conflict_relation(&rows),
            names: Arc::new(names),
            rows: Arc::new(rows),
            live_ranges,
            windows: WindowedRows::default(),
        }
        .with_needs_of_parts(parts)
    }

    /// The rows of all tensors, as if each had bytes of its own.
    fn rows(&self) -> Vec<Lifetime> {
        let end = self.ops().len().max(1) as i64;
        let mut rows: Vec<Lifetime> = self
            .tensors()
            .map(|(_, tensor)| {
                let layout = tensor.layout();
                Lifetime::new(0, 0, layout.size() as u64).with_alignment(layout.align() as u64)
            })
            .collect();
        for &input in self.inputs() {
            rows[input.index()].upper = 1;
        }
        for (step, op) in self.ops().iter().enumerate() {
            let step = step as i64;
            for written in op.writes() {
                rows[written.index()].lower = step;
                rows[written.index()].upper = step + 1;
            }
            for read in op.reads() {
                rows[read.index()].upper = step + 1;
            }
        }
        for &output in self.outputs() {
            rows[output.index()].upper = end;
        }
        rows
    }

    /// Which tensors conflict: those whose lifetimes overlap and, with several streams, those whose
    /// uses the streams do not order.
    fn conflict_relation(&self, rows: &[Lifetime]) -> ConflictRelation {
        let Some(order) = self.happens_before_relation() else {
            return ConflictRelation::Intervals;
        };
        let root = |index: usize| {
            rows[index]
                .within
                .map_or(index, |within| within.root.index())
        };
        let mut users: Vec<Vec<u32>> = vec![Vec::new(); rows.len()];
        for (step, op) in self.ops().iter().enumerate() {
            for used in op.reads().iter().chain(op.writes()) {
                let users = &mut users[root(used.index())];
                // One entry per operator, however many tensors of the alias set it uses.
                if users.last() != Some(&(step as u32)) {
                    users.push(step as u32);
                }
            }
        }
        let users = users.into_iter().zip(rows);
        let users = users.map(|(users, row)| if row.occupies() { users } else { Vec::new() });
        let users: Csr = users.collect();
        let flags_of = |ids: &[TensorId]| {
            let mut flags = vec![false; rows.len()];
            for id in ids {
                flags[root(id.index())] = true;
            }
            for (flag, row) in flags.iter_mut().zip(rows) {
                *flag &= row.occupies();
            }
            flags
        };
        let (from_start, to_end) = (flags_of(self.inputs()), flags_of(self.outputs()));
        let uses = UseSets::new(order.clone(), users, from_start, to_end);
        ConflictRelation::of_streams(uses, rows)
    }
}

/// Extends the lifetime and the alignment of every root to what lies within it.
fn cover_members(rows: &mut [Lifetime]) {
    for index in 0..rows.len() {
        let member = rows[index];
        if let Some(Within { root, .. }) = member.within {
            let root = &mut rows[root.index()];
            root.upper = root.upper.max(member.upper);
            root.alignment = root.alignment.max(member.alignment);
        }
    }
}
