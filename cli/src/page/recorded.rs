//! What an allocator really had: bytes reserved over time, when each part of them was, and what it
//! refused.
//!
//! Stands on `column` and on the facts about a memory snapshot. Invariant: at no step are fewer
//! bytes reserved than alive.

#![forbid(unsafe_code)]

use serde::Serialize;

use super::column::{Column, Columns, TooLarge};
use crate::{
    format,
    input::{History, OutOfMemory, SnapshotFacts},
};

/// In the header of a document.
#[derive(Debug, Serialize)]
pub(super) struct RecordedJson {
    reserved: ReservedJson,
    ranges: RangesJson,
}

/// The bytes reserved from each of these steps to the next.
#[derive(Debug, Serialize)]
struct ReservedJson {
    step: Column,
    bytes: Column,
}

/// Parts of what was reserved, and the steps `lower..upper` in which they were.
#[derive(Debug, Serialize)]
struct RangesJson {
    lower: Column,
    upper: Column,
    offset: Column,
    size: Column,
}

/// A step at which something happened that is worth a word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Mark {
    step: i64,
    text: String,
}

/// Puts what was reserved into a document.
pub(super) fn recorded(history: &History, columns: &mut Columns) -> Result<RecordedJson, TooLarge> {
    let each = (0..).zip(history.reserved.iter().copied());
    let mut points: Vec<(i64, u64)> = each.collect();
    points.dedup_by_key(|&mut (_, bytes)| bytes);
    let ranges = history
        .layout
        .as_ref()
        .map_or(&[][..], |layout| &layout.reserved);
    Ok(RecordedJson {
        reserved: ReservedJson {
            step: columns.add(points.iter().map(|&(step, _)| step))?,
            bytes: columns.add(points.iter().map(|&(_, bytes)| bytes))?,
        },
        ranges: RangesJson {
            lower: columns.add(ranges.iter().map(|range| range.lower))?,
            upper: columns.add(ranges.iter().map(|range| range.upper))?,
            offset: columns.add(ranges.iter().map(|range| range.offset))?,
            size: columns.add(ranges.iter().map(|range| range.size))?,
        },
    })
}

/// The most marks on a map.
const MARKS: usize = 1000;

/// The requests that were refused, the last ones if there are very many.
pub(crate) fn marks(facts: &SnapshotFacts) -> Vec<Mark> {
    let refused = &facts.out_of_memory;
    let last = &refused[refused.len().saturating_sub(MARKS)..];
    let mark = |refused: &OutOfMemory| Mark {
        step: refused.step,
        text: format!(
            "out of memory: asked for {}",
            format::short_bytes(refused.requested)
        ),
    };
    last.iter().map(mark).collect()
}
