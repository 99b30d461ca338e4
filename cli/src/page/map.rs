//! A map: the tensors of a plan with their steps and bytes, the operators, and the load.
//!
//! Stands on `column`, `groups`, `recorded`, `execution`, `profile` and `tensors`. Invariant: every
//! number is the plan's own; nothing is computed here that the library computes.

#![forbid(unsafe_code)]

use std::ops::Range;

use orionrt::{Lifetimes, Plan};
use orionrt_models::Body;
use serde::Serialize;

use super::{
    column::{Column, TooLarge, exact},
    execution::{Execution, ExecutionJson, execution},
    groups::{Groups, GroupsJson, groups},
    profile::{CallsJson, calls_of_tensors},
    recorded::{Mark, RecordedJson, recorded},
    savings::SavingJson,
    sink::{ListsJson, Sink},
    tensors::{TensorsJson, least_alignment, tensors},
};
use crate::input::{Calls, History, ModelGraph, Streams};

/// A map in the header of a document.
#[derive(Debug, Serialize)]
pub(super) struct MapJson {
    title: String,
    #[serde(skip_serializing_if = "is_first")]
    memory: usize,
    peak: u64,
    load: u64,
    lower_bound: u64,
    is_optimal: bool,
    strategy: String,
    alignment: u64,
    least_alignment: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    capacity: Option<u64>,
    first_step: i64,
    end_step: i64,
    operators: Option<OperatorsJson>,
    tensors: TensorsJson,
    profile: ProfileJson,
    #[serde(skip_serializing_if = "Option::is_none")]
    savings: Option<Vec<SavingJson>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    execution: Option<ExecutionJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recorded: Option<RecordedJson>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    marks: Vec<Mark>,
    #[serde(skip_serializing_if = "Option::is_none")]
    groups: Option<GroupsJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    streams: Option<GroupsJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    calls: Option<CallsJson>,
}

#[derive(Debug, Serialize)]
struct OperatorsJson {
    name: Column,
    #[serde(rename = "type")]
    kind: Column,
    reads: ListsJson,
    writes: ListsJson,
    #[serde(skip_serializing_if = "Option::is_none")]
    bodies: Option<BodiesJson>,
}

/// The bodies of control flow: the steps of their operators, and whether they run repeatedly.
#[derive(Debug, Serialize)]
struct BodiesJson {
    name: Column,
    lower: Column,
    upper: Column,
    repeated: Column,
}

/// The load from each of these steps to the next.
#[derive(Debug, Serialize)]
struct ProfileJson {
    step: Column,
    load: Column,
}

fn is_first(memory: &usize) -> bool {
    *memory == 0
}

/// What is drawn.
pub(super) struct MapSource<'p> {
    pub(super) title: &'p str,
    /// Which memory this is; maps of one memory are compared.
    pub(super) memory: usize,
    pub(super) plan: &'p Plan,
    pub(super) capacity: Option<u64>,
    pub(super) model: Option<&'p ModelGraph>,
    /// What was tried and lowers the load, if anything was tried.
    pub(super) savings: Option<Vec<SavingJson>>,
    /// How the model is executed, if that is known.
    pub(super) execution: Option<&'p Execution<'p>>,
    /// What the allocator had that placed the tensors, if this is no plan.
    pub(super) history: Option<&'p History>,
    pub(super) marks: Vec<Mark>,
    pub(super) groups: Option<&'p Groups>,
    pub(super) streams: Option<&'p Streams>,
    /// The calls that allocated the tensors, if the map is of a recording with stacks.
    pub(super) calls: Option<&'p Calls>,
}

