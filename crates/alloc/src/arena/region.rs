//! One range of memory with its buddy allocator: pointers in, pointers out, one thread at a time.
//!
//! [`Region`] stands on [`Buddy`] (which offsets are free) and on a mapping or on lent memory (where they
//! are); [`Arena`](crate::Arena) puts its lock around it. Nothing here allocates, panics or formats.
//!
//! ```text
//! origin      first byte                                             end
//!   │ lead      │ used, free or mixed │ free, zero │ not committed     │
//!   └───────────┴─────────────────────┴────────────┴───────────────────┘
//!   offset 0                       touched     committed
//! ```
//!
//! Invariants:
//! - offset *o* is the address `origin + o`, and `origin` is a multiple of every alignment that the buddy
//!   allocator can satisfy: offsets align as addresses do;
//! - every byte below `committed` may be used; a byte handed out is below `committed`;
//! - every free byte at or above `touched` is zero;
//! - `last` names the last allocation for as long as nothing else has changed. Given back then, it stays taken in the
//!   buddy allocator until anything but the same allocation follows: that one would be served the same bytes.

use core::{alloc::Layout, ops::Range, ptr::NonNull};

#[cfg(feature = "std")]
use super::HugePages;
use super::{stats::Stats, words::Words};
use orionrt_buddy::{Buddy, BuddyError, InvalidFree};
#[cfg(feature = "std")]
use orionrt_sys::mapping::{self, MapError, Mapping};

/// The least and the most that one commit asks of the operating system, in bytes.
const COMMIT_STEP: Range<usize> = 1 << 20..64 << 20;

/// Memory with a buddy allocator over it.
#[derive(Debug)]
pub(crate) struct Region {
    first: NonNull<u8>,
    lead: usize,
    end: usize,
    committed: usize,
    touched: usize,
    /// No free byte at or above it is resident. At least `touched`, more after `prefault`.
    #[cfg(feature = "std")]
    resident: usize,
    buddy: Buddy<Words>,
    backing: Backing,
    counts: Counts,
    last: Option<Last>,
}

/// The last allocation, and whether it has been given back, which the buddy allocator does not know yet.
#[derive(Clone, Copy, Debug)]
struct Last {
    offset: usize,
    layout: Layout,
    given_back: bool,
}

#[derive(Debug)]
enum Backing {
    Lent,
    #[cfg(feature = "std")]
    Mapped(Mapping),
}

#[derive(Clone, Copy, Debug)]
struct Counts {
    allocations: u64,
    deallocations: u64,
    failures: u64,
    requested: usize,
    /// Bytes free when the most were live.
    least_free: usize,
}

impl Counts {
    fn new() -> Self {
        Self {
            allocations: 0,
            deallocations: 0,
            failures: 0,
            requested: 0,
            least_free: usize::MAX,
        }
    }
}

/// Memory just granted: `zero_from` bytes on, it is zero already.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Granted {
    pub(crate) start: NonNull<u8>,
    pub(crate) zero_from: usize,
}

// SAFETY: a region owns its mapping, or was lent its memory for good (`lent`); `first` points into that.
unsafe impl Send for Region {}

impl Region {
    /// A region over `capacity` bytes of new address space, in blocks of `block_bytes` bytes.
    #[cfg(feature = "std")]
    pub(crate) fn map(
        capacity: usize,
        block_bytes: usize,
        align: usize,
    ) -> Result<Self, RegionError> {
        let capacity = mapping::round_up(capacity.max(1));
        let capacity = capacity.unwrap_or(usize::MAX & !(mapping::PAGE - 1));
        // Aligned to the next power of two, any alignment up to the capacity can be had.
        let reach = capacity.checked_next_power_of_two().unwrap_or(1);
        let mapping = Mapping::reserve(capacity, reach.max(align).max(block_bytes))?;
        let words = Words::mapped(Buddy::<Words>::words_for(capacity, block_bytes))?;
        Ok(Self {
            first: mapping.base(),
            lead: 0,
            end: capacity,
            committed: 0,
            touched: 0,
            resident: 0,
            buddy: Buddy::in_zeroed_words(words, block_bytes, 0..capacity)?,
            backing: Backing::Mapped(mapping),
            counts: Counts::new(),
            last: None,
        })
    }

