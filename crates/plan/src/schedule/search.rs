//! The best order of a few operators, by a best-first search over sets of operators that have run.
//!
//! Stands on [`Segment`] and [`BitSet`]. What is alive after some operators does not depend on
//! their order, so each set of operators that have run is one node, to be expanded once, with the
//! smallest peak on the way to it. Nodes are expanded in the order of that peak, as Dijkstra's
//! algorithm visits places by their distance, so the first complete set has the least peak of all.
//! Among equals, larger sets go first.
//!
//! ```text
//! bytes   From this node, a, b and c may run in a row without a new peak, and after c no more
//!   │     bytes are alive than before a, after a, or after b. Whatever the other operators do
//!   │     later is no worse after c than before a, so none of them needs to be tried first.
//!   │ peak ─────────────────
//!   │     ┌a┐ ┌b┐
//!   │ ────┘ └─┘ └┐ ┌c┐
//!   │            └─┘ └──────
//!   └──────────────────────── step
//! ```
//!
//! Why that holds: the bytes alive after a set are submodular, f(A ∪ B) + f(A ∩ B) ≤ f(A) + f(B).
//! Let A be any set on a way and B the set after c. If A ∩ B is one of the sets before c, none of
//! which has fewer bytes alive than B, then f(A ∪ B) ≤ f(A). That is why the operators of such a
//! *descent* must each depend on the one before. Results in place do not disturb this: they change
//! what is alive at a step, not after it, and the more operators have run, the more results are in
//! place.

use alloc::{collections::BinaryHeap, vec::Vec};
use core::cmp::Reverse;

use hashbrown::HashTable;

use super::segment::{Progress, Segment};
use crate::bits::BitSet;

/// The most nodes that are kept; 20 operators never reach it, having 2²⁰ sets at most.
const MOST_NODES: usize = (1 << 20) + 1;

/// The most words that the sets of all nodes may take: 64 MiB.
const MOST_WORDS: usize = 1 << 23;

/// Nodes for which there is room from the start: most searches need no more.
const FIRST_NODES: usize = 800;

/// The most operators in a descent.
const LONGEST_DESCENT: usize = 64;

/// The index of no node.
const NONE: u32 = u32::MAX;

/// The result of a search.
#[derive(Debug)]
pub(super) struct SearchResult {
    /// An order with a peak below the one that was to be beaten.
    pub(super) order: Option<Vec<u32>>,
    /// No order has a peak below this, unless it is below the goal.
    pub(super) bound: u64,
}

/// Looks for an order with the least peak that is below `beat`, in bytes; a peak of `goal` is as
/// good as any below it. `work` is how many numbers may be read; what is used is subtracted.
pub(super) fn search(segment: &Segment, goal: u64, beat: u64, work: &mut u64) -> SearchResult {
    let mut search = BestFirstSearch::new(segment, goal, beat);
    let cost = segment.work();
    while let Some(Reverse((peak, _, index))) = search.open.pop() {
        let node = &mut search.nodes[index as usize];
        if node.is_expanded || node.peak < peak {
            continue;
        }
        node.is_expanded = true;
        if node.ops_left == 0 {
            return SearchResult {
                order: Some(search.order_to(index)),
                bound: peak,
            };
        }
        if search.is_full() || *work < cost {
            return SearchResult {
                order: None,
                bound: peak,
            };
        }
        *work -= cost;
        search.expand(index);
    }
    SearchResult {
        order: None,
        bound: beat,
    }
}

/// A set of operators that have run.
#[derive(Debug)]
struct Node {
    /// The least known peak on a way to this set, and at least the goal.
    peak: u64,
    /// The node from which that way comes, and the range of `moves` that holds the operators run
    /// since then.
    from: u32,
    moves: (u32, u32),
    /// How many operators have not run.
    ops_left: u32,
    is_expanded: bool,
}

/// The nodes reached so far, and a hash table that finds them by their sets. The words of all sets
/// lie end to end in one vector, so a node has no allocation of its own.
struct BestFirstSearch<'s> {
    segment: &'s Segment,
    beat: u64,
    /// Words per set.
    width: usize,
    /// The set of each node, as `width` words.
    words: Vec<u64>,
    nodes: Vec<Node>,
    moves: Vec<u32>,
    /// The nodes, by the hashes of their sets.
    indices: HashTable<u32>,
    /// Nodes to expand, as `(peak, operators left, node)`.
    open: BinaryHeap<Reverse<(u64, u32, u32)>>,
    most_nodes: usize,
}

impl<'s> BestFirstSearch<'s> {
    fn new(segment: &'s Segment, goal: u64, beat: u64) -> Self {
        let none_ran = BitSet::new(segment.len().max(1));
        let width = none_ran.words().len();
        let mut search = Self {
            segment,
            beat,
            width,
            words: Vec::new(),
            nodes: Vec::new(),
            moves: Vec::new(),
            indices: HashTable::with_capacity(FIRST_NODES),
            open: BinaryHeap::new(),
            most_nodes: MOST_NODES.min(MOST_WORDS / width),
        };
        search.reach(&none_ran, NONE, goal, &[]);
        search
    }

