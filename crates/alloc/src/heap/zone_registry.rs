//! The registry of a heap's zones: finds the zone and page of any address, without a lock.
//!
//! The first zones lie in the registry itself; further ones in chunks of mapped memory, each linked
//! to the one before it, so that a heap never runs out of places for zones.
//!
//! Invariants:
//! - places below `len` are initialised and never written again, and the chunks that hold them are
//!   linked and stay mapped;
//! - so a zone's map, once in the registry, is never unmapped.

use core::{
    cell::UnsafeCell,
    mem::MaybeUninit,
    ptr,
    sync::atomic::{AtomicPtr, AtomicUsize, Ordering},
};

use super::zone_map::ZoneMap;
use orionrt_sys::mapping::{self, Mapping};

/// The zones in the registry itself: more than a heap has whose zones double as they should.
const FIRST_PLACES: usize = 48;

/// The zones in a chunk.
const CHUNK_PLACES: usize = 120;

type Place = UnsafeCell<MaybeUninit<ZoneMap>>;

/// The maps of all zones of a heap, oldest first; it only grows.
pub(super) struct ZoneRegistry {
    first: [Place; FIRST_PLACES],
    len: AtomicUsize,
    chunks: AtomicPtr<Chunk>,
}

/// Places for further zones, in a mapping that is kept for ever. All zero is an empty chunk.
struct Chunk {
    places: [Place; CHUNK_PLACES],
    next: AtomicPtr<Self>,
}

// SAFETY: a place is written once, by the one caller of `add`, before `len` (Release) lets anyone
// read it (Acquire); links are atomic.
unsafe impl Sync for ZoneRegistry {}

impl ZoneRegistry {
    pub(super) const fn new() -> Self {
        Self {
            first: [const { UnsafeCell::new(MaybeUninit::uninit()) }; FIRST_PLACES],
            len: AtomicUsize::new(0),
            chunks: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// The bytes of the chunks that so many zones take.
    pub(super) fn chunk_bytes(zones: usize) -> usize {
        let chunks = zones.saturating_sub(FIRST_PLACES).div_ceil(CHUNK_PLACES);
        chunks * size_of::<Chunk>().next_multiple_of(mapping::PAGE)
    }

    /// Adds a zone; `None` if there is no memory for its place.
    ///
    /// # Safety
    /// No other call is under way: the caller holds the lock of the page heap.
    pub(super) unsafe fn add(&self, map: ZoneMap) -> Option<&ZoneMap> {
        let len = self.len.load(Ordering::Relaxed);
        let place = match self.first.get(len) {
            Some(place) => place,
            None => self.further_place(len - FIRST_PLACES)?,
        };
        // SAFETY: nobody reads a place at or above `len`, and the caller is the only writer.
        let map = unsafe { (*place.get()).write(map) };
        self.len.store(len + 1, Ordering::Release);
        Some(map)
    }

    /// The place with this number in the chunks, of which the last one is made now if need be.
    #[cold]
    fn further_place(&self, number: usize) -> Option<&Place> {
        let mut link = &self.chunks;
        for _ in 0..number / CHUNK_PLACES {
            link = &chunk(link)?.next;
        }
        if link.load(Ordering::Relaxed).is_null() {
            link.store(Chunk::create()?, Ordering::Release);
        }
        chunk(link)?.places.get(number % CHUNK_PLACES)
    }

    /// The maps of all zones.
    pub(super) fn iter(&self) -> impl Iterator<Item = &ZoneMap> {
        let len = self.len.load(Ordering::Acquire);
        let first = self.first[..len.min(FIRST_PLACES)].iter();
        let further = Chunks(&self.chunks).flat_map(|chunk| chunk.places.iter());
        let further = further.take(len.saturating_sub(FIRST_PLACES));
        // SAFETY: places below `len` are initialised and only read.
        first
            .chain(further)
            .map(|place| unsafe { (*place.get()).assume_init_ref() })
    }

    /// The zone of an address, and its page there.
    #[inline]
    pub(super) fn find(&self, address: *const u8) -> Option<(&ZoneMap, usize)> {
        let len = self.len.load(Ordering::Acquire);
        for place in &self.first[..len.min(FIRST_PLACES)] {
            // SAFETY: places below `len` are initialised and only read.
            let map = unsafe { (*place.get()).assume_init_ref() };
            if let Some(page) = map.page_of(address) {
                return Some((map, page));
            }
        }
        if len > FIRST_PLACES {
            return self.find_further(address);
        }
        None
    }

    #[cold]
    fn find_further(&self, address: *const u8) -> Option<(&ZoneMap, usize)> {
        let mut further = self.iter().skip(FIRST_PLACES);
        further.find_map(|map| Some((map, map.page_of(address)?)))
    }
}

impl Chunk {
    fn create() -> Option<*mut Self> {
        let mapping = Mapping::reserve(size_of::<Self>(), align_of::<Self>()).ok()?;
        mapping.commit(0..mapping.len()).ok()?;
        let memory = mapping.base().cast::<Self>();
        core::mem::forget(mapping);
        Some(memory.as_ptr())
    }
}

/// The chunk that a link leads to.
fn chunk(link: &AtomicPtr<Chunk>) -> Option<&Chunk> {
    // SAFETY: null, or a chunk that stays mapped; zeros are uninitialised places and a null link.
    unsafe { link.load(Ordering::Acquire).as_ref() }
}

/// The chunks behind a link, oldest first.
struct Chunks<'c>(&'c AtomicPtr<Chunk>);

impl<'c> Iterator for Chunks<'c> {
    type Item = &'c Chunk;

    fn next(&mut self) -> Option<&'c Chunk> {
        let chunk = chunk(self.0)?;
        self.0 = &chunk.next;
        Some(chunk)
    }
}
