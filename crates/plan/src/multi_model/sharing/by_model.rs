//! Sorted items of several models, and those of all models but one.
//!
//! The lists are the nodes of a binary tree over the models: an item is in the list of its model's
//! leaf and in the lists of all nodes above it. The items of all *other* models are then in the
//! log₂(m) lists beside the path from the model's leaf to the root. No query meets an item of the
//! model itself only to skip it.
//!
//! ```text
//!            root               others than M1:  the lists of {M0} and of {M2, M3}
//!      M0 M1       M2 M3
//!     M0   M1     M2   M3
//! ```
//!
//! Invariant: the list of an inner node has the items of both lists below it, except for the root,
//! which is beside no path and stays empty. So *n* items are kept log₂(m) times.

use alloc::vec::Vec;

use super::sorted_list::SortedList;
use crate::ids::ModelId;

/// Items of several models.
#[derive(Debug)]
pub(super) struct ByModel<T> {
    /// The children of node i are 2i and 2i + 1, the root is 1; the second half are the leaves.
    nodes: Vec<SortedList<T>>,
}

impl<T: Ord + Copy> ByModel<T> {
    /// No items yet, for so many models.
    pub(super) fn new(models: usize) -> Self {
        let nodes = 0..2 * models.next_power_of_two();
        Self {
            nodes: nodes.map(|_| SortedList::default()).collect(),
        }
    }

    /// Adds an item of a model.
    pub(super) fn insert(&mut self, model: ModelId, item: T) {
        let mut node = self.leaf(model);
        while node > 1 {
            self.nodes[node].insert(item);
            node /= 2;
        }
    }

    /// Lists without common items that together have the items of all other models.
    pub(super) fn others(&self, model: ModelId) -> impl Iterator<Item = &SortedList<T>> {
        let leaf = self.leaf(model);
        let path = core::iter::successors(Some(leaf), |node| Some(node / 2));
        let below_root = path.take_while(|&node| node > 1);
        below_root.map(|node| &self.nodes[node ^ 1])
    }

    fn leaf(&self, model: ModelId) -> usize {
        self.nodes.len() / 2 + model.index()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_others_are_the_items_of_all_models_but_one() {
        for models in 1..10u32 {
            let mut by_model = ByModel::new(models as usize);
            let items = (0..300).map(|item| (item * 7 % 11 % models, item));
            for (model, item) in items.clone() {
                by_model.insert(ModelId::new(model), item);
            }
            for model in 0..models {
                let lists = by_model.others(ModelId::new(model));
                let mut found: Vec<u32> = lists
                    .flat_map(|list| list.from(0).flatten().copied())
                    .collect();
                found.sort_unstable();
                let others = items.clone().filter(|(other, _)| *other != model);
                assert!(others.map(|(_, item)| item).eq(found));
            }
        }
    }
}
