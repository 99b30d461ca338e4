//! The memory of an arena: it hands out pointers and takes them back, one thread at a time.
//!
//! [`ArenaMemory`] stands on [`Buddy`], which knows which offsets are free, and on a mapping or on
//! memory that the caller has lent, which is where they are. [`Arena`](crate::Arena) puts its lock
//! around it. Nothing here allocates, panics or formats.
//!
//! ```text
//! origin      first byte                                             end
//!   │ lead      │ used, free or mixed │ free, zero │ not committed     │
//!   └───────────┴─────────────────────┴────────────┴───────────────────┘
//!   offset 0                       touched     committed
//! ```
//!
//! Invariants:
//! - offset *o* is the address `origin + o`, and `origin` is a multiple of every alignment that the
//!   buddy allocator can satisfy: an offset is aligned exactly when its address is;
//! - every byte below `committed` may be used, and a byte that is handed out is below `committed`;
//! - every free byte at or above `touched` is zero;
//! - `last` is the last allocation for as long as nothing else has changed. When it is given back,
//!   the buddy allocator is not told yet: a request for the same layout would be served the same
//!   bytes, and gets them at once. Any other call tells it first.

use core::{alloc::Layout, ops::Range, ptr::NonNull};

use orionrt_buddy::{Buddy, BuddyError, InvalidFree};
use orionrt_sys::checker;
#[cfg(feature = "std")]
use orionrt_sys::mapping::{self, MapError, Mapping};

#[cfg(feature = "std")]
use super::huge_pages::HugePages;
use super::{bitmap_words::BitmapWords, commit::commit_ahead, grant::Grant, stats::Stats};

/// The least and the most bytes to commit in one step.
const COMMIT_STEPS: Range<usize> = 1 << 20..64 << 20;

/// Memory with a buddy allocator over it.
#[derive(Debug)]
pub(super) struct ArenaMemory {
    first: NonNull<u8>,
    lead: usize,
    end: usize,
    committed: usize,
    touched: usize,
    /// No free byte at or above this offset is resident. It is at least `touched`, and more after
    /// `prefault`.
    #[cfg(feature = "std")]
    resident: usize,
    buddy: Buddy<BitmapWords>,
    backing: Backing,
    counts: UsageCounts,
    last: Option<LastAllocation>,
}

/// The last allocation.
#[derive(Clone, Copy, Debug)]
struct LastAllocation {
    offset: usize,
    layout: Layout,
    /// Whether it has been given back. The buddy allocator does not know that yet.
    is_given_back: bool,
}

/// Where the memory comes from.
#[derive(Debug)]
enum Backing {
    /// The caller lends it.
    Lent,
    #[cfg(feature = "std")]
    Mapped(Mapping),
}

/// The counts behind [`Stats`] that the buddy allocator does not keep.
#[derive(Clone, Copy, Debug)]
struct UsageCounts {
    allocations: u64,
    deallocations: u64,
    failures: u64,
    requested: usize,
    /// The fewest bytes that were ever free.
    least_free: usize,
}

impl UsageCounts {
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

// SAFETY: the memory is an owned mapping, or lent for as long as it is used (`lent`); `first`
// points into it.
unsafe impl Send for ArenaMemory {}

impl ArenaMemory {
    /// Memory of `capacity` bytes of new address space, in blocks of `block_bytes` bytes.
    #[cfg(feature = "std")]
    pub(super) fn map(
        capacity: usize,
        block_bytes: usize,
        align: usize,
    ) -> Result<Self, MemoryError> {
        let capacity = mapping::round_up(capacity.max(1));
        let capacity = capacity.unwrap_or(usize::MAX & !(mapping::PAGE - 1));
        let mapping = Mapping::reserve(capacity, base_align(capacity, align.max(block_bytes)))?;
        let words = Buddy::<BitmapWords>::words_for(capacity, block_bytes);
        let words = BitmapWords::mapped(words)?;
        checker::pool_opened(mapping.base());
        Ok(Self {
            first: mapping.base(),
            lead: 0,
            end: capacity,
            committed: 0,
            touched: 0,
            resident: 0,
            buddy: Buddy::in_zeroed_words(words, block_bytes, 0..capacity)?,
            backing: Backing::Mapped(mapping),
            counts: UsageCounts::new(),
            last: None,
        })
    }

