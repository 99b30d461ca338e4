//! From choices to steps: the schedule that follows from what was decided for each idle interval.
//!
//! Stands on [`Model`], [`Choices`] and [`Emitted`]. Before each operator come back the roots that
//! are to be there: those that are recomputed first, then those that are fetched. What an operator
//! that is rerun needs and does not find is fetched or recomputed itself, as a *temporary* copy.
//! Copies live from the step that makes them to the last that uses them, so a choice to keep
//! something for nobody costs nothing.
//!
//! Invariant: each operand is in the version that its operator reads in the graph.

use alloc::{vec, vec::Vec};

use super::{
    choices::{Choices, Tail, Way},
    emitted::{Action, Emitted},
    model::{Model, NONE, Operand, Product, Writes, moment_before, op_moment},
};

/// The longest chain of operators that are rerun because each makes an operand of the next.
const MOST_DEPTH: usize = 48;

/// The most operators that are rerun before one operator.
const MOST_RERUNS: usize = 512;

/// The schedule that follows from choices.
///
/// # Errors
/// The idle interval whose root cannot be brought back.
pub(super) fn emit(model: &Model, choices: &Choices) -> Result<Emitted, u32> {
    let mut emitter = Emitter::new(model, choices);
    emitter.start();
    for op in 0..model.ops.len() as u32 {
        emitter.bring_back(op)?;
        emitter.run(op)?;
    }
    emitter.bring_back(model.ops.len() as u32)?;
    emitter.end()
}

/// A copy of a root, and the version that it has.
#[derive(Clone, Copy)]
struct Held {
    copy: u32,
    version: u32,
}

struct Emitter<'m> {
    model: &'m Model,
    choices: &'m Choices,
    out: Emitted,
    /// The copy of each root in the fast memory.
    fast: Vec<Option<Held>>,
    /// The latest copy of each root in the slow memory.
    slow: Vec<Option<Held>>,
    /// Further copies, which are given up after the next operator that is not rerun.
    temporary: Vec<(Operand, u32)>,
    /// For each operator, the idle intervals that end before it.
    ending: Vec<Vec<u32>>,
    /// For each operator, the idle intervals whose roots leave before it, and no earlier.
    leaving: Vec<Vec<u32>>,
    /// For each root, the idle interval that is to end before the next operator.
    pending: Vec<u32>,
    /// For each root, how many uses there have been.
    used: Vec<u32>,
    moment: u32,
    /// The operator that is next.
    next: u32,
    reruns: usize,
}

impl<'m> Emitter<'m> {
    fn new(model: &'m Model, choices: &'m Choices) -> Self {
        let mut ending = vec![Vec::new(); model.ops.len() + 1];
        let mut leaving = ending.clone();
        for (idle, choice) in choices.idles.iter().enumerate() {
            if choice.way != Way::Keep {
                ending[choice.back as usize].push(idle as u32);
                if choice.leave > 0 {
                    leaving[choice.leave as usize].push(idle as u32);
                }
            }
        }
        let roots = model.roots.len();
        Self {
            model,
            choices,
            out: Emitted::default(),
            fast: vec![None; roots],
            slow: vec![None; roots],
            temporary: Vec::new(),
            ending,
            leaving,
            pending: vec![NONE; roots],
            used: vec![0; roots],
            moment: 0,
            next: 0,
            reruns: 0,
        }
    }

    /// The inputs are there, but for those that are stored and need not be.
    fn start(&mut self) {
        let model = self.model;
        for &root in &model.inputs {
            let first = model.root(root).uses.first();
            let idle = first.map_or(NONE, |used| used.idle);
            let is_absent = model.root(root).is_stored && self.choices.way(idle) == Way::Spill;
            let copy = (!is_absent).then(|| self.copy(root, false));
            if let Some(copy) = copy {
                self.out.copies[copy as usize].steps.end = 1;
                self.fast[root as usize] = Some(Held { copy, version: 0 });
            }
            self.out.inputs.push(copy);
        }
        for &root in &model.inputs {
            self.after_use(root);
        }
    }

