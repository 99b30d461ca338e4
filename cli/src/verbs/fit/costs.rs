//! Where the times of operators come from: a file of measurements, or an estimate.
//!
//! Stands on `costs_file` and on the work that a model's operators have. The estimate is that of
//! the roofline model (Williams, Waterman and Patterson, *Roofline: An Insightful Visual
//! Performance Model for Multicore Architectures*, Communications of the ACM, 2009): an operator
//! takes as long as its arithmetic or as its bytes, whichever is longer. Invariant: times and their
//! sum are finite and not negative; what may not run once more costs infinitely much to rerun.

#![forbid(unsafe_code)]

use std::{collections::HashSet, path::PathBuf};

use orionrt::{TensorId, fit::OperatorCosts, graph::Op};
use orionrt_models::OperatorWork;

use super::costs_file;
use crate::{
    args::{Aliasing, FitArgs},
    failure::Failure,
    input::{self, ModelGraph},
};

/// The time of each operator, and where it is from.
pub(super) struct Costs {
    /// In the order of the graph.
    seconds: Vec<f64>,
    /// Whether each operator may run once more.
    is_repeatable: Vec<bool>,
    pub(super) source: CostSource,
}

/// Where times are from.
pub(super) enum CostSource {
    /// A file of measurements.
    Measured(PathBuf),
    /// Shapes, with operations in a second and bytes in a second.
    Estimated { flops: f64, memory: f64 },
}

impl Costs {
    pub(super) fn new(args: &FitArgs, model: &ModelGraph) -> Result<Self, Failure> {
        let (seconds, source) = match &args.costs {
            Some(path) => {
                let bytes = input::read_any(path)?;
                let ops = model.graph.ops().iter();
                let names: Vec<&str> = ops.map(|op| op.name()).collect();
                let seconds = costs_file::seconds(&bytes, &names);
                let seconds = seconds.map_err(|error| Failure::file(path, error))?;
                (seconds, CostSource::Measured(path.clone()))
            }
            None => {
                let (flops, memory) = (args.flops.0, args.memory_speed.0);
                let has_views = args.model.aliasing != Aliasing::Off;
                let ops = model.graph.ops().iter().zip(&model.operator_work);
                let seconds = ops.map(|(op, work)| match has_views && is_view(op) {
                    true => 0.0,
                    false => {
                        let arithmetic = work.operations() as f64 / flops;
                        arithmetic.max(touched(model, op, work) / memory)
                    }
                });
                (seconds.collect(), CostSource::Estimated { flops, memory })
            }
        };
        let work = model.operator_work.iter();
        Ok(Self {
            seconds,
            is_repeatable: work.map(|work| work.is_repeatable).collect(),
            source,
        })
    }

    /// The time of all operators together, in seconds.
    pub(super) fn total(&self) -> f64 {
        self.seconds.iter().sum()
    }

    /// How many operators may not run once more.
    pub(super) fn not_repeatable(&self) -> usize {
        self.is_repeatable.iter().filter(|is| !**is).count()
    }

    /// The time of each operator, also of those that may not be rerun.
    pub(super) fn times(&self) -> Option<OperatorCosts> {
        OperatorCosts::from_seconds(self.seconds.iter().copied())
    }

    /// What it costs to rerun each operator.
    pub(super) fn of_reruns(&self) -> Option<OperatorCosts> {
        let each = self.seconds.iter().zip(&self.is_repeatable);
        OperatorCosts::from_seconds(each.map(|(&seconds, &is_repeatable)| match is_repeatable {
            true => seconds,
            false => f64::INFINITY,
        }))
    }
}

/// Whether all results of an operator are parts of operands.
fn is_view(op: &Op) -> bool {
    let views: HashSet<TensorId> = op.views().iter().map(|view| view.result).collect();
    !op.writes().is_empty() && op.writes().iter().all(|id| views.contains(id))
}

/// The bytes that an operator reads and writes.
fn touched(model: &ModelGraph, op: &Op, work: &OperatorWork) -> f64 {
    let used = op.reads().iter().chain(op.writes());
    let sizes = used.filter_map(|&id| model.graph.tensor(id));
    let bytes: f64 = sizes.map(|tensor| tensor.layout().size() as f64).sum();
    bytes + work.constant_bytes as f64
}
