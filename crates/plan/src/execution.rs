//! What an executor does with memory: which tensors it allocates before each operator of a graph,
//! and which it frees afterwards.
//!
//! Stands on [`Graph`] and its [`Lifetimes`]. An executor holds the bytes of *roots*; a view or a
//! result in place lies in those of its root. Invariant: while an operator runs, exactly the roots
//! that are alive at its step are held. So whoever plans the same lifetimes and follows the
//! schedule never allocates bytes that are in use.
//!
//! ```text
//! operator    allocates   transfers    frees
//! conv        a           -            x            x is the input, held from the start
//! relu        -           a to b       -            in place: b is written over a
//! reduce      y           -            a            a's bytes, which were b's in the end
//!                                                   y is the output, held at the end
//! ```

use alloc::vec::Vec;

use crate::graph::{Graph, Op, OpId};
use crate::ids::{DeviceId, TensorId};
use crate::lifetimes::{Aliasing, Lifetimes, Within};

/// For each operator of a graph, which tensors to allocate, to transfer and to free: made by
/// [`Graph::schedule`].
///
/// ```
/// use core::alloc::Layout;
/// use orionrt_plan::GraphBuilder;
///
/// let mut g = GraphBuilder::new();
/// let [x, a, b, y] = ["x", "a", "b", "y"].map(|name| g.tensor(name, Layout::new::<[f32; 16]>()));
/// g.op("conv").reads([x]).writes([a]);
/// g.op("relu").in_place(b, a);
/// g.op("reduce").reads([b]).writes([y]);
/// let schedule = g.output(y).build()?.schedule();
///
/// assert_eq!(schedule.inputs(), [x]); // to be allocated and filled before all operators
/// let each: Vec<_> = schedule.ops().map(|op| (op.allocates(), op.frees())).collect();
/// assert_eq!(each, [(&[a][..], &[x][..]), (&[], &[]), (&[y], &[a])]);
/// let relu = schedule.ops().nth(1).expect("three operators");
/// assert_eq!((relu.transfers()[0].of, relu.transfers()[0].result), (a, b));
/// assert_eq!(schedule.outputs(), [y]); // still allocated after all operators
/// # Ok::<(), orionrt_plan::GraphError>(())
/// ```
///
/// The tensors that are allocated and freed are **roots**: tensors with bytes of their own. Every
/// other tensor lies in the bytes of its root, at its [`place`](Self::place). Each root is
/// allocated once and freed once, or is an output. Plan the schedule's own
/// [`lifetimes`](Self::lifetimes): plan and schedule then agree on what shares bytes.
///
/// An output that [has the bytes of an input](crate::GraphBuilder::alias_output) lies in that
/// input, which is held from the start to the end, whether the operator that writes the output
/// reads it or not.
///
/// With several streams, the schedule is for an executor that runs the operators one after another,
/// in their order in the graph.
///
/// # Branches and loops
///
/// Then operators do not simply follow each other, and which of them frees a tensor depends on the
/// path. An executor calls [`holds`](ScheduledOp::holds) when it arrives at an operator, and frees
/// each root that it has but the operator does not hold. Of what the operator
/// [allocates](ScheduledOp::allocates) it may have some already, carried from an earlier iteration
/// of a loop: that is not allocated again. What [`frees`](ScheduledOp::frees) lists is always to be
/// freed after the operator. At the end, all but the [outputs](Self::outputs) is freed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExecutionSchedule {
    lifetimes: Lifetimes,
    inputs: Vec<TensorId>,
    outputs: Vec<TensorId>,
    allocates: Lists<TensorId>,
    transfers: Lists<Transfer>,
    frees: Lists<TensorId>,
}

/// What one operator of an [`ExecutionSchedule`] allocates, transfers and frees.
#[derive(Clone, Copy, Debug)]
pub struct ScheduledOp<'s> {
    schedule: &'s ExecutionSchedule,
    op: OpId,
}

/// A result that takes bytes of an operand: a view of it, or written over it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Transfer {
    /// The operand.
    pub of: TensorId,
    /// The result.
    pub result: TensorId,
    /// Whether the operator writes the result over the operand, whose value is gone afterwards. A
    /// view is not written at all.
    pub is_in_place: bool,
}

impl Graph {
    /// What an executor does with memory at each operator, under the same ids and with the
    /// lifetimes of [`lifetimes`](Self::lifetimes).
    #[must_use]
    pub fn schedule(&self) -> ExecutionSchedule {
        self.schedule_with(Aliasing::InPlace)
    }

