//! The heaviest antichain of a partial order: how much is needed at once at least, whatever the schedule.
//!
//! Elements of which none precedes another can all be alive together, so no placement has a lower peak. By Dilworth's theorem with
//! weights, the heaviest antichain weighs as much as the cheapest cover by chains: the total weight less the largest flow
//! from elements to their successors, in which an element sends and takes at most its weight. The flow is Dinic's (1970):
//! phases of shortest augmenting paths, here over sets of bits.
//!
//! ```text
//! source ─w(i)→ sender i ─∞→ taker j ─w(j)→ sink      where i precedes j
//!                         ←f─                         what flows may be taken back
//! ```
//!
//! Where `precedes` is not transitive, what comes out is at most the heaviest antichain: a bound still.

use alloc::vec::Vec;

/// The largest sum of weights of elements of which none precedes another; `None` if that takes more than about `most_work`
/// steps (asking once, or looking at 64 pairs), of which every pair of elements costs two at least.
pub(crate) fn heaviest_antichain(
    weights: &[u64],
    precedes: impl Fn(usize, usize) -> bool,
    most_work: u64,
) -> Option<u64> {
    let count = weights.len() as u64;
    let left = most_work.checked_sub(count.saturating_mul(count))?;
    let mut flow = Flow::new(weights, precedes, left);
    while flow.set_levels()? {
        flow.block()?;
    }
    // What is left to send at the end has not been sent.
    Some(flow.unsent.iter().sum())
}

/// A set of elements.
type Bits = Vec<u64>;

fn bits(count: usize) -> Bits {
    alloc::vec![0; count.div_ceil(64)]
}

fn has(bits: &[u64], i: usize) -> bool {
    bits[i / 64] >> (i % 64) & 1 == 1
}

fn remove(bits: &mut [u64], i: usize) {
    bits[i / 64] &= !(1 << (i % 64));
}

struct Flow {
    /// The successors of each sender.
    after: Vec<Bits>,
    unsent: Vec<u64>,
    untaken: Vec<u64>,
    /// What each taker has from whom.
    taken: Vec<Vec<(u32, u64)>>,
    /// The steps from the source, of senders and of takers; unreachable ones have `u32::MAX`.
    sender_levels: Vec<u32>,
    /// The takers of each level that still lead to the sink, as far as is known.
    takers: Vec<Bits>,
    work_left: u64,
}

impl Flow {
    fn new(weights: &[u64], precedes: impl Fn(usize, usize) -> bool, work_left: u64) -> Self {
        let count = weights.len();
        let successors = |i: usize| {
            let mut after = bits(count);
            for j in (0..count).filter(|&j| j != i && precedes(i, j)) {
                after[j / 64] |= 1 << (j % 64);
            }
            after
        };
        Self {
            after: (0..count).map(successors).collect(),
            unsent: weights.to_vec(),
            untaken: weights.to_vec(),
            taken: alloc::vec![Vec::new(); count],
            sender_levels: Vec::new(),
            takers: Vec::new(),
            work_left,
        }
    }

    fn work(&mut self, steps: usize) -> Option<()> {
        self.work_left = self.work_left.checked_sub(steps as u64)?;
        Some(())
    }

    /// The distances from the source, up to that of the sink; returns whether it can be reached.
    fn set_levels(&mut self) -> Option<bool> {
        let count = self.unsent.len();
        let mut unseen = bits(count);
        (0..count).for_each(|j| unseen[j / 64] |= 1 << (j % 64));
        self.sender_levels = alloc::vec![u32::MAX; count];
        self.takers.clear();
        let mut senders: Vec<usize> = (0..count).filter(|&i| self.unsent[i] > 0).collect();
        let mut level = 0;
        while !senders.is_empty() {
            for &i in &senders {
                self.sender_levels[i] = level;
            }
            let mut reached = bits(count);
            for &i in &senders {
                self.work(unseen.len())?;
                for (word, (unseen, after)) in unseen.iter_mut().zip(&self.after[i]).enumerate() {
                    reached[word] |= *unseen & after;
                    *unseen &= !after;
                }
            }
            let takers: Vec<usize> = (0..count).filter(|&j| has(&reached, j)).collect();
            self.takers.push(reached);
            if takers.iter().any(|&j| self.untaken[j] > 0) {
                return Some(true);
            }
            level += 1;
            senders.clear();
            for j in takers {
                self.work(self.taken[j].len())?;
                for &(i, _) in &self.taken[j] {
                    if self.sender_levels[i as usize] == u32::MAX {
                        self.sender_levels[i as usize] = level;
                        senders.push(i as usize);
                    }
                }
            }
        }
        Some(false)
    }

