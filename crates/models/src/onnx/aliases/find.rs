//! The aliases of a node: its rule, applied to the types of its operands and results.
//!
//! Stands on `rules`, on runs of bytes and on joined operands. Invariant: see the page of the
//! folder.

use std::ops::Range;

use super::super::syntax::NodeDef;
use super::rules::{Rule, rule};
use crate::element::ElementType;
use crate::joined::parts_along;
use crate::program::AliasKind;
use crate::runs::{axis, clamped, elements, length, start_of_run};
use crate::tensor_type::TensorType;

/// The types of a node's operands and results, by their position in the file: `None` for one that
/// is left out or has no bytes of known size.
pub(crate) struct NodeTypes<'n> {
    /// The version of the operator set that the node is from.
    pub(crate) opset: i64,
    pub(crate) operands: &'n [Option<&'n TensorType>],
    pub(crate) results: &'n [Option<&'n TensorType>],
    /// The elements of the operand in this position, if it is a constant of whole numbers or truth
    /// values.
    pub(crate) constants: &'n dyn Fn(usize) -> Option<Vec<i64>>,
}

/// The results of a node that may share bytes: the position of the result, that of the operand, and
/// how. Operands that a result may be written over come in the order of preference. Nodes with
/// bodies have none.
pub(crate) fn aliases(node: &NodeDef<'_>, types: &NodeTypes<'_>) -> Vec<(usize, usize, AliasKind)> {
    let view = |start: Option<u64>| match start {
        Some(start) => vec![(0, 0, AliasKind::View(start))],
        None => Vec::new(),
    };
    let first = || types.over_first(node);
    match rule(node, types.opset) {
        Rule::Same => view(types.same()),
        Rule::Repeated => view(types.same().filter(|_| types.is_exact())),
        Rule::Bits => view(types.same_bytes()),
        Rule::Dropout { training } => {
            let is_given = node.inputs.get(training).is_some_and(|n| !n.is_empty());
            match is_given.then(|| (types.constants)(training)) {
                None => view(types.same()),
                Some(Some(mode)) if mode == [0] => view(types.same()),
                Some(_) => first(),
            }
        }
        Rule::Cast => match types.same().filter(|_| types.is_of_one_layout()) {
            None => first(),
            same => view(same),
        },
        Rule::Transpose { order } => view(types.transposed(order.as_deref())),
        Rule::SliceOf { starts, ends, axes } => view(types.sliced(&starts, &ends, axes)),
        Rule::Slice => view(types.sliced_by_operands(node)),
        Rule::Split { axis, sizes } => types.split(axis, sizes).unwrap_or_default(),
        Rule::Gather { axis } => view(types.gathered(axis)),
        Rule::Concat { axis } => types.joined(axis).unwrap_or_default(),
        Rule::ElementOfFirst => first(),
        Rule::Elements { positions } => types.over(node, &positions),
        Rule::Other => Vec::new(),
    }
}

