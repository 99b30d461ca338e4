//! From choices to steps: the schedule that follows from what was decided for each idle interval.
//!
//! Stands on [`Emitter`]. The roots that are to be there before an operator come back: first those
//! that are recomputed, then those that are expanded, which need room for both forms, and then
//! those that are fetched. In the end, operands of concatenations are put within the results.
//! Invariant: the operators run once each, in the model's order.

use alloc::vec::Vec;

use super::{
    choices::{Choices, Way},
    emitted::{Action, CopyKind, Emitted},
    emitter::{Emitter, Held, Missing},
    model::{Model, NONE, Writes, moment_before, op_moment},
};

/// The schedule that follows from choices.
///
/// # Errors
/// What stands in the way first.
pub(super) fn emit(model: &Model, choices: &Choices) -> Result<Emitted, Missing> {
    pass(model, choices, false).map_err(|missing| missing[0])
}

/// The schedule that follows from choices.
///
/// # Errors
/// What stands in the way first before each operator, if all that is to come back before earlier
/// ones were there.
pub(super) fn emit_or_all_missing(
    model: &Model,
    choices: &Choices,
) -> Result<Emitted, Vec<Missing>> {
    pass(model, choices, true)
}

/// Goes through the operators. An error has what is missing, at least one: the first, or where the
/// pass `goes_on`, all of it.
fn pass(model: &Model, choices: &Choices, goes_on: bool) -> Result<Emitted, Vec<Missing>> {
    let mut emitter = Emitter::new(model, choices);
    let mut missing = Vec::new();
    emitter.start();
    let end = model.ops.len() as u32;
    for op in 0..=end {
        if let Err(it) = emitter.bring_back(op) {
            missing.push(it);
            if !goes_on {
                return Err(missing);
            }
            emitter.suppose(op);
        }
        emitter.arrive_and_leave(op);
        let ran = if op < end { emitter.run(op) } else { Ok(()) };
        if let Err(it) = ran {
            missing.push(it);
            return Err(missing);
        }
    }
    match missing.is_empty() {
        true => emitter.end().map_err(|it| [it].into()),
        false => Err(missing),
    }
}

impl Emitter<'_> {
    /// The inputs are there, but for those that are cold, and those that are stored and may be
    /// elsewhere.
    fn start(&mut self) {
        let model = self.model;
        for &root in &model.inputs {
            let first = model.root(root).uses.first();
            let idle = first.map_or(NONE, |used| used.idle);
            let is_left = model.root(root).is_stored && self.choices.way(idle) == Way::Spill;
            let is_absent = is_left || model.root(root).is_cold;
            let copy = (!is_absent).then(|| self.copy(root, CopyKind::Plain));
            if let Some(copy) = copy {
                self.out.copies[copy as usize].steps.end = 1;
                self.copies.fast[root as usize] = Some(Held { copy, version: 0 });
            }
            self.out.inputs.push(copy);
        }
        for &root in model
            .inputs
            .iter()
            .filter(|&&root| !model.root(root).is_cold)
        {
            self.after_use(root);
        }
    }

    /// Brings back what is to be there before an operator.
    fn bring_back(&mut self, op: u32) -> Result<(), Missing> {
        (self.next, self.moment, self.reruns) = (op, moment_before(op), 0);
        self.copies.temporary.clear();
        let ending = core::mem::take(&mut self.ending[op as usize]);
        let again = core::mem::take(&mut self.again[op as usize]);
        let brought = self.bring_these(&ending, &again);
        (self.ending[op as usize], self.again[op as usize]) = (ending, again);
        brought
    }

    /// Ends idle intervals, and recomputes roots that have had their last use.
    fn bring_these(&mut self, ending: &[u32], again: &[u32]) -> Result<(), Missing> {
        for &idle in ending {
            self.pending[self.model.idle(idle).root as usize] = idle;
        }
        self.bring_all(ending, Way::Recompute)?;
        for &root in again {
            self.make_again(root)?;
        }
        self.bring_all(ending, Way::Compress)?;
        self.bring_all(ending, Way::Spill)
    }

    /// Takes all that is to come back before an operator to be there, so that the pass can go on.
    /// No step writes these copies: what comes out is no schedule.
    fn suppose(&mut self, op: u32) {
        let model = self.model;
        let ending = self.ending[op as usize].iter();
        let ending = ending.map(|&idle| (model.idle(idle).root, model.idle(idle).version));
        let again = self.again[op as usize].iter();
        let again = again.map(|&root| (root, model.last_version(root)));
        for (root, version) in ending.chain(again) {
            self.pending[root as usize] = NONE;
            let held = &mut self.copies.fast[root as usize];
            if held.is_none() {
                let copy = self.out.add_copy(root, CopyKind::Plain);
                *held = Some(Held { copy, version });
            }
        }
    }

    /// Fetches what is cold until an operator, and has roots leave that stay until then.
    fn arrive_and_leave(&mut self, op: u32) {
        for root in core::mem::take(&mut self.arriving[op as usize]) {
            self.arrive(root);
        }
        for idle in core::mem::take(&mut self.leaving[op as usize]) {
            self.leave(idle);
        }
    }

    /// Ends those idle intervals, of some, that end in one way and have not ended yet.
    fn bring_all(&mut self, ending: &[u32], way: Way) -> Result<(), Missing> {
        for &idle in ending {
            let is_pending = self.pending[self.model.idle(idle).root as usize] == idle;
            if is_pending && self.choices.way(idle) == way {
                self.bring(idle)?;
            }
        }
        Ok(())
    }

    fn run(&mut self, op: u32) -> Result<(), Missing> {
        self.moment = op_moment(op);
        let model = self.model;
        let what = &model.ops[op as usize];
        let mut reads = Vec::with_capacity(what.operands.len());
        for &operand in &what.operands {
            reads.push(self.there(operand).ok_or(Missing::It)?);
        }
        let mut writes = Vec::with_capacity(what.products.len());
        for product in &what.products {
            let root = product.of.root;
            let copy = match product.writes {
                Writes::Anew => self.copy(root, CopyKind::Plain),
                _ => self.copies.fast[root as usize].ok_or(Missing::It)?.copy,
            };
            let version = product.of.version;
            self.copies.fast[root as usize] = Some(Held { copy, version });
            writes.push(copy);
        }
        self.push(Action::Run(op), &reads, &writes);
        for &root in &what.roots {
            self.after_use(root);
        }
        Ok(())
    }

    fn end(mut self) -> Result<Emitted, Missing> {
        for &root in &self.model.outputs {
            let copy = self.copies.fast[root as usize].ok_or(Missing::It)?.copy;
            self.out.copies[copy as usize].steps.end = self.out.len().max(1);
            self.out.outputs.push(copy);
        }
        self.out.join(self.model);
        Ok(self.out)
    }
}
