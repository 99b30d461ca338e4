//! What comes out of [`Planner::fit`](crate::Planner::fit): a schedule, its plans and its cost.
//!
//! Stands on the check. Invariant: a [`Fitted`] has a schedule that passed it.

use alloc::vec::Vec;

use super::{
    added_cost::FitCost,
    costs::OperatorCosts,
    error::FitError,
    model::Model,
    options::Fit,
    overlap::OverlapError,
    placed,
    rows_within::put_within,
    schedule::{FitSchedule, Memory, TensorCopy},
    search::Solution,
};
use crate::graph::Graph;
use crate::ids::OpId;
use crate::lifetimes::{Aliasing, Lifetimes};
use crate::plan::Plan;
use crate::planner::{Planner, PlannerError};

/// A graph fitted into a capacity: a schedule, a plan for each memory, and what it costs.
///
/// ```
/// use core::alloc::Layout;
/// use orionrt_plan::{GraphBuilder, Planner, fit::{Fit, FitAction, SlowMemory}};
///
/// let mut g = GraphBuilder::new();
/// let sizes = [("x", 1000), ("skip", 1000), ("a", 2000), ("b", 2000), ("c", 1000), ("y", 1000)];
/// let [x, skip, a, b, c, y] = sizes
///     .map(|(name, size)| g.tensor(name, Layout::array::<u8>(size).expect("small")));
/// g.op("conv 0").reads([x]).writes([skip]);
/// g.op("conv 1").reads([skip]).writes([a]);
/// g.op("conv 2").reads([a]).writes([b]); // 5000 bytes are alive: a, b and skip
/// g.op("conv 3").reads([b]).writes([c]);
/// g.op("add").reads([c, skip]).writes([y]);
/// let graph = g.output(y).build()?;
///
/// let slow = SlowMemory::new(1 << 20, 1e6);
/// let fitted = Planner::new().fit(&graph, &Fit::within(4000).slow(slow))?;
/// assert_eq!(fitted.fast_plan().peak(), 4000);
/// assert_eq!(fitted.cost().seconds(), 0.002); // 1000 bytes are written, and read
/// let actions: Vec<_> = fitted.schedule().steps.iter().map(|step| step.action).collect();
/// assert_eq!((actions[2], actions[5]), (FitAction::Spill(skip), FitAction::Fetch(skip)));
///
/// // `conv 2` needs 4000 bytes whatever happens.
/// let error = Planner::new().fit(&graph, &Fit::within(3000).slow(slow)).unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     "no schedule fits into 3000 bytes in the orders and with the sharing of bytes that were \
///      tried: at operator 'conv 2' at least 4000 bytes are needed"
/// );
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Fitted {
    schedule: FitSchedule,
    fast: Plan,
    slow: Plan,
    cost: FitCost,
    lower_bound: f64,
    load: u64,
    order: Vec<OpId>,
    aliasing: Aliasing,
}

impl Fitted {
    pub(super) fn new(
        graph: &Graph,
        fit: &Fit,
        model: &Model,
        order: &[OpId],
        found: Solution,
        [fast, slow]: [Plan; 2],
        lower_bound: f64,
    ) -> Result<Self, FitError> {
        let schedule = placed::schedule(model, &found.emitted, order, [&fast, &slow]);
        schedule.check(graph, fit).map_err(FitError::Schedule)?;
        Ok(Self {
            schedule,
            fast,
            slow,
            cost: found.emitted.cost,
            lower_bound,
            load: found.load,
            order: order.to_vec(),
            aliasing: fit.aliasing,
        })
    }

    /// This answer with fetches at earlier steps, so that operators wait less for them when
    /// transfers run beside operators: see [`FitSchedule::prefetched`]. The cost stays the same,
    /// and more bytes may be in the fast memory at once.
    ///
    /// # Errors
    /// If `graph` and `fit` are not those of this answer, or if the steps take no finite time.
    pub fn prefetched(
        &self,
        graph: &Graph,
        fit: &Fit,
        costs: &OperatorCosts,
        planner: &Planner,
    ) -> Result<Self, OverlapError> {
        let schedule = self.schedule.prefetched(graph, fit, costs, planner)?;
        let plan = |plan: &Plan, memory: Memory| {
            let copies = schedule.copies.iter();
            let copies = copies.filter(|copy| copy.memory == memory);
            plan_of(plan, copies).map_err(OverlapError::Plan)
        };
        let fast = plan(&self.fast, Memory::Fast)?;
        let slow = plan(&self.slow, Memory::Slow)?;
        Ok(Self {
            load: fast.load(),
            schedule,
            fast,
            slow,
            ..self.clone()
        })
    }

    /// What an executor does, with the offset of each copy.
    #[must_use]
    pub fn schedule(&self) -> &FitSchedule {
        &self.schedule
    }

    /// The plan of the fast memory. Its tensors are the copies there, in order of the schedule.
    #[must_use]
    pub fn fast_plan(&self) -> &Plan {
        &self.fast
    }

    /// The plan of the slow memory. Its tensors are the copies there, in order of the schedule.
    #[must_use]
    pub fn slow_plan(&self) -> &Plan {
        &self.slow
    }

    /// The added time, by kind.
    #[must_use]
    pub fn cost(&self) -> &FitCost {
        &self.cost
    }

    /// A lower bound on the added seconds of every schedule that has the operators in this
    /// [order](Self::order), and lets the same tensors share bytes.
    #[must_use]
    pub fn lower_bound(&self) -> f64 {
        self.lower_bound
    }

    /// The most bytes that are in the fast memory at one step.
    #[must_use]
    pub fn load(&self) -> u64 {
        self.load
    }

    /// The operators of the graph in the order in which they run for the first time.
    #[must_use]
    pub fn order(&self) -> &[OpId] {
        &self.order
    }

    /// How much sharing of bytes between operands and results the schedule makes use of: what
    /// [`Fit::aliasing`] asks for, or less of it.
    #[must_use]
    pub fn aliasing(&self) -> Aliasing {
        self.aliasing
    }
}

/// The plan of one memory with its copies where and when a schedule has them.
fn plan_of<'c>(
    plan: &Plan,
    copies: impl Iterator<Item = &'c TensorCopy>,
) -> Result<Plan, PlannerError> {
    let (mut rows, mut places, mut offsets) = (Vec::new(), Vec::new(), Vec::new());
    for ((id, name, row), copy) in plan.lifetimes().iter().zip(copies) {
        let mut row = *row;
        let own = (id.index(), 0);
        let within = row.within.take();
        places.push(within.map_or(own, |within| (within.root.index(), within.offset)));
        [row.lower, row.upper] = [copy.steps.start, copy.steps.end].map(|step| step as i64);
        rows.push((name, row));
        offsets.push(copy.offset);
    }
    let needs = put_within(&mut rows, places);
    let lifetimes = Lifetimes::from_named(rows).map_err(PlannerError::Lifetimes)?;
    let moved = Plan::new(lifetimes.with_needs_of_parts(needs), offsets);
    let moved = moved.map_err(|error| PlannerError::Strategy {
        name: plan.strategy().into(),
        error,
    })?;
    Ok(moved.with_strategy(plan.strategy()))
}
