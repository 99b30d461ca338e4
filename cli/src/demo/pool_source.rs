//! Tensors in the planned slots of a pool.
//!
//! Stands on [`orionrt::TensorPool`]. Invariant: a tensor gets its own slot and no other, so it
//! lies at its planned offset, and so do the tensors within it.

#![forbid(unsafe_code)]

use orionrt::{
    Arena, TensorId, TensorPool,
    slots::{Slot, SlotError},
};

use super::executor::TensorSource;

/// Every tensor in its slot.
#[derive(Clone, Copy, Debug)]
pub struct PoolSource<'p>(pub &'p TensorPool<&'p Arena>);

impl<'p> TensorSource for PoolSource<'p> {
    type Alloc = Slot<'p>;
    type Error = SlotError;

    fn allocator(&self, tensor: TensorId) -> Result<Slot<'p>, SlotError> {
        self.0.slot(tensor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use allocator_api2::vec::Vec;
    use orionrt::Planner;

    use crate::demo::models::small_networks;

    #[test]
    fn a_tensor_lies_at_its_planned_offset() {
        let [network, ..] = small_networks(1);
        let plan = Planner::new().plan(&network.graph().lifetimes()).unwrap();
        let arena = Arena::builder().build().unwrap();
        let pool = TensorPool::new(&arena, &plan).unwrap();
        for id in plan.execution_order() {
            let slot = PoolSource(&pool).allocator(id).unwrap();
            let tensor: Vec<f32, _> = Vec::with_capacity_in(network.length(id), slot);
            let offset = tensor.as_ptr().addr() - pool.base().addr().get();
            assert_eq!(offset as u64, plan.offset(id).unwrap());
        }
    }
}
