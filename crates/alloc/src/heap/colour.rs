//! Where in its first page a large block begins: its *colour*, in bytes.
//!
//! If all large blocks began where a page begins, then bytes at the same distance from the starts
//! of two blocks would have the same low twelve bits of their addresses. Such bytes compete for the
//! same places of a cache, and a processor takes a load for one that has to wait for an earlier
//! store whose low twelve bits are the same. Both happen all the time in loops that read some
//! tensors and write another one. (Bonwick, "The Slab Allocator", 1994, colours objects; jemalloc
//! calls what it does for large ones "cache-oblivious".)
//!
//! A colour is a multiple of a cache line. That of a new block is no more than its last page has
//! room for: it costs nothing. (One more page for a block without room would: a run of 2ⁿ + 1 pages
//! wastes much of a buddy allocator's 2ⁿ⁺¹.) A block that is resized where it lies keeps its
//! colour, and may then have a page more than a new one. The colour of a new block follows from the
//! number of the page, so that a loop that gets the same pages in each iteration gets the same
//! addresses.
//!
//! Invariant: a block of `bytes` bytes that begins `colour` bytes after the start of its first
//! page has [`pages_of(bytes, colour)`](pages_of) pages, guard page not counted. So the pages of a
//! block follow from its layout and its place.

#![forbid(unsafe_code)]

use core::alloc::Layout;

use super::class::PAGE;

/// The distance of two colours: a cache line.
const LINE: usize = 64;
/// Whether blocks have colours. In a hardened build they begin with their pages.
const IS_ON: bool = !cfg!(feature = "hardened");

/// The number of pages of a block.
pub(super) fn pages_of(bytes: usize, colour: usize) -> usize {
    bytes.div_ceil(PAGE) + usize::from(colour > room(bytes))
}

/// The colour of a new block whose first page has this number. It takes no page more.
pub(super) fn colour(layout: Layout, page: usize) -> usize {
    if !IS_ON || layout.align() > LINE {
        return 0;
    }
    let colours = (room(layout.size()) / LINE + 1) as u64;
    ((u64::from(mixed(page as u32)) * colours) >> 32) as usize * LINE
}

/// A number in which every bit depends on every bit of the page's, so that blocks at any distance
/// from each other get different colours: the last steps of MurmurHash3 (Appleby).
fn mixed(page: u32) -> u32 {
    let mut hash = page;
    hash = (hash ^ (hash >> 16)).wrapping_mul(0x85eb_ca6b);
    hash = (hash ^ (hash >> 13)).wrapping_mul(0xc2b2_ae35);
    hash ^ (hash >> 16)
}

/// The colour of the block that begins at this address.
pub(super) fn colour_at(start: *const u8) -> usize {
    start.addr() % PAGE
}

/// The bytes that the last page of a block has beyond the block, if it begins with its first page.
fn room(bytes: usize) -> usize {
    bytes.wrapping_neg() % PAGE
}

#[cfg(all(test, not(feature = "hardened")))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn layout(size: usize, align: usize) -> Layout {
        Layout::from_size_align(size, align).expect("valid")
    }

    proptest! {
        #[test]
        fn a_colour_is_aligned_and_leaves_the_block_within_its_pages(
            size in 1usize..1 << 20, align in (0u32..14).prop_map(|log| 1 << log), page: u32,
        ) {
            let colour = colour(layout(size, align), page as usize);
            prop_assert!(colour < PAGE && colour % align.min(PAGE) == 0);
            let pages = size.div_ceil(PAGE);
            prop_assert!(colour + size <= pages * PAGE);
            prop_assert_eq!(pages_of(size, colour), pages);
        }

        #[test]
        fn a_block_has_the_pages_that_it_touches(size in 1usize..1 << 20, line in 0usize..64) {
            let (colour, last) = (line * LINE, line * LINE + size - 1);
            prop_assert_eq!(pages_of(size, colour), last / PAGE + 1);
        }
    }

    #[test]
    fn blocks_at_any_distance_begin_at_many_places() {
        for (size, least) in [((64 << 10) + 1, 6), ((1 << 20) - 1500, 6), (100_000, 6)] {
            for distance in 1..2000 {
                let sixteen = (0..16).map(|i| colour(layout(size, 16), i * distance));
                let mut places: Vec<usize> = sixteen.collect();
                places.sort_unstable();
                places.dedup();
                assert!(places.len() >= least, "{size}: {distance}: {places:?}");
            }
        }
    }

    #[test]
    fn strictly_aligned_blocks_and_those_of_whole_pages_begin_with_their_pages() {
        for layout in [layout(1 << 20, 16), layout(100_000, 128)] {
            assert!((0..1000).all(|page| colour(layout, page) == 0));
        }
    }
}
