//! The kernels that know where a pixel lies: convolution windows, pooling and upsampling.
//!
//! Stands on nothing. Keeps the invariant of [`kernels`](super): every element of the output is
//! written and depends on values alone.
//!
//! An image is a matrix `[height · width, channels]` with a row for each pixel. A convolution is
//! therefore [`im2col`], which lays each pixel's window out as a row, followed by
//! [`linear`](super::matrix::linear).
//!
//! ```text
//!   a b c            0 0 0  0 a b  0 d e      the window of a
//!   d e f   im2col   0 0 0  a b c  d e f      the window of b
//!   g h i  ───────►  ...                      3×3 pixels each, zeros outside of the image
//! ```

#![forbid(unsafe_code)]

/// The side of a convolution window in pixels.
pub const WINDOW: usize = 3;

/// The pixels of a 3×3 window.
pub const WINDOW_PIXELS: usize = WINDOW * WINDOW;

/// The shape of an image, `[height · width, channels]`.
#[derive(Clone, Copy, Debug)]
pub struct Image {
    /// Pixels from top to bottom.
    pub height: usize,
    /// Pixels from left to right.
    pub width: usize,
    /// Values of each pixel.
    pub channels: usize,
}

impl Image {
    /// The values in the whole image.
    pub const fn elements(self) -> usize {
        self.height * self.width * self.channels
    }

    /// The shape with both sides halved, which [`max_pool`] writes.
    pub const fn halved(self) -> Self {
        Self {
            height: self.height / 2,
            width: self.width / 2,
            channels: self.channels,
        }
    }
}

/// The 3×3 window around every pixel of `x`, as one row: `y [height · width, 9 · channels]`,
/// windows from top left to bottom right, zeros outside of the image.
pub fn im2col(x: &[f32], image: Image, y: &mut [f32]) {
    let Image {
        height,
        width,
        channels,
    } = image;
    assert_eq!(x.len(), image.elements());
    assert_eq!(y.len(), image.elements() * WINDOW_PIXELS);
    for (pixel, window) in y.chunks_exact_mut(WINDOW_PIXELS * channels).enumerate() {
        let (row, column) = (pixel / width, pixel % width);
        // The part of the window's columns that lies in the image, and where it starts in the
        // window.
        let columns = column.saturating_sub(1)..(column + 2).min(width);
        let start = (columns.start + 1 - column) * channels;
        for (i, line) in window.chunks_exact_mut(WINDOW * channels).enumerate() {
            line.fill(0.0);
            // Row `row + i - 1` of the image.
            if (1..=height).contains(&(row + i)) {
                let from = (row + i - 1) * width * channels;
                let source = &x[from + columns.start * channels..from + columns.end * channels];
                line[start..start + source.len()].copy_from_slice(source);
            }
        }
    }
}

/// The largest value of each 2×2 square, channel by channel: `y [height/2 · width/2, channels]`.
/// Both sides must be even.
pub fn max_pool(x: &[f32], image: Image, y: &mut [f32]) {
    let Image {
        height,
        width,
        channels,
    } = image;
    assert!(height % 2 == 0 && width % 2 == 0, "both sides must be even");
    assert_eq!((x.len(), y.len()), (image.elements(), image.elements() / 4));
    for (pixel, y) in y.chunks_exact_mut(channels).enumerate() {
        let (row, column) = (pixel / (width / 2) * 2, pixel % (width / 2) * 2);
        let at = |row: usize, column: usize| &x[(row * width + column) * channels..][..channels];
        let (a, b) = (at(row, column), at(row, column + 1));
        let (c, d) = (at(row + 1, column), at(row + 1, column + 1));
        for (i, y) in y.iter_mut().enumerate() {
            *y = a[i].max(b[i]).max(c[i].max(d[i]));
        }
    }
}

/// Each pixel four times, as a 2×2 square: `y [2 height · 2 width, channels]`.
pub fn upsample(x: &[f32], image: Image, y: &mut [f32]) {
    assert_eq!((x.len(), y.len()), (image.elements(), image.elements() * 4));
    let (width, channels) = (image.width, image.channels);
    for (pixel, y) in y.chunks_exact_mut(channels).enumerate() {
        let (row, column) = (pixel / (2 * width) / 2, pixel % (2 * width) / 2);
        y.copy_from_slice(&x[(row * width + column) * channels..][..channels]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::kernels::matrix::tests::output;

    #[test]
    fn im2col_copies_windows_with_zeros_around_the_image() {
        for (height, width, channels) in [(1, 1, 1), (4, 3, 2), (3, 5, 1)] {
            let image = Image {
                height,
                width,
                channels,
            };
            let x = (1..=image.elements()).map(|i| i as f32).collect::<Vec<_>>();
            let y = output(image.elements() * 9, |y| im2col(&x, image, y));
            let mut expected = Vec::new();
            for (row, column) in (0..height).flat_map(|r| (0..width).map(move |c| (r, c))) {
                for (dy, dx) in (0..3).flat_map(|dy| (0..3).map(move |dx| (dy, dx))) {
                    let inside =
                        (1..=height).contains(&(row + dy)) && (1..=width).contains(&(column + dx));
                    for c in 0..channels {
                        let at = || ((row + dy - 1) * width + column + dx - 1) * channels + c;
                        expected.push(if inside { x[at()] } else { 0.0 });
                    }
                }
            }
            assert_eq!(y, expected);
        }
    }

    #[test]
    fn max_pool_takes_the_largest_of_each_channel() {
        let image = Image {
            height: 2,
            width: 4,
            channels: 2,
        };
        let x = [
            1., -1., 2., -2., 3., -3., 4., -4., 5., -5., 6., -6., 7., -7., 8., -8.,
        ];
        assert_eq!(
            output(4, |y| max_pool(&x, image, y)),
            [6.0, -1.0, 8.0, -3.0]
        );
    }

    #[test]
    fn upsample_makes_a_square_of_each_pixel() {
        let image = Image {
            height: 2,
            width: 1,
            channels: 2,
        };
        let y = output(16, |y| upsample(&[1., -1., 2., -2.], image, y));
        let expected = [
            1., -1., 1., -1., 1., -1., 1., -1., 2., -2., 2., -2., 2., -2., 2., -2.,
        ];
        assert_eq!(y, expected);
        let wide = Image {
            height: 1,
            width: 3,
            channels: 1,
        };
        let y = output(12, |y| upsample(&[1., 2., 3.], wide, y));
        assert_eq!(y, [1., 1., 2., 2., 3., 3., 1., 1., 2., 2., 3., 3.]);
    }
}
