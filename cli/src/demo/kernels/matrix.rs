//! Matrix products, alone and as attention, and the mean of rows.
//!
//! Stands on `ndarray`, which computes them on one thread in a fixed order. Keeps the invariant of
//! [`kernels`](super): every element of the output is written and depends on values alone.

#![forbid(unsafe_code)]

use ndarray::{ArrayView2, ArrayViewMut2, Axis, Slice, linalg::general_mat_mul};

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

    /// The columns of head number `head`.
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

/// `y = x[0] · weight[0] + x[1] · weight[1] + … + bias` for blocks of columns, `x[i] [rows,
/// columns[i]]` and `weight[i] [columns[i], out]`, `bias [out]`, `y [rows, out]`: [`linear`] of a
/// matrix whose columns lie in several matrices, one after the other.
pub fn blocked_linear(x: &[f32], columns: &[usize], weight: &[f32], bias: &[f32], y: &mut [f32]) {
    let outputs = bias.len();
    for row in y.chunks_exact_mut(outputs) {
        row.copy_from_slice(bias);
    }
    let rows = y.len() / outputs;
    let (mut x, mut weight) = (x, weight);
    for &columns in columns {
        let (block, other_blocks) = x.split_at(rows * columns);
        let (own, others) = weight.split_at(columns * outputs);
        let (block, own) = (matrix(block, columns), matrix(own, outputs));
        general_mat_mul(1.0, &block, &own, 1.0, &mut matrix_mut(y, outputs));
        (x, weight) = (other_blocks, others);
    }
    assert!(x.is_empty() && weight.is_empty(), "blocks are missing");
}

/// `count` products of the same `x [rows, in]`, one after the other: `y[i] = x · weight[i] +
/// bias[i]` for `weight [count, in, out]`, `bias [count, out]`, `y [count, rows, out]`.
pub fn stacked_linear(x: &[f32], count: usize, weight: &[f32], bias: &[f32], y: &mut [f32]) {
    let (products, weights) = (y.len() / count, weight.len() / count);
    let each = weight
        .chunks_exact(weights)
        .zip(bias.chunks_exact(bias.len() / count));
    for (y, (weight, bias)) in y.chunks_exact_mut(products).zip(each) {
        linear(x, weight, bias, y);
    }
}

/// How much each position attends to each other, before [`softmax`](super::rowwise::softmax):
/// `y[h] = q[h] · k[h]ᵀ / √depth` for `q`, `k` `[positions, width]` and
/// `y [heads, positions, positions]`; head `h` owns the `h`-th run of `depth` columns.
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

/// Values mixed by attention: `y[h] = p[h] · v[h]` for `p [heads, positions, positions]` and `v`,
/// `y` `[positions, width]`; heads own columns as in [`attention_scores`].
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
pub(super) mod tests {
    use super::*;
    use crate::demo::kernels::rowwise::softmax;

    /// Irregular values in about -1..1, another sequence for each `salt`.
    pub fn values(count: usize, salt: usize) -> Vec<f32> {
        let each = (0..count).map(|i| ((i * 37 + salt * 101) % 211) as f32 / 105.0 - 1.0);
        each.collect()
    }

    pub fn assert_close(a: &[f32], b: &[f32]) {
        assert_eq!(a.len(), b.len());
        for (i, (a, b)) in a.iter().zip(b).enumerate() {
            assert!(
                (a - b).abs() <= 1e-4 * b.abs().max(1.0),
                "element {i}: {a} is not {b}"
            );
        }
    }

    /// The output starts as NaN, so that an element which a kernel does not write is noticed.
    pub fn output(count: usize, kernel: impl FnOnce(&mut [f32])) -> Vec<f32> {
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
    fn a_stack_is_its_products_one_after_the_other() {
        let (x, w, bias) = (values(35, 1), values(3 * 7 * 2, 2), values(6, 3));
        let y = output(30, |y| stacked_linear(&x, 3, &w, &bias, y));
        for (i, y) in y.chunks(10).enumerate() {
            let (w, bias) = (&w[i * 14..][..14], &bias[i * 2..][..2]);
            assert_eq!(y, output(10, |y| linear(&x, w, bias, y)));
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
    fn average_rows_is_the_mean_of_each_column() {
        assert_eq!(
            output(2, |y| average_rows(&[1.0, -1.0, 2.0, -2.0, 6.0, 0.0], y)),
            [3.0, -1.0]
        );
    }

    #[test]
    fn a_product_of_blocks_is_that_of_their_columns_side_by_side() {
        let (rows, columns, outputs) = (5, [3, 2], 4);
        let (x, weight) = (values(rows * 5, 1), values(5 * outputs, 2));
        let bias = values(outputs, 3);
        let (first, second) = x.split_at(rows * columns[0]);
        let pairs = first.chunks(columns[0]).zip(second.chunks(columns[1]));
        let side_by_side: Vec<f32> = pairs.flat_map(|(a, b)| [a, b].concat()).collect();
        let expected = output(rows * outputs, |y| linear(&side_by_side, &weight, &bias, y));
        let blocks = output(rows * outputs, |y| {
            blocked_linear(&x, &columns, &weight, &bias, y);
        });
        assert_close(&blocks, &expected);
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
