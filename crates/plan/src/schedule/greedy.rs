//! Orders made operator by operator, without a search: forwards from the first step, and backwards from the last.
//!
//! Stands on [`Problem`]. Of the operators that may run next, a [`Rule`] chooses one by two numbers: its *rise*, the bytes that
//! its step has beyond what is alive before it, and its *change*, the bytes that are alive after it beyond that. Backwards
//! the same holds with "before" and "after" exchanged. O((n + e) log n) for n operators with e reads, of families that each
//! have few readers or many.

use alloc::{collections::BTreeSet, vec, vec::Vec};

use super::{
    in_place::saved,
    problem::{Problem, State},
};

/// How to choose; the smallest key wins.
#[derive(Clone, Copy, Debug)]
enum Rule {
    /// The least change; of equals the one that the given order has first.
    Steady,
    /// The least change; of equals the one that has been possible for the shortest time.
    Deep,
    /// What frees bytes, the smallest rise first; then what falls deepest after its rise.
    Valleys,
    /// What frees bytes; then whatever has become possible last.
    Stack,
}

type Key = (bool, i64, i64, u32);

impl Rule {
    const ALL: [Self; 4] = [Self::Steady, Self::Deep, Self::Valleys, Self::Stack];

    /// `age` is how many operators had become possible before this one.
    fn key(self, rise: i64, change: i64, age: i64, op: u32) -> Key {
        match self {
            Self::Deep => (false, change, -age, op),
            Self::Steady => (false, change, 0, op),
            Self::Valleys if change <= 0 => (false, rise, change, op),
            Self::Valleys => (true, change - rise, -age, op),
            Self::Stack => (change > 0, -age, change, op),
        }
    }
}

/// An order by each rule, in both directions.
pub(super) fn orders(problem: &Problem) -> impl Iterator<Item = Vec<u32>> {
    let forwards = Rule::ALL.into_iter().map(|rule| {
        let start = Forwards(State::new(problem));
        List::new(problem, start, rule).order()
    });
    let backwards = Rule::ALL.into_iter().map(|rule| {
        let start = Backwards::new(problem);
        let mut order = List::new(problem, start, rule).order();
        order.reverse();
        order
    });
    forwards.chain(backwards)
}

/// One of the two directions of time.
trait Direction {
    /// The rise and the change of an operator that runs next.
    fn weigh(&self, problem: &Problem, op: u32) -> (i64, i64);

    /// Runs it, and notes whose rise or change that alters.
    fn run(&mut self, problem: &Problem, op: u32, altered: &mut Vec<u32>);

    /// The operators that wait for it, and those that it waits for.
    fn neighbours(problem: &Problem, op: u32) -> (&[u32], &[u32]);
}

struct Forwards(State);

impl Direction for Forwards {
    fn weigh(&self, problem: &Problem, op: u32) -> (i64, i64) {
        let rise = self.0.rise(problem, op) as i64;
        (rise, self.0.change(problem, op))
    }

    fn run(&mut self, problem: &Problem, op: u32, altered: &mut Vec<u32>) {
        self.0.run(problem, op);
        for &read in problem.reads.row(op as usize) {
            if self.0.unread[read as usize] == 1 {
                altered.extend(problem.readers.row(read as usize));
            }
        }
    }

    fn neighbours(problem: &Problem, op: u32) -> (&[u32], &[u32]) {
        let op = op as usize;
        (problem.after.row(op), problem.before.row(op))
    }
}

/// Which families are alive between what is still to be placed and what is placed behind it.
struct Backwards {
    is_live: Vec<bool>,
}

impl Backwards {
    fn new(problem: &Problem) -> Self {
        Self {
            is_live: vec![false; problem.sizes.len()],
        }
    }
}

impl Direction for Backwards {
    fn weigh(&self, problem: &Problem, op: u32) -> (i64, i64) {
        let reads = problem.reads.row(op as usize).iter();
        let born = reads.filter(|&&t| !self.is_live[t as usize]);
        let born = born.map(|&t| problem.sizes[t as usize]).sum::<u64>() as i64;
        let (grows, drops) = (problem.grows[op as usize], problem.drops[op as usize]);
        let saved = saved(&problem.takes[op as usize], |f| !self.is_live[f as usize]);
        let rise = born + drops as i64 - saved as i64;
        (rise, born - (grows - drops) as i64)
    }

    fn run(&mut self, problem: &Problem, op: u32, altered: &mut Vec<u32>) {
        for &read in problem.reads.row(op as usize) {
            if !core::mem::replace(&mut self.is_live[read as usize], true) {
                altered.extend(problem.readers.row(read as usize));
            }
        }
    }

    fn neighbours(problem: &Problem, op: u32) -> (&[u32], &[u32]) {
        let op = op as usize;
        (problem.before.row(op), problem.after.row(op))
    }
}

/// The operators that may run next, by their keys.
struct List<'p, D> {
    problem: &'p Problem,
    direction: D,
    rule: Rule,
    possible: BTreeSet<Key>,
    /// The key of each operator that may run next.
    keys: Vec<Option<Key>>,
    ages: Vec<i64>,
    waiting: Vec<usize>,
    seen: i64,
}

impl<'p, D: Direction> List<'p, D> {
    fn new(problem: &'p Problem, direction: D, rule: Rule) -> Self {
        let ops = 0..problem.len() as u32;
        let waiting = ops.map(|op| D::neighbours(problem, op).1.len()).collect();
        Self {
            problem,
            direction,
            rule,
            possible: BTreeSet::new(),
            keys: vec![None; problem.len()],
            ages: vec![0; problem.len()],
            waiting,
            seen: 0,
        }
    }

    fn order(mut self) -> Vec<u32> {
        for op in 0..self.problem.len() as u32 {
            if self.waiting[op as usize] == 0 {
                self.admit(op);
            }
        }
        let mut order = Vec::with_capacity(self.problem.len());
        let mut altered = Vec::new();
        while let Some((.., op)) = self.possible.pop_first() {
            self.keys[op as usize] = None;
            order.push(op);
            self.direction.run(self.problem, op, &mut altered);
            for op in altered.drain(..) {
                if let Some(key) = self.keys[op as usize] {
                    self.possible.remove(&key);
                    self.rank(op);
                }
            }
            for &next in D::neighbours(self.problem, op).0 {
                self.waiting[next as usize] -= 1;
                if self.waiting[next as usize] == 0 {
                    self.admit(next);
                }
            }
        }
        order
    }

    fn admit(&mut self, op: u32) {
        self.ages[op as usize] = self.seen;
        self.seen += 1;
        self.rank(op);
    }

    fn rank(&mut self, op: u32) {
        let (rise, change) = self.direction.weigh(self.problem, op);
        let key = self.rule.key(rise, change, self.ages[op as usize], op);
        self.keys[op as usize] = Some(key);
        self.possible.insert(key);
    }
}
