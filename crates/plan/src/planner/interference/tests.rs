//! Placements against the definition, against all orders of a few buffers, and against the heaviest
//! antichain of streams.

use alloc::{vec, vec::Vec};

use proptest::prelude::*;

use super::place;
use crate::lifetimes::Lifetime;
use crate::planner::{Budget, Task, conflict::InterferenceRelation, random::Random};
use crate::relation::heaviest_antichain;

/// Conflicts in a matrix, of which only one half counts.
#[derive(Debug)]
struct ConflictMatrix(Vec<Vec<bool>>);

impl InterferenceRelation for ConflictMatrix {
    fn conflict(&self, a: usize, b: usize) -> bool {
        assert_ne!(a, b, "a buffer is never asked about itself");
        self.0[a.max(b)][a.min(b)]
    }
}

fn task(buffers: &[Lifetime], goal: u64, nodes: u64) -> Task<'_> {
    Task {
        buffers,
        goal,
        capacity: None,
        start: None,
        budget: Budget::unlimited().nodes(nodes),
        seed: 0,
        interference: None,
        proven: core::cell::Cell::default(),
        #[cfg(feature = "std")]
        progress: None,
    }
}

/// The highest end of fixed buffers.
fn fixed_end(buffers: &[Lifetime]) -> u64 {
    let fixed = buffers.iter().filter_map(Lifetime::fixed_bytes);
    fixed.map(|bytes| bytes.end).max().unwrap_or(0)
}

fn assert_valid(buffers: &[Lifetime], relation: &dyn InterferenceRelation, offsets: &[u64]) {
    assert_eq!(buffers.len(), offsets.len());
    for (i, (a, from)) in buffers.iter().zip(offsets).enumerate() {
        assert_eq!(from % a.alignment, 0, "{i}");
        assert_eq!(a.fixed_offset.unwrap_or(*from), *from, "{i}");
        for (j, (b, other)) in buffers[..i].iter().zip(offsets).enumerate() {
            let apart = from + a.size <= *other || other + b.size <= *from;
            assert!(apart || !relation.conflict(i, j), "{i} and {j}");
        }
    }
}

/// The lowest peak of all orders in which each buffer gets the lowest free offset.
pub(super) fn lowest_peak(buffers: &[Lifetime], conflict: &dyn Fn(usize, usize) -> bool) -> u64 {
    fn place_rest(
        buffers: &[Lifetime],
        conflict: &dyn Fn(usize, usize) -> bool,
        placed: &mut Vec<(usize, u64)>,
    ) -> u64 {
        let is_free = |i: usize, offset: u64, placed: &[(usize, u64)]| {
            placed.iter().all(|&(j, other)| {
                !conflict(i, j)
                    || offset + buffers[i].size <= other
                    || other + buffers[j].size <= offset
            })
        };
        if placed.len() == buffers.len() {
            let ends = placed.iter().map(|&(i, offset)| offset + buffers[i].size);
            return ends.max().unwrap_or(0);
        }
        let mut lowest = u64::MAX;
        for i in 0..buffers.len() {
            if placed.iter().all(|&(j, _)| j != i) {
                let mut offsets = (0..).step_by(buffers[i].alignment as usize);
                let offset = offsets.find(|&offset| is_free(i, offset, placed));
                placed.push((i, offset.expect("there is room above all others")));
                lowest = lowest.min(place_rest(buffers, conflict, placed));
                placed.pop();
            }
        }
        lowest
    }
    let fixed = buffers.iter().enumerate();
    let fixed = fixed.filter_map(|(i, buffer)| Some((i, buffer.fixed_offset?)));
    place_rest(buffers, conflict, &mut fixed.collect())
}

/// Up to `most` buffers, any of which may conflict, some of them fixed.
fn instances(most: usize) -> impl Strategy<Value = (Vec<Lifetime>, ConflictMatrix)> {
    let fixed = prop::option::weighted(0.2, 0u64..8);
    let alignment = prop::sample::select(vec![1u64, 2, 4]);
    let buffers = prop::collection::vec((1u64..9, alignment, fixed), 1..=most);
    let edges = prop::collection::vec(any::<bool>(), most * most);
    (buffers, edges).prop_map(move |(rows, edges)| {
        let count = rows.len();
        let table = (0..count).map(|a| edges[a * most..a * most + count].to_vec());
        let table = ConflictMatrix(table.collect());
        let mut buffers: Vec<Lifetime> = Vec::new();
        for (i, (size, alignment, fixed)) in rows.into_iter().enumerate() {
            let offset = fixed.map(|fixed| fixed * alignment);
            let meets = |offset: u64, other: &Lifetime| {
                let bytes = other.fixed_bytes();
                bytes.is_some_and(|b| offset < b.end && b.start < offset + size)
            };
            let fits = |offset: &u64| {
                let others = buffers.iter().enumerate();
                { others }.all(|(j, other)| !table.conflict(i, j) || !meets(*offset, other))
            };
            buffers.push(Lifetime {
                lower: i as i64,
                upper: i as i64 + 1,
                size,
                alignment,
                fixed_offset: offset.filter(fits),
                within: None,
            });
        }
        (buffers, table)
    })
}

/// The results of operators on several streams, with events between the streams.
struct Streams {
    buffers: Vec<Lifetime>,
    /// Whether the last use of one buffer happens before the first use of another.
    precedes: Vec<Vec<bool>>,
}

