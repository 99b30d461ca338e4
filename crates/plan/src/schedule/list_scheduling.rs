//! List scheduling: orders that are made operator by operator, without a search, forwards from the
//! first step or backwards from the last.
//!
//! Stands on [`Segment`]. Of the operators that may run next, a [`PriorityRule`] chooses one by two
//! numbers: its *rise*, how many more bytes are alive at its step than before it, and its *change*,
//! how many more are alive after it than before it. Backwards, "before" and "after" change places.
//! O((n + e) log n) for n operators with e reads, of alias sets that each have few readers or many.

use alloc::{collections::BTreeSet, vec, vec::Vec};

use super::{
    in_place::saved_bytes,
    segment::{Progress, Segment},
};

/// How to choose the next operator; the smallest key wins.
#[derive(Clone, Copy, Debug)]
enum PriorityRule {
    /// The least change; among equals, the operator that comes first in the given order.
    Steady,
    /// The least change; among equals, the operator that became ready last.
    DepthFirst,
    /// Operators that free bytes, the smallest rise first; then those that fall deepest after their
    /// rise.
    Valleys,
    /// Operators that free bytes; then the one that became ready last.
    Stack,
}

type Key = (bool, i64, i64, u32);

impl PriorityRule {
    const ALL: [Self; 4] = [Self::Steady, Self::DepthFirst, Self::Valleys, Self::Stack];

    /// `age` is how many operators became ready before this one.
    fn key(self, rise: i64, change: i64, age: i64, op: u32) -> Key {
        match self {
            Self::DepthFirst => (false, change, -age, op),
            Self::Steady => (false, change, 0, op),
            Self::Valleys if change <= 0 => (false, rise, change, op),
            Self::Valleys => (true, change - rise, -age, op),
            Self::Stack => (change > 0, -age, change, op),
        }
    }
}

/// An order by each rule, in both directions.
pub(super) fn orders(segment: &Segment) -> impl Iterator<Item = Vec<u32>> {
    let forwards = PriorityRule::ALL.into_iter().map(|rule| {
        let start = Forwards(Progress::new(segment));
        ListScheduler::new(segment, start, rule).order()
    });
    let backwards = PriorityRule::ALL.into_iter().map(|rule| {
        let start = Backwards::new(segment);
        let mut order = ListScheduler::new(segment, start, rule).order();
        order.reverse();
        order
    });
    forwards.chain(backwards)
}

/// One of the two directions of time.
trait Direction {
    /// The rise and the change of an operator that runs next.
    fn weigh(&self, segment: &Segment, op: u32) -> (i64, i64);

    /// Runs an operator, and adds to `altered` those whose rise or change that alters.
    fn run(&mut self, segment: &Segment, op: u32, altered: &mut Vec<u32>);

    /// The operators that wait for this one, and those that it waits for.
    fn dependents_and_dependencies(segment: &Segment, op: u32) -> (&[u32], &[u32]);
}

struct Forwards(Progress);

impl Direction for Forwards {
    fn weigh(&self, segment: &Segment, op: u32) -> (i64, i64) {
        let rise = self.0.rise(segment, op) as i64;
        (rise, self.0.change(segment, op))
    }

    fn run(&mut self, segment: &Segment, op: u32, altered: &mut Vec<u32>) {
        self.0.run(segment, op);
        for &read in segment.reads.row(op as usize) {
            if self.0.readers_left[read as usize] == 1 {
                altered.extend(segment.readers.row(read as usize));
            }
        }
    }

    fn dependents_and_dependencies(segment: &Segment, op: u32) -> (&[u32], &[u32]) {
        let op = op as usize;
        (segment.successors.row(op), segment.predecessors.row(op))
    }
}

/// Which alias sets are alive between the operators that are still to be placed and those that have
/// been placed behind them.
struct Backwards {
    is_live: Vec<bool>,
}

impl Backwards {
    fn new(segment: &Segment) -> Self {
        Self {
            is_live: vec![false; segment.sizes.len()],
        }
    }
}

impl Direction for Backwards {
    fn weigh(&self, segment: &Segment, op: u32) -> (i64, i64) {
        let index = op as usize;
        let reads = segment.reads.row(index).iter();
        let born = reads.filter(|&&set| !self.is_live[set as usize]);
        let born = born.map(|&set| segment.sizes[set as usize]).sum::<u64>() as i64;
        let is_last_reader = |set: u32| !self.is_live[set as usize];
        let saved = saved_bytes(&segment.in_place_pairs[index], is_last_reader);
        let rise = born + segment.unread[index] as i64 - saved as i64;
        (rise, born - segment.kept(index) as i64)
    }

    fn run(&mut self, segment: &Segment, op: u32, altered: &mut Vec<u32>) {
        for &read in segment.reads.row(op as usize) {
            if !core::mem::replace(&mut self.is_live[read as usize], true) {
                altered.extend(segment.readers.row(read as usize));
            }
        }
    }

    fn dependents_and_dependencies(segment: &Segment, op: u32) -> (&[u32], &[u32]) {
        let op = op as usize;
        (segment.predecessors.row(op), segment.successors.row(op))
    }
}

/// The ready list: the operators that may run next, by their keys.
struct ListScheduler<'s, D> {
    segment: &'s Segment,
    direction: D,
    rule: PriorityRule,
    ready: BTreeSet<Key>,
    /// The key of each operator that is ready.
    keys: Vec<Option<Key>>,
    ages: Vec<i64>,
    /// How many dependencies of each operator have not run.
    dependencies_left: Vec<usize>,
    /// How many operators have become ready.
    readied: i64,
}

impl<'s, D: Direction> ListScheduler<'s, D> {
    fn new(segment: &'s Segment, direction: D, rule: PriorityRule) -> Self {
        let dependencies = |op: u32| D::dependents_and_dependencies(segment, op).1.len();
        Self {
            segment,
            direction,
            rule,
            ready: BTreeSet::new(),
            keys: vec![None; segment.len()],
            ages: vec![0; segment.len()],
            dependencies_left: (0..segment.len() as u32).map(dependencies).collect(),
            readied: 0,
        }
    }

    fn order(mut self) -> Vec<u32> {
        for op in 0..self.segment.len() as u32 {
            if self.dependencies_left[op as usize] == 0 {
                self.add(op);
            }
        }
        let mut order = Vec::with_capacity(self.segment.len());
        let mut altered = Vec::new();
        while let Some((.., op)) = self.ready.pop_first() {
            self.keys[op as usize] = None;
            order.push(op);
            self.direction.run(self.segment, op, &mut altered);
            for op in altered.drain(..) {
                if let Some(key) = self.keys[op as usize] {
                    self.ready.remove(&key);
                    self.rank(op);
                }
            }
            for &next in D::dependents_and_dependencies(self.segment, op).0 {
                self.dependencies_left[next as usize] -= 1;
                if self.dependencies_left[next as usize] == 0 {
                    self.add(next);
                }
            }
        }
        order
    }

    /// Adds an operator that has become ready.
    fn add(&mut self, op: u32) {
        self.ages[op as usize] = self.readied;
        self.readied += 1;
        self.rank(op);
    }

    fn rank(&mut self, op: u32) {
        let (rise, change) = self.direction.weigh(self.segment, op);
        let key = self.rule.key(rise, change, self.ages[op as usize], op);
        self.keys[op as usize] = Some(key);
        self.ready.insert(key);
    }
}
