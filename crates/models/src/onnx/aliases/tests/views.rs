//! Which results are parts of operands.
//!
//! A view is right if the result's bytes are those of the operand from its offset on. Where all
//! elements differ, a result can be found at one offset only, and a view that is not declared is
//! noticed, too.

use proptest::prelude::*;

use super::case::Case;
use super::kernels::Array;
use crate::element::ElementType::{self, *};
use crate::program::AliasKind;

/// Types of elements of 2, 4, 8, 16, 32 and 128 bits.
const TYPES: [ElementType; 6] = [Uint2, Int4, Uint8, Float16, Int32, Complex128];

/// Checks the declared views against results that were computed.
#[track_caller]
fn check_declared(case: &Case, element: ElementType, whole: &Array, results: &[Array]) {
    let bytes = whole.bytes(element);
    for (result, offset) in case.views() {
        let part = results[result].bytes(element);
        let found = bytes.get(offset as usize..offset as usize + part.len());
        assert_eq!(found, Some(&part[..]), "{:?}", case.node);
    }
}

/// Checks that the declared views are the true ones. Of packed elements, parts that are alike
/// cannot be told apart.
#[track_caller]
fn check_views(case: &Case, element: ElementType, whole: &Array, results: &[Array]) {
    check_declared(case, element, whole, results);
    if element.bits() < 8 {
        return;
    }
    let bytes = whole.bytes(element);
    let size = element.bits() as usize / 8;
    for (slot, result) in results.iter().enumerate() {
        let part = result.bytes(element);
        let mut starts = (0..=bytes.len()).step_by(size);
        let is_there = !part.is_empty() && starts.any(|start| bytes[start..].starts_with(&part));
        let is_declared = case.views().iter().any(|&(declared, _)| declared == slot);
        assert!(is_declared || !is_there, "result {slot} of {:?}", case.node);
    }
}

fn shape() -> impl Strategy<Value = Vec<u64>> {
    prop::collection::vec(prop_oneof![Just(1u64), 1u64..4], 1..5)
}

fn element() -> impl Strategy<Value = ElementType> {
    prop::sample::select(&TYPES[..])
}

/// The places of an axis that a slice takes, by the definition of ONNX.
fn places(start: i64, end: i64, step: i64, dim: u64) -> Vec<u64> {
    let dim = dim as i64;
    let counted = |bound: i64| if bound < 0 { bound + dim } else { bound };
    let (low, high) = if step > 0 { (0, dim) } else { (-1, dim - 1) };
    let start = counted(start).clamp(low.max(0), high);
    let end = counted(end).clamp(low, high.max(low));
    let mut places = Vec::new();
    let mut at = start;
    while (step > 0 && at < end) || (step < 0 && at > end) {
        places.push(at as u64);
        at += step;
    }
    places
}

