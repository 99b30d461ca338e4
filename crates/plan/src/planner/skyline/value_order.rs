//! The value order: which candidate to place in the section that was chosen.
//!
//! It prefers candidates that fit the valley which they would fill; among equals, the
//! [rank](super::ranks) decides.
//!
//! ```text
//! offset  ┌────┐     ┌───┐
//!    │    │    ├─────┤   │    a touches higher neighbours on both sides, and its top is level with
//!    │    │    │  a  │   │    one of them: no sliver remains beside it, and the valley above is
//!    │    │    │     │   │    wider.
//!    └────┴────┴─────┴───┴── section
//! ```

use core::ops::Range;

use super::state::SearchState;

/// What a candidate is preferred for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ValueOrder {
    /// Its rank alone.
    RankOnly,
    /// Touching higher neighbours, and twice as much a top that is level with them.
    ContactAndLevel,
    /// Touching higher neighbours on both sides: filling the width of the valley.
    ExactWidth,
}

impl ValueOrder {
    /// How well an item of this span and size fits above `floor`; 0 is not at all.
    pub(super) fn fitness(
        self,
        state: &SearchState,
        component: &Range<usize>,
        span: Range<usize>,
        floor: u64,
        size: u64,
    ) -> u32 {
        if self == Self::RankOnly {
            return 0;
        }
        let beside = |section: Option<usize>| match section {
            Some(s) if state.is_busy(s) => Some(state.floor(s)),
            _ => None,
        };
        let left = (span.start > component.start).then(|| span.start - 1);
        let right = (span.end < component.end).then_some(span.end);
        let floors = [beside(left), beside(right)];
        let touching = floors
            .iter()
            .filter(|f| f.is_none_or(|f| f > floor))
            .count() as u32;
        let level = floors.iter().filter(|f| **f == Some(floor + size)).count() as u32;
        match self {
            Self::RankOnly => 0,
            Self::ContactAndLevel => touching + 2 * level,
            Self::ExactWidth => u32::from(touching == 2),
        }
    }
}
