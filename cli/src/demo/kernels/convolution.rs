//! A 3×3 convolution that reads each window where it lies in the image.
//!
//! Stands on `images` and on `ndarray`, which computes matrix products on one thread in a fixed
//! order. Keeps the invariant of [`kernels`](super): every element of the output is written and
//! depends on values alone.
//!
//! The pixels of a line are next to each other, and the window of a pixel begins one pixel after
//! that of the pixel before. So a line of the image, read with rows that overlap, is the matrix of
//! one line of all its windows, and the convolution is a sum of matrix products. Laid out in a
//! tensor of their own, all windows would have nine times the bytes of the image.
//!
//! ```text
//! a line of the image   a b c d e     as a matrix   a b c
//!                                                   b c d      b, c and d: all but the first and
//!                                                   c d e      the last pixel of the line
//! ```
//!
//! The windows of the first pixel of each line reach out of the image by one column, and have two
//! pixels in it. Those of all lines together are a matrix, too, whose rows are a line apart; and so
//! are those of the last pixels.

#![forbid(unsafe_code)]

use std::ops::Range;

use ndarray::{ArrayView2, ArrayViewMut2, ShapeBuilder, linalg::general_mat_mul};

use super::images::{Image, WINDOW, WINDOW_PIXELS};

/// The 3×3 convolution of blocks of channels, `x[0], x[1], …`, each an image of its own with the
/// same sides: the sum over all blocks and `bias [out]`, in `y [height · width, out]`. The weight
/// of a block is `[9, channels, out]`, windows from top left to bottom right; outside of an image
/// are zeros.
///
/// # Panics
/// When the lengths do not fit, or an image has fewer than two columns.
pub fn convolution(x: &[f32], blocks: &[Image], weight: &[f32], bias: &[f32], y: &mut [f32]) {
    let outputs = bias.len();
    for pixel in y.chunks_exact_mut(outputs) {
        pixel.copy_from_slice(bias);
    }
    let (mut x, mut weight) = (x, weight);
    for &image in blocks {
        assert_eq!(y.len(), image.height * image.width * outputs);
        assert!(image.width >= 2, "an image has at least two columns");
        let (block, other_blocks) = x.split_at(image.elements());
        let (own, others) = weight.split_at(WINDOW_PIXELS * image.channels * outputs);
        let lines = own.chunks_exact(WINDOW * image.channels * outputs);
        for (line, weight) in lines.enumerate() {
            let line = Line {
                x: block,
                image,
                line,
                weight,
                outputs,
            };
            line.add_inner(y);
            line.add_borders(y);
        }
        (x, weight) = (other_blocks, others);
    }
    assert!(x.is_empty() && weight.is_empty(), "blocks are missing");
}

/// One line of the window: 0 is above the pixel, 1 is its own line, 2 is below.
struct Line<'v> {
    x: &'v [f32],
    image: Image,
    line: usize,
    /// `[3 · channels, outputs]`.
    weight: &'v [f32],
    outputs: usize,
}

impl Line<'_> {
    /// The rows of pixels for which this line of the window lies in the image.
    fn rows(&self) -> Range<usize> {
        1_usize.saturating_sub(self.line)
            ..(self.image.height + 1 - self.line).min(self.image.height)
    }

    /// The first element of the line that the windows of a row of pixels have.
    fn line_of(&self, row: usize) -> usize {
        (row + self.line - 1) * self.image.width * self.image.channels
    }

    /// Adds the products of all pixels but the first and the last one of each row.
    fn add_inner(&self, y: &mut [f32]) {
        let Image {
            width, channels, ..
        } = self.image;
        if width == WINDOW - 1 {
            return;
        }
        for row in self.rows() {
            let at = row * width;
            let y = &mut y[(at + 1) * self.outputs..(at + width - 1) * self.outputs];
            let x = matrix(
                &self.x[self.line_of(row)..],
                [width - 2, WINDOW * channels],
                channels,
            );
            let weight = matrix(self.weight, [WINDOW * channels, self.outputs], self.outputs);
            let mut y = matrix_mut(y, [width - 2, self.outputs], self.outputs);
            general_mat_mul(1.0, &x, &weight, 1.0, &mut y);
        }
    }

    /// Adds the products of the first and the last pixel of each row.
    fn add_borders(&self, y: &mut [f32]) {
        let Image {
            width, channels, ..
        } = self.image;
        let (rows, inside) = (self.rows(), WINDOW - 1);
        if rows.is_empty() {
            return;
        }
        // The column of the pixel, the first column of its window that is in the image, and the
        // position of that one in the window.
        for (pixel, column, position) in [(0, 0, 1), (width - 1, width - 2, 0)] {
            let x = matrix(
                &self.x[self.line_of(rows.start) + column * channels..],
                [rows.len(), inside * channels],
                width * channels,
            );
            let weight = matrix(
                &self.weight[position * channels * self.outputs..],
                [inside * channels, self.outputs],
                self.outputs,
            );
            let mut y = matrix_mut(
                &mut y[(rows.start * width + pixel) * self.outputs..],
                [rows.len(), self.outputs],
                width * self.outputs,
            );
            general_mat_mul(1.0, &x, &weight, 1.0, &mut y);
        }
    }
}