    /// What an executor does that supports this much [sharing of bytes](Aliasing): without views,
    /// for instance, an operator copies to a result that is one. Parts of results are not
    /// scheduled: they have bytes of their own.
    #[must_use]
    pub fn schedule_with(&self, aliasing: Aliasing) -> ExecutionSchedule {
        ExecutionSchedule::new(self, self.lifetimes_with(aliasing.min(Aliasing::InPlace)))
    }

    /// What an executor does with the memory of one device, with the lifetimes of
    /// [`lifetimes_on`](Self::lifetimes_on).
    #[must_use]
    pub fn schedule_on(&self, device: DeviceId, aliasing: Aliasing) -> ExecutionSchedule {
        let aliasing = aliasing.min(Aliasing::InPlace);
        ExecutionSchedule::new(self, self.lifetimes_on(device, aliasing))
    }
}

impl ExecutionSchedule {
    fn new(graph: &Graph, lifetimes: Lifetimes) -> Self {
        let roots = Roots {
            lifetimes: &lifetimes,
            inputs: graph.inputs(),
        };
        let mut inputs = graph.inputs().to_vec();
        inputs.retain(|&id| roots.is_alive(id));
        let outputs = graph.outputs().iter();
        let outputs = sorted(outputs.filter_map(|&id| roots.of(id)).collect());
        let mut allocates = Lists::default();
        let mut transfers = Lists::default();
        for op in graph.ops() {
            allocates.push(sorted(roots.allocated_by(op)));
            transfers.push(roots.transfers(op));
        }
        let frees = frees(graph, &lifetimes, &outputs);
        Self {
            inputs,
            outputs,
            allocates,
            transfers,
            frees,
            lifetimes,
        }
    }

    /// The lifetimes that the schedule follows: what is to be planned.
    #[must_use]
    pub fn lifetimes(&self) -> &Lifetimes {
        &self.lifetimes
    }

    /// The inputs that are read or are outputs, which the caller allocates and fills before the
    /// first operator runs. The graph may declare others, which have no bytes.
    #[must_use]
    pub fn inputs(&self) -> &[TensorId] {
        &self.inputs
    }

    /// The roots of the outputs, for the caller to free when it has read the outputs.
    #[must_use]
    pub fn outputs(&self) -> &[TensorId] {
        &self.outputs
    }

    /// The operators, in the order in which they run.
    pub fn ops(&self) -> impl ExactSizeIterator<Item = ScheduledOp<'_>> {
        let ids = (0..self.allocates.len()).map(OpId::from_index);
        ids.map(|op| ScheduledOp { schedule: self, op })
    }

    /// One operator; `None` if the graph does not have it.
    #[must_use]
    pub fn op(&self, op: OpId) -> Option<ScheduledOp<'_>> {
        let is_known = op.index() < self.allocates.len();
        is_known.then_some(ScheduledOp { schedule: self, op })
    }

    /// Where a tensor lies: the root, which may be the tensor itself, and where in it the tensor
    /// begins, in bytes. `None` if the graph does not have the tensor.
    #[must_use]
    pub fn place(&self, id: TensorId) -> Option<Within> {
        let row = self.lifetimes.get(id)?;
        Some(row.within.unwrap_or(Within::new(id, 0)))
    }
}

impl<'s> ScheduledOp<'s> {
    /// The operator.
    #[must_use]
    pub fn id(self) -> OpId {
        self.op
    }

    /// The roots to allocate before the operator runs: results with bytes of their own.
    #[must_use]
    pub fn allocates(self) -> &'s [TensorId] {
        self.schedule.allocates.get(self.op.index())
    }

    /// The results that take bytes of operands, which are allocated already, in order of their ids.
    #[must_use]
    pub fn transfers(self) -> &'s [Transfer] {
        self.schedule.transfers.get(self.op.index())
    }

    /// The roots to free after the operator has run: nobody needs a byte of them any more.
    #[must_use]
    pub fn frees(self) -> &'s [TensorId] {
        self.schedule.frees.get(self.op.index())
    }

    /// Whether a root is held while the operator runs. Needed for graphs with branches and loops
    /// alone: see [`ExecutionSchedule`].
    #[must_use]
    pub fn holds(self, root: TensorId) -> bool {
        let mut steps = self.schedule.lifetimes.live_ranges(root);
        steps.any(|steps| steps.contains(&(self.op.index() as i64)))
    }
}