    /// Memory that the caller lends.
    ///
    /// # Safety
    /// The `len` bytes at `first` may be read and written, and nobody else uses them, for as long
    /// as this value and any pointer that it handed out are in use.
    pub(super) unsafe fn lent(
        first: NonNull<u8>,
        len: usize,
        block_bytes: usize,
    ) -> Result<Self, BuddyError> {
        // The origin is the memory's address rounded down to a power of two that is at least its
        // length, so that offsets are aligned whenever addresses are.
        let reach = len
            .max(block_bytes)
            .checked_next_power_of_two()
            .unwrap_or(1);
        let lead = first.addr().get() & (reach - 1);
        let end = lead + len;
        let words = BitmapWords::boxed(Buddy::<BitmapWords>::words_for(end, block_bytes));
        let buddy = Buddy::in_zeroed_words(words, block_bytes, lead..end)?;
        checker::no_access(first, len);
        checker::pool_opened(first);
        Ok(Self {
            first,
            lead,
            end,
            committed: end,
            touched: end,
            #[cfg(feature = "std")]
            resident: end,
            buddy,
            backing: Backing::Lent,
            counts: UsageCounts::new(),
            last: None,
        })
    }

    /// The lowest address.
    pub(super) fn first(&self) -> NonNull<u8> {
        self.first
    }

    fn pointer(&self, offset: usize) -> NonNull<u8> {
        debug_assert!(self.lead <= offset && offset < self.end);
        // SAFETY: the buddy allocator manages only offsets `lead..end`, and `first` is the address
        // of offset `lead`.
        unsafe { self.first.add(offset - self.lead) }
    }

    /// The offset of an address in this memory; meaningless, but harmless, for any other address.
    fn offset(&self, pointer: NonNull<u8>) -> usize {
        let distance = pointer.addr().get().wrapping_sub(self.first.addr().get());
        distance.wrapping_add(self.lead)
    }

    /// Whether the address lies in this memory.
    pub(super) fn contains(&self, pointer: NonNull<u8>) -> bool {
        let distance = pointer.addr().get().wrapping_sub(self.first.addr().get());
        distance < self.end - self.lead
    }

    /// Memory for a layout of non-zero size; `None` when no run fits or the system refuses to
    /// commit it.
    pub(super) fn allocate(&mut self, layout: Layout) -> Option<Grant> {
        let granted = self.take(layout)?;
        checker::pool_allocated(self.first, granted.start, layout.size());
        self.counts.allocations += 1;
        self.counts.requested += layout.size();
        self.note_peak();
        Some(granted)
    }

    /// Counts an allocation that was refused.
    pub(super) fn note_failure(&mut self) {
        self.counts.failures += 1;
    }

    #[inline]
    fn take(&mut self, layout: Layout) -> Option<Grant> {
        match &mut self.last {
            Some(last) if last.is_given_back && last.layout == layout => {
                last.is_given_back = false;
                let offset = last.offset;
                Some(Grant {
                    start: self.pointer(offset),
                    zero_from: self.touched - offset,
                })
            }
            _ => self.take_from_buddy(layout),
        }
    }

    fn take_from_buddy(&mut self, layout: Layout) -> Option<Grant> {
        self.finish_free();
        let offset = self.buddy.allocate(layout)?;
        let end = offset + self.buddy.granted(layout.size());
        if !self.commit_to(end) {
            let undone = self.buddy.free(offset, layout);
            debug_assert!(undone.is_ok());
            return None;
        }
        let zero_from = self.touched.saturating_sub(offset);
        self.touched = self.touched.max(end);
        self.last = Some(LastAllocation {
            offset,
            layout,
            is_given_back: false,
        });
        Some(Grant {
            start: self.pointer(offset),
            zero_from,
        })
    }

    /// Gives the last allocation back to the buddy allocator if that is still to be done. Whatever
    /// looks at the buddy allocator, or changes it, calls this first.
    #[inline]
    fn finish_free(&mut self) {
        match self.last.take() {
            Some(last) if last.is_given_back => {
                let freed = self.buddy.free(last.offset, last.layout);
                debug_assert!(freed.is_ok());
            }
            _ => {}
        }
    }

