//! The tensors of a map: their steps, bytes, names and gaps, in columns.
//!
//! Stands on `sink`. Invariant: there is one entry for each tensor, in their order.

#![forbid(unsafe_code)]

use std::ops::Range;

use orionrt::{Lifetimes, Plan};
use serde::Serialize;

use super::{
    column::{Column, TooLarge},
    sink::{Sink, ends},
};
use crate::input::ModelGraph;

#[derive(Debug, Serialize)]
pub(super) struct TensorsJson {
    name: Column,
    lower: Column,
    upper: Column,
    offset: Column,
    size: Column,
    within: Column,
    shape: Column,
    element: Column,
    gaps: GapsJson,
}

#[derive(Debug, Serialize)]
struct GapsJson {
    ends: Column,
    lower: Column,
    upper: Column,
}

/// What all offsets of tensors with bytes of their own are multiples of.
pub(super) fn least_alignment(plan: &Plan) -> u64 {
    let rows = plan.lifetimes().rows().iter();
    let there = rows.filter(|row| row.has_bytes() && row.within.is_none());
    there.map(|row| row.alignment).min().unwrap_or(1)
}

pub(super) fn tensors(
    plan: &Plan,
    model: Option<&ModelGraph>,
    sink: &mut Sink<'_>,
) -> Result<TensorsJson, TooLarge> {
    let lifetimes = plan.lifetimes();
    let rows = || lifetimes.rows().iter();
    let types = model.map_or(&[][..], |model| &model.tensor_types);
    let typed = |index: usize| types.get(index);
    let indices = || 0..lifetimes.len();
    let within = |row: &orionrt::lifetimes::Lifetime| {
        row.within
            .map_or(0, |within| 1 + within.root.index() as u64)
    };
    Ok(TensorsJson {
        name: sink.names(lifetimes.iter().map(|(_, name, _)| name))?,
        lower: sink.columns.add(rows().map(|row| row.lower))?,
        upper: sink.columns.add(rows().map(|row| row.upper))?,
        offset: sink.columns.add(plan.offsets().iter().copied())?,
        size: sink.columns.add(rows().map(|row| row.size))?,
        within: sink.columns.add(rows().map(within))?,
        shape: sink.names(indices().map(|i| typed(i).map_or(String::new(), |of| of.shape())))?,
        element: sink.names(
            indices().map(|i| typed(i).map_or(String::new(), |of| of.element.to_string())),
        )?,
        gaps: gaps(lifetimes, sink)?,
    })
}

fn gaps(lifetimes: &Lifetimes, sink: &mut Sink<'_>) -> Result<GapsJson, TooLarge> {
    let gaps = lifetimes.iter().map(|(id, _, _)| lifetimes.gaps(id));
    let gaps: Vec<Vec<Range<i64>>> = gaps.map(Iterator::collect).collect();
    Ok(GapsJson {
        ends: sink.columns.add(ends(gaps.iter().map(Vec::len)))?,
        lower: sink
            .columns
            .add(gaps.iter().flatten().map(|gap| gap.start))?,
        upper: sink.columns.add(gaps.iter().flatten().map(|gap| gap.end))?,
    })
}
