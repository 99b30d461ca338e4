//! The search for choices: a greedy repair of what does not fit, and taking back what is not
//! needed.
//!
//! Stands on `emit` and the estimates. The repair looks at the fullest slot, and chooses what frees
//! most bytes there, in most slots that are too full, for the least cost. Estimates move the loads
//! until no slot is too full by them; then the schedule is made, which says what the loads really
//! are, and the repair goes on with those. Work is counted in visited steps, so that the result
//! does not depend on a clock.

use alloc::{vec, vec::Vec};
use core::ops::Range;

use super::{
    choices::{Choice, Choices, Presence, Tail, Way},
    emit::{Emitted, emit},
    estimate::{Operands, Remaking, Room, backs, remaking, spilling},
    load_tree::LoadTree,
    model::{Model, NONE, slot_before},
};

/// The most times that a repair makes the schedule.
const MOST_ROUNDS: usize = 60;

/// The most single changes that are tried if many at once make nothing better.
const MOST_SINGLE: usize = 12;

/// The most operators before which a pick makes a root again.
const BACKS_OF_PICKS: usize = 2;

/// Added to seconds that are divided by.
const LEAST_SECONDS: f64 = 1e-30;

/// How a repair weighs bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rule {
    /// Whether only the bytes that are too many count.
    pub(super) by_excess: bool,
    /// Whether the number of slots counts that are too full.
    pub(super) by_slots: bool,
    /// Whether operands of what is made again may stay in the fullest slot.
    pub(super) may_stay: bool,
}

/// Choices that fit, and their schedule.
#[derive(Clone, Debug)]
pub(super) struct Solution {
    pub(super) choices: Choices,
    pub(super) emitted: Emitted,
    pub(super) seconds: f64,
    /// The most bytes in the fast memory.
    pub(super) load: u64,
}

/// Ways that are not to be chosen, for each idle interval.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Banned {
    pub(super) spill: bool,
    pub(super) recompute: bool,
}

impl Banned {
    /// Only to be kept.
    pub(super) const BOTH: Self = Self {
        spill: true,
        recompute: true,
    };
}

/// The model, the capacities and the work that is left.
pub(super) struct Search<'m> {
    pub(super) model: &'m Model,
    pub(super) capacity: u64,
    pub(super) slow_capacity: u64,
    pub(super) work: u64,
    /// A lower bound on the seconds: nothing is better than that.
    pub(super) goal: f64,
}

/// The loads of a schedule, moved by estimates.
struct Loads {
    fast: LoadTree,
    slow: LoadTree,
    /// How many slots before each one are too full.
    too_full: Vec<u32>,
}

/// A choice that frees bytes in the fullest slot.
struct Pick {
    idle: u32,
    choice: Choice,
    score: f64,
    remaking: Remaking,
}

impl<'m> Search<'m> {
    fn spend(&mut self, steps: usize) {
        self.work = self.work.saturating_sub(steps as u64);
    }

    pub(super) fn is_over(&self) -> bool {
        self.work == 0
    }

    /// The schedule of choices, if it fits.
    pub(super) fn found(&mut self, choices: Choices) -> Option<Solution> {
        let emitted = emit(self.model, &choices).ok()?;
        self.spend(emitted.len());
        let most = |loads: Vec<u64>| loads.into_iter().max().unwrap_or(0);
        let load = most(emitted.fast_loads(self.model));
        let fits =
            load <= self.capacity && most(emitted.slow_loads(self.model)) <= self.slow_capacity;
        fits.then(|| Solution {
            seconds: emitted.cost.seconds(),
            choices,
            emitted,
            load,
        })
    }

    /// Chooses more, until everything fits; `None` if no choices are left that help.
    pub(super) fn repair(
        &mut self,
        mut choices: Choices,
        rule: Rule,
        banned: &mut [Banned],
        always: bool,
    ) -> Option<Solution> {
        let mut rounds = 0;
        while rounds < MOST_ROUNDS && (always || !self.is_over()) {
            let emitted = match emit(self.model, &choices) {
                Ok(emitted) => emitted,
                Err(NONE) => return None,
                Err(idle) => {
                    // Each interval fails once.
                    let banned = &mut banned[idle as usize];
                    banned.recompute = true;
                    banned.spill |= choices.way(idle) == Way::Spill;
                    choices.keep(self.model, idle);
                    continue;
                }
            };
            rounds += 1;
            self.spend(emitted.len());
            let fast = emitted.fast_loads(self.model);
            let slow = emitted.slow_loads(self.model);
            if let Some(slot) = slow.iter().position(|&load| load > self.slow_capacity) {
                self.ban_spill(&mut choices, banned, slot as u32)?;
                continue;
            }
            let load = fast.iter().copied().max().unwrap_or(0);
            if load <= self.capacity {
                return Some(Solution {
                    seconds: emitted.cost.seconds(),
                    choices,
                    emitted,
                    load,
                });
            }
            let mut loads = self.loads(&fast, &slow);
            if !self.round(&mut choices, &mut loads, rule, banned) {
                return None;
            }
        }
        None
    }

