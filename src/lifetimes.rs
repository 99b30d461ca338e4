//! When every tensor is alive and how many bytes it needs: all that a planner is told.
//!
//! [`Lifetimes`] is made from a [`Graph`](crate::Graph), or from plain rows
//! (`id, lower, upper, size, alignment`): the door for CSV files and recorded traces. Rows are
//! checked on the way in, so every `Lifetimes` satisfies:
//!
//! - `lower <= upper` (half-open; equal bounds mean "never alive"), ids are unique;
//! - every alignment is a power of two, and the sum of all sizes, each rounded up to its
//!   alignment, is below 2⁶³, so offsets do not overflow unless fixed ones make them.
//!
//! ```text
//! bytes   load(t) = bytes alive at step t; its maximum is a lower bound of any plan's peak
//!   │        ┌─────┐
//!   │  ┌─────┘     └──┐
//!   └──┴──────────────┴── step
//! ```

#![forbid(unsafe_code)]

use alloc::{
    collections::{BTreeMap, BTreeSet},
    string::{String, ToString},
    vec::Vec,
};
use core::{fmt, ops::Range};

use crate::{graph::Graph, tensor::TensorId};

/// One tensor as a planner sees it: alive in steps `lower..upper`, `size` bytes at a multiple of `alignment`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Lifetime {
    /// The first step at which it is alive.
    pub lower: i64,
    /// The first step at which it is not alive any more.
    pub upper: i64,
    /// Bytes.
    pub size: u64,
    /// Its offset is a multiple of this power of two, in bytes.
    pub alignment: u64,
    /// The offset that it must have, in bytes; `None` where the planner may choose.
    pub fixed_offset: Option<u64>,
}

impl Lifetime {
    /// The bytes that it must occupy, if its offset is fixed.
    #[must_use]
    pub fn fixed_bytes(&self) -> Option<Range<u64>> {
        self.fixed_offset.map(|offset| offset..offset + self.size)
    }

    /// Whether the tensor occupies bytes at some step: neither empty in time nor zero-sized.
    #[must_use]
    pub fn occupies(&self) -> bool {
        self.lower < self.upper && self.size > 0
    }

    /// Whether both tensors need bytes at a common step, and so must not share any.
    #[must_use]
    pub fn conflicts(&self, other: &Self) -> bool {
        self.occupies() && other.occupies() && self.lower < other.upper && other.lower < self.upper
    }
}

/// The lifetimes of all tensors of a graph, a file or a trace, in one fixed order.
///
/// ```
/// use orionrt::Lifetimes;
/// let lifetimes = Lifetimes::from_rows([("a", 0, 2, 1024, 64), ("b", 1, 3, 2048, 64), ("c", 2, 4, 1024, 64)])?;
/// assert_eq!(lifetimes.load(), 3072);
/// # Ok::<(), orionrt::LifetimesError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    names: Names,
    rows: Vec<Lifetime>,
}

impl Lifetimes {
    /// Checks and takes rows `(id, lower, upper, size, alignment)`; steps are half-open, sizes in bytes.
    ///
    /// # Errors
    /// The first bad row, by its position counted from 0; see [`LifetimesError`].
    pub fn from_rows<S: AsRef<str>>(
        rows: impl IntoIterator<Item = (S, i64, i64, u64, u64)>,
    ) -> Result<Self, LifetimesError> {
        Self::from_named(rows.into_iter().map(|(id, lower, upper, size, alignment)| {
            let lifetime = Lifetime {
                lower,
                upper,
                size,
                alignment,
                fixed_offset: None,
            };
            (id, lifetime)
        }))
    }

    /// Checks and takes lifetimes with their names.
    ///
    /// # Errors
    /// The first bad one, by its position counted from 0; see [`LifetimesError`].
    pub fn from_named<S: AsRef<str>>(
        rows: impl IntoIterator<Item = (S, Lifetime)>,
    ) -> Result<Self, LifetimesError> {
        let mut collector = Collector::default();
        for (id, lifetime) in rows {
            collector.push(id.as_ref(), lifetime)?;
        }
        collector.finish()
    }

    /// How many tensors there are, those that are never alive included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Whether there is no tensor at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// The lifetimes in order: position *i* belongs to `TensorId::new(i)`.
    #[must_use]
    pub fn rows(&self) -> &[Lifetime] {
        &self.rows
    }