proptest! {
    #[test]
    fn a_slice_is_a_view_if_it_is_one_run_of_bytes(
        dims in shape(),
        element in element(),
        bounds in prop::collection::vec((any::<bool>(), -4i64..5, -4i64..5, -2i64..3), 4),
        negative in any::<bool>(),
        as_attributes in any::<bool>(),
    ) {
        let whole = Array::numbered(&dims, element);
        let mut taken: Vec<Vec<u64>> = dims.iter().map(|&dim| (0..dim).collect()).collect();
        let (mut starts, mut ends) = (vec![], vec![]);
        let (mut axes, mut steps) = (vec![], vec![]);
        for (axis, &(is_cut, start, end, step)) in bounds.iter().enumerate().take(dims.len()) {
            if is_cut {
                let step = if step == 0 || as_attributes { 1 } else { step };
                taken[axis] = places(start, end, step, dims[axis]);
                starts.push(start);
                ends.push(end);
                steps.push(step);
                axes.push(if negative { axis as i64 - dims.len() as i64 } else { axis as i64 });
            }
        }
        // A step may leave one element, whose place is not looked for.
        let is_one_step = steps.iter().all(|&step| step == 1);
        let result = whole.at_places(&taken);
        let case = Case::new("Slice").reads(element, &dims).writes(element, &result.dims);
        let case = if as_attributes {
            case.at(9).ints("starts", &starts).ints("ends", &ends).ints("axes", &axes)
        } else {
            case.constant(&starts).constant(&ends).constant(&axes).constant(&steps)
        };
        check_declared(&case, element, &whole, std::slice::from_ref(&result));
        if is_one_step {
            check_views(&case, element, &whole, &[result]);
        }
    }

    #[test]
    fn the_parts_of_a_split_are_views_if_each_is_one_run_of_bytes(
        dims in shape(),
        element in element(),
        axis in 0usize..4,
        sizes in prop::collection::vec(0u64..4, 2..4),
        form in 0..3,
    ) {
        let axis = axis % dims.len();
        let mut dims = dims;
        dims[axis] = sizes.iter().sum();
        let whole = Array::numbered(&dims, element);
        let mut end = 0;
        let parts = sizes.iter().map(|&size| {
            let mut taken: Vec<Vec<u64>> = dims.iter().map(|&dim| (0..dim).collect()).collect();
            taken[axis] = (end..end + size).collect();
            end += size;
            whole.at_places(&taken)
        });
        let parts: Vec<Array> = parts.collect();
        let mut case = Case::new("Split").int("axis", axis as i64 - dims.len() as i64);
        case = case.reads(element, &dims);
        for part in &parts {
            case = case.writes(element, &part.dims);
        }
        let sizes: Vec<i64> = sizes.iter().map(|&size| size as i64).collect();
        let case = match form {
            0 => case.at(11).ints("split", &sizes),
            1 => case.constant(&sizes),
            _ => case,
        };
        check_views(&case, element, &whole, &parts);
    }

    #[test]
    fn gathered_elements_are_a_view_if_they_are_one_run_of_bytes(
        dims in shape(),
        element in element(),
        axis in 0usize..4,
        indices in prop::collection::vec(0u64..4, 0..4),
        follow in any::<bool>(),
        negative in any::<bool>(),
    ) {
        let axis = axis % dims.len();
        let dim = dims[axis];
        let first = indices.first().copied().unwrap_or(0);
        let place = |(i, &index): (usize, &u64)| if follow { first + i as u64 } else { index };
        let taken: Vec<u64> = indices.iter().enumerate().map(place).map(|at| at % dim).collect();
        let whole = Array::numbered(&dims, element);
        let mut all: Vec<Vec<u64>> = dims.iter().map(|&dim| (0..dim).collect()).collect();
        all[axis] = taken.clone();
        let result = whole.at_places(&all);
        let back = if negative { dim as i64 } else { 0 };
        let indices: Vec<i64> = taken.iter().map(|&at| at as i64 - back).collect();
        let case = Case::new("Gather").reads(element, &dims).constant(&indices);
        let case = case.int("axis", axis as i64).writes(element, &result.dims);
        check_views(&case, element, &whole, &[result]);
    }

    #[test]
    fn a_transpose_is_a_view_if_only_dimensions_of_size_one_move(
        dims in shape(),
        element in element(),
        keys in prop::collection::vec(any::<u8>(), 4),
        reversed in any::<bool>(),
    ) {
        let mut order: Vec<usize> = (0..dims.len()).collect();
        if reversed {
            order.reverse();
        } else {
            order.sort_by_key(|&axis| keys[axis]);
        }
        let whole = Array::numbered(&dims, element);
        let result = whole.transposed(&order);
        let mut case = Case::new("Transpose").reads(element, &dims).writes(element, &result.dims);
        if !reversed {
            let order: Vec<i64> = order.iter().map(|&axis| axis as i64).collect();
            case = case.ints("perm", &order);
        }
        check_views(&case, element, &whole, &[result]);
    }

    #[test]
    fn repeated_elements_are_a_view_if_each_occurs_once(
        dims in shape(),
        element in element(),
        times in prop::collection::vec(1u64..3, 4),
        tile in any::<bool>(),
    ) {
        let whole = Array::numbered(&dims, element);
        let longer: Vec<u64> = dims.iter().zip(&times).map(|(&dim, &times)| match dim {
            1 => times,
            _ if tile => dim * times,
            _ => dim,
        }).collect();
        let result = whole.gather(&longer, |at| {
            at.iter().zip(&dims).map(|(&at, &dim)| at % dim).collect()
        });
        let operator = if tile { "Tile" } else { "Expand" };
        let case = Case::new(operator).reads(element, &dims).constant(&[]);
        let case = case.writes(element, &longer);
        check_views(&case, element, &whole, &[result]);
    }
}

#[test]
fn operators_that_change_only_the_shape_are_views() {
    for operator in ["Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity"] {
        for opset in [1, 7, 11, 13, 21, 24] {
            for element in TYPES {
                let case = Case::new(operator).at(opset).reads(element, &[2, 1, 6]);
                let case = case.writes(element, &[3, 4]);
                assert_eq!(case.views(), [(0, 0)], "{operator} at {opset}");
                assert_eq!(case.bound_operand(0).bound_result().views(), [(0, 0)]);
            }
        }
    }
    // Five elements of four bits have as many bytes as six.
    let case = Case::new("Reshape").reads(Int4, &[5]).writes(Int4, &[6]);
    assert_eq!(case.views(), []);
}

