//! The arithmetic of the demo: each kernel reads slices and overwrites one output slice.
//!
//! Stands on `ndarray` for matrix products, which it computes on one thread in a fixed order.
//!
//! Invariant: a kernel writes every element of its output and nothing else, and the result depends on
//! the values it reads alone, never on where they live. So a network computes the same bits whether its
//! tensors live on the heap or in planned slots.
//!
//! All values are `f32`, all matrices are row-major; `[rows, columns]` says how a slice is read. Kernels
//! panic when the lengths do not fit: the network's builder has derived them.

#![forbid(unsafe_code)]

use ndarray::{ArrayView2, ArrayViewMut2, Axis, Slice, linalg::general_mat_mul};

/// Added to a variance before its root is taken, so that a constant row does not divide by zero.
const LAYER_NORM_EPSILON: f32 = 1e-5;

/// How the columns of queries, keys and values are divided among attention heads.
#[derive(Clone, Copy, Debug)]
pub struct Heads {
    /// The number of heads; divides `width`.
    pub count: usize,
    /// The columns of all heads together.
    pub width: usize,
}

impl Heads {
    /// The columns of one head.
    const fn depth(self) -> usize {
        self.width / self.count
    }

    /// Which columns belong to head number `head`.
    fn columns(self, head: usize) -> Slice {
        Slice::from(head * self.depth()..(head + 1) * self.depth())
    }
}

fn matrix(values: &[f32], columns: usize) -> ArrayView2<'_, f32> {
    let shape = (values.len() / columns, columns);
    assert_eq!(values.len(), shape.0 * shape.1, "rows must be complete");
    ArrayView2::from_shape(shape, values).expect("the length was checked")
}

fn matrix_mut(values: &mut [f32], columns: usize) -> ArrayViewMut2<'_, f32> {
    let shape = (values.len() / columns, columns);
    assert_eq!(values.len(), shape.0 * shape.1, "rows must be complete");
    ArrayViewMut2::from_shape(shape, values).expect("the length was checked")
}

/// `y = x · weight + bias` for `x [rows, in]`, `weight [in, out]`, `bias [out]`, `y [rows, out]`.
pub fn linear(x: &[f32], weight: &[f32], bias: &[f32], y: &mut [f32]) {
    let outputs = bias.len();
    let inputs = weight.len() / outputs;
    for row in y.chunks_exact_mut(outputs) {
        row.copy_from_slice(bias);
    }
    let (x, weight) = (matrix(x, inputs), matrix(weight, outputs));
    general_mat_mul(1.0, &x, &weight, 1.0, &mut matrix_mut(y, outputs));
}

/// How much each position attends to each other, before [`softmax`]: `y[h] = q[h] · k[h]ᵀ / √depth`
/// for `q`, `k` `[positions, width]` and `y [heads, positions, positions]`; head `h` owns the `h`-th
/// run of `depth` columns.
pub fn attention_scores(q: &[f32], k: &[f32], heads: Heads, y: &mut [f32]) {
    let (q, k) = (matrix(q, heads.width), matrix(k, heads.width));
    let positions = q.nrows();
    assert_eq!(y.len(), heads.count * positions * positions);
    let scale = (heads.depth() as f32).sqrt().recip();
    for (head, scores) in y.chunks_exact_mut(positions * positions).enumerate() {
        let q = q.slice_axis(Axis(1), heads.columns(head));
        let k = k.slice_axis(Axis(1), heads.columns(head));
        general_mat_mul(scale, &q, &k.t(), 0.0, &mut matrix_mut(scores, positions));
    }
}

/// Values mixed by attention: `y[h] = p[h] · v[h]` for `p [heads, positions, positions]` and `v`, `y`
/// `[positions, width]`; heads own columns as in [`attention_scores`].
pub fn attention_mix(p: &[f32], v: &[f32], heads: Heads, y: &mut [f32]) {
    let v = matrix(v, heads.width);
    let positions = v.nrows();
    assert_eq!(p.len(), heads.count * positions * positions);
    let mut y = matrix_mut(y, heads.width);
    for (head, p) in p.chunks_exact(positions * positions).enumerate() {
        let v = v.slice_axis(Axis(1), heads.columns(head));
        let mut y = y.slice_axis_mut(Axis(1), heads.columns(head));
        general_mat_mul(1.0, &matrix(p, positions), &v, 0.0, &mut y);
    }
}

/// Rows of `x [rows, width]` become positive and sum to 1; `y` has the same shape.
pub fn softmax(x: &[f32], width: usize, y: &mut [f32]) {
    assert_eq!(x.len(), y.len());
    for (x, y) in x.chunks_exact(width).zip(y.chunks_exact_mut(width)) {
        let top = x.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let mut sum = 0.0;
        for (y, x) in y.iter_mut().zip(x) {
            *y = (x - top).exp();
            sum += *y;
        }
        let scale = sum.recip();
        y.iter_mut().for_each(|y| *y *= scale);
    }
}

/// Rows of `x [rows, gain.len()]` get mean 0 and variance 1, then `· gain + bias`; `y` has the same shape.
pub fn layer_norm(x: &[f32], gain: &[f32], bias: &[f32], y: &mut [f32]) {
    assert_eq!(x.len(), y.len());
    let width = gain.len();
    for (x, y) in x.chunks_exact(width).zip(y.chunks_exact_mut(width)) {
        let mean = x.iter().sum::<f32>() / width as f32;
        let variance = x.iter().map(|x| (x - mean).powi(2)).sum::<f32>() / width as f32;
        let scale = (variance + LAYER_NORM_EPSILON).sqrt().recip();
        for (i, (y, x)) in y.iter_mut().zip(x).enumerate() {
            *y = (x - mean) * scale * gain[i] + bias[i];
        }
    }
}

