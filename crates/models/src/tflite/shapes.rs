//! Shapes: what the file states, and what becomes of it where a size is open.
//!
//! Stands on `schema`, `builtin`, `budget`, `dims`, `shape` and `exact`. A file states the shapes
//! with which the model runs, and in a signature (-1) which sizes may differ. Without `--dim` the
//! stated ones hold. A size that the user changes is passed on by the operators whose shape rules
//! are known here; behind any other operator, or where data decides, the size must be given.
//!
//! Invariant: an open size of a result keeps the stated value only if every operand has the sizes
//! that the file states and no value that is computed from data decides it.

use super::budget::Budget;
use super::builtin::{Facts, Rule};
use super::dims::{Dims, NamedAxis};
use super::exact::{self, Given};
use super::schema::Tensor;
use super::shape::Shape;
use crate::error::ModelError;

/// The most axes of a tensor.
const MOST_AXES: usize = 64;

/// One size of a shape in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Axis {
    /// The size with which the model runs, if the file has one.
    size: Option<u64>,
    /// Whether it may differ.
    is_open: bool,
}

/// A shape in the file.
#[derive(Clone, Debug)]
pub(crate) struct Stated {
    axes: Vec<Axis>,
    /// Whether a shape without axes is that of a scalar for sure.
    has_rank: bool,
}

/// What a rule says about an open size.
enum Derived {
    Size(u64),
    /// Known once these are given.
    Waits(Vec<String>),
    Nothing,
}

impl Stated {
    /// The shape of a tensor in the file.
    pub(crate) fn of(tensor: Tensor<'_>, budget: &mut Budget) -> Result<Self, ModelError> {
        let (shape, signature) = (tensor.shape()?, tensor.signature()?);
        budget.charge(shape.len() + signature.len())?;
        let rank = shape.len().max(signature.len());
        if rank > MOST_AXES {
            return Err(ModelError::TooLarge {
                what: format!("axes of the tensor at byte {}", tensor.table.at()),
                found: rank as u64,
                limit: MOST_AXES as u64,
            });
        }
        let mut axes = Vec::new();
        let longer = if shape.len() == 0 { signature } else { shape };
        let may_differ = signature.len() == longer.len();
        for (axis, size) in longer.i32s().enumerate() {
            if size < -1 {
                let found = format!("a size of {size} in axis {axis}");
                return Err(tensor.table.malformed(found, "-1 or a size"));
            }
            axes.push(Axis {
                size: u64::try_from(size).ok(),
                is_open: size < 0,
            });
        }
        if may_differ {
            for (axis, size) in axes.iter_mut().zip(signature.i32s()) {
                axis.is_open |= size < 0;
            }
        }
        let has_rank = tensor.has_rank()?;
        Ok(Self { axes, has_rank })
    }

    /// The shape of a constant or a variable: no size of it is open.
    pub(crate) fn fixed(&self) -> Shape {
        let sizes = self.axes.iter().map(|axis| axis.size.unwrap_or(1));
        Shape {
            dims: Some(sizes.collect()),
            is_fixed: true,
            stated_first: self.first(),
            ..Shape::default()
        }
    }

    /// The shape of an input of the model.
    pub(crate) fn of_input(&self, name: &str, dims: &mut Dims<'_>) -> Shape {
        let text = self.text();
        let mut shape = self.empty();
        let mut sizes = Vec::new();
        for (axis, stated) in self.axes.iter().enumerate() {
            let axis = NamedAxis {
                name,
                prefix: name,
                axis,
                shape: &text,
            };
            let size = if stated.is_open {
                let size = dims.of_input(&axis, stated.size);
                shape.is_changed |= size != stated.size;
                if size.is_none() {
                    shape.wait_for([axis.dimension()]);
                }
                size
            } else {
                stated.size
            };
            sizes.push(size);
        }
        shape.dims = sizes.into_iter().collect();
        shape
    }

    /// The shape of a result of an operator.
    pub(crate) fn of_result(
        &self,
        result: &Named<'_>,
        facts: Facts,
        given: &Given<'_>,
        dims: &mut Dims<'_>,
    ) -> Result<Shape, ModelError> {
        let operands = given.operands;
        let all = || operands.iter().flatten();
        let by_data = facts.rule == Rule::Data
            || facts.shaped_by.iter().any(|&position| {
                let operand = operands.get(position).copied().flatten();
                operand.is_some_and(|operand| !operand.is_fixed)
            });
        let changed = all().any(|operand| operand.is_changed);
        let mut shape = self.empty();
        shape.is_bound = by_data || all().any(|operand| operand.is_changed && operand.is_bound);
        shape.is_fixed =
            facts.rule == Rule::Sizes || (!by_data && all().all(|operand| operand.is_fixed));
        if self.axes.is_empty() && !self.has_rank && facts.rule == Rule::Data {
            return Ok(self.of_unknown_rank(result, shape, dims));
        }
        let exact = match facts.exact.filter(|_| changed && result.is_first) {
            Some(exact) => exact::shape(exact, given)?,
            None => None,
        };
        let exact = exact.filter(|sizes| sizes.len() == self.axes.len());
        let mut asks = Asks {
            exact: exact.as_deref(),
            stated: self,
            result,
            facts,
            operands,
            by_data,
            dims,
        };
        let mut sizes: Vec<Option<u64>> = Vec::new();
        for (axis, stated) in self.axes.iter().enumerate() {
            let keeps = !stated.is_open || !(changed || by_data);
            sizes.push(match stated.size.filter(|_| keeps) {
                Some(size) => Some(size),
                None => {
                    shape.is_changed = true;
                    asks.size(axis, &mut shape)
                }
            });
        }
        shape.is_bound &= shape.is_changed;
        shape.dims = sizes.into_iter().collect();
        Ok(shape)
    }

