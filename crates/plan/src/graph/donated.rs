//! The checks of donated inputs, and of outputs that have the bytes of an input.
//!
//! Stands on [`GraphBuilder`] and [`HappensBefore`]. Views are looked at as parts of their roots,
//! so what is accepted holds with them and with copies in their place. Invariant: when the operator
//! runs that writes an accepted output, or the tensor that the output is a view of, everybody has
//! read the old value but, in place, that operator itself.
//!
//! ```text
//! past ──┬─► view v ─► attend      attend reads the old value through v, so it ends before append
//!        └─► append ─► present     begins; append is declared to write present over past
//! ```

use alloc::{collections::BTreeSet, vec, vec::Vec};

use super::{
    builder::GraphBuilder,
    error::GraphError,
    named::Mention,
    op::Op,
    output_alias::{OutputAlias, OutputAliasMistake},
    paths::Writers,
    tensor_set::TensorSet,
};
use crate::ids::{OpId, TensorId};
use crate::streams::HappensBefore;

/// An output that has the bytes of an input, while it is checked.
struct Candidate {
    alias: OutputAlias,
    /// The output, or the tensor that the output is a view of.
    root: TensorId,
    /// The step that writes it.
    writer: usize,
    /// How many operands of the writer have the old value.
    operands: usize,
    /// The operators that read the old value before.
    readers: Vec<OpId>,
}

/// The steps that write such outputs, and the operators for which each waits.
type Waits = Vec<(usize, Vec<OpId>)>;

impl GraphBuilder {
    /// Refuses what is donated and no input; returns what is donated, in ascending order.
    pub(super) fn check_donated(&self, inputs: &[TensorId]) -> Result<Vec<TensorId>, GraphError> {
        for &id in &self.donated {
            self.check_id(id, || Mention::Donated)?;
            if inputs.binary_search(&id).is_err() {
                let tensor = self.named(id);
                return Err(GraphError::DonatedNoInput { tensor });
            }
        }
        let of_outputs = self.output_aliases.iter().map(|alias| alias.input);
        let mut donated: Vec<TensorId> = self.donated.iter().copied().chain(of_outputs).collect();
        donated.sort_unstable();
        donated.dedup();
        Ok(donated)
    }

    /// Refuses outputs that cannot have the bytes of an input; returns them in ascending order, and
    /// the waits that keep them possible in every order of the operators.
    pub(super) fn check_output_aliases(
        &self,
        inputs: &[TensorId],
        outputs: &[TensorId],
        writers: &Writers,
        order: Option<&HappensBefore>,
    ) -> Result<(Vec<OutputAlias>, Waits), GraphError> {
        if self.output_aliases.is_empty() {
            return Ok((Vec::new(), Vec::new()));
        }
        let roots = self.roots_of_views(writers);
        let (mut named, mut written) = (TensorSet::default(), TensorSet::default());
        let mut candidates = Vec::new();
        for alias in &self.output_aliases {
            for id in [alias.output, alias.input] {
                self.check_id(id, || Mention::OutputAliases)?;
            }
            let has = |list: &[TensorId], id| list.binary_search(&id).is_ok();
            let mistake = if !has(inputs, alias.input) {
                Some(OutputAliasMistake::NotAnInput)
            } else if !has(outputs, alias.output) {
                Some(OutputAliasMistake::NotAnOutput)
            } else if writers.are_several(alias.output) {
                Some(OutputAliasMistake::SeveralWriters)
            } else if !named.insert(alias.input) || !named.insert(alias.output) {
                Some(OutputAliasMistake::Twice)
            } else {
                self.layout_mistake(alias)
            };
            let root = roots[alias.output.index()];
            let size = |id: TensorId| self.tensors[id.index()].layout.size();
            let is_fit = size(root) == size(alias.output) && written.insert(root);
            let writer = writers.first[root.index()].filter(|_| is_fit);
            let (None, Some(writer)) = (&mistake, writer) else {
                let root = self.named(root);
                let mistake = mistake.unwrap_or(OutputAliasMistake::ViewOf { root });
                return Err(self.bad_output_alias(alias, mistake));
            };
            candidates.push(Candidate {
                alias: *alias,
                root,
                writer,
                operands: 0,
                readers: Vec::new(),
            });
        }
        self.check_old_values(&mut candidates, &roots, outputs, order)?;
        candidates.sort_unstable_by_key(|candidate| candidate.alias.output);
        let aliases = candidates.iter().map(|candidate| candidate.alias).collect();
        let waits = candidates.into_iter().map(|mut candidate| {
            let known: BTreeSet<OpId> = self.ops[candidate.writer].waits.iter().copied().collect();
            candidate.readers.retain(|reader| !known.contains(reader));
            (candidate.writer, candidate.readers)
        });
        Ok((aliases, waits.collect()))
    }

