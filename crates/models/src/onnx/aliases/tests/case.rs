//! A node with the types of its operands and results, and its constants.

use std::collections::HashMap;

use super::super::{NodeTypes, aliases};
use crate::element::ElementType;
use crate::onnx::syntax::{AttributeDef, AttributeValue, NodeDef};
use crate::program::AliasKind;
use crate::tensor_type::TensorType;

/// A node.
#[derive(Clone)]
pub(super) struct Case {
    pub(super) node: NodeDef<'static>,
    pub(super) opset: i64,
    pub(super) operands: Vec<Option<TensorType>>,
    pub(super) results: Vec<Option<TensorType>>,
    pub(super) constants: HashMap<usize, Vec<i64>>,
}

pub(super) fn tensor(element: ElementType, dims: &[u64]) -> TensorType {
    TensorType {
        element,
        dims: dims.into(),
        is_bound: false,
    }
}

const NAMES: [&str; 8] = ["a", "b", "c", "d", "e", "f", "g", "h"];

impl Case {
    pub(super) fn new(operator: &'static str) -> Self {
        Self {
            node: NodeDef {
                operator,
                ..Default::default()
            },
            opset: 21,
            operands: Vec::new(),
            results: Vec::new(),
            constants: HashMap::new(),
        }
    }

    fn add(mut self, operand: Option<TensorType>) -> Self {
        self.node.inputs.push(NAMES[self.operands.len()]);
        self.operands.push(operand);
        self
    }

    pub(super) fn reads(self, element: ElementType, dims: &[u64]) -> Self {
        self.add(Some(tensor(element, dims)))
    }

    pub(super) fn constant(mut self, numbers: &[i64]) -> Self {
        self.constants.insert(self.operands.len(), numbers.into());
        self.add(None)
    }

    pub(super) fn left_out(mut self) -> Self {
        self = self.add(None);
        self.node.inputs.pop();
        self.node.inputs.push("");
        self
    }

    pub(super) fn writes(mut self, element: ElementType, dims: &[u64]) -> Self {
        self.node
            .outputs
            .push(["p", "q", "r", "s"][self.results.len()]);
        self.results.push(Some(tensor(element, dims)));
        self
    }

    pub(super) fn int(self, name: &'static str, number: i64) -> Self {
        self.attribute(name, AttributeValue::Int(number))
    }

    pub(super) fn ints(self, name: &'static str, numbers: &[i64]) -> Self {
        self.attribute(name, AttributeValue::Ints(numbers.into()))
    }

    fn attribute(mut self, name: &'static str, value: AttributeValue<'static>) -> Self {
        self.node.attributes.push(AttributeDef {
            name,
            reference: "",
            value,
        });
        self
    }

    pub(super) fn at(mut self, opset: i64) -> Self {
        self.opset = opset;
        self
    }

    /// Makes the dimensions of an operand upper bounds.
    pub(super) fn bound_operand(mut self, position: usize) -> Self {
        if let Some(operand) = &mut self.operands[position] {
            operand.is_bound = true;
        }
        self
    }

    pub(super) fn bound_result(mut self) -> Self {
        if let Some(result) = &mut self.results[0] {
            result.is_bound = true;
        }
        self
    }

    pub(super) fn aliases(&self) -> Vec<(usize, usize, AliasKind)> {
        let operands: Vec<_> = self.operands.iter().map(Option::as_ref).collect();
        let results: Vec<_> = self.results.iter().map(Option::as_ref).collect();
        let constants = |position: usize| self.constants.get(&position).cloned();
        let types = NodeTypes {
            opset: self.opset,
            operands: &operands,
            results: &results,
            constants: &constants,
        };
        aliases(&self.node, &types)
    }

    /// The results that are views of the first operand, and where they begin.
    #[track_caller]
    pub(super) fn views(&self) -> Vec<(usize, u64)> {
        let views = self.aliases().into_iter().map(|(result, of, kind)| {
            let AliasKind::View(offset) = kind else {
                panic!("{}: a result in place", self.node.operator)
            };
            assert_eq!(of, 0);
            (result, offset)
        });
        views.collect()
    }

    /// The operands that are parts of the first result, and where they begin.
    #[track_caller]
    pub(super) fn parts(&self) -> Vec<(usize, u64)> {
        let parts = self.aliases().into_iter().map(|(result, of, kind)| {
            let AliasKind::Part(offset) = kind else {
                panic!("{}: not a part", self.node.operator)
            };
            assert_eq!(result, 0);
            (of, offset)
        });
        parts.collect()
    }

    /// The operands that the first result may be written over.
    #[track_caller]
    pub(super) fn in_place(&self) -> Vec<usize> {
        let pairs = self.aliases().into_iter().map(|(result, of, kind)| {
            assert_eq!(
                (result, kind),
                (0, AliasKind::InPlace),
                "{}",
                self.node.operator
            );
            of
        });
        pairs.collect()
    }
}
