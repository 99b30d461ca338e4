//! What a choice would cost, before the schedule is made that follows from it.
//!
//! Stands on [`Model`] and [`Choices`]. An estimate takes all other choices as they are. Invariant:
//! it changes none of them, and reruns no more operators, with no more operands and results, than
//! its limits say.

use alloc::{collections::BTreeSet, vec::Vec};
use core::cell::Cell;

use super::{
    choices::{Choices, Presence, Tail, Way},
    load_tree::LoadTree,
    model::{MOST_LINKS, Model, Operand, Writes, moment_before},
};

/// The most operators in a row that an estimate reruns.
const MOST_DEPTH: usize = 12;

/// The most operators that an estimate reruns.
const MOST_RERUNS: usize = 48;

/// How many uses of a root before an idle interval, and after it, are looked at for a copy in the
/// slow memory.
const NEAR_USES: usize = 64;

/// What it would take to recompute a root.
#[derive(Clone, Debug, Default)]
pub(super) struct Recomputation {
    pub(super) seconds: f64,
    /// The bytes of temporary copies, were they all there together.
    pub(super) temporary: u64,
    /// Roots that would have to stay after their last use.
    pub(super) kept: Vec<u32>,
    /// Roots that would have to be spilled after their last use.
    pub(super) spilled: Vec<u32>,
    /// Roots that would have to be compressed after their last use.
    pub(super) compressed: Vec<u32>,
}

/// The loads of all moments, and the most that there can be.
pub(super) struct Room<'r> {
    pub(super) fast: &'r LoadTree,
    pub(super) capacity: u64,
    /// Counts the operands and results of operators that estimates rerun, for the work.
    pub(super) visited: &'r Cell<usize>,
}

/// What becomes of operands whose last use is earlier than an operator that is rerun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operands {
    /// They stay.
    Keep,
    /// Those stay for which there is room.
    KeepWhereRoom,
    /// Those stay that have no more bytes than what would have to stay to recompute them.
    KeepLeast,
    /// They are recomputed, and those stay that cannot be.
    Recompute,
    /// Those are compressed that cannot be recomputed.
    CompressUnmade,
    /// They are compressed.
    Compress,
    /// Those are spilled that cannot be recomputed.
    SpillUnmade,
    /// They are spilled.
    Spill,
}

impl Operands {
    /// All ways, the cheapest first.
    pub(super) const ALL: [Self; 8] = [
        Self::Keep,
        Self::KeepWhereRoom,
        Self::KeepLeast,
        Self::Recompute,
        Self::CompressUnmade,
        Self::Compress,
        Self::SpillUnmade,
        Self::Spill,
    ];

    /// Those that picks choose from. `KeepLeast` is left to moves and kicks: it takes longer.
    pub(super) const OF_PICKS: [Self; 7] = [
        Self::Keep,
        Self::KeepWhereRoom,
        Self::Recompute,
        Self::CompressUnmade,
        Self::Compress,
        Self::SpillUnmade,
        Self::Spill,
    ];

    /// Whether operands can be treated so at all.
    pub(super) fn is_possible(self, model: &Model) -> bool {
        match self {
            Self::Keep | Self::KeepWhereRoom | Self::KeepLeast | Self::Recompute => true,
            Self::CompressUnmade | Self::Compress => model.can_compress,
            Self::SpillUnmade | Self::Spill => model.can_spill,
        }
    }
}

/// The seconds for spilling in an idle interval, and whether a copy is written to the slow memory.
pub(super) fn spilling(model: &Model, choices: &Choices, idle: u32) -> (f64, bool) {
    let of = model.idle(idle);
    let read = model.read_cost(of.root);
    let is_there = |other: u32| {
        // None is spilled that is not there.
        let is_spilled = other != idle && choices.way(other) == Way::Spill;
        is_spilled && model.idle(other).version == of.version
    };
    let uses = &model.root(of.root).uses;
    let after = uses.partition_point(|used| used.moment <= of.from);
    let near = after.saturating_sub(NEAR_USES)..uses.len().min(after + NEAR_USES);
    match model.is_stored(of.operand()) || uses[near].iter().any(|used| is_there(used.idle)) {
        true => (read, false),
        false => (read + model.write_cost(of.root), true),
    }
}

/// The seconds for keeping a root in compressed form in an idle interval; `None` if it has none.
pub(super) fn compressing(model: &Model, idle: u32) -> Option<f64> {
    let form = model.compressed(model.idle(idle).root)?;
    Some(form.compress_seconds + form.expand_seconds)
}

/// What it would take to recompute a version of a root before operator `back`; `None` if that is
/// impossible, or too long a chain.
pub(super) fn recomputation(
    model: &Model,
    choices: &Choices,
    operand: Operand,
    back: u32,
    operands: Operands,
    room: &Room<'_>,
) -> Option<Recomputation> {
    let mut estimate = Estimate {
        model,
        choices,
        before: back,
        operands,
        room,
        there: BTreeSet::new(),
        reruns: 0,
        links: 0,
        found: Recomputation::default(),
    };
    estimate.recompute(operand, 0)?;
    let Estimate { mut found, .. } = estimate;
    found.temporary = found.temporary.saturating_sub(model.size(operand.root));
    Some(found)
}

