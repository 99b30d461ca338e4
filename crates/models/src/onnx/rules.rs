//! What follows for the results of a node: the rules of `onnx-runtime-shape-inference`.
//!
//! Stands on `types`, `small`, and that crate, which only this file names: its types are turned
//! into ours and back. Invariant: a rule sees the operands and the attributes of one node and
//! nothing else; a size that it cannot express in symbols of the operands is [`FRESH`].

use std::collections::HashMap;
use std::panic::{AssertUnwindSafe, catch_unwind};

use onnx_runtime_ir::{
    Attribute, DataType, Node, NodeId, SymbolId, TensorData as IrTensor, TypeProto, ValueId,
};
use onnx_runtime_shape_inference::{
    DimExpr, InferenceRegistry, MAX_SHAPE_DATA_ELEMS, MergePolicy, NodeIo, ShapeData,
    SymbolInterner, TensorType, TypeInfo, ValueType,
};

use super::like::{ElementOf, like};
use super::small::{Cell, Operand, Small, Trust};
use super::symbols::Symbols;
use super::syntax::{AttributeValue, DimDef, NodeDef, TensorData, TensorDef, TypeDef};
use super::types::{Element, Size, Symbol, Type};

/// The symbol of a size that no symbol of the operands stands for.
pub(crate) const FRESH: Symbol = Symbol(u32::MAX);

/// Symbols from here on are made by the rules.
const MADE_BY_RULES: u32 = 0x8000_0000;

/// Symbols from here on stand for bounds.
const BOUNDS: u32 = 0x4000_0000;

/// The number that stands for a bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bounds {
    /// The bound itself.
    Largest,
    /// A smaller one.
    Smaller,
    /// None: what follows from it is unknown.
    Open,
}

/// The rules of all operators.
pub(crate) struct Rules {
    registry: InferenceRegistry,
    opsets: HashMap<String, u64>,
}

impl Rules {
    /// The rules for these versions of operator sets.
    pub(crate) fn new(opsets: &[(&str, i64)]) -> Self {
        let plain = |domain: &str| if domain == "ai.onnx" { "" } else { domain }.to_string();
        let version = |version: i64| u64::try_from(version).unwrap_or(1);
        Self {
            registry: InferenceRegistry::default_registry(),
            opsets: opsets
                .iter()
                .map(|&(domain, of)| (plain(domain), version(of)))
                .collect(),
        }
    }