    /// A region over lent memory.
    ///
    /// # Safety
    /// The `len` bytes at `first` may be read and written, and are nobody else's, for as long as the region and any
    /// pointer that it handed out are in use.
    pub(crate) unsafe fn lent(
        first: NonNull<u8>,
        len: usize,
        block_bytes: usize,
    ) -> Result<Self, BuddyError> {
        // The origin is the memory's address rounded down to a power of two that is no less than its length,
        // so that offsets are aligned whenever addresses are.
        let reach = len
            .max(block_bytes)
            .checked_next_power_of_two()
            .unwrap_or(1);
        let lead = first.addr().get() & (reach - 1);
        let end = lead + len;
        let words = Words::boxed(Buddy::<Words>::words_for(end, block_bytes));
        Ok(Self {
            first,
            lead,
            end,
            committed: end,
            touched: end,
            #[cfg(feature = "std")]
            resident: end,
            buddy: Buddy::in_zeroed_words(words, block_bytes, lead..end)?,
            backing: Backing::Lent,
            counts: Counts::new(),
            last: None,
        })
    }

    /// The lowest address.
    pub(crate) fn first(&self) -> NonNull<u8> {
        self.first
    }

    fn pointer(&self, offset: usize) -> NonNull<u8> {
        debug_assert!(self.lead <= offset && offset < self.end);
        // SAFETY: the buddy allocator manages offsets `lead..end` alone, and `first` is the address of offset `lead`.
        unsafe { self.first.add(offset - self.lead) }
    }

    /// The offset of an address in this region; meaningless, but harmless, for any other.
    fn offset(&self, pointer: NonNull<u8>) -> usize {
        let distance = pointer.addr().get().wrapping_sub(self.first.addr().get());
        distance.wrapping_add(self.lead)
    }

    /// Whether the address lies in this region.
    pub(crate) fn contains(&self, pointer: NonNull<u8>) -> bool {
        let distance = pointer.addr().get().wrapping_sub(self.first.addr().get());
        distance < self.end - self.lead
    }

    /// Memory for a layout of non-zero size, or `None` when no run fits or the system refuses to commit it.
    pub(crate) fn allocate(&mut self, layout: Layout) -> Option<Granted> {
        let granted = self.take(layout)?;
        self.counts.allocations += 1;
        self.counts.requested += layout.size();
        self.note_peak();
        Some(granted)
    }

    /// Counts an allocation that was refused for good.
    pub(crate) fn note_failure(&mut self) {
        self.counts.failures += 1;
    }

    #[inline]
    fn take(&mut self, layout: Layout) -> Option<Granted> {
        if let Some(last) = &mut self.last
            && last.given_back
            && last.layout == layout
        {
            last.given_back = false;
            let offset = last.offset;
            return Some(Granted {
                start: self.pointer(offset),
                zero_from: self.touched - offset,
            });
        }
        self.take_anew(layout)
    }

    fn take_anew(&mut self, layout: Layout) -> Option<Granted> {
        self.settle();
        let offset = self.buddy.allocate(layout)?;
        let end = offset + self.buddy.granted(layout.size());
        if !self.commit_to(end) {
            let undone = self.buddy.free(offset, layout);
            debug_assert!(undone.is_ok());
            return None;
        }
        let zero_from = self.touched.saturating_sub(offset);
        self.touched = self.touched.max(end);
        self.last = Some(Last {
            offset,
            layout,
            given_back: false,
        });
        Some(Granted {
            start: self.pointer(offset),
            zero_from,
        })
    }

    /// Tells the buddy allocator what it does not know yet. Whatever looks at it, or changes it, does this first.
    #[inline]
    fn settle(&mut self) {
        if let Some(last) = self.last.take()
            && last.given_back
        {
            let settled = self.buddy.free(last.offset, last.layout);
            debug_assert!(settled.is_ok());
        }
    }

