//! Buffers that lie within the gaps of others.
//!
//! Stands on the interference of gaps. A buffer that lives within a gap of a *host*, and is no
//! larger, may have bytes of the host: it is nested there. What is left are fewer buffers, which
//! are placed as if they had no gaps. First come buffers that fill a gap exactly, as a result of
//! one branch does with that of another; then gaps are filled like small memories of their own, the
//! largest first.
//!
//! ```text
//! offset │ ┌host┐┌─a─┐┌host┐       a fills the gap of the host at offset 0;
//!        │ │    ││┌b┐││    │       b lies in the gap of a
//!        └──────────────────── step
//! ```
//!
//! Invariant: a nested buffer is alive only at steps of one gap of its host, and shares no byte
//! with the others that are nested in that gap while they are alive.

use alloc::{collections::BTreeMap, vec, vec::Vec};
use core::{cmp::Reverse, ops::Range};

use super::conflict::Interference;
use super::gap::first_gap;
use crate::ids::TensorId;
use crate::lifetimes::Lifetime;

/// The most buffers that are looked at to fill gaps that no buffer fills exactly.
const MOST_LOOKED_AT: usize = 1 << 22;

/// Where a nested buffer lies.
#[derive(Clone, Copy, Debug)]
struct Place {
    host: usize,
    /// Counted from the start of the host, in bytes.
    offset: u64,
}

/// A gap of a buffer.
#[derive(Debug)]
struct Gap {
    host: usize,
    steps: Range<i64>,
}

/// The nested buffers, and those that are left.
#[derive(Debug)]
pub(super) struct Nesting {
    /// For each buffer, where it is nested.
    places: Vec<Option<Place>>,
    /// The buffers that are not nested.
    outer: Vec<usize>,
}

impl Nesting {
    /// Nests the buffers as far as it goes; `None` if that is nowhere.
    pub(super) fn new(buffers: &[Lifetime], interference: &Interference<'_>) -> Option<Self> {
        let mut places = vec![None; buffers.len()];
        let gaps = gaps(buffers, interference);
        let rest = fill_exactly(buffers, gaps, &mut places);
        fill(buffers, rest, &mut places);
        let outer = (0..buffers.len()).filter(|&i| places[i].is_none());
        let outer: Vec<usize> = outer.collect();
        (outer.len() < buffers.len()).then_some(Self { places, outer })
    }

    /// The buffers that are not nested, in ascending order.
    pub(super) fn outer(&self) -> &[usize] {
        &self.outer
    }

    /// The offsets of all buffers, from those of the buffers that are not nested.
    pub(super) fn offsets(&self, buffers: &[Lifetime], of_outer: &[u64]) -> Vec<u64> {
        let mut offsets = vec![0; buffers.len()];
        for (&i, &offset) in self.outer.iter().zip(of_outer) {
            offsets[i] = offset;
        }
        // A host lives longer than what is nested in it.
        let nested = self.places.iter().enumerate();
        let nested = nested.filter_map(|(i, place)| Some((i, (*place)?)));
        let mut nested: Vec<(usize, Place)> = nested.collect();
        nested.sort_by_key(|(i, _)| Reverse(life(&buffers[*i])));
        for (i, place) in nested {
            offsets[i] = offsets[place.host] + place.offset;
        }
        offsets
    }
}

/// The gaps of buffers that may be anywhere, the largest first.
fn gaps(buffers: &[Lifetime], interference: &Interference<'_>) -> Vec<Gap> {
    let each = interference.tensors.iter().enumerate();
    let hosts = each.filter(|(host, _)| buffers[*host].fixed_offset.is_none());
    let gaps = hosts.flat_map(|(host, &tensor)| {
        let gaps = interference.lifetimes.gaps(TensorId::from_index(tensor));
        gaps.map(move |steps| Gap { host, steps })
    });
    let mut gaps: Vec<Gap> = gaps.collect();
    gaps.sort_by_key(|gap| {
        let steps = gap.steps.start.abs_diff(gap.steps.end);
        Reverse(u128::from(steps) * u128::from(buffers[gap.host].size))
    });
    gaps
}