    /// Brings back what is to be there before an operator.
    fn bring_back(&mut self, op: u32) -> Result<(), u32> {
        (self.next, self.moment, self.reruns) = (op, moment_before(op), 0);
        self.temporary.clear();
        let ending = core::mem::take(&mut self.ending[op as usize]);
        for &idle in &ending {
            self.pending[self.model.idle(idle).root as usize] = idle;
        }
        for way in [Way::Recompute, Way::Spill] {
            for &idle in &ending {
                let is_pending = self.pending[self.model.idle(idle).root as usize] == idle;
                if is_pending && self.choices.way(idle) == way {
                    self.bring(idle)?;
                }
            }
        }
        for idle in core::mem::take(&mut self.leaving[op as usize]) {
            let root = self.model.idle(idle).root;
            if self.choices.way(idle) == Way::Spill {
                self.spill(root);
            }
            self.fast[root as usize] = None;
        }
        Ok(())
    }

    fn run(&mut self, op: u32) -> Result<(), u32> {
        self.moment = op_moment(op);
        let model = self.model;
        let what = &model.ops[op as usize];
        let mut reads = Vec::with_capacity(what.operands.len());
        for &operand in &what.operands {
            reads.push(self.there(operand).ok_or(NONE)?);
        }
        let mut writes = Vec::with_capacity(what.products.len());
        for product in &what.products {
            let root = product.of.root;
            let copy = match product.writes {
                Writes::Anew => self.copy(root, false),
                _ => self.fast[root as usize].ok_or(NONE)?.copy,
            };
            let version = product.of.version;
            self.fast[root as usize] = Some(Held { copy, version });
            writes.push(copy);
        }
        self.push(Action::Run(op), &reads, &writes);
        for &root in &what.roots {
            self.after_use(root);
        }
        Ok(())
    }

    fn end(mut self) -> Result<Emitted, u32> {
        for &root in &self.model.outputs {
            let copy = self.fast[root as usize].ok_or(NONE)?.copy;
            self.out.copies[copy as usize].steps.end = self.out.len().max(1);
            self.out.outputs.push(copy);
        }
        Ok(self.out)
    }

    /// A root has been used: it stays, is spilled, or is given up.
    fn after_use(&mut self, root: u32) {
        let uses = &self.model.root(root).uses;
        let used = uses[self.used[root as usize] as usize];
        self.used[root as usize] += 1;
        let is_last = self.used[root as usize] as usize == uses.len();
        if used.idle != NONE && self.choices.get(used.idle).leave > 0 {
            return;
        }
        match self.choices.way(used.idle) {
            Way::Keep if is_last => match self.choices.tails[root as usize] {
                Tail::Gone => {}
                Tail::Kept(_) => return,
                Tail::Spilled => self.spill(root),
            },
            Way::Keep => return,
            Way::Spill => self.spill(root),
            Way::Recompute => {}
        }
        self.fast[root as usize] = None;
    }

    /// Writes a root to the slow memory, unless it is there already.
    fn spill(&mut self, root: u32) {
        let Some(held) = self.fast[root as usize] else {
            return;
        };
        let is_there = self.slow[root as usize].is_some_and(|slow| slow.version == held.version);
        let version = held.version;
        if self.model.is_stored(Operand { root, version }) || is_there {
            return;
        }
        let copy = self.copy(root, true);
        self.slow[root as usize] = Some(Held { copy, version });
        self.push(Action::Spill(root), &[held.copy], &[copy]);
        self.out.cost.written_bytes += self.model.size(root);
        self.out.cost.spill_seconds += self.model.write_cost(root);
    }

    /// Ends an idle interval.
    fn bring(&mut self, idle: u32) -> Result<u32, u32> {
        let of = *self.model.idle(idle);
        self.pending[of.root as usize] = NONE;
        let operand = Operand {
            root: of.root,
            version: of.version,
        };
        let copy = match (self.find_temporary(operand), self.choices.way(idle)) {
            (Some(copy), _) => copy,
            (None, Way::Spill) => self.fetch(operand).ok_or(idle)?,
            (None, _) => {
                let made = self.recompute(operand, 0);
                made.map_err(|failed| if failed == NONE { idle } else { failed })?
            }
        };
        let version = of.version;
        self.fast[of.root as usize] = Some(Held { copy, version });
        Ok(copy)
    }

