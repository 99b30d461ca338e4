//! An oracle for plans of tensors with gaps, which follows the definition: at no step do two rows
//! that are alive share a byte.
//!
//! Every step is looked at by itself, and at each of them all pairs of rows. Optima are found by
//! trying all offsets. Shares no code with planner, plan or bounds; knows nothing of ranges.

use std::ops::Range;

use orionrt_plan::{Lifetimes, TensorId, lifetimes::Lifetime};
use proptest::prelude::*;

use crate::any::keep_fixed_apart;

/// A row, whose name is its position.
#[derive(Clone, Debug)]
pub struct GapRow {
    /// The lifetime, including all gaps.
    pub lifetime: Lifetime,
    /// The gaps: they lie within the lifetime and do not overlap.
    pub gaps: Vec<Range<i64>>,
}

impl GapRow {
    /// Whether the row needs its bytes at a step.
    pub fn is_alive(&self, step: i64) -> bool {
        let Lifetime {
            lower, upper, size, ..
        } = self.lifetime;
        size > 0 && lower <= step && step < upper && !self.gaps.iter().any(|g| g.contains(&step))
    }
}

/// All steps at which any row might be alive.
fn steps(rows: &[GapRow]) -> Range<i64> {
    let lower = rows.iter().map(|row| row.lifetime.lower).min();
    let upper = rows.iter().map(|row| row.lifetime.upper).max();
    lower.unwrap_or(0)..upper.unwrap_or(0)
}

/// Whether two rows are alive at a common step.
pub fn conflict(rows: &[GapRow], a: usize, b: usize) -> bool {
    a != b && steps(rows).any(|step| rows[a].is_alive(step) && rows[b].is_alive(step))
}

/// The bytes that are alive at a step.
pub fn load_at(rows: &[GapRow], step: i64) -> u64 {
    let alive = rows.iter().filter(|row| row.is_alive(step));
    alive.map(|row| row.lifetime.size).sum()
}

/// The most bytes that are alive at a step.
pub fn load(rows: &[GapRow]) -> u64 {
    let loads = steps(rows).map(|step| load_at(rows, step));
    loads.max().unwrap_or(0)
}

/// The peak of these offsets, or why they are not a plan of these rows.
pub fn peak_of(rows: &[GapRow], offsets: &[u64]) -> Result<u64, String> {
    for (i, (row, offset)) in rows.iter().zip(offsets).enumerate() {
        let Lifetime {
            alignment,
            fixed_offset,
            ..
        } = row.lifetime;
        if offset % alignment != 0 || fixed_offset.is_some_and(|fixed| fixed != *offset) {
            return Err(format!("row {i} may not be at {offset}"));
        }
    }
    let mut peak = 0;
    for step in steps(rows) {
        let alive: Vec<usize> = (0..rows.len())
            .filter(|&i| rows[i].is_alive(step))
            .collect();
        let bytes = |i: usize| offsets[i]..offsets[i] + rows[i].lifetime.size;
        for (at, &a) in alive.iter().enumerate() {
            peak = peak.max(bytes(a).end);
            if let Some(b) = alive[..at].iter().find(|&&b| overlap(&bytes(a), &bytes(b))) {
                return Err(format!("rows {b} and {a} share bytes at step {step}"));
            }
        }
    }
    Ok(peak)
}

fn overlap(a: &Range<u64>, b: &Range<u64>) -> bool {
    a.start < b.end && b.start < a.end
}

/// The lowest peak of any plan, by trying all offsets; for a few small rows only.
pub fn optimum(rows: &[GapRow]) -> u64 {
    let conflicts: Vec<Vec<bool>> = (0..rows.len())
        .map(|a| (0..a).map(|b| conflict(rows, a, b)).collect())
        .collect();
    let placed = &mut Vec::new();
    (load(rows)..)
        .find(|&peak| fits(rows, &conflicts, peak, placed))
        .expect("some peak is high enough")
}

