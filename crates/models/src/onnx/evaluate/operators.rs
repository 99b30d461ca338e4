//! ONNX operators by their names.
//!
//! Stands on the files above it.

use super::arithmetic::{Binary, Unary, binary, expand, select, unary};
use super::{layout, reduce::reduce};
use crate::onnx::attributes::{int, ints, is_standard, tensor, value};
use crate::onnx::small::{Cell, MOST_CELLS, Operand, Small, Trust, count};
use crate::onnx::symbols::Symbols;
use crate::onnx::syntax::{AttributeValue, NodeDef};
use crate::onnx::types::Element;

/// The contents of a node's results, by their position; none if nothing is known of them.
pub(crate) fn evaluate(
    node: &NodeDef<'_>,
    operands: &[Option<Operand<'_>>],
    opset: i64,
    symbols: &mut Symbols,
) -> Option<Vec<Small>> {
    if !is_standard(node) {
        return None;
    }
    if node.operator == "Constant" {
        return constant(node).map(|contents| vec![contents]);
    }
    let call = Call {
        node,
        operands,
        opset,
    };
    if node.operator == "Split" {
        return call.split();
    }
    call.result(symbols).map(|contents| vec![contents])
}

fn constant(node: &NodeDef<'_>) -> Option<Small> {
    if let Some(tensor) = tensor(node, "value") {
        return Small::of_tensor(tensor);
    }
    let float = |&value: &f32| Cell::Float(value.into(), Trust::Constant);
    let found = |name| value(node, name);
    if let Some(AttributeValue::Int(value)) = found("value_int") {
        return Some(Small::scalar(Cell::int(*value)));
    }
    if let Some(AttributeValue::Float(value)) = found("value_float") {
        return Some(Small::scalar(float(value)));
    }
    if let Some(AttributeValue::Ints(values)) = found("value_ints") {
        let is_small = values.len() <= MOST_CELLS;
        return is_small.then(|| Small::vector(values.iter().map(|&v| Cell::int(v)).collect()));
    }
    match found("value_floats") {
        Some(AttributeValue::Floats(values)) if values.len() <= MOST_CELLS => {
            Some(Small::vector(values.iter().map(float).collect()))
        }
        _ => None,
    }
}

/// A node with what is known of its operands.
struct Call<'c, 'a> {
    node: &'c NodeDef<'a>,
    operands: &'c [Option<Operand<'c>>],
    opset: i64,
}