/// Puts a map into a document; `heap_profile` is the number of the heap profile of its calls.
pub(super) fn map(
    source: MapSource<'_>,
    heap_profile: Option<usize>,
    sink: &mut Sink<'_>,
) -> Result<MapJson, TooLarge> {
    let MapSource { plan, model, .. } = source;
    let operators = model.map_or(0, |model| model.graph.ops().len() as i64);
    let recording = source.history.map_or(0, |history| history.end);
    let steps = steps(plan.lifetimes(), operators.max(recording));
    for bytes in [Some(plan.peak()), source.capacity].into_iter().flatten() {
        exact(bytes)?;
    }
    exact(steps.end)?;
    Ok(MapJson {
        title: source.title.into(),
        memory: source.memory,
        peak: plan.peak(),
        load: plan.load(),
        lower_bound: plan.lower_bound(),
        is_optimal: plan.is_optimal(),
        strategy: plan.strategy().into(),
        alignment: plan.alignment(),
        least_alignment: least_alignment(plan),
        capacity: source.capacity,
        first_step: steps.start,
        end_step: steps.end,
        operators: model.map(|model| operators_json(model, sink)).transpose()?,
        tensors: tensors(plan, model, sink)?,
        profile: profile(plan.lifetimes(), &steps, sink)?,
        savings: source.savings,
        execution: source
            .execution
            .map(|of| execution(of, model.is_some(), sink.columns, sink.strings))
            .transpose()?,
        recorded: source
            .history
            .map(|history| recorded(history, sink.columns))
            .transpose()?,
        marks: source.marks,
        groups: source
            .groups
            .map(|models| groups(&models.names, &models.of, sink.columns))
            .transpose()?,
        streams: source
            .streams
            .map(|streams| groups(&streams.names, &streams.of, sink.columns))
            .transpose()?,
        calls: heap_profile
            .zip(source.calls)
            .map(|(profile, calls)| calls_of_tensors(profile, calls, sink.columns))
            .transpose()?,
    })
}

/// The steps of all lifetimes, also of those that end where they begin, and so many from 0 on, in
/// which operators run or something was recorded.
fn steps(lifetimes: &Lifetimes, known: i64) -> Range<i64> {
    let rows = || lifetimes.rows().iter();
    let lower = rows().map(|row| row.lower).min().unwrap_or(0);
    let upper = rows().map(|row| row.upper).max().unwrap_or(0);
    let (lower, upper) = match known {
        0 => (lower, upper),
        _ => (lower.min(0), upper.max(known)),
    };
    lower..upper.max(lower.saturating_add(1))
}

fn operators_json(model: &ModelGraph, sink: &mut Sink<'_>) -> Result<OperatorsJson, TooLarge> {
    let ops = model.graph.ops();
    Ok(OperatorsJson {
        name: sink.names(ops.iter().map(|op| op.name()))?,
        kind: sink.names(&model.operator_types)?,
        reads: sink.lists(ops.iter().map(|op| op.reads()))?,
        writes: sink.lists(ops.iter().map(|op| op.writes()))?,
        bodies: match &model.bodies[..] {
            [] => None,
            bodies => Some(bodies_json(bodies, sink)?),
        },
    })
}

fn bodies_json(bodies: &[Body], sink: &mut Sink<'_>) -> Result<BodiesJson, TooLarge> {
    let operators = || bodies.iter().map(|body| &body.operators);
    let repeated = bodies.iter().map(|body| u8::from(body.is_repeated));
    Ok(BodiesJson {
        name: sink.names(bodies.iter().map(|body| &body.name))?,
        lower: sink.columns.add(operators().map(|of| of.start as u64))?,
        upper: sink.columns.add(operators().map(|of| of.end as u64))?,
        repeated: sink.columns.add(repeated)?,
    })
}

fn profile(
    lifetimes: &Lifetimes,
    steps: &Range<i64>,
    sink: &mut Sink<'_>,
) -> Result<ProfileJson, TooLarge> {
    let mut points: Vec<(i64, u64)> = Vec::new();
    let mut end = steps.start;
    for (section, load) in lifetimes.load_profile() {
        if section.start > end {
            points.push((end, 0));
        }
        points.push((section.start, load));
        end = section.end;
    }
    if end < steps.end {
        points.push((end, 0));
    }
    points.dedup_by_key(|&mut (_, load)| load);
    Ok(ProfileJson {
        step: sink.columns.add(points.iter().map(|&(step, _)| step))?,
        load: sink.columns.add(points.iter().map(|&(_, load)| load))?,
    })
}