    /// Copies a root from the slow memory, or from outside both; `None` if it is in neither.
    fn fetch(&mut self, operand: Operand) -> Option<u32> {
        let root = operand.root;
        let slow = self.slow[root as usize].filter(|slow| slow.version == operand.version);
        let slow = match self.model.is_stored(operand) {
            true => None,
            false => Some(slow?.copy),
        };
        let copy = self.copy(root, false);
        self.push(Action::Fetch(root), slow.as_slice(), &[copy]);
        self.out.cost.read_bytes += self.model.size(root);
        self.out.cost.fetch_seconds += self.model.read_cost(root);
        Some(copy)
    }

    /// Reruns the operator that writes a version of a root. The error is the idle interval that
    /// cannot be ended, or [`NONE`] for the one for which this was asked.
    fn recompute(&mut self, operand: Operand, depth: usize) -> Result<u32, u32> {
        let model = self.model;
        let op = model.writer(operand).ok_or(NONE)?;
        let what = &model.ops[op as usize];
        let is_allowed = model.can_recompute && what.cost.is_finite();
        if !is_allowed || depth >= MOST_DEPTH || self.reruns >= MOST_RERUNS {
            return Err(NONE);
        }
        self.reruns += 1;
        let mut reads = Vec::with_capacity(what.operands.len());
        for &operand in &what.operands {
            let writes_over = |product: &Product| {
                product.of.root == operand.root && product.writes == Writes::Over
            };
            let is_written_over = what.products.iter().any(writes_over);
            reads.push(self.get(operand, is_written_over, depth + 1)?);
        }
        let mut writes = Vec::with_capacity(what.products.len());
        for product in &what.products {
            let is_it = |operand: &Operand| operand.root == product.of.root;
            writes.push(match product.writes {
                Writes::Anew => self.copy(product.of.root, false),
                _ => reads[what.operands.iter().position(is_it).ok_or(NONE)?],
            });
        }
        self.push(Action::Rerun(op), &reads, &writes);
        self.out.cost.reruns += 1;
        self.out.cost.rerun_seconds += what.cost;
        let products = what.products.iter().zip(&writes);
        let written = products.filter(|(product, _)| product.writes != Writes::Nothing);
        for (product, &copy) in written {
            self.add_temporary(product.of, copy);
        }
        self.find_temporary(operand).ok_or(NONE)
    }

    /// The copy of an operand of an operator that is rerun. One that will be `written_over` is
    /// for this operator alone.
    fn get(&mut self, operand: Operand, written_over: bool, depth: usize) -> Result<u32, u32> {
        if written_over {
            let copy = match self.fetch(operand) {
                Some(copy) => copy,
                None => self.recompute(operand, depth)?,
            };
            self.temporary.retain(|&(_, other)| other != copy);
            return Ok(copy);
        }
        let there = self.there(operand).or(self.find_temporary(operand));
        if let Some(copy) = there {
            return Ok(copy);
        }
        let pending = self.pending[operand.root as usize];
        if pending != NONE && self.model.idle(pending).version == operand.version {
            return self.bring(pending);
        }
        if let Some(copy) = self.fetch(operand) {
            self.add_temporary(operand, copy);
            return Ok(copy);
        }
        self.recompute(operand, depth)
    }

    /// The copy of a root in the fast memory, if it is in this version.
    fn there(&self, operand: Operand) -> Option<u32> {
        let root = operand.root as usize;
        let held = self.fast[root].filter(|held| held.version == operand.version)?;
        let is_over = self.used[root] as usize == self.model.roots[root].uses.len();
        let is_given_up = is_over && !self.choices.tails[root].reaches(self.next);
        (!is_given_up).then_some(held.copy)
    }

    fn find_temporary(&self, operand: Operand) -> Option<u32> {
        let mut found = self.temporary.iter();
        let found = found.find(|&&(other, _)| other == operand);
        found.map(|&(_, copy)| copy)
    }

    fn add_temporary(&mut self, operand: Operand, copy: u32) {
        self.temporary.push((operand, copy));
        self.out.temporaries.push((operand, self.next));
    }

    fn copy(&mut self, root: u32, is_slow: bool) -> u32 {
        self.out.add_copy(root, is_slow)
    }

    fn push(&mut self, action: Action, reads: &[u32], writes: &[u32]) {
        self.out.push(self.moment, action, reads, writes);
    }
}
