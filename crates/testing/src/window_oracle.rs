//! An oracle for plans of tensors with windows, which follows the definition: at no step do two
//! rows need the same byte of the region.
//!
//! Every byte of every step is looked at by itself. Optima are found by trying all offsets. Shares
//! no code with planner, plan or bounds; knows nothing of ranges or pieces.

use std::{collections::BTreeMap, ops::Range};

use orionrt_plan::{
    Lifetimes, TensorId,
    lifetimes::{Lifetime, Piece},
};
use proptest::prelude::*;

use crate::any::keep_fixed_apart;

/// A row, whose name is its position.
#[derive(Clone, Debug)]
pub struct WindowRow {
    /// The lifetime, including all gaps.
    pub lifetime: Lifetime,
    /// The gaps: they lie within the lifetime and do not overlap.
    pub gaps: Vec<Range<i64>>,
    /// The windows: at their steps only their bytes are needed.
    pub windows: Vec<Piece>,
}

impl WindowRow {
    /// Whether the row needs a byte at a step.
    pub fn needs(&self, step: i64, byte: u64) -> bool {
        let Lifetime {
            lower, upper, size, ..
        } = self.lifetime;
        let is_alive =
            lower <= step && step < upper && !self.gaps.iter().any(|g| g.contains(&step));
        let here = || {
            self.windows
                .iter()
                .filter(|window| window.steps.contains(&step))
        };
        let has_window = here().next().is_some();
        let is_in_window = here().any(|window| window.bytes.contains(&byte));
        is_alive && byte < size && (is_in_window || !has_window)
    }

    /// How many bytes the row needs at a step.
    pub fn bytes_at(&self, step: i64) -> u64 {
        (0..self.lifetime.size)
            .filter(|&byte| self.needs(step, byte))
            .count() as u64
    }

    fn is_ever_alive(&self) -> bool {
        self.lifetime.steps().any(|step| self.bytes_at(step) > 0)
    }
}

/// All steps at which any row might be alive.
fn steps(rows: &[WindowRow]) -> Range<i64> {
    let lower = rows.iter().map(|row| row.lifetime.lower).min();
    let upper = rows.iter().map(|row| row.lifetime.upper).max();
    lower.unwrap_or(0)..upper.unwrap_or(0)
}

/// Whether two rows are alive at a common step.
pub fn conflict(rows: &[WindowRow], a: usize, b: usize) -> bool {
    let both = |step: i64| rows[a].bytes_at(step) > 0 && rows[b].bytes_at(step) > 0;
    a != b && steps(rows).any(both)
}

/// The bytes that are needed at a step.
pub fn load_at(rows: &[WindowRow], step: i64) -> u64 {
    rows.iter().map(|row| row.bytes_at(step)).sum()
}

/// The most bytes that are needed at a step.
pub fn load(rows: &[WindowRow]) -> u64 {
    let loads = steps(rows).map(|step| load_at(rows, step));
    loads.max().unwrap_or(0)
}

/// The peak of these offsets, or why they are not a plan of these rows. All bytes of a tensor that
/// is ever alive lie below the peak.
pub fn peak_of(rows: &[WindowRow], offsets: &[u64]) -> Result<u64, String> {
    let mut peak = 0;
    for (i, (row, offset)) in rows.iter().zip(offsets).enumerate() {
        let Lifetime {
            alignment,
            fixed_offset,
            size,
            ..
        } = row.lifetime;
        if offset % alignment != 0 || fixed_offset.is_some_and(|fixed| fixed != *offset) {
            return Err(format!("row {i} may not be at {offset}"));
        }
        if row.is_ever_alive() {
            peak = peak.max(offset + size);
        }
    }
    for step in steps(rows) {
        let mut owners = BTreeMap::new();
        for (i, (row, offset)) in rows.iter().zip(offsets).enumerate() {
            for byte in (0..row.lifetime.size).filter(|&byte| row.needs(step, byte)) {
                if let Some(other) = owners.insert(offset + byte, i) {
                    let byte = offset + byte;
                    return Err(format!(
                        "rows {other} and {i} share byte {byte} at step {step}"
                    ));
                }
            }
        }
    }
    Ok(peak)
}

/// The lowest peak of any plan, by trying all offsets; for a few small rows only.
pub fn optimum(rows: &[WindowRow]) -> u64 {
    let largest = rows.iter().map(|row| row.lifetime.size).max().unwrap_or(0);
    let shared: Vec<Vec<Vec<bool>>> = (0..rows.len())
        .map(|a| {
            let with = |b: usize| shared_at(&rows[a], &rows[b], largest as i64);
            (0..a).map(with).collect()
        })
        .collect();
    let reach = largest as i64;
    let placed = &mut Vec::new();
    (load(rows)..)
        .find(|&peak| fits(rows, &shared, reach, peak, placed))
        .expect("some peak is high enough")
}

/// For each distance of `a` from `b`, from `-reach` to `reach`, whether they share a byte.
fn shared_at(a: &WindowRow, b: &WindowRow, reach: i64) -> Vec<bool> {
    let needed = |row: &WindowRow, step: i64, byte: i64| {
        u64::try_from(byte).is_ok_and(|byte| row.needs(step, byte))
    };
    let shares = |distance: i64| {
        let mut steps = a
            .lifetime
            .steps()
            .filter(|step| b.lifetime.steps().contains(step));
        steps.any(|step| {
            let mut bytes = 0..b.lifetime.size as i64;
            bytes.any(|byte| needed(b, step, byte) && needed(a, step, byte - distance))
        })
    };
    (-reach..=reach).map(shares).collect()
}

