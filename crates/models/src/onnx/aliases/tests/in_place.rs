//! Which results may be written over operands.
//!
//! A result in place is right if an operator that computes its elements one by one, in any order,
//! gives the same result when it writes each over the operand's element.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::case::Case;
use super::kernels::{coordinates, index_of};
use crate::element::ElementType::*;

const UNARY: [&str; 45] = [
    "Relu",
    "LeakyRelu",
    "ThresholdedRelu",
    "Elu",
    "Selu",
    "Celu",
    "Sigmoid",
    "HardSigmoid",
    "HardSwish",
    "Swish",
    "Mish",
    "Gelu",
    "Softplus",
    "ParametricSoftplus",
    "Softsign",
    "ScaledTanh",
    "Affine",
    "Shrink",
    "Clip",
    "Abs",
    "Neg",
    "Sign",
    "Reciprocal",
    "Floor",
    "Ceil",
    "Round",
    "Sqrt",
    "Exp",
    "Log",
    "Erf",
    "Sin",
    "Cos",
    "Tan",
    "Asin",
    "Acos",
    "Atan",
    "Sinh",
    "Cosh",
    "Tanh",
    "Asinh",
    "Acosh",
    "Atanh",
    "Bernoulli",
    "Trilu",
    "PRelu",
];

const BINARY: [&str; 9] = [
    "Add", "Sub", "Mul", "Div", "Pow", "Mod", "Min", "Max", "Mean",
];

#[test]
fn results_of_unary_element_wise_operators_may_overwrite_their_operand() {
    for operator in UNARY {
        for opset in [6, 7, 13, 22] {
            let case = Case::new(operator).at(opset).reads(Float32, &[2, 3]);
            let case = case.writes(Float32, &[2, 3]);
            assert_eq!(case.in_place(), [0], "{operator}");
            assert_eq!(
                case.bound_operand(0).bound_result().in_place(),
                [0],
                "{operator}"
            );
        }
    }
    for operator in ["Not", "BitwiseNot"] {
        let case = Case::new(operator).reads(Bool, &[3]).writes(Bool, &[3]);
        assert_eq!(case.in_place(), [0], "{operator}");
    }
    for operator in ["IsNaN", "IsInf"] {
        let case = Case::new(operator).reads(Float32, &[3]).writes(Bool, &[3]);
        assert_eq!(case.in_place(), [0; 0], "{operator}");
    }
}

/// The place in an operand of some dimensions that an element of the result reads.
fn broadcast(coordinates: &[u64], dims: &[u64]) -> usize {
    let last = &coordinates[coordinates.len() - dims.len()..];
    let at: Vec<u64> = last
        .iter()
        .zip(dims)
        .map(|(&at, &dim)| at.min(dim - 1))
        .collect();
    index_of(&at, dims)
}

proptest! {
    /// Computes `a` and `b` combined, apart and over either operand, from the front and from the
    /// back.
    #[test]
    fn a_result_may_overwrite_an_operand_that_is_not_broadcast(
        pairs in prop::collection::vec((1u64..4, any::<bool>(), any::<bool>()), 1..4),
        shorter in 0usize..3,
        operator in prop::sample::select(&BINARY[..]),
    ) {
        let dims: Vec<u64> = pairs.iter().map(|&(dim, ..)| dim).collect();
        let a = pairs.iter().map(|&(dim, is_one, _)| if is_one { 1 } else { dim });
        let b = pairs.iter().map(|&(dim, is_one, other)| if other && !is_one { 1 } else { dim });
        let (a, b): (Vec<u64>, Vec<u64>) = (a.collect(), b.skip(shorter.min(dims.len())).collect());
        // What both broadcast is 1 in the result.
        let dims: Vec<u64> = (0..dims.len()).map(|axis| {
            let skipped = dims.len() - b.len();
            let other = axis.checked_sub(skipped).map_or(1, |axis| b[axis]);
            a[axis].max(other)
        }).collect();
        let case = Case::new(operator).reads(Float32, &a).reads(Float32, &b);
        let case = case.writes(Float32, &dims);
        let declared = case.in_place();
        let count = dims.iter().product::<u64>();
        let start = |dims: &[u64], seed: u64| -> Vec<u64> {
            (0..dims.iter().product()).map(|i| i * 13 + seed).collect()
        };
        let compute = |over: Option<usize>, order: &[u64]| {
            let mut operands = [start(&a, 5), start(&b, 70)];
            let mut apart = vec![0; count as usize];
            for &index in order {
                let at = coordinates(index, &dims);
                let (x, z) = (operands[0][broadcast(&at, &a)], operands[1][broadcast(&at, &b)]);
                let result = x.wrapping_mul(31).wrapping_add(z.wrapping_mul(7));
                match over {
                    None => apart[index as usize] = result,
                    Some(operand) => operands[operand][index as usize] = result,
                }
            }
            match over {
                None => apart,
                Some(operand) => operands[operand].clone(),
            }
        };
        let front: Vec<u64> = (0..count).collect();
        let back: Vec<u64> = (0..count).rev().collect();
        let expected = compute(None, &front);
        for &operand in &declared {
            prop_assert_eq!(&compute(Some(operand), &front), &expected);
            prop_assert_eq!(&compute(Some(operand), &back), &expected);
        }
        let fits = [(0, &a), (1, &b)].into_iter().filter(|(_, operand)| **operand == dims);
        prop_assert_eq!(declared, fits.map(|(slot, _)| slot).collect::<Vec<_>>());
    }
}

