//! Rows of numbers of different lengths, end to end in one vector.
//!
//! Stands on nothing. Invariant: `ends` is not decreasing, and its last element is the length of `items`.

use alloc::{vec, vec::Vec};

/// A list of rows, each of which is a list of indices.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Table {
    items: Vec<u32>,
    ends: Vec<usize>,
}

impl Table {
    /// Adds a row, ascending and without repetitions.
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

    /// Row *j* of the result holds the rows here that hold *j*, which is below `rows`.
    pub(crate) fn transposed(&self, rows: usize) -> Self {
        let mut ends = vec![0usize; rows];
        for &item in &self.items {
            ends[item as usize] += 1;
        }
        let mut total = 0;
        for end in &mut ends {
            // For now the start of the row; filling it moves it to the end.
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_sorted_once_each_and_transpose_back() {
        let mut table = Table::default();
        table.push([2, 0, 2, 1]);
        table.push([]);
        table.push([1]);
        assert_eq!(table.row(0), [0, 1, 2]);
        assert_eq!((table.row(1), table.row(2)), (&[][..], &[1][..]));
        let turned = table.transposed(4);
        assert_eq!((turned.rows(), turned.items()), (4, 4));
        assert_eq!((turned.row(0), turned.row(1)), (&[0][..], &[0, 2][..]));
        assert_eq!((turned.row(2), turned.row(3)), (&[0][..], &[][..]));
        assert_eq!(turned.transposed(3).row(0), table.row(0));
    }
}