    /// The lifetime of a tensor, if it is one of these.
    #[must_use]
    pub fn get(&self, id: TensorId) -> Option<&Lifetime> {
        self.rows.get(id.index())
    }

    /// The name of a tensor, if it is one of these.
    #[must_use]
    pub fn name(&self, id: TensorId) -> Option<&str> {
        (id.index() < self.len()).then(|| self.names.get(id.index()))
    }

    /// The tensor of this name. Linear in the tensors.
    #[must_use]
    pub fn find(&self, name: &str) -> Option<TensorId> {
        let index = (0..self.len()).find(|&i| self.names.get(i) == name)?;
        Some(TensorId::from_index(index))
    }

    /// All tensors as `(id, name, lifetime)`, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (TensorId, &str, &Lifetime)> {
        let each = self.rows.iter().enumerate();
        each.map(|(i, row)| (TensorId::from_index(i), self.names.get(i), row))
    }

    /// The same with every alignment at least `alignment`, a power of two in bytes.
    ///
    /// # Errors
    /// When `alignment` is no power of two, padding to it makes the sizes reach 2⁶³ together, or a fixed offset is no
    /// multiple of it.
    pub fn with_alignment(mut self, alignment: u64) -> Result<Self, LifetimesError> {
        let mut total = 0;
        for index in 0..self.rows.len() {
            let row = &mut self.rows[index];
            row.alignment = row.alignment.max(alignment);
            check_row(row, &mut total).map_err(|mistake| self.mistake(index, mistake))?;
        }
        Ok(self)
    }

    fn mistake(&self, index: usize, mistake: LifetimeMistake) -> LifetimesError {
        LifetimesError {
            row: index,
            id: self.names.get(index).to_string(),
            mistake,
        }
    }

    /// The same with one tensor pinned at `offset`, in bytes: every plan has it there.
    ///
    /// ```
    /// use orionrt::{Lifetimes, Planner};
    /// let lifetimes = Lifetimes::from_rows([("input", 0, 2, 64, 64), ("work", 1, 3, 100, 1), ("output", 2, 4, 64, 64)])?;
    /// let output = lifetimes.find("output").expect("it is one of them");
    /// let plan = Planner::new().plan(&lifetimes.with_fixed_offset(output, 256)?)?;
    /// assert_eq!((plan.offset(output), plan.peak()), (Some(256), 320));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// When `offset` is no multiple of the tensor's alignment, or the tensor would end at 2⁶³ bytes or above. An `id` that is
    /// not one of these changes nothing.
    pub fn with_fixed_offset(mut self, id: TensorId, offset: u64) -> Result<Self, LifetimesError> {
        let index = id.index();
        if let Some(row) = self.rows.get_mut(index) {
            row.fixed_offset = Some(offset);
            check_fixed(row).map_err(|mistake| self.mistake(index, mistake))?;
        }
        Ok(self)
    }

    /// The sum of all sizes in bytes: the peak if nothing were shared.
    #[must_use]
    pub fn total_bytes(&self) -> u64 {
        self.rows.iter().map(|row| row.size).sum()
    }

    /// The largest sum of sizes alive at one step, in bytes. No plan has a lower peak.
    #[must_use]
    pub fn load(&self) -> u64 {
        let profile = self.load_profile();
        profile.iter().map(|(_, load)| *load).max().unwrap_or(0)
    }

    /// The load over time: `(steps, bytes)` sections in order of time, without gaps, from the first
    /// birth to the last death. O(n log n).
    #[must_use]
    pub fn load_profile(&self) -> Vec<(Range<i64>, u64)> {
        let mut profile: Vec<(Range<i64>, u64)> = Vec::new();
        let mut load = 0u64;
        self.sweep(|section, born, died| {
            load += born.iter().map(|&i| self.rows[i].size).sum::<u64>();
            load -= died.iter().map(|&i| self.rows[i].size).sum::<u64>();
            if section.start < section.end {
                profile.push((section, load));
            }
        });
        profile
    }

    /// The best proven lower bound of any plan's peak, in bytes: the load, sharpened by alignment, and no fixed offset's
    /// end above it.
    ///
    /// Of the tensors alive at one step with an alignment of at least *g*, all but the topmost one take their
    /// size rounded up to *g*, for every *g*.
    #[must_use]
    pub fn lower_bound(&self) -> u64 {
        let occupying = || self.rows.iter().filter(|row| row.occupies());
        let grains: BTreeSet<u64> = occupying().map(|row| row.alignment).collect();
        let aligned = grains.iter().map(|&grain| self.aligned_bound(grain)).max();
        let fixed = occupying().filter_map(|row| row.fixed_bytes().map(|bytes| bytes.end));
        let fixed = fixed.max().unwrap_or(0);
        self.load().max(aligned.unwrap_or(0)).max(fixed)
    }

    /// The largest load of the tensors with an alignment of at least `grain`, sizes rounded up to it but for the one
    /// that gains most.
    fn aligned_bound(&self, grain: u64) -> u64 {
        let padded = |i: usize| self.rows[i].size.next_multiple_of(grain);
        let slack = |i: usize| padded(i) - self.rows[i].size;
        let counts = |i: &usize| self.rows[*i].alignment >= grain;
        if grain == 1 {
            return 0;
        }
        let mut live_slacks: BTreeMap<u64, usize> = BTreeMap::new();
        let (mut load, mut bound) = (0u64, 0u64);
        self.sweep(|_, born, died| {
            for i in born.iter().copied().filter(counts) {
                load += padded(i);
                *live_slacks.entry(slack(i)).or_default() += 1;
            }
            for i in died.iter().copied().filter(counts) {
                load -= padded(i);
                if let Some(count) = live_slacks.get_mut(&slack(i)) {
                    *count -= 1;
                    if *count == 0 {
                        live_slacks.remove(&slack(i));
                    }
                }
            }
            let topmost = live_slacks.last_key_value().map_or(0, |(slack, _)| *slack);
            bound = bound.max(load - topmost);
        });
        bound
    }

    /// Visits the sections between changes of liveness in order of time: the steps, who is born at the
    /// start of the section and who has died there. Only tensors that occupy bytes take part.
    pub(crate) fn sweep(&self, mut visit: impl FnMut(Range<i64>, &[usize], &[usize])) {
        let alive = || (0..self.len()).filter(|&i| self.rows[i].occupies());
        let mut births: Vec<usize> = alive().collect();
        let mut deaths = births.clone();
        births.sort_by_key(|&i| (self.rows[i].lower, i));
        deaths.sort_by_key(|&i| (self.rows[i].upper, i));
        let (mut born, mut died) = (0, 0);
        while died < deaths.len() {
            let death = self.rows[deaths[died]].upper;
            let now = births
                .get(born)
                .map_or(death, |&i| self.rows[i].lower.min(death));
            let until = |order: &[usize], from: usize, time: &dyn Fn(&Lifetime) -> i64| {
                let same = order[from..].iter();
                from + same.take_while(|&&i| time(&self.rows[i]) == now).count()
            };
            let (next_born, next_died) = (
                until(&births, born, &|row| row.lower),
                until(&deaths, died, &|row| row.upper),
            );
            let next_birth = births.get(next_born).map(|&i| self.rows[i].lower);
            let next_death = deaths.get(next_died).map(|&i| self.rows[i].upper);
            let end = match (next_birth, next_death) {
                (Some(birth), Some(death)) => birth.min(death),
                (_, Some(death)) => death,
                _ => now,
            };
            visit(now..end, &births[born..next_born], &deaths[died..next_died]);
            (born, died) = (next_born, next_died);
        }
    }
}