    fn is_full(&self) -> bool {
        self.nodes.len() >= self.most_nodes
    }

    fn set(&self, index: u32) -> &[u64] {
        &self.words[index as usize * self.width..][..self.width]
    }

    /// Reaches the nodes that follow a node: the one after a descent, or one for each ready
    /// operator.
    fn expand(&mut self, index: u32) {
        let mut ran = BitSet::from_words(self.set(index).to_vec());
        let (mut progress, ready) = self.progress(&ran);
        let peak = self.nodes[index as usize].peak;
        for &op in &ready {
            if let Some(descent) = descent(self.segment, &mut progress, op, peak) {
                for &op in &descent {
                    ran.insert(op as usize);
                }
                return self.reach(&ran, index, peak, &descent);
            }
        }
        for op in ready {
            let peak = peak.max(progress.load(self.segment, op));
            if peak < self.beat {
                ran.insert(op as usize);
                self.reach(&ran, index, peak, &[op]);
                ran.remove(op as usize);
            }
        }
    }

    /// What is alive after these operators have run, and which operators are ready then.
    fn progress(&self, ran: &BitSet) -> (Progress, Vec<u32>) {
        let mut progress = Progress::new(self.segment);
        // In the order of their numbers, which is a valid one.
        ran.for_each(|op| progress.run(self.segment, op as u32));
        let left = progress.predecessors_left.iter().zip(0u32..);
        let unblocked = left.filter(|&(&left, _)| left == 0).map(|(_, op)| op);
        let ready = unblocked.filter(|&op| !ran.contains(op as usize)).collect();
        (progress, ready)
    }

    /// Notes that a set can be reached with this peak, unless it is known with one as small.
    fn reach(&mut self, ran: &BitSet, from: u32, peak: u64, moves: &[u32]) {
        let words = ran.words();
        let hash = hash_of(words);
        let known = self.find(words, hash);
        if known.is_some_and(|known| self.nodes[known as usize].peak <= peak) {
            return;
        }
        let start = self.moves.len() as u32;
        self.moves.extend(moves);
        let moves = (start, self.moves.len() as u32);
        let index = match known {
            Some(known) => {
                let node = &mut self.nodes[known as usize];
                (node.peak, node.from, node.moves) = (peak, from, moves);
                known
            }
            None => self.add(words, hash, from, peak, moves),
        };
        let ops_left = self.nodes[index as usize].ops_left;
        self.open.push(Reverse((peak, ops_left, index)));
    }

    fn add(&mut self, words: &[u64], hash: u64, from: u32, peak: u64, moves: (u32, u32)) -> u32 {
        let index = self.nodes.len() as u32;
        let ran: u32 = words.iter().map(|word| word.count_ones()).sum();
        self.words.extend(words);
        let (all, width) = (&self.words, self.width);
        let rehash = |&index: &u32| hash_of(&all[index as usize * width..][..width]);
        self.indices.insert_unique(hash, index, rehash);
        self.nodes.push(Node {
            peak,
            from,
            moves,
            ops_left: self.segment.len() as u32 - ran,
            is_expanded: false,
        });
        index
    }

    fn find(&self, words: &[u64], hash: u64) -> Option<u32> {
        let found = self.indices.find(hash, |&index| self.set(index) == words);
        found.copied()
    }

    /// The operators on the way to a node.
    fn order_to(&self, mut index: u32) -> Vec<u32> {
        let mut order = Vec::with_capacity(self.segment.len());
        while index != NONE {
            let node = &self.nodes[index as usize];
            let moves = &self.moves[node.moves.0 as usize..node.moves.1 as usize];
            order.extend(moves.iter().rev());
            index = node.from;
        }
        order.reverse();
        order
    }
}

/// A descent from `op`: operators each of which depends on the one before, which nowhere exceed
/// `peak`, and after which no more is alive than before them. `progress` is left as it was.
fn descent(segment: &Segment, progress: &mut Progress, op: u32, peak: u64) -> Option<Vec<u32>> {
    let mut ops = Vec::new();
    let mut change = 0;
    let mut next = Some(op);
    let mut found = false;
    while let Some(op) = next.filter(|_| ops.len() < LONGEST_DESCENT) {
        let live = progress.live.wrapping_add_signed(change);
        if live + progress.rise(segment, op) > peak {
            break;
        }
        change += progress.change(segment, op);
        progress.count(segment, op, true);
        ops.push(op);
        found = change <= 0;
        if found {
            break;
        }
        let successors = segment.successors.row(op as usize).iter().copied();
        let ready = successors.filter(|&next| progress.predecessors_left[next as usize] == 0);
        next = ready.min_by_key(|&next| progress.change(segment, next));
    }
    for &op in ops.iter().rev() {
        progress.count(segment, op, false);
    }
    found.then_some(ops)
}

/// The finaliser of MurmurHash3 over all words.
fn hash_of(words: &[u64]) -> u64 {
    words.iter().fold(0, |hash, word| {
        let mixed = (hash ^ word).wrapping_mul(0xff51_afd7_ed55_8ccd);
        let mixed = (mixed ^ (mixed >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        mixed ^ (mixed >> 33)
    })
}
