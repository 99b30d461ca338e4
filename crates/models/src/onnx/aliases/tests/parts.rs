//! Which operands are parts of results.
//!
//! A part is right if the result's bytes from its offset on are those of the operand. Where all
//! elements differ, an operand can be found at one offset only, and a part that is not declared is
//! noticed, too.

use proptest::prelude::*;

use super::case::Case;
use super::kernels::Array;
use crate::element::ElementType::{self, *};

/// Types of elements of 2, 4, 8, 16, 32 and 128 bits.
const TYPES: [ElementType; 6] = [Uint2, Int4, Uint8, Float16, Int32, Complex128];

/// Two float operands `[1, 2, 3]` and `[1, 4, 3]` of a concatenation along axis 1.
fn two() -> Case {
    let case = Case::new("Concat").int("axis", 1);
    case.reads(Float32, &[1, 2, 3])
        .reads(Float32, &[1, 4, 3])
        .writes(Float32, &[1, 6, 3])
}

/// The places of an axis that each operand has.
fn places(sizes: &[u64]) -> Vec<Vec<u64>> {
    let mut end = 0;
    let each = sizes.iter().map(|&size| {
        end += size;
        (end - size..end).collect()
    });
    each.collect()
}

proptest! {
    #[test]
    fn an_operand_is_a_part_if_it_is_one_run_of_bytes(
        dims in prop::collection::vec(prop_oneof![Just(1u64), 1u64..4], 1..5),
        element in prop::sample::select(&TYPES[..]),
        axis in 0usize..4,
        sizes in prop::collection::vec(0u64..3, 1..5),
        constants in prop::collection::vec(prop::bool::weighted(0.2), 4),
        is_negative in any::<bool>(),
    ) {
        let (rank, axis) = (dims.len(), axis % dims.len());
        let mut dims = dims;
        dims[axis] = sizes.iter().sum();
        let whole = Array::numbered(&dims, element);
        let operands = places(&sizes).into_iter().map(|places| {
            let mut taken: Vec<Vec<u64>> = dims.iter().map(|&dim| (0..dim).collect()).collect();
            taken[axis] = places;
            whole.at_places(&taken)
        });
        let operands: Vec<Array> = operands.collect();
        let given = axis as i64 - if is_negative { rank as i64 } else { 0 };
        let mut case = Case::new("Concat").int("axis", given);
        for (operand, is_constant) in operands.iter().zip(&constants) {
            case = match is_constant {
                true => case.constant(&[1]),
                false => case.reads(element, &operand.dims),
            };
        }
        let parts = case.writes(element, &dims).parts();
        let bytes = whole.bytes(element);
        for &(position, offset) in &parts {
            let part = operands[position].bytes(element);
            prop_assert!(!constants[position] && !part.is_empty());
            prop_assert_eq!(&bytes[offset as usize..][..part.len()], &part[..]);
        }
        // Between two constants, nothing is known.
        let before = constants[..sizes.len()].iter().position(|&is| is);
        let behind = constants[..sizes.len()].iter().rposition(|&is| is);
        for (position, operand) in operands.iter().enumerate() {
            let part = operand.bytes(element);
            let is_between = before < Some(position) && Some(position) < behind && before.is_some();
            let is_known = !constants[position] && !is_between && !part.is_empty();
            if element.bits() >= 8 && is_known {
                let mut starts = (0..bytes.len()).step_by(element.bits() as usize / 8);
                let is_there = starts.any(|start| bytes[start..].starts_with(&part));
                let is_declared = parts.iter().any(|&(declared, _)| declared == position);
                prop_assert_eq!(is_there, is_declared, "operand {}", position);
            }
        }
    }
}

#[test]
fn operands_follow_each_other_along_the_axis() {
    assert_eq!(two().parts(), [(0, 0), (1, 24)]);
}

#[test]
fn a_concatenation_along_an_inner_axis_has_no_parts() {
    let case = |axis| {
        let case = Case::new("Concat").int("axis", axis);
        let case = case.reads(Float32, &[2, 3]).reads(Float32, &[2, 3]);
        case.writes(Float32, &[2, 6])
    };
    assert_eq!(case(1).parts(), []);
    assert_eq!(case(-1).parts(), []);
}

