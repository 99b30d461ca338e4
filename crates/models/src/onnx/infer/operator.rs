//! A node without bodies: what follows for its results.
//!
//! Stands on `facts`, `rules` and `evaluate`. Bounds are told from exact sizes by asking the rule
//! three times: with the bounds, with nothing known in their place (what stays a number is exact),
//! and with smaller sizes (what becomes greater has no bound that follows).

use super::facts::Facts;
use super::stated::filled;
use crate::onnx::elementwise::elementwise;
use crate::onnx::evaluate::evaluate;
use crate::onnx::own::{accepts_more, capped, own};
use crate::onnx::rules::{Bounds, FRESH};
use crate::onnx::small::{Cell, Operand, Small, Trust};
use crate::onnx::syntax::NodeDef;
use crate::onnx::types::{Size, Type};
use crate::program::ValueId;

/// What follows for the results of a node.
pub(super) struct Follows {
    pub(super) results: Vec<(Type, Option<Small>)>,
    /// Why nothing follows: the operands contradict the operator.
    pub(super) contradiction: Option<String>,
    /// Bounds of the first result are the sizes of what it is part of.
    pub(super) is_capped: bool,
}

type Results = Vec<(Type, Option<Small>)>;

impl Facts<'_> {
    /// What follows for the results of a node from its operands.
    pub(super) fn follow(&mut self, node: &NodeDef<'_>, reads: &[Option<ValueId>]) -> Follows {
        let operands: Vec<Option<Operand<'_>>> = reads
            .iter()
            .map(|id| {
                id.map(|id| {
                    let fact = &self.all[id.0 as usize];
                    Operand {
                        of: &fact.of,
                        contents: fact.contents.as_deref(),
                    }
                })
            })
            .collect();
        if let Some(of) = elementwise(node, &operands) {
            let evaluated = evaluate(node, &operands, node.opset, &mut self.symbols);
            let contents = evaluated.and_then(|mut contents| contents.pop());
            return Follows {
                results: vec![(of, contents)],
                contradiction: None,
                is_capped: false,
            };
        }
        let (mut results, mut contradiction) =
            match self.rules.infer(node, &operands, Bounds::Largest) {
                Ok(results) => (results, None),
                Err(reason) => (Vec::new(), Some(reason)),
            };
        let there = || reads.iter().flatten().copied();
        let is_bounded = there().any(|id| self.is_bounded(id));
        if is_bounded && contradiction.is_none() {
            let open = self.rules.infer(node, &operands, Bounds::Open);
            let smaller = if self.is_survey {
                None
            } else {
                self.rules.infer(node, &operands, Bounds::Smaller).ok()
            };
            mark_bounds(&mut results, open.ok().as_ref(), smaller.as_ref());
        }
        results.resize(node.outputs.len(), (Type::Open, None));
        let is_fresh = |size: &Size| *size == Size::Unknown(FRESH);
        let first = results.first().map(|(of, _)| of);
        let is_open = first == Some(&Type::Open);
        let has_fresh = first
            .and_then(Type::shape)
            .is_some_and(|shape| shape.iter().any(is_fresh));
        let mut is_capped = false;
        if is_open && (contradiction.is_none() || accepts_more(node.operator)) {
            if let Some(own) = own(node, &operands) {
                contradiction = None;
                is_capped = capped(node);
                for (result, of) in results.iter_mut().zip(own) {
                    *result = of;
                }
            }
        } else if has_fresh && capped(node) {
            let (of, _) = own(node, &operands)
                .and_then(|mut own| own.pop())
                .unwrap_or_default();
            results[0].0 = filled(results[0].0.clone(), of);
            is_capped = true;
        }
        let trust = self.trust(there());
        for (_, contents) in &mut results {
            *contents = contents.take().and_then(|of| with_trust(of, trust));
        }
        let evaluated = evaluate(node, &operands, node.opset, &mut self.symbols);
        for (result, contents) in results.iter_mut().zip(evaluated.into_iter().flatten()) {
            result.1 = Some(contents);
        }
        Follows {
            results,
            contradiction,
            is_capped,
        }
    }
}

/// Numbers from a rule have no trust of their own: that of the operands, unless they are bounds.
fn with_trust(of: Small, trust: Trust) -> Option<Small> {
    let cell = |cell| match cell {
        Cell::Int(value, own) => Some(Cell::Int(value, own.max(trust.min(Trust::Given)))),
        Cell::Float(..) if trust == Trust::Bound => None,
        Cell::Float(value, _) => Some(Cell::Float(value, trust)),
        unknown @ Cell::Unknown(_) => Some(unknown),
    };
    let cells = of.cells.into_iter().map(cell).collect::<Option<_>>()?;
    Some(Small {
        dims: of.dims,
        cells,
    })
}

/// Makes bounds of the numbers that follow from bounds.
fn mark_bounds(results: &mut Results, open: Option<&Results>, smaller: Option<&Results>) {
    for (at, (of, contents)) in results.iter_mut().enumerate() {
        let other = |from: Option<&Results>| from.and_then(|from| from.get(at).cloned());
        let (open, smaller) = (other(open), other(smaller));
        if let Type::Tensor {
            shape: Some(shape), ..
        } = of
        {
            for (axis, size) in shape.iter_mut().enumerate() {
                let same = |of: &Option<(Type, Option<Small>)>| {
                    of.as_ref()
                        .and_then(|(of, _)| Some(*of.shape()?.get(axis)?))
                };
                *size = bounded(*size, same(&open), same(&smaller));
            }
        }
        if let Some(contents) = contents {
            for (index, cell) in contents.cells.iter_mut().enumerate() {
                let Cell::Int(value, trust) = *cell else {
                    continue;
                };
                let same = |of: &Option<(Type, Option<Small>)>| {
                    of.as_ref()
                        .and_then(|(_, of)| Some(*of.as_ref()?.cells.get(index)?))
                };
                let is_exact = same(&open).is_some_and(|of| matches!(of, Cell::Int(..)));
                let grows = matches!(same(&smaller), Some(Cell::Int(of, _)) if of > value);
                *cell = match (is_exact, grows) {
                    (true, _) => Cell::Int(value, trust),
                    (false, false) => Cell::Int(value, Trust::Bound),
                    (false, true) => Cell::Unknown(crate::onnx::symbols::Symbols::NAMELESS),
                };
            }
        }
    }
}

fn bounded(size: Size, open: Option<Size>, smaller: Option<Size>) -> Size {
    match (size, open, smaller) {
        (Size::Known(size), Some(Size::Known(_)), _) => Size::Known(size),
        (Size::Known(size), _, Some(Size::Known(other))) if other > size => Size::Unknown(FRESH),
        (Size::Known(size), ..) => Size::Bound(size),
        (size, ..) => size,
    }
}