    fn loads(&self, fast: &[u64], slow: &[u64]) -> Loads {
        let too_full = fast.iter().scan(0, |count, &load| {
            let before = *count;
            *count += u32::from(load > self.capacity);
            Some(before)
        });
        let mut too_full: Vec<u32> = too_full.collect();
        let last = fast.last().is_some_and(|&load| load > self.capacity);
        too_full.push(too_full.last().map_or(0, |&count| count + u32::from(last)));
        Loads {
            fast: LoadTree::new(fast.iter().copied()),
            slow: LoadTree::new(slow.iter().copied()),
            too_full,
        }
    }

    /// Chooses until no slot is too full by estimates. False if nothing could be chosen.
    fn round(
        &mut self,
        choices: &mut Choices,
        loads: &mut Loads,
        rule: Rule,
        banned: &[Banned],
    ) -> bool {
        let mut has_chosen = false;
        loop {
            let (slot, load) = loads.fast.fullest();
            let excess = load - self.capacity as i64;
            if excess <= 0 {
                return true;
            }
            self.spend(self.model.idles.len() / 8 + 1);
            let Some(pick) = self.best_pick(choices, loads, rule, banned, slot, excess) else {
                return has_chosen || self.give_up_kept(choices, slot);
            };
            self.choose(choices, loads, &pick);
            has_chosen = true;
        }
    }

    /// The best choice at a slot that has so many bytes too many.
    fn best_pick(
        &mut self,
        choices: &Choices,
        loads: &Loads,
        rule: Rule,
        banned: &[Banned],
        slot: u32,
        excess: i64,
    ) -> Option<Pick> {
        let model = self.model;
        let mut best: Option<Pick> = None;
        let mut visited = 0;
        let room = Room {
            fast: &loads.fast,
            capacity: self.capacity,
        };
        for (idle, of) in (0u32..).zip(&model.idles) {
            let choice = choices.get(idle);
            let is_kept = choice.way == Way::Keep;
            let is_here = match is_kept {
                true => of.absence(of.until).contains(&slot),
                false => (slot_before(choice.back)..slot_before(of.until)).contains(&slot),
            };
            if !is_here {
                continue;
            }
            let mut consider = |choice: Choice, seconds: f64, gain: i64, remaking: Remaking| {
                visited += 1;
                let absence = of.absence(choice.back);
                let score = score(loads, rule, &absence, gain, excess, seconds);
                if gain > 0 && best.as_ref().is_none_or(|best| score > best.score) {
                    best = Some(Pick {
                        idle,
                        choice,
                        score,
                        remaking,
                    });
                }
            };
            let size = model.size(of.root) as i64;
            let banned = banned[idle as usize];
            if model.can_spill && !banned.spill && (is_kept || choice.way == Way::Spill) {
                let (seconds, is_written) = spilling(model, choices, idle);
                let stay = of.from..slot_before(of.until) + 1;
                let room = self.slow_capacity.min(i64::MAX as u64) as i64 - size;
                if !is_written || loads.slow.most(stay) <= room {
                    let (way, back) = (Way::Spill, of.until);
                    consider(Choice { way, back }, seconds, size, Remaking::default());
                }
            }
            let is_made = is_kept || choice.way == Way::Recompute;
            if !(model.can_recompute && !banned.recompute && is_made) {
                continue;
            }
            let most = if is_kept { BACKS_OF_PICKS } else { 1 };
            for back in backs(model, idle, most) {
                if slot >= slot_before(back) {
                    break;
                }
                for operands in Operands::ALL {
                    let Some(made) = remaking(model, choices, idle, back, operands, &room) else {
                        continue;
                    };
                    let kept = self.kept_ranges(choices, &made, back);
                    let stays = kept.iter().filter(|(_, slots)| slots.contains(&slot));
                    let stays: i64 = stays.map(|&(root, _)| model.size(root) as i64).sum();
                    if stays > 0 && !rule.may_stay {
                        continue;
                    }
                    let is_alike = made.kept.is_empty() && made.spilled.is_empty();
                    let before = slot_before(back);
                    let full = loads.fast.most(before..before + 1) + made.temporary as i64;
                    let fits = full <= self.capacity as i64;
                    let seconds = made.seconds * if fits { 1.0 } else { 4.0 };
                    let way = Way::Recompute;
                    consider(Choice { way, back }, seconds, size - stays, made);
                    // Nothing has had its last use.
                    if is_alike && operands == Operands::Keep {
                        break;
                    }
                }
            }
        }
        self.spend(4 * visited);
        best
    }

