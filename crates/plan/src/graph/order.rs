//! [`Graph::in_order`]: the operators of a graph in another order.
//!
//! Stands on [`GraphBuilder`] and its checks. Only [`Unit`]s change places. Invariant: each
//! operator finds in its operands what it finds in the given order.

use alloc::{vec, vec::Vec};
use core::ops::Range;

use super::{
    builder::GraphBuilder,
    checked::Graph,
    error::GraphError,
    named::{NamedOp, NamedTensor},
    order_mistake::OrderMistake,
};
use crate::ids::{OpId, TensorId};

/// What may change places: an operator that is in no construct, or a construct that is in no other
/// one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Unit {
    pub(crate) steps: Range<usize>,
    pub(crate) is_construct: bool,
}

impl Graph {
    /// The graph with its operators in another order: step *i* is operator `order[i]` of this
    /// graph. Tensors keep their ids, and what operators declare stays as it is.
    ///
    /// Each operator comes after those that write what it reads and those for which it waits.
    /// Branches and loops move as a whole: their operators follow each other as they do here.
    ///
    /// ```
    /// use core::alloc::Layout;
    /// use orionrt_plan::{GraphBuilder, OpId};
    /// let mut g = GraphBuilder::new();
    /// let [x, y, z] = ["x", "y", "z"].map(|name| g.tensor(name, Layout::new::<[u8; 100]>()));
    /// g.op("a").reads([x]).writes([y]);
    /// g.op("b").reads([x]).writes([z]);
    /// g.op("c").reads([y]);
    /// let graph = g.build()?;
    ///
    /// let [a, b, c] = [0, 1, 2].map(OpId::new);
    /// let other = graph.in_order(&[a, c, b])?;
    /// assert_eq!(other.ops()[1].name(), "c");
    /// let error = graph.in_order(&[c, a, b]).unwrap_err();
    /// assert_eq!(
    ///     error.to_string(),
    ///     "the order cannot be used: operator 'c' (step 2) would read tensor 'y' \
    ///      before operator 'a' (step 0) writes it"
    /// );
    /// # Ok::<(), orionrt_plan::GraphError>(())
    /// ```
    ///
    /// # Errors
    /// [`GraphError::BadOrder`] if operators are missing, named twice or too early, or if a
    /// construct is torn apart. With several streams also [`GraphError::Race`]: operators of one
    /// stream run in the order in which they are submitted.
    pub fn in_order(&self, order: &[OpId]) -> Result<Self, GraphError> {
        let positions = self.positions(order).map_err(GraphError::BadOrder)?;
        self.check_order(&positions).map_err(GraphError::BadOrder)?;
        let order: Vec<usize> = order.iter().map(|op| op.index()).collect();
        let moved = self.with_order(&order);
        let mut pairs = self.ops.windows(2);
        if pairs.all(|pair| pair[0].stream == pair[1].stream) {
            return Ok(moved);
        }
        // Which operators run side by side depends on the order.
        GraphBuilder::from(moved).build()
    }

    /// The units, in the order that they have.
    pub(crate) fn units(&self) -> Vec<Unit> {
        let alone = |steps: Range<usize>| {
            steps.map(|step| Unit {
                steps: step..step + 1,
                is_construct: false,
            })
        };
        let mut units = Vec::new();
        let mut next = 0;
        for steps in self.control_flow.iter().flat_map(|flow| flow.outermost()) {
            units.extend(alone(next..steps.start));
            next = steps.end;
            units.push(Unit {
                steps,
                is_construct: true,
            });
        }
        units.extend(alone(next..self.ops.len()));
        units
    }

    /// The new step of each operator, whose units stay whole.
    fn positions(&self, order: &[OpId]) -> Result<Vec<usize>, OrderMistake> {
        let ops = self.ops.len();
        let mut positions = vec![None; ops];
        for (step, &op) in order.iter().enumerate() {
            let Some(position) = positions.get_mut(op.index()) else {
                return Err(OrderMistake::UnknownOp { op, ops });
            };
            if position.replace(step).is_some() {
                let op = self.named_op(op.index());
                return Err(OrderMistake::Twice { op });
            }
        }
        if let Some(missing) = positions.iter().position(Option::is_none) {
            let op = self.named_op(missing);
            return Err(OrderMistake::Missing { op });
        }
        let positions: Vec<usize> = positions.into_iter().flatten().collect();
        for unit in self.units().into_iter().map(|unit| unit.steps) {
            let expected = |step: usize| positions[unit.start] + step - unit.start;
            let Some(step) = unit.clone().find(|&step| positions[step] != expected(step)) else {
                continue;
            };
            let here = order.get(expected(step)).map_or(step, |op| op.index());
            // Outer constructs come first, so it is the one without another one around.
            let mut constructs = self.constructs().iter();
            let construct =
                constructs.find(|construct| construct.ops().start.index() == unit.start);
            if let Some(construct) = construct.cloned() {
                let op = self.named_op(here);
                return Err(OrderMistake::ConstructSplit { construct, op });
            }
        }
        Ok(positions)
    }

    /// Checks that operators come after those that they depend on.
    fn check_order(&self, positions: &[usize]) -> Result<(), OrderMistake> {
        // Of the operators so far, the ones with the highest position that read and that write
        // each tensor.
        let mut readers: Vec<Option<usize>> = vec![None; self.tensors.len()];
        let mut writers = readers.clone();
        let later = |a: Option<usize>, b: Option<usize>| {
            [a, b].into_iter().flatten().max_by_key(|&op| positions[op])
        };
        for (step, op) in self.ops.iter().enumerate() {
            let after =
                |other: Option<usize>| other.filter(|&other| positions[other] > positions[step]);
            for wait in &op.waits {
                if let Some(waits_for) = after(Some(wait.index())) {
                    let [op, waits_for] = [step, waits_for].map(|op| self.named_op(op));
                    return Err(OrderMistake::WaitsForLater { op, waits_for });
                }
            }
            for &id in &op.reads {
                if let Some(writer) = after(writers[id.index()]) {
                    let [op, writer] = [step, writer].map(|op| self.named_op(op));
                    let tensor = self.named(id);
                    return Err(OrderMistake::ReadTooEarly { op, tensor, writer });
                }
                readers[id.index()] = later(readers[id.index()], Some(step));
            }
            for &id in &op.writes {
                let used = later(readers[id.index()], writers[id.index()]);
                if let Some(before) = after(used) {
                    let [op, before] = [step, before].map(|op| self.named_op(op));
                    let tensor = self.named(id);
                    return Err(OrderMistake::WrittenTooEarly { op, tensor, before });
                }
                writers[id.index()] = later(writers[id.index()], Some(step));
            }
        }
        Ok(())
    }

    fn named(&self, id: TensorId) -> NamedTensor {
        NamedTensor::new(id, &self.tensors[id.index()].name)
    }

    fn named_op(&self, step: usize) -> NamedOp {
        NamedOp::new(OpId::from_index(step), &self.ops[step].name)
    }
}
