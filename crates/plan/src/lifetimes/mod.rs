//! When every tensor is alive and how many bytes it needs: all that a planner is told.
//!
//! [`Lifetimes`] is made from a [`Graph`](crate::Graph), or from plain rows
//! (`id, lower, upper, size, alignment`): the door for CSV files and recorded traces. Rows are
//! checked on the way in, so every `Lifetimes` satisfies:
//!
//! - `lower <= upper` (half-open; equal bounds mean "never alive"), ids are unique;
//! - every alignment is a power of two, and the sum of all sizes, each rounded up to its
//!   alignment, is below 2⁶³, so offsets do not overflow unless fixed ones make them;
//! - a tensor that lies [within](Within) another one lies inside its bytes and its lifetime, and is aligned if that one is;
//! - two tensors whose lifetimes meet conflict. Where operators run at the same time, others do, too (`relation`).
//!
//! ```text
//! bytes   load(t) = bytes alive at step t; its maximum is a lower bound of any plan's peak
//!   │        ┌─────┐
//!   │  ┌─────┘     └──┐
//!   └──┴──────────────┴── step
//! ```

mod aliases;
mod bounds;
mod collect;
mod error;
mod joint;
mod models;
mod of_graph;
mod relation;

use alloc::{string::ToString, vec::Vec};
use core::ops::Range;

pub use aliases::Aliasing;
pub(crate) use aliases::unordered;
pub use error::{LifetimeMistake, LifetimesError, ViewMistake};
pub(crate) use joint::Part;
pub(crate) use models::{Meeting, Models, Together, bound_of_lives, runs_meet};
pub(crate) use relation::{Relation, Streams};

use crate::ids::TensorId;
use collect::{Collector, Names, check_fixed, check_row};

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
    /// Where its bytes are, if it has none of its own.
    pub within: Option<Within>,
}

/// Where a tensor lies that has no bytes of its own: a view, or a result in place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Within {
    /// The tensor whose bytes it has; that one has bytes of its own, and is alive whenever this one is.
    pub root: TensorId,
    /// Where in there it begins, in bytes.
    pub offset: u64,
}

impl Lifetime {
    /// The bytes that it must occupy, if its offset is fixed.
    #[must_use]
    pub fn fixed_bytes(&self) -> Option<Range<u64>> {
        self.fixed_offset.map(|offset| offset..offset + self.size)
    }

    /// Whether the tensor needs bytes at some step: neither empty in time nor zero-sized.
    #[must_use]
    pub fn has_bytes(&self) -> bool {
        self.lower < self.upper && self.size > 0
    }

    /// Whether the tensor needs bytes of its own at some step.
    #[must_use]
    pub fn occupies(&self) -> bool {
        self.has_bytes() && self.within.is_none()
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
/// use orionrt_plan::Lifetimes;
/// let lifetimes = Lifetimes::from_rows([("a", 0, 2, 1024, 64), ("b", 1, 3, 2048, 64), ("c", 2, 4, 1024, 64)])?;
/// assert_eq!(lifetimes.load(), 3072);
/// # Ok::<(), orionrt_plan::LifetimesError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lifetimes {
    names: Names,
    rows: Vec<Lifetime>,
    relation: Relation,
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
                within: None,
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

    /// Whether two tensors must not share bytes: both need bytes of their own, and they are alive together or, with several streams, may be.
    #[must_use]
    pub fn conflict(&self, a: TensorId, b: TensorId) -> bool {
        let occupies = |id| self.get(id).is_some_and(Lifetime::occupies);
        a != b && occupies(a) && occupies(b) && self.relation.conflict(&self.rows, [a, b])
    }

    /// Which tensors conflict beside those whose lifetimes meet.
    pub(crate) fn relation(&self) -> &Relation {
        &self.relation
    }

    /// The same with every alignment at least `alignment`, a power of two in bytes. What lies within another tensor
    /// keeps its own.
    ///
    /// # Errors
    /// When `alignment` is no power of two, padding to it makes the sizes reach 2⁶³ together, or a fixed offset is no
    /// multiple of it.
    pub fn with_alignment(mut self, alignment: u64) -> Result<Self, LifetimesError> {
        let mut total = 0;
        for index in 0..self.rows.len() {
            let row = &mut self.rows[index];
            if row.within.is_none() {
                row.alignment = row.alignment.max(alignment);
            }
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
    /// use orionrt_plan::{Lifetimes, Planner};
    /// let lifetimes = Lifetimes::from_rows([("input", 0, 2, 64, 64), ("work", 1, 3, 100, 1), ("output", 2, 4, 64, 64)])?;
    /// let output = lifetimes.find("output").expect("it is one of them");
    /// let plan = Planner::new().plan(&lifetimes.with_fixed_offset(output, 256)?)?;
    /// assert_eq!((plan.offset(output), plan.peak()), (Some(256), 320));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// When `offset` is no multiple of the tensor's alignment, the tensor would end at 2⁶³ bytes or above, or it lies within another
    /// one, which is the one to pin. An `id` that is not one of these changes nothing.
    pub fn with_fixed_offset(mut self, id: TensorId, offset: u64) -> Result<Self, LifetimesError> {
        let index = id.index();
        if let Some(row) = self.rows.get_mut(index) {
            row.fixed_offset = Some(offset);
            check_fixed(row).map_err(|mistake| self.mistake(index, mistake))?;
        }
        Ok(self)
    }

    /// The sum of all sizes in bytes, but of what lies within others: the peak if nothing else were shared.
    #[must_use]
    pub fn total_bytes(&self) -> u64 {
        let own = self.rows.iter().filter(|row| row.within.is_none());
        own.map(|row| row.size).sum()
    }
}