    /// Gives memory back.
    ///
    /// # Safety
    /// If `start` and `layout` are those of an allocation of this region, its holder gives it up. (If they are not, this is
    /// noticed wherever a byte of it is free or foreign.)
    pub(crate) unsafe fn free(
        &mut self,
        start: NonNull<u8>,
        layout: Layout,
    ) -> Result<(), InvalidFree> {
        let offset = self.offset(start);
        match &mut self.last {
            Some(last) if last.offset == offset && last.layout == layout && !last.given_back => {
                last.given_back = true;
            }
            _ => {
                self.settle();
                self.buddy.free(offset, layout)?;
            }
        }
        self.counts.deallocations += 1;
        self.counts.requested = self.counts.requested.saturating_sub(layout.size());
        Ok(())
    }

    /// Resizes an allocation where it lies; `None` when it cannot stay there. Both sizes are non-zero.
    /// The pointer returned is the region's own, valid for all of the new bytes.
    ///
    /// # Safety
    /// As [`free`](Self::free), for the bytes beyond `new`.
    pub(crate) unsafe fn resize(
        &mut self,
        start: NonNull<u8>,
        old: usize,
        new: usize,
    ) -> Result<Option<Granted>, InvalidFree> {
        self.settle();
        let offset = self.offset(start);
        if !self.buddy.resize(offset, old, new)? {
            return Ok(None);
        }
        let end = offset + self.buddy.granted(new);
        if !self.commit_to(end) {
            self.buddy.resize(offset, new, old)?;
            return Ok(None);
        }
        let zero_from = self.touched.saturating_sub(offset);
        self.touched = self.touched.max(end);
        self.counts.requested = self.counts.requested.saturating_sub(old) + new;
        self.note_peak();
        Ok(Some(Granted {
            // Not the caller's pointer: that one may be valid for the old bytes alone.
            start: self.pointer(offset),
            zero_from,
        }))
    }

    #[inline]
    fn note_peak(&mut self) {
        self.counts.least_free = self.counts.least_free.min(self.buddy.free_bytes());
    }

    /// Makes bytes below `end` usable; commits ahead, in growing steps, so that calls are few.
    #[inline]
    fn commit_to(&mut self, end: usize) -> bool {
        end <= self.committed || self.commit_more(end)
    }

    #[cold]
    fn commit_more(&mut self, end: usize) -> bool {
        let step = self.committed.clamp(COMMIT_STEP.start, COMMIT_STEP.end);
        let ahead = end.max(self.committed.saturating_add(step)).min(self.end);
        // A refused step may still leave room for what is needed now.
        self.commit(ahead) || self.commit(end)
    }

    fn commit(&mut self, end: usize) -> bool {
        match &self.backing {
            // All of it was committed from the start.
            Backing::Lent => end <= self.committed,
            #[cfg(feature = "std")]
            Backing::Mapped(mapping) => {
                let end = end.next_multiple_of(mapping::PAGE).min(mapping.len());
                let done = mapping.commit(self.committed..end).is_ok();
                if done {
                    self.committed = end;
                }
                done
            }
        }
    }

    /// Counts and bytes now.
    pub(crate) fn stats(&mut self) -> Stats {
        self.settle();
        let capacity = self.buddy.capacity();
        let free = self.buddy.free_bytes();
        Stats {
            allocations: self.counts.allocations,
            deallocations: self.counts.deallocations,
            failures: self.counts.failures,
            requested_bytes: self.counts.requested,
            live_bytes: capacity - free,
            peak_bytes: capacity - self.counts.least_free.min(capacity),
            capacity_bytes: capacity,
            free_bytes: free,
            largest_free_bytes: self.buddy.largest_free(),
            committed_bytes: self.committed.min(self.end) - self.lead.min(self.committed),
        }
    }

    /// Whether the buddy allocator's invariants hold; for tests.
    pub(crate) fn validate(&mut self) -> bool {
        self.settle();
        self.buddy.validate()
    }
}

#[cfg(feature = "std")]
impl Region {
    /// Commits everything.
    pub(crate) fn commit_all(&mut self) -> Result<(), MapError> {
        if let Backing::Mapped(mapping) = &self.backing {
            mapping.commit(0..mapping.len())?;
            self.committed = mapping.len();
        }
        Ok(())
    }