impl<'c> Call<'c, '_> {
    fn operand(&self, at: usize) -> Option<Operand<'c>> {
        self.operands.get(at).copied().flatten()
    }

    fn has(&self, at: usize) -> bool {
        self.operand(at).is_some()
    }

    fn contents(&self, at: usize) -> Option<&'c Small> {
        self.operand(at)?.contents
    }

    /// The exact whole numbers of an operand.
    fn ints(&self, at: usize) -> Option<Vec<i64>> {
        self.contents(at)?.ints()
    }

    /// Axes as an attribute, or as an operand in newer versions; `Err` if they are not known.
    fn axes(&self, at: usize) -> Option<Option<Vec<i64>>> {
        match (ints(self.node, "axes"), self.has(at)) {
            (Some(axes), _) => Some(Some(axes.to_vec())),
            (None, true) => Some(Some(self.ints(at)?)),
            (None, false) => Some(None),
        }
    }

    fn result(&self, symbols: &mut Symbols) -> Option<Small> {
        let node = self.node;
        match node.operator {
            "Shape" => self.shape(),
            "Size" => self.size(symbols),
            "ConstantOfShape" => self.filled(),
            "Range" => self.range(symbols),
            "Concat" => self.concat(),
            "NonZero" => self.non_zero(),
            "Where" => select(
                self.contents(0)?,
                self.contents(1)?,
                self.contents(2)?,
                symbols,
            ),
            _ => None,
        }
        .or_else(|| self.of_first(self.contents(0)?, symbols))
    }

    /// Operators that need the contents of their first operand.
    fn of_first(&self, first: &Small, symbols: &mut Symbols) -> Option<Small> {
        let node = self.node;
        let rank = first.dims.len();
        match node.operator {
            "Identity" => Some(first.clone()),
            "Cast" => {
                let to = Element::of(i32::try_from(int(node, "to")?).ok()?)?;
                unary(Unary::Cast(to), first)
            }
            "CastLike" => unary(Unary::Cast(self.operand(1)?.of.element()?), first),
            "Reshape" => {
                let to = match ints(node, "shape") {
                    Some(to) => to.to_vec(),
                    None => self.ints(1)?,
                };
                layout::reshape(first, &to, int(node, "allowzero") == Some(1))
            }
            "Flatten" => {
                let at = int(node, "axis").unwrap_or(1);
                let at = if at < 0 { at + rank as i64 } else { at };
                let at = usize::try_from(at).ok().filter(|&at| at <= rank)?;
                let sides = [&first.dims[..at], &first.dims[at..]];
                let dims = sides.map(|dims| dims.iter().product()).to_vec();
                layout::with_dims(first, dims)
            }
            "Squeeze" => layout::squeeze(first, self.axes(1)?.as_deref()),
            "Unsqueeze" => layout::unsqueeze(first, &self.axes(1)??),
            "Transpose" => layout::transpose(first, ints(node, "perm")),
            "Expand" => {
                let to: Option<Vec<u64>> = self
                    .ints(1)?
                    .iter()
                    .map(|&size| u64::try_from(size).ok())
                    .collect();
                let dims = super::arithmetic::broadcast(&first.dims, &to?)?;
                expand(first, &dims)
            }
            "Slice" => self.slice(first),
            "Gather" => {
                let at = layout::axis(int(node, "axis").unwrap_or(0), rank)?;
                layout::gather(first, at, self.contents(1)?)
            }
            "Sum" => self.fold(Binary::Add, symbols),
            "Min" => self.fold(Binary::Min, symbols),
            "Max" => self.fold(Binary::Max, symbols),
            _ => self.arithmetic(first, symbols),
        }
    }

    fn arithmetic(&self, first: &Small, symbols: &mut Symbols) -> Option<Small> {
        let node = self.node;
        if let Some(operation) = unary_of(node.operator) {
            return unary(operation, first);
        }
        if let Some(operation) = binary_of(node) {
            return binary(operation, first, self.contents(1)?, symbols);
        }
        let operation = match node.operator {
            "ReduceSum" => Binary::Add,
            "ReduceProd" => Binary::Mul,
            "ReduceMax" => Binary::Max,
            "ReduceMin" => Binary::Min,
            _ => return None,
        };
        let axes = self.axes(1)?;
        if axes.as_ref().is_some_and(Vec::is_empty) && int(node, "noop_with_empty_axes") == Some(1)
        {
            return Some(first.clone());
        }
        let all = || (0..first.dims.len() as i64).collect();
        let axes = axes.filter(|axes| !axes.is_empty()).unwrap_or_else(all);
        let keeps = int(node, "keepdims").unwrap_or(1) != 0;
        reduce(first, operation, &axes, keeps, symbols)
    }

    fn shape(&self) -> Option<Small> {
        let shape = self.operand(0)?.of.shape()?;
        let rank = shape.len() as i64;
        let place = |name, default| {
            let at = int(self.node, name).unwrap_or(default);
            let at = if at < 0 { at.saturating_add(rank) } else { at };
            at.clamp(0, rank) as usize
        };
        let (start, end) = (place("start", 0), place("end", rank));
        let sizes = shape.get(start..end.max(start))?;
        let cells = sizes.iter().map(|&size| Cell::of_size(size)).collect();
        Some(Small::vector(cells))
    }

    fn size(&self, symbols: &mut Symbols) -> Option<Small> {
        let sizes = self.operand(0)?.of.shape()?.iter();
        let product = sizes
            .map(|&size| Cell::of_size(size))
            .try_fold(Cell::int(1), |product, size| {
                super::arithmetic::binary_cell(Binary::Mul, product, size, symbols)
            });
        Some(Small::scalar(product?))
    }

    fn filled(&self) -> Option<Small> {
        let cell = match tensor(self.node, "value") {
            Some(tensor) => *Small::of_tensor(tensor)?.cells.first()?,
            None => Cell::Float(0.0, Trust::Constant),
        };
        let sizes = self.contents(0)?;
        if sizes.trust()? == Trust::Bound {
            return None;
        }
        let dims: Option<Vec<u64>> = sizes
            .ints()?
            .iter()
            .map(|&size| u64::try_from(size).ok())
            .collect();
        let dims = dims?;
        let cells = vec![cell; count(&dims)?];
        Some(Small { dims, cells })
    }

    fn range(&self, symbols: &mut Symbols) -> Option<Small> {
        let _ = symbols;
        let one = |at| self.contents(at)?.single();
        let (start, end, step) = (one(0)?, one(1)?, one(2)?);
        let trust = (0..3).filter_map(|at| self.contents(at)?.trust()).max()?;
        let length = match step {
            0 => return None,
            step if step > 0 => (end - start).max(0).checked_add(step - 1)? / step,
            step => (start - end).max(0).checked_add(-step - 1)? / -step,
        };
        let length = usize::try_from(length).ok().filter(|&n| n <= MOST_CELLS)?;
        let cell = |at: usize| Cell::Int(start + at as i64 * step, trust);
        Some(Small::vector((0..length).map(cell).collect()))
    }

    /// Parts without known contents leave the others known.
    fn concat(&self) -> Option<Small> {
        let is_known = self
            .operands
            .iter()
            .flatten()
            .any(|of| of.contents.is_some());
        if !is_known {
            return None;
        }
        let mut parts = Vec::new();
        for at in 0..self.operands.len() {
            let operand = self.operand(at)?;
            parts.push(match operand.contents {
                Some(contents) => std::borrow::Cow::Borrowed(contents),
                None => std::borrow::Cow::Owned(Small::unknown(operand.of)?),
            });
        }
        let parts: Vec<&Small> = parts.iter().map(AsRef::as_ref).collect();
        let rank = parts.first()?.dims.len();
        let at = layout::axis(int(self.node, "axis").unwrap_or(1), rank)?;
        layout::concat(&parts, at)
    }

    fn slice(&self, first: &Small) -> Option<Small> {
        let rank = first.dims.len();
        let attribute = |name| ints(self.node, name).map(<[i64]>::to_vec);
        let (starts, ends, axes, steps) = if self.has(1) {
            let steps = if self.has(4) {
                Some(self.ints(4)?)
            } else {
                None
            };
            let axes = if self.has(3) {
                Some(self.ints(3)?)
            } else {
                None
            };
            (self.ints(1)?, self.ints(2)?, axes, steps)
        } else {
            (
                attribute("starts")?,
                attribute("ends")?,
                attribute("axes"),
                None,
            )
        };
        let axes = axes.unwrap_or_else(|| (0..starts.len() as i64).collect());
        let mut result = first.clone();
        for (nth, &at) in axes.iter().enumerate() {
            let at = layout::axis(at, rank)?;
            let step = match &steps {
                Some(steps) => *steps.get(nth)?,
                None => 1,
            };
            result = layout::slice(&result, at, (*starts.get(nth)?, *ends.get(nth)?), step)?;
        }
        Some(result)
    }

    fn split(&self) -> Option<Vec<Small>> {
        let first = self.contents(0)?;
        let at = layout::axis(int(self.node, "axis").unwrap_or(0), first.dims.len())?;
        let size = first.dims[at] as usize;
        let parts = self.node.outputs.len();
        let lengths: Vec<usize> = match (ints(self.node, "split"), self.has(1)) {
            (Some(split), _) => lengths_of(split)?,
            (None, true) => lengths_of(&self.ints(1)?)?,
            (None, false) => {
                let each = size.div_ceil(parts);
                let start = |part: usize| (part * each).min(size);
                (0..parts)
                    .map(|part| start(part + 1) - start(part))
                    .collect()
            }
        };
        let mut start = 0;
        let part = |&length: &usize| {
            let places: Vec<usize> = (start..start + length).collect();
            start += length;
            (start <= size).then(|| layout::take(first, at, &places))?
        };
        let parts = lengths.iter().map(part).collect();
        let _ = self.opset;
        parts
    }

    fn non_zero(&self) -> Option<Small> {
        let of = self.contents(0)?;
        let mut places = Vec::new();
        for (index, cell) in of.cells.iter().enumerate() {
            match cell {
                Cell::Int(value, trust) if *trust < Trust::Bound => {
                    if *value != 0 {
                        places.push(index as u64);
                    }
                }
                Cell::Float(value, trust) if *trust < Trust::Bound => {
                    if *value != 0.0 {
                        places.push(index as u64);
                    }
                }
                _ => return None,
            }
        }
        let trust = of.trust()?;
        let mut cells = Vec::new();
        for axis in 0..of.dims.len() {
            let inner: u64 = of.dims[axis + 1..].iter().product();
            let place = |&index: &u64| Cell::Int((index / inner % of.dims[axis]) as i64, trust);
            cells.extend(places.iter().map(place));
        }
        let dims = vec![of.dims.len() as u64, places.len() as u64];
        (cells.len() <= MOST_CELLS).then_some(Small { dims, cells })
    }

    fn fold(&self, operation: Binary, symbols: &mut Symbols) -> Option<Small> {
        let first = self.contents(0)?.clone();
        (1..self.operands.len()).try_fold(first, |sum, at| {
            binary(operation, &sum, self.contents(at)?, symbols)
        })
    }
}

