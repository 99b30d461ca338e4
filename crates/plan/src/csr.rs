//! Compressed sparse rows: rows of numbers of different lengths, end to end in one vector.
//!
//! Stands on nothing. Invariant: `ends` does not decrease, and its last element is the length of
//! `items`; each row ascends without repetitions.
//!
//! ```text
//! items   0 1 2 │ 1 │ 0 3         three rows: row i is items[ends[i - 1]..ends[i]]
//! ends          3   4     6
//! ```

use alloc::{vec, vec::Vec};

/// A list of rows, each of which is an ascending list of indices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Csr {
    items: Vec<u32>,
    ends: Vec<usize>,
}

impl Csr {
    /// Adds a row; the numbers are sorted, and repetitions dropped.
    pub(crate) fn push(&mut self, row: impl IntoIterator<Item = u32>) {
        let start = self.items.len();
        self.items.extend(row);
        self.items[start..].sort_unstable();
        let mut kept = start;
        for i in start..self.items.len() {
            if i == start || self.items[i] != self.items[kept - 1] {
                self.items[kept] = self.items[i];
                kept += 1;
            }
        }
        self.items.truncate(kept);
        self.ends.push(kept);
    }

    pub(crate) fn row(&self, index: usize) -> &[u32] {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.items[start..self.ends[index]]
    }

    pub(crate) fn rows(&self) -> usize {
        self.ends.len()
    }

    /// How many numbers all rows hold together.
    pub(crate) fn items(&self) -> usize {
        self.items.len()
    }

    /// The transposed matrix: row *j* of the result lists the rows of `self` that hold *j*. All
    /// numbers in `self` must be below `rows`. Linear.
    pub(crate) fn transposed(&self, rows: usize) -> Self {
        let mut ends = vec![0usize; rows];
        for &item in &self.items {
            ends[item as usize] += 1;
        }
        let mut total = 0;
        for end in &mut ends {
            // For now the start of the row; filling the row moves it to the end.
            (total, *end) = (total + *end, total);
        }
        let mut items = vec![0; total];
        for row in 0..self.rows() {
            for &item in self.row(row) {
                items[ends[item as usize]] = row as u32;
                ends[item as usize] += 1;
            }
        }
        Self { items, ends }
    }
}

impl<R: IntoIterator<Item = u32>> FromIterator<R> for Csr {
    fn from_iter<I: IntoIterator<Item = R>>(rows: I) -> Self {
        let mut csr = Self::default();
        rows.into_iter().for_each(|row| csr.push(row));
        csr
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_sorted_without_repetitions_and_transpose_back() {
        let rows = [vec![2, 0, 2, 1], vec![], vec![1]];
        let csr = rows.into_iter().collect::<Csr>();
        assert_eq!(csr.row(0), [0, 1, 2]);
        assert_eq!((csr.row(1), csr.row(2)), (&[][..], &[1][..]));
        let transposed = csr.transposed(4);
        assert_eq!((transposed.rows(), transposed.items()), (4, 4));
        assert_eq!(
            (transposed.row(0), transposed.row(1)),
            (&[0][..], &[0, 2][..])
        );
        assert_eq!((transposed.row(2), transposed.row(3)), (&[0][..], &[][..]));
        assert_eq!(transposed.transposed(3), csr);
    }
}
