//! Which tensors of different models share bytes in a joint plan.
//!
//! Stands on the joint plan. A sweep over bytes finds the pairs: a tensor that begins shares bytes
//! with all that have begun and not ended. Counting needs no sweep: all pairs share bytes except
//! for those of which one ends before the other begins.

use alloc::vec::Vec;
use core::ops::{ControlFlow, Range};

use super::shared_plan::SharedPlan;
use crate::ids::TensorId;
use crate::intervals::disjoint_pairs;
use crate::multi_model::tensors::ModelTensor;

/// Bytes that two tensors of different models share in a [`SharedPlan`].
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub struct SharedRange {
    /// The tensors, in order.
    pub tensors: [ModelTensor; 2],
    /// The bytes that both have, from the start of the region.
    pub bytes: Range<u64>,
}

impl SharedPlan {
    /// Shows every two tensors of different models that share bytes to `visit`, in order of the
    /// first byte that they share, until it breaks. There may be as many as the square of the
    /// tensors; no pair is stored.
    ///
    /// ```
    /// use core::ops::ControlFlow;
    /// use orionrt_plan::{multi_model::{ModelSet, Schedule}, Lifetimes, Planner};
    /// let mut models = ModelSet::new();
    /// models.add("a", Lifetimes::from_rows([("x", 0, 2, 100, 1), ("y", 1, 3, 50, 1)])?)?;
    /// models.add("b", Lifetimes::from_rows([("z", 0, 2, 120, 1)])?)?;
    /// let shared = models.plan(&Schedule::OneAtATime, &Planner::new())?;
    /// let mut bytes = 0;
    /// let _ = shared.visit_shared(|pair| {
    ///     bytes += pair.bytes.end - pair.bytes.start;
    ///     ControlFlow::<()>::Continue(())
    /// });
    /// assert_eq!((bytes, shared.shared_pairs()), (120, 2));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn visit_shared<B>(
        &self,
        mut visit: impl FnMut(SharedRange) -> ControlFlow<B>,
    ) -> ControlFlow<B> {
        let mut placed: Vec<(ModelTensor, Range<u64>)> = self.placed().collect();
        placed.sort_unstable_by_key(|(owner, bytes)| (bytes.start, *owner));
        let mut open: Vec<Vec<usize>> = alloc::vec![Vec::new(); self.models().len()];
        for (at, (owner, bytes)) in placed.iter().enumerate() {
            for (model, open) in open.iter_mut().enumerate() {
                open.retain(|&other| placed[other].1.end > bytes.start);
                if model == owner.model.index() {
                    continue;
                }
                for &other in &*open {
                    let (theirs, held) = &placed[other];
                    visit(SharedRange {
                        tensors: [*owner.min(theirs), *owner.max(theirs)],
                        bytes: bytes.start..bytes.end.min(held.end),
                    })?;
                }
            }
            open[owner.model.index()].push(at);
        }
        ControlFlow::Continue(())
    }

    /// How many pairs of tensors of different models share bytes. O(n log n).
    #[must_use]
    pub fn shared_pairs(&self) -> u64 {
        let mut all = Vec::new();
        let mut inside = 0;
        let mut own = Vec::new();
        let mut placed = self.placed().peekable();
        while let Some((owner, bytes)) = placed.next() {
            all.push(bytes.clone());
            own.push(bytes);
            let next = placed.peek().map(|(next, _)| next.model);
            if next != Some(owner.model) {
                inside += overlapping_pairs(&own);
                own.clear();
            }
        }
        overlapping_pairs(&all) - inside
    }

    /// All tensors that have bytes of their own, in order, with their bytes.
    fn placed(&self) -> impl Iterator<Item = (ModelTensor, Range<u64>)> {
        let rows = self.plan().lifetimes().rows().iter().enumerate();
        let own = rows.filter(|(_, row)| row.occupies());
        own.filter_map(|(i, _)| {
            let id = TensorId::from_index(i);
            Some((self.owner(id)?, self.plan().bytes(id)?))
        })
    }
}

fn overlapping_pairs(bytes: &[Range<u64>]) -> u64 {
    let count = bytes.len() as u64;
    count * count.saturating_sub(1) / 2 - disjoint_pairs(bytes)
}