    /// Checks that old values are read before new ones are written, and notes who reads them.
    fn check_old_values(
        &self,
        candidates: &mut [Candidate],
        roots: &[TensorId],
        outputs: &[TensorId],
        order: Option<&HappensBefore>,
    ) -> Result<(), GraphError> {
        let mut of_input: Vec<Option<usize>> = vec![None; self.tensors.len()];
        for (place, candidate) in candidates.iter().enumerate() {
            of_input[candidate.alias.input.index()] = Some(place);
        }
        // What has no bytes loses none.
        let has_bytes = |id: TensorId| self.tensors[id.index()].layout.size() > 0;
        let old_of = |id: TensorId| of_input[roots[id.index()].index()].filter(|_| has_bytes(id));
        for &output in outputs {
            if let Some(place) = old_of(output) {
                let tensor = self.named(output);
                let mistake = OutputAliasMistake::KeptByCaller { tensor };
                return Err(self.bad_output_alias(&candidates[place].alias, mistake));
            }
        }
        let precedes = |a: usize, b: usize| match order {
            None => a < b,
            Some(order) => order.precedes(a as u32, b as u32),
        };
        for (step, op) in self.ops.iter().enumerate() {
            for (id, place) in op.reads.iter().filter_map(|&id| Some((id, old_of(id)?))) {
                let candidate = &mut candidates[place];
                let writer = candidate.writer;
                let mistake = if step == writer {
                    candidate.operands += 1;
                    self.in_place_of_old(op, candidate, id)
                } else if !precedes(step, writer) {
                    Some(OutputAliasMistake::ReadAfterwards {
                        tensor: self.named(id),
                        reader: self.named_op(step),
                        writer: self.named_op(writer),
                    })
                } else {
                    let reader = OpId::from_index(step);
                    let is_new = candidate.readers.last() != Some(&reader);
                    candidate.readers.extend(is_new.then_some(reader));
                    None
                };
                if let Some(mistake) = mistake {
                    return Err(self.bad_output_alias(&candidates[place].alias, mistake));
                }
            }
        }
        Ok(())
    }

    /// What is wrong if the operator that writes the new value reads a tensor with the old one.
    fn in_place_of_old(
        &self,
        op: &Op,
        candidate: &Candidate,
        id: TensorId,
    ) -> Option<OutputAliasMistake> {
        let mut pairs = op.in_place.iter();
        let is_declared = pairs.any(|pair| (pair.result, pair.of) == (candidate.root, id));
        let has_bytes = |id: TensorId| self.tensors[id.index()].layout.size() > 0;
        let mut views = op.views.iter();
        let makes_view = views.any(|view| view.of == id && has_bytes(view.result));
        (!is_declared || makes_view || candidate.operands > 1).then(|| {
            OutputAliasMistake::NotInPlace {
                tensor: self.named(id),
                writer: self.named_op(candidate.writer),
            }
        })
    }

    fn layout_mistake(&self, alias: &OutputAlias) -> Option<OutputAliasMistake> {
        let [output, input] = [alias.output, alias.input].map(|id| &self.tensors[id.index()]);
        let [size, of_size] = [output, input].map(|tensor| tensor.layout.size() as u64);
        if output.device != input.device {
            return Some(OutputAliasMistake::OtherDevice);
        }
        (size != of_size).then_some(OutputAliasMistake::OtherSize { size, of_size })
    }

    /// For each tensor, the tensor that it is a view of, directly or through other views; else
    /// itself.
    fn roots_of_views(&self, writers: &Writers) -> Vec<TensorId> {
        let mut roots: Vec<TensorId> = (0..self.tensors.len()).map(TensorId::from_index).collect();
        for view in self.ops.iter().flat_map(|op| &op.views) {
            // Tensors with several writers have bytes of their own.
            if !writers.are_several(view.result) && !writers.are_several(view.of) {
                roots[view.result.index()] = roots[view.of.index()];
            }
        }
        roots
    }

    fn bad_output_alias(&self, alias: &OutputAlias, mistake: OutputAliasMistake) -> GraphError {
        GraphError::BadOutputAlias {
            output: self.named(alias.output),
            input: self.named(alias.input),
            mistake: mistake.into(),
        }
    }
}
