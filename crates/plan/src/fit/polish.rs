//! Polishing: taking back what is not needed, and using what is there anyway.
//!
//! Stands on [`Search`]. Invariant: a solution that is polished costs no more than before.

use alloc::{collections::BTreeSet, vec::Vec};

use super::{
    choices::{Choice, Choices, Presence, Tail, Way},
    estimate::{Operands, compressing, recomputation, spilling},
    load_tree::LoadTree,
    model::{NONE, moment_before},
    search::{Search, Solution},
};

/// The most single changes that are tried if many at once make nothing better.
const MOST_SINGLE: usize = 12;

/// The most changes that are tried although they do not fit by estimate.
const MOST_DOUBTFUL: usize = 3;

/// How much lower a cost must be to count as lower.
const LEAST_GAIN: f64 = 1e-9;

impl Search<'_> {
    /// Whether nothing can be better.
    pub(super) fn is_best(&self, found: &Solution) -> bool {
        found.seconds <= self.goal * (1.0 + LEAST_GAIN)
    }

    /// With what is not needed taken back, and what is there anyway made use of.
    pub(super) fn polished(&mut self, found: Solution, except: u32) -> Solution {
        let found = self.take_back(found, except);
        self.adopt(found)
    }

    /// The better one of what is there and what is found, polished: first beside one choice, and
    /// then without it, if it is not needed.
    pub(super) fn better(&mut self, best: Solution, found: Solution, except: u32) -> Solution {
        let found = self.polished(found, except);
        let found = self.polished(found, NONE);
        match found.seconds < best.seconds * (1.0 - LEAST_GAIN) {
            true => found,
            false => best,
        }
    }

    /// Keeps what fits after all, except for one interval.
    pub(super) fn take_back(&mut self, mut found: Solution, except: u32) -> Solution {
        let model = self.model;
        let unread: Vec<u32> = found.emitted.unread().collect();
        if !unread.is_empty() {
            let mut choices = found.choices.clone();
            for root in unread {
                let tail = &mut choices.tails[root as usize];
                if matches!(tail, Tail::Spilled | Tail::Compressed | Tail::Again(_)) {
                    *tail = Tail::Gone;
                }
            }
            if let Some(better) = self.found(choices) {
                found = better;
            }
        }
        let mut chosen: Vec<(f64, u32)> = Vec::new();
        for idle in 0..model.idles.len() as u32 {
            if idle != except && found.choices.way(idle) != Way::Keep {
                chosen.push((self.seconds_of(&found.choices, idle), idle));
            }
        }
        chosen.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        self.spend(chosen.len());
        let mut fast = LoadTree::new(found.emitted.fast_loads(model).into_iter());
        let mut changes = Vec::new();
        for (_, idle) in chosen {
            let of = model.idle(idle);
            let choice = found.choices.get(idle);
            let (absence, freed) = (choice.absence(of), choice.freed(model, of));
            if fast.most(absence.clone()) + freed <= self.capacity as i64 {
                fast.add(absence, freed);
                changes.push((idle, Choice::new(Way::Keep, of.until)));
            }
        }
        self.with_changes(found, &changes)
    }

    /// What one interval costs, by estimate.
    pub(super) fn seconds_of(&self, choices: &Choices, idle: u32) -> f64 {
        match choices.way(idle) {
            Way::Keep => 0.0,
            Way::Spill => spilling(self.model, choices, idle).0,
            Way::Compress => compressing(self.model, idle).unwrap_or(f64::MAX),
            Way::Recompute => {
                let back = choices.get(idle).back;
                let fast = &LoadTree::new([0].into_iter());
                let room = self.room(fast);
                let made = recomputation(
                    self.model,
                    choices,
                    self.model.idle(idle).operand(),
                    back,
                    Operands::Recompute,
                    &room,
                );
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
            let mut doubtful: Vec<(u32, Choice)> = Vec::new();
            let mut changed: BTreeSet<u32> = BTreeSet::new();
            for &(operand, op) in &found.emitted.temporaries {
                let (presence, _) = found.choices.presence(model, operand.root, op);
                let Presence::Idle(idle) = presence else {
                    continue;
                };
                let choice = found.choices.get(idle);
                let freed = choice.freed(model, model.idle(idle));
                let is_it = model.idle(idle).version == operand.version;
                if !is_it || changed.contains(&idle) {
                    continue;
                }
                // It stays from then on, or until then.
                let absence = choice.absence(model.idle(idle));
                let later = moment_before(op) + 1..absence.end.max(moment_before(op) + 1);
                let earlier = absence.start..moment_before(op).max(absence.start);
                let ways = [
                    (later, Choice { back: op, ..choice }),
                    (
                        earlier,
                        Choice {
                            leave: op,
                            ..choice
                        },
                    ),
                ];
                let fitting = ways.into_iter().find(|(moments, _)| {
                    fast.most(moments.clone()) + freed <= self.capacity as i64
                });
                match fitting {
                    Some((moments, choice)) => {
                        fast.add(moments, freed);
                        changed.insert(idle);
                        changes.push((idle, choice));
                    }
                    None => doubtful.push((idle, Choice { back: op, ..choice })),
                }
            }
            self.spend(found.emitted.temporaries.len() + 1);
            let before = found.seconds;
            found = self.with_changes(found, &changes);
            if found.seconds >= before {
                // What it makes superfluous may leave the room for it.
                doubtful.truncate(MOST_DOUBTFUL);
                found = self.with_one_of(found, &doubtful);
            }
            if found.seconds >= before || self.is_over() {
                break;
            }
        }
        found
    }

    /// With those changes that make it better one by one.
    fn with_one_of(&mut self, mut best: Solution, changes: &[(u32, Choice)]) -> Solution {
        for &(idle, choice) in changes.iter().take(MOST_SINGLE) {
            let mut one = best.choices.clone();
            one.idles[idle as usize] = choice;
            if let Some(better) = self.found(one).filter(|one| one.seconds < best.seconds) {
                best = better;
            }
        }
        best
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
        self.with_one_of(found, changes)
    }
}
