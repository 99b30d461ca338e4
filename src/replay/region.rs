//! A planned region in memory: which bytes each planned request gets, and who has them now.
//!
//! A [`Region`] is claimed place by place, by those who hold its lease, and given back address by address, by anyone. Between them
//! stands nothing but [`Claims`]: a place's bytes are granted when all of its segments are free, and not before.
//!
//! ```text
//! given back: an address ─► its offset ─► (hash table) the segment that starts there ─► its tenant: the place
//! ```
//!
//! Invariants, on which the unsafe code of replay rests:
//! - `base..base + bytes` is memory that belongs to this region alone until the range takes it back, which it
//!   does after the lease has ended and every claim is released;
//! - a place's bytes lie in the region, and its span covers exactly their segments;
//! - as soon as the last claim of a retired region is released, it may be gone: [`Tenancy::end`] touches nothing after that;
//! - whoever was granted a place is the only user of its bytes until it is given back. Meanwhile the tenant of its first segment is the
//!   place; a segment where no granted place starts has none.

use alloc::{boxed::Box, vec::Vec};
use core::{ops::Range, ptr::NonNull};

use crate::slots::claims::{Claims, Span, release};
use crate::slots::segments::Segments;
use orionrt_plan::plan::Plan;
use orionrt_sys::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// The bytes of one planned request.
#[derive(Clone, Copy, Debug)]
struct Place {
    offset: usize,
    span: Span,
}

#[derive(Debug)]
pub(super) struct Region {
    base: NonNull<u8>,
    bytes: usize,
    places: Box<[Place]>,
    claims: Claims,
    segments: Segments,
    /// The place that was granted at a segment, plus one; or 0.
    tenants: Box<[AtomicU32]>,
    starts: Starts,
}

// SAFETY: the base is an address, dereferenced by nobody but those who were granted bytes.
unsafe impl Send for Region {}
// SAFETY: as above; claims and tenants are atomic.
unsafe impl Sync for Region {}

impl Region {
    /// The region of a plan at `base`; `None` where there are more segments than can be numbered, or bytes than can be addressed.
    ///
    /// # Safety
    /// `base` is the first of `plan.peak()` bytes, aligned as the plan asks, that are this region's as long as it exists.
    pub(super) unsafe fn new(base: NonNull<u8>, plan: &Plan) -> Option<Self> {
        let segments = Segments::new(plan)?;
        let placed = plan.lifetimes().rows().iter().zip(plan.offsets());
        let place = |offset: u64, size| Place {
            offset: offset as usize,
            span: segments.span(offset, size),
        };
        let places: Box<[Place]> = placed.map(|(row, &o)| place(o, row.size)).collect();
        let tenants = (0..segments.count()).map(|_| AtomicU32::new(0));
        Some(Self {
            base,
            bytes: usize::try_from(plan.peak()).ok()?,
            claims: Claims::new(segments.count()),
            tenants: tenants.collect(),
            starts: Starts::new(&segments),
            places,
            segments,
        })
    }

    pub(super) fn bytes(&self) -> usize {
        self.bytes
    }

    /// The bytes of a place for the caller alone, if nobody has any of them.
    #[inline]
    pub(super) fn claim(&self, place: u32) -> Option<NonNull<u8>> {
        let Place { offset, span } = self.places[place as usize];
        if !self.claims.try_claim(span) {
            return None;
        }
        self.tenants[span.start() as usize].store(place + 1, Ordering::Relaxed);
        // SAFETY: the offset of a place lies in the region.
        Some(unsafe { self.base.add(offset) })
    }

    /// The granted place that starts at an address, if one does.
    #[inline]
    pub(super) fn tenancy(&self, start: *mut u8) -> Option<Tenancy<'_>> {
        let offset = start.addr().wrapping_sub(self.base.addr().get());
        let segment = self.starts.find(offset as u64, &self.segments)?;
        let tenant = &self.tenants[segment as usize];
        // Relaxed: who has the address has it from the claim.
        let place = tenant.load(Ordering::Relaxed).checked_sub(1)?;
        Some(Tenancy {
            tenant,
            words: self.claims.words(),
            span: self.places[place as usize].span,
        })
    }

    /// The bytes of a granted place.
    pub(super) fn bytes_of(&self, tenancy: &Tenancy<'_>) -> NonNull<[u8]> {
        let bytes = self.segments.bytes(tenancy.span);
        // SAFETY: segments lie in the region.
        let start = unsafe { self.base.add(bytes.start as usize) };
        NonNull::slice_from_raw_parts(start, (bytes.end - bytes.start) as usize)
    }

    /// Whether nobody has any bytes.
    pub(super) fn is_free(&self) -> bool {
        self.claims.are_free()
    }

    /// The runs of bytes that nobody has now. For when nobody claims any more.
    pub(super) fn free_bytes(&self) -> Vec<Range<usize>> {
        let free = |segment: &u32| {
            let span = Span::new(*segment, segment + 1);
            let is_free = self.claims.try_claim(span);
            if is_free {
                self.claims.release(span);
            }
            is_free
        };
        let mut runs: Vec<Range<usize>> = Vec::new();
        for segment in (0..self.segments.count()).filter(free) {
            let bytes = self.segments.bytes(Span::new(segment, segment + 1));
            let bytes = bytes.start as usize..bytes.end as usize;
            match runs.last_mut() {
                Some(run) if run.end == bytes.start => run.end = bytes.end,
                _ => runs.push(bytes),
            }
        }
        runs
    }
}

/// A place that someone has, about to be given back.
#[derive(Debug)]
pub(super) struct Tenancy<'r> {
    tenant: &'r AtomicU32,
    words: &'r [AtomicU64],
    span: Span,
}

impl Tenancy<'_> {
    /// Gives the place back. From then on the region may be gone.
    #[inline]
    pub(super) fn end(self) {
        self.tenant.store(0, Ordering::Relaxed);
        release(self.words, self.span);
    }
}

/// Which segment starts at an offset: a hash table that is half empty and never changes.
#[derive(Debug)]
struct Starts {
    /// A segment plus one; 0 where there is none.
    table: Box<[u32]>,
    shift: u32,
}

impl Starts {
    fn new(segments: &Segments) -> Self {
        let count = segments.count();
        let slots = (count as usize * 2).next_power_of_two().max(2);
        let mut starts = Self {
            table: alloc::vec![0; slots].into(),
            shift: u64::BITS - slots.trailing_zeros(),
        };
        for segment in 0..count {
            let mut slot = starts.first_slot(segments.start(segment));
            while starts.table[slot] != 0 {
                slot = (slot + 1) % slots;
            }
            starts.table[slot] = segment + 1;
        }
        starts
    }

    /// Fibonacci hashing (Knuth, *The Art of Computer Programming* 3, section 6.4).
    #[inline]
    fn first_slot(&self, offset: u64) -> usize {
        (offset.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> self.shift) as usize
    }

    #[inline]
    fn find(&self, offset: u64, segments: &Segments) -> Option<u32> {
        let mut slot = self.first_slot(offset);
        loop {
            let segment = self.table[slot].checked_sub(1)?;
            if segments.start(segment) == offset {
                return Some(segment);
            }
            slot = (slot + 1) & (self.table.len() - 1);
        }
    }
}
