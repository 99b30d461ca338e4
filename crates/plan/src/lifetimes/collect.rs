//! Rows taken one by one, and checked: the one door to lifetimes that are not a graph's.
//!
//! Invariant: what [`Collector::finish`] lets through is what [`Lifetimes`] promises.

use alloc::{
    string::{String, ToString},
    vec::Vec,
};

use super::{Lifetime, LifetimeMistake, Lifetimes, LifetimesError, Relation, ViewMistake, Within};

/// Takes rows one by one; the only place that checks them.
#[derive(Default)]
pub(super) struct Collector {
    names: Names,
    rows: Vec<Lifetime>,
    total: u64,
}

impl Collector {
    pub(super) fn push(&mut self, id: &str, row: Lifetime) -> Result<(), LifetimesError> {
        let at = |mistake| LifetimesError {
            row: self.rows.len(),
            id: id.to_string(),
            mistake,
        };
        if self.rows.len() >= u32::MAX as usize {
            return Err(at(LifetimeMistake::TooMany));
        }
        check_row(&row, &mut self.total).map_err(at)?;
        self.names.push(id);
        self.rows.push(row);
        Ok(())
    }

    pub(super) fn finish(self) -> Result<Lifetimes, LifetimesError> {
        let mut order: Vec<usize> = (0..self.rows.len()).collect();
        order.sort_unstable_by_key(|&i| (self.names.get(i), i));
        let twice = order
            .windows(2)
            .filter(|pair| self.names.get(pair[0]) == self.names.get(pair[1]))
            .min_by_key(|pair| pair[1]);
        if let Some(pair) = twice {
            return Err(LifetimesError {
                row: pair[1],
                id: self.names.get(pair[1]).to_string(),
                mistake: LifetimeMistake::DuplicateId { first: pair[0] },
            });
        }
        let mut views = self.rows.iter().enumerate();
        let bad = views.find_map(|(i, row)| Some((i, view_mistake(&self.rows, row)?)));
        if let Some((row, mistake)) = bad {
            return Err(LifetimesError {
                row,
                id: self.names.get(row).to_string(),
                mistake: LifetimeMistake::View(mistake),
            });
        }
        Ok(Lifetimes {
            names: self.names,
            rows: self.rows,
            relation: Relation::Intervals,
        })
    }
}

pub(super) fn check_row(row: &Lifetime, total: &mut u64) -> Result<(), LifetimeMistake> {
    let Lifetime {
        lower,
        upper,
        size,
        alignment,
        ..
    } = *row;
    if lower > upper {
        return Err(LifetimeMistake::EndsBeforeStart { lower, upper });
    }
    if !alignment.is_power_of_two() {
        return Err(LifetimeMistake::BadAlignment { alignment });
    }
    let padded = size.checked_next_multiple_of(alignment);
    *total = padded
        .and_then(|padded| total.checked_add(padded))
        .filter(|&sum| i64::try_from(sum).is_ok())
        .ok_or(LifetimeMistake::SizeOverflow { size, alignment })?;
    check_fixed(row)
}

pub(super) fn check_fixed(row: &Lifetime) -> Result<(), LifetimeMistake> {
    let Some(offset) = row.fixed_offset else {
        return Ok(());
    };
    let (size, alignment) = (row.size, row.alignment);
    if row.within.is_some() {
        return Err(LifetimeMistake::View(ViewMistake::Fixed { offset }));
    }
    if offset % alignment != 0 {
        return Err(LifetimeMistake::FixedMisaligned { offset, alignment });
    }
    let end = offset.checked_add(size);
    if end.is_none_or(|end| i64::try_from(end).is_err()) {
        return Err(LifetimeMistake::FixedOutOfRange { offset, size });
    }
    Ok(())
}

/// What is wrong with where a row lies, if it lies within another.
fn view_mistake(rows: &[Lifetime], row: &Lifetime) -> Option<ViewMistake> {
    let Within { root, offset } = row.within?;
    let Some(whole) = rows.get(root.index()) else {
        return Some(ViewMistake::UnknownRoot { root });
    };
    let end = offset.checked_add(row.size);
    if whole.within.is_some() {
        Some(ViewMistake::RootIsView { root })
    } else if end.is_none_or(|end| end > whole.size) {
        Some(ViewMistake::OutOfBounds {
            offset,
            size: row.size,
            root: whole.size,
        })
    } else if offset % row.alignment != 0 || whole.alignment < row.alignment {
        Some(ViewMistake::Misaligned {
            offset,
            alignment: row.alignment,
            root: whole.alignment,
        })
    } else if row.lower < row.upper && (row.lower < whole.lower || row.upper > whole.upper) {
        Some(ViewMistake::OutlivesRoot {
            steps: row.lower..row.upper,
            root: whole.lower..whole.upper,
        })
    } else {
        None
    }
}

/// All names end to end in one string: a million ids cost one allocation, not a million.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Names {
    text: String,
    ends: Vec<usize>,
}

impl Names {
    pub(super) fn push(&mut self, name: &str) {
        self.text.push_str(name);
        self.ends.push(self.text.len());
    }

    pub(super) fn get(&self, index: usize) -> &str {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.text[start..self.ends[index]]
    }
}
