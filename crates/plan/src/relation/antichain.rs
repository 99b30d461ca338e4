//! The heaviest antichain of a partial order: the bytes that are needed at once in every schedule.
//!
//! Stands on [`BitSet`]. Elements of which none precedes another can all be alive together, so no
//! placement has a lower peak than their sum. By Dilworth's theorem with weights, the heaviest
//! antichain weighs as much as the cheapest cover by chains: the total weight less the largest flow
//! from elements to their successors, in which an element sends and receives at most its weight.
//! The flow is Dinic's (1970): phases of shortest augmenting paths, here over bit sets.
//!
//! ```text
//! source ─w(i)→ sender i ─∞→ receiver j ─w(j)→ sink      where i precedes j
//!                         ←f─                            flow that may be sent back
//! ```
//!
//! If `precedes` is not transitive, the result may be below the heaviest antichain, but is still a
//! lower bound.

use alloc::{vec, vec::Vec};

use crate::bits::{BitSet, WORD_BITS};

/// The largest sum of weights of elements of which none precedes another; `None` if finding it
/// takes more than about `most_work` steps. A step asks `precedes` once or looks at 64 pairs, so
/// every pair of elements costs at least two.
pub(crate) fn heaviest_antichain(
    weights: &[u64],
    precedes: impl Fn(usize, usize) -> bool,
    most_work: u64,
) -> Option<u64> {
    let count = weights.len() as u64;
    let left = most_work.checked_sub(count.saturating_mul(count))?;
    let mut flow = Flow::new(weights, precedes, left);
    while flow.set_levels()? {
        flow.send_all()?;
    }
    // The total weight less the flow.
    Some(flow.unsent.iter().sum())
}

/// The network of the picture above and the flow in it.
struct Flow {
    /// The successors of each sender.
    successors: Vec<BitSet>,
    /// The weight that each sender has not sent yet.
    unsent: Vec<u64>,
    /// The weight that each receiver can still pass on to the sink.
    room: Vec<u64>,
    /// What each receiver has received, by sender.
    received: Vec<Vec<(u32, u64)>>,
    /// The distance of each sender from the source in this phase; `u32::MAX` if unreachable.
    sender_levels: Vec<u32>,
    /// The receivers of each level that may still lead to the sink in this phase.
    receivers: Vec<BitSet>,
    work_left: u64,
}

impl Flow {
    fn new(weights: &[u64], precedes: impl Fn(usize, usize) -> bool, work_left: u64) -> Self {
        let count = weights.len();
        let successors = |i: usize| {
            let mut successors = BitSet::new(count);
            let after = (0..count).filter(|&j| j != i && precedes(i, j));
            after.for_each(|j| successors.insert(j));
            successors
        };
        Self {
            successors: (0..count).map(successors).collect(),
            unsent: weights.to_vec(),
            room: weights.to_vec(),
            received: vec![Vec::new(); count],
            sender_levels: Vec::new(),
            receivers: Vec::new(),
            work_left,
        }
    }

    /// Counts steps; `None` when there were too many.
    fn work(&mut self, steps: usize) -> Option<()> {
        self.work_left = self.work_left.checked_sub(steps as u64)?;
        Some(())
    }

    /// Sets the distances from the source, up to that of the sink, by a breadth-first search.
    /// Returns whether the sink can be reached; `None` when out of work.
    fn set_levels(&mut self) -> Option<bool> {
        let count = self.unsent.len();
        let mut unseen = BitSet::full(count);
        self.sender_levels = vec![u32::MAX; count];
        self.receivers.clear();
        let mut senders: Vec<usize> = (0..count).filter(|&i| self.unsent[i] > 0).collect();
        let mut level = 0;
        while !senders.is_empty() {
            for &i in &senders {
                self.sender_levels[i] = level;
            }
            let mut reached = BitSet::new(count);
            for &i in &senders {
                self.work(unseen.words().len())?;
                let words = reached.words_mut().iter_mut().zip(unseen.words_mut());
                for ((reached, unseen), after) in words.zip(self.successors[i].words()) {
                    *reached |= *unseen & after;
                    *unseen &= !after;
                }
            }
            let receivers: Vec<usize> = reached.iter().collect();
            self.receivers.push(reached);
            if receivers.iter().any(|&j| self.room[j] > 0) {
                return Some(true);
            }
            level += 1;
            senders.clear();
            for j in receivers {
                self.work(self.received[j].len())?;
                for &(i, _) in &self.received[j] {
                    if self.sender_levels[i as usize] == u32::MAX {
                        self.sender_levels[i as usize] = level;
                        senders.push(i as usize);
                    }
                }
            }
        }
        Some(false)
    }

