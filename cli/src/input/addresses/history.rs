//! What an allocator had over time, and where its blocks were.
//!
//! Stands on nothing. Invariant: at no step are fewer bytes reserved than alive, unless blocks
//! share bytes; then `layout` is no plan.

#![forbid(unsafe_code)]

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
    /// Segments that the allocator had reserved, as it tells them: of each block the number in
    /// [`AddressLayout::reserved`] of the part that it begins in, if that is known.
    Segments(Vec<Option<u32>>),
    /// Memory pages of so many bytes in which a block lay.
    Pages(u64),
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
