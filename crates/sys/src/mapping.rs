//! One owned range of memory of the operating system.
//!
//! A [`Mapping`] is address space first ([`reserve`](Mapping::reserve)), memory later
//! ([`commit`](Mapping::commit)), and goes back as a whole when dropped. All ranges are byte
//! offsets from its base. They are rounded outwards to whole pages, except where memory or a lock
//! is given up: there they are rounded inwards, so that no byte outside the range is affected.
//!
//! This file checks and rounds ranges, and knows no operating system; `os` makes the calls.
//!
//! Invariant: `base..base + len` is reserved, and belongs to this value alone, from `reserve` to
//! `drop`.

#[cfg(test)]
mod tests;

use core::{ops::Range, ptr::NonNull};

#[cfg(any(test, feature = "fault-injection"))]
pub use crate::os::faults;
pub use crate::{
    checker,
    map_error::{MapCall, MapError, MoveError},
    page::{HUGE_PAGE, PAGE, round_up},
};
use crate::{
    os::{LEAST_PAGE, Os, OsError, Pages, System},
    page::inner_pages,
};

/// Whether [`Mapping::discard`] writes zeros before it gives memory back, as on Windows: it then
/// costs more than writing them alone, and pages whose access was taken away must get it back
/// before.
pub const DISCARD_WRITES: bool = Os::DISCARD_WRITES;

/// The page size of the system that runs, in bytes: [`PAGE`], or less where the target has systems
/// with pages of several sizes. [`Mapping::discard`] gives memory back in these.
#[inline]
#[must_use]
pub fn page_size() -> usize {
    if PAGE == LEAST_PAGE {
        // Known when this is compiled.
        return PAGE;
    }
    let is_possible = |size: &usize| size.is_power_of_two() && (LEAST_PAGE..PAGE).contains(size);
    Os::page_size().filter(is_possible).unwrap_or(PAGE)
}

/// Whether memory comes from a NUMA node only if its addresses were reserved so
/// ([`Mapping::reserve_on_node`]), as on Windows; [`Mapping::bind`] is unsupported there.
pub const NODES_ARE_RESERVED: bool = Os::NODES_ARE_RESERVED;

/// An owned range of address space, and the memory in it.
///
/// ```
/// use orionrt_sys::mapping::{Mapping, PAGE};
///
/// let mapping = Mapping::reserve(1 << 30, PAGE)?; // addresses only
/// mapping.commit(0..1 << 20)?; // the first MiB may be used, and reads as zeros
/// // SAFETY: committed, and no other pointer into the mapping is in use.
/// unsafe { mapping.base().write(7) };
/// # Ok::<(), orionrt_sys::mapping::MapError>(())
/// ```
#[derive(Debug)]
pub struct Mapping {
    base: NonNull<u8>,
    len: usize,
}

// SAFETY: a mapping belongs to the process, not to a thread, and `Mapping` is its only owner.
unsafe impl Send for Mapping {}

impl Mapping {
    /// Reserves `len` bytes of address space at a multiple of `align`, a power of two. There is no
    /// memory yet: touching a byte before [`commit`](Self::commit) is a fault.
    pub fn reserve(len: usize, align: usize) -> Result<Self, MapError> {
        let refused = |reason| MapError::new(MapCall::Reserve, len, reason);
        let len = round_up(len.max(1)).ok_or(refused(OsError::OutOfMemory))?;
        let base = Os::reserve(len, align.max(PAGE)).map_err(refused)?;
        checker::mapped(base, len);
        Ok(Self { base, len })
    }

    /// Reserves address space as [`reserve`](Self::reserve) does, whose memory comes from one NUMA
    /// node: from that alone or, where [`NODES_ARE_RESERVED`], as long as the node has some left.
    ///
    /// ```
    /// use orionrt_sys::mapping::{Mapping, PAGE};
    ///
    /// match Mapping::reserve_on_node(1 << 20, PAGE, 0) {
    ///     Ok(mapping) => mapping.commit(0..1 << 20)?,
    ///     Err(refused) => println!("{refused}"), // as in many containers
    /// }
    /// # Ok::<(), orionrt_sys::mapping::MapError>(())
    /// ```
    pub fn reserve_on_node(len: usize, align: usize, node: u32) -> Result<Self, MapError> {
        if !NODES_ARE_RESERVED {
            let mapping = Self::reserve(len, align)?;
            mapping.bind(0..mapping.len(), node)?;
            return Ok(mapping);
        }
        let refused = |reason| MapError::new(MapCall::Bind, len, reason);
        let len = round_up(len.max(1)).ok_or(refused(OsError::OutOfMemory))?;
        let base = Os::reserve_on_node(len, align.max(PAGE), node).map_err(refused)?;
        checker::mapped(base, len);
        Ok(Self { base, len })
    }

    /// The address of offset 0.
    #[inline]
    #[must_use]
    pub fn base(&self) -> NonNull<u8> {
        self.base
    }