/// Whether the rows behind those placed fit below `peak`.
fn fits(
    rows: &[WindowRow],
    shared: &[Vec<Vec<bool>>],
    reach: i64,
    peak: u64,
    placed: &mut Vec<u64>,
) -> bool {
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
    let is_ever_alive = row.is_ever_alive();
    let offsets: Vec<u64> = match fixed_offset {
        Some(fixed) => vec![fixed],
        None if !is_ever_alive => vec![0],
        None => (0..=peak).step_by(alignment as usize).collect(),
    };
    for offset in offsets {
        let shares = |b: usize| {
            let distance = offset as i64 - placed[b] as i64;
            distance.abs() <= reach && shared[at][b][(distance + reach) as usize]
        };
        if is_ever_alive && (offset + size > peak || (0..at).any(shares)) {
            continue;
        }
        placed.push(offset);
        let found = fits(rows, shared, reach, peak, placed);
        placed.pop();
        if found {
            return true;
        }
    }
    false
}

/// The rows as the library's lifetimes, named by their positions.
pub fn lifetimes(rows: &[WindowRow]) -> Lifetimes {
    let id = |i: usize| TensorId::new(i as u32);
    let named = rows.iter().enumerate();
    let named = named.map(|(i, row)| (i.to_string(), row.lifetime));
    let gaps = rows.iter().enumerate();
    let gaps = gaps.map(|(i, row)| (id(i), row.gaps.clone()));
    let windows = rows.iter().enumerate();
    let windows = windows.map(|(i, row)| (id(i), row.windows.clone()));
    let lifetimes = Lifetimes::from_named(named).unwrap();
    let lifetimes = lifetimes.with_all_windows(windows).unwrap();
    lifetimes.with_all_gaps(gaps).unwrap()
}

/// Steps from `distance` behind those before, and what is needed at them, given by three numbers:
/// nothing, some bytes, or the first and the last ones.
type Change = (i64, i64, u32, u64, u64);

/// Up to `most` rows with gaps and windows, of which many touch a bound of the lifetime or each
/// other. Fixed offsets leave the fixed rows apart.
pub fn window_rows(most: usize, steps: i64, size: u64) -> impl Strategy<Value = Vec<WindowRow>> {
    let change = (0..4i64, 1..5i64, 0..4u32, 0..size, 0..size);
    let changes = proptest::collection::vec(change, 0..4);
    let fixed = prop_oneof![9 => Just(None), 1 => (0..4u64).prop_map(Some)];
    let row = (0..steps, 0..=steps, 0..=size, 0..3u32, fixed, changes);
    let row = row.prop_map(|(lower, length, size, order, fixed, changes)| {
        let lifetime = Lifetime::new(lower, lower + length, size).with_alignment(1 << order);
        let mut row = WindowRow {
            lifetime,
            gaps: Vec::new(),
            windows: Vec::new(),
        };
        row.lifetime.fixed_offset = fixed.map(|grains| grains << order);
        add_changes(&mut row, changes);
        row
    });
    proptest::collection::vec(row, 0..=most).prop_map(|mut rows: Vec<WindowRow>| {
        keep_fixed_apart(
            &mut rows,
            |row| &mut row.lifetime.fixed_offset,
            |fixed, offsets| peak_of(fixed, offsets).is_ok(),
        );
        rows
    })
}

fn add_changes(row: &mut WindowRow, changes: Vec<Change>) {
    let Lifetime {
        lower, upper, size, ..
    } = row.lifetime;
    let mut end = lower;
    for (distance, length, kind, a, b) in changes {
        let steps = end + distance..(end + distance + length).min(upper);
        end = steps.end.max(end);
        if steps.is_empty() {
            continue;
        }
        let (low, high) = (a.min(b), a.max(b) + 1);
        let mut add = |bytes: Range<u64>| {
            let bytes = bytes.start..bytes.end.min(size);
            if bytes.start < bytes.end {
                row.windows.push(Piece::new(steps.clone(), bytes));
            }
        };
        match kind {
            0 => row.gaps.push(steps.clone()),
            1 => {
                add(0..low);
                add(high..size);
            }
            _ => add(low..high),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(lower: i64, upper: i64, size: u64, windows: &[Piece]) -> WindowRow {
        WindowRow {
            lifetime: Lifetime::new(lower, upper, size),
            gaps: Vec::new(),
            windows: windows.to_vec(),
        }
    }

    #[test]
    fn bytes_are_free_outside_a_window_and_nowhere_else() {
        let rows = [
            row(0, 4, 8, &[Piece::new(1..3, 0..2), Piece::new(1..2, 6..8)]),
            row(1, 2, 4, &[]),
            row(2, 4, 4, &[]),
        ];
        assert_eq!((load_at(&rows, 1), load_at(&rows, 2)), (8, 6));
        assert_eq!((load(&rows), optimum(&rows)), (12, 12));
        assert_eq!(peak_of(&rows, &[0, 2, 8]), Ok(12));
        let refused = |offsets: &[u64]| peak_of(&rows, offsets).unwrap_err();
        assert_eq!(refused(&[0, 4, 8]), "rows 0 and 1 share byte 6 at step 1");
        assert_eq!(refused(&[0, 2, 4]), "rows 0 and 2 share byte 4 at step 3");
    }
}
