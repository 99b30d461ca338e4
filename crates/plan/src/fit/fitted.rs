//! [`Planner::fit`]: the entry to everything above.
//!
//! Stands on the search, the planner and the check. Orders of the operators are tried in turn: the
//! given one, then that with the least load. If the tensors of a schedule cannot be placed within
//! the capacity although their load is, the search starts again with less. Invariant: a [`Fitted`]
//! has a schedule that passed the check.

use alloc::{string::ToString, vec::Vec};

use super::{
    added_cost::FitCost,
    bound::{Impossible, lower_bound},
    costs::OperatorCosts,
    error::FitError,
    exchange::solve,
    model::{Model, moment_before},
    options::{Fit, SlowMemory},
    placed,
    schedule::{FitSchedule, Memory},
    search::Solution,
};
use crate::graph::Graph;
use crate::ids::{OpId, TensorId};
use crate::plan::Plan;
use crate::planner::{Planner, PlannerError};

/// The most times that the search starts again with a smaller capacity.
const MOST_ATTEMPTS: u32 = 5;

/// The bytes that all tensors together must be below, so that no sum overflows.
const MOST_BYTES: u64 = 1 << 48;

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
///     "no schedule fits into 3000 bytes: at operator 'conv 2' at least 4000 bytes are needed"
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
}

impl Planner {
    /// Fits a graph into a capacity that may be below its peak: finds which tensors leave the fast
    /// memory while they are idle, and which operators are rerun, so that everything fits and
    /// little time is added. See [`fit`](crate::fit).
    ///
    /// Results in place and views share bytes as in [`Graph::lifetimes_with`]. The operators run
    /// one after the other, in the given order or in that of [`Graph::reordered`]. This planner
    /// places the tensors, within the capacity of `fit`.
    ///
    /// # Errors
    /// If the graph has several streams, devices or control flow, if the options are wrong, or if
    /// no schedule was found; see [`FitError`].
    pub fn fit(&self, graph: &Graph, fit: &Fit) -> Result<Fitted, FitError> {
        check_graph(graph)?;
        let costs = check_options(graph, fit)?;
        let given: Vec<OpId> = (0..graph.ops().len()).map(OpId::from_index).collect();
        let first = self.fit_in_order(graph, fit, &costs, &given);
        let is_free = |first: &Fitted| first.cost.seconds() == 0.0;
        if !fit.reorder || first.as_ref().is_ok_and(is_free) {
            return first;
        }
        let reordered = graph.reordered_with(fit.aliasing);
        if reordered.load_after >= reordered.load_before {
            return first;
        }
        let order: Vec<OpId> = reordered
            .order
            .iter()
            .map(|&op| OpId::from_index(op))
            .collect();
        let second = self.fit_in_order(graph, fit, &costs, &order);
        match (first, second) {
            (Ok(first), Ok(second)) if second.cost.seconds() < first.cost.seconds() => Ok(second),
            (Err(_), Ok(second)) => Ok(second),
            (Err(FitError::Impossible { .. }), Err(second)) => Err(second),
            (first, _) => first,
        }
    }

    /// Fits the graph with operator `order[i]` at step i.
    fn fit_in_order(
        &self,
        graph: &Graph,
        fit: &Fit,
        costs: &OperatorCosts,
        order: &[OpId],
    ) -> Result<Fitted, FitError> {
        let positions: Vec<usize> = order.iter().map(|op| op.index()).collect();
        let moved = graph.with_order(&positions);
        let in_order = positions.iter().map(|&op| costs.seconds()[op]);
        let costs = OperatorCosts::from_seconds(in_order).unwrap_or_else(|| costs.clone());
        let model = Model::new(&moved, &costs, fit);
        let bound = lower_bound(&model, fit.capacity)
            .map_err(|impossible| error_of(&moved, fit, impossible))?;
        let slow_capacity = fit.slow.map_or(0, |slow| slow.capacity);
        let mut targets = [fit.capacity, slow_capacity];
        let mut failed = FitError::NotFound {
            capacity: fit.capacity,
        };
        for attempt in 0..MOST_ATTEMPTS {
            // The first search is the one that matters.
            let work = if attempt == 0 { fit.work } else { fit.work / 4 };
            let Some(found) = solve(&model, targets, work, bound) else {
                return Err(failed);
            };
            let plan = |memory, capacity| {
                let emitted = &found.emitted;
                placed::plan(self, &moved, &model, emitted, memory, capacity)
            };
            let fast = plan(Memory::Fast, fit.capacity);
            let slow = plan(Memory::Slow, slow_capacity);
            let plans = match (fast, slow) {
                (Ok(fast), Ok(slow)) => [fast, slow],
                (Err(error), _) => {
                    targets[0] = less(targets[0].min(found.load), &error, attempt)?;
                    failed = FitError::Placement(error);
                    continue;
                }
                (_, Err(error)) => {
                    targets[1] = less(targets[1], &error, attempt)?;
                    failed = FitError::Placement(error);
                    continue;
                }
            };
            return Fitted::new(graph, fit, &model, order, found, plans, bound);
        }
        Err(failed)
    }
}