/// Whether the rows behind those placed fit below `peak`.
fn fits(rows: &[GapRow], conflicts: &[Vec<bool>], peak: u64, placed: &mut Vec<u64>) -> bool {
    let at = placed.len();
    let Some(row) = rows.get(at) else {
        return true;
    };
    let Lifetime {
        size,
        alignment,
        fixed_offset,
        ..
    } = row.lifetime;
    let is_ever_alive = steps(rows).any(|step| row.is_alive(step));
    let offsets: Vec<u64> = match fixed_offset {
        Some(fixed) => vec![fixed],
        None if !is_ever_alive => vec![0],
        None => (0..=peak).step_by(alignment as usize).collect(),
    };
    for offset in offsets {
        let bytes = offset..offset + size;
        let mut others = (0..at).filter(|&b| conflicts[at][b]);
        let is_free =
            others.all(|b| !overlap(&bytes, &(placed[b]..placed[b] + rows[b].lifetime.size)));
        if is_ever_alive && !(is_free && bytes.end <= peak) {
            continue;
        }
        placed.push(offset);
        let found = fits(rows, conflicts, peak, placed);
        placed.pop();
        if found {
            return true;
        }
    }
    false
}

/// The rows as the library's lifetimes, named by their positions.
pub fn lifetimes(rows: &[GapRow]) -> Lifetimes {
    let named = rows.iter().enumerate();
    let named = named.map(|(i, row)| (i.to_string(), row.lifetime));
    let gaps = rows.iter().enumerate();
    let gaps = gaps.map(|(i, row)| (TensorId::new(i as u32), row.gaps.clone()));
    let lifetimes = Lifetimes::from_named(named).unwrap();
    lifetimes.with_all_gaps(gaps).unwrap()
}

/// Up to `most` rows with gaps, of which many touch a bound of the lifetime or each other.
/// Fixed offsets leave the fixed rows apart.
pub fn gap_rows(most: usize, steps: i64, size: u64) -> impl Strategy<Value = Vec<GapRow>> {
    let gaps = proptest::collection::vec((0..4i64, 1..5i64), 0..4);
    let fixed = prop_oneof![9 => Just(None), 1 => (0..4u64).prop_map(Some)];
    let row = (
        0..steps,
        0..=steps,
        0..=size,
        0..3u32,
        fixed,
        gaps,
        any::<bool>(),
    );
    let row = row.prop_map(|(lower, length, size, a, fixed, distances, is_reversed)| {
        let upper = lower + length;
        let mut lifetime = Lifetime::new(lower, upper, size).with_alignment(1 << a);
        lifetime.fixed_offset = fixed.map(|grains| grains << a);
        let (mut gaps, mut end) = (Vec::new(), lower);
        for (distance, length) in distances {
            let gap = end + distance..(end + distance + length).min(upper);
            end = gap.end;
            gaps.extend((gap.start < gap.end).then_some(gap));
        }
        if is_reversed {
            gaps.reverse();
        }
        GapRow { lifetime, gaps }
    });
    proptest::collection::vec(row, 0..=most).prop_map(|mut rows: Vec<GapRow>| {
        keep_fixed_apart(
            &mut rows,
            |row| &mut row.lifetime.fixed_offset,
            |fixed, offsets| peak_of(fixed, offsets).is_ok(),
        );
        rows
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(lower: i64, upper: i64, size: u64, gaps: &[Range<i64>]) -> GapRow {
        GapRow {
            lifetime: Lifetime::new(lower, upper, size),
            gaps: gaps.to_vec(),
        }
    }

    #[test]
    fn bytes_are_free_in_a_gap_and_nowhere_else() {
        let rows = [
            row(0, 6, 8, &[2..3, 3..4]),
            row(2, 4, 8, &[]),
            row(3, 5, 8, &[]),
        ];
        assert_eq!((load(&rows), optimum(&rows)), (16, 16));
        assert_eq!(peak_of(&rows, &[0, 0, 8]), Ok(16));
        let refused = peak_of(&rows, &[0, 8, 0]).unwrap_err();
        assert_eq!(refused, "rows 0 and 2 share bytes at step 4");
        assert!(!conflict(&rows, 0, 1) && conflict(&rows, 0, 2));
    }
}
