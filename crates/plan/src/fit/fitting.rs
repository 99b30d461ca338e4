//! [`Planner::fit`]: tries orders of the operators and levels of sharing in turn.
//!
//! Stands on the search, the planner and the check. Results share bytes as asked; where that is
//! proven to be impossible, or does not work with parts of results, with less sharing. Orders of
//! the operators are tried in turn: the given one, then that with the least load. If the tensors of
//! a schedule cannot be placed within the capacity although their load is, the search starts again
//! with less. Invariant: an error claims only what holds for every attempt.

use alloc::{string::ToString, vec::Vec};
use core::cell::Cell;

use super::{
    bound::{Impossible, lower_bound},
    costs::OperatorCosts,
    error::FitError,
    fitted::Fitted,
    model::{Model, moment_before},
    options::Fit,
    placed,
    requirements::{check_graph, check_options, check_planner},
    schedule::Memory,
    search::Search,
    solve::solve,
};
use crate::graph::Graph;
use crate::ids::OpId;
use crate::lifetimes::Aliasing;
use crate::planner::{Cancel, Planner, PlannerError};

/// The most times that the search starts again with a smaller capacity.
const MOST_ATTEMPTS: u32 = 5;

impl Planner {
    /// Fits a graph into a capacity that may be below its peak: finds which tensors leave the fast
    /// memory while they are idle, and which operators are rerun, so that everything fits and
    /// little time is added. See [`fit`](crate::fit).
    ///
    /// Results in place and views share bytes as in [`Graph::lifetimes_with`]. A tensor stays as
    /// long as anything lies within its bytes; where no schedule can fit because of that, `fit`
    /// goes on with [less sharing](Fitted::aliasing). The operators run one after the other, in the
    /// given order or in that of [`Graph::reordered`]. This planner places the tensors, within the
    /// capacity of `fit`.
    ///
    /// Where the planner is [cancelled](Self::cancelled_by), the first schedule is completed, and
    /// the best one found by then is the answer.
    ///
    /// # Errors
    /// If the graph has several streams, devices or control flow, if the options or this planner's
    /// alignment are wrong, or if no schedule was found; see [`FitError`].
    pub fn fit(&self, graph: &Graph, fit: &Fit) -> Result<Fitted, FitError> {
        check_planner(self)?;
        check_graph(graph)?;
        let costs = check_options(graph, fit)?;
        let mut failed: Option<FitError> = None;
        let has_parts = graph.ops().iter().any(|op| !op.parts().is_empty());
        let most = match has_parts {
            true => fit.aliasing,
            false => fit.aliasing.min(Aliasing::InPlace),
        };
        let levels = [
            Aliasing::Parts,
            Aliasing::InPlace,
            Aliasing::Views,
            Aliasing::Off,
        ];
        for aliasing in levels.into_iter().filter(|&level| level <= most) {
            let error = match self.fit_sharing(graph, &fit.clone().aliasing(aliasing), &costs) {
                Ok(fitted) => return Ok(fitted),
                // A fault of the search, which less sharing would hide.
                Err(error @ FitError::Schedule(_)) => return Err(error),
                Err(error) => error,
            };
            // Parts are harder to place.
            let is_proven = matches!(error, FitError::Impossible { .. });
            let error = match failed {
                None => error,
                Some(before) => weaker(before, error),
            };
            if !is_proven && aliasing < Aliasing::Parts {
                return Err(error);
            }
            failed = Some(error);
        }
        let capacity = fit.capacity;
        Err(failed.unwrap_or(FitError::NotFound { capacity }))
    }

    /// Fits the graph with results that share bytes as `fit` says, in one order or another.
    fn fit_sharing(
        &self,
        graph: &Graph,
        fit: &Fit,
        costs: &OperatorCosts,
    ) -> Result<Fitted, FitError> {
        let given: Vec<OpId> = (0..graph.ops().len()).map(OpId::from_index).collect();
        let first = self.fit_in_order(graph, fit, costs, &given);
        let is_free = |first: &Fitted| first.cost().seconds() == 0.0;
        let is_cancelled = first.is_ok() && self.cancels().iter().any(Cancel::is_cancelled);
        if !fit.reorder || is_cancelled || first.as_ref().is_ok_and(is_free) {
            return first;
        }
        let reordered = graph.reordered_with(fit.aliasing);
        if reordered.load_after >= reordered.load_before {
            return first;
        }
        let order = reordered.order.iter();
        let order: Vec<OpId> = order.map(|&op| OpId::from_index(op)).collect();
        let second = self.fit_in_order(graph, fit, costs, &order);
        match (first, second) {
            (Ok(first), Ok(second)) if second.cost().seconds() < first.cost().seconds() => {
                Ok(second)
            }
            (Err(_), Ok(second)) => Ok(second),
            (Err(first), Err(second)) => Err(weaker(first, second)),
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
            .map_err(|impossible| error_of(&moved, fit, impossible))?
            + model.arrival_seconds();
        let slow_capacity = fit.slow.map_or(0, |slow| slow.capacity);
        let mut targets = [fit.capacity, slow_capacity];
        let mut failed = FitError::NotFound {
            capacity: fit.capacity,
        };
        for attempt in 0..MOST_ATTEMPTS {
            // The first search is the one that matters.
            let work = if attempt == 0 { fit.work } else { fit.work / 4 };
            let search = Search {
                model: &model,
                capacity: targets[0],
                slow_capacity: targets[1],
                work,
                visited: Cell::default(),
                goal: bound,
                cancels: self.cancels(),
            };
            let Some(found) = solve(search) else {
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

/// Of the errors of two attempts, the one that holds for both: a proof says nothing of an attempt
/// that merely found nothing, and needs no more bytes than the other proof.
fn weaker(first: FitError, second: FitError) -> FitError {
    let needed = |error: &FitError| match error {
        FitError::Impossible { needed, .. } => Some(*needed),
        _ => None,
    };
    match (needed(&first), needed(&second)) {
        (None, _) => first,
        (_, None) => second,
        (Some(before), Some(after)) if after < before => second,
        _ => first,
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
