//! A plan brought to memory: the planned region, reserved in an arena once, and who uses which part of it now.
//!
//! [`TensorPool`] stands on a [`Plan`] (whose offsets were checked), on an [`Allocator`] that lends it one block of
//! `plan.peak()` bytes, and on [`Claims`]. It hands out bytes only through [`Slot`](crate::slots::Slot)s, which claim them first.
//!
//! Invariants, on which the unsafe code here and in `slot.rs` rests:
//! - `region` is one allocation of `arena`, made in `new` and given back in `drop`;
//! - a place's bytes `start..start + size` lie within the region, and its span covers exactly the segments of these bytes;
//! - whoever holds the claim on a place's span is the only user of its bytes.

use alloc::{
    boxed::Box,
    string::{String, ToString},
    vec::Vec,
};
use core::{
    alloc::Layout,
    fmt,
    ptr::NonNull,
    sync::atomic::{AtomicBool, Ordering},
};

use allocator_api2::alloc::Allocator;

use crate::slots::claims::{Claims, Span};
use crate::slots::segments::Segments;
use orionrt_plan::TensorId;
use orionrt_plan::plan::Plan;

/// The planned region of a plan, in memory: gives out each tensor's slot.
///
/// `A` is any allocator: `&Arena` for tensors that borrow, an [`Arena`](crate::Arena) by value for a pool that owns its memory and can
/// live in an `Arc`.
///
/// ```
/// use core::alloc::Layout;
/// use allocator_api2::vec::Vec;
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
/// let mut t: Vec<f32, _> = Vec::with_capacity_in(1024, pool.slot(x)?); // at its planned address
/// t.push(1.0);
/// assert_eq!(t.as_ptr().addr(), pool.base().addr().get() + pool.byte_offset(x).unwrap());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct TensorPool<A: Allocator> {
    arena: A,
    region: NonNull<u8>,
    layout: Layout,
    places: Box<[Place]>,
    claims: Claims,
    fallback: bool,
    plan: Plan,
}

/// Where a tensor lies, ready for use at run time.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) start: NonNull<u8>,
    pub(crate) size: usize,
    /// The largest power of two that divides the address of `start`.
    pub(crate) alignment: usize,
    pub(crate) span: Span,
    /// Whether the place is claimed; to say who is in the way, never to decide.
    pub(crate) claimed: AtomicBool,
}

// SAFETY: places hold addresses, dereferenced only by whoever claimed their bytes. An `A: Send` may be moved to another thread
// together with its allocations, and `drop` is the only other use of `region`.
unsafe impl<A: Allocator + Send> Send for TensorPool<A> {}
// SAFETY: as above; claims are atomic, and the arena is used through a shared reference only where it is `Sync`.
unsafe impl<A: Allocator + Sync> Sync for TensorPool<A> {}

impl<A: Allocator> TensorPool<A> {
    /// Reserves `plan.peak()` bytes in `arena`. A tensor that outgrows its slot fails.
    ///
    /// # Errors
    /// When the arena has no room for the region; see [`PoolError`].
    pub fn new(arena: A, plan: &Plan) -> Result<Self, PoolError> {
        Self::build(arena, plan, false)
    }