    /// The slots in which roots would be there that are not now, so that something can be made.
    fn kept_ranges(
        &self,
        choices: &Choices,
        made: &Remaking,
        until: u32,
    ) -> Vec<(u32, Range<u32>)> {
        let range = |&root: &u32| {
            let uses = &self.model.root(root).uses;
            let last = uses.last().map_or(0, |used| used.slot + 1);
            let start = match choices.tails[root as usize] {
                Tail::Kept(kept) => slot_before(kept) + 1,
                _ => last,
            };
            (root, start.max(last)..slot_before(until) + 1)
        };
        let ranges = made.kept.iter().map(range);
        ranges.filter(|(_, slots)| !slots.is_empty()).collect()
    }

    fn choose(&mut self, choices: &mut Choices, loads: &mut Loads, pick: &Pick) {
        let model = self.model;
        let of = *model.idle(pick.idle);
        let size = model.size(of.root) as i64;
        let before = choices.get(pick.idle);
        if pick.choice.way == Way::Spill && before.way == Way::Keep {
            let (_, is_written) = spilling(model, choices, pick.idle);
            if is_written {
                let stay = of.from..slot_before(of.until) + 1;
                loads.slow.add(stay, size);
            }
        }
        let gone = match before.way {
            Way::Keep => of.absence(pick.choice.back),
            _ => slot_before(before.back)..slot_before(pick.choice.back),
        };
        loads.fast.add(gone, -size);
        self.apply(choices, pick.idle, pick.choice, &pick.remaking, Some(loads));
    }

    /// Makes a choice, and keeps what it needs.
    fn apply(
        &self,
        choices: &mut Choices,
        idle: u32,
        choice: Choice,
        made: &Remaking,
        mut loads: Option<&mut Loads>,
    ) {
        choices.set(idle, choice);
        for (root, slots) in self.kept_ranges(choices, made, choice.back) {
            if let Some(loads) = &mut loads {
                loads.fast.add(slots, self.model.size(root) as i64);
            }
            choices.tails[root as usize] = Tail::Kept(choice.back);
        }
        for &root in &made.spilled {
            choices.tails[root as usize] = Tail::Spilled;
        }
        if let Some(loads) = loads {
            let before = slot_before(choice.back);
            loads.fast.add(before..before + 1, made.temporary as i64);
        }
    }

    /// Makes a choice for one interval, if it is possible.
    pub(super) fn force(
        &self,
        choices: &mut Choices,
        idle: u32,
        choice: Choice,
        operands: Operands,
        room: &Room<'_>,
    ) -> Option<()> {
        let made = match choice.way {
            Way::Recompute => remaking(self.model, choices, idle, choice.back, operands, room)?,
            _ => Remaking::default(),
        };
        self.apply(choices, idle, choice, &made, None);
        Some(())
    }

    /// Gives up what is kept in a slot after its last use. False if there is nothing.
    fn give_up_kept(&self, choices: &mut Choices, slot: u32) -> bool {
        let mut has_changed = false;
        for (root, tail) in choices.tails.iter_mut().enumerate() {
            let uses = &self.model.roots[root].uses;
            let last = uses.last().map_or(0, |used| used.slot);
            if last < slot && tail.reaches(slot.div_ceil(2)) {
                *tail = Tail::Gone;
                has_changed = true;
            }
        }
        has_changed
    }

    /// Keeps the largest root that is in the slow memory in a slot that has too many bytes there.
    fn ban_spill(&self, choices: &mut Choices, banned: &mut [Banned], slot: u32) -> Option<()> {
        let model = self.model;
        let is_spilled = |&idle: &u32| choices.way(idle) == Way::Spill;
        let is_there = |&idle: &u32| {
            let of = model.idle(idle);
            !model.root(of.root).is_stored && of.from <= slot
        };
        let idles = (0..model.idles.len() as u32).filter(is_spilled);
        let idles = idles.filter(is_there);
        let near = |idle: &u32| {
            let of = model.idle(*idle);
            (slot_before(of.until) >= slot, model.size(of.root))
        };
        let idle = idles.max_by_key(near)?;
        banned[idle as usize].spill = true;
        choices.keep(model, idle);
        Some(())
    }

