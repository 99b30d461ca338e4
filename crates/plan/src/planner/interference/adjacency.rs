//! The interference graph: for each buffer, the buffers that must not share bytes with it.
//!
//! The relation tells all pairs once, and they are kept as adjacency lists, one behind the other.
//! If there would be too many, nothing is kept and the relation is asked each time.
//!
//! ```text
//! pairs  0-1 1-2      starts  0 1 3 4
//!                     all     1 0 2 1       the list of buffer i is all[starts[i]..starts[i + 1]]
//! ```

use alloc::vec::Vec;

use crate::planner::budget::Budget;
use crate::planner::conflict::InterferenceRelation;

/// The most conflicts that are kept: 128 MiB.
const MOST_CONFLICTS: usize = 1 << 24;

/// The neighbours of each buffer in the interference graph.
pub(super) struct Adjacency<'r> {
    relation: &'r dyn InterferenceRelation,
    count: usize,
    lists: Option<Lists>,
}

struct Lists {
    starts: Vec<u32>,
    all: Vec<u32>,
}

impl<'r> Adjacency<'r> {
    /// Asks about all pairs once, unless the time of `budget` is over before.
    pub(super) fn new(
        count: usize,
        relation: &'r dyn InterferenceRelation,
        budget: &Budget,
    ) -> Self {
        Self::keeping(count, relation, MOST_CONFLICTS, budget)
    }

    /// Keeps the lists if there are at most `most` conflicts.
    fn keeping(
        count: usize,
        relation: &'r dyn InterferenceRelation,
        most: usize,
        budget: &Budget,
    ) -> Self {
        Self {
            relation,
            count,
            lists: Lists::new(count, relation, most, budget),
        }
    }

    /// About how many steps it takes to visit the neighbours of a buffer.
    pub(super) fn cost(&self, of: usize) -> u64 {
        let neighbours = self.lists.as_ref().map(|lists| lists.of(of).len());
        // To ask about a pair takes some times as long as to read it.
        neighbours.map_or(8 * self.count as u64, |neighbours| neighbours as u64)
    }

    /// Whether the lists are kept, so that nothing is asked any more.
    pub(super) fn is_kept(&self) -> bool {
        self.lists.is_some()
    }

    /// Calls `each` with every buffer that conflicts with this one, in order of position.
    pub(super) fn for_each_neighbour(&self, of: usize, mut each: impl FnMut(usize)) {
        match &self.lists {
            Some(lists) => lists.of(of).iter().for_each(|&other| each(other as usize)),
            None => (0..self.count)
                .filter(|&other| other != of && self.relation.conflict(of, other))
                .for_each(each),
        }
    }
}

impl Lists {
    /// `None` if there are more than `most` conflicts, or finding them takes too long.
    fn new(
        count: usize,
        relation: &dyn InterferenceRelation,
        most: usize,
        budget: &Budget,
    ) -> Option<Self> {
        let later = relation.later_neighbours(count, most, budget)?;
        let (mut degrees, mut conflicts) = (alloc::vec![0u32; count], 0);
        for (a, others) in later.iter().enumerate() {
            conflicts += others.len();
            degrees[a] += others.len() as u32;
            others.iter().for_each(|&b| degrees[b as usize] += 1);
        }
        let mut starts = Vec::with_capacity(count + 1);
        starts.push(0);
        starts.extend(degrees.iter().scan(0, |end, degree| {
            *end += degree;
            Some(*end)
        }));
        let (mut next, mut all) = (starts.clone(), alloc::vec![0; 2 * conflicts]);
        let mut add = |list: usize, other: u32| {
            all[next[list] as usize] = other;
            next[list] += 1;
        };
        for (a, others) in later.iter().enumerate() {
            for &b in others {
                add(a, b);
                add(b as usize, a as u32);
            }
        }
        Some(Self { starts, all })
    }

    fn of(&self, index: usize) -> &[u32] {
        &self.all[self.starts[index] as usize..self.starts[index + 1] as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Divides;
    impl InterferenceRelation for Divides {
        fn conflict(&self, a: usize, b: usize) -> bool {
            (a + 1) % (b + 1) == 0 || (b + 1) % (a + 1) == 0
        }
    }

    #[test]
    fn lists_say_what_the_relation_says() {
        for most in [0, 10, 1000] {
            let adjacency = Adjacency::keeping(30, &Divides, most, &Budget::unlimited());
            assert_eq!(adjacency.lists.is_some(), most == 1000);
            for a in 0..30 {
                let mut found = Vec::new();
                adjacency.for_each_neighbour(a, |b| found.push(b));
                let expected = (0..30).filter(|&b| b != a && Divides.conflict(a, b));
                assert_eq!(found, expected.collect::<Vec<_>>());
            }
        }
    }
}
