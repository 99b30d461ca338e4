//! What happens before what: the operators' streams and what each of them waits for.
//!
//! Stands on [`Clocks`] and [`Table`]. Invariant: streams are numbered from 0 in the order in which they first occur, and
//! `clocks` follow from the rest.

use alloc::{collections::BTreeMap, vec::Vec};

use super::clocks::Clocks;
use crate::table::Table;

/// Which operator runs on which stream, and for which earlier ones it waits.
#[derive(Clone, Debug)]
pub(crate) struct Order {
    streams: Vec<u32>,
    /// How many streams there are.
    width: usize,
    waits: Table,
    clocks: Clocks,
}

impl Order {
    /// `streams[i]` is the stream of operator i, any number; row i of `waits` holds the operators below i for which it waits.
    pub(crate) fn new(mut streams: Vec<u32>, waits: Table) -> Self {
        debug_assert_eq!(streams.len(), waits.rows());
        let mut numbers = BTreeMap::new();
        for stream in &mut streams {
            let next = numbers.len() as u32;
            *stream = *numbers.entry(*stream).or_insert(next);
        }
        let width = numbers.len();
        Self {
            clocks: Clocks::new(&streams, width, &waits),
            streams,
            width,
            waits,
        }
    }

    /// How many operators there are.
    pub(crate) fn len(&self) -> usize {
        self.streams.len()
    }

    /// Whether all operators come one after the other, so that intervals of steps say it all. O(operators).
    pub(crate) fn is_total(&self) -> bool {
        (1..self.len() as u32).all(|op| self.precedes(op - 1, op))
    }

    /// Whether `a` happens before `b`; never so for `a == b`. O(1).
    pub(crate) fn precedes(&self, a: u32, b: u32) -> bool {
        let stream = self.stream(a);
        self.clocks.count(b, stream) > self.clocks.count(a, stream)
    }

    /// The stream of an operator, below `width`.
    pub(super) fn stream(&self, op: u32) -> u32 {
        self.streams[op as usize]
    }

    /// How many streams there are.
    pub(super) fn width(&self) -> usize {
        self.width
    }

    /// The operators for which an operator waits, as they were given.
    pub(super) fn waits(&self, op: u32) -> &[u32] {
        self.waits.row(op as usize)
    }
}

/// The same edges: the numbers that the streams were given do not matter.
impl PartialEq for Order {
    fn eq(&self, other: &Self) -> bool {
        self.streams == other.streams && self.waits == other.waits
    }
}

impl Eq for Order {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::streams::program::{Program, programs, table};
    use proptest::prelude::*;

    /// The picture in `mod.rs`.
    fn picture() -> Order {
        let waits: [&[u32]; 6] = [&[], &[], &[], &[1], &[], &[]];
        Order::new(vec![9, 9, 4, 4, 9, 4], table(waits))
    }

    #[test]
    fn the_picture_is_as_the_text_says() {
        let order = picture();
        let before = |a, b| order.precedes(a, b);
        assert!(before(0, 3) && before(1, 4) && before(1, 5) && before(2, 5));
        assert!(!before(1, 2) && !before(2, 1) && !before(4, 5) && !before(5, 4));
        assert!(!before(3, 4) && !before(2, 4) && !before(3, 0));
        assert_eq!((order.len(), order.is_total()), (6, false));
    }

    #[test]
    fn a_clock_counts_the_operators_of_each_stream() {
        let order = picture();
        let clock = |op| [0, 1].map(|stream| order.clocks.count(op, stream));
        assert_eq!((clock(1), clock(2), clock(3)), ([1, 0], [0, 0], [2, 1]));
    }

    #[test]
    fn no_operators_are_in_total_order() {
        let order = Order::new(Vec::new(), Table::default());
        assert_eq!((order.len(), order.is_total()), (0, true));
    }

    #[test]
    fn equal_edges_are_equal_orders_whatever_the_streams_are_called() {
        let order = |streams: [u32; 3], wait: &[u32]| {
            Order::new(streams.into(), table([&[][..], &[], wait]))
        };
        assert_eq!(order([5, 1, 5], &[1]), order([0, u32::MAX, 0], &[1]));
        assert_ne!(order([5, 1, 5], &[1]), order([5, 1, 5], &[0, 1]));
        assert_ne!(order([5, 1, 5], &[1]), order([5, 1, 1], &[1]));
    }

    proptest! {
        #[test]
        fn before_is_what_a_path_of_edges_leads_to(program in programs(60)) {
            let (order, ops) = (program.order(), program.streams.len());
            let reach = program.reach();
            for (a, reached) in reach.iter().enumerate() {
                for (b, &reached) in reached.iter().enumerate() {
                    prop_assert_eq!(order.precedes(a as u32, b as u32), reached, "{} before {}", a, b);
                }
            }
            let total = (1..ops).all(|b| (0..b).all(|a| reach[a][b]));
            prop_assert_eq!((order.len(), order.is_total()), (ops, total));
        }

        #[test]
        fn one_stream_is_total_and_so_is_waiting_for_the_one_before(program in programs(60)) {
            let ops = program.streams.len();
            let one = Program { streams: vec![3; ops], ..program.clone() };
            prop_assert!(one.order().is_total());
            let waits = (0..ops as u32).map(|op| op.checked_sub(1).into_iter().collect()).collect();
            let program = Program { waits, ..program };
            prop_assert!(program.order().is_total());
        }
    }
}
