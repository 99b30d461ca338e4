//! The kernels that can work in place: element by element, or row by row.
//!
//! Stands on nothing. Each has two forms: from one slice to another, and over the slice itself.
//! Invariant: both forms do the same operations on the same values in the same order, so they give
//! the same bits.
//!
//! ```text
//! relu            x ──max(0)──► y          relu_in_place    x ──┐
//!                                                           ▲   max(0)
//!                                                           └───┘
//! ```

#![forbid(unsafe_code)]

/// Added to a variance before its root is taken, so that a constant row does not divide by zero.
const LAYER_NORM_EPSILON: f32 = 1e-5;

/// Rows of `x [rows, width]` become positive and sum to 1; `y` has the same shape.
pub fn softmax(x: &[f32], width: usize, y: &mut [f32]) {
    assert_eq!(x.len(), y.len());
    for (x, y) in x.chunks_exact(width).zip(y.chunks_exact_mut(width)) {
        map(x, y, exponential(x));
        scale_to_one(y);
    }
}

/// [`softmax`] over its operand.
pub fn softmax_in_place(x: &mut [f32], width: usize) {
    for x in x.chunks_exact_mut(width) {
        let exponential = exponential(x);
        map_in_place(x, exponential);
        scale_to_one(x);
    }
}

/// The exponential of a value of this row, divided by that of the largest value to avoid overflow.
fn exponential(row: &[f32]) -> impl Fn(f32) -> f32 + use<> {
    let top = row.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    move |x| (x - top).exp()
}

fn scale_to_one(row: &mut [f32]) {
    let scale = row.iter().sum::<f32>().recip();
    row.iter_mut().for_each(|y| *y *= scale);
}

/// Rows of `x [rows, gain.len()]` get mean 0 and variance 1, then `· gain + bias`; `y` has the same
/// shape.
pub fn layer_norm(x: &[f32], gain: &[f32], bias: &[f32], y: &mut [f32]) {
    assert_eq!(x.len(), y.len());
    let width = gain.len();
    for (x, y) in x.chunks_exact(width).zip(y.chunks_exact_mut(width)) {
        let standardised = standardised(x);
        for (i, (y, &x)) in y.iter_mut().zip(x).enumerate() {
            *y = standardised(x) * gain[i] + bias[i];
        }
    }
}

/// [`layer_norm`] over its operand.
pub fn layer_norm_in_place(x: &mut [f32], gain: &[f32], bias: &[f32]) {
    for x in x.chunks_exact_mut(gain.len()) {
        let standardised = standardised(x);
        for (i, x) in x.iter_mut().enumerate() {
            *x = standardised(*x) * gain[i] + bias[i];
        }
    }
}

/// A value of this row, shifted and scaled so that the row has mean 0 and variance 1.
fn standardised(row: &[f32]) -> impl Fn(f32) -> f32 + use<> {
    let width = row.len() as f32;
    let mean = row.iter().sum::<f32>() / width;
    let variance = row.iter().map(|x| (x - mean).powi(2)).sum::<f32>() / width;
    let scale = (variance + LAYER_NORM_EPSILON).sqrt().recip();
    move |x| (x - mean) * scale
}

/// The Gaussian error linear unit by its usual approximation, `x / (1 + exp(-2u))` with
/// `u = √(2/π) · (x + 0.044715 x³)`; any shape.
pub fn gelu(x: &[f32], y: &mut [f32]) {
    map(x, y, gelu_of);
}

/// [`gelu`] over its operand.
pub fn gelu_in_place(x: &mut [f32]) {
    map_in_place(x, gelu_of);
}

fn gelu_of(x: f32) -> f32 {
    const ROOT: f32 = 0.797_884_6;
    let u = ROOT * (x + 0.044_715 * x * x * x);
    x / (1.0 + (-2.0 * u).exp())
}

/// Negative values become 0; any shape.
pub fn relu(x: &[f32], y: &mut [f32]) {
    map(x, y, relu_of);
}

/// [`relu`] over its operand.
pub fn relu_in_place(x: &mut [f32]) {
    map_in_place(x, relu_of);
}

