//! Obstacles: the placed buffers in the way of another one, and where they are in its way.
//!
//! Stands on the interference graph. Whole buffers that conflict are in each other's way where they
//! would overlap; buffers with windows may be so at several places, or nowhere.
//!
//! ```text
//! neighbour            ████        placed at 8..12
//! in the way   ▒▒▒▒▒▒▒▒▒           of a buffer of five bytes at the offsets 4..12
//! ```

use core::ops::Range;

use super::adjacency::Adjacency;
use crate::lifetimes::Lifetime;
use crate::planner::decoder::UNPLACED;

/// Which offsets of a buffer the placed ones forbid.
pub(crate) trait Obstacles {
    /// Calls `each` with every placed buffer that is in the way of this one, and with the offsets
    /// at which it is. A buffer may come several times, with offsets that neither overlap nor
    /// touch. `offsets` are those of all `buffers`, [`UNPLACED`] where there is none.
    fn for_each_obstacle(
        &self,
        of: usize,
        buffers: &[Lifetime],
        offsets: &[u64],
        each: impl FnMut(usize, Range<u64>),
    );
}

impl Obstacles for Adjacency<'_> {
    fn for_each_obstacle(
        &self,
        of: usize,
        buffers: &[Lifetime],
        offsets: &[u64],
        mut each: impl FnMut(usize, Range<u64>),
    ) {
        let size = buffers[of].size;
        self.for_each_neighbour(of, |other| {
            let start = offsets[other];
            if start != UNPLACED {
                let from = (start + 1).saturating_sub(size);
                each(other, from..start.saturating_add(buffers[other].size));
            }
        });
    }
}