    /// Takes memory back.
    ///
    /// # Safety
    /// If `start` and `layout` are those of an allocation of this memory, its holder gives it up.
    /// (If they are not, that is noticed if any of these bytes is free or outside of this memory.)
    pub(super) unsafe fn free(
        &mut self,
        start: NonNull<u8>,
        layout: Layout,
    ) -> Result<(), InvalidFree> {
        let offset = self.offset(start);
        match &mut self.last {
            Some(last) if last.offset == offset && last.layout == layout && !last.is_given_back => {
                last.is_given_back = true;
            }
            _ => {
                self.finish_free();
                self.buddy.free(offset, layout)?;
            }
        }
        checker::pool_freed(self.first, start, layout.size());
        self.counts.deallocations += 1;
        self.counts.requested = self.counts.requested.saturating_sub(layout.size());
        Ok(())
    }

    /// Resizes an allocation in place; `None` when it cannot stay there. Both sizes are non-zero.
    /// The pointer returned is valid for all of the new bytes.
    ///
    /// # Safety
    /// If `start` and `old` are those of an allocation of this memory, its holder gives up the
    /// bytes beyond `new`.
    pub(super) unsafe fn resize(
        &mut self,
        start: NonNull<u8>,
        old: usize,
        new: usize,
    ) -> Result<Option<Grant>, InvalidFree> {
        self.finish_free();
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
        checker::pool_resized(self.first, start, old, new);
        Ok(Some(Grant {
            // Not the caller's pointer, which may be valid for the old bytes only.
            start: self.pointer(offset),
            zero_from,
        }))
    }

    #[inline]
    fn note_peak(&mut self) {
        self.counts.least_free = self.counts.least_free.min(self.buddy.free_bytes());
    }

    /// Makes bytes below `end` usable.
    #[inline]
    fn commit_to(&mut self, end: usize) -> bool {
        end <= self.committed || self.commit_more(end)
    }

    #[cold]
    fn commit_more(&mut self, end: usize) -> bool {
        let (committed, limit) = (self.committed, self.end);
        commit_ahead(committed, end, COMMIT_STEPS, limit, |end| self.commit(end))
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
                    tell_free(mapping, self.committed..end);
                    self.committed = end;
                }
                done
            }
        }
    }

    /// Counts and bytes now.
    pub(super) fn stats(&mut self) -> Stats {
        self.finish_free();
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
    pub(super) fn validate(&mut self) -> bool {
        self.finish_free();
        self.buddy.validate()
    }
}

#[cfg(feature = "std")]
impl ArenaMemory {
    /// Commits everything.
    fn commit_all(&mut self) -> Result<(), MapError> {
        if let Backing::Mapped(mapping) = &self.backing {
            mapping.commit(0..mapping.len())?;
            tell_free(mapping, self.committed..mapping.len());
            self.committed = mapping.len();
        }
        Ok(())
    }

    /// Advises the system on huge pages for all of the memory. This is only advice: where the
    /// system refuses it, the memory has the pages that the system chooses.
    pub(super) fn advise_huge(&self, when: HugePages) {
        let Backing::Mapped(mapping) = &self.backing else {
            return;
        };
        let _ = match when {
            HugePages::Always => mapping.advise_huge(0..mapping.len()),
            HugePages::Off => mapping.advise_nohuge(0..mapping.len()),
            HugePages::OnRequest => Ok(()),
        };
    }

    /// Has all of the memory, which nobody has touched yet, come from one NUMA node. `align` is
    /// what [`map`](Self::map) was called with.
    pub(super) fn bind(&mut self, node: u32, align: usize) -> Result<(), MapError> {
        debug_assert_eq!(self.committed, 0, "bound before it is used");
        let Backing::Mapped(mapping) = &mut self.backing else {
            return Ok(());
        };
        if !mapping::NODES_ARE_RESERVED {
            return mapping.bind(0..mapping.len(), node);
        }
        // Other addresses take the place of those that were reserved without a node.
        let align = base_align(mapping.len(), align.max(self.buddy.block_bytes()));
        let on_node = Mapping::reserve_on_node(mapping.len(), align, node)?;
        checker::pool_closed(self.first);
        self.first = on_node.base();
        checker::pool_opened(self.first);
        *mapping = on_node;
        Ok(())
    }