fn life(buffer: &Lifetime) -> u64 {
    buffer.lower.abs_diff(buffer.upper)
}

/// Whether a buffer may be nested in another one that has a gap at its steps.
fn is_nestable(buffer: &Lifetime, host: &Lifetime) -> bool {
    buffer.fixed_offset.is_none() && buffer.size <= host.size && buffer.alignment <= host.alignment
}

/// Nests buffers in gaps that have exactly their steps and their size; returns the other gaps.
fn fill_exactly(buffers: &[Lifetime], gaps: Vec<Gap>, places: &mut [Option<Place>]) -> Vec<Gap> {
    // The buffers that may be anywhere, by their steps, size and alignment.
    let mut by_shape: BTreeMap<(i64, i64, u64, u64), Vec<usize>> = BTreeMap::new();
    for (i, buffer) in buffers.iter().enumerate().rev() {
        if buffer.fixed_offset.is_none() {
            let shape = (buffer.lower, buffer.upper, buffer.size, buffer.alignment);
            by_shape.entry(shape).or_default().push(i);
        }
    }
    let is_left = |gap: &Gap| {
        let host = &buffers[gap.host];
        let shape = |alignment| (gap.steps.start, gap.steps.end, host.size, alignment);
        // Of those that the host is aligned for, one with the strictest alignment.
        let mut nestable = by_shape.range_mut(shape(0)..=shape(host.alignment));
        let Some((&shape, alike)) = nestable.next_back() else {
            return true;
        };
        if let Some(one) = alike.pop() {
            let (host, offset) = (gap.host, 0);
            places[one] = Some(Place { host, offset });
        }
        if alike.is_empty() {
            by_shape.remove(&shape);
        }
        false
    };
    let mut gaps = gaps;
    gaps.retain(is_left);
    gaps
}

/// Nests buffers in the gaps, each at its lowest free offset, those first that fill most of a gap.
fn fill(buffers: &[Lifetime], gaps: Vec<Gap>, places: &mut [Option<Place>]) {
    let mut by_start: Vec<usize> = (0..buffers.len()).collect();
    by_start.sort_by_key(|&i| (buffers[i].lower, i));
    let mut looked_at = 0;
    for Gap { host, steps } in gaps {
        if looked_at > MOST_LOOKED_AT {
            return;
        }
        let first = by_start.partition_point(|&i| buffers[i].lower < steps.start);
        let within = by_start[first..].iter();
        let within = within.take_while(|&&i| buffers[i].lower < steps.end);
        let mut within: Vec<usize> = within
            .inspect(|_| looked_at += 1)
            .copied()
            .filter(|&i| buffers[i].upper <= steps.end && places[i].is_none())
            .filter(|&i| is_nestable(&buffers[i], &buffers[host]))
            .collect();
        let area = |buffer: &Lifetime| u128::from(buffer.size) * u128::from(life(buffer));
        within.sort_by_key(|&i| (Reverse(area(&buffers[i])), i));
        let mut inside: Vec<(usize, u64)> = Vec::new();
        for i in within {
            looked_at += inside.len();
            if looked_at > MOST_LOOKED_AT {
                return;
            }
            if let Some(offset) = room(buffers, &inside, i, buffers[host].size) {
                inside.push((i, offset));
                places[i] = Some(Place { host, offset });
            }
        }
    }
}

