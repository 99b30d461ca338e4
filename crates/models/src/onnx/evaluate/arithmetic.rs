//! Arithmetic, comparisons and logic on single elements, and on tensors that are broadcast.
//!
//! Stands on `small`. If one element has no answer (overflow, division by zero), the whole
//! tensor has none.

use crate::onnx::small::{Cell, Small, Trust, count};
use crate::onnx::symbols::Symbols;
use crate::onnx::types::Element;

/// An operation on two elements.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Binary {
    Add,
    Sub,
    Mul,
    Div,
    Mod,
    Fmod,
    Pow,
    Min,
    Max,
    And,
    Or,
    Xor,
    Equal,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// An operation on one element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unary {
    Neg,
    Abs,
    Sign,
    Not,
    Floor,
    Ceil,
    Round,
    Sqrt,
    Exp,
    Log,
    Reciprocal,
    Cast(Element),
}

/// The result of a binary operation on tensors that are broadcast against each other.
pub(super) fn binary(
    operation: Binary,
    a: &Small,
    b: &Small,
    symbols: &mut Symbols,
) -> Option<Small> {
    let dims = broadcast(&a.dims, &b.dims)?;
    let (a, b) = (expand(a, &dims)?, expand(b, &dims)?);
    let pairs = a.cells.iter().zip(&b.cells);
    let cells = pairs
        .map(|(&a, &b)| binary_cell(operation, a, b, symbols))
        .collect::<Option<_>>()?;
    Some(Small { dims, cells })
}

/// The result of a unary operation.
pub(super) fn unary(operation: Unary, a: &Small) -> Option<Small> {
    let cells = a.cells.iter().map(|&cell| unary_cell(operation, cell));
    Some(Small {
        dims: a.dims.clone(),
        cells: cells.collect::<Option<_>>()?,
    })
}

/// Elements of `a` where the condition is true, and of `b` elsewhere.
pub(super) fn select(
    condition: &Small,
    a: &Small,
    b: &Small,
    symbols: &mut Symbols,
) -> Option<Small> {
    let dims = broadcast(&broadcast(&condition.dims, &a.dims)?, &b.dims)?;
    let condition = expand(condition, &dims)?;
    let (a, b) = (expand(a, &dims)?, expand(b, &dims)?);
    let cell = |at: usize| match condition.cells[at] {
        Cell::Int(value, trust) if trust < Trust::Bound => {
            let chosen = if value != 0 { a.cells[at] } else { b.cells[at] };
            at_least(chosen, trust)
        }
        _ if a.cells[at] == b.cells[at] => a.cells[at],
        condition => {
            let all = [condition, a.cells[at], b.cells[at]].into_iter();
            let unknown: Vec<_> = all
                .filter_map(|cell| match cell {
                    Cell::Unknown(symbol) => Some(symbol),
                    _ => None,
                })
                .collect();
            Cell::Unknown(symbols.derive(&unknown))
        }
    };
    let cells = (0..condition.cells.len()).map(cell).collect();
    Some(Small { dims, cells })
}

/// An element with no more trust than this.
fn at_least(cell: Cell, least: Trust) -> Cell {
    match cell {
        Cell::Int(value, trust) => Cell::Int(value, trust.max(least)),
        Cell::Float(value, trust) => Cell::Float(value, trust.max(least)),
        unknown @ Cell::Unknown(_) => unknown,
    }
}

/// The sizes of a result whose operands are broadcast.
pub(super) fn broadcast(a: &[u64], b: &[u64]) -> Option<Vec<u64>> {
    let rank = a.len().max(b.len());
    let size = |dims: &[u64], axis: usize| match (axis + dims.len()).checked_sub(rank) {
        Some(axis) => dims[axis],
        None => 1,
    };
    (0..rank)
        .map(|axis| match (size(a, axis), size(b, axis)) {
            (a, b) if a == b || b == 1 => Some(a),
            (1, b) => Some(b),
            _ => None,
        })
        .collect()
}

/// A tensor repeated along the axes where it has size 1.
pub(super) fn expand(of: &Small, dims: &[u64]) -> Option<Small> {
    if of.dims == dims {
        return Some(of.clone());
    }
    let count = count(dims)?;
    let missing = dims.len().checked_sub(of.dims.len())?;
    let mut cells = Vec::with_capacity(count);
    for index in 0..count {
        let (mut rest, mut at, mut step) = (index as u64, 0, 1);
        for axis in (0..dims.len()).rev() {
            let place = rest % dims[axis];
            rest /= dims[axis];
            if let Some(own) = axis.checked_sub(missing) {
                if of.dims[own] != 1 {
                    at += place * step;
                }
                step *= of.dims[own];
            }
        }
        cells.push(*of.cells.get(at as usize)?);
    }
    Some(Small {
        dims: dims.to_vec(),
        cells,
    })
}

/// The result of a binary operation on two elements.
pub(super) fn binary_cell(
    operation: Binary,
    a: Cell,
    b: Cell,
    symbols: &mut Symbols,
) -> Option<Cell> {
    let unknown: Vec<_> = [a, b]
        .into_iter()
        .filter_map(|cell| match cell {
            Cell::Unknown(symbol) => Some(symbol),
            _ => None,
        })
        .collect();
    if !unknown.is_empty() {
        return Some(Cell::Unknown(symbols.derive(&unknown)));
    }
    match (a, b) {
        (Cell::Int(x, first), Cell::Int(y, second)) => {
            let trust = first.max(second);
            if trust == Trust::Bound && !grows(operation, second, (x as f64, y as f64)) {
                return Some(Cell::Unknown(Symbols::NAMELESS));
            }
            Some(Cell::Int(ints(operation, x, y)?, trust))
        }
        (Cell::Float(x, first), Cell::Float(y, second)) => {
            let trust = first.max(second);
            if trust == Trust::Bound && !grows(operation, second, (x, y)) {
                return Some(Cell::Unknown(Symbols::NAMELESS));
            }
            floats(operation, x, y, trust)
        }
        // The types of operands agree, but for the exponent of a power.
        (Cell::Float(x, first), Cell::Int(y, second)) if operation == Binary::Pow => {
            floats(operation, x, y as f64, first.max(second))
        }
        _ => None,
    }
}