    /// The length in bytes: whole pages, at least one.
    #[inline]
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether the length is 0, which it never is.
    #[inline]
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Makes `range` readable and writable. What was not committed before reads as zeros; the rest
    /// keeps its bytes. Memory is attached page by page, when a page is touched.
    pub fn commit(&self, range: Range<usize>) -> Result<(), MapError> {
        // SAFETY: `request` passes pages of this mapping.
        self.request(MapCall::Commit, range, |pages| unsafe { Os::commit(pages) })
    }

    /// Makes `range` readable, and only that: zeros that cost no memory.
    ///
    /// # Safety
    /// No page that `range` touches is committed: a committed one would lose its write access.
    pub unsafe fn commit_read_only(&self, range: Range<usize>) -> Result<(), MapError> {
        self.request(MapCall::Commit, range, |pages| {
            // SAFETY: pages of this mapping; the rest is the caller's duty.
            unsafe { Os::commit_read_only(pages) }
        })
    }

    /// Takes the access to `range`, whole committed pages, away or gives it back. The bytes keep
    /// their values; touching them while they are not accessible is a fault.
    ///
    /// # Safety
    /// Nobody touches the range while it is not accessible.
    pub unsafe fn protect(&self, range: Range<usize>, accessible: bool) -> Result<(), MapError> {
        let range = self.whole_pages(range, MapCall::Protect)?;
        self.request(MapCall::Protect, range, |pages| {
            // SAFETY: pages of this mapping; the rest is the caller's duty.
            unsafe { Os::protect(pages, accessible) }
        })
    }

    /// Advises the system to back `range` with huge pages. A refusal changes nothing.
    pub fn advise_huge(&self, range: Range<usize>) -> Result<(), MapError> {
        self.request(MapCall::HugePages, range, |pages| {
            // SAFETY: pages of this mapping.
            unsafe { Os::advise_huge(pages) }
        })
    }

    /// Advises the system never to back `range` with huge pages. A system that has none agrees; a
    /// refusal changes nothing.
    pub fn advise_nohuge(&self, range: Range<usize>) -> Result<(), MapError> {
        self.request(MapCall::HugePages, range, |pages| {
            // SAFETY: pages of this mapping.
            unsafe { Os::advise_nohuge(pages) }
        })
    }

    /// Makes committed pages of `range` resident now. Bytes keep their values.
    ///
    /// Where the system has no call for that (Linux before 5.14), or does not let the process make
    /// it (seccomp), a byte of every page that lies wholly inside is written instead. An error says
    /// that there is no memory.
    ///
    /// # Safety
    /// Nobody else reads or writes whole pages inside `range` meanwhile, and their contents may
    /// become zero.
    pub unsafe fn prefault(&self, range: Range<usize>) -> Result<(), MapError> {
        let outcome = self.request(MapCall::Prefault, range.clone(), |pages| {
            // SAFETY: pages of this mapping.
            unsafe { Os::populate(pages) }
        });
        if outcome.as_ref().is_err_and(MapError::is_unsupported) {
            for offset in inner_pages(range, PAGE).step_by(LEAST_PAGE) {
                // SAFETY: a whole page inside the caller's range, committed, and used by nobody
                // else.
                unsafe { self.base.add(offset).write_volatile(0) };
            }
            return Ok(());
        }
        outcome
    }

    /// Page-locks `range`: resident, and never swapped out or moved to disk, until it is unmapped.
    pub fn lock(&self, range: Range<usize>) -> Result<(), MapError> {
        // SAFETY: `request` passes pages of this mapping.
        self.request(MapCall::Lock, range, |pages| unsafe { Os::lock(pages) })
    }

    /// Ends the page lock of the whole pages inside `range`, where there is one.
    pub fn unlock(&self, range: Range<usize>) -> Result<(), MapError> {
        self.request(MapCall::Lock, inner_pages(range, PAGE), |pages| {
            // SAFETY: pages of this mapping.
            unsafe { Os::unlock(pages) }
        })
    }

    /// Makes `range`, whole pages, what it was when it was reserved: no memory, no access, no
    /// advice. On an error part of it may have become so. If there was no memory for that
    /// ([`MapError::is_out_of_memory`]), the addresses may even have been given up, for anyone to
    /// map: then the range must not be used in any way again.
    ///
    /// # Safety
    /// Nobody reads or writes the range until it is committed again.
    pub unsafe fn decommit(&self, range: Range<usize>) -> Result<(), MapError> {
        let range = self.whole_pages(range, MapCall::Reserve)?;
        self.request(MapCall::Reserve, range, |pages| {
            // SAFETY: pages of this mapping; the rest is the caller's duty.
            unsafe { Os::decommit(pages) }
        })
    }