impl Graph {
    /// The lifetimes of all tensors, under the same ids.
    ///
    /// A tensor written by operator *i* and last read by operator *j* is alive in `i..j + 1`. Inputs are
    /// alive from step 0, outputs to the end, a result that nobody reads at its own step. A tensor that
    /// nobody touches is never alive (`0..0`).
    #[must_use]
    pub fn lifetimes(&self) -> Lifetimes {
        let end = self.ops().len().max(1) as i64;
        let mut rows: Vec<Lifetime> = self
            .tensors()
            .map(|(_, tensor)| Lifetime {
                lower: 0,
                upper: 0,
                size: tensor.layout().size() as u64,
                alignment: tensor.layout().align() as u64,
                fixed_offset: None,
            })
            .collect();
        for &input in self.inputs() {
            rows[input.index()].upper = 1;
        }
        for (step, op) in self.ops().iter().enumerate() {
            let step = step as i64;
            for written in op.writes() {
                rows[written.index()].lower = step;
                rows[written.index()].upper = step + 1;
            }
            for read in op.reads() {
                rows[read.index()].upper = step + 1;
            }
        }
        for &output in self.outputs() {
            rows[output.index()].upper = end;
        }
        let mut names = Names::default();
        for (_, tensor) in self.tensors() {
            names.push(tensor.name());
        }
        Lifetimes { names, rows }
    }
}

