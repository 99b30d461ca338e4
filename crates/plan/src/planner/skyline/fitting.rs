//! How well a candidate fits the low place that it would fill.
//!
//! ```text
//! offset  ┌────┐     ┌───┐
//!    │    │    ├─────┤   │    a touches higher neighbours on both sides, and its top is level with one of them:
//!    │    │    │  a  │   │    no sliver remains beside it, and the place above is wider.
//!    └────┴────┴─────┴───┴── section
//! ```

use core::ops::Range;

use super::state::State;

/// What is preferred.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fitting {
    /// Nothing.
    Any,
    /// Touching higher neighbours, and twice as much being level with them.
    Snug,
    /// Touching higher neighbours on both sides.
    Filling,
}

impl Fitting {
    /// How well an item of this span and size fits above `floor`: 0 is not at all.
    pub(super) fn merit(
        self,
        state: &State,
        part: &Range<usize>,
        span: Range<usize>,
        floor: u64,
        size: u64,
    ) -> u32 {
        if self == Self::Any {
            return 0;
        }
        let beside = |section: Option<usize>| match section {
            Some(s) if state.is_busy(s) => Some(state.floor(s)),
            _ => None,
        };
        let left = (span.start > part.start).then(|| span.start - 1);
        let right = (span.end < part.end).then_some(span.end);
        let floors = [beside(left), beside(right)];
        let touching = floors
            .iter()
            .filter(|f| f.is_none_or(|f| f > floor))
            .count() as u32;
        let level = floors.iter().filter(|f| **f == Some(floor + size)).count() as u32;
        match self {
            Self::Any => 0,
            Self::Snug => touching + 2 * level,
            Self::Filling => u32::from(touching == 2),
        }
    }
}
