//! The part of the check that looks at places: each copy lies in its memory, and no two copies have
//! bytes in common while both need them, except at the step that joins operands to a result.
//!
//! Stands on [`Check`]. A sweep over the steps keeps the copies that have bytes in order of their
//! offsets. Invariant: those are disjoint, so that a copy only has to be compared with the one
//! below its end.

use alloc::{
    collections::{BTreeMap, BTreeSet},
    vec::Vec,
};

use super::{
    check_state::Check,
    mistake::{FitMistake, FitRule},
    schedule::{CopyId, Memory},
};

impl Check<'_> {
    /// Each copy lies in its memory.
    pub(super) fn places(&self) -> Result<(), FitMistake> {
        for copy in &self.schedule.copies {
            if self.graph.tensor(copy.tensor).is_none() {
                return self.fault(copy.tensor, FitRule::UnknownTensor);
            }
            let capacity = match copy.memory {
                Memory::Fast => self.fit.capacity,
                Memory::Slow => self.fit.slow.map_or(0, |slow| slow.capacity),
            };
            let size = copy.bytes(self.graph);
            let end = copy.offset.checked_add(size);
            let is_there = size > 0 && !copy.steps.is_empty();
            if is_there && end.is_none_or(|end| end > capacity) {
                let rule = FitRule::Capacity {
                    memory: copy.memory,
                    capacity,
                    end: end.unwrap_or(u64::MAX),
                };
                return self.fault(copy.tensor, rule);
            }
        }
        Ok(())
    }

    /// No two copies have bytes in common while both need them.
    pub(super) fn overlaps(&mut self) -> Result<(), FitMistake> {
        let copies = &self.schedule.copies;
        let size = |i: usize| copies[i].bytes(self.graph);
        let occupying = |&i: &usize| size(i) > 0 && !copies[i].steps.is_empty();
        let mut births: Vec<usize> = (0..copies.len()).filter(occupying).collect();
        births.sort_unstable_by_key(|&i| copies[i].steps.start);
        // Those that have bytes now: by when they end, and by where they begin.
        let mut ends: BTreeSet<(usize, usize)> = BTreeSet::new();
        let mut placed: [BTreeMap<u64, usize>; 2] = Default::default();
        // The results that are joined at the step that was looked at last.
        let (mut joined_at, mut joined) = (usize::MAX, BTreeMap::new());
        for i in births {
            let copy = &copies[i];
            while let Some(&(end, gone)) = ends.first() {
                if end > copy.steps.start {
                    break;
                }
                ends.pop_first();
                placed[copies[gone].memory as usize].remove(&copies[gone].offset);
            }
            let there = &mut placed[copy.memory as usize];
            let met = |there: &BTreeMap<u64, usize>| {
                let below = there.range(..copy.offset + size(i)).next_back();
                below
                    .filter(|&(offset, &other)| offset + size(other) > copy.offset)
                    .map(|(_, &other)| other)
            };
            if met(there).is_some() {
                if joined_at != copy.steps.start {
                    joined_at = copy.steps.start;
                    joined = self.joined_at(joined_at);
                }
                // Copies that it is joined of hand their bytes over.
                let operands = joined.get(&CopyId::new(i as u32));
                for operand in operands.into_iter().flatten() {
                    let of = &copies[operand.index()];
                    if there.get(&of.offset) == Some(&operand.index()) {
                        there.remove(&of.offset);
                        ends.remove(&(of.steps.end, operand.index()));
                    }
                }
            }
            if let Some(other) = met(there) {
                let rule = FitRule::Overlap {
                    other: self.name(copies[other].tensor),
                    memory: copy.memory,
                };
                let at = copy.steps.start;
                let action = self.schedule.steps.get(at).map(|step| (at, step.action));
                self.step = action;
                return self.fault(copy.tensor, rule);
            }
            there.insert(copy.offset, i);
            ends.insert((copy.steps.end, i));
        }
        Ok(())
    }
}
