//! A plan brought to memory: one region, reserved in an arena, with the slot of every tensor in it.
//!
//! [`TensorPool`] stands on a [`Plan`], whose offsets have been checked, on an [`Allocator`] that
//! lends it one block of `plan.peak()` bytes, and on [`Claims`]. It hands out bytes only through
//! [`Slot`](crate::slots::Slot)s, which claim them first.
//!
//! Invariants, on which the unsafe code of `slots` rests:
//! - `region` is one allocation of `arena`, made by `build` and returned by `drop`;
//! - the bytes `start..start + size` of a slot lie within the region, and its segments cover
//!   exactly these bytes;
//! - whoever holds the claim on a slot's segments is the only user of its bytes.

use alloc::{
    boxed::Box,
    string::{String, ToString},
};
use core::{
    alloc::Layout,
    fmt,
    ptr::NonNull,
    sync::atomic::{AtomicBool, Ordering},
};

use allocator_api2::alloc::Allocator;

use crate::slots::claims::{Claims, SegmentRange};
use crate::slots::segments::Segments;
use orionrt_plan::TensorId;
use orionrt_plan::plan::Plan;
use orionrt_sys::checker;

/// The planned region in memory: hands out the slot of each tensor.
///
/// `A` is any allocator: `&Arena` for tensors that borrow, an [`Arena`](crate::Arena) by value for
/// a pool that owns its memory and can live in an `Arc`.
///
/// ```
/// use core::alloc::Layout;
/// use orionrt::{Arena, GraphBuilder, Planner, TensorPool};
///
/// let mut g = GraphBuilder::new();
/// let x = g.tensor("x", Layout::array::<f32>(1024)?);
/// let y = g.tensor("y", Layout::array::<f32>(1024)?);
/// g.op("relu").reads([x]).writes([y]);
/// let graph = g.output(y).build()?;
/// let plan = Planner::new().plan(&graph.lifetimes())?;
///
/// let arena = Arena::builder().capacity(1 << 20).build()?;
/// let pool = TensorPool::new(&arena, &plan)?;
/// let mut t = pool.vec::<f32>(x, 1024)?; // at its planned address
/// t.push(1.0);
/// let offset = t.as_ptr().addr() - pool.base().addr().get();
/// assert_eq!(Some(offset as u64), plan.offset(x));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// `vec`, `filled`, `copied_from` and `uninit` return an error where bytes are in use. Some methods
/// of the collections end the process there instead, such as `Vec::with_capacity_in` on a slot in
/// use and `clone` of a tensor: see [`Slot`](crate::slots::Slot).
///
/// A pool is usable in the child of a `fork`. What other threads of the parent had allocated stays
/// allocated there.
pub struct TensorPool<A: Allocator> {
    arena: A,
    region: NonNull<u8>,
    layout: Layout,
    slots: Box<[PlannedSlot]>,
    claims: Claims,
    fallback: bool,
    plan: Plan,
}

/// The planned place of one tensor, as an address.
#[derive(Debug)]
pub(crate) struct PlannedSlot {
    pub(crate) start: NonNull<u8>,
    pub(crate) size: usize,
    /// The largest power of two that divides the address `start`.
    pub(crate) alignment: usize,
    pub(crate) segments: SegmentRange,
    /// Whether the slot is claimed: used to name the tensor in the way, never to decide.
    pub(crate) is_claimed: AtomicBool,
}

// SAFETY: planned slots hold addresses, which only whoever claimed their bytes dereferences. An
// `A: Send` may move to another thread together with its allocations, and `drop` is the only other
// use of `region`.
unsafe impl<A: Allocator + Send> Send for TensorPool<A> {}
// SAFETY: as above; claims are atomic, and a shared pool shares its arena only where that is
// `Sync`.
unsafe impl<A: Allocator + Sync> Sync for TensorPool<A> {}

impl<A: Allocator> TensorPool<A> {
    /// Reserves `plan.peak()` bytes in `arena`. An allocation that does not fit its slot fails.
    ///
    /// # Errors
    /// If the arena has no room for the region; see [`PoolError`].
    pub fn new(arena: A, plan: &Plan) -> Result<Self, PoolError> {
        Self::build(arena, plan, false)
    }

    /// Reserves `plan.peak()` bytes in `arena`. An allocation that does not fit its slot goes to
    /// the arena instead of failing; one that overlaps a live tensor still fails.
    ///
    /// # Errors
    /// If the arena has no room for the region; see [`PoolError`].
    pub fn with_fallback(arena: A, plan: &Plan) -> Result<Self, PoolError> {
        Self::build(arena, plan, true)
    }

    fn build(arena: A, plan: &Plan, fallback: bool) -> Result<Self, PoolError> {
        let layout = region_layout(plan)?;
        let segments = Segments::new(plan).ok_or(PoolError::TooManyTensors)?;
        let region = match layout.size() {
            0 => orionrt_alloc::arena::dangling(layout.align()),
            bytes => arena
                .allocate(layout)
                .map_err(|_| PoolError::OutOfMemory { bytes })?
                .cast(),
        };
        checker::no_access(region, layout.size());
        let rows = plan.lifetimes().rows().iter().zip(plan.offsets());
        let slots = rows.map(|(row, &offset)| {
            if !row.has_bytes() {
                return PlannedSlot::without_bytes(region);
            }
            // SAFETY: `Plan` promises `offset + size <= peak` for a tensor that occupies bytes, and
            // so for one that lies within it; the region has `peak` bytes.
            let start = unsafe { region.add(offset as usize) };
            PlannedSlot {
                start,
                size: row.size as usize,
                alignment: 1 << start.addr().trailing_zeros(),
                segments: segments.range(offset, row.size),
                is_claimed: AtomicBool::new(false),
            }
        });
        Ok(Self {
            slots: slots.collect(),
            claims: Claims::new(segments.count()),
            arena,
            region,
            layout,
            fallback,
            plan: plan.clone(),
        })
    }

