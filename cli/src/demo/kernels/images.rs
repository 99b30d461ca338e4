//! Images, and the kernels that halve and double their sides.
//!
//! Stands on nothing. An image is a matrix `[height · width, channels]` with a row for each pixel.
//! Keeps the invariant of [`kernels`](super): every element of the output is written and depends on
//! values alone.

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
