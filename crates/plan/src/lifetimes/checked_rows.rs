//! Lifetimes from plain rows, which are checked here and nowhere else.
//!
//! Stands on [`Lifetimes`]. Invariant: the rows that [`CheckedRows::finish`] accepts satisfy what
//! the parent module promises, and so do those that [`Lifetimes::with_alignment`] and
//! [`Lifetimes::with_fixed_offset`] have changed.

use alloc::{string::ToString, sync::Arc, vec::Vec};

use super::{
    collection::Lifetimes,
    conflict_relation::ConflictRelation,
    error::{LifetimeMistake, LifetimesError, ViewMistake},
    lifetime::{Lifetime, Within},
    live_ranges::LiveRanges,
    names::Names,
    pieces::WindowedRows,
};
use crate::ids::TensorId;

impl Lifetimes {
    /// Makes lifetimes from rows `(id, lower, upper, size, alignment)`; steps are half-open, sizes
    /// and alignments in bytes.
    ///
    /// # Errors
    /// The first bad row, by its position counted from 0; see [`LifetimesError`].
    pub fn from_rows<S: AsRef<str>>(
        rows: impl IntoIterator<Item = (S, i64, i64, u64, u64)>,
    ) -> Result<Self, LifetimesError> {
        Self::from_named(rows.into_iter().map(|(id, lower, upper, size, alignment)| {
            let lifetime = Lifetime::new(lower, upper, size).with_alignment(alignment);
            (id, lifetime)
        }))
    }

    /// Makes lifetimes from `(name, lifetime)` pairs.
    ///
    /// # Errors
    /// The first bad one, by its position counted from 0; see [`LifetimesError`].
    pub fn from_named<S: AsRef<str>>(
        rows: impl IntoIterator<Item = (S, Lifetime)>,
    ) -> Result<Self, LifetimesError> {
        let mut checked = CheckedRows::default();
        for (id, lifetime) in rows {
            checked.push(id.as_ref(), lifetime)?;
        }
        checked.finish()
    }

    /// Raises every alignment to at least `alignment`, a power of two in bytes. Tensors that lie
    /// within others keep theirs.
    ///
    /// # Errors
    /// If `alignment` is not a power of two up to 2⁶², whatever the alignments of the tensors
    /// are; if the padding to it makes the sizes reach 2⁶³ bytes together; or if a fixed offset is
    /// not a multiple of it.
    pub fn with_alignment(mut self, alignment: u64) -> Result<Self, LifetimesError> {
        if !is_alignment(alignment) {
            // A row that is aligned to more would hide it.
            return Err(LifetimesError {
                row: 0,
                id: self.name(TensorId::from_index(0)).unwrap_or("").to_string(),
                mistake: LifetimeMistake::BadAlignment { alignment },
            });
        }
        let mut total = 0;
        for index in 0..self.rows.len() {
            let mut row = self.rows[index];
            if row.within.is_none() && row.alignment < alignment {
                row.alignment = alignment;
                Arc::make_mut(&mut self.rows)[index] = row;
            }
            check_row(&row, &mut total).map_err(|mistake| self.error_at(index, mistake))?;
        }
        Ok(self)
    }

    /// Pins one tensor at `offset`, in bytes: every plan then has it there.
    ///
    /// ```
    /// use orionrt_plan::{Lifetimes, Planner};
    /// let rows = [("input", 0, 2, 64, 64), ("work", 1, 3, 100, 1), ("output", 2, 4, 64, 64)];
    /// let lifetimes = Lifetimes::from_rows(rows)?;
    /// let output = lifetimes.find("output").expect("it is one of them");
    /// let plan = Planner::new().plan(&lifetimes.with_fixed_offset(output, 256)?)?;
    /// assert_eq!((plan.offset(output), plan.peak()), (Some(256), 320));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// If `offset` is not a multiple of the tensor's alignment, if the tensor would end at 2⁶³
    /// bytes or above, or if it lies within another one, which is then the one to pin. An unknown
    /// `id` changes nothing.
    pub fn with_fixed_offset(mut self, id: TensorId, offset: u64) -> Result<Self, LifetimesError> {
        let index = id.index();
        if index < self.rows.len() {
            let row = &mut Arc::make_mut(&mut self.rows)[index];
            row.fixed_offset = Some(offset);
            check_fixed(row).map_err(|mistake| self.error_at(index, mistake))?;
        }
        Ok(self)
    }

    pub(super) fn error_at(&self, index: usize, mistake: LifetimeMistake) -> LifetimesError {
        LifetimesError {
            row: index,
            id: self.names.get(index).to_string(),
            mistake,
        }
    }
}

/// Rows on their way to become [`Lifetimes`].
#[derive(Default)]
pub(super) struct CheckedRows {
    names: Names,
    rows: Vec<Lifetime>,
    /// The sum of all sizes, each rounded up to its alignment.
    total: u64,
}

impl CheckedRows {
    /// Adds a row and checks what concerns it alone.
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

    /// Checks what concerns several rows: ids and views.
    pub(super) fn finish(self) -> Result<Lifetimes, LifetimesError> {
        let twice = self.names.first_twice();
        let lifetimes = Lifetimes {
            names: Arc::new(self.names),
            rows: Arc::new(self.rows),
            live_ranges: LiveRanges::default(),
            windows: WindowedRows::default(),
            conflict_relation: ConflictRelation::Intervals,
        };
        if let Some([first, again]) = twice {
            let mistake = LifetimeMistake::DuplicateId { first };
            return Err(lifetimes.error_at(again, mistake));
        }
        let rows = &lifetimes.rows;
        let mut each = rows.iter().enumerate();
        match each.find_map(|(i, row)| Some((i, view_mistake(rows, row)?))) {
            Some((row, mistake)) => Err(lifetimes.error_at(row, LifetimeMistake::View(mistake))),
            None => Ok(lifetimes),
        }
    }
}

/// The largest alignment: all offsets and sizes are below twice as many bytes.
const MOST_ALIGNMENT: u64 = 1 << 62;

fn is_alignment(bytes: u64) -> bool {
    bytes.is_power_of_two() && bytes <= MOST_ALIGNMENT
}

fn check_row(row: &Lifetime, total: &mut u64) -> Result<(), LifetimeMistake> {
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
    if !is_alignment(alignment) {
        return Err(LifetimeMistake::BadAlignment { alignment });
    }
    let padded = size.checked_next_multiple_of(alignment);
    *total = padded
        .and_then(|padded| total.checked_add(padded))
        .filter(|&sum| i64::try_from(sum).is_ok())
        .ok_or(LifetimeMistake::SizeOverflow { size, alignment })?;
    check_fixed(row)
}

fn check_fixed(row: &Lifetime) -> Result<(), LifetimeMistake> {
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

/// What is wrong with a row that lies within another one.
pub(super) fn view_mistake(rows: &[Lifetime], row: &Lifetime) -> Option<ViewMistake> {
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
            root_size: whole.size,
        })
    } else if offset % row.alignment != 0 || whole.alignment < row.alignment {
        Some(ViewMistake::Misaligned {
            offset,
            alignment: row.alignment,
            root_alignment: whole.alignment,
        })
    } else if row.lower < row.upper && (row.lower < whole.lower || row.upper > whole.upper) {
        Some(ViewMistake::OutlivesRoot {
            steps: row.lower..row.upper,
            root_steps: whole.lower..whole.upper,
        })
    } else {
        None
    }
}
