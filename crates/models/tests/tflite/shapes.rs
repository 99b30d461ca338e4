//! Shapes of results after an input is resized, worked out by hand for each kind of operator.

use crate::writer::*;
use orionrt_models::{Options, parse};

const PACK: u32 = 83;
const UNPACK: u32 = 88;
const PAD: u32 = 34;
const MEAN: u32 = 40;
const SLICE: u32 = 65;
const STRIDED_SLICE: u32 = 45;
const GATHER: u32 = 36;
const EXPAND_DIMS: u32 = 70;
const BATCH_MATMUL: u32 = 126;
const MAX_POOL_2D: u32 = 17;
const DEPTHWISE_CONV_2D: u32 = 4;

/// A constant of 32-bit numbers.
fn numbers(name: &str, values: &[i32]) -> Tensor {
    Tensor {
        element: INT32,
        data: values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect(),
        ..floats(name, &[values.len() as i32])
    }
}

/// The bytes of the result of an operator on `x`, whose open sizes are given, and other operands.
/// The result has this many axes, all of them open and 1 in the file.
fn result(operator: Operator, x: &[i32], others: Vec<Tensor>, axes: usize) -> usize {
    let open = vec![-1; x.len()];
    let ones = vec![1; x.len()];
    let mut tensors = vec![
        floats("x", &ones).signature(&open),
        floats("y", &vec![1; axes]).signature(&vec![-1; axes]),
    ];
    let count = others.len() as i32;
    tensors.extend(others);
    let mut operator = operator;
    operator.inputs.extend(2..2 + count);
    let graph = Graph {
        tensors,
        inputs: vec![0],
        outputs: vec![1],
        operators: vec![operator],
        ..Graph::default()
    };
    let mut options = Options::new();
    for (axis, &size) in x.iter().enumerate() {
        options = options.dim(format!("x.{axis}"), size as u64);
    }
    let model = parse(&file(&[graph]), &options).unwrap();
    let y = model.graph.find("y").unwrap();
    model.graph.tensor(y).unwrap().layout().size() / 4
}

/// An operator on `x` that writes `y`, with numbers as its options.
fn on_x(builtin: u32, options: &[i32]) -> Operator {
    op(builtin, &[0], &[1]).bodies(options)
}

#[test]
fn axes_are_moved_added_and_removed() {
    let order = numbers("order", &[2, 0, 1]);
    assert_eq!(result(on_x(TRANSPOSE, &[]), &[2, 3, 5], vec![order], 3), 30);
    let axis = numbers("axis", &[-1]);
    assert_eq!(result(on_x(EXPAND_DIMS, &[]), &[7, 3], vec![axis], 3), 21);
    // Without options all axes of size 1 go.
    assert_eq!(result(op(SQUEEZE, &[0], &[1]), &[7, 1, 3], vec![], 2), 21);
}

#[test]
fn windows_move_by_strides_and_dilations() {
    // Padding, strides across and down, the activation, dilations across and down. Of 9 rows and
    // 11 columns, with 3 by 2 weights: rows (9 - 2) / 2 rounded up, columns 11 - 4.
    let weights = || floats("w", &[5, 3, 2, 4]).data(480);
    let valid = on_x(CONV_2D, &[1, 1, 2, 0, 4, 1]);
    assert_eq!(
        result(valid, &[2, 9, 11, 4], vec![weights()], 4),
        2 * 4 * 7 * 5
    );
    let same = on_x(CONV_2D, &[0, 3, 2, 0, 1, 1]);
    assert_eq!(
        result(same, &[2, 9, 11, 4], vec![weights()], 4),
        2 * 5 * 4 * 5
    );
    let weights = floats("w", &[1, 3, 3, 8]).data(288);
    let depthwise = on_x(DEPTHWISE_CONV_2D, &[1, 1, 1, 2, 0, 1, 2]);
    assert_eq!(
        result(depthwise, &[1, 9, 9, 4], vec![weights], 4),
        5 * 7 * 8
    );
    let pool = on_x(MAX_POOL_2D, &[1, 2, 3, 2, 4]);
    assert_eq!(result(pool, &[1, 10, 10, 3], vec![], 4), 3 * 5 * 3);
}

#[test]
fn tensors_are_joined_stacked_and_taken_apart() {
    let other = || floats("other", &[2, 5]).data(40);
    let joined = on_x(CONCATENATION, &[1]);
    assert_eq!(result(joined, &[2, 7], vec![other()], 2), 24);
    let stacked = on_x(PACK, &[2, 0]);
    assert_eq!(result(stacked, &[2, 5], vec![other()], 3), 20);
    assert_eq!(result(on_x(UNPACK, &[6, 0]), &[6, 5], vec![], 1), 5);
}

#[test]
fn sizes_are_padded_reduced_and_cut() {
    let padding = numbers("padding", &[0, 0, 2, 3]);
    assert_eq!(result(on_x(PAD, &[]), &[4, 5], vec![padding], 2), 40);
    let axes = || numbers("axes", &[1]);
    assert_eq!(
        result(op(MEAN, &[0], &[1]), &[4, 5, 3], vec![axes()], 2),
        12
    );
    assert_eq!(result(on_x(MEAN, &[1]), &[4, 5, 3], vec![axes()], 3), 12);
    let cut = || vec![numbers("begin", &[0, 2]), numbers("size", &[3, -1])];
    assert_eq!(result(on_x(SLICE, &[]), &[4, 7], cut(), 2), 15);
}

#[test]
fn strides_may_be_negative_and_bounds_left_out() {
    let cut = |begin, end, stride| {
        vec![
            numbers("begin", &[begin, 0]),
            numbers("end", &[end, 1]),
            numbers("by", &[stride, 1]),
        ]
    };
    // Masks: begin, end, ellipsis, new axis, shrunk axis. The second axis goes.
    let within = on_x(STRIDED_SLICE, &[0, 0, 0, 0, 2]);
    assert_eq!(result(within.clone(), &[10, 3], cut(1, -2, 3), 1), 3);
    assert_eq!(result(within, &[10, 3], cut(-1, 3, -2), 1), 3);
    let whole = on_x(STRIDED_SLICE, &[1, 1, 0, 0, 2]);
    assert_eq!(result(whole.clone(), &[10, 3], cut(5, 5, 4), 1), 3);
    assert_eq!(result(whole, &[10, 3], cut(5, 5, -1), 1), 10);
}

#[test]
fn products_and_gathers_follow_their_operands() {
    let right = || floats("right", &[6, 4]).data(96);
    assert_eq!(
        result(on_x(BATCH_MATMUL, &[]), &[3, 5, 6], vec![right()], 3),
        60
    );
    let indices = numbers("indices", &[0, 1, 1]);
    assert_eq!(result(on_x(GATHER, &[1]), &[4, 9], vec![indices], 2), 12);
}