    /// Commits and page-locks everything.
    pub(super) fn lock(&mut self) -> Result<(), MapError> {
        self.commit_all()?;
        match &self.backing {
            Backing::Mapped(mapping) => mapping.lock(0..mapping.len()),
            Backing::Lent => Ok(()),
        }
    }

    /// Makes the first `bytes` free bytes, in order of address, resident: those that are handed out
    /// next. Returns how many there are.
    pub(super) fn prefault(&mut self, bytes: usize) -> Result<usize, MapError> {
        self.finish_free();
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
            tell_free(mapping, committed..end.next_multiple_of(mapping::PAGE));
            self.committed = end.next_multiple_of(mapping::PAGE).min(mapping.len());
        }
        let mut outcome = Ok(found);
        self.buddy.free_runs(|run| {
            let run = run.start..run.end.min(end);
            if !run.is_empty() {
                // SAFETY: free bytes, committed above; `&mut self` keeps everyone from taking them
                // meanwhile, and a free page may become zero.
                outcome = unsafe { prefault(mapping, run.clone()) }.map(|()| found);
            }
            outcome.is_ok() && run.end < end
        });
        outcome
    }

    /// Gives the memory of free whole pages back to the system. Returns the bytes of these pages.
    pub(super) fn purge(&mut self) -> Result<usize, MapError> {
        self.finish_free();
        let Backing::Mapped(mapping) = &self.backing else {
            return Ok(0);
        };
        // Everything at or above `touched` is free, so the page of `touched` may be given back to
        // its end.
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
                // SAFETY: free bytes, on whose contents nobody relies; `&mut self` keeps them free
                // meanwhile.
                let bytes = unsafe { mapping.discard(run.clone()) };
                given_back = given_back.and_then(|sum: usize| bytes.map(|bytes| sum + bytes));
                if reaches_untouched {
                    // The first page stays if it also holds a part of a block below.
                    zero_from = Some(run.start.next_multiple_of(mapping::page_size()));
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

/// The alignment of a mapping's base, no less than `align`: aligned to the next power of two of the
/// capacity, every alignment up to that can be had.
#[cfg(feature = "std")]
fn base_align(capacity: usize, align: usize) -> usize {
    capacity.checked_next_power_of_two().unwrap_or(1).max(align)
}

/// Tells memory checkers that nobody may touch these bytes of a mapping.
#[cfg(feature = "std")]
fn tell_free(mapping: &Mapping, bytes: Range<usize>) {
    debug_assert!(bytes.end <= mapping.len());
    if checker::IS_ON {
        // SAFETY: within the mapping.
        checker::no_access(unsafe { mapping.base().add(bytes.start) }, bytes.len());
    }
}

/// Makes free bytes resident, which may write to them.
///
/// # Safety
/// That of [`Mapping::prefault`].
#[cfg(feature = "std")]
unsafe fn prefault(mapping: &Mapping, bytes: Range<usize>) -> Result<(), MapError> {
    if checker::IS_ON {
        // SAFETY: within the mapping.
        checker::undefined(unsafe { mapping.base().add(bytes.start) }, bytes.len());
    }
    // SAFETY: the caller's duty, passed on.
    let outcome = unsafe { mapping.prefault(bytes.clone()) };
    tell_free(mapping, bytes);
    outcome
}

impl Drop for ArenaMemory {
    fn drop(&mut self) {
        checker::pool_closed(self.first);
        match &self.backing {
            // The lender's again.
            Backing::Lent => checker::defined(self.first, self.end - self.lead),
            #[cfg(feature = "std")]
            Backing::Mapped(_) => checker::gone(self.first, self.committed),
        }
    }
}

/// Why mapped memory could not be made.
#[cfg(feature = "std")]
#[derive(Clone, Copy, Debug)]
pub(super) enum MemoryError {
    Map(MapError),
    Buddy(BuddyError),
}

#[cfg(feature = "std")]
impl From<MapError> for MemoryError {
    fn from(error: MapError) -> Self {
        Self::Map(error)
    }
}

#[cfg(feature = "std")]
impl From<BuddyError> for MemoryError {
    fn from(error: BuddyError) -> Self {
        Self::Buddy(error)
    }
}
