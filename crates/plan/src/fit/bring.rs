//! How roots come back: fetched, expanded, or recomputed by operators that are rerun.
//!
//! Stands on [`Emitter`]. What an operator that is rerun needs and does not find comes back itself,
//! as a *temporary* copy. Invariant: each operand is in the version that its operator reads in the
//! graph.

use alloc::vec::Vec;

use super::{
    choices::Way,
    emitted::{Action, CopyKind},
    emitter::{Emitter, Held, Missing},
    model::{NONE, Operand, Product, Writes},
};

/// The longest chain of operators that are rerun because each makes an operand of the next.
const MOST_DEPTH: usize = 48;

/// The most operators that are rerun before one operator.
const MOST_RERUNS: usize = 512;

impl Emitter<'_> {
    /// Ends an idle interval.
    pub(super) fn bring(&mut self, idle: u32) -> Result<u32, Missing> {
        let of = *self.model.idle(idle);
        self.pending[of.root as usize] = NONE;
        let operand = of.operand();
        let copy = match (self.find_temporary(operand), self.choices.way(idle)) {
            (Some(copy), _) => copy,
            (None, Way::Spill) => self.fetch(operand).ok_or(Missing::Idle(idle))?,
            (None, Way::Compress) => self.expand(operand).ok_or(Missing::Idle(idle))?,
            (None, _) => {
                let made = self.recompute(operand, 0);
                made.map_err(|missing| missing.or(Missing::Idle(idle)))?
            }
        };
        let version = of.version;
        self.copies.fast[of.root as usize] = Some(Held { copy, version });
        self.copies.compressed[of.root as usize] = None;
        Ok(copy)
    }

    /// Recomputes a root that has had its last use, so that something can be recomputed of it.
    pub(super) fn make_again(&mut self, root: u32) -> Result<(), Missing> {
        let version = self.model.last_version(root);
        let copy = self.get(Operand { root, version }, false, 0);
        let copy = copy.map_err(|missing| missing.or(Missing::Again(root)))?;
        self.copies.fast[root as usize] = Some(Held { copy, version });
        self.out.again.push((root, copy));
        Ok(())
    }

    /// Copies a root from the slow memory, or from outside both; `None` if it is in neither.
    fn fetch(&mut self, operand: Operand) -> Option<u32> {
        let root = operand.root;
        let slow = self.copies.slow[root as usize];
        let slow = slow.filter(|slow| slow.version == operand.version);
        let slow = match self.model.is_stored(operand) {
            true => None,
            false => Some(slow?.copy),
        };
        let copy = self.copy(root, CopyKind::Plain);
        self.push(Action::Fetch(root), slow.as_slice(), &[copy]);
        self.out.cost.read_bytes += self.model.size(root);
        self.out.cost.fetch_seconds += self.model.read_cost(root);
        Some(copy)
    }

    /// Makes a plain copy of a compressed one; `None` if there is none.
    fn expand(&mut self, operand: Operand) -> Option<u32> {
        let root = operand.root;
        let held = self.copies.compressed[root as usize]?;
        let form = self.model.compressed(root)?;
        if held.version != operand.version {
            return None;
        }
        let copy = self.copy(root, CopyKind::Plain);
        self.push(Action::Expand(root), &[held.copy], &[copy]);
        self.out.cost.expanded_bytes += self.model.size(root);
        self.out.cost.expand_seconds += form.expand_seconds;
        Some(copy)
    }

    /// A further copy of what is compressed or in the slow memory.
    fn copy_back(&mut self, operand: Operand) -> Option<u32> {
        match self.expand(operand) {
            Some(copy) => Some(copy),
            None => self.fetch(operand),
        }
    }

    /// Reruns the operator that writes a version of a root.
    fn recompute(&mut self, operand: Operand, depth: usize) -> Result<u32, Missing> {
        let model = self.model;
        let op = model.writer(operand).ok_or(Missing::It)?;
        let what = &model.ops[op as usize];
        if !model.may_rerun(op) || depth >= MOST_DEPTH || self.reruns >= MOST_RERUNS {
            return Err(Missing::It);
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
                Writes::Anew => self.copy(product.of.root, CopyKind::Plain),
                _ => reads[what.operands.iter().position(is_it).ok_or(Missing::It)?],
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
        self.find_temporary(operand).ok_or(Missing::It)
    }

    /// The copy of an operand of an operator that is rerun. One that will be `written_over` is
    /// for this operator alone.
    fn get(&mut self, operand: Operand, written_over: bool, depth: usize) -> Result<u32, Missing> {
        if written_over {
            let copy = match self.copy_back(operand) {
                Some(copy) => copy,
                None => self.recompute(operand, depth)?,
            };
            self.copies.temporary.remove(&(operand, copy));
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
        if let Some(copy) = self.copy_back(operand) {
            self.add_temporary(operand, copy);
            return Ok(copy);
        }
        self.recompute(operand, depth)
    }

    fn find_temporary(&self, operand: Operand) -> Option<u32> {
        let mut copies = self.copies.temporary.range((operand, 0)..=(operand, NONE));
        copies.next().map(|&(_, copy)| copy)
    }

    fn add_temporary(&mut self, operand: Operand, copy: u32) {
        self.copies.temporary.insert((operand, copy));
        self.out.temporaries.push((operand, self.next));
    }
}