/// A matrix whose rows begin `stride` elements apart; rows may overlap.
fn matrix(values: &[f32], [rows, columns]: [usize; 2], stride: usize) -> ArrayView2<'_, f32> {
    let shape = (rows, columns).strides((stride, 1));
    ArrayView2::from_shape(shape, values).expect("the lengths of the blocks were checked")
}

/// A matrix whose rows begin `stride` elements apart, at least `columns`.
fn matrix_mut(
    values: &mut [f32],
    [rows, columns]: [usize; 2],
    stride: usize,
) -> ArrayViewMut2<'_, f32> {
    let shape = (rows, columns).strides((stride, 1));
    ArrayViewMut2::from_shape(shape, values).expect("the lengths of the blocks were checked")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::kernels::matrix::{
        linear,
        tests::{assert_close, output, values},
    };

    fn image(height: usize, width: usize, channels: usize) -> Image {
        Image {
            height,
            width,
            channels,
        }
    }

    /// The windows of all pixels as rows `[9 · channels]`, with zeros outside of the image.
    fn windows(x: &[f32], image: Image) -> Vec<f32> {
        let (height, width) = (image.height, image.width);
        let pixels = (0..height).flat_map(|row| (0..width).map(move |column| (row, column)));
        let places = pixels.flat_map(|(row, column)| {
            (0..WINDOW_PIXELS).map(move |at| (row + at / WINDOW, column + at % WINDOW))
        });
        let values = places.flat_map(|(row, column)| {
            // One more than the row and the column, so that they are not negative.
            let is_inside = (1..=height).contains(&row) && (1..=width).contains(&column);
            let pixel = is_inside.then(|| (row - 1) * width + column - 1);
            let at = move |channel| pixel.map(|pixel| pixel * image.channels + channel);
            (0..image.channels).map(move |channel| at(channel).map_or(0.0, |at| x[at]))
        });
        values.collect()
    }

    /// The convolution of one image: its windows laid out, and one matrix product.
    fn laid_out(x: &[f32], image: Image, weight: &[f32], bias: &[f32]) -> Vec<f32> {
        let windows = windows(x, image);
        let outputs = image.height * image.width * bias.len();
        output(outputs, |y| linear(&windows, weight, bias, y))
    }

    #[test]
    fn a_convolution_is_the_product_of_windows_that_are_laid_out() {
        for (height, width, channels, outputs) in [
            (1, 2, 1, 1),
            (2, 2, 3, 2),
            (1, 5, 2, 4),
            (7, 3, 4, 5),
            (5, 9, 3, 8),
        ] {
            let image = image(height, width, channels);
            let (x, bias) = (values(image.elements(), 1), values(outputs, 3));
            let weight = values(WINDOW_PIXELS * channels * outputs, 2);
            let y = output(height * width * outputs, |y| {
                convolution(&x, &[image], &weight, &bias, y);
            });
            assert_close(&y, &laid_out(&x, image, &weight, &bias));
        }
    }

    #[test]
    fn blocks_of_channels_add_up() {
        let (first, second) = (image(4, 5, 3), image(4, 5, 2));
        let (a, b) = (values(first.elements(), 1), values(second.elements(), 2));
        let weights = [3, 2].map(|channels| values(WINDOW_PIXELS * channels * 6, channels));
        let bias = values(6, 5);
        let y = output(4 * 5 * 6, |y| {
            let (x, weight) = ([&a[..], &b].concat(), weights.concat());
            convolution(&x, &[first, second], &weight, &bias, y);
        });
        let parts = [
            laid_out(&a, first, &weights[0], &bias),
            laid_out(&b, second, &weights[1], &[0.0; 6]),
        ];
        let sums = parts[0].iter().zip(&parts[1]).map(|(a, b)| a + b);
        assert_close(&y, &sums.collect::<Vec<_>>());
    }

    #[test]
    #[should_panic(expected = "blocks are missing")]
    fn elements_beyond_the_last_block_are_refused() {
        let (x, weight) = (values(9, 1), values(9, 2));
        convolution(&x, &[image(2, 2, 1)], &weight, &[0.0], &mut [0.0; 4]);
    }
}
