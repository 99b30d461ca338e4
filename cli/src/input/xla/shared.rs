//! Values that XLA has put into the same bytes, as one buffer.
//!
//! Stands on [`assignment`](super::assignment). A live range includes its last step, at which an
//! instruction reads the value and writes another: where XLA has put both at one offset, the
//! instruction works in place, and the two are one buffer.
//!
//! ```text
//! a ├───────┤              b works in place on a, c on b: one buffer
//! b         ├────┤
//! c              ├───┤     ├──┤ d: another, but for a loop, whose state has one
//!                               offset: then one buffer with a gap
//! ```
//!
//! So XLA's offsets are a plan of what comes out, unless a value is smaller than one that it works
//! in place on, and XLA uses what is left of that. Invariant: every value belongs to one buffer,
//! and is alive only when that is.

#![forbid(unsafe_code)]

use std::{collections::HashMap, ops::Range};

/// A value as far as it decides what shares bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Placed {
    /// Its first step and its last.
    pub(super) range: (i64, i64),
    pub(super) size: u64,
    /// The allocation, and the offset in it.
    pub(super) place: (usize, u64),
    pub(super) is_phi: bool,
}

/// Values in the same bytes.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Buffer {
    /// The indices of the values: the largest first, then in the order of their steps.
    pub(super) values: Vec<usize>,
    pub(super) size: u64,
    /// The steps at which one of them is alive, in ascending order; they do not touch.
    pub(super) alive: Vec<Range<i64>>,
}

/// The buffers of some values, in the order of the first of their values.
pub(super) fn buffers(values: &[Placed]) -> Vec<Buffer> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by_key(|&index| (values[index].place, values[index].range.0, index));
    let mut buffers: Vec<Vec<usize>> = Vec::new();
    // The buffer of the state of loops of a size at a place.
    let mut loops: HashMap<((usize, u64), u64), usize> = HashMap::new();
    for group in groups(values, &order) {
        let phi = group.iter().find(|&&index| values[index].is_phi);
        let next = buffers.len();
        let known = phi.map(|&index| {
            let state = (values[index].place, values[index].size);
            *loops.entry(state).or_insert(next)
        });
        match known.filter(|&known| known < next) {
            Some(known) => buffers[known].extend(group),
            None => buffers.push(group.to_vec()),
        }
    }
    let mut buffers: Vec<Buffer> = (buffers.into_iter())
        .map(|group| buffer(values, group))
        .collect();
    buffers.sort_by_key(|buffer| buffer.values.iter().min().copied());
    buffers
}

/// Parts of the order whose values are at one place and follow on each other, each from a step at
/// which an earlier one is still alive.
fn groups<'o>(values: &[Placed], order: &'o [usize]) -> Vec<&'o [usize]> {
    let mut last = i64::MIN;
    let mut begins: Vec<usize> = Vec::new();
    for (position, &index) in order.iter().enumerate() {
        let value = &values[index];
        let is_next = position > 0 && values[order[position - 1]].place == value.place;
        if !is_next || value.range.0 > last {
            begins.push(position);
            last = value.range.1;
        }
        last = last.max(value.range.1);
    }
    let ends = begins.iter().skip(1).copied().chain([order.len()]);
    let parts = begins.iter().zip(ends);
    parts.map(|(&begin, end)| &order[begin..end]).collect()
}

fn buffer(values: &[Placed], mut group: Vec<usize>) -> Buffer {
    let mut alive: Vec<Range<i64>> = Vec::new();
    group.sort_by_key(|&index| values[index].range.0);
    for &index in &group {
        let (first, last) = values[index].range;
        match alive.last_mut() {
            Some(before) if first <= before.end => before.end = before.end.max(last + 1),
            _ => alive.push(first..last + 1),
        }
    }
    let largest = (0..group.len())
        .rev()
        .max_by_key(|&at| values[group[at]].size);
    let at = largest.unwrap_or(0);
    group[..=at].rotate_right(1);
    Buffer {
        size: group.first().map_or(0, |&index| values[index].size),
        values: group,
        alive,
    }
}
