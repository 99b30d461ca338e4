//! Shape inference that computes values only if they can decide a shape.
//!
//! Stands on tract's inference rules. tract evaluates an operator as soon as all of its inputs are
//! known, and looks at the size of the result afterwards: weights from `ConstantOfShape` would be
//! filled in, and a small file could ask for any amount of memory. [`wrap`] puts each operator into
//! a [`Bounded`], which asks the operator's own rules for the shape of the result first.
//! Invariant: a result of known shape is computed only if it is [`worth_knowing`].

use std::collections::HashMap;

use tract_onnx::ops::logic::If;
use tract_onnx::tract_core::optim::CONST_FOLD_MEM_BUDGET;
use tract_onnx::tract_hir::infer::{Factoid, InferenceOp};
use tract_onnx::tract_hir::internal::*;
use tract_onnx::tract_hir::ops::scan::InferenceScan;
use tract_onnx::tract_hir::ops::unimpl::UnimplementedOp;

use super::dims::MAX_RANK;

/// Above this size, numbers that are not integers are weights and decide no shape.
const LARGEST_SHAPE_INPUT: usize = 64 << 10;

/// Whether a constant of this type and size may decide a shape: index arithmetic is made of
/// integers and reaches some megabytes (the positions of a mask, say); everything else that decides
/// shapes is small.
pub(super) fn worth_knowing(dt: DatumType, bytes: usize) -> bool {
    let is_index = dt.is_integer() || dt == DatumType::Bool || dt.is_tdim();
    bytes
        <= if is_index {
            CONST_FOLD_MEM_BUDGET as usize
        } else {
            LARGEST_SHAPE_INPUT
        }
}

/// Bounds every operator that reads something, also in the bodies of `If` and `Scan`; sources and
/// constants stay as tract knows them.
pub(super) fn wrap(model: &mut InferenceModel) {
    for node in &mut model.nodes {
        if let Some(branches) = node.op_as_mut::<If>() {
            wrap(&mut branches.then_body);
            wrap(&mut branches.else_body);
        } else if let Some(scan) = node.op_as_mut::<InferenceScan>() {
            wrap(&mut scan.body);
        }
        if !node.inputs.is_empty() && node.op_as::<UnimplementedOp>().is_none() {
            let op = node.op.clone();
            node.op = Box::new(Bounded(op));
        }
    }
}

/// An operator that is evaluated only if its results are [`worth_knowing`].
#[derive(Clone, Debug)]
struct Bounded(Box<dyn InferenceOp>);

impl PartialEq for Bounded {
    fn eq(&self, _: &Self) -> bool {
        false
    }
}

impl Eq for Bounded {}

impl Op for Bounded {
    fn name(&self) -> StaticName {
        self.0.name()
    }

    fn validation(&self) -> Validation {
        self.0.as_op().validation()
    }

    not_a_typed_op!();
}

impl EvalOp for Bounded {
    not_out_of_plan!();
}

type Facts = TVec<InferenceFact>;

impl InferenceOp for Bounded {
    fn infer(
        &mut self,
        inputs: TVec<&InferenceFact>,
        outputs: TVec<&InferenceFact>,
        observed: TVec<&InferenceFact>,
    ) -> TractResult<(Facts, Facts, Facts)> {
        let facts = self.infer_facts(inputs.clone(), outputs.clone(), observed.clone())?;
        let are_known = facts.0.iter().all(|fact| fact.value.is_concrete());
        if are_known && facts.1.iter().all(is_worth_computing) {
            self.0.infer(inputs, outputs, observed)
        } else {
            Ok(facts)
        }
    }

    fn infer_facts(
        &mut self,
        inputs: TVec<&InferenceFact>,
        outputs: TVec<&InferenceFact>,
        observed: TVec<&InferenceFact>,
    ) -> TractResult<(Facts, Facts, Facts)> {
        check_ranks(&self.name(), &inputs, &outputs)?;
        self.0.infer_facts(inputs, outputs, observed)
    }

    fn observe_outlets(
        &self,
        model: &InferenceModel,
        node: &InferenceNode,
    ) -> TractResult<Vec<OutletId>> {
        self.0.observe_outlets(model, node)
    }

    fn nboutputs(&self) -> TractResult<usize> {
        self.0.nboutputs()
    }

    /// Needed because tract types and runs a body that it finds constant.
    fn to_typed(
        &self,
        source: &InferenceModel,
        node: &InferenceNode,
        target: &mut TypedModel,
        mapping: &HashMap<OutletId, OutletId>,
    ) -> TractResult<TVec<OutletId>> {
        self.0.to_typed(source, node, target, mapping)
    }

    fn as_op(&self) -> &dyn Op {
        self
    }

    fn as_op_mut(&mut self) -> &mut dyn Op {
        self
    }
}

/// Whether to compute a result: it is [`worth_knowing`], or its shape is unknown without it.
fn is_worth_computing(fact: &InferenceFact) -> bool {
    let (Some(dt), Some(dims)) = (fact.datum_type(), fact.shape.concretize()) else {
        return true;
    };
    let bytes = dims
        .iter()
        .try_fold(dt.size_of(), |b, d| b.checked_mul(d.to_usize().ok()?));
    bytes.is_some_and(|bytes| worth_knowing(dt, bytes))
}

/// Refuses shapes that tract does not check: it reserves memory for any rank that an operand
/// claims, and reads the batch and channel dimensions of an image even if there are none.
fn check_ranks(
    name: &str,
    inputs: &[&InferenceFact],
    outputs: &[&InferenceFact],
) -> TractResult<()> {
    let one_number_per_dimension = match name {
        "ConstantOfShape" => inputs.first(),
        "Tile" | "Pad" => inputs.get(1),
        _ => None,
    };
    let claimed =
        one_number_per_dimension.and_then(|f| f.shape.dim(0)?.concretize()?.to_usize().ok());
    ensure!(
        claimed.is_none_or(|n| n <= 2 * MAX_RANK),
        "{name} is asked for more than {} dimensions",
        2 * MAX_RANK
    );
    if ["Conv", "Pool", "BatchNorm"]
        .iter()
        .any(|image| name.contains(image))
    {
        let ranks = inputs
            .first()
            .into_iter()
            .chain(outputs.first())
            .map(|fact| fact.shape.rank());
        let least = ranks.filter_map(|rank| rank.concretize()).min();
        ensure!(
            least.is_none_or(|rank| rank >= 2),
            "{name} needs an operand with a batch and a channel dimension"
        );
    }
    Ok(())
}
