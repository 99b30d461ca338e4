//! The heaviest set of vertices that all conflict with each other, in a small graph.
//!
//! Stands on nothing. Branch and bound over sets that fit into one word. The bound covers the
//! candidates with independent sets, of each of which a clique has one member at most: the sum of
//! their heaviest members is the most that the candidates can add.

use alloc::vec::Vec;

/// A set is one word.
const MOST_VERTICES: usize = 64;
/// Nodes of the search before it gives up: below a second.
const MOST_NODES: u64 = 1 << 20;

/// The largest sum of weights of vertices that pairwise conflict; `None` for more than 64 vertices
/// or when the search runs out of nodes.
pub(crate) fn heaviest_clique(
    weights: &[u64],
    conflict: impl Fn(usize, usize) -> bool,
) -> Option<u64> {
    if weights.len() > MOST_VERTICES {
        return None;
    }
    let mut search = CliqueSearch::new(weights, conflict, MOST_NODES);
    search.run()?;
    Some(search.heaviest)
}

/// The largest sum of weights of vertices that pairwise conflict, among at most 64 of them, as far
/// as the search finds it within this many nodes.
pub(crate) fn heavy_clique(
    weights: &[u64],
    conflict: impl Fn(usize, usize) -> bool,
    nodes: u64,
) -> u64 {
    debug_assert!(weights.len() <= MOST_VERTICES);
    let mut search = CliqueSearch::new(weights, conflict, nodes);
    // Out of nodes, what was found is a clique all the same.
    let _ = search.run();
    search.heaviest
}

/// Branch and bound over vertices that are numbered by descending weight.
struct CliqueSearch {
    weights: Vec<u64>,
    /// The set of vertices that conflict with each.
    adjacent: Vec<u64>,
    heaviest: u64,
    nodes_left: u64,
}

impl CliqueSearch {
    fn new(weights: &[u64], conflict: impl Fn(usize, usize) -> bool, nodes: u64) -> Self {
        let mut order: Vec<usize> = (0..weights.len()).collect();
        order.sort_by_key(|&i| core::cmp::Reverse(weights[i]));
        let adjacent = |&i: &usize| {
            let others = order.iter().enumerate();
            let others = others.filter(|&(_, &j)| i != j && conflict(i, j));
            others.fold(0, |set, (at, _)| set | 1 << at)
        };
        Self {
            weights: order.iter().map(|&i| weights[i]).collect(),
            adjacent: order.iter().map(adjacent).collect(),
            heaviest: 0,
            nodes_left: nodes,
        }
    }

    /// Tries all cliques; `None` when out of nodes.
    fn run(&mut self) -> Option<()> {
        let all = (0..self.weights.len()).fold(0, |set, at| set | 1 << at);
        self.grow(0, all)
    }

    /// Tries every way to extend a clique of this weight by candidates that conflict with all of
    /// it; `None` when out of nodes.
    fn grow(&mut self, weight: u64, candidates: u64) -> Option<()> {
        self.nodes_left = self.nodes_left.checked_sub(1)?;
        self.heaviest = self.heaviest.max(weight);
        let mut left = candidates;
        // Backwards: the bound of a vertex covers it and all vertices before it, so when one bound
        // is too low, so are those of the rest.
        for (bound, vertex) in self.covered(candidates).into_iter().rev() {
            if weight + bound <= self.heaviest {
                return Some(());
            }
            left &= !(1 << vertex);
            self.grow(weight + self.weights[vertex], left & self.adjacent[vertex])?;
        }
        Some(())
    }

    /// The candidates, each with the most weight that it and those before it can add.
    fn covered(&self, mut candidates: u64) -> Vec<(u64, usize)> {
        let (mut covered, mut bound) = (Vec::new(), 0);
        while candidates != 0 {
            let mut independent = candidates;
            bound += self.weights[candidates.trailing_zeros() as usize];
            while independent != 0 {
                let vertex = independent.trailing_zeros() as usize;
                independent &= !(1 << vertex) & !self.adjacent[vertex];
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
    use crate::bits::ones;
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
            let is_clique = |&set: &u64| {
                ones(set).all(|i| ones(set).all(|j| i == j || conflict(i, j)))
            };
            let weight = |set: u64| ones(set).map(|i| weights[i]).sum::<u64>();
            let heaviest = (0..1u64 << count).filter(is_clique).map(weight).max();
            prop_assert_eq!(heaviest_clique(&weights, conflict), heaviest);
            prop_assert_eq!(Some(heavy_clique(&weights, conflict, MOST_NODES)), heaviest);
            prop_assert!(Some(heavy_clique(&weights, conflict, 3)) <= heaviest);
        }
    }
}