    /// Sends along shortest paths until each of them has a full edge.
    fn block(&mut self) -> Option<()> {
        for i in 0..self.unsent.len() {
            if self.unsent[i] > 0 {
                let sent = self.send(i, self.unsent[i])?;
                self.unsent[i] -= sent;
            }
        }
        Some(())
    }

    /// Sends up to `most` from a sender to the sink; returns how much. No deeper than there are levels: a path has each
    /// element twice at most.
    fn send(&mut self, i: usize, most: u64) -> Option<u64> {
        let level = self.sender_levels[i] as usize;
        let (mut sent, mut word) = (0, 0);
        while sent < most && word < self.after[i].len() {
            self.work(1)?;
            let open = self.takers[level][word] & self.after[i][word];
            if open == 0 {
                word += 1;
                continue;
            }
            let j = word * 64 + open.trailing_zeros() as usize;
            let more = self.take(j, level, most - sent)?;
            if more < most - sent {
                remove(&mut self.takers[level], j);
            }
            if more > 0 {
                self.give(i, j, more);
                sent += more;
            }
        }
        Some(sent)
    }

    /// Takes up to `most` to the sink, or by giving back what other senders sent, which send it elsewhere.
    fn take(&mut self, j: usize, level: usize, most: u64) -> Option<u64> {
        let last = level + 1 == self.takers.len();
        let mut taken = 0;
        if last {
            taken = most.min(self.untaken[j]);
            self.untaken[j] -= taken;
            return Some(taken);
        }
        let mut at = 0;
        while taken < most && at < self.taken[j].len() {
            self.work(1)?;
            let (other, flow) = self.taken[j][at];
            if self.sender_levels[other as usize] as usize == level + 1 {
                let moved = self.send(other as usize, flow.min(most - taken))?;
                taken += moved;
                if moved == flow {
                    self.taken[j].swap_remove(at);
                    continue;
                }
                self.taken[j][at].1 -= moved;
            }
            at += 1;
        }
        Some(taken)
    }

    fn give(&mut self, i: usize, j: usize, more: u64) {
        let taken = &mut self.taken[j];
        match taken.iter_mut().find(|(from, _)| *from as usize == i) {
            Some((_, flow)) => *flow += more,
            None => taken.push((i as u32, more)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A random order: pairs upwards, made transitive.
    fn order(count: usize, pairs: &[(usize, usize)]) -> Vec<Vec<bool>> {
        let mut precedes = alloc::vec![alloc::vec![false; count]; count];
        for &(a, b) in pairs {
            let (a, b) = (a % count, b % count);
            if a != b {
                precedes[a.min(b)][a.max(b)] = true;
            }
        }
        for k in 0..count {
            for i in 0..count {
                for j in 0..count {
                    precedes[i][j] |= precedes[i][k] && precedes[k][j];
                }
            }
        }
        precedes
    }

    fn heaviest_of_all_subsets(weights: &[u64], precedes: &[Vec<bool>]) -> u64 {
        let count = weights.len();
        let is_antichain = |set: &u32| {
            let inside = |i: usize| set >> i & 1 == 1;
            !(0..count).any(|i| (0..count).any(|j| inside(i) && inside(j) && precedes[i][j]))
        };
        let weight = |set: u32| {
            (0..count)
                .filter(|i| set >> i & 1 == 1)
                .map(|i| weights[i])
                .sum()
        };
        (0..1u32 << count)
            .filter(is_antichain)
            .map(weight)
            .max()
            .unwrap_or(0)
    }

    #[test]
    fn a_chain_needs_its_heaviest_and_strangers_need_all() {
        let weights = [3, 9, 4];
        assert_eq!(heaviest_antichain(&weights, |a, b| a < b, 1000), Some(9));
        assert_eq!(heaviest_antichain(&weights, |_, _| false, 1000), Some(16));
        assert_eq!(heaviest_antichain(&[], |_, _| false, 0), Some(0));
    }

    #[test]
    fn too_much_work_is_not_begun() {
        assert_eq!(heaviest_antichain(&[1; 10], |a, b| a < b, 99), None);
        assert_eq!(heaviest_antichain(&[1; 10], |a, b| a < b, 101), None);
    }

    proptest! {
        #[test]
        fn no_subset_is_a_heavier_antichain(
            weights in prop::collection::vec(0u64..20, 1..12),
            pairs in prop::collection::vec((0usize..12, 0usize..12), 0..30),
        ) {
            let precedes = order(weights.len(), &pairs);
            let heaviest = heaviest_antichain(&weights, |a, b| precedes[a][b], 1 << 30);
            prop_assert_eq!(heaviest, Some(heaviest_of_all_subsets(&weights, &precedes)));
        }
    }
}