/// The capacity to try after so many attempts, the last of which had this error.
fn less(target: u64, error: &PlannerError, attempt: u32) -> Result<u64, FitError> {
    match error {
        PlannerError::Capacity { capacity, best } => {
            let over = best.peak().saturating_sub(*capacity);
            // At least a part that grows with every attempt.
            let part = target / (512 >> attempt.min(8));
            Ok(target.saturating_sub(over.max(part).max(1)))
        }
        _ => Err(FitError::Placement(error.clone())),
    }
}

/// Refuses graphs whose operators do not simply follow each other in one memory.
fn check_graph(graph: &Graph) -> Result<(), FitError> {
    if !graph.constructs().is_empty() {
        return Err(FitError::ControlFlow);
    }
    let mut pairs = graph.ops().windows(2);
    if pairs.any(|pair| pair[0].stream() != pair[1].stream()) {
        return Err(FitError::Streams);
    }
    if let Some(alias) = graph.output_aliases().first() {
        let output = graph.tensor(alias.output);
        let output = output.map_or("", |tensor| tensor.name()).to_string();
        return Err(FitError::OutputAlias { output });
    }
    let mut devices = graph.tensors().map(|(_, tensor)| tensor.device());
    let first = devices.next();
    if devices.any(|device| Some(device) != first) {
        return Err(FitError::Devices);
    }
    let sizes = graph.tensors().map(|(_, tensor)| tensor.layout().size());
    let bytes = sizes.fold(0u64, |sum, size| sum.saturating_add(size as u64));
    match bytes < MOST_BYTES {
        true => Ok(()),
        false => Err(FitError::TooLarge { bytes }),
    }
}

/// Refuses options that mean nothing; returns the costs of the operators.
fn check_options(graph: &Graph, fit: &Fit) -> Result<OperatorCosts, FitError> {
    let speeds = |slow: &SlowMemory| [slow.write_bytes_per_second, slow.read_bytes_per_second];
    for bytes_per_second in fit.slow.iter().flat_map(speeds) {
        if !(bytes_per_second > 0.0 && bytes_per_second.is_finite()) {
            return Err(FitError::Bandwidth { bytes_per_second });
        }
    }
    let is_input = |id: &TensorId| graph.inputs().binary_search(id).is_ok();
    if let Some(&id) = fit.stored.iter().find(|id| !is_input(id)) {
        let tensor = graph.tensor(id);
        let tensor = tensor.map_or_else(|| id.to_string(), |tensor| tensor.name().to_string());
        return Err(FitError::NotAnInput { tensor });
    }
    if fit.slow.is_none() && !fit.stored.is_empty() {
        return Err(FitError::StoredWithoutSlow);
    }
    let operators = graph.ops().len();
    let default = || OperatorCosts::from_bytes(graph, OperatorCosts::BYTES_PER_SECOND);
    let costs = fit.costs.clone().unwrap_or_else(default);
    match costs.seconds().len() {
        count if count == operators => Ok(costs),
        costs => Err(FitError::Costs { operators, costs }),
    }
}

fn error_of(graph: &Graph, fit: &Fit, impossible: Impossible) -> FitError {
    let Impossible { moment, needed } = impossible;
    let ops = graph.ops();
    let at = match ops.get((moment / 2) as usize) {
        Some(_) if moment == 0 => "the start".to_string(),
        Some(op) => alloc::format!("operator '{}'", op.name()),
        None if moment == moment_before(ops.len() as u32) => "the end".to_string(),
        None => "the start".to_string(),
    };
    FitError::Impossible {
        capacity: fit.capacity,
        needed,
        at,
    }
}

impl Fitted {
    fn new(
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
}