    /// Types and contents of a node's results, as far as a rule knows them; what is wrong if the
    /// operands contradict the operator.
    pub(crate) fn infer(
        &self,
        node: &NodeDef<'_>,
        operands: &[Option<Operand<'_>>],
        bounds: Bounds,
    ) -> Result<Vec<(Type, Option<Small>)>, String> {
        let Some(like) = like(node) else {
            return self.ask(node, operands, bounds);
        };
        let operand = |&at: &usize| operands.get(at).copied().flatten();
        let mut given: Vec<Option<Operand<'_>>> = like.operands.iter().map(operand).collect();
        let swapped = given
            .first()
            .copied()
            .flatten()
            .map(|first| channels_moved(first.of, 1));
        if let (true, Some(of), Some(Some(first))) =
            (like.channels_last, &swapped, given.first_mut())
        {
            first.of = of;
        }
        let other = NodeDef {
            domain: "",
            operator: like.operator,
            // Bounds of versions are those of the other domain.
            opset: if node.domain.is_empty() {
                node.opset
            } else {
                0
            },
            ..node.clone()
        };
        let mut results = self.ask(&other, &given, bounds)?;
        for (of, _) in &mut results {
            if like.channels_last {
                *of = channels_moved(of, usize::MAX);
            }
            let element = match like.element {
                ElementOf::Rule => of.element(),
                ElementOf::Fixed(element) => Some(element),
                ElementOf::Operand(at) => operand(&at).and_then(|operand| operand.of.element()),
            };
            if let Type::Tensor { element: own, .. } = of {
                *own = element;
            }
        }
        Ok(results)
    }

    fn ask(
        &self,
        node: &NodeDef<'_>,
        operands: &[Option<Operand<'_>>],
        bounds: Bounds,
    ) -> Result<Vec<(Type, Option<Small>)>, String> {
        check_windows(node, operands)?;
        let there = |(at, operand): (usize, &Option<Operand>)| {
            operand.map(|_| ValueId(u32::try_from(at).unwrap_or(u32::MAX)))
        };
        let inputs = operands.iter().enumerate().map(there).collect();
        let first = operands.len() as u32;
        let outputs = (0..node.outputs.len()).map(|at| ValueId(first + at as u32));
        let mut plain = Node::new(NodeId(0), node.operator, inputs, outputs.collect());
        if node.domain != "ai.onnx" {
            plain.domain = node.domain.into();
        }
        plain.version = (node.opset > 0).then_some(node.opset);
        for attribute in &node.attributes {
            if let Some(value) = attribute_of(&attribute.value) {
                plain.attributes.insert(attribute.name.into(), value);
            }
        }
        let known = operands
            .iter()
            .map(|operand| operand.map_or_else(NodeIo::default, |operand| io_of(operand, bounds)))
            .collect();
        let mut interner = SymbolInterner::new(MADE_BY_RULES);
        let ask = || {
            let policy = MergePolicy::Permissive;
            self.registry
                .infer_node(&plain, &self.opsets, known, policy, &mut interner)
        };
        // Numbers that no rule expects make one overflow; nothing outlives the call.
        let results = catch_unwind(AssertUnwindSafe(ask))
            .map_err(|_| "its numbers are beyond all bounds".to_string())?
            .map_err(|error| error.to_string())?;
        results.into_iter().map(result_of).collect()
    }
}

/// Refuses windows (of convolutions, of pooling) and sizes whose products no rule expects.
fn check_windows(node: &NodeDef<'_>, operands: &[Option<Operand<'_>>]) -> Result<(), String> {
    const MOST: i64 = 1 << 20;
    const MOST_SIZE: u64 = 1 << 40;
    let of_windows = [
        "kernel_shape",
        "strides",
        "dilations",
        "pads",
        "output_padding",
        "output_shape",
        "blocksize",
        "block_size",
    ];
    let mut has_window = false;
    for attribute in &node.attributes {
        if !of_windows.contains(&attribute.name) {
            continue;
        }
        let numbers = match &attribute.value {
            AttributeValue::Ints(numbers) => numbers.as_slice(),
            AttributeValue::Int(number) => std::slice::from_ref(number),
            _ => continue,
        };
        has_window = true;
        if let Some(number) = numbers
            .iter()
            .find(|number| number.abs_diff(0) > MOST as u64)
        {
            return Err(format!("its {} has {number}", attribute.name));
        }
    }
    let mut sizes = operands
        .iter()
        .flatten()
        .flat_map(|operand| operand.of.shape())
        .flatten();
    match sizes.find_map(|size| size.number().filter(|&size| size > MOST_SIZE)) {
        Some(size) if has_window => Err(format!("an operand has a dimension of {size}")),
        _ => Ok(()),
    }
}

/// A type whose last axis is moved to the second place, or the second to the last.
fn channels_moved(of: &Type, to: usize) -> Type {
    match of {
        Type::Tensor {
            element,
            shape: Some(shape),
        } if shape.len() > 2 => {
            let mut shape = shape.clone();
            let last = shape.len() - 1;
            if to == 1 {
                shape[1..].rotate_right(1);
            } else {
                shape[1..=last].rotate_left(1);
            }
            Type::Tensor {
                element: *element,
                shape: Some(shape),
            }
        }
        of => of.clone(),
    }
}

fn attribute_of(value: &AttributeValue<'_>) -> Option<Attribute> {
    Some(match value {
        AttributeValue::Float(value) => Attribute::Float(*value),
        AttributeValue::Int(value) => Attribute::Int(*value),
        AttributeValue::String(bytes) => Attribute::String(bytes.to_vec()),
        AttributeValue::Floats(values) => Attribute::Floats(values.clone()),
        AttributeValue::Ints(values) => Attribute::Ints(values.clone()),
        AttributeValue::Strings(values) => {
            Attribute::Strings(values.iter().map(|bytes| bytes.to_vec()).collect())
        }
        AttributeValue::Tensor(tensor) => Attribute::Tensor(tensor_of(tensor)?),
        AttributeValue::Type(stated) => Attribute::TypeProto(proto_of(stated)?),
        _ => return None,
    })
}

/// A tensor whose payload is at most an element.
fn tensor_of(tensor: &TensorDef<'_>) -> Option<IrTensor> {
    const MOST_BYTES: usize = 64;
    let dims = tensor.dims.iter().map(|&dim| usize::try_from(dim).ok());
    let data = match tensor.data {
        TensorData::Raw(bytes) if bytes.len() <= MOST_BYTES => bytes.to_vec(),
        _ => Vec::new(),
    };
    let element = DataType::from_onnx(tensor.element)?;
    Some(IrTensor::from_raw(
        element,
        dims.collect::<Option<_>>()?,
        data,
    ))
}

fn proto_of(stated: &TypeDef<'_>) -> Option<TypeProto> {
    Some(match stated {
        TypeDef::Tensor { element, shape } => {
            let size = |dim: &DimDef| match dim {
                DimDef::Number(size) => usize::try_from(*size).ok().map(Into::into),
                _ => Some(SymbolId(MADE_BY_RULES - 1).into()),
            };
            let shape = shape.iter().flatten().map(size);
            TypeProto::Tensor {
                dtype: DataType::from_onnx(*element)?,
                shape: shape.collect::<Option<_>>()?,
            }
        }
        TypeDef::Sequence(element) => TypeProto::Sequence(Box::new(proto_of(element)?)),
        TypeDef::Optional(element) => TypeProto::Optional(Box::new(proto_of(element)?)),
        _ => return None,
    })
}

fn io_of(operand: Operand<'_>, bounds: Bounds) -> NodeIo {
    let Some(of) = value_type(operand.of, bounds) else {
        return NodeIo::default();
    };
    match of {
        ValueType::Tensor(tensor) => NodeIo {
            shape_data: operand
                .contents
                .and_then(|contents| data_of(contents, tensor.dtype, bounds)),
            type_info: tensor.to_type_info(),
            value_type: None,
        },
        container => NodeIo::container(container),
    }
}

fn value_type(of: &Type, bounds: Bounds) -> Option<ValueType> {
    Some(match of {
        Type::Tensor {
            element: Some(element),
            shape,
        } => {
            let mut next = BOUNDS;
            let expression = |&size: &Size| match size {
                Size::Known(size) => number(size),
                Size::Bound(size) => of_bound(size, bounds, &mut next),
                Size::Unknown(symbol) => DimExpr::symbol(SymbolId(symbol.0)),
            };
            let shape = shape.as_ref();
            ValueType::Tensor(TensorType {
                dtype: DataType::from_onnx(element.code())?,
                shape: shape.map(|shape| shape.iter().map(expression).collect()),
            })
        }
        Type::Sequence(element) => ValueType::sequence(value_type(element, bounds)?),
        Type::Optional(element) => ValueType::Optional(Box::new(value_type(element, bounds)?)),
        _ => return None,
    })
}

fn number(size: u64) -> DimExpr {
    i64::try_from(size).map_or_else(|_| DimExpr::overflow(), DimExpr::constant)
}

fn of_bound(size: u64, bounds: Bounds, next: &mut u32) -> DimExpr {
    match bounds {
        Bounds::Largest => number(size),
        Bounds::Smaller => number(smaller(size)),
        Bounds::Open => {
            *next += 1;
            DimExpr::symbol(SymbolId(*next))
        }
    }
}

/// A smaller size to try; 1 is broadcast, which says nothing.
fn smaller(size: u64) -> u64 {
    if size > 3 { size - 1 } else { size }
}

/// Contents as the rules want them: of rank 0 or 1.
fn data_of(contents: &Small, dtype: DataType, bounds: Bounds) -> Option<ShapeData> {
    if contents.dims.len() > 1 || contents.cells.len() > MAX_SHAPE_DATA_ELEMS {
        return None;
    }
    let dims = contents.dims.iter().map(|&size| size as usize).collect();
    let floats: Option<Vec<f64>> = contents
        .cells
        .iter()
        .map(|cell| match cell {
            Cell::Float(value, _) => Some(*value),
            _ => None,
        })
        .collect();
    if let Some(floats) = floats.filter(|_| dtype.is_float()) {
        return Some(ShapeData {
            dtype,
            dims,
            elems: Vec::new(),
            float_elems: Some(floats),
        });
    }
    // Bounds of sizes and bounds in contents may not be taken for equal.
    let mut next = BOUNDS + (BOUNDS >> 1);
    let expression = |cell: &Cell| match *cell {
        Cell::Int(value, Trust::Bound) => match u64::try_from(value) {
            Ok(size) => Some(of_bound(size, bounds, &mut next)),
            Err(_) => Some(DimExpr::constant(value)),
        },
        Cell::Int(value, _) => Some(DimExpr::constant(value)),
        Cell::Unknown(Symbols::NAMELESS) => {
            next += 1;
            Some(DimExpr::symbol(SymbolId(next)))
        }
        Cell::Unknown(symbol) => Some(DimExpr::symbol(SymbolId(symbol.0))),
        Cell::Float(..) => None,
    };
    let elems = contents.cells.iter().map(expression);
    Some(ShapeData {
        dtype,
        dims,
        elems: elems.collect::<Option<_>>()?,
        float_elems: None,
    })
}

fn result_of(result: NodeIo) -> Result<(Type, Option<Small>), String> {
    let contents = result.shape_data.as_ref().and_then(small_of);
    let of = match (result.value_type, result.type_info) {
        (Some(of), _) => type_of(&of)?,
        (None, Some(TypeInfo { dtype, shape })) => {
            type_of(&ValueType::Tensor(TensorType::new(dtype, shape)))?
        }
        (None, None) => Type::Open,
    };
    Ok((of, contents))
}

fn type_of(of: &ValueType) -> Result<Type, String> {
    Ok(match of {
        ValueType::Tensor(tensor) => {
            let shape = tensor.shape.as_ref();
            Type::Tensor {
                element: Element::of(tensor.dtype as i32),
                shape: shape
                    .map(|shape| shape.iter().map(size_of).collect::<Result<_, _>>())
                    .transpose()?,
            }
        }
        ValueType::Sequence(element) => Type::Sequence(Box::new(type_of(element)?)),
        ValueType::Optional(element) => Type::Optional(Box::new(type_of(element)?)),
        ValueType::Map(..) => Type::Map,
    })
}

fn size_of(expression: &DimExpr) -> Result<Size, String> {
    if let Some(size) = expression.as_const() {
        let negative = || format!("a dimension of size {size}");
        return u64::try_from(size).map(Size::Known).map_err(|_| negative());
    }
    Ok(Size::Unknown(symbol_of(expression)))
}

fn symbol_of(expression: &DimExpr) -> Symbol {
    match expression.as_symbol() {
        Some(SymbolId(id)) if id < BOUNDS => Symbol(id),
        _ => FRESH,
    }
}

fn small_of(data: &ShapeData) -> Option<Small> {
    let dims: Vec<u64> = data.dims.iter().map(|&size| size as u64).collect();
    let cells = match &data.float_elems {
        Some(values) => {
            let cell = |&value: &f64| Cell::Float(value, Trust::Constant);
            values.iter().map(cell).collect()
        }
        None => {
            let cell = |expression: &DimExpr| match expression.as_const() {
                Some(value) => Cell::int(value),
                None => Cell::Unknown(symbol_of(expression)),
            };
            data.elems.iter().map(cell).collect::<Vec<_>>()
        }
    };
    let count = super::small::count(&dims)?;
    (cells.len() == count).then_some(Small { dims, cells })
}