    /// Keeps what fits after all, but for one interval.
    pub(super) fn take_back(&mut self, mut found: Solution, but: u32) -> Solution {
        let model = self.model;
        let unread: Vec<u32> = found.emitted.unread().collect();
        if !unread.is_empty() {
            let mut choices = found.choices.clone();
            for root in unread {
                let tail = &mut choices.tails[root as usize];
                if *tail == Tail::Spilled {
                    *tail = Tail::Gone;
                }
            }
            if let Some(better) = self.found(choices) {
                found = better;
            }
        }
        let mut chosen: Vec<(f64, u32)> = Vec::new();
        for idle in 0..model.idles.len() as u32 {
            if idle != but && found.choices.way(idle) != Way::Keep {
                chosen.push((self.seconds_of(&found.choices, idle), idle));
            }
        }
        chosen.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        self.spend(chosen.len());
        let mut fast = LoadTree::new(found.emitted.fast_loads(model).into_iter());
        let mut changes = Vec::new();
        for (_, idle) in chosen {
            let of = model.idle(idle);
            let back = found.choices.get(idle).back;
            let absence = of.absence(back);
            let size = model.size(of.root) as i64;
            if fast.most(absence.clone()) + size <= self.capacity as i64 {
                fast.add(absence, size);
                let way = Way::Keep;
                let back = of.until;
                changes.push((idle, Choice { way, back }));
            }
        }
        self.with_changes(found, &changes)
    }

    /// What one interval costs, by estimate.
    pub(super) fn seconds_of(&self, choices: &Choices, idle: u32) -> f64 {
        match choices.way(idle) {
            Way::Keep => 0.0,
            Way::Spill => spilling(self.model, choices, idle).0,
            Way::Recompute => {
                let back = choices.get(idle).back;
                let fast = &LoadTree::new([0].into_iter());
                let capacity = self.capacity;
                let room = Room { fast, capacity };
                let made = remaking(self.model, choices, idle, back, Operands::Remake, &room);
                made.map_or(f64::MAX, |made| made.seconds)
            }
        }
    }

    /// Lets temporary copies stay that are needed later anyway.
    pub(super) fn adopt(&mut self, mut found: Solution) -> Solution {
        let model = self.model;
        for _ in 0..8 {
            let mut fast = LoadTree::new(found.emitted.fast_loads(model).into_iter());
            let mut changes: Vec<(u32, Choice)> = Vec::new();
            for &(operand, op) in &found.emitted.temporaries {
                let (presence, _) = found.choices.presence(model, operand.root, op);
                let Presence::Idle(idle) = presence else {
                    continue;
                };
                let (choice, size) = (found.choices.get(idle), model.size(operand.root) as i64);
                let slots = slot_before(op)..slot_before(choice.back);
                let is_it = model.idle(idle).version == operand.version;
                let is_first = !changes.iter().any(|&(other, _)| other == idle);
                if is_it && is_first && fast.most(slots.clone()) + size <= self.capacity as i64 {
                    fast.add(slots, size);
                    changes.push((idle, Choice { back: op, ..choice }));
                }
            }
            self.spend(found.emitted.temporaries.len() + 1);
            let before = found.seconds;
            found = self.with_changes(found, &changes);
            if found.seconds >= before || self.is_over() {
                break;
            }
        }
        found
    }

    /// With all changes, or with those that make it better one by one.
    fn with_changes(&mut self, found: Solution, changes: &[(u32, Choice)]) -> Solution {
        if changes.is_empty() {
            return found;
        }
        let mut all = found.choices.clone();
        for &(idle, choice) in changes {
            all.idles[idle as usize] = choice;
        }
        if let Some(better) = self.found(all).filter(|all| all.seconds <= found.seconds) {
            return better;
        }
        let mut best = found;
        for &(idle, choice) in changes.iter().take(MOST_SINGLE) {
            let mut one = best.choices.clone();
            one.idles[idle as usize] = choice;
            if let Some(better) = self.found(one).filter(|one| one.seconds < best.seconds) {
                best = better;
            }
        }
        best
    }

    /// Nothing is banned.
    pub(super) fn nothing_banned(&self) -> Vec<Banned> {
        vec![Banned::default(); self.model.idles.len()]
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
    let [start, end] = [absence.start, absence.end].map(|slot| loads.too_full[slot as usize]);
    let slots = if rule.by_slots {
        (end - start).max(1)
    } else {
        1
    };
    bytes as f64 * f64::from(slots) / (seconds + LEAST_SECONDS)
}
