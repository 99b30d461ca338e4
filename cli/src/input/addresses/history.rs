//! What an allocator had over time, and where its blocks were.
//!
//! Stands on [`pool`](super::pool). Invariant: at no step are fewer bytes reserved than alive,
//! unless blocks share bytes; then `layout` is no plan.

#![forbid(unsafe_code)]

use super::pool::Pool;

/// What an allocator had over time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct History {
    /// What the reserved ranges are.
    pub(crate) kind: RangeKind,
    /// The bytes reserved from each of these steps to the next one. The first step is 0, and no
    /// two neighbours have as many bytes.
    pub(crate) reserved: Vec<(i64, u64)>,
    /// The end of the last step.
    pub(crate) end: i64,
    /// Where the blocks were; `None` if their addresses are beyond what can be counted.
    pub(crate) layout: Option<AddressLayout>,
}

/// What the ranges are that blocks lie in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RangeKind {
    /// Segments that the allocator had reserved, as it tells them.
    Segments(Segments),
    /// Memory pages of so many bytes in which a block lay.
    Pages(u64),
}

/// What is known of segments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Segments {
    /// Of each block the number in [`AddressLayout::reserved`] of the part that it begins in, if
    /// that is known.
    pub(crate) of_blocks: Vec<Option<u32>>,
    /// The pools of the parts and of the requests that were refused, in ascending order.
    pub(crate) pools: Vec<Pool>,
    /// The place in `pools` of each part's pool.
    pub(crate) pool_of: Vec<u32>,
}

impl Segments {
    /// Segments in these pools, of which requests were refused from others, too.
    pub(crate) fn new(of_blocks: Vec<Option<u32>>, of_parts: &[Pool], refused: &[Pool]) -> Self {
        let mut pools = [of_parts, refused].concat();
        pools.sort_unstable();
        pools.dedup();
        let mut segments = Self {
            of_blocks,
            pools,
            pool_of: Vec::new(),
        };
        let places = of_parts.iter().filter_map(|&pool| segments.place(pool));
        segments.pool_of = places.collect();
        segments
    }

    /// The place of one of the pools.
    pub(crate) fn place(&self, pool: Pool) -> Option<u32> {
        let place = self.pools.binary_search(&pool).ok()?;
        u32::try_from(place).ok()
    }
}

/// A block at an address, and the steps `lower..upper` in which it was alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Block {
    pub(crate) address: u64,
    pub(crate) size: u64,
    pub(crate) lower: i64,
    pub(crate) upper: i64,
}

/// Where blocks lie among all addresses that were reserved at some time, one range above the other.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct AddressLayout {
    /// The offset of each block.
    pub(crate) offsets: Vec<u64>,
    pub(crate) reserved: Vec<Reserved>,
}

/// A part of the layout, and the steps `lower..upper` in which it was reserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reserved {
    pub(crate) lower: i64,
    pub(crate) upper: i64,
    pub(crate) offset: u64,
    pub(crate) size: u64,
}
