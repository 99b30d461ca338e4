//! Picks: the choice for an idle interval that frees most bytes in a moment for the least cost.
//!
//! Stands on the estimates. A pick is made by moving the loads as the estimate says; the schedule
//! that is made later says what they really are. Invariant: a pick frees bytes in its moment, by
//! means that are allowed and not banned.

use super::{
    chances::backs,
    choices::{Choice, Choices, Way},
    estimate::{Operands, Recomputation, compressing, recomputation, spilling},
    loads::{Loads, TooFull},
    making::Stay,
    model::{Idle, Model, moment_before},
    rules::{Rule, score},
    search::{Banned, Search},
};

/// The most operators before which a pick recomputes a root.
const BACKS_OF_PICKS: usize = 2;

/// A choice that frees bytes in the fullest moment.
pub(super) struct Pick {
    pub(super) idle: u32,
    choice: Choice,
    pub(super) score: f64,
    recomputation: Recomputation,
}

/// The best choice so far for an interval, of those that free bytes in a moment.
struct Best<'b> {
    loads: &'b Loads,
    rule: Rule,
    too_full: TooFull,
    idle: u32,
    of: &'b Idle,
    pick: Option<Pick>,
}

impl Best<'_> {
    /// Takes a choice that costs so many seconds and frees `gain` bytes, if it is better.
    fn consider(&mut self, choice: Choice, seconds: f64, gain: i64, recomputation: Recomputation) {
        let (absence, excess) = (choice.absence(self.of), self.too_full.excess);
        let score = score(self.loads, self.rule, &absence, gain, excess, seconds);
        let score = score * self.rule.factor(self.idle, choice);
        if gain > 0 && self.pick.as_ref().is_none_or(|best| score > best.score) {
            self.pick = Some(Pick {
                idle: self.idle,
                choice,
                score,
                recomputation,
            });
        }
    }
}