    /// Advises the system on huge pages everywhere.
    pub(crate) fn advise_huge(&self, when: HugePages) -> Result<(), MapError> {
        match (&self.backing, when) {
            (Backing::Mapped(mapping), HugePages::Always) => mapping.advise_huge(0..mapping.len()),
            (Backing::Mapped(mapping), HugePages::Off) => mapping.advise_nohuge(0..mapping.len()),
            (Backing::Mapped(_), HugePages::OnRequest) | (Backing::Lent, _) => Ok(()),
        }
    }

    /// Has all memory that is not touched yet come from one NUMA node.
    pub(crate) fn bind(&self, node: u32) -> Result<(), MapError> {
        match &self.backing {
            Backing::Mapped(mapping) => mapping.bind(0..mapping.len(), node),
            Backing::Lent => Ok(()),
        }
    }

    /// Page-locks everything; commits it first.
    pub(crate) fn lock(&mut self) -> Result<(), MapError> {
        self.commit_all()?;
        match &self.backing {
            Backing::Mapped(mapping) => mapping.lock(0..mapping.len()),
            Backing::Lent => Ok(()),
        }
    }

    /// Makes the first `bytes` free bytes resident, in order of address: those that are handed out next.
    /// Returns how many there were.
    pub(crate) fn prefault(&mut self, bytes: usize) -> Result<usize, MapError> {
        self.settle();
        let (mut found, mut end) = (0, 0);
        self.buddy.free_runs(|run| {
            let part = run.len().min(bytes - found);
            found += part;
            end = run.start + part;
            found < bytes
        });
        let committed = self.committed;
        let Backing::Mapped(mapping) = &self.backing else {
            return Ok(found);
        };
        self.resident = self.resident.max(end);
        if end > committed {
            mapping.commit(committed..end)?;
            self.committed = end.next_multiple_of(mapping::PAGE).min(mapping.len());
        }
        let mut outcome = Ok(found);
        self.buddy.free_runs(|run| {
            let run = run.start..run.end.min(end);
            if !run.is_empty() {
                // SAFETY: free bytes, committed above; `&mut self` keeps everyone from taking them meanwhile, and
                // a free page may become zero.
                outcome = unsafe { mapping.prefault(run.clone()) }.map(|()| found);
            }
            outcome.is_ok() && run.end < end
        });
        outcome
    }

    /// Gives the memory of free whole pages back to the system; returns the bytes of these pages.
    pub(crate) fn purge(&mut self) -> Result<usize, MapError> {
        self.settle();
        let Backing::Mapped(mapping) = &self.backing else {
            return Ok(0);
        };
        // Everything at or above `touched` is free, so its page can go as a whole.
        let used_end = self
            .touched
            .max(self.resident)
            .next_multiple_of(mapping::PAGE)
            .min(self.committed);
        let (mut given_back, mut zero_from) = (Ok(0), None);
        self.buddy.free_runs(|run| {
            let reaches_untouched = run.end >= self.touched;
            let run = run.start..run.end.min(used_end);
            if run.start < run.end {
                // SAFETY: free bytes, whose contents nobody relies on; `&mut self` keeps them free meanwhile.
                let bytes = unsafe { mapping.discard(run.clone()) };
                given_back = given_back.and_then(|sum: usize| bytes.map(|bytes| sum + bytes));
                if reaches_untouched {
                    // The first page may be shared with a block below, and then stays.
                    zero_from = Some(run.start.next_multiple_of(mapping::PAGE));
                }
            }
            given_back.is_ok()
        });
        if let (Ok(_), Some(zero_from)) = (&given_back, zero_from) {
            self.touched = self.touched.min(zero_from);
            self.resident = self.touched;
        }
        given_back
    }
}

/// Why a region could not be made.
#[cfg(feature = "std")]
#[derive(Clone, Copy, Debug)]
pub(crate) enum RegionError {
    Map(MapError),
    Buddy(BuddyError),
}

#[cfg(feature = "std")]
impl From<MapError> for RegionError {
    fn from(error: MapError) -> Self {
        Self::Map(error)
    }
}

#[cfg(feature = "std")]
impl From<BuddyError> for RegionError {
    fn from(error: BuddyError) -> Self {
        Self::Buddy(error)
    }
}
