//! Pieces: which bytes of a tensor are needed at which steps.
//!
//! Stands on [`Lifetime`], [`LiveRanges`] and [`Piece`]. Most tensors are needed whole at all steps
//! of their live ranges, and nothing is kept for them. A tensor with *windows* is not: at some
//! steps only some of its bytes are needed, and others may have the rest.
//!
//! ```text
//! byte 8 ┌───────┬────┐            the tensor is needed whole at steps 0..4, its lower half in
//!      4 │       └────┼───┐        4..7 (a window), and its bytes 2..4 in 7..9 (another one)
//!      0 └────────────┘───┘
//! step   0       4    7   9
//! ```
//!
//! Invariant of what is kept of a row: the steps of two pieces are equal or have none in common;
//! they ascend, and together are the row's live ranges. Pieces of the same steps ascend, and
//! neither overlap nor touch. Steps that touch have different bytes. Some piece is not the whole
//! row.

use alloc::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    vec::Vec,
};
use core::{iter, ops::Range};

use super::{
    lifetime::Lifetime, live_ranges::LiveRanges, piece::Piece, window_mistake::WindowMistake,
};
use crate::intervals::union;

/// All that is needed of a tensor at some steps: ranges that ascend and neither overlap nor touch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Needs {
    pub(super) steps: Range<i64>,
    pub(super) bytes: Vec<Range<u64>>,
}

/// The pieces of all rows that have windows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct WindowedRows {
    rows: BTreeMap<usize, Vec<Piece>>,
}

impl WindowedRows {
    /// Whether no row has a window.
    pub(crate) fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The pieces of a row that has windows; none for another row.
    pub(crate) fn several(&self, row: usize) -> &[Piece] {
        self.rows.get(&row).map_or(&[], Vec::as_slice)
    }

    /// The rows that have windows, each with its pieces.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, &[Piece])> {
        let rows = self.rows.iter();
        rows.map(|(&row, pieces)| (row, pieces.as_slice()))
    }

    /// The pieces of a row: its live ranges if it has no windows.
    pub(crate) fn of<'a>(
        &'a self,
        row: usize,
        lifetime: &Lifetime,
        live_ranges: &'a LiveRanges,
    ) -> impl Iterator<Item = Piece> + use<'a> {
        let (several, size) = (self.several(row), lifetime.size);
        let ranges = live_ranges.of(row, lifetime);
        let whole = ranges.filter(move |_| several.is_empty());
        let whole = whole.map(move |steps| Piece::new(steps, 0..size));
        several.iter().cloned().chain(whole)
    }

    /// Replaces what is needed of a row with this size.
    pub(super) fn set(&mut self, row: usize, size: u64, needs: Vec<Needs>) {
        let is_whole = |needs: &Needs| needs.bytes.iter().eq([&(0..size)]);
        if needs.iter().all(is_whole) {
            self.rows.remove(&row);
            return;
        }
        let pieces = needs.into_iter().flat_map(|Needs { steps, bytes }| {
            let each = bytes.into_iter();
            each.map(move |bytes| Piece::new(steps.clone(), bytes))
        });
        self.rows.insert(row, pieces.collect());
    }

    /// Gives a row the pieces of a row of other lifetimes, if that one has windows.
    pub(super) fn copy(&mut self, row: usize, pieces: &[Piece]) {
        if !pieces.is_empty() {
            self.rows.insert(row, pieces.to_vec());
        }
    }

    /// Leaves of a row's pieces what is at the steps of these ranges, which ascend and do not
    /// overlap.
    pub(super) fn clip(&mut self, row: usize, size: u64, ranges: &[Range<i64>]) {
        let Entry::Occupied(entry) = self.rows.entry(row) else {
            return;
        };
        let mut clipped: Vec<Needs> = Vec::new();
        for needs in needs_of_pieces(&entry.remove()) {
            let first = ranges.partition_point(|range| range.end <= needs.steps.start);
            let within = ranges[first..].iter();
            for range in within.take_while(|range| range.start < needs.steps.end) {
                let steps = range.start.max(needs.steps.start)..range.end.min(needs.steps.end);
                push(&mut clipped, steps, &needs.bytes);
            }
        }
        self.set(row, size, clipped);
    }
}

/// The pieces of each of their steps.
pub(super) fn needs_of_pieces(pieces: &[Piece]) -> Vec<Needs> {
    let groups = pieces.chunk_by(|a, b| a.steps == b.steps);
    let needs = groups.map(|group| Needs {
        steps: group[0].steps.clone(),
        bytes: group.iter().map(|piece| piece.bytes.clone()).collect(),
    });
    needs.collect()
}

/// What is needed at the steps of some windows, none of which is empty: the bytes of all windows of
/// a step.
///
/// # Errors
/// If the windows of all steps between changes are more than `most` together.
pub(super) fn needs_of_windows(
    windows: &[Piece],
    most: usize,
) -> Result<Vec<Needs>, WindowMistake> {
    let starts = windows
        .iter()
        .enumerate()
        .map(|(i, window)| (window.steps.start, true, i));
    let ends = windows
        .iter()
        .enumerate()
        .map(|(i, window)| (window.steps.end, false, i));
    let mut events: Vec<(i64, bool, usize)> = starts.chain(ends).collect();
    events.sort_unstable();
    let mut open: BTreeSet<usize> = BTreeSet::new();
    let (mut needs, mut count) = (Vec::new(), 0);
    for (at, &(step, begins, window)) in events.iter().enumerate() {
        match begins {
            true => open.insert(window),
            false => open.remove(&window),
        };
        let next = events.get(at + 1).map_or(step, |event| event.0);
        if next > step && !open.is_empty() {
            count += open.len();
            if count > most {
                return Err(WindowMistake::TooMany { most });
            }
            let bytes = open.iter().map(|&i| windows[i].bytes.clone());
            push(&mut needs, step..next, &union(bytes.collect()));
        }
    }
    Ok(needs)
}

/// What is needed if at the steps of `over` exactly that is needed, of those that `base` has.
pub(super) fn overlaid(base: &[Needs], over: &[Needs]) -> Vec<Needs> {
    let mut all = Vec::new();
    for needs in base {
        let first = over.partition_point(|other| other.steps.end <= needs.steps.start);
        let within = over[first..].iter();
        let mut start = needs.steps.start;
        for other in within.take_while(|other| other.steps.start < needs.steps.end) {
            push(&mut all, start..other.steps.start, &needs.bytes);
            let end = other.steps.end.min(needs.steps.end);
            push(&mut all, start.max(other.steps.start)..end, &other.bytes);
            start = end;
        }
        push(&mut all, start..needs.steps.end, &needs.bytes);
    }
    all
}

/// Adds what is needed at later steps, if there are any.
fn push(all: &mut Vec<Needs>, steps: Range<i64>, bytes: &[Range<u64>]) {
    if steps.start >= steps.end {
        return;
    }
    match all.last_mut() {
        Some(last) if last.steps.end == steps.start && last.bytes == bytes => {
            last.steps.end = steps.end;
        }
        _ => all.push(Needs {
            steps,
            bytes: bytes.to_vec(),
        }),
    }
}

/// What is needed of a row without windows.
pub(super) fn whole(ranges: impl Iterator<Item = Range<i64>>, size: u64) -> Vec<Needs> {
    let each = ranges.map(|steps| Needs {
        steps,
        bytes: iter::once(0..size).collect(),
    });
    each.collect()
}
