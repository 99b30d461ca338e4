//! The registry of a heap's zones: finds the zone and page of any address, without a lock.
//!
//! Invariants:
//! - slots below `len` are initialised and never written again;
//! - so a zone's map, once in the registry, is never unmapped.

use core::{
    cell::UnsafeCell,
    mem::MaybeUninit,
    sync::atomic::{AtomicUsize, Ordering},
};

use super::zone_map::ZoneMap;

/// The most zones of a heap. Each is at least as large as the one before: so many exceed any
/// address space.
pub(super) const MOST_ZONES: usize = 48;

/// The maps of all zones of a heap, oldest first; it only grows.
pub(super) struct ZoneRegistry {
    maps: [UnsafeCell<MaybeUninit<ZoneMap>>; MOST_ZONES],
    len: AtomicUsize,
}

// SAFETY: a slot is written once, by the one caller of `add`, before `len` (Release) lets anyone
// read it (Acquire).
unsafe impl Sync for ZoneRegistry {}

impl ZoneRegistry {
    pub(super) const fn new() -> Self {
        Self {
            maps: [const { UnsafeCell::new(MaybeUninit::uninit()) }; MOST_ZONES],
            len: AtomicUsize::new(0),
        }
    }

    /// Adds a zone; `None` if there are [`MOST_ZONES`] already.
    ///
    /// # Safety
    /// No other call is under way: the caller holds the lock of the page heap.
    pub(super) unsafe fn add(&self, map: ZoneMap) -> Option<&ZoneMap> {
        let len = self.len.load(Ordering::Relaxed);
        let slot = self.maps.get(len)?;
        // SAFETY: nobody reads a slot at or above `len`, and the caller is the only writer.
        let map = unsafe { (*slot.get()).write(map) };
        self.len.store(len + 1, Ordering::Release);
        Some(map)
    }

    /// The maps of all zones.
    pub(super) fn iter(&self) -> impl Iterator<Item = &ZoneMap> {
        let len = self.len.load(Ordering::Acquire);
        // SAFETY: slots below `len` are initialised and only read.
        self.maps[..len]
            .iter()
            .map(|slot| unsafe { (*slot.get()).assume_init_ref() })
    }

    /// The zone of an address, and its page there.
    #[inline]
    pub(super) fn find(&self, address: *const u8) -> Option<(&ZoneMap, usize)> {
        self.iter()
            .find_map(|map| Some((map, map.page_of(address)?)))
    }
}