    /// The plan.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// The arena that lends the region.
    #[must_use]
    pub fn arena(&self) -> &A {
        &self.arena
    }

    /// The address of the planned region: a tensor lies its planned offset behind it.
    #[must_use]
    pub fn base(&self) -> NonNull<u8> {
        self.region
    }

    /// The size of the planned region in bytes: the plan's peak.
    #[must_use]
    pub fn region_bytes(&self) -> usize {
        self.layout.size()
    }

    /// The address of a tensor's first byte, if the plan has the tensor and it ever occupies bytes.
    /// Using the address is sound only while the tensor's slot holds an allocation.
    #[must_use]
    pub fn as_ptr(&self, id: TensorId) -> Option<NonNull<u8>> {
        let slot = self.slots.get(id.index())?;
        (slot.size > 0).then_some(slot.start)
    }

    /// Whether the tensor's slot holds an allocation now.
    #[must_use]
    pub fn is_live(&self, id: TensorId) -> bool {
        let slot = self.slots.get(id.index());
        slot.is_some_and(|slot| slot.is_claimed.load(Ordering::Relaxed))
    }

    /// A live tensor that keeps this one from being allocated: itself, or one that shares bytes
    /// with it. `None` if there is none, as always for a tensor without bytes. Linear in the number
    /// of tensors.
    #[must_use]
    pub fn in_the_way(&self, id: TensorId) -> Option<TensorId> {
        let own = self.plan.bytes(id).filter(|own| !own.is_empty())?;
        let shares = |other: &TensorId| {
            let bytes = self.plan.bytes(*other);
            bytes.is_some_and(|b| b.start < own.end && own.start < b.end)
        };
        let mut all = (0..self.slots.len()).map(TensorId::from_index);
        all.find(|other| self.is_live(*other) && (*other == id || shares(other)))
    }

    /// The name of a tensor, for messages.
    pub(crate) fn name(&self, id: TensorId) -> String {
        let name = self.plan.lifetimes().name(id);
        name.unwrap_or_default().to_string()
    }

    #[inline]
    pub(crate) fn planned_slot(&self, index: usize) -> &PlannedSlot {
        &self.slots[index]
    }

    #[inline]
    pub(crate) fn claims(&self) -> &Claims {
        &self.claims
    }

    #[inline]
    pub(crate) fn has_fallback(&self) -> bool {
        self.fallback
    }
}

impl PlannedSlot {
    /// The slot of a tensor that never has bytes.
    fn without_bytes(region: NonNull<u8>) -> Self {
        Self {
            start: region,
            size: 0,
            alignment: 1,
            segments: SegmentRange::new(0, 0),
            is_claimed: AtomicBool::new(false),
        }
    }
}

impl<A: Allocator> Drop for TensorPool<A> {
    fn drop(&mut self) {
        if self.layout.size() > 0 {
            checker::undefined(self.region, self.layout.size());
            // SAFETY: allocated by `build` from this arena with this layout. Slots borrow the pool
            // or share its ownership, so nothing allocated through one can still be in use.
            unsafe { self.arena.deallocate(self.region, self.layout) };
        }
    }
}

impl<A: Allocator> fmt::Debug for TensorPool<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let live = (0..self.slots.len()).filter(|&i| self.is_live(TensorId::from_index(i)));
        f.debug_struct("TensorPool")
            .field("base", &self.region)
            .field("region_bytes", &self.layout.size())
            .field("tensors", &self.slots.len())
            .field("live", &live.count())
            .field("fallback", &self.fallback)
            .finish_non_exhaustive()
    }
}

fn region_layout(plan: &Plan) -> Result<Layout, PoolError> {
    let too_large = PoolError::TooLarge { bytes: plan.peak() };
    let size = usize::try_from(plan.peak()).map_err(|_| too_large)?;
    let align = usize::try_from(plan.alignment()).map_err(|_| too_large)?;
    Layout::from_size_align(size, align).map_err(|_| too_large)
}

/// Why a pool could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PoolError {
    /// The arena has no room for the planned region.
    OutOfMemory {
        /// The region's size in bytes.
        bytes: usize,
    },
    /// The plan has more distinct offsets and ends than a `u32` can number.
    TooManyTensors,
    /// The planned region is larger than this machine can address.
    TooLarge {
        /// The region's size in bytes.
        bytes: u64,
    },
    /// A set of pools was made of none.
    NoPools,
}

impl fmt::Display for PoolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfMemory { bytes } => write!(
                f,
                "the arena has no room for the planned region of {bytes} bytes; \
                 its capacity must be at least the plan's peak"
            ),
            Self::TooManyTensors => {
                let most = u32::MAX;
                write!(f, "the plan has more than {most} distinct offsets and ends")
            }
            Self::TooLarge { bytes } => write!(
                f,
                "the planned region has {bytes} bytes, more than this machine can address"
            ),
            Self::NoPools => write!(f, "a set of pools needs at least one pool to lend"),
        }
    }
}

impl core::error::Error for PoolError {}