impl Search<'_> {
    /// Whether another choice for an interval may free bytes in a moment.
    pub(super) fn is_open(&self, choices: &Choices, idle: u32, moment: u32) -> bool {
        let of = self.model.idle(idle);
        let choice = choices.get(idle);
        let is_idle = of.absence(of.until).contains(&moment);
        is_idle && freed_now(self.model, choice, of, moment) < self.model.size(of.root) as i64
    }

    /// The best choice for an interval, of those that free bytes in a moment; `None` if none does.
    pub(super) fn best_pick(
        &self,
        choices: &Choices,
        loads: &Loads,
        rule: Rule,
        banned: Banned,
        idle: u32,
        too_full: TooFull,
    ) -> Option<Pick> {
        if !self.is_open(choices, idle, too_full.moment) {
            return None;
        }
        let way = choices.get(idle).way;
        let mut best = Best {
            loads,
            rule,
            too_full,
            idle,
            of: self.model.idle(idle),
            pick: None,
        };
        if self.model.can_spill && !banned.spill && way != Way::Recompute {
            self.consider_spilling(choices, &mut best);
        }
        if !banned.compress && matches!(way, Way::Keep | Way::Compress) {
            self.consider_compressing(choices, &mut best);
        }
        if self.model.can_recompute && !banned.recompute && way != Way::Spill {
            self.consider_recomputing(choices, &mut best);
        }
        best.pick
    }

    /// Compares a spill with the best choice, if the slow memory has room for it.
    fn consider_spilling(&self, choices: &Choices, best: &mut Best<'_>) {
        let of = best.of;
        let size = self.model.size(of.root) as i64;
        let (seconds, is_written) = spilling(self.model, choices, best.idle);
        let stay = of.from..moment_before(of.until) + 1;
        let room = self.slow_capacity.min(i64::MAX as u64) as i64 - size;
        if !is_written || best.loads.slow.most(stay) <= room {
            let choice = Choice::new(Way::Spill, of.until);
            let (gain, spared) = self.change(choices, best, choice);
            best.consider(choice, seconds - spared, gain, Recomputation::default());
        }
    }

    /// Compares keeping a root in compressed form with the best choice.
    fn consider_compressing(&self, choices: &Choices, best: &mut Best<'_>) {
        if let Some(seconds) = compressing(self.model, best.idle) {
            let choice = Choice::new(Way::Compress, best.of.until);
            let (gain, _) = self.change(choices, best, choice);
            best.consider(choice, seconds, gain, Recomputation::default());
        }
    }

    /// The bytes that a choice frees in the moment beyond those that are freed already, and the
    /// seconds that it spares, because the root would no longer be compressed.
    fn change(&self, choices: &Choices, best: &Best<'_>, choice: Choice) -> (i64, f64) {
        let (model, of, before) = (self.model, best.of, choices.get(best.idle));
        let freed = freed_now(model, before, of, best.too_full.moment);
        let spared = match before.way {
            Way::Compress => compressing(model, best.idle).unwrap_or(0.0),
            _ => 0.0,
        };
        (choice.freed(model, of) - freed, spared)
    }

    /// Compares recomputations with the best choice: before several operators, and with all ways of
    /// having the operands.
    fn consider_recomputing(&self, choices: &Choices, best: &mut Best<'_>) {
        let (model, moment) = (self.model, best.too_full.moment);
        let (fast, capacity) = (&best.loads.fast, self.capacity);
        let room = self.room(fast);
        let most = match choices.get(best.idle).way {
            Way::Keep => BACKS_OF_PICKS,
            _ => 1,
        };
        for back in backs(model, best.idle, most) {
            if moment >= moment_before(back) {
                break;
            }
            for operands in Operands::OF_PICKS
                .into_iter()
                .filter(|it| it.is_possible(model))
            {
                let made = recomputation(model, choices, best.of.operand(), back, operands, &room);
                let Some(made) = made else {
                    continue;
                };
                let kept = self.kept_ranges(choices, &made, back);
                let stays = kept.iter().filter(|stay| stay.moments.contains(&moment));
                let stays: i64 = stays.map(|stay| stay.bytes).sum();
                if stays > 0 && !best.rule.may_stay {
                    continue;
                }
                let is_alike = made.kept.is_empty();
                let before = moment_before(back);
                let full = fast.most(before..before + 1) + made.temporary as i64;
                let fits = full <= capacity as i64 && self.have_room(best, back, &kept);
                let seconds = made.seconds * if fits { 1.0 } else { 4.0 };
                let choice = Choice::new(Way::Recompute, back);
                let (gain, spared) = self.change(choices, best, choice);
                best.consider(choice, seconds - spared, gain - stays, made);
                // Nothing has had its last use.
                if is_alike && operands == Operands::Keep {
                    break;
                }
            }
        }
    }

    /// Whether there is room for roots that stay, if the one of the pick is elsewhere until before
    /// operator `back`.
    fn have_room(&self, best: &Best<'_>, back: u32, kept: &[Stay]) -> bool {
        let fast = &best.loads.fast;
        let absence = best.of.absence(back);
        let freed = self.model.size(best.of.root) as i64;
        kept.iter().all(|Stay { bytes, moments, .. }| {
            let within = moments.start.max(absence.start)..moments.end.min(absence.end);
            let after = moments.start.max(absence.end)..moments.end;
            let most = fast.most(after).max(fast.most(within) - freed);
            most + bytes <= self.capacity as i64
        })
    }

    /// Makes a pick.
    pub(super) fn choose(&self, choices: &mut Choices, loads: &mut Loads, pick: &Pick) {
        let model = self.model;
        let of = *model.idle(pick.idle);
        let size = model.size(of.root) as i64;
        let before = choices.get(pick.idle);
        if pick.choice.way == Way::Spill && before.way != Way::Spill {
            let (_, is_written) = spilling(model, choices, pick.idle);
            if is_written {
                let stay = of.from..moment_before(of.until) + 1;
                loads.slow.add(stay, size);
            }
        }
        let freed = |choice: Choice| choice.freed(model, &of);
        loads.fast.add(before.absence(&of), freed(before));
        loads
            .fast
            .add(pick.choice.absence(&of), -freed(pick.choice));
        self.apply(
            choices,
            pick.idle,
            pick.choice,
            &pick.recomputation,
            Some(loads),
        );
    }
}

/// The bytes that a choice frees in a moment.
fn freed_now(model: &Model, choice: Choice, of: &Idle, moment: u32) -> i64 {
    match choice.absence(of).contains(&moment) {
        true => choice.freed(model, of),
        false => 0,
    }
}
