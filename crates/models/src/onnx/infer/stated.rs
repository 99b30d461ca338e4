//! What follows for a value, and what the file states of it, as one.
//!
//! Stands on `facts`. What is unknown on one side is filled from the other; where both have numbers
//! and disagree, the error names both. Sizes that are still unknown follow from the unknown sizes
//! of the operands, or else depend on data and get a name.

use super::facts::Facts;
use crate::error::ModelError;
use crate::onnx::dims::is_name;
use crate::onnx::rules::FRESH;
use crate::onnx::symbols::Symbols;
use crate::onnx::syntax::{DimDef, TypeDef};
use crate::onnx::types::{Element, Size, Symbol, Type, stated_text};

/// A result of a node.
pub(super) struct Slot<'n> {
    /// The name of the value.
    pub(super) value: &'n str,
    /// The name of the node.
    pub(super) node: &'n str,
    pub(super) operator: &'n str,
    /// The position among the results, if the node has several.
    pub(super) position: Option<usize>,
}

/// What the unknown sizes of a node's results follow from.
pub(super) struct From {
    /// The unknown sizes of its operands.
    pub(super) unknowns: Vec<Symbol>,
    /// Whether they depend on data if there are none.
    pub(super) depends_on_data: bool,
}

impl From {
    /// Whether an unknown size gets a name of its own.
    fn may_name(&self) -> bool {
        self.unknowns.is_empty() && self.depends_on_data
    }
}

impl Slot<'_> {
    /// The name of a dimension that depends on data.
    fn dimension(&self, axis: usize) -> String {
        match self.position {
            Some(position) => format!("{}:{position}.{axis}", self.node),
            None => format!("{}.{axis}", self.node),
        }
    }
}

