//! Picks: the choice for an idle interval that frees most bytes in a moment for the least cost.
//!
//! Stands on the estimates. A pick is made by moving the loads as the estimate says; the schedule
//! that is made later says what they really are. Invariant: a pick frees bytes in its moment, by
//! means that are allowed and not banned.

use alloc::vec::Vec;
use core::ops::Range;

use super::{
    chances::backs,
    choices::{Choice, Choices, Tail, Way},
    estimate::{Operands, Recomputation, Room, compressing, recomputation, spilling},
    load_tree::LoadTree,
    model::{Idle, Model, moment_before},
    search::{Banned, Search},
};
use crate::planner::random::Random;

/// The most operators before which a pick recomputes a root.
const BACKS_OF_PICKS: usize = 2;

/// Added to seconds that are divided by.
const LEAST_SECONDS: f64 = 1e-30;

/// How a repair weighs bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    /// Whether only the bytes that are too many count.
    pub(super) by_excess: bool,
    /// Whether the number of moments counts that are too full.
    pub(super) by_moments: bool,
    /// Whether operands of what is recomputed may stay in the fullest moment.
    pub(super) may_stay: bool,
    /// A seed, by which scores are changed at random; 0 to leave them as they are.
    pub(super) noise: u64,
}

impl Rule {
    /// One of the rules, with scores that are changed at random.
    pub(super) fn noisy(random: &mut Random) -> Self {
        let rule = Self::ALL[random.below(Self::ALL.len() as u64) as usize];
        Self {
            noise: 1 + random.below(u64::MAX),
            ..rule
        }
    }

    /// By how much the score of a choice is changed.
    fn factor(self, idle: u32, choice: Choice) -> f64 {
        if self.noise == 0 {
            return 1.0;
        }
        let what = u64::from(idle) << 32 | u64::from(choice.back) << 2 | choice.way as u64;
        let part = Random::new(self.noise ^ what).below(1 << 16) as f64 / f64::from(1 << 16);
        // From 0.8 to 5, mostly near 1.
        1.0 / (0.2 + part)
    }

    /// The rules that the first repairs go by.
    pub(super) const ALL: [Self; 6] = [
        rule(true, true, true),
        rule(false, true, true),
        rule(true, false, true),
        rule(false, false, true),
        rule(true, true, false),
        rule(false, false, false),
    ];
}

const fn rule(by_excess: bool, by_moments: bool, may_stay: bool) -> Rule {
    Rule {
        by_excess,
        by_moments,
        may_stay,
        noise: 0,
    }
}

/// The loads of a schedule, moved by estimates.
pub(super) struct Loads {
    pub(super) fast: LoadTree,
    pub(super) slow: LoadTree,
    /// How many moments before each one are too full.
    pub(super) too_full: Vec<u32>,
}

/// A moment that has so many bytes too many.
#[derive(Clone, Copy)]
pub(super) struct TooFull {
    pub(super) moment: u32,
    pub(super) excess: i64,
}

/// A choice that frees bytes in the fullest moment.
pub(super) struct Pick {
    pub(super) idle: u32,
    choice: Choice,
    pub(super) score: f64,
    recomputation: Recomputation,
}

/// A root that stays after its last use, in some form.
struct Stay {
    root: u32,
    tail: Tail,
    bytes: i64,
    moments: Range<u32>,
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
        let room = Room { fast, capacity };
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

    /// The moments in which roots would be there that are not now, so that something can be
    /// recomputed.
    fn kept_ranges(&self, choices: &Choices, made: &Recomputation, until: u32) -> Vec<Stay> {
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

    /// Makes a choice, and keeps what it needs.
    fn apply(
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

/// The bytes that a choice frees in a moment.
fn freed_now(model: &Model, choice: Choice, of: &Idle, moment: u32) -> i64 {
    match choice.absence(of).contains(&moment) {
        true => choice.freed(model, of),
        false => 0,
    }
}

/// How good a choice is that frees so many bytes, of which so many are too many.
fn score(
    loads: &Loads,
    rule: Rule,
    absence: &Range<u32>,
    gain: i64,
    excess: i64,
    seconds: f64,
) -> f64 {
    let bytes = if rule.by_excess {
        gain.min(excess)
    } else {
        gain
    };
    let [start, end] = [absence.start, absence.end].map(|moment| loads.too_full[moment as usize]);
    let moments = if rule.by_moments {
        (end - start).max(1)
    } else {
        1
    };
    bytes as f64 * f64::from(moments) / (seconds.max(0.0) + LEAST_SECONDS)
}