    /// Gives the memory of the whole pages inside `range` back, pages of [`page_size`]; they stay
    /// committed and read as zeros. Returns their length in bytes. On an error some of them may
    /// have become zeros.
    ///
    /// # Safety
    /// Nobody relies on the contents of `range`. Where [`DISCARD_WRITES`] is true, its pages are
    /// accessible.
    pub unsafe fn discard(&self, range: Range<usize>) -> Result<usize, MapError> {
        let range = inner_pages(range, page_size());
        self.pages(range.clone(), MapCall::Discard)?;
        self.make(MapCall::Discard, range.clone(), |pages| {
            // SAFETY: pages of this mapping; the rest is the caller's duty.
            unsafe { Os::discard(pages) }
        })?;
        Ok(range.len())
    }

    /// Moves the memory of `from` to offset `to` without copying. What was at `to` is discarded;
    /// `from` stays committed and reads as zeros. Both ranges are whole committed pages and do not
    /// overlap.
    ///
    /// On an error `from` is unchanged, but what was at `to` may be gone, and even its addresses:
    /// see [`MoveError::is_target_lost`]. Linux refuses pages that have been joined by earlier
    /// moves.
    ///
    /// # Safety
    /// Nobody reads or writes either range meanwhile, or relies on what was at `to`; and nobody
    /// uses what is lost.
    pub unsafe fn remap(&self, from: Range<usize>, to: usize) -> Result<(), MoveError> {
        let unchanged = |refusal| MoveError::new(refusal, false);
        let from = self.whole_pages(from, MapCall::Move).map_err(unchanged)?;
        let to = self
            .whole_pages(to..to.saturating_add(from.len()), MapCall::Move)
            .map_err(unchanged)?;
        if from.start < to.end && to.start < from.end {
            let reason = OsError::InvalidRange;
            return Err(unchanged(MapError::new(MapCall::Move, from.len(), reason)));
        }
        let mut target_lost = false;
        let moved = self.request(MapCall::Move, from, |pages| {
            // SAFETY: pages of this mapping, and as many at `to`, apart; the rest is the caller's
            // duty.
            let moved = unsafe { Os::move_pages(pages, self.at(to.start)) };
            moved.map_err(|refused| {
                target_lost = refused.target_lost;
                refused.reason
            })
        });
        moved.map_err(|refusal| MoveError::new(refusal, target_lost))
    }

    /// Has the memory of `range` come from one NUMA node alone, if nothing there has been touched
    /// yet. Unsupported where [`NODES_ARE_RESERVED`].
    pub fn bind(&self, range: Range<usize>, node: u32) -> Result<(), MapError> {
        self.request(MapCall::Bind, range, |pages| {
            // SAFETY: pages of this mapping.
            unsafe { Os::bind(pages, node) }
        })
    }

    /// Makes one call on the pages that `range` touches; none where it is empty.
    fn request(
        &self,
        call: MapCall,
        range: Range<usize>,
        make: impl FnOnce(Pages) -> Result<(), OsError>,
    ) -> Result<(), MapError> {
        let range = self.pages(range, call)?;
        self.make(call, range, make)
    }

    /// Makes one call on `range`, pages of the system within this mapping; none where it is empty.
    fn make(
        &self,
        call: MapCall,
        range: Range<usize>,
        make: impl FnOnce(Pages) -> Result<(), OsError>,
    ) -> Result<(), MapError> {
        if range.is_empty() {
            return Ok(());
        }
        let (start, len) = (self.at(range.start), range.len());
        make(Pages { start, len }).map_err(|reason| MapError::new(call, len, reason))
    }

    /// `range` rounded outwards to pages. A range out of bounds is a bug of the caller, but an
    /// error all the same, since the global allocator must not panic.
    fn pages(&self, range: Range<usize>, call: MapCall) -> Result<Range<usize>, MapError> {
        if range.start > range.end || range.end > self.len {
            return Err(MapError::new(call, range.len(), OsError::InvalidRange));
        }
        let end = range.end.next_multiple_of(PAGE);
        Ok((range.start & !(PAGE - 1)).min(end)..end)
    }

    /// `range`, which must be whole pages already: rounding could reach bytes that are not the
    /// caller's.
    fn whole_pages(&self, range: Range<usize>, call: MapCall) -> Result<Range<usize>, MapError> {
        let pages = self.pages(range.clone(), call)?;
        if pages == range {
            return Ok(pages);
        }
        Err(MapError::new(call, range.len(), OsError::InvalidRange))
    }

    fn at(&self, offset: usize) -> NonNull<u8> {
        debug_assert!(offset <= self.len);
        // SAFETY: `pages` keeps offsets within the mapping, its end included.
        unsafe { self.base.add(offset) }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        let (start, len) = (self.base, self.len);
        checker::unmapped(start, len);
        // SAFETY: all of the mapping, which this value owns; whoever handed out pointers into it
        // has seen to it that they are no longer used.
        unsafe { Os::release(Pages { start, len }) };
    }
}
