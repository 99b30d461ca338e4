//! Making a choice: what it needs stays after its last use, in some form.
//!
//! Stands on the estimates. Invariant: what a choice needs by its estimate is there for it, and a
//! root that is kept longer stays so.

use alloc::vec::Vec;
use core::ops::Range;

use super::{
    choices::{Choice, Choices, Tail, Way},
    estimate::{Operands, Recomputation, Room, recomputation},
    loads::Loads,
    model::moment_before,
    search::Search,
};

/// A root that stays after its last use, in some form.
pub(super) struct Stay {
    pub(super) root: u32,
    pub(super) tail: Tail,
    pub(super) bytes: i64,
    pub(super) moments: Range<u32>,
}

impl Search<'_> {
    /// The moments in which roots would be there that are not now, so that something can be
    /// recomputed.
    pub(super) fn kept_ranges(
        &self,
        choices: &Choices,
        made: &Recomputation,
        until: u32,
    ) -> Vec<Stay> {
        let stay = |root: u32, tail: Tail| {
            let model = self.model;
            let uses = &model.root(root).uses;
            let last = uses.last().map_or(0, |used| used.moment + 1);
            let start = match choices.tails[root as usize] {
                Tail::Kept(kept) => moment_before(kept) + 1,
                _ => last,
            };
            let form = model.compressed(root).filter(|_| tail == Tail::Compressed);
            Stay {
                root,
                tail,
                bytes: form.map_or(model.size(root), |form| form.bytes) as i64,
                moments: start.max(last)..moment_before(until) + 1,
            }
        };
        let kept = made.kept.iter().map(|&root| stay(root, Tail::Kept(until)));
        let compressed = made.compressed.iter();
        let compressed = compressed.map(|&root| stay(root, Tail::Compressed));
        let stays = kept.chain(compressed);
        stays.filter(|stay| !stay.moments.is_empty()).collect()
    }

    /// Makes a choice, and keeps what it needs.
    pub(super) fn apply(
        &self,
        choices: &mut Choices,
        idle: u32,
        choice: Choice,
        made: &Recomputation,
        mut loads: Option<&mut Loads>,
    ) {
        choices.set(idle, choice);
        for stay in self.kept_ranges(choices, made, choice.back) {
            if let Some(loads) = &mut loads {
                loads.fast.add(stay.moments, stay.bytes);
            }
            choices.tails[stay.root as usize] = stay.tail;
        }
        for &root in &made.spilled {
            choices.tails[root as usize] = Tail::Spilled;
        }
        if let Some(loads) = loads {
            let before = moment_before(choice.back);
            loads.fast.add(before..before + 1, made.temporary as i64);
        }
    }

    /// The choices with another one for one interval, if that is possible.
    pub(super) fn forced(
        &self,
        choices: &Choices,
        idle: u32,
        choice: Choice,
        operands: Operands,
        room: &Room<'_>,
    ) -> Option<Choices> {
        let (model, back) = (self.model, choice.back);
        let made = match choice.way {
            Way::Recompute => recomputation(
                model,
                choices,
                model.idle(idle).operand(),
                back,
                operands,
                room,
            )?,
            _ => Recomputation::default(),
        };
        let mut choices = choices.clone();
        self.apply(&mut choices, idle, choice, &made, None);
        Some(choices)
    }
}