impl NodeTypes<'_> {
    fn operand(&self, position: usize) -> Option<&TensorType> {
        *self.operands.get(position)?
    }

    fn result(&self, position: usize) -> Option<&TensorType> {
        *self.results.get(position)?
    }

    /// The first operand and result, if they have the same type of elements.
    fn alike(&self) -> Option<(&TensorType, &TensorType)> {
        let (operand, result) = (self.operand(0)?, self.result(0)?);
        (operand.element == result.element).then_some((operand, result))
    }

    /// 0 if the first result has as many elements as the first operand.
    fn same(&self) -> Option<u64> {
        let (operand, result) = self.alike()?;
        (elements(operand)? == elements(result)?).then_some(0)
    }

    /// 0 if the first result has as many bytes as the first operand.
    fn same_bytes(&self) -> Option<u64> {
        let (operand, result) = (self.operand(0)?, self.result(0)?);
        (operand.bytes()? == result.bytes()?).then_some(0)
    }

    /// Whether no dimension of the first operand and result is an upper bound.
    fn is_exact(&self) -> bool {
        let types = [self.operand(0), self.result(0)];
        types.iter().flatten().all(|tensor| !tensor.is_bound)
    }

    /// Whether the element type of the first operand stands for one layout of its bits.
    fn is_of_one_layout(&self) -> bool {
        self.operand(0)
            .is_some_and(|x| x.element != ElementType::Float8)
    }

    /// 0 if only dimensions of size 1 move.
    fn transposed(&self, order: Option<&[i64]>) -> Option<u64> {
        let operand = self.operand(0)?;
        let rank = operand.dims.len();
        let order: Vec<usize> = match order {
            None => (0..rank).rev().collect(),
            Some(order) => {
                let order: Option<Vec<usize>> = order.iter().map(|&a| axis(operand, a)).collect();
                order.filter(|order| order.len() == rank)?
            }
        };
        let long = |axis: &usize| operand.dims[*axis] != 1;
        let stays = order.iter().copied().filter(long).is_sorted();
        stays.then(|| self.same())?
    }

    fn sliced_by_operands(&self, node: &NodeDef<'_>) -> Option<u64> {
        let axes = match node.inputs.get(3).is_some_and(|name| !name.is_empty()) {
            true => Some((self.constants)(3)?),
            false => None,
        };
        self.sliced(&(self.constants)(1)?, &(self.constants)(2)?, axes)
    }

    /// The byte of the first operand at which the slice begins, if it is one run of bytes.
    fn sliced(&self, starts: &[i64], ends: &[i64], axes: Option<Vec<i64>>) -> Option<u64> {
        let (operand, result) = self.alike()?;
        let axes = match axes {
            Some(axes) => axes,
            None => (0..i64::try_from(starts.len()).ok()?).collect(),
        };
        if starts.len() != axes.len() || ends.len() != axes.len() {
            return None;
        }
        let mut ranges: Vec<Option<Range<u64>>> = vec![None; operand.dims.len()];
        for (&at, (&start, &end)) in axes.iter().zip(starts.iter().zip(ends)) {
            let at = axis(operand, at)?;
            let range = clamped(start, operand.dims[at])..clamped(end, operand.dims[at]);
            if ranges[at].replace(range).is_some() {
                return None;
            }
        }
        let whole = |(range, &dim): (Option<Range<u64>>, &u64)| range.unwrap_or(0..dim);
        let ranges: Vec<_> = ranges.into_iter().zip(&operand.dims).map(whole).collect();
        let lengths = ranges.iter().map(length);
        // A step above 1 gives fewer elements than the range; a negative one has an empty range.
        let is_as_inferred = lengths.eq(result.dims.iter().copied());
        is_as_inferred.then(|| start_of_run(operand, &ranges))?
    }

    /// The results that are each one run of bytes.
    fn split(&self, along: i64, sizes: Option<Vec<i64>>) -> Option<Vec<(usize, usize, AliasKind)>> {
        let operand = self.operand(0)?;
        let along = axis(operand, along)?;
        let sizes = self.sizes(along, sizes)?;
        let mut ranges: Vec<_> = operand.dims.iter().map(|&dim| 0..dim).collect();
        let (mut parts, mut end) = (Vec::new(), 0u64);
        for (slot, size) in sizes.into_iter().enumerate() {
            let start = end;
            end = start.checked_add(size)?;
            if end > operand.dims[along] {
                return None;
            }
            let Some(result) = self.result(slot) else {
                continue;
            };
            ranges[along] = start..end;
            let is_part = ranges.iter().map(length).eq(result.dims.iter().copied());
            if !is_part || result.element != operand.element {
                return None;
            }
            let start = start_of_run(operand, &ranges);
            parts.extend(start.map(|start| (slot, 0, AliasKind::View(start))));
        }
        (end == operand.dims[along]).then_some(parts)
    }

    /// The sizes of the parts along an axis, of which each result has one.
    fn sizes(&self, along: usize, sizes: Option<Vec<i64>>) -> Option<Vec<u64>> {
        let stated = sizes.or_else(|| (self.constants)(1));
        if let Some(stated) = stated.filter(|stated| stated.len() == self.results.len()) {
            let sizes = stated.iter().map(|&size| u64::try_from(size).ok());
            return sizes.collect();
        }
        let size = |slot: usize| self.result(slot)?.dims.get(along).copied();
        (0..self.results.len()).map(size).collect()
    }

    /// The byte at which the elements begin that are taken along an axis, if they follow each
    /// other and are one run of bytes.
    fn gathered(&self, along: i64) -> Option<u64> {
        let (operand, result) = self.alike()?;
        let along = axis(operand, along)?;
        let indices = (self.constants)(1)?;
        let dim = operand.dims[along];
        let place = |&index: &i64| {
            let counted = match index {
                0.. => index,
                _ => index.checked_add_unsigned(dim)?,
            };
            u64::try_from(counted).ok().filter(|&place| place < dim)
        };
        let places: Vec<u64> = indices.iter().map(place).collect::<Option<_>>()?;
        let &first = places.first()?;
        if !places
            .iter()
            .copied()
            .eq(first..first + places.len() as u64)
        {
            return None;
        }
        let mut ranges: Vec<_> = operand.dims.iter().map(|&dim| 0..dim).collect();
        ranges[along] = first..first + places.len() as u64;
        let mut lengths = ranges.iter().map(length);
        let count = lengths.try_fold(1u64, |product, length| product.checked_mul(length))?;
        (elements(result)? == count).then(|| start_of_run(operand, &ranges))?
    }

    /// The operands that are each one run of bytes of the first result, which has them one after
    /// the other along an axis.
    fn joined(&self, along: i64) -> Option<Vec<(usize, usize, AliasKind)>> {
        let result = self.result(0)?;
        let parts = parts_along(axis(result, along)?, self.operands, result).into_iter();
        Some(
            parts
                .map(|(at, start)| (0, at, AliasKind::Part(start)))
                .collect(),
        )
    }

    /// The first result over the first operand.
    fn over_first(&self, node: &NodeDef<'_>) -> Vec<(usize, usize, AliasKind)> {
        if self.has_places_of_result(0) && !is_used_otherwise(node, 0, &[0]) {
            vec![(0, 0, AliasKind::InPlace)]
        } else {
            Vec::new()
        }
    }

    /// The first result over each of the operands in some positions that has its shape.
    fn over(&self, node: &NodeDef<'_>, positions: &[usize]) -> Vec<(usize, usize, AliasKind)> {
        let all = 0..node.inputs.len();
        let several = all.filter(|&at| !self.is_one_element(at)).count();
        let fits = |&position: &usize| {
            let is_exact = self.operand(position).is_some_and(|x| !x.is_bound);
            // One with a dimension that is an upper bound may have one element there, which all
            // elements of the others need.
            let others = several - usize::from(!self.is_one_element(position));
            self.has_places_of_result(position)
                && !is_used_otherwise(node, position, positions)
                && (is_exact || others == 0)
        };
        let found = positions.iter().copied().filter(fits);
        found.map(|of| (0, of, AliasKind::InPlace)).collect()
    }

    /// Whether the first result and the operand have as many elements in the same places.
    fn has_places_of_result(&self, position: usize) -> bool {
        let (Some(operand), Some(result)) = (self.operand(position), self.result(0)) else {
            return false;
        };
        operand.dims == result.dims && operand.element.bits() == result.element.bits()
    }

    /// Whether the operand is known to have exactly one element.
    fn is_one_element(&self, position: usize) -> bool {
        self.operand(position)
            .is_some_and(|x| !x.is_bound && elements(x) == Some(1))
    }
}

/// Whether the value of an operand is read in a position besides these, too.
fn is_used_otherwise(node: &NodeDef<'_>, position: usize, positions: &[usize]) -> bool {
    // All positions: nothing to look for, however many there are.
    if positions.len() == node.inputs.len() {
        return false;
    }
    let Some(&name) = node.inputs.get(position) else {
        return true;
    };
    let mut others = node.inputs.iter().enumerate();
    others.any(|(at, &other)| other == name && !positions.contains(&at))
}
