//! What a previous plan is good for: to keep its tensors where they are, or to start from it.
//!
//! Tensors are matched by name. Invariant: the offsets that are kept make a plan, alone and
//! together with the fixed tensors.

use alloc::vec::Vec;
use core::ops::Range;

use super::budget::{Budget, CheckInterval};
use super::conflict::{Interference, InterferenceRelation as _};
use super::decoder::FreeSpace as _;
use super::interference::InterferenceDecoder;
use super::live_space::{LiveDecoder, LiveSpace};
use super::section_space::{SectionDecoder, SectionSpace};
use crate::lifetimes::{Lifetime, Lifetimes};
use crate::plan::Plan;

/// The tensors of a previous plan and their offsets.
#[derive(Clone, Debug)]
pub(super) struct PreviousPlan {
    lifetimes: Lifetimes,
    offsets: Vec<u64>,
}

impl PreviousPlan {
    pub(super) fn new(plan: &Plan) -> Self {
        Self {
            lifetimes: plan.lifetimes().clone(),
            offsets: plan.offsets().to_vec(),
        }
    }

    /// For each tensor of `lifetimes`, the previous one of that name, and its offset.
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

    /// The offsets of the tensors that can stay: those of the same size whose previous offset is
    /// still aligned, and whose bytes no conflicting tensor takes that is fixed or stays. Tensors
    /// whose lifetime has not changed come first.
    ///
    /// What is not reached before the time of `budget` is over does not stay.
    pub(super) fn kept(&self, lifetimes: &Lifetimes, budget: &Budget) -> Vec<Option<u64>> {
        let rows = lifetimes.rows();
        let matched = self.matched(lifetimes);
        let occupying: Vec<usize> = (0..rows.len()).filter(|&i| rows[i].occupies()).collect();
        let buffers: Vec<Lifetime> = occupying.iter().map(|&i| rows[i]).collect();
        let mut taken = TakenBytes::new(lifetimes, &occupying, &buffers);
        let mut kept = alloc::vec![None; rows.len()];
        let budget = budget.of_first_plan(buffers.len());
        for (at, row) in buffers.iter().enumerate() {
            if let Some(bytes) = row.fixed_bytes() {
                taken.take(at, bytes);
            }
        }
        for unchanged in [true, false] {
            for (at, &i) in occupying.iter().enumerate() {
                if CheckInterval::INTERFERENCE_PASS.is_due(at as u64) && budget.is_interrupted() {
                    return kept;
                }
                let row = &rows[i];
                let Some((before, offset)) = matched[i] else {
                    continue;
                };
                let is_unchanged = (before.lower, before.upper) == (row.lower, row.upper);
                let can_stay = row.fixed_offset.is_none()
                    && is_unchanged == unchanged
                    && before.size == row.size
                    && offset % row.alignment == 0;
                if can_stay && taken.is_free(at, offset..offset + row.size) {
                    taken.take(at, offset..offset + row.size);
                    kept[i] = Some(offset);
                }
            }
        }
        kept
    }

    /// The previous plan adapted to these tensors: all settle in order of the previous offsets. If
    /// nothing has changed, no tensor ends higher than before. `None` if the time of `budget` is
    /// over before all have settled.
    ///
    /// `buffers` are those of the `occupying` tensors, given by position; what must not move is
    /// fixed.
    pub(super) fn start(
        &self,
        lifetimes: &Lifetimes,
        occupying: &[usize],
        buffers: &[Lifetime],
        budget: &Budget,
    ) -> Option<Vec<u64>> {
        let matched = self.matched(lifetimes);
        let wanted = |i: usize| matched[occupying[i]].map(|(_, offset)| offset);
        let budget = budget.of_first_plan(buffers.len());
        if lifetimes.rows_tell_conflicts() {
            let mut decoder = SectionDecoder::of_lifetimes(buffers);
            decoder.settle(wanted, &budget)?;
            return Some(decoder.into_offsets());
        }
        let interference = Interference {
            lifetimes,
            tensors: occupying,
        };
        if interference.has_windows() {
            let offsets = all_as_wanted(buffers, &interference, wanted);
            if offsets.is_some() {
                return offsets;
            }
        }
        if interference.is_of_gaps() {
            let mut decoder = LiveDecoder::of_interference(buffers, &interference);
            decoder.settle(wanted, &budget)?;
            return Some(decoder.into_offsets());
        }
        let mut decoder = InterferenceDecoder::of_relation(buffers, &interference, &budget);
        decoder.settle(wanted, &budget)?;
        Some(decoder.into_offsets())
    }
}

/// The offsets wanted for all buffers, if there are some and they make a plan. Settling might raise
/// a buffer with windows: what lies inside another one need not fit there when that has moved.
fn all_as_wanted(
    buffers: &[Lifetime],
    interference: &Interference<'_>,
    wanted: impl Fn(usize) -> Option<u64>,
) -> Option<Vec<u64>> {
    let mut space = LiveSpace::new(buffers, interference);
    let each = buffers.iter().enumerate().map(|(i, buffer)| {
        let offset = wanted(i)?;
        let bytes = offset..offset.checked_add(buffer.size)?;
        let may_be_there = buffer.fixed_offset.is_none_or(|fixed| fixed == offset);
        let is_free = offset % buffer.alignment == 0 && space.is_free(i, bytes.clone());
        (may_be_there && is_free).then(|| {
            space.take(i, bytes);
            offset
        })
    });
    each.collect()
}

/// The bytes that some buffers have already.
enum TakenBytes<'l> {
    /// By section, where rows alone decide.
    Sections(SectionSpace),
    /// By section, where live ranges decide.
    Lives(LiveSpace),
    /// Buffer by buffer, where an interference relation decides.
    Interference(Interference<'l>, Vec<(usize, Range<u64>)>),
}

impl<'l> TakenBytes<'l> {
    fn new(lifetimes: &'l Lifetimes, tensors: &'l [usize], buffers: &[Lifetime]) -> Self {
        if lifetimes.rows_tell_conflicts() {
            return Self::Sections(SectionSpace::new(buffers));
        }
        let interference = Interference { lifetimes, tensors };
        if interference.is_of_gaps() {
            return Self::Lives(LiveSpace::new(buffers, &interference));
        }
        Self::Interference(interference, Vec::new())
    }

    fn take(&mut self, buffer: usize, bytes: Range<u64>) {
        match self {
            Self::Sections(space) => space.take(buffer, bytes),
            Self::Lives(space) => space.take(buffer, bytes),
            Self::Interference(_, taken) => taken.push((buffer, bytes)),
        }
    }

    fn is_free(&self, buffer: usize, bytes: Range<u64>) -> bool {
        match self {
            Self::Sections(space) => space.is_free(buffer, bytes),
            Self::Lives(space) => space.is_free(buffer, bytes),
            Self::Interference(interference, taken) => taken.iter().all(|(other, theirs)| {
                let overlap = bytes.start < theirs.end && theirs.start < bytes.end;
                !overlap || !interference.conflict(buffer, *other)
            }),
        }
    }
}