#[test]
fn operators_of_several_operands_may_overwrite_any_of_the_results_shape() {
    let binary = BINARY.map(|operator| (operator, Float32)).into_iter();
    let logical = ["And", "Or", "Xor"]
        .map(|operator| (operator, Bool))
        .into_iter();
    let bits = ["BitShift", "BitwiseAnd", "BitwiseOr", "BitwiseXor"];
    for (operator, element) in binary.chain(logical).chain(bits.map(|name| (name, Uint8))) {
        let case = |a: &[u64], b: &[u64], y: &[u64]| {
            let case = Case::new(operator).reads(element, a).reads(element, b);
            case.writes(element, y).in_place()
        };
        assert_eq!(case(&[2, 3], &[2, 3], &[2, 3]), [0, 1], "{operator}");
        assert_eq!(case(&[2, 3], &[3], &[2, 3]), [0], "{operator}");
        assert_eq!(case(&[1, 3], &[2, 3], &[2, 3]), [1], "{operator}");
        assert_eq!(case(&[2, 1], &[1, 3], &[2, 3]), [0; 0], "{operator}");
    }
    let three = Case::new("Sum")
        .reads(Float32, &[3])
        .reads(Float32, &[1])
        .reads(Float32, &[3]);
    assert_eq!(three.writes(Float32, &[3]).in_place(), [0, 2]);
    let constant = Case::new("Add").reads(Float32, &[3]).constant(&[1, 2, 3]);
    assert_eq!(constant.writes(Float32, &[3]).in_place(), [0]);
}

/// If its dimensions are upper bounds, an operand may turn out to be broadcast.
#[test]
fn an_operand_of_unknown_size_is_overwritten_only_beside_single_elements() {
    let add = |other: &[u64]| {
        let case = Case::new("Add").reads(Float32, &[4]).reads(Float32, other);
        case.writes(Float32, &[4])
            .bound_operand(0)
            .bound_result()
            .in_place()
    };
    assert_eq!(add(&[4]), [1]);
    assert_eq!(add(&[1]), [0]);
    assert_eq!(add(&[]), [0]);
}

#[test]
fn a_comparison_may_overwrite_only_operands_of_its_size() {
    for operator in ["Equal", "Greater", "Less", "GreaterOrEqual", "LessOrEqual"] {
        let case = |element| {
            let case = Case::new(operator)
                .reads(element, &[3])
                .reads(element, &[3]);
            case.writes(Bool, &[3]).in_place()
        };
        assert_eq!(case(Float32), [0; 0], "{operator}");
        assert_eq!(case(Uint8), [0, 1], "{operator}");
        // Two elements of four bits have as many bytes as one of a boolean, but not their places.
        let packed = Case::new(operator).reads(Uint4, &[1]).reads(Uint4, &[1]);
        assert_eq!(packed.writes(Bool, &[1]).in_place(), [0; 0], "{operator}");
    }
}