fn relu_of(x: f32) -> f32 {
    x.max(0.0)
}

/// `1 / (1 + exp(-x))`, between 0 and 1; any shape.
pub fn sigmoid(x: &[f32], y: &mut [f32]) {
    map(x, y, sigmoid_of);
}

/// [`sigmoid`] over its operand.
pub fn sigmoid_in_place(x: &mut [f32]) {
    map_in_place(x, sigmoid_of);
}

fn sigmoid_of(x: f32) -> f32 {
    (1.0 + (-x).exp()).recip()
}

/// `y = a + b`, element by element; any shape.
pub fn add(a: &[f32], b: &[f32], y: &mut [f32]) {
    assert_eq!((a.len(), b.len()), (y.len(), y.len()));
    for (y, (a, b)) in y.iter_mut().zip(a.iter().zip(b)) {
        *y = a + b;
    }
}

/// [`add`] over either of its operands: the sum has the same bits in both orders.
pub fn add_in_place(x: &mut [f32], other: &[f32]) {
    assert_eq!(x.len(), other.len());
    for (x, other) in x.iter_mut().zip(other) {
        *x += other;
    }
}

fn map(x: &[f32], y: &mut [f32], f: impl Fn(f32) -> f32) {
    assert_eq!(x.len(), y.len());
    for (y, &x) in y.iter_mut().zip(x) {
        *y = f(x);
    }
}

fn map_in_place(x: &mut [f32], f: impl Fn(f32) -> f32) {
    for x in x {
        *x = f(*x);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::kernels::matrix::tests::{assert_close, output, values};

    #[test]
    fn softmax_rows_sum_to_one_and_keep_their_order() {
        let mut x = values(40, 1);
        x[3] = 1e4;
        let y = output(40, |y| softmax(&x, 8, y));
        for (x, y) in x.chunks(8).zip(y.chunks(8)) {
            assert!((y.iter().sum::<f32>() - 1.0).abs() < 1e-5);
            assert!(y.iter().all(|y| (0.0..=1.0).contains(y)));
            for i in 1..8 {
                assert!((x[i] - x[0]) * (y[i] - y[0]) >= 0.0);
            }
        }
        assert_eq!(&y[..8], &[0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn layer_norm_gives_mean_zero_and_variance_one() {
        let x: Vec<f32> = values(96, 1).iter().map(|x| 5.0 * x + 3.0).collect();
        let y = output(96, |y| layer_norm(&x, &[1.0; 32], &[0.0; 32], y));
        let shifted = output(96, |y| layer_norm(&x, &[2.0; 32], &[0.5; 32], y));
        for y in y.chunks(32) {
            let mean = y.iter().sum::<f32>() / 32.0;
            let variance = y.iter().map(|y| (y - mean).powi(2)).sum::<f32>() / 32.0;
            assert!(
                mean.abs() < 1e-5 && (variance - 1.0).abs() < 1e-4,
                "{mean} {variance}"
            );
        }
        let expected: Vec<f32> = y.iter().map(|y| 2.0 * y + 0.5).collect();
        assert_close(&shifted, &expected);
        let constant = output(4, |y| layer_norm(&[7.0; 4], &[1.0; 4], &[0.0; 4], y));
        assert_eq!(constant, [0.0; 4]);
    }

    #[test]
    fn elementwise_kernels_follow_their_definitions() {
        let x = [-30.0, -1.0, 0.0, 1.0, 30.0];
        assert_eq!(output(5, |y| relu(&x, y)), [0.0, 0.0, 0.0, 1.0, 30.0]);
        assert_eq!(
            output(5, |y| add(&x, &[1.0; 5], y)),
            [-29.0, 0.0, 1.0, 2.0, 31.0]
        );
        let expected = [0.0, -0.158_81, 0.0, 0.841_19, 30.0];
        assert_close(&output(5, |y| gelu(&x, y)), &expected);
        let expected = [0.0, 0.268_94, 0.5, 0.731_06, 1.0];
        assert_close(&output(5, |y| sigmoid(&x, y)), &expected);
    }
}