    /// A result of which not even the rank is known: its elements count as one axis.
    fn of_unknown_rank(&self, result: &Named<'_>, mut shape: Shape, dims: &mut Dims<'_>) -> Shape {
        let axis = NamedAxis {
            name: result.name,
            prefix: result.prefix,
            axis: 0,
            shape: "of unknown rank, in all",
        };
        shape.is_changed = true;
        shape.is_bound = true;
        shape.dims = dims.of_result(&axis, true).map(|size| vec![size]);
        if shape.dims.is_none() {
            shape.wait_for([axis.dimension()]);
        }
        shape
    }

    fn empty(&self) -> Shape {
        Shape {
            stated_first: self.first(),
            ..Shape::default()
        }
    }

    fn first(&self) -> Option<u64> {
        self.axes.first().and_then(|axis| axis.size)
    }

    /// The shape as text: `[?, 64]`.
    fn text(&self) -> String {
        let sizes = self.axes.iter().map(|axis| match axis {
            Axis {
                size: Some(size),
                is_open: false,
            } => size.to_string(),
            _ => "?".into(),
        });
        format!("[{}]", sizes.collect::<Vec<_>>().join(", "))
    }
}

/// A result, and what its dimensions are called by.
#[derive(Debug)]
pub(crate) struct Named<'a> {
    pub(crate) name: &'a str,
    pub(crate) prefix: &'a str,
    /// Whether it is the operator's first result.
    pub(crate) is_first: bool,
}

/// Looks for the open sizes of one result.
struct Asks<'a, 'd, 'o> {
    stated: &'a Stated,
    result: &'a Named<'a>,
    facts: Facts,
    operands: &'a [Option<&'a Shape>],
    by_data: bool,
    /// The shape of the result, if it is known exactly.
    exact: Option<&'a [u64]>,
    dims: &'d mut Dims<'o>,
}

impl Asks<'_, '_, '_> {
    /// An open size: derived, or else given, or else missing.
    fn size(&mut self, axis: usize, shape: &mut Shape) -> Option<u64> {
        let derived = if self.by_data {
            Derived::Nothing
        } else {
            self.derive(axis)
        };
        match derived {
            Derived::Size(size) => Some(size),
            Derived::Waits(names) => {
                shape.wait_for(names);
                None
            }
            Derived::Nothing => {
                let text = self.stated.text();
                let axis = NamedAxis {
                    name: self.result.name,
                    prefix: self.result.prefix,
                    axis,
                    shape: &text,
                };
                let size = self.dims.of_result(&axis, self.by_data);
                if size.is_none() {
                    shape.wait_for([axis.dimension()]);
                }
                size
            }
        }
    }

    fn derive(&self, axis: usize) -> Derived {
        if let Some(exact) = self.exact {
            return Derived::Size(exact[axis]);
        }
        if self.facts.exact.is_some() && self.result.is_first {
            let operands = self.operands.iter().flatten();
            let waits = operands.filter(|operand| operand.dims.is_none());
            let names: Vec<String> = waits.flat_map(|o| o.waits_for.iter().cloned()).collect();
            if !names.is_empty() {
                return Derived::Waits(names);
            }
        }
        match self.facts.rule {
            Rule::Broadcast => self.broadcast(axis),
            Rule::Elements => self.elements(axis),
            Rule::Batch => self.batch(axis),
            Rule::Stated | Rule::Data | Rule::Sizes => Derived::Nothing,
        }
    }

    fn broadcast(&self, axis: usize) -> Derived {
        let from_end = self.stated.axes.len() - axis;
        let mut size = None;
        for operand in self.operands.iter().flatten() {
            let Some(dims) = &operand.dims else {
                return Derived::Waits(operand.waits_for.clone());
            };
            let Some(position) = dims.len().checked_sub(from_end) else {
                continue;
            };
            // A size of 1 takes that of the other operand, which may be 0.
            if size.is_none_or(|size| size == 1) {
                size = Some(dims[position]);
            }
        }
        size.map_or(Derived::Nothing, Derived::Size)
    }

    fn elements(&self, axis: usize) -> Derived {
        let others = (self.stated.axes.iter().enumerate()).filter(|&(other, _)| other != axis);
        let mut known = 1u64;
        for (_, other) in others {
            let fixed = other.size.filter(|_| !other.is_open);
            let Some(product) = fixed.and_then(|size| known.checked_mul(size)) else {
                return Derived::Nothing;
            };
            known = product;
        }
        let Some(operand) = self.operands.first().copied().flatten() else {
            return Derived::Nothing;
        };
        let Some(dims) = &operand.dims else {
            return Derived::Waits(operand.waits_for.clone());
        };
        let all = dims.iter().try_fold(1u64, |n, &size| n.checked_mul(size));
        match all.filter(|all| known > 0 && all % known == 0) {
            Some(all) => Derived::Size(all / known),
            None => Derived::Nothing,
        }
    }

    fn batch(&self, axis: usize) -> Derived {
        let operand = self.operands.first().copied().flatten();
        let Some(operand) = operand.filter(|_| axis == 0) else {
            return Derived::Nothing;
        };
        let Some(dims) = &operand.dims else {
            return Derived::Waits(operand.waits_for.clone());
        };
        let size = match (dims.first(), operand.stated_first, self.stated.first()) {
            (Some(&now), Some(before), Some(result)) if before > 0 => {
                let product = now.checked_mul(result);
                product
                    .filter(|product| product % before == 0)
                    .map(|product| product / before)
            }
            (Some(&now), None, None) if dims.len() == self.stated.axes.len() => Some(now),
            _ => None,
        };
        size.map_or(Derived::Nothing, Derived::Size)
    }
}
