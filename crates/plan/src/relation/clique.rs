//! The heaviest set of vertices that all conflict with each other, in a small graph: their sum is a lower bound of any placement.
//!
//! Branch and bound over sets of bits. The bound covers the candidates with independent sets (of which a clique has one member
//! each), each as heavy as its heaviest member.

use alloc::vec::Vec;

/// Sets are words.
const MOST_VERTICES: usize = 64;
/// Sets looked at before giving up: below a second.
const MOST_NODES: u64 = 1 << 20;

/// The largest sum of weights of vertices that pairwise conflict; `None` for more than 64 vertices, or where that takes too long.
pub(crate) fn heaviest_clique(
    weights: &[u64],
    conflict: impl Fn(usize, usize) -> bool,
) -> Option<u64> {
    if weights.len() > MOST_VERTICES {
        return None;
    }
    let mut order: Vec<usize> = (0..weights.len()).collect();
    order.sort_by_key(|&i| core::cmp::Reverse(weights[i]));
    let near = |&i: &usize| {
        let others = order.iter().enumerate();
        let others = others.filter(|&(_, &j)| i != j && conflict(i, j));
        others.fold(0, |set, (at, _)| set | 1 << at)
    };
    let mut search = Search {
        weights: order.iter().map(|&i| weights[i]).collect(),
        near: order.iter().map(near).collect(),
        heaviest: 0,
        nodes_left: MOST_NODES,
    };
    let all = order
        .iter()
        .enumerate()
        .fold(0, |set, (at, _)| set | 1 << at);
    search.grow(0, all)?;
    Some(search.heaviest)
}

/// Vertices by falling weight.
struct Search {
    weights: Vec<u64>,
    near: Vec<u64>,
    heaviest: u64,
    nodes_left: u64,
}

impl Search {
    /// Tries every way to extend a clique of this weight by candidates that conflict with all of it.
    fn grow(&mut self, weight: u64, candidates: u64) -> Option<()> {
        self.nodes_left = self.nodes_left.checked_sub(1)?;
        self.heaviest = self.heaviest.max(weight);
        let mut left = candidates;
        // The last to be tried are those that cannot do it without the others.
        for (bound, vertex) in self.covered(candidates).into_iter().rev() {
            if weight + bound <= self.heaviest {
                return Some(());
            }
            left &= !(1 << vertex);
            self.grow(weight + self.weights[vertex], left & self.near[vertex])?;
        }
        Some(())
    }

    /// The candidates, each with the most that it and those before it can add.
    fn covered(&self, mut candidates: u64) -> Vec<(u64, usize)> {
        let (mut covered, mut bound) = (Vec::new(), 0);
        while candidates != 0 {
            let mut independent = candidates;
            bound += self.weights[candidates.trailing_zeros() as usize];
            while independent != 0 {
                let vertex = independent.trailing_zeros() as usize;
                independent &= !(1 << vertex) & !self.near[vertex];
                candidates &= !(1 << vertex);
                covered.push((bound, vertex));
            }
        }
        covered
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_triangle_outweighs_its_edges() {
        let ring = |a: usize, b: usize| a.abs_diff(b) == 1 || a.abs_diff(b) == 4;
        assert_eq!(heaviest_clique(&[1, 2, 3, 4, 5], ring), Some(9));
        assert_eq!(heaviest_clique(&[1, 2, 3], |_, _| true), Some(6));
        assert_eq!(heaviest_clique(&[], |_, _| true), Some(0));
        assert_eq!(heaviest_clique(&[1; 64], |_, _| true), Some(64));
        assert_eq!(heaviest_clique(&[1; 65], |_, _| true), None);
    }

    proptest! {
        #[test]
        fn no_subset_is_a_heavier_clique(
            weights in prop::collection::vec(0u64..20, 1..11),
            edges in prop::collection::vec(any::<bool>(), 121),
        ) {
            let count = weights.len();
            let conflict = |a: usize, b: usize| edges[a.min(b) * 11 + a.max(b)];
            let inside = |set: u32, i: usize| set >> i & 1 == 1;
            let is_clique = |set: &u32| {
                (0..count).all(|i| (0..i).all(|j| !inside(*set, i) || !inside(*set, j) || conflict(i, j)))
            };
            let weight = |set: u32| (0..count).filter(|&i| inside(set, i)).map(|i| weights[i]).sum::<u64>();
            let heaviest = (0..1u32 << count).filter(is_clique).map(weight).max();
            prop_assert_eq!(heaviest_clique(&weights, conflict), heaviest);
        }
    }
}