/// The Gaussian error linear unit by its usual approximation, `x / (1 + exp(-2u))` with
/// `u = √(2/π) · (x + 0.044715 x³)`; any shape.
pub fn gelu(x: &[f32], y: &mut [f32]) {
    const ROOT: f32 = 0.797_884_6;
    assert_eq!(x.len(), y.len());
    for (y, &x) in y.iter_mut().zip(x) {
        let u = ROOT * (x + 0.044_715 * x * x * x);
        *y = x / (1.0 + (-2.0 * u).exp());
    }
}

/// Negative values become 0; any shape.
pub fn relu(x: &[f32], y: &mut [f32]) {
    assert_eq!(x.len(), y.len());
    for (y, x) in y.iter_mut().zip(x) {
        *y = x.max(0.0);
    }
}

/// `y = a + b`, element by element; any shape.
pub fn add(a: &[f32], b: &[f32], y: &mut [f32]) {
    assert_eq!((a.len(), b.len()), (y.len(), y.len()));
    for (y, (a, b)) in y.iter_mut().zip(a.iter().zip(b)) {
        *y = a + b;
    }
}

/// The mean of the rows of `x [rows, y.len()]`: global average pooling when the rows are pixels.
pub fn average_rows(x: &[f32], y: &mut [f32]) {
    let rows = x.chunks_exact(y.len());
    let scale = (rows.len() as f32).recip();
    y.fill(0.0);
    for row in rows {
        for (y, x) in y.iter_mut().zip(row) {
            *y += x;
        }
    }
    y.iter_mut().for_each(|y| *y *= scale);
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Irregular values in about -1..1, another sequence for each `salt`.
    fn values(count: usize, salt: usize) -> Vec<f32> {
        let each = (0..count).map(|i| ((i * 37 + salt * 101) % 211) as f32 / 105.0 - 1.0);
        each.collect()
    }

    fn assert_close(a: &[f32], b: &[f32]) {
        assert_eq!(a.len(), b.len());
        for (i, (a, b)) in a.iter().zip(b).enumerate() {
            assert!(
                (a - b).abs() <= 1e-4 * b.abs().max(1.0),
                "element {i}: {a} is not {b}"
            );
        }
    }

    /// The output starts as NaN, so an element that a kernel leaves alone is noticed.
    fn output(count: usize, kernel: impl FnOnce(&mut [f32])) -> Vec<f32> {
        let mut y = vec![f32::NAN; count];
        kernel(&mut y);
        y
    }

    #[test]
    fn linear_is_a_matrix_product_and_a_bias() {
        for (rows, inputs, outputs) in [(1, 1, 1), (5, 7, 3), (17, 33, 9), (1, 300, 10)] {
            let (x, w) = (values(rows * inputs, 1), values(inputs * outputs, 2));
            let bias = values(outputs, 3);
            let y = output(rows * outputs, |y| linear(&x, &w, &bias, y));
            let mut expected = Vec::new();
            for r in 0..rows {
                for o in 0..outputs {
                    let products = (0..inputs).map(|i| x[r * inputs + i] * w[i * outputs + o]);
                    expected.push(products.sum::<f32>() + bias[o]);
                }
            }
            assert_close(&y, &expected);
        }
    }

    #[test]
    fn attention_follows_its_definition() {
        let (positions, heads) = (
            5,
            Heads {
                count: 3,
                width: 12,
            },
        );
        let at = |m: &[f32], p: usize, h: usize, d: usize| m[p * 12 + h * 4 + d];
        let (q, k, v) = (values(60, 1), values(60, 2), values(60, 3));
        let scores = output(75, |y| attention_scores(&q, &k, heads, y));
        let mixed = output(60, |y| attention_mix(&scores, &v, heads, y));
        let (mut expected_scores, mut expected_mixed) = (Vec::new(), vec![0.0; 60]);
        for h in 0..3 {
            for i in 0..positions {
                for j in 0..positions {
                    let products = (0..4).map(|d| at(&q, i, h, d) * at(&k, j, h, d));
                    let score = products.sum::<f32>() / 2.0;
                    expected_scores.push(score);
                    for d in 0..4 {
                        expected_mixed[i * 12 + h * 4 + d] += score * at(&v, j, h, d);
                    }
                }
            }
        }
        assert_close(&scores, &expected_scores);
        assert_close(&mixed, &expected_mixed);
    }

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
    }

    #[test]
    fn average_rows_is_the_mean_of_each_column() {
        assert_eq!(
            output(2, |y| average_rows(&[1.0, -1.0, 2.0, -2.0, 6.0, 0.0], y)),
            [3.0, -1.0]
        );
    }

    #[test]
    fn results_do_not_depend_on_addresses() {
        let (x, w, bias) = (values(17 * 33, 1), values(33 * 9, 2), values(9, 3));
        let bits = |y: &[f32]| y.iter().map(|y| y.to_bits()).collect::<Vec<_>>();
        let results = (0..16).map(|shift| {
            let mut place = vec![0.0; shift];
            place.extend(&x);
            let mut y = vec![0.0; 2 * 17 * 9 + 16];
            let (product, normed) = y[16 - shift..].split_at_mut(17 * 9);
            linear(&place[shift..], &w, &bias, product);
            softmax(product, 9, &mut normed[..17 * 9]);
            bits(&y[16 - shift..][..2 * 17 * 9])
        });
        let results: Vec<_> = results.collect();
        assert!(results.iter().all(|result| *result == results[0]));
    }
}