    /// Like [`new`](Self::new); an allocation that does not fit its slot goes to the arena instead of failing. One that overlaps a
    /// live tensor still fails.
    ///
    /// # Errors
    /// When the arena has no room for the region; see [`PoolError`].
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
        let places = plan.lifetimes().rows().iter().zip(plan.offsets());
        let places = places.map(|(row, &offset)| {
            if !row.has_bytes() {
                return Place::nowhere(region);
            }
            // SAFETY: `Plan` promises `offset + size <= peak` for a tensor that occupies bytes, and so for one that lies
            // within it; the region has `peak` bytes.
            let start = unsafe { region.add(offset as usize) };
            Place {
                start,
                size: row.size as usize,
                alignment: 1 << start.addr().trailing_zeros(),
                span: segments.span(offset, row.size),
                claimed: AtomicBool::new(false),
            }
        });
        Ok(Self {
            places: places.collect(),
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

    /// The address of the planned region.
    #[must_use]
    pub fn base(&self) -> NonNull<u8> {
        self.region
    }

    /// The size of the planned region in bytes: the plan's peak.
    #[must_use]
    pub fn region_bytes(&self) -> usize {
        self.layout.size()
    }

    /// Whether the plan has this tensor.
    #[must_use]
    pub fn contains(&self, id: TensorId) -> bool {
        id.index() < self.places.len()
    }

    /// The offset of a tensor in bytes from [`base`](Self::base), if the plan has it.
    #[must_use]
    pub fn byte_offset(&self, id: TensorId) -> Option<usize> {
        usize::try_from(self.plan.offset(id)?).ok()
    }

    /// The address of a tensor's first byte, if the plan has it and it ever occupies bytes. Using it is
    /// only sound while the tensor is claimed, by a slot's allocation.
    #[must_use]
    pub fn as_ptr(&self, id: TensorId) -> Option<NonNull<u8>> {
        let place = self.places.get(id.index())?;
        (place.size > 0).then_some(place.start)
    }

    /// The tensors in order of execution; see [`Plan::execution_order`].
    #[must_use]
    pub fn execution_order(&self) -> Vec<TensorId> {
        self.plan.execution_order()
    }

    /// Whether the tensor's slot holds an allocation now.
    #[must_use]
    pub fn is_live(&self, id: TensorId) -> bool {
        let place = self.places.get(id.index());
        place.is_some_and(|place| place.claimed.load(Ordering::Relaxed))
    }

    /// A live tensor that keeps this one from being allocated: itself, or one that shares bytes with it. `None`
    /// when nothing is in the way, as nothing is of a tensor without bytes. Linear in the tensors.
    #[must_use]
    pub fn in_the_way(&self, id: TensorId) -> Option<TensorId> {
        let own = self.plan.bytes(id).filter(|own| !own.is_empty())?;
        let shares = |other: &TensorId| {
            let bytes = self.plan.bytes(*other);
            bytes.is_some_and(|b| b.start < own.end && own.start < b.end)
        };
        let mut all = (0..self.places.len()).map(TensorId::from_index);
        all.find(|other| self.is_live(*other) && (*other == id || shares(other)))
    }

    /// The name of a tensor, for messages.
    pub(crate) fn name(&self, id: TensorId) -> String {
        let name = self.plan.lifetimes().name(id);
        name.unwrap_or_default().to_string()
    }

    #[inline]
    pub(crate) fn place(&self, index: usize) -> &Place {
        &self.places[index]
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

impl Place {
    /// The place of a tensor that never has bytes.
    fn nowhere(region: NonNull<u8>) -> Self {
        Self {
            start: region,
            size: 0,
            alignment: 1,
            span: Span::new(0, 0),
            claimed: AtomicBool::new(false),
        }
    }
}

impl<A: Allocator> Drop for TensorPool<A> {
    fn drop(&mut self) {
        if self.layout.size() > 0 {
            // SAFETY: allocated by `build` from this arena with this layout. Slots borrow the pool or share its
            // ownership, so nothing allocated through one can still be in use.
            unsafe { self.arena.deallocate(self.region, self.layout) };
        }
    }
}

impl<A: Allocator> fmt::Debug for TensorPool<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let live = (0..self.places.len()).filter(|&i| self.is_live(TensorId::from_index(i)));
        f.debug_struct("TensorPool")
            .field("base", &self.region)
            .field("region_bytes", &self.layout.size())
            .field("tensors", &self.places.len())
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
    /// The plan has more distinct offsets and ends than can be numbered.
    TooManyTensors,
    /// The planned region is larger than this machine can address.
    TooLarge {
        /// The region's size in bytes.
        bytes: u64,
    },
}

impl fmt::Display for PoolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OutOfMemory { bytes } => write!(
                f,
                "the arena has no room for the planned region of {bytes} bytes; its capacity must be at least the plan's peak"
            ),
            Self::TooManyTensors => {
                write!(
                    f,
                    "the plan has more than {} distinct offsets and ends",
                    u32::MAX
                )
            }
            Self::TooLarge { bytes } => {
                write!(
                    f,
                    "a planned region of {bytes} bytes is larger than this machine can address"
                )
            }
        }
    }
}

impl core::error::Error for PoolError {}
