//! The lifetimes of a graph's tensors.
//!
//! Stands on the graph and on `aliases`. Invariant: the row of a root is the lifetime of its bytes, so it covers those of everything that lies
//! within it; its alignment is enough for all of them.

use alloc::vec::Vec;

use super::{Aliasing, Lifetime, Lifetimes, Relation, Within, aliases::aliases, collect::Names};
use crate::graph::{DeviceId, Graph, Tensor};
use crate::streams::Uses;
use crate::table::Table;

impl Graph {
    /// The lifetimes of all tensors, under the same ids.
    ///
    /// A tensor written by operator *i* and last read by operator *j* is alive in `i..j + 1`. Inputs are
    /// alive from step 0, outputs to the end, a result that nobody reads at its own step. A tensor that
    /// nobody touches is never alive (`0..0`).
    ///
    /// Views and results in place lie [within](Lifetime::within) other tensors, which are alive as long as they are. With several streams, steps are
    /// those of submission, and tensors that do not meet in them may [conflict](Lifetimes::conflict) nevertheless.
    #[must_use]
    pub fn lifetimes(&self) -> Lifetimes {
        self.lifetimes_with(Aliasing::InPlace)
    }

    /// The same with as much sharing of bytes between an operator's operands and results as the executor is made for.
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

    /// The lifetimes of the tensors on one device; those of others are never alive, and keep their ids.
    #[must_use]
    pub fn lifetimes_on(&self, device: DeviceId, aliasing: Aliasing) -> Lifetimes {
        self.lifetimes_where(aliasing, |tensor| tensor.device() == device)
    }

    fn lifetimes_where(&self, aliasing: Aliasing, lives: impl Fn(&Tensor) -> bool) -> Lifetimes {
        let within = aliases(self, aliasing);
        let mut rows = self.rows();
        for (row, within) in rows.iter_mut().zip(&within) {
            row.within = *within;
        }
        cover_members(&mut rows);
        let mut names = Names::default();
        for ((_, tensor), row) in self.tensors().zip(&mut rows) {
            names.push(tensor.name());
            let device = &self.device(tensor.device());
            if row.within.is_none() {
                row.alignment = row.alignment.max(device.alignment());
            }
            if !lives(tensor) {
                row.upper = row.lower;
            }
        }
        Lifetimes {
            relation: self.relation(&rows),
            names,
            rows,
        }
    }

    /// The rows of the tensors as if each had bytes of its own.
    fn rows(&self) -> Vec<Lifetime> {
        let end = self.ops().len().max(1) as i64;
        let mut rows: Vec<Lifetime> = self
            .tensors()
            .map(|(_, tensor)| Lifetime {
                lower: 0,
                upper: 0,
                size: tensor.layout().size() as u64,
                alignment: tensor.layout().align() as u64,
                fixed_offset: None,
                within: None,
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

    /// What conflicts beside the rows that meet: with several streams, whatever is not ordered by them.
    fn relation(&self, rows: &[Lifetime]) -> Relation {
        let Some(order) = self.order() else {
            return Relation::Intervals;
        };
        let root = |index: usize| {
            rows[index]
                .within
                .map_or(index, |within| within.root.index())
        };
        let mut users: Vec<Vec<u32>> = alloc::vec![Vec::new(); rows.len()];
        for (step, op) in self.ops().iter().enumerate() {
            for used in op.reads().iter().chain(op.writes()) {
                let users = &mut users[root(used.index())];
                // Once, however many tensors of the root it uses.
                if users.last() != Some(&(step as u32)) {
                    users.push(step as u32);
                }
            }
        }
        let mut table = Table::default();
        for (users, row) in users.into_iter().zip(rows) {
            table.push(if row.occupies() { users } else { Vec::new() });
        }
        let callers = |ids: &[crate::ids::TensorId]| {
            let mut flags = alloc::vec![false; rows.len()];
            for id in ids {
                flags[root(id.index())] = true;
            }
            for (flag, row) in flags.iter_mut().zip(rows) {
                *flag &= row.occupies();
            }
            flags
        };
        let (from_start, to_end) = (callers(self.inputs()), callers(self.outputs()));
        Relation::streams(Uses::new(order.clone(), table, from_start, to_end), rows)
    }
}

/// Has every root live as long as what lies within it, and be aligned for it.
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
