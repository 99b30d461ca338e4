//! Memory that only grows, page by page, as that of WebAssembly does.

/// The bytes of a unit: all blocks are runs of units, and begin at one.
pub(crate) const UNIT: usize = 16;
/// The units of a page, by which memory grows: 64 KiB, as in WebAssembly.
pub(crate) const PAGE: u32 = (64 << 10) / UNIT as u32;
/// Units, and the ends of blocks, have numbers below this one, so that sums of a few of them fit in
/// 32 bits. With addresses of 32 bits, the unit of this number would have the address 2^32.
pub(crate) const MOST_UNITS: u32 = 1 << 28;

/// A range of units that is made longer and never shorter. Unit 0 is never lent.
///
/// The address of a unit whose number is a multiple of 2ᵏ is a multiple of 2ᵏ units, for all
/// alignments that the heap is asked for.
///
/// # Safety
/// The heap reads and writes through what these functions return. Pages that [`grow`](Self::grow)
/// has granted are zero, nobody else uses them, and they stay where they are.
/// [`pointer`](Self::pointer) may be used for all of the granted units from the one that it is
/// asked for on, and [`unit`](Self::unit) is its inverse.
pub(crate) unsafe trait GrowingMemory {
    /// The number of the unit that the next page would begin at.
    fn end(&self) -> u32;

    /// Makes the memory longer by so many pages, which are zero and whose bytes are the caller's
    /// alone from now on. They begin at the unit that [`end`](Self::end) has just named. `false` if
    /// there is no more memory, or if [`end`](Self::end) would be [`MOST_UNITS`] or above: the end
    /// of a block has to be an address, too.
    fn grow(&mut self, pages: u32) -> bool;

    /// The address of a unit of a page that has been grown.
    fn pointer(&self, unit: u32) -> *mut u8;

    /// The number of the unit that begins at an address of this memory.
    fn unit(&self, pointer: *mut u8) -> u32;
}

/// How many units hold so many bytes, which are at most `isize::MAX`.
#[inline]
pub(crate) const fn whole_units(bytes: usize) -> usize {
    (bytes + (UNIT - 1)) >> UNIT.ilog2()
}

/// How many units hold so many bytes, which are at most `isize::MAX`; `None` if no memory is as
/// large.
#[inline]
pub(crate) fn units_of(bytes: usize) -> Option<u32> {
    match u32::try_from(whole_units(bytes)) {
        Ok(units) if units < MOST_UNITS => Some(units),
        _ => None,
    }
}
