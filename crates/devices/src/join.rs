//! Join of tensors into the tensor that they fill: the operands of a concatenation into its result.
//!
//! Stands on slots, and is the reverse of [`DeviceSlot::split_into`]. The claims of the parts
//! become the claim of the joined tensor; the device is asked nothing, and nothing is copied.
//!
//! ```text
//! a, b    ├── slot of a, written on stream 0 ──┤├── slot of b, written on stream 1 ──┤
//! joined  ├────── slot of joined: whoever reads it has waited for both streams ──────┤
//! ```
//!
//! Invariant: the segments that the parts had claimed are those of the joined tensor, and none of
//! them is free in between.

use core::fmt;

use orionrt_plan::TensorId;

use crate::{
    memory::DeviceMemory, order::StreamId, pool::DevicePool, returned::returns_slots,
    slot::DeviceSlot, slot_error::DeviceSlotError,
};

/// Slots whose tensors could not be [joined](DevicePool::join), and why.
#[non_exhaustive]
pub struct DeviceJoinError<M: DeviceMemory> {
    /// The slots, unchanged and in their order.
    pub slots: Vec<DeviceSlot<M>>,
    /// Why their tensors could not be joined.
    pub error: DeviceSlotError,
}

impl<M: DeviceMemory> DevicePool<M> {
    /// Turns tensors that fill a tensor into it: the operands of a concatenation, planned as parts
    /// of its result ([`Aliasing::Parts`](orionrt_plan::Aliasing::Parts)), into that result. The
    /// bytes stay where they are, with their contents and their uses. Each tensor has its place in
    /// the plan, so the order of the slots does not matter.
    ///
    /// The joined tensor is not written by this: a stream that reads it next has to have waited for
    /// the last write of each part.
    ///
    /// ```
    /// use orionrt_devices::{DeviceArena, DeviceMemory, HostDevice, StreamId, StreamOrder};
    /// use orionrt_plan::{Aliasing, GraphBuilder, Planner};
    ///
    /// let device = HostDevice::new(1 << 16)?;
    /// let (half, whole) = (device.properties().layout(256)?, device.properties().layout(512)?);
    /// let mut g = GraphBuilder::new();
    /// let [a, b] = ["a", "b"].map(|name| g.tensor(name, half));
    /// let joined = g.tensor("joined", whole);
    /// g.op("make a").writes([a]);
    /// g.op("make b").writes([b]);
    /// g.op("concatenate").part(a, joined, 0).part(b, joined, 256);
    /// let graph = g.output(joined).build()?;
    /// let plan = Planner::new().plan(&graph.lifetimes_with(Aliasing::Parts))?;
    /// assert_eq!(plan.peak(), 512);
    ///
    /// let pool = DeviceArena::new(device)?.pool(&plan, &StreamOrder::new(2))?;
    /// let [one, two] = [0, 1].map(StreamId::new);
    /// let parts = vec![pool.slot(a, one)?, pool.slot(b, two)?];
    /// let joined = pool.join(joined, parts)?;
    /// assert_eq!(joined.bytes(), 512);
    /// assert!(joined.read_on(one).is_err()); // `b` was written on the other stream
    /// pool.wait(one, &pool.signal(two)?)?;
    /// joined.read_on(one)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Returns the slots if the plan has no bytes for the joined tensor, a slot is of another pool,
    /// its tensor does not lie within the joined one, or all of them have fewer bytes than it.
    pub fn join(
        &self,
        id: TensorId,
        slots: Vec<DeviceSlot<M>>,
    ) -> Result<DeviceSlot<M>, DeviceJoinError<M>> {
        match self.try_join(id, &slots) {
            Ok(()) => {
                slots.into_iter().for_each(DeviceSlot::forget);
                Ok(DeviceSlot::of(self, id))
            }
            Err(error) => Err(DeviceJoinError { slots, error }),
        }
    }

    fn try_join(&self, id: TensorId, slots: &[DeviceSlot<M>]) -> Result<(), DeviceSlotError> {
        self.check(id)?;
        if let Some(other) = slots.iter().find(|slot| !slot.pool().is(self)) {
            return Err(DeviceSlotError::OtherPool {
                tensor: other.name().to_owned(),
                of: self.name(id),
            });
        }
        let parts: Vec<TensorId> = slots.iter().map(DeviceSlot::tensor).collect();
        let joined = self.claims().join(&parts, id);
        joined.map_err(|refusal| self.refused(id, StreamId::HOST, refusal))
    }
}

returns_slots!(DeviceJoinError, slots);