    /// Finds a blocking flow: sends along shortest paths until each of them has a full edge.
    fn send_all(&mut self) -> Option<()> {
        for i in 0..self.unsent.len() {
            if self.unsent[i] > 0 {
                let sent = self.send(i, self.unsent[i])?;
                self.unsent[i] -= sent;
            }
        }
        Some(())
    }

    /// Sends up to `most` from a sender to the sink and returns how much. The recursion is no
    /// deeper than there are levels: a path has each element twice at most.
    fn send(&mut self, i: usize, most: u64) -> Option<u64> {
        let level = self.sender_levels[i] as usize;
        let (mut sent, mut word) = (0, 0);
        while sent < most && word < self.successors[i].words().len() {
            self.work(1)?;
            let open = self.receivers[level].words()[word] & self.successors[i].words()[word];
            if open == 0 {
                word += 1;
                continue;
            }
            let j = word * WORD_BITS + open.trailing_zeros() as usize;
            let more = self.receive(j, level, most - sent)?;
            if more < most - sent {
                self.receivers[level].remove(j);
            }
            if more > 0 {
                self.record(i, j, more);
                sent += more;
            }
        }
        Some(sent)
    }

    /// Receives up to `most` and returns how much: a receiver of the last level passes it on to the
    /// sink; any other sends back what it has from other senders, which then send that elsewhere.
    fn receive(&mut self, j: usize, level: usize, most: u64) -> Option<u64> {
        if level + 1 == self.receivers.len() {
            let passed = most.min(self.room[j]);
            self.room[j] -= passed;
            return Some(passed);
        }
        let (mut moved, mut at) = (0, 0);
        while moved < most && at < self.received[j].len() {
            self.work(1)?;
            let (other, flow) = self.received[j][at];
            if self.sender_levels[other as usize] as usize == level + 1 {
                let sent = self.send(other as usize, flow.min(most - moved))?;
                moved += sent;
                if sent == flow {
                    self.received[j].swap_remove(at);
                    continue;
                }
                self.received[j][at].1 -= sent;
            }
            at += 1;
        }
        Some(moved)
    }

    /// Notes that receiver `j` has received more from sender `i`.
    fn record(&mut self, i: usize, j: usize, more: u64) {
        let received = &mut self.received[j];
        match received.iter_mut().find(|(from, _)| *from as usize == i) {
            Some((_, flow)) => *flow += more,
            None => received.push((i as u32, more)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bits::ones;
    use proptest::prelude::*;

    /// The transitive closure of pairs, each directed from the smaller to the larger number.
    fn closure(count: usize, pairs: &[(usize, usize)]) -> Vec<Vec<bool>> {
        let mut precedes = vec![vec![false; count]; count];
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
        let is_antichain = |&set: &u64| !ones(set).any(|i| ones(set).any(|j| precedes[i][j]));
        let weight = |set: u64| ones(set).map(|i| weights[i]).sum();
        let antichains = (0..1u64 << count).filter(is_antichain);
        antichains.map(weight).max().unwrap_or(0)
    }

    #[test]
    fn a_chain_weighs_its_heaviest_and_unordered_elements_weigh_their_sum() {
        let weights = [3, 9, 4];
        assert_eq!(heaviest_antichain(&weights, |a, b| a < b, 1000), Some(9));
        assert_eq!(heaviest_antichain(&weights, |_, _| false, 1000), Some(16));
        assert_eq!(heaviest_antichain(&[], |_, _| false, 0), Some(0));
    }

    #[test]
    fn work_beyond_the_limit_gives_no_answer() {
        assert_eq!(heaviest_antichain(&[1; 10], |a, b| a < b, 99), None);
        assert_eq!(heaviest_antichain(&[1; 10], |a, b| a < b, 101), None);
    }

    proptest! {
        #[test]
        fn no_subset_is_a_heavier_antichain(
            weights in prop::collection::vec(0u64..20, 1..12),
            pairs in prop::collection::vec((0usize..12, 0usize..12), 0..30),
        ) {
            let precedes = closure(weights.len(), &pairs);
            let heaviest = heaviest_antichain(&weights, |a, b| precedes[a][b], 1 << 30);
            prop_assert_eq!(heaviest, Some(heaviest_of_all_subsets(&weights, &precedes)));
        }
    }
}