/// Takes rows one by one; the only place that checks them.
#[derive(Default)]
struct Collector {
    names: Names,
    rows: Vec<Lifetime>,
    total: u64,
}

impl Collector {
    fn push(&mut self, id: &str, row: Lifetime) -> Result<(), LifetimesError> {
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

    fn finish(self) -> Result<Lifetimes, LifetimesError> {
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
        Ok(Lifetimes {
            names: self.names,
            rows: self.rows,
        })
    }
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

fn check_fixed(row: &Lifetime) -> Result<(), LifetimeMistake> {
    let Some(offset) = row.fixed_offset else {
        return Ok(());
    };
    let (size, alignment) = (row.size, row.alignment);
    if offset % alignment != 0 {
        return Err(LifetimeMistake::FixedMisaligned { offset, alignment });
    }
    let end = offset.checked_add(size);
    if end.is_none_or(|end| i64::try_from(end).is_err()) {
        return Err(LifetimeMistake::FixedOutOfRange { offset, size });
    }
    Ok(())
}

/// All names end to end in one string: a million ids cost one allocation, not a million.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Names {
    text: String,
    ends: Vec<usize>,
}

impl Names {
    fn push(&mut self, name: &str) {
        self.text.push_str(name);
        self.ends.push(self.text.len());
    }

    fn get(&self, index: usize) -> &str {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.text[start..self.ends[index]]
    }
}

/// A row that [`Lifetimes`] refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LifetimesError {
    /// The position of the row, counted from 0.
    pub row: usize,
    /// Its id.
    pub id: String,
    /// What is wrong with it.
    pub mistake: LifetimeMistake,
}

/// What can be wrong with a row of [`Lifetimes`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LifetimeMistake {
    /// `lower` is above `upper`.
    EndsBeforeStart {
        /// The first step.
        lower: i64,
        /// The end, exclusive.
        upper: i64,
    },
    /// An alignment that is no power of two.
    BadAlignment {
        /// The alignment in bytes.
        alignment: u64,
    },
    /// The sizes up to this row, each rounded up to its alignment, reach 2⁶³ bytes.
    SizeOverflow {
        /// The row's size in bytes.
        size: u64,
        /// The row's alignment in bytes.
        alignment: u64,
    },
    /// A fixed offset that is no multiple of the row's alignment.
    FixedMisaligned {
        /// The offset in bytes.
        offset: u64,
        /// The alignment in bytes.
        alignment: u64,
    },
    /// A fixed offset at which the row ends at 2⁶³ bytes or above.
    FixedOutOfRange {
        /// The offset in bytes.
        offset: u64,
        /// The row's size in bytes.
        size: u64,
    },
    /// An earlier row has the same id.
    DuplicateId {
        /// The position of that row, counted from 0.
        first: usize,
    },
    /// More rows than ids can be numbered.
    TooMany,
}

impl fmt::Display for LifetimeMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EndsBeforeStart { lower, upper } => write!(
                f,
                "lower {lower} is above upper {upper}; a lifetime is lower..upper with lower <= upper"
            ),
            Self::BadAlignment { alignment } => write!(
                f,
                "alignment {alignment} is not a power of two (1, 2, 4, ...)"
            ),
            Self::SizeOverflow { size, alignment } => write!(
                f,
                "with size {size} at alignment {alignment} the sizes reach 2^63 bytes together; they must stay below"
            ),
            Self::FixedMisaligned { offset, alignment } => write!(
                f,
                "fixed offset {offset} is no multiple of the alignment {alignment}"
            ),
            Self::FixedOutOfRange { offset, size } => write!(
                f,
                "at fixed offset {offset} its {size} bytes end at 2^63 bytes or above; they must end below"
            ),
            Self::DuplicateId { first } => write!(
                f,
                "the id was used before, by buffer {first} (counted from 0); ids must be unique"
            ),
            Self::TooMany => write!(f, "there are more than {} buffers", u32::MAX),
        }
    }
}

impl fmt::Display for LifetimesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { row, id, mistake } = self;
        write!(f, "buffer {row} (id '{id}'): {mistake}")
    }
}

impl core::error::Error for LifetimesError {}
