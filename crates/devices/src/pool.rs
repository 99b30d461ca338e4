//! A plan in device memory: one range of an arena, and the buffer of every tensor in it.
//!
//! [`DevicePool`] stands on a [`Plan`], whose offsets have been checked, on a [`DeviceArena`] that
//! lends it one range of `plan.peak()` bytes, and on [`Claims`], which say who may use which bytes.
//!
//! Invariants: a tensor's buffer is its planned bytes, within the range that is lent; whoever holds
//! the claim on a tensor is the only one to use these bytes, as far as the device is used as the
//! [`StreamOrder`] was told.

use core::{alloc::Layout, fmt, ops::Range};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use orionrt_plan::{Plan, TensorId};

use crate::{
    arena::{DeviceArena, Reserved},
    claims::{Claims, Refusal},
    error::DeviceMemoryError,
    memory::DeviceMemory,
    order::{Event, OrderError, StreamId, StreamOrder},
    properties::DeviceProperties,
    slot_error::DeviceSlotError,
};

/// A plan in device memory, which hands out the slot of each tensor. Clones are one pool.
///
/// All buffers are made with the pool: using slots allocates nothing on the device. The range of
/// the arena is given back when the last clone and the last slot are dropped; a clone is to be kept
/// as long as commands that use its tensors may be submitted.
///
/// ```
/// use orionrt_devices::{DeviceArena, HostDevice, StreamId, StreamOrder};
/// use orionrt_plan::{Lifetimes, Planner, TensorId};
///
/// let rows = [("a", 0, 2, 1024, 256), ("b", 1, 3, 2048, 256), ("c", 2, 4, 1024, 256)];
/// let plan = Planner::new().plan(&Lifetimes::from_rows(rows)?)?;
/// let [a, b, c] = [0, 1, 2].map(TensorId::new);
///
/// let arena = DeviceArena::new(HostDevice::new(1 << 20)?)?;
/// let order = StreamOrder::new(2);
/// let pool = arena.pool(&plan, &order)?;
/// let [copies, kernels] = [0, 1].map(StreamId::new);
///
/// let tensor = pool.slot(a, copies)?;
/// assert_eq!(tensor.range().end - tensor.range().start, 1024);
/// // `c` has the bytes of `a`.
/// let refused = pool.slot(c, kernels).unwrap_err().to_string();
/// assert_eq!(refused, "tensor `c` shares bytes with `a`, which is in use");
/// drop(tensor);
/// // The device may still run what used `a`: the other stream has to wait for it.
/// assert!(pool.slot(c, kernels).is_err());
/// let event = pool.signal(copies)?;
/// pool.wait(kernels, &event)?;
/// let c = pool.slot(c, kernels)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct DevicePool<M: DeviceMemory>(Arc<Shared<M>>);

struct Shared<M: DeviceMemory> {
    /// For each tensor of the plan; dropped before the range is given back.
    tensors: Vec<Option<PlannedTensor<M::Buffer>>>,
    /// `None` if the plan needs no byte.
    region: Option<Reserved<M>>,
    arena: DeviceArena<M>,
    claims: Mutex<Claims>,
    order: StreamOrder,
    plan: Plan,
}

/// A tensor that has bytes.
pub(crate) struct PlannedTensor<B> {
    /// The tensor's bytes in the arena's block.
    pub(crate) range: Range<u64>,
    pub(crate) buffer: B,
}

impl<M: DeviceMemory> DeviceArena<M> {
    /// Lays a plan into the arena: takes one range of `plan.peak()` bytes, and makes a buffer of
    /// each tensor. The range begins at a multiple of the plan's alignment in the block. The
    /// streams of the device are those of the order, which several pools may share.
    ///
    /// # Errors
    /// The plan was made for a device with another alignment, has a tensor that is too large for a
    /// kernel, does not fit the arena, or the driver refuses a buffer.
    pub fn pool(
        &self,
        plan: &Plan,
        order: &StreamOrder,
    ) -> Result<DevicePool<M>, DeviceMemoryError> {
        self.memory().properties().check(plan)?;
        let region = match plan.peak() {
            0 => None,
            _ => Some(self.reserve(region_layout(self.memory().properties(), plan)?)?),
        };
        let base = region.as_ref().map_or(0, |region| region.range().start);
        let tensors = (0..plan.len()).map(|index| self.tensor(plan, index, base));
        Ok(DevicePool(Arc::new(Shared {
            tensors: tensors.collect::<Result<_, _>>()?,
            region,
            arena: self.clone(),
            claims: Mutex::new(Claims::new(plan)),
            order: order.clone(),
            plan: plan.clone(),
        })))
    }

    /// A tensor of a plan whose region begins at `base`; `None` if it never has bytes.
    fn tensor(
        &self,
        plan: &Plan,
        index: usize,
        base: u64,
    ) -> Result<Option<PlannedTensor<M::Buffer>>, DeviceMemoryError> {
        let (row, offset) = (&plan.lifetimes().rows()[index], plan.offsets()[index]);
        if !row.has_bytes() {
            return Ok(None);
        }
        let start = base + offset;
        let range = start..start + row.size;
        let rounded = range
            .end
            .next_multiple_of(self.memory().properties().copy_alignment);
        let buffer = self.memory().buffer(start..rounded)?;
        Ok(Some(PlannedTensor { range, buffer }))
    }
}

