//! The times of a schedule as an answer: [`Overlap`].
//!
//! Stands on `clock` and the check. Invariant: the schedule has passed the check.

use alloc::vec::Vec;

use super::{
    super::{
        costs::OperatorCosts,
        options::Fit,
        schedule::{FitAction, FitSchedule},
    },
    clock::{Clock, times},
    error::OverlapError,
    seconds::{Unit, step_seconds},
};
use crate::graph::Graph;

/// When a step of a schedule starts and ends, in seconds from the start of the schedule.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct StepTime {
    /// When it starts.
    pub start: f64,
    /// When it ends.
    pub end: f64,
}

/// The times of a schedule whose transfers run beside its operators: what
/// [`FitSchedule::overlapped`] finds.
#[derive(Clone, Debug, PartialEq)]
pub struct Overlap {
    steps: Vec<StepTime>,
    seconds: f64,
    waited: f64,
    serial: f64,
    added: f64,
}

impl Overlap {
    /// The time of the whole schedule: when its last step ends.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        self.seconds
    }

    /// How long operators wait for transfers: the time in which none runs. That after the last
    /// operator, in which the last transfers end, counts.
    #[must_use]
    pub fn waited_seconds(&self) -> f64 {
        self.waited
    }

    /// The time that is added to that of running each operator once: reruns, compressing,
    /// expanding, and waiting.
    #[must_use]
    pub fn added_seconds(&self) -> f64 {
        self.added + self.waited
    }

    /// The time of all steps one after the other.
    #[must_use]
    pub fn serial_seconds(&self) -> f64 {
        self.serial
    }

    /// When each step starts and ends.
    #[must_use]
    pub fn steps(&self) -> &[StepTime] {
        &self.steps
    }
}

impl FitSchedule {
    /// Simulates this schedule of `graph` with transfers that run beside operators, each of which
    /// takes the time that `costs` has. The slow memory and the codecs are those of `fit`; its own
    /// [costs](Fit::costs), which say what may be rerun, are not looked at. [The
    /// module](crate::fit) says which steps wait for which. O(n log n) for n steps, copies,
    /// operands and results.
    ///
    /// ```
    /// use core::alloc::Layout;
    /// use orionrt_plan::{GraphBuilder, Planner, fit::{Fit, OperatorCosts, SlowMemory}};
    ///
    /// let mut g = GraphBuilder::new();
    /// let mut tensor = |name, size| g.tensor(name, Layout::array::<u8>(size).expect("small"));
    /// let [x, skip, c, y] = ["x", "skip", "c", "y"].map(|name| tensor(name, 1000));
    /// let [a, b] = ["a", "b"].map(|name| tensor(name, 2000));
    /// g.op("conv 0").reads([x]).writes([skip]);
    /// g.op("conv 1").reads([skip]).writes([a]);
    /// g.op("conv 2").reads([a]).writes([b]);
    /// g.op("conv 3").reads([b]).writes([c]);
    /// g.op("add").reads([c, skip]).writes([y]);
    /// let graph = g.output(y).build()?;
    ///
    /// let fit = Fit::within(4000).slow(SlowMemory::new(1 << 20, 1e6));
    /// let fitted = Planner::new().fit(&graph, &fit)?;
    /// let costs = OperatorCosts::from_seconds([0.01; 5]).expect("positive numbers");
    /// let overlap = fitted.schedule().overlapped(&graph, &fit, &costs)?;
    /// // The spill and the fetch take 1 ms each: the one while `conv 1` runs, the other while
    /// // `conv 3` does.
    /// assert_eq!(fitted.cost().seconds(), 0.002);
    /// assert_eq!(overlap.waited_seconds(), 0.0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If the schedule does not pass [`check`](Self::check), if there is not one time for each
    /// operator, or if the steps take no finite time.
    pub fn overlapped(
        &self,
        graph: &Graph,
        fit: &Fit,
        costs: &OperatorCosts,
    ) -> Result<Overlap, OverlapError> {
        self.check(graph, fit).map_err(OverlapError::Schedule)?;
        let seconds = step_seconds(self, graph, fit, costs)?;
        let actions = self.steps.iter().map(|step| step.action);
        let units: Vec<Unit> = actions.clone().map(|of| Unit::of(of, fit)).collect();
        let clock = times(self, graph, &units, &seconds);
        let added = actions
            .zip(&seconds)
            .filter_map(|(action, &seconds)| match action {
                FitAction::Run(_) | FitAction::Spill(_) | FitAction::Fetch(_) => None,
                _ => Some(seconds),
            });
        Ok(Overlap {
            steps: step_times(&clock).collect(),
            seconds: clock.seconds,
            waited: clock.waited,
            serial: seconds.iter().sum(),
            added: added.sum(),
        })
    }
}

fn step_times(clock: &Clock) -> impl Iterator<Item = StepTime> {
    let starts = clock.starts.iter().zip(&clock.ends);
    starts.map(|(&start, &end)| StepTime { start, end })
}
