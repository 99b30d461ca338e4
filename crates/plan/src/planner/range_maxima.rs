//! The largest of the numbers in a range, for many ranges of a list that does not change.
//!
//! Stands on nothing. A sparse table has the maxima of all runs of blocks whose length is a power
//! of two. Two such runs cover the whole blocks of a range; what is left at either end is shorter
//! than a block, and is looked at. So there is less than one more number for each of the list.
//!
//! ```text
//! list      │ · · · a │ · · · · │ · · · · │ · · · · │ b · · · │      largest of a..=b:
//! table               ├───── 2 blocks ────┤                          a, two runs of blocks, b
//!                               ├───── 2 blocks ────┤
//! ```

use alloc::vec::Vec;
use core::ops::Range;

/// The length of a block: the table has a level for each factor of two in the number of blocks.
const BLOCK: usize = 32;

/// A list of numbers, and the maxima of its runs of blocks.
#[derive(Debug)]
pub(super) struct RangeMaxima {
    numbers: Vec<u64>,
    /// Level *k* has, for each block, the maximum of the 2ᵏ blocks from there on.
    levels: Vec<Vec<u64>>,
}

impl RangeMaxima {
    pub(super) fn new(numbers: Vec<u64>) -> Self {
        let blocks = numbers.chunks(BLOCK).map(largest).collect();
        let mut levels: Vec<Vec<u64>> = alloc::vec![blocks];
        let mut width = 1;
        while 2 * width <= levels[0].len() {
            let last = &levels[levels.len() - 1];
            let pairs = last.iter().zip(&last[width..]);
            let next = pairs.map(|(a, b)| *a.max(b)).collect();
            levels.push(next);
            width *= 2;
        }
        Self { numbers, levels }
    }

    /// The largest number of a range; 0 if that is empty.
    pub(super) fn largest(&self, range: Range<usize>) -> u64 {
        let blocks = range.start.div_ceil(BLOCK)..range.end / BLOCK;
        if blocks.is_empty() {
            return largest(&self.numbers[range]);
        }
        let level = &self.levels[blocks.len().ilog2() as usize];
        let width = 1 << blocks.len().ilog2();
        let whole = level[blocks.start].max(level[blocks.end - width]);
        let before = largest(&self.numbers[range.start..blocks.start * BLOCK]);
        let after = largest(&self.numbers[blocks.end * BLOCK..range.end]);
        whole.max(before).max(after)
    }
}

fn largest(numbers: &[u64]) -> u64 {
    numbers.iter().copied().max().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::planner::Random;

    #[test]
    fn it_finds_what_looking_at_all_numbers_finds() {
        let mut random = Random::new(1);
        for count in [1, 2, BLOCK - 1, BLOCK, BLOCK + 1, 5 * BLOCK + 3, 40 * BLOCK] {
            let numbers: Vec<u64> = (0..count).map(|_| random.below(1000)).collect();
            let maxima = RangeMaxima::new(numbers.clone());
            for _ in 0..500 {
                let start = random.below(count as u64) as usize;
                let end = start + random.below((count - start) as u64 + 1) as usize;
                let expected = numbers[start..end].iter().max().copied();
                assert_eq!(
                    maxima.largest(start..end),
                    expected.unwrap_or(0),
                    "{start}..{end}"
                );
            }
        }
    }

    #[test]
    fn it_has_less_than_one_more_number_for_each_of_the_list() {
        let maxima = RangeMaxima::new(alloc::vec![0; 1 << 20]);
        let more: usize = maxima.levels.iter().map(Vec::len).sum();
        assert!(more < 1 << 20, "{more}");
    }
}