impl<M: DeviceMemory> DevicePool<M> {
    /// The plan.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.0.plan
    }

    /// The arena that lends the range.
    #[must_use]
    pub fn arena(&self) -> &DeviceArena<M> {
        &self.0.arena
    }

    /// The bytes of the arena's block that are lent to the pool: the plan's peak, rounded up to
    /// what copies need.
    #[must_use]
    pub fn region(&self) -> Range<u64> {
        let region = self.0.region.as_ref();
        region.map_or(0..0, |region| region.range())
    }

    /// The order of the device's streams and of the host.
    #[must_use]
    pub fn order(&self) -> &StreamOrder {
        &self.0.order
    }

    /// [`StreamOrder::signal`] of the pool's order.
    ///
    /// # Errors
    /// There is no such stream.
    pub fn signal(&self, stream: StreamId) -> Result<Event, OrderError> {
        self.0.order.signal(stream)
    }

    /// [`StreamOrder::wait`] of the pool's order.
    ///
    /// # Errors
    /// There is no such stream, or the event is of another order.
    pub fn wait(&self, stream: StreamId, event: &Event) -> Result<(), OrderError> {
        self.0.order.wait(stream, event)
    }

    /// Whether the two are one pool.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// Whether a slot of the tensor exists.
    #[must_use]
    pub fn is_in_use(&self, id: TensorId) -> bool {
        self.0.tensors.get(id.index()).is_some() && self.claims().is_in_use(id)
    }

    /// The buffer of a tensor, claimed or not: to bind it once, in descriptors that outlive the
    /// slots. `None` if the plan does not have the tensor, or no bytes for it.
    #[must_use]
    pub fn buffer(&self, id: TensorId) -> Option<&M::Buffer> {
        self.planned(id).map(|tensor| &tensor.buffer)
    }

    /// The tensor, if the plan has bytes for it.
    pub(crate) fn planned(&self, id: TensorId) -> Option<&PlannedTensor<M::Buffer>> {
        self.0.tensors.get(id.index())?.as_ref()
    }

    /// Checks that the plan has bytes for a tensor.
    pub(crate) fn check(&self, id: TensorId) -> Result<(), DeviceSlotError> {
        let tensors = self.0.tensors.len();
        let tensor = self.0.tensors.get(id.index());
        match tensor.ok_or(DeviceSlotError::Unknown { id, tensors })? {
            Some(_) => Ok(()),
            None => Err(DeviceSlotError::NoBytes {
                tensor: self.name(id),
            }),
        }
    }

    /// The claims. A thread that panicked while it held the lock has left them as they were: they
    /// are changed behind all checks, by assignments.
    pub(crate) fn claims(&self) -> MutexGuard<'_, Claims> {
        let claims = self.0.claims.lock();
        claims.unwrap_or_else(PoisonError::into_inner)
    }

    /// The name of a tensor, for messages.
    pub(crate) fn name(&self, id: TensorId) -> String {
        let name = self.plan().lifetimes().name(id);
        name.unwrap_or_default().to_owned()
    }

    /// The error of a claim, or use, of a tensor on a stream that was refused.
    pub(crate) fn refused(
        &self,
        id: TensorId,
        stream: StreamId,
        refusal: Refusal,
    ) -> DeviceSlotError {
        let tensor = self.name(id);
        match refusal {
            Refusal::InUse { by } => DeviceSlotError::InUse {
                tensor,
                by: self.name(by),
            },
            Refusal::Unordered { after, on } => DeviceSlotError::Unordered {
                tensor,
                stream,
                after: self.name(after),
                on,
            },
            Refusal::NotWithin { tensor: part } => DeviceSlotError::NotWithin {
                tensor: self.name(part),
                of: tensor,
            },
            Refusal::Overlap { tensor, with } => DeviceSlotError::Overlap {
                tensor: self.name(tensor),
                with: self.name(with),
            },
            Refusal::NotPart { tensor: part } => DeviceSlotError::NotPart {
                tensor: self.name(part),
                of: tensor,
            },
            Refusal::NotFilled { bytes, filled } => DeviceSlotError::NotFilled {
                tensor,
                bytes,
                filled,
            },
        }
    }
}

/// The size and the alignment of a plan's range.
fn region_layout(properties: &DeviceProperties, plan: &Plan) -> Result<Layout, DeviceMemoryError> {
    let layout = properties.layout(plan.peak())?;
    let align = usize::try_from(plan.alignment()).ok();
    let layout = align.and_then(|align| layout.align_to(align).ok());
    layout.ok_or(DeviceMemoryError::TooLarge {
        needed: plan.peak(),
        largest: isize::MAX as u64,
    })
}

impl<M: DeviceMemory> Clone for DevicePool<M> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<M: DeviceMemory> fmt::Debug for DevicePool<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DevicePool")
            .field("region", &self.region())
            .field("tensors", &self.0.tensors.len())
            .field("streams", &self.0.order.streams())
            .finish_non_exhaustive()
    }
}
