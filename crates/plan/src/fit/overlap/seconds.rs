//! The seconds of each step, and the unit that does it.
//!
//! Stands on the schedule, the options and the times of operators. Invariant: seconds are finite
//! and not negative, and so is their sum.

use alloc::{string::ToString, vec::Vec};

use super::{
    super::{
        costs::OperatorCosts,
        options::Fit,
        schedule::{FitAction, FitSchedule, FitStep},
    },
    error::OverlapError,
};
use crate::graph::Graph;
use crate::ids::TensorId;

/// What does a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// It runs operators, and compresses and expands tensors.
    Operators,
    /// It copies tensors to the slow memory, and from it too if there is one engine for both.
    Write,
    /// It copies tensors from the slow memory.
    Read,
}

impl Unit {
    /// How many there are.
    pub(super) const COUNT: usize = 3;

    /// The unit of an action.
    pub(super) fn of(action: FitAction, fit: &Fit) -> Self {
        match action {
            FitAction::Spill(_) => Self::Write,
            FitAction::Fetch(_) if fit.slow.is_some_and(|slow| slow.is_half_duplex) => Self::Write,
            FitAction::Fetch(_) => Self::Read,
            _ => Self::Operators,
        }
    }
}

/// The seconds of each step of a schedule that has passed the check.
pub(super) fn step_seconds(
    schedule: &FitSchedule,
    graph: &Graph,
    fit: &Fit,
    costs: &OperatorCosts,
) -> Result<Vec<f64>, OverlapError> {
    let (operators, known) = (graph.ops().len(), costs.seconds().len());
    if operators != known {
        let costs = known;
        return Err(OverlapError::Costs { operators, costs });
    }
    let steps = schedule.steps.iter().enumerate();
    // No step ends later than if all steps were one after the other.
    let mut sum = 0.0;
    let seconds = steps.map(|(at, step)| {
        let seconds = seconds_of(step, schedule, graph, fit, costs);
        if !(seconds.is_finite() && seconds >= 0.0) {
            return Err(OverlapError::Seconds {
                step: at,
                subject: subject(step, graph),
                seconds,
            });
        }
        sum += seconds;
        match f64::is_finite(sum) {
            true => Ok(seconds),
            false => Err(OverlapError::Sum { step: at }),
        }
    });
    seconds.collect()
}

fn seconds_of(
    step: &FitStep,
    schedule: &FitSchedule,
    graph: &Graph,
    fit: &Fit,
    costs: &OperatorCosts,
) -> f64 {
    let written = || {
        let copies = step.writes.iter().filter_map(|&copy| schedule.copy(copy));
        copies.map(|copy| copy.bytes(graph)).sum::<u64>() as f64
    };
    let codec = |tensor: TensorId| fit.compression.codec(tensor);
    let plain = |tensor: TensorId| {
        let tensor = graph.tensor(tensor);
        tensor.map_or(0.0, |tensor| tensor.layout().size() as f64)
    };
    match step.action {
        FitAction::Run(op) | FitAction::Rerun(op) => costs.seconds()[op.index()],
        FitAction::Spill(_) => {
            let speed = fit.slow.map_or(0.0, |slow| slow.write_bytes_per_second);
            quotient(written(), speed)
        }
        FitAction::Fetch(_) => {
            let speed = fit.slow.map_or(0.0, |slow| slow.read_bytes_per_second);
            quotient(written(), speed)
        }
        FitAction::Compress(tensor) => {
            let speed = codec(tensor).map_or(0.0, |codec| codec.compress_bytes_per_second);
            quotient(plain(tensor), speed)
        }
        FitAction::Expand(tensor) => {
            let speed = codec(tensor).map_or(0.0, |codec| codec.expand_bytes_per_second);
            quotient(plain(tensor), speed)
        }
    }
}

/// The seconds for so many bytes; none take no time, whatever the speed.
fn quotient(bytes: f64, bytes_per_second: f64) -> f64 {
    match bytes == 0.0 {
        true => 0.0,
        false => bytes / bytes_per_second,
    }
}

fn subject(step: &FitStep, graph: &Graph) -> alloc::string::String {
    let name = match step.action {
        FitAction::Run(op) | FitAction::Rerun(op) => {
            graph.ops().get(op.index()).map_or("", |op| op.name())
        }
        FitAction::Spill(tensor)
        | FitAction::Fetch(tensor)
        | FitAction::Compress(tensor)
        | FitAction::Expand(tensor) => graph.tensor(tensor).map_or("", |tensor| tensor.name()),
    };
    name.to_string()
}
