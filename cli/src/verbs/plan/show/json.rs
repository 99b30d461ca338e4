//! The result of `orionrt plan` as JSON, for programs.
//!
//! Stands on [`figures`](crate::figures), on [`model`](super::model) and on how memory is used over
//! time. Invariant: reading the file and planning are timed apart.

#![forbid(unsafe_code)]

use std::ops::Not;

use serde::Serialize;

use super::model::{ModelFactsJson, model_json};
use crate::{
    args::PlanArgs,
    figures::PlanJson,
    format,
    input::{AlternateFacts, HeaptrackFacts, Input, Origin, ProcessFacts, SnapshotFacts, XlaFacts},
    verbs::plan::{search::Found, usage, why},
};

#[derive(Serialize)]
pub(crate) struct Json<'p> {
    #[serde(flatten)]
    plan: PlanJson<'p>,
    elapsed_ms: f64,
    alignment: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    planned_for: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    capacity: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why_not: Option<why::Json<'p>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kept: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kept_of: Option<usize>,
    #[serde(skip_serializing_if = "Not::not")]
    interrupted: bool,
    load_ms: f64,
    load_peak_rss_bytes: Option<u64>,
    #[serde(flatten)]
    model: Option<ModelFactsJson>,
    #[serde(skip_serializing_if = "Option::is_none")]
    snapshot: Option<&'p SnapshotFacts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    heaptrack: Option<&'p HeaptrackFacts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    process: Option<&'p ProcessFacts>,
    #[cfg(target_os = "linux")]
    #[serde(skip_serializing_if = "Option::is_none")]
    recording: Option<&'p crate::input::TraceFacts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    xla: Option<&'p XlaFacts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    xla_alternate_memory: Option<&'p AlternateFacts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    report: Option<usage::Json<'p>>,
}

pub(crate) fn json<'p>(args: &PlanArgs, input: &'p Input, found: &'p Found) -> Json<'p> {
    let plan = &found.plan;
    Json {
        plan: PlanJson::new(plan),
        elapsed_ms: format::milliseconds(found.time),
        alignment: input.alignment,
        planned_for: input
            .planned_for
            .as_ref()
            .map(|device| device.name.to_string()),
        capacity: args.capacity,
        why_not: found.why.as_ref().map(|why| why::json(why, plan)),
        kept: found.kept.map(|kept| kept.tensors),
        kept_of: found.kept.map(|kept| kept.of),
        interrupted: found.interrupted,
        load_ms: format::milliseconds(input.load_time),
        load_peak_rss_bytes: input.peak_rss_bytes,
        model: match &input.origin {
            Origin::Model(model) => Some(model_json(model)),
            _ => None,
        },
        snapshot: match &input.origin {
            Origin::Snapshot(facts) => Some(facts),
            _ => None,
        },
        #[cfg(target_os = "linux")]
        recording: match &input.origin {
            Origin::Trace(facts) => Some(facts),
            _ => None,
        },
        xla: match &input.origin {
            Origin::Xla(facts) => Some(facts),
            _ => None,
        },
        xla_alternate_memory: match &input.origin {
            Origin::MemorySpaces(facts) => Some(facts),
            _ => None,
        },
        process: match &input.origin {
            Origin::Process(facts) => Some(facts),
            _ => None,
        },
        heaptrack: match &input.origin {
            Origin::Heaptrack(facts) => Some(facts),
            _ => None,
        },
        report: args.report.then(|| usage::json(plan)),
    }
}