/// Which tensors have bytes of their own.
struct Roots<'l> {
    lifetimes: &'l Lifetimes,
    /// The graph's inputs, which the caller allocates.
    inputs: &'l [TensorId],
}

impl Roots<'_> {
    /// Whether a tensor is ever alive.
    fn is_alive(&self, id: TensorId) -> bool {
        let row = self.lifetimes.get(id);
        row.is_some_and(|row| row.lower < row.upper)
    }

    /// The root of a tensor; `None` if the tensor is never alive.
    fn of(&self, id: TensorId) -> Option<TensorId> {
        let row = self.lifetimes.get(id).filter(|row| row.lower < row.upper)?;
        Some(row.within.map_or(id, |within| within.root))
    }

    /// The roots of an operator's results. One of which the operator reads a part is there already,
    /// and so is an input whose bytes an output has.
    fn allocated_by(&self, op: &Op) -> Vec<TensorId> {
        let read = sorted(op.reads().iter().filter_map(|&id| self.of(id)).collect());
        let written = op.writes().iter().filter_map(|&id| self.of(id));
        let is_in = |list: &[TensorId], root: TensorId| list.binary_search(&root).is_ok();
        let is_new = |root: &TensorId| !is_in(&read, *root) && !is_in(self.inputs, *root);
        written.filter(is_new).collect()
    }

    /// The results of an operator that take bytes of operands, in order of the results' ids.
    fn transfers(&self, op: &Op) -> Vec<Transfer> {
        let views = op.views().iter().map(|view| (view.result, view.of, false));
        let in_place = op.in_place().iter();
        let in_place = in_place.map(|pair| (pair.result, pair.of, true));
        let shares = |&(result, of, _): &(TensorId, TensorId, bool)| {
            let root = self.of(result).filter(|&root| root != result);
            root.is_some() && root == self.of(of)
        };
        let pairs = views.chain(in_place).filter(shares);
        let transfers = pairs.map(|(result, of, is_in_place)| Transfer {
            of,
            result,
            is_in_place,
        });
        let mut transfers: Vec<Transfer> = transfers.collect();
        transfers.sort_by_key(|transfer| transfer.result);
        // A pair may have been declared twice.
        transfers.dedup_by_key(|transfer| transfer.result);
        transfers
    }
}

/// The roots that are needed no more after each operator, whatever runs next.
fn frees(graph: &Graph, lifetimes: &Lifetimes, outputs: &[TensorId]) -> Lists<TensorId> {
    let ops = graph.ops().len();
    let flow = graph.control_flow();
    let leads_on = |step: usize| flow.is_none_or(|flow| flow.leads_on(step as u32));
    let roots = lifetimes.iter().filter(|(_, _, row)| row.within.is_none());
    let mut frees: Vec<(usize, TensorId)> = Vec::new();
    for (id, ..) in roots {
        let is_output = outputs.binary_search(&id).is_ok();
        let ends = lifetimes.live_ranges(id).map(|steps| steps.end as usize);
        let ends = ends.filter(|&end| end <= ops && !(end == ops && is_output));
        let last = ends.map(|end| end - 1).filter(|&step| leads_on(step));
        frees.extend(last.map(|step| (step, id)));
    }
    frees.sort_unstable();
    let mut lists = Lists::default();
    let mut frees = frees.into_iter().peekable();
    for step in 0..ops {
        let of_step = core::iter::from_fn(|| frees.next_if(|&(at, _)| at == step));
        lists.push(of_step.map(|(_, id)| id));
    }
    lists
}

fn sorted(mut ids: Vec<TensorId>) -> Vec<TensorId> {
    ids.sort_unstable();
    ids.dedup();
    ids
}

/// Lists of different lengths, end to end in one vector: `ends` has the end of each.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Lists<T> {
    items: Vec<T>,
    ends: Vec<usize>,
}

impl<T> Lists<T> {
    fn push(&mut self, list: impl IntoIterator<Item = T>) {
        self.items.extend(list);
        self.ends.push(self.items.len());
    }

    fn len(&self) -> usize {
        self.ends.len()
    }

    fn get(&self, index: usize) -> &[T] {
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.items[start..self.ends[index]]
    }
}

impl<T> Default for Lists<T> {
    fn default() -> Self {
        Self {
            items: Vec::new(),
            ends: Vec::new(),
        }
    }
}
