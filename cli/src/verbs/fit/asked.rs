//! What is asked for: a model, the ways in which it may need less memory, and what they cost.
//!
//! Stands on the loaders and on `costs`. Invariant: the model's operators are in the order of the
//! file, or in one that the user gave; the library alone may change that, if it was asked to.

#![forbid(unsafe_code)]

use std::time::Instant;

use orionrt::{
    Plan, Planner,
    fit::{Codec, Compression, Fit, FitError, Fitted, Overlap, SlowMemory},
    planner::{Cancel, PlannerError},
};

use super::{costs::Costs, weights::Weights};
use crate::{
    args::{Aliasing, FitArgs, Order},
    failure::Failure,
    input::{self, Input, ModelFacts, ModelGraph, Origin},
    progress,
};

/// A model that is read, and how it is to be fitted.
pub(super) struct Asked<'a> {
    pub(super) args: &'a FitArgs,
    pub(super) input: &'a Input,
    pub(super) facts: &'a ModelFacts,
    pub(super) model: &'a ModelGraph,
    pub(super) costs: Costs,
    /// The plan without spills and reruns, in the order in which the model is read.
    pub(super) before: Plan,
    pub(super) slow: Option<SlowMemory>,
    pub(super) cancel: &'a Cancel,
    pub(super) start: Instant,
    planner: Planner,
}

/// Reads the model.
pub(super) fn load(args: &FitArgs) -> Result<Input, Failure> {
    let mut source = args.source();
    source.model.keeps_graph = true;
    source.model.has_weights = args.stream_weights;
    // The library tries both orders.
    if source.model.order == Order::Memory {
        source.model.order = Order::File;
    }
    // Files of lifetimes may be of several memories.
    let mut memories = input::load_each(&source)?;
    let model = memories
        .pop()
        .filter(|input| matches!(input.origin, Origin::Model(_)));
    model.ok_or_else(|| no_model(args))
}

impl<'a> Asked<'a> {
    pub(super) fn new(
        args: &'a FitArgs,
        input: &'a Input,
        cancel: &'a Cancel,
    ) -> Result<Self, Failure> {
        let start = Instant::now();
        let path = &args.input;
        let (facts, model) = match &input.origin {
            Origin::Model(facts) => (&**facts, facts.graph.as_ref()),
            _ => return Err(no_model(args)),
        };
        let model = model.ok_or_else(|| no_model(args))?;
        if let Some(variable) = model.variables.first() {
            let name = model.graph.tensor(*variable).map_or("", |of| of.name());
            return Err(Failure::file(
                path,
                format!(
                    "tensor '{name}' keeps its value from one run to the next, and operators \
                     change it: a schedule with several copies of a tensor cannot have it"
                ),
            ));
        }
        let costs = Costs::new(args, model)?;
        let planner = args.search.planner(input.alignment, cancel);
        let before = progress::with_spinner("planning without spills", || {
            match args.model.aliasing {
                // Parts of results may need more than none.
                Aliasing::Parts => planner.plan_parts(&model.graph).map(|parts| parts.plan),
                _ => planner.plan(&input.lifetimes),
            }
        });
        let before = before.map_err(|error| Failure::file(path, error))?;
        let slow = args.slow.map(|capacity| {
            let [write, read] = [args.slow_write_speed, args.slow_read_speed];
            SlowMemory::new(capacity, args.slow_speed.0)
                .write_bytes_per_second(write.unwrap_or(args.slow_speed).0)
                .read_bytes_per_second(read.unwrap_or(args.slow_speed).0)
                .half_duplex(args.slow_half_duplex)
        });
        Ok(Self {
            args,
            input,
            facts,
            model,
            costs,
            before,
            slow,
            cancel,
            start,
            planner,
        })
    }

    /// Fits the model into a capacity.
    pub(super) fn fitted(&self, capacity: u64) -> Result<Fitted, FitError> {
        self.planner.fit(&self.model.graph, &self.options(capacity))
    }

    /// What was fitted into a capacity, with earlier fetches if they are asked for.
    pub(super) fn prefetched(&self, fitted: Fitted, capacity: u64) -> Result<Fitted, Failure> {
        let Some(times) = self.costs.times().filter(|_| self.args.prefetch) else {
            return Ok(fitted);
        };
        let fit = self.options(capacity);
        let early = fitted.prefetched(&self.model.graph, &fit, &times, &self.planner);
        early.map_err(|error| {
            let message = format!("cannot fetch tensors earlier (--prefetch): {error}");
            Failure::file(&self.args.input, message)
        })
    }

