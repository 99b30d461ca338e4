//! What the page heap does beside its work: it counts, visits all pages, and gives the memory of
//! tables that describe nothing any more back to the system.
//!
//! All of it happens under the page lock, which a purge of tables gives up after each page of
//! entries, and after each part of a zone's bitmap.

use core::ops::Range;

use super::{
    limits::Limits,
    page_heap::PageHeap,
    table_pages::Table,
    zone::Zone,
    zone_map::{KIND_LOST, ZoneMap},
};
use orionrt_sys::mapping;

/// How many pages there are, and in which state.
#[derive(Clone, Copy, Debug)]
pub(super) struct PageCounts {
    pub(super) reserved_bytes: usize,
    pub(super) table_bytes: usize,
    pub(super) limits: Limits,
    pub(super) committed: usize,
    pub(super) used: usize,
    pub(super) peak: usize,
    pub(super) lost: usize,
    pub(super) resident_free: usize,
    pub(super) largest_free_bytes: usize,
}

/// How far a purge of tables has come: first the kinds of each zone, with headers, if kinds go back
/// at all; then headers.
#[derive(Clone, Copy, Debug)]
pub(super) struct TablePlace {
    zone: usize,
    table: Table,
    number: usize,
    /// The next part of the zone's bitmap, which comes last.
    bitmap_part: usize,
}

impl TablePlace {
    /// Where discarding writes zeros, kinds stay: any thread may read one at any time, so they are
    /// written atomically alone.
    const FIRST: Table = if mapping::DISCARD_WRITES {
        Table::Headers
    } else {
        Table::Kinds
    };

    pub(super) const START: Self = Self {
        zone: 0,
        table: Self::FIRST,
        number: 0,
        bitmap_part: 0,
    };

    fn go_on(&mut self) {
        *self = match self.table {
            Table::Kinds => Self {
                table: Table::Headers,
                number: 0,
                ..*self
            },
            Table::Headers => Self {
                zone: self.zone + 1,
                ..Self::START
            },
        };
    }
}

impl<'z> PageHeap<'z> {
    /// Calls `visit` with the committed pages of every zone, but for those that are lost.
    pub(super) fn each_committed(&self, mut visit: impl FnMut(&'z ZoneMap, Range<usize>)) {
        for zone in self.zones.iter() {
            let (map, committed) = (zone.map(), zone.committed());
            let mut start = 0;
            if self.lost > 0 {
                for page in (0..committed).filter(|&page| map.kind(page) == KIND_LOST) {
                    visit(map, start..page);
                    start = page + 1;
                }
            }
            visit(map, start..committed);
        }
    }

    /// Gives the next part of the tables that describes nothing any more back to the system;
    /// `false` once there is none.
    pub(super) fn purge_tables(&mut self, at: &mut TablePlace) -> bool {
        let Some(zone) = self.zones.get_mut(at.zone) else {
            return false;
        };
        let Some(entries) = zone.take_entries(at.table, at.number) else {
            let part = match at.table {
                Table::Kinds => None,
                Table::Headers => zone.discard_bitmap(at.bitmap_part),
            };
            match part {
                Some(next) => at.bitmap_part = next,
                None => at.go_on(),
            }
            return true;
        };
        at.number = entries.number + 1;
        if entries.taken {
            let (pages, with_kinds) = (entries.pages.clone(), entries.table == Table::Kinds);
            // SAFETY: the pages were taken out of circulation just now.
            let gone = unsafe { zone.map().discard_entries(pages, with_kinds) };
            zone.put_back_entries(entries, gone);
        }
        true
    }

    /// Numbers for statistics.
    pub(super) fn counts(&self) -> PageCounts {
        let zones = || self.zones.iter();
        PageCounts {
            reserved_bytes: self.reserved_bytes(),
            table_bytes: self.table_bytes(),
            limits: self.limits,
            committed: zones().map(Zone::committed).sum(),
            used: self.used,
            peak: self.peak,
            lost: self.lost,
            resident_free: self.resident,
            largest_free_bytes: zones().map(Zone::largest_free).max().unwrap_or(0),
        }
    }
}