#[test]
fn a_slice_of_what_is_not_constant_is_a_copy() {
    let case = Case::new("Slice")
        .reads(Float32, &[4, 4])
        .reads(Int64, &[1])
        .reads(Int64, &[1]);
    assert_eq!(case.writes(Float32, &[2, 4]).views(), []);
    // With an axis left out, the steps are another operand.
    let case = Case::new("Slice")
        .reads(Float32, &[4, 4])
        .constant(&[1])
        .constant(&[3]);
    let case = case.left_out().constant(&[1]).writes(Float32, &[2, 4]);
    assert_eq!(case.views(), [(0, 16)]);
    // The same axis twice, and bounds that do not match.
    let slice = |starts: &[i64], axes: &[i64]| {
        let case = Case::new("Slice").reads(Float32, &[4, 4]).constant(starts);
        let case = case.constant(&[3, 3]).constant(axes);
        case.writes(Float32, &[2, 4]).views()
    };
    assert_eq!(slice(&[1, 1], &[0, 0]), []);
    assert_eq!(slice(&[1], &[0]), []);
    assert_eq!(slice(&[1, 1], &[0, 2]), []);
    assert_eq!(slice(&[1, i64::MIN], &[0, i64::MIN]), []);
}

/// Where a dimension is an upper bound, a part that does not begin at the start of the operand
/// moves with it.
#[test]
fn a_part_of_a_tensor_of_unknown_size_begins_at_its_start() {
    for (start, views) in [(0, vec![(0, 0)]), (1, vec![])] {
        let case = Case::new("Slice")
            .reads(Float32, &[4, 9])
            .constant(&[start]);
        let case = case
            .constant(&[start + 1])
            .constant(&[0])
            .writes(Float32, &[1, 9]);
        assert_eq!(case.views().len(), 1);
        assert_eq!(case.bound_operand(0).bound_result().views(), views);
    }
    // What is one element at most may be repeated.
    let case = Case::new("Expand")
        .reads(Float32, &[4])
        .constant(&[4])
        .writes(Float32, &[4]);
    assert_eq!(case.clone().views(), [(0, 0)]);
    assert_eq!(case.bound_operand(0).views(), []);
}

#[test]
fn some_results_of_a_split_may_be_left_out() {
    let split = |case: Case| case.writes(Float32, &[1, 3]).writes(Float32, &[2, 3]);
    let mut case = split(Case::new("Split").reads(Float32, &[3, 3]).constant(&[1, 2]));
    case.results[0] = None;
    assert_eq!(case.views(), [(1, 12)]);
    let mut case = split(Case::new("Split").reads(Float32, &[3, 3]));
    case.results[0] = None;
    assert_eq!(case.views(), [], "the size of the first part is not known");
}

#[test]
fn a_cast_to_the_same_type_is_a_view_and_one_to_a_type_of_its_size_may_be_in_place() {
    for operator in ["Cast", "CastLike"] {
        let cast = |from, to| {
            let case = Case::new(operator).reads(from, &[2, 3]).writes(to, &[2, 3]);
            case.aliases()
        };
        assert_eq!(cast(Float32, Float32), [(0, 0, AliasKind::View(0))]);
        assert_eq!(cast(Int4, Int4), [(0, 0, AliasKind::View(0))]);
        let in_place = [(0, 0, AliasKind::InPlace)];
        let pairs = [
            (Float32, Int32),
            (Bfloat16, Float16),
            (Int4, Uint4),
            (Bool, Int8),
        ];
        for (from, to) in pairs {
            assert_eq!(cast(from, to), in_place, "{from:?} to {to:?}");
        }
        for (from, to) in [(Float32, Float64), (Int8, Int4), (Float32, Bool)] {
            assert_eq!(cast(from, to), [], "{from:?} to {to:?}");
        }
        // The four types of eight bits have different layouts.
        assert_eq!(cast(Float8, Float8), in_place);
    }
    let case = Case::new("BitCast")
        .reads(Float32, &[2])
        .writes(Int32, &[2]);
    assert_eq!(case.views(), [(0, 0)]);
}

/// A dropout in training is element-wise, but not a view; before version 7 of the operators,
/// training was the default.
#[test]
fn a_dropout_is_a_view_unless_it_is_for_training() {
    let dropout = || {
        let case = Case::new("Dropout").reads(Float32, &[2, 3]);
        case.writes(Float32, &[2, 3]).writes(Bool, &[2, 3])
    };
    let view = [(0, 0, AliasKind::View(0))];
    let in_place = [(0, 0, AliasKind::InPlace)];
    assert_eq!(dropout().aliases(), view);
    assert_eq!(dropout().left_out().left_out().aliases(), view);
    assert_eq!(dropout().left_out().constant(&[0]).aliases(), view);
    assert_eq!(dropout().left_out().constant(&[1]).aliases(), in_place);
    assert_eq!(dropout().left_out().reads(Bool, &[]).aliases(), in_place);
    assert_eq!(dropout().at(7).aliases(), view);
    assert_eq!(dropout().at(6).aliases(), []);
    assert_eq!(dropout().at(6).int("is_test", 1).aliases(), view);
}