#[test]
fn operators_with_parameters_may_overwrite_only_their_data() {
    let choice = Case::new("Where")
        .reads(Bool, &[3])
        .reads(Bool, &[3])
        .reads(Bool, &[3]);
    assert_eq!(choice.writes(Bool, &[3]).in_place(), [1, 2]);
    let slopes = Case::new("PRelu").reads(Float32, &[3]).reads(Float32, &[3]);
    assert_eq!(slopes.writes(Float32, &[3]).in_place(), [0]);
    let clip = Case::new("Clip")
        .reads(Float32, &[])
        .reads(Float32, &[])
        .reads(Float32, &[]);
    assert_eq!(clip.writes(Float32, &[]).in_place(), [0]);
    for operator in ["Scatter", "ScatterElements", "ScatterND", "TensorScatter"] {
        let case = Case::new(operator)
            .reads(Int64, &[3])
            .reads(Int64, &[3])
            .reads(Int64, &[3]);
        let case = case.writes(Int64, &[3]);
        assert_eq!(case.in_place(), [0], "{operator}");
        // Places or updates that are the data itself would be lost.
        for position in [1, 2] {
            let mut twice = case.clone();
            twice.node.inputs[position] = "a";
            assert_eq!(twice.in_place(), [0; 0], "{operator}");
        }
    }
    let mut square = Case::new("Mul").reads(Float32, &[3]).reads(Float32, &[3]);
    square.node.inputs[1] = "a";
    assert_eq!(square.writes(Float32, &[3]).in_place(), [0, 1]);
    let integers = Case::new("DequantizeLinear")
        .reads(Int32, &[3])
        .reads(Float32, &[]);
    assert_eq!(integers.clone().writes(Float32, &[3]).in_place(), [0]);
    assert_eq!(integers.writes(Float16, &[3]).in_place(), [0; 0]);
}

#[test]
fn a_batch_normalisation_may_overwrite_its_data_in_inference_only() {
    let norm = || {
        let case = Case::new("BatchNormalization").reads(Float32, &[1, 2, 3]);
        let case = (0..4).fold(case, |case, _| case.reads(Float32, &[2]));
        case.writes(Float32, &[1, 2, 3])
    };
    assert_eq!(norm().in_place(), [0]);
    assert_eq!(norm().int("training_mode", 1).in_place(), [0; 0]);
    assert_eq!(norm().writes(Float32, &[2]).in_place(), [0; 0]);
    assert_eq!(norm().at(6).in_place(), [0; 0]);
    assert_eq!(norm().at(6).int("is_test", 1).in_place(), [0]);
}

#[test]
fn operators_that_mix_elements_and_unknown_ones_share_nothing() {
    let others = [
        "Softmax",
        "LogSoftmax",
        "Hardmax",
        "MatMul",
        "Gemm",
        "ReduceSum",
        "CumSum",
        "LRN",
        "Concat",
        "MaxPool",
        "LayerNormalization",
        "InstanceNormalization",
        "RotaryEmbedding",
        "DynamicQuantizeLinear",
        "GatherElements",
        "ReverseSequence",
        "If",
        "Loop",
        "Scan",
        "Frobnicate",
    ];
    for operator in others {
        let case = Case::new(operator)
            .reads(Float32, &[3, 3])
            .reads(Float32, &[3, 3]);
        assert_eq!(case.writes(Float32, &[3, 3]).aliases(), [], "{operator}");
    }
}

#[test]
fn operators_of_other_domains_share_nothing_but_those_of_onnx_runtime_that_are_known() {
    let case = |domain, operator| {
        let mut case = Case::new(operator)
            .reads(Float32, &[3])
            .writes(Float32, &[3]);
        case.node.domain = domain;
        case.in_place()
    };
    assert_eq!(case("example.org", "Relu"), [0; 0]);
    assert_eq!(case("ai.onnx", "Relu"), [0]);
    assert_eq!(case("", "QuickGelu"), [0; 0]);
    for operator in [
        "Gelu",
        "FastGelu",
        "QuickGelu",
        "BiasGelu",
        "QLinearSigmoid",
    ] {
        assert_eq!(case("com.microsoft", operator), [0], "{operator}");
    }
    let mut sum = (0..6).fold(Case::new("QLinearAdd"), |case, _| case.reads(Int8, &[3]));
    sum.node.domain = "com.microsoft";
    assert_eq!(sum.writes(Int8, &[3]).in_place(), [0, 3]);
}

#[test]
fn an_operator_of_many_operands_takes_linear_time() {
    let start = Instant::now();
    let mut sum = Case::new("Sum").reads(Float32, &[3]);
    sum.operands = vec![sum.operands[0].clone(); 100_000];
    sum.node.inputs = vec!["a"; 100_000];
    let sum = sum.writes(Float32, &[3]);
    assert_eq!(sum.in_place().len(), 100_000);
    assert_eq!(sum.bound_operand(7).in_place().len(), 99_999);
    assert!(
        start.elapsed() < Duration::from_secs(60),
        "{:?}",
        start.elapsed()
    );
}
