//! The happens-before relation of operators: their streams, and what each of them waits for.
//!
//! Stands on [`VectorClocks`] and [`Csr`]. Invariant: streams are numbered from 0 in the order in
//! which they first occur, and `clocks` follow from the rest.

use alloc::{collections::BTreeMap, vec::Vec};

use super::vector_clocks::VectorClocks;
use crate::csr::Csr;

/// The stream of each operator, and the earlier operators for which it waits.
#[derive(Clone, Debug)]
pub(crate) struct HappensBefore {
    streams: Vec<u32>,
    /// How many streams there are.
    width: usize,
    waits: Csr,
    clocks: VectorClocks,
}

impl HappensBefore {
    /// `streams[i]` is the stream of operator i, any number; row i of `waits` holds the operators
    /// below i for which it waits.
    pub(crate) fn new(mut streams: Vec<u32>, waits: Csr) -> Self {
        debug_assert_eq!(streams.len(), waits.rows());
        let mut numbers = BTreeMap::new();
        for stream in &mut streams {
            let next = numbers.len() as u32;
            *stream = *numbers.entry(*stream).or_insert(next);
        }
        let width = numbers.len();
        Self {
            clocks: VectorClocks::new(&streams, width, &waits),
            streams,
            width,
            waits,
        }
    }

    /// How many operators there are.
    pub(crate) fn len(&self) -> usize {
        self.streams.len()
    }

    /// Whether every two operators are ordered, so that intervals of steps describe all conflicts.
    /// O(operators).
    pub(crate) fn is_total(&self) -> bool {
        (1..self.len() as u32).all(|op| self.precedes(op - 1, op))
    }

    /// Whether `a` happens before `b`; false if `a == b`. O(1).
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

/// Equal edges make equal relations, whatever numbers the streams were given.
impl PartialEq for HappensBefore {
    fn eq(&self, other: &Self) -> bool {
        self.streams == other.streams && self.waits == other.waits
    }
}

impl Eq for HappensBefore {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::streams::program::{Program, csr, programs};
    use proptest::prelude::*;

    /// The picture in the parent module.
    fn picture() -> HappensBefore {
        let waits: [&[u32]; 6] = [&[], &[], &[], &[1], &[], &[]];
        HappensBefore::new(vec![9, 9, 4, 4, 9, 4], csr(waits))
    }

    #[test]
    fn the_picture_of_the_parent_module_is_ordered_as_its_text_says() {
        let relation = picture();
        let before = |a, b| relation.precedes(a, b);
        assert!(before(0, 3) && before(1, 4) && before(1, 5) && before(2, 5));
        assert!(!before(1, 2) && !before(2, 1) && !before(4, 5) && !before(5, 4));
        assert!(!before(3, 4) && !before(2, 4) && !before(3, 0));
        assert_eq!((relation.len(), relation.is_total()), (6, false));
    }

    #[test]
    fn a_clock_counts_the_operators_of_each_stream() {
        let relation = picture();
        let clock = |op| [0, 1].map(|stream| relation.clocks.count(op, stream));
        assert_eq!((clock(1), clock(2), clock(3)), ([1, 0], [0, 0], [2, 1]));
    }

    #[test]
    fn no_operators_at_all_are_totally_ordered() {
        let relation = HappensBefore::new(Vec::new(), Csr::default());
        assert_eq!((relation.len(), relation.is_total()), (0, true));
    }

    #[test]
    fn equal_edges_are_equal_relations_whatever_numbers_the_streams_have() {
        let relation = |streams: [u32; 3], wait: &[u32]| {
            HappensBefore::new(streams.into(), csr([&[][..], &[], wait]))
        };
        assert_eq!(relation([5, 1, 5], &[1]), relation([0, u32::MAX, 0], &[1]));
        assert_ne!(relation([5, 1, 5], &[1]), relation([5, 1, 5], &[0, 1]));
        assert_ne!(relation([5, 1, 5], &[1]), relation([5, 1, 1], &[1]));
    }

    proptest! {
        #[test]
        fn an_operator_precedes_those_to_which_a_path_of_edges_leads(program in programs(60)) {
            let (relation, ops) = (program.happens_before(), program.streams.len());
            let reach = program.reach();
            for (a, reached) in reach.iter().enumerate() {
                for (b, &reached) in reached.iter().enumerate() {
                    let precedes = relation.precedes(a as u32, b as u32);
                    prop_assert_eq!(precedes, reached, "{} before {}", a, b);
                }
            }
            let total = (1..ops).all(|b| (0..b).all(|a| reach[a][b]));
            prop_assert_eq!((relation.len(), relation.is_total()), (ops, total));
        }

        #[test]
        fn one_stream_and_streams_that_always_wait_are_totally_ordered(program in programs(60)) {
            let ops = program.streams.len();
            let one = Program { streams: vec![3; ops], ..program.clone() };
            prop_assert!(one.happens_before().is_total());
            let waits = (0..ops as u32).map(|op| op.checked_sub(1).into_iter().collect()).collect();
            let program = Program { waits, ..program };
            prop_assert!(program.happens_before().is_total());
        }
    }
}