impl Facts<'_> {
    /// The type of a value: what follows, filled up with what is stated, and with names for sizes
    /// that depend on data.
    pub(super) fn settle(
        &mut self,
        slot: &Slot<'_>,
        inferred: Type,
        stated: Option<&TypeDef<'_>>,
        from: &From,
    ) -> Result<Type, ModelError> {
        let merged = match stated {
            Some(stated) => self.merge(slot, inferred, stated, from)?,
            None => inferred,
        };
        Ok(self.named(slot, merged, from))
    }

    /// A type whose sizes are at most those of what it is part of: lists these bounds, unless
    /// smaller ones are given.
    pub(super) fn capped(&mut self, slot: &Slot<'_>, of: Type, whole: &Type) -> Type {
        let (
            Type::Tensor {
                element,
                shape: Some(mut shape),
            },
            Some(whole),
        ) = (of.clone(), whole.shape())
        else {
            return of;
        };
        for (axis, size) in shape.iter_mut().enumerate() {
            let is_new = |bound| shape_is(whole.get(axis), Size::Known(bound));
            if let Size::Bound(bound) = *size
                && is_new(bound)
                && !self.is_survey
            {
                *size = self.own_bound(&slot.dimension(axis), bound);
            }
        }
        Type::Tensor {
            element,
            shape: Some(shape),
        }
    }

    /// The type that the file states, without unknown sizes of its own.
    pub(super) fn stated(&mut self, stated: &TypeDef<'_>) -> Type {
        match stated {
            TypeDef::Missing => Type::Open,
            TypeDef::Tensor { element, shape } => Type::Tensor {
                element: Element::of(*element),
                shape: shape
                    .as_ref()
                    .map(|shape| shape.iter().map(|dim| self.stated_size(dim)).collect()),
            },
            TypeDef::Sequence(element) => Type::Sequence(Box::new(self.stated(element))),
            TypeDef::Optional(element) => Type::Optional(Box::new(self.stated(element))),
            TypeDef::Map => Type::Map,
            TypeDef::SparseTensor => Type::Sparse,
            TypeDef::Opaque => Type::Opaque,
        }
    }

    fn stated_size(&self, dim: &DimDef<'_>) -> Size {
        let size = self.dims.size(dim);
        size.map_or(Size::Unknown(Symbols::NAMELESS), Size::Known)
    }

    fn merge(
        &mut self,
        slot: &Slot<'_>,
        inferred: Type,
        stated: &TypeDef<'_>,
        from: &From,
    ) -> Result<Type, ModelError> {
        let disagreement = |inferred: &Type| ModelError::Disagreement {
            tensor: slot.value.into(),
            inferred: inferred.to_string(),
            stated: stated_text(stated),
        };
        match (&inferred, stated) {
            (_, TypeDef::Missing) => Ok(inferred),
            (
                Type::Tensor { element, shape },
                TypeDef::Tensor {
                    element: code,
                    shape: sizes,
                },
            ) => {
                let element = match (*element, Element::of(*code)) {
                    (Some(of), Some(stated)) if of != stated => {
                        return Err(disagreement(&inferred));
                    }
                    (of, stated) => of.or(stated),
                };
                let shape = match (shape, sizes) {
                    (Some(shape), Some(sizes)) => {
                        let is_number = |dim: &DimDef| matches!(dim, DimDef::Number(0..));
                        if shape.len() != sizes.len() {
                            // Exporters get ranks wrong where they do not know the sizes.
                            return match sizes.iter().all(is_number) {
                                true => Err(disagreement(&inferred)),
                                false => Ok(inferred),
                            };
                        }
                        let mut merged = Vec::with_capacity(shape.len());
                        for (&size, dim) in shape.iter().zip(sizes) {
                            let size = self.merge_size(slot, size, dim, from);
                            merged.push(size.ok_or_else(|| disagreement(&inferred))?);
                        }
                        Some(merged)
                    }
                    (Some(shape), None) => Some(shape.clone()),
                    (None, Some(sizes)) => {
                        let open = Size::Unknown(FRESH);
                        let size = |dim| self.merge_size(slot, open, dim, from).unwrap_or(open);
                        Some(sizes.iter().map(size).collect())
                    }
                    (None, None) => None,
                };
                Ok(Type::Tensor { element, shape })
            }
            (Type::Open, TypeDef::Tensor { .. }) => {
                let open = Type::Tensor {
                    element: None,
                    shape: None,
                };
                self.merge(slot, open, stated, from)
            }
            (Type::Open, _) => Ok(self.stated(stated)),
            (Type::Sequence(_), TypeDef::Sequence(of)) => {
                let stated = self.stated(of);
                let Type::Sequence(element) = inferred else {
                    return Ok(inferred);
                };
                Ok(Type::Sequence(Box::new(filled(*element, stated))))
            }
            (Type::Optional(_), TypeDef::Optional(of)) => {
                let stated = self.stated(of);
                let Type::Optional(element) = inferred else {
                    return Ok(inferred);
                };
                Ok(Type::Optional(Box::new(filled(*element, stated))))
            }
            (Type::Map, TypeDef::Map)
            | (Type::Sparse, TypeDef::SparseTensor)
            | (Type::Opaque, TypeDef::Opaque) => Ok(inferred),
            _ => Err(disagreement(&inferred)),
        }
    }

    /// One size of two; `None` if they are different numbers.
    fn merge_size(
        &mut self,
        slot: &Slot<'_>,
        size: Size,
        dim: &DimDef<'_>,
        from: &From,
    ) -> Option<Size> {
        let number = match dim {
            DimDef::Number(number) => u64::try_from(*number).ok(),
            _ => None,
        };
        match (size, number) {
            (Size::Known(size), Some(number)) => (size == number).then_some(Size::Known(size)),
            // A number in the file is exact; the bound may be more, or a stand-in.
            (Size::Bound(_) | Size::Unknown(_), Some(number)) => Some(Size::Known(number)),
            (Size::Unknown(symbol), None) => Some(self.filled_size(slot, symbol, dim, from)),
            (size, None) => Some(size),
        }
    }

    /// An unknown size whose name the file may state.
    fn filled_size(
        &mut self,
        slot: &Slot<'_>,
        symbol: Symbol,
        dim: &DimDef<'_>,
        from: &From,
    ) -> Size {
        let unknown = Size::Unknown(symbol);
        let DimDef::Symbol(name) = dim else {
            return unknown;
        };
        if let Some(size) = self.dims.size(dim) {
            return Size::Known(size);
        }
        if self.dims.has(name) {
            return self.missing(name, String::new);
        }
        let has_name = is_name(name) && from.may_name() && symbol == FRESH;
        if has_name || self.options.dims.contains_key(*name) {
            let place = || format!("{} ({})", slot.value, slot.operator);
            return self.data_dependent(name, place);
        }
        unknown
    }

    /// Names for the sizes that are unknown and follow from nothing that has one.
    fn named(&mut self, slot: &Slot<'_>, of: Type, from: &From) -> Type {
        match of {
            Type::Tensor {
                element,
                shape: Some(shape),
            } => {
                let text = Type::Tensor {
                    element,
                    shape: Some(shape.clone()),
                };
                let size = |(axis, size): (usize, Size)| match size {
                    Size::Unknown(symbol) => self.named_size(slot, axis, symbol, from, &text),
                    known => known,
                };
                Type::Tensor {
                    element,
                    shape: Some(shape.into_iter().enumerate().map(size).collect()),
                }
            }
            Type::Sequence(element) => Type::Sequence(Box::new(self.nameless(*element, from))),
            Type::Optional(element) => Type::Optional(Box::new(self.nameless(*element, from))),
            of => of,
        }
    }

    fn named_size(
        &mut self,
        slot: &Slot<'_>,
        axis: usize,
        symbol: Symbol,
        from: &From,
        of: &Type,
    ) -> Size {
        if symbol != FRESH && self.symbols.has_roots(symbol) {
            return Size::Unknown(symbol);
        }
        let name = slot.dimension(axis);
        if let Some(bound) = self.bound(&name) {
            return bound;
        }
        if from.may_name() {
            let place = || format!("{}: {of} ({})", slot.value, slot.operator);
            self.data_dependent(&name, place)
        } else {
            Size::Unknown(self.symbols.derive(&from.unknowns))
        }
    }

    /// Elements of sequences need no names: what is taken out of the sequence gets one.
    fn nameless(&mut self, of: Type, from: &From) -> Type {
        match of {
            Type::Tensor {
                element,
                shape: Some(shape),
            } => {
                let size = |size| match size {
                    Size::Unknown(FRESH) => Size::Unknown(self.symbols.derive(&from.unknowns)),
                    size => size,
                };
                Type::Tensor {
                    element,
                    shape: Some(shape.into_iter().map(size).collect()),
                }
            }
            Type::Sequence(element) => Type::Sequence(Box::new(self.nameless(*element, from))),
            Type::Optional(element) => Type::Optional(Box::new(self.nameless(*element, from))),
            of => of,
        }
    }
}

fn shape_is(size: Option<&Size>, other: Size) -> bool {
    size == Some(&other)
}

/// The first type, with what it lacks from the second.
pub(super) fn filled(of: Type, with: Type) -> Type {
    match (of, with) {
        (Type::Open, with) => with,
        (
            Type::Tensor { element, shape },
            Type::Tensor {
                element: other,
                shape: sizes,
            },
        ) => {
            let shape = match (shape, sizes) {
                (Some(shape), Some(sizes)) if shape.len() == sizes.len() => {
                    let size = |(size, with): (Size, Size)| match size {
                        Size::Unknown(_) if with.number().is_some() => with,
                        size => size,
                    };
                    Some(shape.into_iter().zip(sizes).map(size).collect())
                }
                (shape, sizes) => shape.or(sizes),
            };
            Type::Tensor {
                element: element.or(other),
                shape,
            }
        }
        (Type::Sequence(of), Type::Sequence(with)) => Type::Sequence(Box::new(filled(*of, *with))),
        (Type::Optional(of), Type::Optional(with)) => Type::Optional(Box::new(filled(*of, *with))),
        (of, _) => of,
    }
}
