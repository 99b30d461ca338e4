//! The loads that a repair goes by: those of a schedule, moved by what picks free.
//!
//! Stands on [`LoadTree`]. Plain values: a schedule that is made later says what the loads are.

use alloc::vec::Vec;

use super::load_tree::LoadTree;

/// The loads of a schedule, moved by estimates.
pub(super) struct Loads {
    pub(super) fast: LoadTree,
    pub(super) slow: LoadTree,
    /// How many moments before each one are too full.
    pub(super) too_full: Vec<u32>,
}

impl Loads {
    /// The bytes in each moment in both memories, of which the fast one has so many.
    pub(super) fn new(fast: &[u64], slow: &[u64], capacity: u64) -> Self {
        let too_full = fast.iter().scan(0, |count, &load| {
            let before = *count;
            *count += u32::from(load > capacity);
            Some(before)
        });
        let mut too_full: Vec<u32> = too_full.collect();
        let last = fast.last().is_some_and(|&load| load > capacity);
        too_full.push(too_full.last().map_or(0, |&count| count + u32::from(last)));
        Self {
            fast: LoadTree::new(fast.iter().copied()),
            slow: LoadTree::new(slow.iter().copied()),
            too_full,
        }
    }
}

/// A moment that has so many bytes too many.
#[derive(Clone, Copy)]
pub(super) struct TooFull {
    pub(super) moment: u32,
    pub(super) excess: i64,
}
