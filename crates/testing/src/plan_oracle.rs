//! What a plan is, by its definition: no two rows that are live together share a byte.
//!
//! All pairs of rows are compared, and optima are found by trying all offsets. Shares no code with
//! planner, plan or bounds.

use orionrt_plan::{Lifetimes, Plan, lifetimes::Lifetime};

/// A name and a lifetime.
pub type Row = (String, Lifetime);

fn occupies(row: &Lifetime) -> bool {
    row.lower < row.upper && row.size > 0
}

/// Whether two rows at these offsets share a byte at some step.
fn overlap(a: &Lifetime, at: u64, b: &Lifetime, other: u64) -> bool {
    let in_time = a.lower.max(b.lower) < a.upper.min(b.upper);
    let in_space = at.max(other) < (at + a.size).min(other + b.size);
    occupies(a) && occupies(b) && in_time && in_space
}

/// The peak of these offsets, or why they are not a plan of these rows.
pub fn peak_of(rows: &[Row], offsets: &[u64]) -> Result<u64, String> {
    let mut peak = 0;
    if rows.len() != offsets.len() {
        return Err(format!("{} rows, {} offsets", rows.len(), offsets.len()));
    }
    let mut by_birth = Vec::new();
    for (i, ((id, row), &offset)) in rows.iter().zip(offsets).enumerate() {
        if offset % row.alignment != 0 {
            return Err(format!("{id} is not aligned"));
        }
        if row.fixed_offset.is_some_and(|fixed| fixed != offset) {
            return Err(format!("{id} has moved"));
        }
        if occupies(row) {
            peak = peak.max(offset + row.size);
            by_birth.push(i);
        }
    }
    by_birth.sort_by_key(|&i| rows[i].1.lower);
    for (at, &i) in by_birth.iter().enumerate() {
        let (id, row) = &rows[i];
        let later = by_birth[at + 1..].iter();
        for &j in later.take_while(|&&j| rows[j].1.lower < row.upper) {
            let (other, born) = &rows[j];
            if overlap(row, offsets[i], born, offsets[j]) {
                return Err(format!("{id} and {other} overlap"));
            }
        }
    }
    Ok(peak)
}

/// Whether rows with fixed offsets overlap each other.
pub fn fixed_overlap(rows: &[Row]) -> bool {
    let fixed = rows.iter().filter(|(_, row)| row.fixed_offset.is_some());
    let (fixed, offsets): (Vec<Row>, Vec<u64>) = fixed
        .map(|row| (row.clone(), row.1.fixed_offset.unwrap()))
        .unzip();
    peak_of(&fixed, &offsets).is_err()
}

/// The most bytes that are live at a step, by adding up the rows that are live at each birth.
pub fn load(rows: &[Row]) -> u64 {
    let live = |t: i64| {
        let live = rows
            .iter()
            .filter(move |(_, r)| r.lower <= t && t < r.upper);
        live.map(|(_, r)| r.size).sum()
    };
    let births = rows.iter().map(|(_, row)| row.lower);
    births.map(live).max().unwrap_or(0)
}

/// The lowest peak of any plan, by trying all offsets; for a few small buffers only.
pub fn optimum(rows: &[Row]) -> u64 {
    let placed = &mut Vec::new();
    let mut peaks = load(rows)..;
    peaks.find(|&peak| fits(rows, peak, placed)).unwrap()
}

/// Whether the rows behind those placed fit below `peak`.
fn fits(rows: &[Row], peak: u64, placed: &mut Vec<u64>) -> bool {
    let Some((_, row)) = rows.get(placed.len()) else {
        return true;
    };
    if !occupies(row) {
        placed.push(row.fixed_offset.unwrap_or(0));
        let found = fits(rows, peak, placed);
        placed.pop();
        return found;
    }
    let Some(highest) = peak.checked_sub(row.size) else {
        return false;
    };
    let (from, to) = match row.fixed_offset {
        Some(fixed) => (fixed, fixed.min(highest)),
        None => (0, highest),
    };
    for offset in (from..=to).step_by(row.alignment as usize) {
        let others = rows.iter().zip(placed.iter());
        if { others }.any(|((_, other), &at)| overlap(row, offset, other, at)) {
            continue;
        }
        placed.push(offset);
        let found = fits(rows, peak, placed);
        placed.pop();
        if found {
            return true;
        }
    }
    false
}

/// The rows as the library's lifetimes.
pub fn lifetimes(rows: &[Row]) -> Lifetimes {
    Lifetimes::from_named(rows.iter().cloned()).unwrap()
}

/// Panics unless the plan is a plan of these rows, with the peak, and the order of bounds, that it
/// states.
pub fn check(rows: &[Row], plan: &Plan) {
    let name = plan.strategy();
    assert_eq!(peak_of(rows, plan.offsets()), Ok(plan.peak()), "{name}");
    assert!(plan.load() <= plan.lower_bound(), "{name}");
    assert!(plan.lower_bound() <= plan.peak(), "{name}");
    let is_optimal = plan.peak() == plan.lower_bound();
    assert_eq!(plan.is_optimal(), is_optimal, "{name}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(lower: i64, upper: i64, size: u64, alignment: u64) -> Row {
        let lifetime = Lifetime::new(lower, upper, size).with_alignment(alignment);
        (format!("{lower}..{upper}"), lifetime)
    }

    #[test]
    fn what_is_wrong_with_offsets_is_named() {
        let rows = [row(0, 2, 8, 4), row(1, 3, 8, 4), row(2, 4, 8, 4)];
        assert_eq!(peak_of(&rows, &[0, 8, 0]), Ok(16));
        let refused = |offsets: &[u64]| peak_of(&rows, offsets).unwrap_err();
        assert_eq!(refused(&[0, 4, 16]), "0..2 and 1..3 overlap");
        assert_eq!(refused(&[0, 8, 12]), "1..3 and 2..4 overlap");
        assert_eq!(refused(&[0, 8, 2]), "2..4 is not aligned");
        assert_eq!(refused(&[0, 8]), "3 rows, 2 offsets");
    }

    #[test]
    fn an_optimum_may_be_above_the_load() {
        // Whichever is below, the other one starts at 4 to be aligned.
        let rows = [row(0, 2, 3, 2), row(1, 3, 3, 4)];
        assert_eq!((load(&rows), optimum(&rows)), (6, 7));
    }
}