struct Estimate<'e> {
    model: &'e Model,
    choices: &'e Choices,
    before: u32,
    operands: Operands,
    room: &'e Room<'e>,
    /// What has been recomputed or fetched.
    there: BTreeSet<Operand>,
    reruns: usize,
    /// The operands and results of what is rerun.
    links: usize,
    found: Recomputation,
}

impl Estimate<'_> {
    fn recompute(&mut self, operand: Operand, depth: usize) -> Option<()> {
        let model = self.model;
        let op = model.writer(operand).filter(|&op| model.may_rerun(op))?;
        let what = &model.ops[op as usize];
        self.links += what.links();
        let visited = self.room.visited;
        visited.set(visited.get() + what.links());
        let is_too_much = self.reruns >= MOST_RERUNS || self.links > MOST_LINKS;
        if is_too_much || depth >= MOST_DEPTH {
            return None;
        }
        self.reruns += 1;
        for &operand in &what.operands {
            self.need(operand, depth + 1)?;
        }
        self.found.seconds += what.cost;
        for product in &what.products {
            if product.writes == Writes::Anew {
                self.found.temporary += model.size(product.of.root);
            }
            self.there.insert(product.of);
        }
        Some(())
    }

    fn need(&mut self, operand: Operand, depth: usize) -> Option<()> {
        let (model, root) = (self.model, operand.root);
        let (presence, version) = self.choices.presence(model, root, self.before);
        let is_current = version == operand.version;
        let is_there = matches!(presence, Presence::There | Presence::ComesBack);
        if is_current && is_there || self.there.contains(&operand) {
            return Some(());
        }
        let is_compressed = match presence {
            Presence::Idle(idle) => self.choices.way(idle) == Way::Compress,
            Presence::Over => self.choices.tails[root as usize] == Tail::Compressed,
            _ => false,
        };
        if is_current && is_compressed {
            self.found.seconds += model.compressed(root)?.expand_seconds;
            self.found.temporary += model.size(root);
            self.there.insert(operand);
            return Some(());
        }
        let is_over = is_current && presence == Presence::Over;
        if is_over && !self.is_slow(operand) && self.stays(operand) {
            self.there.insert(operand);
            return Some(());
        }
        if self.is_slow(operand) {
            self.found.seconds += model.read_cost(root);
            self.found.temporary += model.size(root);
            self.there.insert(operand);
            return Some(());
        }
        self.recompute(operand, depth)
    }

    /// Whether an operand stays after its last use, in some form, or is spilled then.
    fn stays(&mut self, operand: Operand) -> bool {
        let (model, root) = (self.model, operand.root);
        let writer = model.writer(operand);
        let is_made = writer.is_some_and(|op| model.may_rerun(op));
        let (mut keeps, mut spills, mut compresses) = (false, false, false);
        match self.operands {
            Operands::Keep => keeps = true,
            Operands::KeepWhereRoom => keeps = !is_made || self.has_room(root),
            Operands::KeepLeast => keeps = !is_made || !self.is_made_of_less(operand),
            Operands::Recompute => keeps = !is_made,
            Operands::CompressUnmade => compresses = !is_made,
            Operands::Compress => compresses = true,
            Operands::SpillUnmade => spills = !is_made && model.can_spill,
            Operands::Spill => spills = model.can_spill,
        }
        let form = model.compressed(root).filter(|_| compresses);
        if let Some(form) = form {
            self.found.compressed.push(root);
            self.found.seconds += form.compress_seconds + form.expand_seconds;
            self.found.temporary += model.size(root);
        }
        if keeps {
            self.found.kept.push(root);
        }
        if spills {
            self.found.spilled.push(root);
            self.found.seconds += model.write_cost(root) + model.read_cost(root);
            self.found.temporary += model.size(root);
        }
        keeps || spills || form.is_some()
    }

    /// Whether the operands of which an operand is made, and which are not there, have fewer bytes.
    fn is_made_of_less(&self, operand: Operand) -> bool {
        let model = self.model;
        let is_absent = |of: &&Operand| {
            let (presence, version) = self.choices.presence(model, of.root, self.before);
            let is_there = matches!(presence, Presence::There | Presence::ComesBack);
            let is_known = version == of.version && is_there || self.there.contains(of);
            !is_known && !self.is_slow(**of)
        };
        let op = model.writer(operand).map(|op| &model.ops[op as usize]);
        let absent = op
            .into_iter()
            .flat_map(|op| op.operands.iter().filter(is_absent));
        absent.map(|of| model.size(of.root)).sum::<u64>() < model.size(operand.root)
    }

    /// Whether a root can stay after its last use.
    fn has_room(&self, root: u32) -> bool {
        let uses = &self.model.root(root).uses;
        let last = uses.last().map_or(0, |used| used.moment);
        let moments = last + 1..moment_before(self.before) + 1;
        self.room.fast.most(moments) + self.model.size(root) as i64 <= self.room.capacity as i64
    }

    /// Whether a version has been spilled by then, or exists elsewhere.
    fn is_slow(&self, operand: Operand) -> bool {
        let root = self.model.root(operand.root);
        let end = moment_before(self.before);
        let mut uses = root.uses.iter().take_while(|used| used.moment < end);
        let is_last = root.writers.len() == operand.version as usize + 1;
        self.model.is_stored(operand)
            || is_last && self.choices.tails[operand.root as usize] == Tail::Spilled
            || uses.any(|used| {
                used.version == operand.version && self.choices.way(used.idle) == Way::Spill
            })
    }
}
