//! What an earlier plan is good for: to keep its tensors where they are, or to start from it.
//!
//! Tensors are the same if their names are. Invariant: what is kept makes a plan, alone and with the fixed tensors.

use alloc::vec::Vec;
use core::ops::Range;

use super::{
    Asked, Budget,
    greedy::Decoder,
    interference::{self, Relation as _},
    sections::Sections,
    space::Space,
};
use crate::lifetimes::{Lifetime, Lifetimes};

/// The tensors of a plan and their offsets.
#[derive(Clone, Debug)]
pub(crate) struct Earlier {
    lifetimes: Lifetimes,
    offsets: Vec<u64>,
}

impl Earlier {
    pub(crate) fn new(lifetimes: Lifetimes, offsets: Vec<u64>) -> Self {
        Self { lifetimes, offsets }
    }

    /// For each tensor of `lifetimes` the one of the same name, and its offset.
    fn matched(&self, lifetimes: &Lifetimes) -> Vec<Option<(&Lifetime, u64)>> {
        let mut names: Vec<(&str, usize)> = self
            .lifetimes
            .iter()
            .map(|(id, name, _)| (name, id.index()))
            .collect();
        names.sort_unstable();
        let find = |name: &str| {
            let at = names.binary_search_by_key(&name, |(name, _)| *name).ok()?;
            let index = names[at].1;
            Some((&self.lifetimes.rows()[index], self.offsets[index]))
        };
        lifetimes.iter().map(|(_, name, _)| find(name)).collect()
    }

    /// Which tensors can stay, and where: those of the same size whose offset is still aligned and whose bytes no
    /// other takes that stays or is fixed. Those whose whole life is as before come first.
    pub(super) fn kept(&self, lifetimes: &Lifetimes) -> Vec<Option<u64>> {
        let rows = lifetimes.rows();
        let matched = self.matched(lifetimes);
        let occupying: Vec<usize> = (0..rows.len()).filter(|&i| rows[i].occupies()).collect();
        let buffers: Vec<Lifetime> = occupying.iter().map(|&i| rows[i]).collect();
        let mut taken = Taken::new(lifetimes, &occupying, &buffers);
        let mut kept = alloc::vec![None; rows.len()];
        for (at, row) in buffers.iter().enumerate() {
            if let Some(bytes) = row.fixed_bytes() {
                taken.take(at, bytes);
            }
        }
        for unchanged in [true, false] {
            for (at, &i) in occupying.iter().enumerate() {
                let row = &rows[i];
                let Some((before, offset)) = matched[i] else {
                    continue;
                };
                let is_same = (before.lower, before.upper) == (row.lower, row.upper);
                let can_stay = row.fixed_offset.is_none()
                    && is_same == unchanged
                    && before.size == row.size
                    && offset.is_multiple_of(row.alignment);
                if can_stay && taken.is_free(at, offset..offset + row.size) {
                    taken.take(at, offset..offset + row.size);
                    kept[i] = Some(offset);
                }
            }
        }
        kept
    }

    /// The earlier plan made to fit these tensors: everything as near to 0 as it falls when the earlier offsets are the order.
    /// Where nothing has changed, nothing ends higher than before.
    ///
    /// `buffers` are those of the tensors that occupy bytes, by position, with what else is to stay as fixed.
    pub(super) fn start(
        &self,
        lifetimes: &Lifetimes,
        occupying: &[usize],
        buffers: &[Lifetime],
    ) -> Vec<u64> {
        let matched = self.matched(lifetimes);
        let wanted = occupying.iter().map(|&i| matched[i].map(|(_, at)| at));
        let wanted: Vec<Option<u64>> = wanted.collect();
        if lifetimes.conflict_relation().is_intervals() {
            return settled(buffers, &wanted);
        }
        let asked = Asked {
            lifetimes,
            tensors: occupying,
        };
        interference::settled(buffers, &wanted, &asked)
    }
}

/// The bytes that some buffers have already.
enum Taken<'l> {
    /// By sections of time.
    Intervals(Sections, Space),
    /// One by one: whoever conflicts is asked.
    Asked(Asked<'l>, Vec<(usize, Range<u64>)>),
}

impl<'l> Taken<'l> {
    fn new(lifetimes: &'l Lifetimes, tensors: &'l [usize], buffers: &[Lifetime]) -> Self {
        if lifetimes.conflict_relation().is_intervals() {
            let sections = Sections::new(buffers);
            let space = Space::new(sections.count());
            return Self::Intervals(sections, space);
        }
        Self::Asked(Asked { lifetimes, tensors }, Vec::new())
    }

    fn take(&mut self, buffer: usize, bytes: Range<u64>) {
        match self {
            Self::Intervals(sections, space) => space.take(sections.of(buffer), bytes),
            Self::Asked(_, taken) => taken.push((buffer, bytes)),
        }
    }

    fn is_free(&self, buffer: usize, bytes: Range<u64>) -> bool {
        match self {
            Self::Intervals(sections, space) => space.is_free(sections.of(buffer), bytes),
            Self::Asked(asked, taken) => taken.iter().all(|(other, theirs)| {
                let meet = bytes.start < theirs.end && theirs.start < bytes.end;
                !meet || !asked.conflict(buffer, *other)
            }),
        }
    }
}

/// Lets buffers fall in order of the offsets wanted, those without one last; fixed ones stay.
pub(super) fn settled(buffers: &[Lifetime], wanted: &[Option<u64>]) -> Vec<u64> {
    let mut order: Vec<usize> = (0..buffers.len()).collect();
    order.sort_by_key(|&i| (wanted[i].is_none(), wanted[i], i));
    let mut decoder = Decoder::new(buffers);
    decoder.decode(&order, &Budget::unlimited());
    decoder.into_offsets()
}