#[test]
fn an_axis_that_the_result_does_not_have_gives_no_parts() {
    for axis in [3, -4, i64::MAX, i64::MIN] {
        let case = Case::new("Concat").int("axis", axis);
        let case = case.reads(Float32, &[1, 2, 3]).writes(Float32, &[1, 2, 3]);
        assert_eq!(case.parts(), [], "{axis}");
    }
}

#[test]
fn only_the_first_versions_have_a_default_axis() {
    let case = || {
        let case = Case::new("Concat").reads(Float32, &[1, 2]);
        case.reads(Float32, &[1, 2]).writes(Float32, &[1, 4])
    };
    assert_eq!(case().at(3).parts(), [(0, 0), (1, 8)]);
    assert_eq!(case().at(4).parts(), []);
}

#[test]
fn operands_of_another_type_or_shape_than_the_result_give_no_parts() {
    let case = |second: ElementType, dims: &[u64]| {
        let case = Case::new("Concat").int("axis", 0);
        let case = case.reads(Float32, &[2, 3]).reads(second, dims);
        case.writes(Float32, &[4, 3]).parts()
    };
    assert_eq!(case(Float32, &[2, 3]), [(0, 0), (1, 24)]);
    assert_eq!(case(Int32, &[2, 3]), []);
    assert_eq!(case(Float32, &[2, 2]), []);
    assert_eq!(case(Float32, &[6]), []);
    assert_eq!(case(Float32, &[1, 3]), []);
    assert_eq!(case(Float32, &[3, 3]), []);
    assert_eq!(case(Float32, &[u64::MAX, 3]), []);
}

#[test]
fn behind_a_constant_operands_are_placed_from_the_end() {
    let case = |constants: [bool; 4]| {
        let mut case = Case::new("Concat").int("axis", 0);
        for is_constant in constants {
            case = match is_constant {
                true => case.constant(&[7]),
                false => case.reads(Int64, &[1]),
            };
        }
        case.writes(Int64, &[4]).parts()
    };
    assert_eq!(case([false; 4]), [(0, 0), (1, 8), (2, 16), (3, 24)]);
    assert_eq!(
        case([true, false, false, false]),
        [(3, 24), (2, 16), (1, 8)]
    );
    assert_eq!(case([false, true, true, false]), [(0, 0), (3, 24)]);
    assert_eq!(case([true, false, false, true]), []);
}

#[test]
fn where_dimensions_are_upper_bounds_only_the_first_operand_is_a_part() {
    assert_eq!(two().bound_operand(0).bound_result().parts(), [(0, 0)]);
    assert_eq!(two().bound_operand(1).bound_result().parts(), [(0, 0)]);
    assert_eq!(two().bound_operand(0).parts(), [(0, 0)]);
    assert_eq!(two().bound_result().parts(), [(0, 0)]);
}

#[test]
fn operands_without_elements_are_no_parts() {
    let case = Case::new("Concat").int("axis", 0);
    let case = case.reads(Float32, &[0, 3]).reads(Float32, &[2, 3]);
    assert_eq!(case.writes(Float32, &[2, 3]).parts(), [(1, 0)]);
    let case = Case::new("Concat").int("axis", 0).reads(Float32, &[2, 0]);
    assert_eq!(case.writes(Float32, &[2, 0]).parts(), []);
}

#[test]
fn a_part_begins_at_a_whole_byte() {
    let case = |sizes: [u64; 2]| {
        let case = Case::new("Concat").int("axis", 0);
        let case = case.reads(Int4, &[sizes[0]]).reads(Int4, &[sizes[1]]);
        case.writes(Int4, &[sizes[0] + sizes[1]]).parts()
    };
    assert_eq!(case([4, 3]), [(0, 0), (1, 2)]);
    // Half a byte of the first operand's last byte is the second one's.
    assert_eq!(case([3, 4]), []);
}

#[test]
fn a_concatenation_of_more_operands_than_are_looked_at_has_no_parts() {
    let many = |count: usize| {
        let mut case = Case::new("Concat").int("axis", 0).reads(Float32, &[2]);
        case.operands = vec![case.operands[0].clone(); count];
        case.node.inputs = vec!["a"; count];
        case.writes(Float32, &[2 * count as u64]).parts().len()
    };
    assert_eq!((many(1024), many(1025)), (1024, 0));
}
