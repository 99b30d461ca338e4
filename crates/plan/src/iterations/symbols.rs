//! Requests as numbers: the same number for requests that agree.
//!
//! Stands on nothing. Numbers come from sorting, whose time does not depend on what a hostile file
//! requests. Invariant: [`Sequence::symbols`], [`Sequence::shapes`] and [`Sequence::positions`]
//! have the same length.

use alloc::{collections::BTreeMap, vec::Vec};

/// When the sizes of two requests agree.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum SizeMatch {
    /// If they are equal.
    #[default]
    Exact,
    /// If their binary logarithms, rounded down, are equal: for sizes that grow a little with each
    /// iteration.
    Log2,
}

/// Size and alignment of a request, in bytes.
type Shape = (u64, u64);

/// A sequence of requests, without those that are left out.
pub(super) struct Sequence {
    /// Equal for requests that agree.
    pub(super) symbols: Vec<u32>,
    /// Equal for requests of the same size and alignment.
    pub(super) shapes: Vec<u32>,
    /// The position of each request before some were left out.
    pub(super) positions: Vec<u32>,
    /// The size of each shape.
    sizes: Vec<u64>,
}

impl Sequence {
    /// The requests that are not smaller than `at_least`; `None` if there are more than 2³² − 2.
    pub(super) fn new(
        requests: impl IntoIterator<Item = Shape>,
        at_least: u64,
        size_match: SizeMatch,
    ) -> Option<Self> {
        let mut sequence = Self {
            symbols: Vec::new(),
            shapes: Vec::new(),
            positions: Vec::new(),
            sizes: Vec::new(),
        };
        let mut kept: Vec<(Shape, u32)> = Vec::new();
        for (position, shape) in requests.into_iter().enumerate() {
            let position = u32::try_from(position)
                .ok()
                .filter(|&at| at < u32::MAX - 1)?;
            if shape.0 >= at_least {
                kept.push((shape, kept.len() as u32));
                sequence.positions.push(position);
            }
        }
        kept.sort_unstable();
        sequence.symbols.resize(kept.len(), 0);
        sequence.shapes.resize(kept.len(), 0);
        let mut classes = BTreeMap::new();
        for equal in kept.chunk_by(|(a, _), (b, _)| a == b) {
            let (shape, _) = equal[0];
            let number = sequence.sizes.len() as u32;
            let symbol = match size_match {
                SizeMatch::Exact => number,
                SizeMatch::Log2 => *classes
                    .entry((shape.0.checked_ilog2(), shape.1))
                    .or_insert(number),
            };
            for &(_, at) in equal {
                sequence.symbols[at as usize] = symbol;
                sequence.shapes[at as usize] = number;
            }
            sequence.sizes.push(shape.0);
        }
        Some(sequence)
    }

    /// The size of the request at `at`, in bytes.
    pub(super) fn size(&self, at: usize) -> u64 {
        self.sizes[self.shapes[at] as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn symbols(requests: &[Shape], at_least: u64, size_match: SizeMatch) -> Sequence {
        Sequence::new(requests.iter().copied(), at_least, size_match).expect("few requests")
    }

    #[test]
    fn equal_shapes_have_equal_symbols_and_small_ones_are_left_out() {
        let requests = [(64, 8), (8, 8), (64, 16), (64, 8), (96, 8)];
        let exact = symbols(&requests, 16, SizeMatch::Exact);
        assert_eq!(exact.symbols, [0, 1, 0, 2]);
        assert_eq!(exact.positions, [0, 2, 3, 4]);
        assert_eq!([0, 1, 2, 3].map(|at| exact.size(at)), [64, 64, 64, 96]);
    }

    #[test]
    fn sizes_of_one_power_of_two_agree_but_keep_their_shapes() {
        let requests = [(64, 8), (127, 8), (128, 8), (0, 8), (127, 16)];
        let agreeing = symbols(&requests, 0, SizeMatch::Log2);
        assert_eq!(agreeing.symbols, [1, 1, 4, 0, 3]);
        assert_eq!(agreeing.shapes, [1, 2, 4, 0, 3]);
    }
}
