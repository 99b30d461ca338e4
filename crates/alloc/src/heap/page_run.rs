//! Runs of pages, and requests for them: what the page heap takes and returns.

#![forbid(unsafe_code)]

use core::ops::Range;

use super::{class::PAGE, zone_map::ZoneMap};

/// A run of pages of one zone.
#[derive(Clone, Debug)]
pub(super) struct PageRun<'z> {
    pub(super) map: &'z ZoneMap,
    pub(super) pages: Range<usize>,
    /// The size of the objects that are cut from the pages, in bytes.
    pub(super) object: usize,
}

impl<'z> PageRun<'z> {
    /// Pages that are one object.
    pub(super) fn block(map: &'z ZoneMap, pages: Range<usize>) -> Self {
        let object = pages.len() * PAGE;
        Self { map, pages, object }
    }

    /// Whether several objects share the pages.
    pub(super) fn is_shared(&self) -> bool {
        self.object < self.pages.len() * PAGE
    }
}

/// A run of pages just allocated, and what is known of its contents.
#[derive(Debug)]
pub(super) struct NewRun<'z> {
    pub(super) run: PageRun<'z>,
    /// From this byte on the pages are zero.
    pub(super) zero_from: usize,
}

/// A request for pages.
#[derive(Clone, Copy, Debug)]
pub(super) struct PageRequest {
    pub(super) pages: usize,
    /// The alignment in bytes, a power of two.
    pub(super) align: usize,
    /// If possible, the run starts where so many pages are free, to grow into.
    pub(super) headroom: usize,
    /// The size of the objects that will be cut from the pages, in bytes.
    pub(super) object: usize,
    /// Whether the pages will be freed together with many others, so that these count as one big
    /// block to decay.
    pub(super) in_bulk: bool,
}

impl PageRequest {
    /// A request for pages that will be one object.
    pub(super) fn block(pages: usize, align: usize) -> Self {
        Self {
            pages,
            align,
            headroom: 0,
            object: pages.saturating_mul(PAGE),
            in_bulk: false,
        }
    }
}
