//! The figures of lifetimes and plans that several verbs report, as JSON and as lines of text.
//!
//! Stands on [`format`](crate::format). Invariant: a figure has one name and one definition,
//! whichever verb reports it.

#![forbid(unsafe_code)]

use orionrt::{Lifetimes, Plan};
use serde::Serialize;

use crate::{
    escape::dim_option,
    format::{self, Lines},
};

/// Tensors that have their own bytes: all except those that lie within others.
pub(crate) fn buffers(lifetimes: &Lifetimes) -> usize {
    let rows = lifetimes.rows().iter();
    rows.filter(|row| row.within.is_none()).count()
}

/// What is known of lifetimes before they are planned.
#[derive(Clone, Copy, Serialize)]
pub(crate) struct LifetimesJson {
    buffers: usize,
    total_bytes: u64,
    lower_bound: u64,
    load: u64,
}

impl LifetimesJson {
    /// The `lower_bound` is given, since alignment can raise it above that of the lifetimes.
    pub(crate) fn new(lifetimes: &Lifetimes, lower_bound: u64) -> Self {
        Self {
            buffers: buffers(lifetimes),
            total_bytes: lifetimes.total_bytes(),
            lower_bound,
            load: lifetimes.load(),
        }
    }
}

/// What a plan reaches.
#[derive(Clone, Copy, Serialize)]
pub(crate) struct PeakJson {
    peak: u64,
    ratio: f64,
    optimal: bool,
}

impl PeakJson {
    pub(crate) fn new(plan: &Plan) -> Self {
        Self {
            peak: plan.peak(),
            ratio: plan.ratio(),
            optimal: plan.is_optimal(),
        }
    }

    /// What a plan reaches beside a bound that may be higher than its own.
    pub(crate) fn beside(plan: &Plan, lower_bound: u64) -> Self {
        Self {
            peak: plan.peak(),
            ratio: ratio(plan, lower_bound),
            optimal: plan.peak() <= lower_bound,
        }
    }
}

/// The peak as a multiple of a lower bound; 1 where nothing is needed.
pub(crate) fn ratio(plan: &Plan, lower_bound: u64) -> f64 {
    match lower_bound {
        0 => 1.0,
        bound => plan.peak() as f64 / bound as f64,
    }
}

/// What limits a claim about a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Limits {
    /// How many things are left out.
    pub(crate) left_out: usize,
    /// How many dimensions are upper bounds.
    pub(crate) bounds: usize,
}

/// A plan and the lifetimes that it is for.
#[derive(Clone, Copy, Serialize)]
pub(crate) struct PlanJson<'p> {
    #[serde(flatten)]
    lifetimes: LifetimesJson,
    #[serde(flatten)]
    peak: PeakJson,
    strategy: &'p str,
}

impl<'p> PlanJson<'p> {
    pub(crate) fn new(plan: &'p Plan) -> Self {
        Self {
            lifetimes: LifetimesJson::new(plan.lifetimes(), plan.lower_bound()),
            peak: PeakJson::new(plan),
            strategy: plan.strategy(),
        }
    }

    /// The plan as one that this strategy made.
    pub(crate) fn made_by(self, strategy: &'p str) -> Self {
        Self { strategy, ..self }
    }
}

/// How far a peak is from the lower bound.
pub(crate) fn verdict(plan: &Plan, limits: Limits) -> String {
    let Limits { left_out, bounds } = limits;
    let more = match left_out {
        0 => String::new(),
        count => format!("; {} left out", format::thousands(count as u64)),
    };
    match (plan.is_optimal(), left_out, bounds) {
        (false, ..) => format!("not proven optimal{more}"),
        (true, 0, 0) => "optimal: no plan can be smaller".into(),
        (true, _, 0) => format!("optimal for what is planned{more}"),
        (true, ..) => format!("optimal for sizes at their upper bounds{more}"),
    }
}

impl Lines {
    /// The line about a dimension whose size was not given.
    pub(crate) fn assumed(self, dim: &str, size: u64) -> Self {
        let hint = format!("{dim} = {size} (change it with {})", dim_option(dim));
        self.line("assumed", hint)
    }

    /// The lines about what a plan reaches.
    pub(crate) fn peak(self, plan: &Plan, limits: Limits) -> Self {
        let verdict = verdict(plan, limits);
        self.line("lower bound", format::bytes(plan.lower_bound()))
            .line("peak", format::bytes(plan.peak()))
            .line("ratio", format!("{:.4}, {verdict}", plan.ratio()))
    }
}
