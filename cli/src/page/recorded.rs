//! What an allocator really had: bytes reserved over time, when each part of them was, and what it
//! refused.
//!
//! Stands on `column`, `groups` and on the facts about recordings. Invariant: unless blocks share
//! bytes, at no step are fewer bytes reserved than alive.

#![forbid(unsafe_code)]

use serde::Serialize;

use super::{
    column::{Column, Columns, TooLarge},
    groups::{GroupsJson, groups},
};
use crate::{
    format,
    input::{History, OutOfMemory, RangeKind, Segments, SnapshotFacts},
};

/// In the header of a document.
#[derive(Debug, Serialize)]
pub(super) struct RecordedJson {
    /// The bytes of a memory page, if the ranges are pages that blocks lie in.
    #[serde(skip_serializing_if = "Option::is_none")]
    page_size: Option<u64>,
    reserved: ReservedJson,
    ranges: RangesJson,
    /// 0, or one more than the range that a block begins in, if the ranges are segments.
    #[serde(skip_serializing_if = "Option::is_none")]
    range: Option<Column>,
    /// Which ranges serve the same requests, if not all of them do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pools: Option<GroupsJson>,
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
    /// The number of the pool that could have served it, if there are several.
    #[serde(skip_serializing_if = "Option::is_none")]
    pool: Option<u32>,
}

/// Puts what was reserved into a document.
pub(super) fn recorded(history: &History, columns: &mut Columns) -> Result<RecordedJson, TooLarge> {
    let layout = history.layout.as_ref();
    let ranges = layout.map_or(&[][..], |layout| &layout.reserved);
    let (page_size, segments) = match &history.kind {
        RangeKind::Segments(segments) => (None, Some(segments)),
        RangeKind::Pages(bytes) => (Some(*bytes), None),
    };
    let parts = segments.map(|segments| segments.of_blocks.iter());
    let numbers = parts.map(|parts| parts.map(|part| part.map_or(0, |part| 1 + part)));
    let pools = segments
        .filter(|_| layout.is_some())
        .filter(has_several_pools);
    Ok(RecordedJson {
        page_size,
        reserved: ReservedJson {
            step: columns.add(history.reserved.iter().map(|&(step, _)| step))?,
            bytes: columns.add(history.reserved.iter().map(|&(_, bytes)| bytes))?,
        },
        ranges: RangesJson {
            lower: columns.add(ranges.iter().map(|range| range.lower))?,
            upper: columns.add(ranges.iter().map(|range| range.upper))?,
            offset: columns.add(ranges.iter().map(|range| range.offset))?,
            size: columns.add(ranges.iter().map(|range| range.size))?,
        },
        range: numbers.map(|numbers| columns.add(numbers)).transpose()?,
        pools: pools
            .map(|Segments { pools, pool_of, .. }| {
                let names: Vec<String> = pools.iter().map(|pool| pool.name()).collect();
                groups(&names, pool_of, columns)
            })
            .transpose()?,
    })
}

/// Whether some requests are not served from all segments.
fn has_several_pools(segments: &&Segments) -> bool {
    segments.pools.len() > 1
}

/// Why a page has no map of what an allocator did.
pub(crate) const OVERLAP: &str =
    "addresses of blocks overlap or exceed 64 bits: where they were is not drawn";

/// The most marks on a map.
const MARKS: usize = 1000;

/// The requests that were refused, the last ones if there are very many. `is_drawn`: whether they
/// are on a map of the allocator.
pub(crate) fn marks(facts: &SnapshotFacts, is_drawn: bool) -> Vec<Mark> {
    let refused = &facts.out_of_memory;
    let last = &refused[refused.len().saturating_sub(MARKS)..];
    let drawn = facts.drawn.as_ref().filter(|_| is_drawn);
    let segments = drawn.and_then(|drawn| match &drawn.history.kind {
        RangeKind::Segments(segments) => Some(segments).filter(has_several_pools),
        RangeKind::Pages(_) => None,
    });
    let mark = |refused: &OutOfMemory| Mark {
        pool: segments.and_then(|segments| segments.place(refused.pool)),
        step: refused.step,
        text: format!(
            "out of memory: asked for {}",
            format::short_bytes(refused.requested)
        ),
    };
    last.iter().map(mark).collect()
}
