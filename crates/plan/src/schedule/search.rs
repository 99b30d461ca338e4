//! The best order of a few operators, by a search over the sets of operators that have run.
//!
//! Stands on [`Problem`]. What is alive after some operators does not depend on their order, so a set needs to be looked at
//! once, with the smallest peak on the way to it: sets are taken in the order of that peak, as Dijkstra's algorithm takes
//! places by their distance, and the first complete set has the least peak of all. Larger sets go first among equals.
//!
//! ```text
//! bytes   from this set, a, b and c may run, one after the other, without a new peak;
//!   │ peak ─────────────────          after c less is alive than after none of them, or after a, or after b:
//!   │     ┌a┐ ┌b┐                     whatever the others do is no worse after c than before a,
//!   │ ────┘ └─┘ └┐ ┌c┐                so no other operator needs to be tried first
//!   │            └─┘ └──────
//!   └──────────────────────── step
//! ```
//!
//! Why that holds: the bytes alive after a set are submodular, f(A ∪ B) + f(A ∩ B) ≤ f(A) + f(B). With A any set on the way, and
//! B the set after c, A ∩ B is one of those before c, of which none has less alive than B: f(A ∪ B) ≤ f(A).
//! The operators of such a descent must hence each depend on the one before it. Results in place do not disturb that: they change what is
//! alive at a step, not after it, and the more has run, the more are in place.

use alloc::{collections::BinaryHeap, vec, vec::Vec};
use core::cmp::Reverse;

use super::problem::{Problem, State};

/// So many sets are never reached from 20 operators, which have 2²⁰ at most.
const MOST_SETS: usize = (1 << 20) + 1;

/// No more words than this for the sets that are kept: 64 MiB.
const MOST_WORDS: usize = 1 << 23;

/// A descent is not followed further.
const LONGEST_DESCENT: usize = 64;

const NONE: u32 = u32::MAX;

/// What a search came to.
#[derive(Debug)]
pub(super) struct Found {
    /// An order with a peak below the one that was to be beaten.
    pub(super) order: Option<Vec<u32>>,
    /// No order has a peak below this, unless it is below the goal.
    pub(super) bound: u64,
}

/// Looks for an order with the least peak that is below `beat`, in bytes; a peak of `goal` is as good as any below it.
/// `work` is how many numbers may be read, and loses what is used.
pub(super) fn search(problem: &Problem, goal: u64, beat: u64, work: &mut u64) -> Found {
    let mut sets = Sets::new(problem, goal, beat);
    let cost = problem.work();
    while let Some(Reverse((peak, _, index))) = sets.open.pop() {
        let set = &mut sets.sets[index as usize];
        if set.is_closed || set.peak < peak {
            continue;
        }
        set.is_closed = true;
        if set.left == 0 {
            return Found {
                order: Some(sets.order(index)),
                bound: peak,
            };
        }
        if sets.is_full() || *work < cost {
            return Found {
                order: None,
                bound: peak,
            };
        }
        *work -= cost;
        sets.expand(index);
    }
    Found {
        order: None,
        bound: beat,
    }
}

/// Operators that have run.
#[derive(Debug)]
struct Set {
    /// The least known peak on a way to it, and at least the goal.
    peak: u64,
    /// The set from which that way comes, and where the operators in between stand in `moves`.
    from: u32,
    moves: (u32, u32),
    /// Operators that have not run.
    left: u32,
    is_closed: bool,
    /// The next set of the same hash.
    next: u32,
}

struct Sets<'p> {
    problem: &'p Problem,
    beat: u64,
    /// Words of a set, one bit an operator.
    width: usize,
    words: Vec<u64>,
    sets: Vec<Set>,
    moves: Vec<u32>,
    /// The first set of each hash.
    heads: Vec<u32>,
    /// Peak, operators left, set.
    open: BinaryHeap<Reverse<(u64, u32, u32)>>,
    most: usize,
}

impl<'p> Sets<'p> {
    fn new(problem: &'p Problem, goal: u64, beat: u64) -> Self {
        let width = problem.len().div_ceil(64).max(1);
        let most = MOST_SETS.min(MOST_WORDS / width);
        let mut sets = Self {
            problem,
            beat,
            width,
            words: Vec::new(),
            sets: Vec::new(),
            moves: Vec::new(),
            heads: vec![NONE; 1 << 10],
            open: BinaryHeap::new(),
            most,
        };
        sets.reach(&vec![0; width], NONE, goal, &[]);
        sets
    }

    fn is_full(&self) -> bool {
        self.sets.len() >= self.most
    }

    /// Looks at everything that can follow a set.
    fn expand(&mut self, index: u32) {
        let start = index as usize * self.width;
        let mut words = self.words[start..start + self.width].to_vec();
        let (mut state, ready) = self.state(index, &words);
        let peak = self.sets[index as usize].peak;
        for &op in &ready {
            if let Some(descent) = descent(self.problem, &mut state, op, peak) {
                for &op in &descent {
                    flip(&mut words, op);
                }
                return self.reach(&words, index, peak, &descent);
            }
        }
        for op in ready {
            let peak = peak.max(state.load(self.problem, op));
            if peak < self.beat {
                flip(&mut words, op);
                self.reach(&words, index, peak, &[op]);
                flip(&mut words, op);
            }
        }
    }