    /// The times of a schedule whose transfers run beside operators; `None` if a step takes longer
    /// than can be told.
    pub(super) fn overlap(&self, fitted: &Fitted) -> Option<Overlap> {
        let fit = self.options(u64::MAX);
        let schedule = fitted.schedule();
        let overlap = schedule.overlapped(&self.model.graph, &fit, &self.costs.times()?);
        overlap.ok()
    }

    /// Where the weights are, if they are tensors.
    pub(super) fn weights(&self, fitted: &Fitted) -> Option<Weights> {
        let of = || {
            let (graph, weights) = (&self.model.graph, &self.model.weights);
            Weights::of(graph, weights, fitted.schedule())
        };
        self.args.stream_weights.then(of)
    }

    /// The bytes of the weights that are tensors.
    pub(super) fn tensor_weights(&self) -> u64 {
        let weights = self.model.weights.iter();
        let tensors = weights.filter_map(|&id| self.model.graph.tensor(id));
        tensors.map(|of| of.layout().size() as u64).sum()
    }

    /// What the library is asked for, with this capacity.
    fn options(&self, capacity: u64) -> Fit {
        let args = self.args;
        let mut fit = Fit::within(capacity)
            .work(args.work)
            .recompute(!args.no_recompute)
            .reorder(args.model.order == Order::Memory)
            .aliasing(args.model.aliasing.into());
        if let Some(costs) = self.costs.of_reruns() {
            fit = fit.costs(costs);
        }
        if let Some(slow) = self.slow {
            let weights = self.model.weights.iter().copied();
            fit = fit.slow(slow).stored(weights).cold_start(true);
        }
        if let Some(compress) = args.compress {
            let codec = Codec::with_ratio(compress.ratio, compress.speed.0);
            fit = fit.compression(Compression::all(codec));
        }
        fit
    }

    /// Added seconds over the time of the model, in percent; `None` if the model takes no time, or
    /// next to none, and some is added.
    pub(super) fn percent(&self, seconds: f64) -> Option<f64> {
        if seconds == 0.0 {
            return Some(0.0);
        }
        let percent = 100.0 * seconds / self.costs.total();
        percent.is_finite().then_some(percent)
    }

    /// The failure of something that is wrong with the model or the options. `None` if there merely
    /// is no schedule.
    pub(super) fn failure(&self, error: &FitError) -> Option<Failure> {
        let is_capacity = matches!(
            error,
            FitError::Impossible { .. }
                | FitError::NotFound { .. }
                | FitError::Placement(PlannerError::Capacity { .. })
        );
        (!is_capacity).then(|| Failure::file(&self.args.input, error.clone()))
    }
}

fn no_model(args: &FitArgs) -> Failure {
    Failure::Usage(format!(
        "'{}' has no operators: expected a model, ONNX or TensorFlow Lite",
        args.input.display()
    ))
}

#[cfg(test)]
mod tests {
    use clap::Parser;
    use orionrt_test_models::tiny;

    use super::*;
    use crate::args::{Cli, Command};

    /// The arguments of `orionrt fit` for a small model of this folder, with a slow memory.
    fn args(folder: &tempfile::TempDir, options: &[&str]) -> FitArgs {
        let path = folder.path().join("model.onnx");
        std::fs::write(&path, tiny::file()).unwrap();
        let path = path.to_str().unwrap();
        let command = ["orionrt", "fit", path, "--capacity", "100%", "--slow", "1M"];
        let cli = Cli::try_parse_from(command.iter().chain(options)).unwrap();
        let Command::Fit(args) = cli.command else {
            panic!("the command is fit")
        };
        args
    }

    /// A schedule is too large for the capacity within which its fetches are to be moved.
    #[test]
    fn an_error_of_prefetching_is_a_failure_that_names_the_option() {
        let folder = tempfile::tempdir().unwrap();
        let prefetched = |options: &[&str]| {
            let args = args(&folder, options);
            let (input, cancel) = (load(&args).unwrap(), Cancel::new());
            let asked = Asked::new(&args, &input, &cancel).unwrap();
            let peak = asked.before.peak();
            let fitted = asked.fitted(peak).unwrap();
            asked.prefetched(fitted, peak / 2).map(drop)
        };
        let failure = prefetched(&["--prefetch"]).unwrap_err().to_string();
        for part in [
            "model.onnx: cannot fetch tensors earlier (--prefetch): ",
            "the schedule is wrong: ",
            "ends at byte ",
        ] {
            assert!(failure.contains(part), "'{part}' in: {failure}");
        }
        assert!(prefetched(&[]).is_ok());
    }
}