/// The lowest offset below `height` at which a buffer has room beside those inside.
fn room(buffers: &[Lifetime], inside: &[(usize, u64)], one: usize, height: u64) -> Option<u64> {
    let buffer = &buffers[one];
    let beside = inside.iter().filter(|(i, _)| buffers[*i].conflicts(buffer));
    let taken = beside.map(|&(i, offset)| offset..offset + buffers[i].size);
    let mut taken: Vec<Range<u64>> = taken.collect();
    taken.sort_unstable_by_key(|bytes| bytes.start);
    let offset = first_gap(&taken, 0, buffer.size, buffer.alignment);
    (offset.saturating_add(buffer.size) <= height).then_some(offset)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lifetimes::Lifetimes;
    use alloc::{format, string::String};

    fn nested(rows: &[(&str, i64, i64, u64, u64)], gaps: &[(u32, Range<i64>)]) -> Vec<u64> {
        let lifetimes = Lifetimes::from_rows(rows.iter().copied()).unwrap();
        let gaps = gaps
            .iter()
            .map(|(i, gap)| (TensorId::new(*i), vec![gap.clone()]));
        let lifetimes = lifetimes.with_all_gaps(gaps).unwrap();
        let tensors: Vec<usize> = (0..rows.len()).collect();
        let interference = Interference {
            lifetimes: &lifetimes,
            tensors: &tensors,
        };
        let nesting = Nesting::new(lifetimes.rows(), &interference).unwrap();
        // Those that are not nested lie a thousand bytes from each other.
        let outer = (0..nesting.outer().len() as u64).map(|i| 1000 * i);
        nesting.offsets(lifetimes.rows(), &outer.collect::<Vec<_>>())
    }

    #[test]
    fn gaps_are_filled_exactly_and_one_within_the_other() {
        let rows = [
            ("b", 4, 6, 8, 1),
            ("other", 2, 8, 7, 1),
            ("a", 2, 8, 8, 1),
            ("host", 0, 10, 8, 1),
        ];
        let offsets = nested(&rows, &[(3, 2..8), (2, 4..6)]);
        assert_eq!(offsets, [1000, 0, 1000, 1000]);
    }

    #[test]
    fn a_gap_is_filled_by_several_where_none_fills_it_exactly() {
        let rows = [
            ("host", 0, 10, 100, 4),
            ("left", 2, 5, 60, 4),
            ("right", 5, 8, 90, 4),
            ("above", 3, 5, 38, 4),
            ("too high", 3, 5, 30, 4),
            ("too strict", 2, 3, 8, 8),
            ("too long", 2, 9, 8, 4),
        ];
        let offsets = nested(&rows, &[(0, 2..8)]);
        assert_eq!(offsets, [0, 0, 0, 60, 1000, 2000, 3000]);
    }

    #[test]
    fn the_strictest_alignment_that_a_host_has_goes_there() {
        let rows = [
            ("strict host", 0, 10, 64, 64),
            ("host", 0, 10, 64, 4),
            ("a", 2, 8, 64, 4),
            ("b", 2, 8, 64, 64),
        ];
        let offsets = nested(&rows, &[(0, 2..8), (1, 2..8)]);
        assert_eq!(offsets, [0, 1000, 1000, 0]);
    }

    #[test]
    fn a_gap_with_many_buffers_is_not_filled_to_the_end() {
        let names: Vec<String> = (0..4000).map(|i| format!("{i}")).collect();
        let within = names.iter().map(|name| (name.as_str(), 2, 8, 1, 1));
        let host = ("host", 0, 10, 4000, 1);
        let lifetimes = Lifetimes::from_rows(within.chain([host])).unwrap();
        let lifetimes = lifetimes
            .with_gaps(TensorId::new(4000), Some(2..8))
            .unwrap();
        let tensors: Vec<usize> = (0..=4000).collect();
        let interference = Interference {
            lifetimes: &lifetimes,
            tensors: &tensors,
        };
        let nesting = Nesting::new(lifetimes.rows(), &interference).unwrap();
        // All of them would be 8 million pairs.
        let nested = 4001 - nesting.outer().len();
        assert!((2000..3000).contains(&nested), "{nested}");
    }

    #[test]
    fn nothing_is_nested_where_nothing_fits() {
        let lifetimes = Lifetimes::from_rows([("a", 0, 9, 8, 1), ("b", 2, 4, 9, 1)]).unwrap();
        let lifetimes = lifetimes.with_gaps(TensorId::new(0), Some(2..4)).unwrap();
        let interference = Interference {
            lifetimes: &lifetimes,
            tensors: &[0, 1],
        };
        assert!(Nesting::new(lifetimes.rows(), &interference).is_none());
    }
}