    /// What is alive after a set, and what may run next.
    fn state(&self, index: u32, words: &[u64]) -> (State, Vec<u32>) {
        let mut state = State::new(self.problem);
        let has_run = |op: u32| words[op as usize / 64] >> (op % 64) & 1 == 1;
        let ops = 0..self.problem.len() as u32;
        if (self.sets[index as usize].left as usize) < self.problem.len() {
            // In the order of their numbers, which is a valid one.
            for op in ops.clone().filter(|&op| has_run(op)) {
                state.run(self.problem, op);
            }
        }
        let ready = ops.filter(|&op| !has_run(op) && state.waiting[op as usize] == 0);
        let ready = ready.collect();
        (state, ready)
    }

    /// Keeps a set that can be had with this peak, unless it is known with one as small.
    fn reach(&mut self, words: &[u64], from: u32, peak: u64, moves: &[u32]) {
        let hash = hash(words);
        let known = self.find(words, hash);
        if known.is_some_and(|known| self.sets[known as usize].peak <= peak) {
            return;
        }
        let start = self.moves.len() as u32;
        self.moves.extend(moves);
        let moves = (start, self.moves.len() as u32);
        let index = match known {
            Some(known) => {
                let set = &mut self.sets[known as usize];
                (set.peak, set.from, set.moves) = (peak, from, moves);
                known
            }
            None => self.add(words, hash, from, peak, moves),
        };
        let left = self.sets[index as usize].left;
        self.open.push(Reverse((peak, left, index)));
    }

    fn add(&mut self, words: &[u64], hash: u64, from: u32, peak: u64, moves: (u32, u32)) -> u32 {
        if self.sets.len() >= self.heads.len() {
            self.rehash();
        }
        let index = self.sets.len() as u32;
        let ran: u32 = words.iter().map(|word| word.count_ones()).sum();
        self.words.extend(words);
        let head = hash as usize & (self.heads.len() - 1);
        self.sets.push(Set {
            peak,
            from,
            moves,
            left: self.problem.len() as u32 - ran,
            is_closed: false,
            next: core::mem::replace(&mut self.heads[head], index),
        });
        index
    }

    fn rehash(&mut self) {
        self.heads = vec![NONE; 4 * self.heads.len()];
        for index in 0..self.sets.len() {
            let words = &self.words[index * self.width..][..self.width];
            let head = hash(words) as usize & (self.heads.len() - 1);
            self.sets[index].next = core::mem::replace(&mut self.heads[head], index as u32);
        }
    }

    fn find(&self, words: &[u64], hash: u64) -> Option<u32> {
        let mut index = self.heads[hash as usize & (self.heads.len() - 1)];
        while index != NONE {
            let start = index as usize * self.width;
            if self.words[start..start + self.width] == *words {
                return Some(index);
            }
            index = self.sets[index as usize].next;
        }
        None
    }

    /// The way to a set.
    fn order(&self, mut index: u32) -> Vec<u32> {
        let mut order = Vec::with_capacity(self.problem.len());
        while index != NONE {
            let set = &self.sets[index as usize];
            let moves = &self.moves[set.moves.0 as usize..set.moves.1 as usize];
            order.extend(moves.iter().rev());
            index = set.from;
        }
        order.reverse();
        order
    }
}

/// Operators from `op` on, each of which depends on the one before it, that pass `peak` nowhere and after which as little is
/// alive as before them. `state` is as it was when this returns.
fn descent(problem: &Problem, state: &mut State, op: u32, peak: u64) -> Option<Vec<u32>> {
    let mut ops = Vec::new();
    let mut change = 0;
    let mut next = Some(op);
    let mut found = false;
    while let Some(op) = next.filter(|_| ops.len() < LONGEST_DESCENT) {
        let live = state.live.wrapping_add_signed(change);
        if live + state.rise(problem, op) > peak {
            break;
        }
        change += state.change(problem, op);
        state.step(problem, op, true);
        ops.push(op);
        found = change <= 0;
        if found {
            break;
        }
        let after = problem.after.row(op as usize).iter().copied();
        let ready = after.filter(|&next| state.waiting[next as usize] == 0);
        next = ready.min_by_key(|&next| state.change(problem, next));
    }
    for &op in ops.iter().rev() {
        state.step(problem, op, false);
    }
    found.then_some(ops)
}

fn flip(words: &mut [u64], op: u32) {
    words[op as usize / 64] ^= 1 << (op % 64);
}

/// The finaliser of MurmurHash3 over all words.
fn hash(words: &[u64]) -> u64 {
    words.iter().fold(0, |hash, word| {
        let mixed = (hash ^ word).wrapping_mul(0xff51_afd7_ed55_8ccd);
        let mixed = (mixed ^ (mixed >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
        mixed ^ (mixed >> 33)
    })
}
