//! Values that no node computes: inputs of the main graph, weights and constants.
//!
//! Stands on `facts`, `dims` and the user's options.

use std::rc::Rc;

use super::facts::{Fact, Facts, Origin};
use crate::error::ModelError;
use crate::onnx::attributes::{self};
use crate::onnx::dims::Dims;
use crate::onnx::small::Small;
use crate::onnx::symbols::Symbols;
use crate::onnx::syntax::{AttributeValue, NodeDef, TensorDef, TypeDef, ValueDef};
use crate::onnx::types::{Element, Size, Type, stated_text};
use crate::options::InputValue;

impl Facts<'_> {
    /// Type and contents of an input of the main graph.
    pub(super) fn graph_input(
        &mut self,
        input: &ValueDef<'_>,
    ) -> Result<(Type, Option<Small>), ModelError> {
        let given = self.options.inputs.get(input.name);
        let TypeDef::Tensor {
            element,
            shape: Some(shape),
        } = &input.value_type
        else {
            if given.is_some() {
                return Err(self.misfit(input, "a value needs a shape that is stated"));
            }
            return Ok((self.container(input.name, &input.value_type), None));
        };
        let element = Element::of(*element);
        let one_axis = shape.len() == 1;
        let mut sizes = Vec::with_capacity(shape.len());
        for (axis, dim) in shape.iter().enumerate() {
            sizes.push(
                match (self.dims.size(dim), Dims::name_of(input.name, axis, dim)) {
                    (Some(size), _) => Size::Known(size),
                    (None, Some(name)) => match (self.dims.size_of_name(&name), given) {
                        (Some(size), _) => Size::Known(size),
                        (None, Some(value)) if one_axis => Size::Known(value.len() as u64),
                        (None, _) => {
                            let place =
                                || format!("{}: {}", input.name, stated_text(&input.value_type));
                            self.missing(&name, place)
                        }
                    },
                    (None, None) => return Err(self.misfit(input, "its shape is not valid")),
                },
            );
        }
        let of = Type::Tensor {
            element,
            shape: Some(sizes),
        };
        let contents = match given {
            Some(value) => self.given(input, &of, value)?,
            None => None,
        };
        Ok((of, contents))
    }

    /// The type of an input that is no tensor of known rank. Elements of a sequence differ in size:
    /// what is given for their dimensions is a bound.
    fn container(&mut self, input: &str, stated: &TypeDef<'_>) -> Type {
        match stated {
            TypeDef::Sequence(of) => Type::Sequence(Box::new(self.container(input, of))),
            TypeDef::Optional(of) => Type::Optional(Box::new(self.container(input, of))),
            TypeDef::Tensor {
                element,
                shape: Some(shape),
            } => {
                let mut sizes = Vec::with_capacity(shape.len());
                for (axis, dim) in shape.iter().enumerate() {
                    let name = Dims::name_of(input, axis, dim);
                    sizes.push(match (self.dims.size(dim), name) {
                        (None, Some(name)) if !self.dims.has(&name) => {
                            let place = || format!("{input}: {}", stated_text(stated));
                            self.data_dependent(&name, place)
                        }
                        (size, _) => size.map_or(Size::Unknown(Symbols::NAMELESS), Size::Known),
                    });
                }
                Type::Tensor {
                    element: Element::of(*element),
                    shape: Some(sizes),
                }
            }
            stated => self.stated(stated),
        }
    }

    fn given(
        &self,
        input: &ValueDef<'_>,
        of: &Type,
        value: &InputValue,
    ) -> Result<Option<Small>, ModelError> {
        let element = of.element();
        let fits = match value {
            InputValue::Ints(_) => element.is_some_and(Element::is_whole),
            InputValue::Bools(_) => element == Some(Element::BOOL),
            InputValue::Floats(_) => {
                element.is_some_and(|of| matches!(of.code(), 1 | 10 | 11 | 16))
            }
        };
        if !fits {
            let kind = match value {
                InputValue::Ints(_) => "whole numbers",
                InputValue::Bools(_) => "truth values",
                InputValue::Floats(_) => "numbers with a fraction",
            };
            return Err(self.misfit(input, &format!("is {of}, and the value has {kind}")));
        }
        let exact = |size: &Size| match size {
            Size::Known(size) => Some(*size),
            _ => None,
        };
        let Some(dims) = of
            .shape()
            .unwrap_or(&[])
            .iter()
            .map(exact)
            .collect::<Option<Vec<u64>>>()
        else {
            return Ok(None);
        };
        let count = dims.iter().try_fold(1u64, |n, &size| n.checked_mul(size));
        if count != Some(value.len() as u64) {
            let reason = format!("is {of}, and the value has {} elements", value.len());
            return Err(self.misfit(input, &reason));
        }
        let is_small = value.len() <= crate::onnx::small::MOST_CELLS;
        Ok(is_small.then(|| Small::of_input(value, dims)))
    }

    fn misfit(&self, input: &ValueDef<'_>, reason: &str) -> ModelError {
        ModelError::Input {
            name: input.name.into(),
            reason: reason.into(),
        }
    }
}

/// A weight of the file.
pub(super) fn weight(name: String, tensor: &TensorDef<'_>) -> Fact {
    let contents = Small::of_tensor(tensor);
    Fact {
        name,
        of: type_of_tensor(tensor),
        contents: contents.map(Rc::new),
        origin: Origin::Weight,
    }
}

fn type_of_tensor(tensor: &TensorDef<'_>) -> Type {
    let size = |&dim: &i64| Size::Known(u64::try_from(dim).unwrap_or(0));
    Type::Tensor {
        element: Element::of(tensor.element),
        shape: Some(tensor.dims.iter().map(size).collect()),
    }
}

/// The type of what a `Constant` writes.
pub(super) fn type_of_constant(node: &NodeDef<'_>) -> Option<Type> {
    let vector = |element, length: usize| Type::tensor(element, vec![Size::Known(length as u64)]);
    let value = |name| attributes::value(node, name);
    if let Some(AttributeValue::Tensor(tensor)) = value("value") {
        return Some(type_of_tensor(tensor));
    }
    if let Some(AttributeValue::SparseTensor(tensor)) = value("sparse_value") {
        return Some(type_of_tensor(tensor));
    }
    let names = [
        "value_int",
        "value_ints",
        "value_float",
        "value_floats",
        "value_string",
        "value_strings",
    ];
    let found = names.into_iter().find_map(value)?;
    Some(match found {
        AttributeValue::Int(_) => Type::tensor(Element::INT64, Vec::new()),
        AttributeValue::Ints(values) => vector(Element::INT64, values.len()),
        AttributeValue::Float(_) => Type::tensor(Element::FLOAT32, Vec::new()),
        AttributeValue::Floats(values) => vector(Element::FLOAT32, values.len()),
        AttributeValue::String(_) => Type::tensor(Element::STRING, Vec::new()),
        AttributeValue::Strings(values) => vector(Element::STRING, values.len()),
        _ => return None,
    })
}