impl InterferenceRelation for Streams {
    fn conflict(&self, a: usize, b: usize) -> bool {
        !self.precedes[a][b] && !self.precedes[b][a]
    }
}

impl Streams {
    /// Operators on random streams, each with one result and up to three operands. For most
    /// operands that another stream makes, the operator waits.
    fn random(count: usize, streams: usize, seed: u64) -> Self {
        let mut random = Random::new(seed);
        // For each operator, how many operators of each stream have ended when it ends (a vector
        // clock), and its stream and number in that stream.
        let (mut clocks, mut places): (Vec<Vec<usize>>, Vec<(usize, usize)>) = (vec![], vec![]);
        let mut now = vec![vec![0; streams]; streams];
        let mut users: Vec<Vec<usize>> = Vec::new();
        for op in 0..count {
            let stream = random.below(streams as u64) as usize;
            users.push(vec![op]);
            for _ in 0..=random.below(3).min(op as u64) {
                let reach = random.one_of(&[6, 6, 6, 6, 6, 6, 30, 30, 30, count]);
                let back = 1 + random.below(reach.min(op) as u64) as usize;
                let Some(operand) = op.checked_sub(back) else {
                    continue;
                };
                if places[operand].0 == stream || random.below(100) < 60 {
                    users[operand].push(op);
                    for (mine, theirs) in now[stream].iter_mut().zip(&clocks[operand]) {
                        *mine = (*mine).max(*theirs);
                    }
                }
            }
            now[stream][stream] += 1;
            places.push((stream, now[stream][stream]));
            clocks.push(now[stream].clone());
        }
        let is_before = |a: usize, b: usize| a != b && clocks[b][places[a].0] >= places[a].1;
        let over = |a: usize, b: usize| users[a].iter().all(|&user| is_before(user, b));
        let precedes = (0..count).map(|a| (0..count).map(|b| over(a, b)).collect());
        let precedes = precedes.collect();
        let buffer = |op: usize| Lifetime {
            lower: op as i64,
            upper: users[op].iter().max().map_or(0, |&last| last as i64 + 1),
            size: match random.below(3) {
                0 => (1 + random.below(1000)).next_multiple_of(64),
                1 => 64 << random.below(7),
                _ => 512 * (1 + random.below(32)),
            },
            alignment: 64,
            fixed_offset: None,
            within: None,
        };
        let buffers = (0..count).map(buffer).collect();
        Self { buffers, precedes }
    }

    fn bound(&self) -> u64 {
        let sizes: Vec<u64> = self.buffers.iter().map(|b| b.size).collect();
        heaviest_antichain(&sizes, |a, b| self.precedes[a][b], u64::MAX).expect("work is unlimited")
    }
}

proptest! {
    #[test]
    fn conflicting_buffers_share_no_byte((buffers, table) in instances(40), nodes in 0u64..3000) {
        let task = task(&buffers, fixed_end(&buffers), nodes);
        assert_valid(&buffers, &table, &place(&task, &table));
    }

    #[test]
    fn few_buffers_get_the_lowest_peak_of_all_orders((buffers, table) in instances(6)) {
        let task = task(&buffers, fixed_end(&buffers), u64::MAX);
        let offsets = place(&task, &table);
        assert_valid(&buffers, &table, &offsets);
        let lowest = lowest_peak(&buffers, &|a, b| table.conflict(a, b));
        prop_assert_eq!(task.peak(&offsets), lowest);
        prop_assert_eq!(task.goal.max(task.proven.get()), lowest);
    }
}

#[test]
fn equal_seeds_and_nodes_give_equal_placements() {
    let streams = Streams::random(100, 3, 1);
    let placed = || place(&task(&streams.buffers, 0, 20_000), &streams);
    assert_eq!(placed(), placed());
}

#[test]
fn a_start_is_never_made_worse() {
    let streams = Streams::random(60, 3, 2);
    let start = place(&task(&streams.buffers, streams.bound(), 10_000), &streams);
    let again = Task {
        start: Some(start.clone()),
        ..task(&streams.buffers, 0, 0)
    };
    assert_eq!(place(&again, &streams), start);
}

#[test]
fn a_search_ends_within_400_nodes_of_its_limit() {
    let streams = Streams::random(200, 4, 3);
    for nodes in [0, 1000, 5000, 50_000] {
        let task = task(&streams.buffers, 0, nodes);
        assert_valid(&streams.buffers, &streams, &place(&task, &streams));
        assert!(
            (nodes.max(200)..nodes + 400).contains(&task.budget.spent()),
            "{nodes}"
        );
    }
}

#[test]
fn peaks_of_streams_are_near_the_heaviest_antichain() {
    for (count, percent, seeds) in [(50, 1, 0..5), (200, 3, 5..8)] {
        for (streams, seed) in [2, 4, 8]
            .into_iter()
            .flat_map(|s| seeds.clone().map(move |seed| (s, seed)))
        {
            let streams = Streams::random(count, streams, seed);
            let bound = streams.bound();
            let task = task(&streams.buffers, bound, 50_000);
            let offsets = place(&task, &streams);
            assert_valid(&streams.buffers, &streams, &offsets);
            let peak = task.peak(&offsets);
            assert!(peak >= bound);
            assert!(
                peak * 100 <= bound * (100 + percent),
                "{count}: {peak} of {bound}"
            );
        }
    }
}