/// Whether a smaller number in place of a bound makes no greater result.
fn grows(operation: Binary, second: Trust, (x, y): (f64, f64)) -> bool {
    match operation {
        Binary::Add | Binary::Min | Binary::Max => true,
        Binary::Mul => x >= 0.0 && y >= 0.0,
        Binary::Sub => second != Trust::Bound,
        Binary::Div => second != Trust::Bound && y > 0.0,
        _ => false,
    }
}

fn ints(operation: Binary, x: i64, y: i64) -> Option<i64> {
    Some(match operation {
        Binary::Add => x.checked_add(y)?,
        Binary::Sub => x.checked_sub(y)?,
        Binary::Mul => x.checked_mul(y)?,
        Binary::Div => x.checked_div(y)?,
        // The sign is that of the divisor.
        Binary::Mod => {
            let rest = x.checked_rem(y)?;
            if rest != 0 && (rest < 0) != (y < 0) {
                rest + y
            } else {
                rest
            }
        }
        Binary::Fmod => x.checked_rem(y)?,
        Binary::Pow => x.checked_pow(u32::try_from(y).ok()?)?,
        Binary::Min => x.min(y),
        Binary::Max => x.max(y),
        Binary::And => (x != 0 && y != 0).into(),
        Binary::Or => (x != 0 || y != 0).into(),
        Binary::Xor => ((x != 0) != (y != 0)).into(),
        Binary::Equal => (x == y).into(),
        Binary::Less => (x < y).into(),
        Binary::LessOrEqual => (x <= y).into(),
        Binary::Greater => (x > y).into(),
        Binary::GreaterOrEqual => (x >= y).into(),
    })
}

fn floats(operation: Binary, x: f64, y: f64, trust: Trust) -> Option<Cell> {
    let number = |value| Some(Cell::Float(value, trust));
    let truth = |value: bool| Some(Cell::Int(value.into(), trust));
    match operation {
        Binary::Add => number(x + y),
        Binary::Sub => number(x - y),
        Binary::Mul => number(x * y),
        Binary::Div => number(x / y),
        Binary::Mod | Binary::Fmod => number(x % y),
        Binary::Pow => number(x.powf(y)),
        Binary::Min => number(x.min(y)),
        Binary::Max => number(x.max(y)),
        Binary::Equal => truth(x == y),
        Binary::Less => truth(x < y),
        Binary::LessOrEqual => truth(x <= y),
        Binary::Greater => truth(x > y),
        Binary::GreaterOrEqual => truth(x >= y),
        Binary::And | Binary::Or | Binary::Xor => None,
    }
}

fn unary_cell(operation: Unary, cell: Cell) -> Option<Cell> {
    use Unary::{Cast, Neg, Not, Reciprocal};
    let (Cell::Int(_, trust) | Cell::Float(_, trust)) = cell else {
        return Some(cell);
    };
    let reverses = matches!(operation, Neg | Not | Reciprocal | Cast(Element::BOOL));
    if trust == Trust::Bound && reverses {
        return Some(Cell::Unknown(Symbols::NAMELESS));
    }
    match (operation, cell) {
        (Cast(element), cell) => cast(element, cell),
        (Neg, Cell::Int(value, _)) => Some(Cell::Int(value.checked_neg()?, trust)),
        (Unary::Abs, Cell::Int(value, _)) => Some(Cell::Int(value.checked_abs()?, trust)),
        (Unary::Sign, Cell::Int(value, _)) => Some(Cell::Int(value.signum(), trust)),
        (Not, Cell::Int(value, _)) => Some(Cell::Int((value == 0).into(), trust)),
        (_, Cell::Float(value, _)) => {
            let result = match operation {
                Neg => -value,
                Unary::Abs => value.abs(),
                Unary::Floor => value.floor(),
                Unary::Ceil => value.ceil(),
                Unary::Round => value.round_ties_even(),
                Unary::Sqrt => value.sqrt(),
                Unary::Exp => value.exp(),
                Unary::Log => value.ln(),
                Reciprocal => value.recip(),
                _ => return None,
            };
            Some(Cell::Float(result, trust))
        }
        _ => None,
    }
}

fn cast(element: Element, cell: Cell) -> Option<Cell> {
    let is_float = matches!(element.code(), 1 | 10 | 11 | 16);
    Some(match cell {
        Cell::Int(value, trust) if element == Element::BOOL => {
            Cell::Int((value != 0).into(), trust)
        }
        Cell::Float(value, trust) if element == Element::BOOL => {
            Cell::Int((value != 0.0).into(), trust)
        }
        Cell::Int(value, trust) if is_float => Cell::Float(value as f64, trust),
        Cell::Float(value, trust) if element.is_whole() => {
            let fits = value.is_finite() && value.abs() < 9e18;
            Cell::Int(fits.then_some(value as i64)?, trust)
        }
        Cell::Float(value, trust) if element == Element::FLOAT32 => {
            Cell::Float((value as f32).into(), trust)
        }
        Cell::Int(..) if element.is_whole() => cell,
        Cell::Float(..) if is_float => cell,
        _ => return None,
    })
}