fn lengths_of(split: &[i64]) -> Option<Vec<usize>> {
    split
        .iter()
        .map(|&length| usize::try_from(length).ok().filter(|&n| n <= MOST_CELLS))
        .collect()
}

fn unary_of(operator: &str) -> Option<Unary> {
    Some(match operator {
        "Neg" => Unary::Neg,
        "Abs" => Unary::Abs,
        "Sign" => Unary::Sign,
        "Not" => Unary::Not,
        "Floor" => Unary::Floor,
        "Ceil" => Unary::Ceil,
        "Round" => Unary::Round,
        "Sqrt" => Unary::Sqrt,
        "Exp" => Unary::Exp,
        "Log" => Unary::Log,
        "Reciprocal" => Unary::Reciprocal,
        _ => return None,
    })
}

fn binary_of(node: &NodeDef<'_>) -> Option<Binary> {
    Some(match node.operator {
        "Add" => Binary::Add,
        "Sub" => Binary::Sub,
        "Mul" => Binary::Mul,
        "Div" => Binary::Div,
        "Mod" if int(node, "fmod") == Some(1) => Binary::Fmod,
        "Mod" => Binary::Mod,
        "Pow" => Binary::Pow,
        "And" => Binary::And,
        "Or" => Binary::Or,
        "Xor" => Binary::Xor,
        "Equal" => Binary::Equal,
        "Less" => Binary::Less,
        "LessOrEqual" => Binary::LessOrEqual,
        "Greater" => Binary::Greater,
        "GreaterOrEqual" => Binary::GreaterOrEqual,
        _ => return None,
    })
}
