//! The tensors of a map: their steps, bytes, names, gaps and windows, in columns.
//!
//! Stands on `sink`. Invariant: there is one entry for each tensor, in their order.

#![forbid(unsafe_code)]

use std::ops::Range;

use orionrt::{Lifetimes, Plan, TensorId, lifetimes::Piece};
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
    #[serde(skip_serializing_if = "Option::is_none")]
    windows: Option<WindowsJson>,
}

#[derive(Debug, Serialize)]
struct GapsJson {
    ends: Column,
    lower: Column,
    upper: Column,
}

/// What tensors with windows need: some bytes at some steps.
#[derive(Debug, Serialize)]
struct WindowsJson {
    ends: Column,
    lower: Column,
    upper: Column,
    first: Column,
    end: Column,
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
        windows: match lifetimes.has_windows() {
            true => Some(windows(lifetimes, sink)?),
            false => None,
        },
    })
}

/// The pieces of a tensor that is not needed whole whenever it is alive; none of any other.
fn windows_of(lifetimes: &Lifetimes, id: TensorId) -> Vec<Piece> {
    let size = lifetimes.get(id).map_or(0, |row| row.size);
    let pieces: Vec<Piece> = lifetimes.pieces(id).collect();
    match pieces.iter().all(|piece| piece.bytes == (0..size)) {
        true => Vec::new(),
        false => pieces,
    }
}

fn windows(lifetimes: &Lifetimes, sink: &mut Sink<'_>) -> Result<WindowsJson, TooLarge> {
    let each = lifetimes.iter().map(|(id, _, _)| windows_of(lifetimes, id));
    let each: Vec<Vec<Piece>> = each.collect();
    let all = || each.iter().flatten();
    Ok(WindowsJson {
        ends: sink.columns.add(ends(each.iter().map(Vec::len)))?,
        lower: sink.columns.add(all().map(|piece| piece.steps.start))?,
        upper: sink.columns.add(all().map(|piece| piece.steps.end))?,
        first: sink.columns.add(all().map(|piece| piece.bytes.start))?,
        end: sink.columns.add(all().map(|piece| piece.bytes.end))?,
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
