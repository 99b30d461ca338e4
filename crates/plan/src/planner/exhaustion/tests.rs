//! Proofs against all orders of a few buffers, and how many nodes they take.

use alloc::{vec, vec::Vec};
use core::cell::Cell;

use proptest::prelude::{Strategy as Strategy_, *};

use super::{Exhaustion, fit_within};
use crate::lifetimes::Lifetime;
use crate::planner::gap::first_gap;
use crate::planner::incumbent::Incumbent;
use crate::planner::random::Random;
use crate::planner::section_space::SectionDecoder;
use crate::planner::skyline::SearchOutcome;
use crate::planner::strategy::{Strategy, Task};
use crate::planner::{Budget, Planner, PlannerError};
use crate::{Lifetimes, Plan};

fn buffer(lower: i64, upper: i64, size: u64, alignment: u64) -> Lifetime {
    Lifetime::new(lower, upper, size).with_alignment(alignment)
}

/// The lowest peak of all orders in which each buffer gets the lowest free offset: no plan is
/// lower, since the buffers of a plan can be placed in order of offset.
fn lowest_peak(buffers: &[Lifetime]) -> u64 {
    fn place_rest(buffers: &[Lifetime], offsets: &mut [Option<u64>], best: &mut u64) {
        let ends = buffers.iter().zip(offsets.iter());
        let ends = ends.filter_map(|(b, offset)| Some((*offset)? + b.size));
        let peak = ends.max().unwrap_or(0);
        if offsets.iter().all(Option::is_some) {
            *best = peak.min(*best);
        }
        for i in 0..buffers.len() {
            if offsets[i].is_some() {
                continue;
            }
            let others = buffers.iter().zip(offsets.iter());
            let others = others.filter(|(other, _)| other.conflicts(&buffers[i]));
            let taken = others.filter_map(|(other, at)| at.map(|at| at..at + other.size));
            let mut taken: Vec<_> = taken.collect();
            taken.sort_by_key(|bytes| bytes.start);
            let lowest = first_gap(&taken, 0, buffers[i].size, buffers[i].alignment);
            offsets[i] = Some(lowest);
            place_rest(buffers, offsets, best);
            offsets[i] = None;
        }
    }
    let mut offsets: Vec<Option<u64>> = buffers.iter().map(|b| b.fixed_offset).collect();
    let mut best = u64::MAX;
    place_rest(buffers, &mut offsets, &mut best);
    best
}

fn lifetimes(buffers: &[Lifetime]) -> Lifetimes {
    let rows = buffers.iter().enumerate();
    let rows = rows.map(|(i, buffer)| (alloc::format!("{i}"), *buffer));
    Lifetimes::from_named(rows).unwrap()
}

fn task(buffers: &[Lifetime]) -> Task<'_> {
    Task {
        buffers,
        goal: lifetimes(buffers).lower_bound(),
        capacity: None,
        start: None,
        budget: Budget::unlimited(),
        seed: 0,
        interference: None,
        proven: Cell::default(),
        #[cfg(feature = "std")]
        progress: None,
    }
}

/// An incumbent in which each buffer in turn takes the lowest free offset.
fn first_fit(task: &Task<'_>) -> Incumbent {
    let mut decoder = SectionDecoder::of_lifetimes(task.buffers);
    let order: Vec<usize> = (0..task.buffers.len()).collect();
    let peak = decoder.decode(&order, &task.budget).unwrap();
    let mut incumbent = Incumbent::new(task);
    incumbent.offer(task, peak, decoder.offsets());
    incumbent
}

/// The peak that search by exhaustion proves within some nodes; `None` if it does not.
fn proven_peak(buffers: &[Lifetime], nodes: u64) -> Option<u64> {
    let task = task(buffers);
    let mut incumbent = first_fit(&task);
    let mut exhaustion = Exhaustion::new(&task).unwrap();
    let ended = exhaustion.improve(&task, nodes, &mut incumbent);
    Plan::new(lifetimes(buffers), incumbent.offsets).unwrap();
    let proven = task.proven.get().max(task.goal);
    assert_eq!(ended, incumbent.peak == proven);
    ended.then_some(incumbent.peak)
}

/// The best plan that was found where none is within the capacity.
fn too_small(planned: Result<Plan, PlannerError>) -> Plan {
    match planned {
        Err(PlannerError::Capacity { best, .. }) => *best,
        other => panic!("{other:?}"),
    }
}

/// Four tensors in a chain, of which two are always alive: at 0 and 64, in turns.
fn chain() -> [Lifetime; 4] {
    let life = |lower, upper, size| buffer(lower, upper, size, 64);
    [
        life(0, 2, 32),
        life(1, 3, 16),
        life(2, 4, 16),
        life(3, 5, 32),
    ]
}

#[test]
fn a_chain_that_alignment_keeps_above_the_bound_is_proven_at_once() {
    assert_eq!(lifetimes(&chain()).lower_bound(), 80);
    assert_eq!(proven_peak(&chain(), 10), Some(96));
    let plan = Planner::new().plan(&lifetimes(&chain())).unwrap();
    assert_eq!((plan.peak(), plan.lower_bound()), (96, 96));
    assert!(plan.is_optimal());
}

#[test]
fn what_is_proven_is_said_where_no_plan_is_within_a_capacity() {
    for capacity in [1, 80, 95] {
        let planner = Planner::new().capacity(capacity);
        let best = too_small(planner.plan(&lifetimes(&chain())));
        assert_eq!((best.peak(), best.lower_bound()), (96, 96), "{capacity}");
        assert!(best.is_optimal());
    }
    let plan = Planner::new().capacity(96).plan(&lifetimes(&chain()));
    assert_eq!(plan.unwrap().peak(), 96);
}

/// The best plan where none is within the capacity, and the nodes until that was said.
fn nodes_in_vain(buffers: &[Lifetime], capacity: u64) -> (Plan, u64) {
    let (planner, budget) = (Planner::new().capacity(capacity), Budget::unlimited());
    let planned = planner.plan_within(&lifetimes(buffers), &budget, 200_000);
    (too_small(planned), budget.spent())
}

#[test]
fn a_capacity_below_the_bound_is_hardly_searched() {
    let mut random = Random::new(5);
    let buffers = (0..300).map(|_| {
        let lower = random.below(300) as i64;
        let upper = lower + 1 + random.below(40) as i64;
        buffer(lower, upper, 1 + random.below(1 << 20), 1)
    });
    let buffers: Vec<Lifetime> = buffers.collect();
    let bound = lifetimes(&buffers).lower_bound();
    let (best, nodes) = nodes_in_vain(&buffers, bound - 1);
    assert!(nodes < 25_000, "{nodes}");
    assert_eq!(best.lower_bound(), bound);
}

#[test]
fn a_search_ends_when_it_has_tried_all_plans_within_the_capacity() {
    let chains = (0..30).flat_map(|i| {
        chain().map(|row| Lifetime {
            lower: row.lower + 10 * i,
            upper: row.upper + 10 * i,
            size: row.size << 20,
            alignment: row.alignment << 20,
            ..row
        })
    });
    let chains: Vec<Lifetime> = chains.collect();
    assert_eq!(lifetimes(&chains).lower_bound(), 80 << 20);
    let (best, nodes) = nodes_in_vain(&chains, 80 << 20);
    assert!(nodes < 25_000, "{nodes}");
    assert!(best.lower_bound() > 80 << 20);
    assert_eq!(best.peak(), 96 << 20);
}

#[test]
fn every_thread_s_proof_counts() {
    let planner = Planner::new().nodes(100_000).threads(3);
    assert!(planner.plan(&lifetimes(&chain())).unwrap().is_optimal());
}

#[test]
fn a_proof_with_tensors_kept_in_place_claims_nothing_of_others() {
    let apart = Plan::new(lifetimes(&chain()), vec![0, 64, 128, 192]).unwrap();
    let kept = Planner::new().keep(&apart).plan(apart.lifetimes()).unwrap();
    assert_eq!((kept.peak(), kept.lower_bound()), (224, 80));
}

#[test]
fn a_strategy_of_the_user_s_claims_nothing() {
    struct Fixed;
    impl Strategy for Fixed {
        fn name(&self) -> &str {
            "fixed"
        }
        fn place(&self, _: &Task<'_>) -> Vec<u64> {
            vec![0, 64, 0, 64]
        }
    }
    let plan = Planner::new().strategy(Fixed).plan(&lifetimes(&chain()));
    let plan = plan.unwrap();
    assert_eq!((plan.peak(), plan.lower_bound()), (96, 80));
    assert!(!plan.is_optimal());
}

#[test]
fn separate_times_are_proven_by_the_one_that_needs_most() {
    // The chain, and later one that needs less, but more nodes.
    let later = (0..40).map(|i| buffer(9 + i % 7, 18 + i % 9, 1, 1));
    let buffers: Vec<Lifetime> = chain().into_iter().chain(later).collect();
    assert_eq!(proven_peak(&buffers, 10), Some(96));
}

#[test]
fn graphs_of_the_size_of_operator_tests_take_few_nodes() {
    let mut random = Random::new(1);
    let mut above_bound = 0;
    for case in 0..3000 {
        let (count, steps) = (1 + random.below(12), 1 + random.below(6));
        let buffers = (0..count).map(|_| {
            let lower = random.below(steps);
            let upper = lower + 1 + random.below(steps - lower);
            let size = match case % 3 {
                0 => 16 << random.below(2),
                _ => 1 + random.below(600),
            };
            buffer(lower as i64, upper as i64, size, 64)
        });
        let buffers: Vec<Lifetime> = buffers.collect();
        let proven = proven_peak(&buffers, 1000);
        above_bound += u32::from(proven > Some(task(&buffers).goal));
        assert!(proven.is_some(), "{case}: {buffers:?}");
    }
    assert!(above_bound >= 3, "{above_bound} proofs");
}

#[test]
fn chains_of_thirty_two_small_tensors_take_few_nodes() {
    let mut random = Random::new(2);
    let mut above_bound = 0;
    for case in 0..100 {
        let alive = 2 + case % 3;
        let mut last_large = -alive;
        let buffers = (0..32).map(|i| {
            let is_large = i - last_large >= alive && random.below(2) == 0;
            if is_large {
                last_large = i;
            }
            buffer(i, i + alive, if is_large { 32 } else { 16 }, 64)
        });
        let buffers: Vec<Lifetime> = buffers.collect();
        let proven = proven_peak(&buffers, 1000);
        above_bound += u32::from(proven > Some(task(&buffers).goal));
        assert!(proven.is_some(), "{case}: {buffers:?}");
    }
    assert!(above_bound >= 50, "{above_bound} proofs");
}

/// Up to seven buffers with the same or with different alignments, some of them fixed.
fn few_buffers() -> impl Strategy_<Value = Vec<Lifetime>> {
    let alignments = prop_oneof![
        Just(vec![8u64]),
        Just(vec![1, 2, 8]),
        Just(vec![2, 4]),
        Just(vec![1]),
    ];
    let row = (
        0i64..5,
        1i64..4,
        1u64..20,
        any::<prop::sample::Index>(),
        0u64..40,
    );
    let rows = (
        alignments,
        prop::collection::vec(row, 1..8),
        any::<bool>(),
        1u64..4,
    );
    rows.prop_map(|(alignments, rows, has_fixed, factor)| {
        let mut buffers: Vec<Lifetime> = Vec::new();
        for (lower, length, size, index, offset) in rows {
            let alignment = *index.get(&alignments);
            let mut row = buffer(lower, lower + length, size * factor, alignment);
            let offset = offset / alignment * alignment;
            let is_free = |other: &Lifetime| {
                let apart = |taken: core::ops::Range<u64>| {
                    taken.end <= offset || offset + row.size <= taken.start
                };
                !other.conflicts(&row) || other.fixed_bytes().is_none_or(apart)
            };
            if has_fixed && offset % 3 == 0 && buffers.iter().all(is_free) {
                row.fixed_offset = Some(offset);
            }
            buffers.push(row);
        }
        buffers
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_claim_is_made_and_true(buffers in few_buffers(), seed in 0u64..3) {
        let lowest = lowest_peak(&buffers);
        prop_assert_eq!(proven_peak(&buffers, 100_000), Some(lowest));
        let planner = Planner::new().nodes(200_000).seed(seed);
        let plan = planner.plan(&lifetimes(&buffers)).unwrap();
        prop_assert_eq!((plan.peak(), plan.lower_bound()), (lowest, lowest));
        let again = planner.plan(&lifetimes(&buffers)).unwrap();
        prop_assert_eq!(plan, again);
    }

    /// Fixed buffers that end above the capacity are not asked about.
    #[test]
    fn buffers_fit_exactly_from_the_lowest_peak_on(buffers in few_buffers(), near in 0u64..9) {
        let lowest = lowest_peak(&buffers);
        let fixed = buffers.iter().filter_map(Lifetime::fixed_bytes);
        let fixed_end = fixed.map(|bytes| bytes.end).max().unwrap_or(0);
        for capacity in [lowest.saturating_sub(near), lowest + near] {
            let found = fit_within(&buffers, capacity, &mut 100_000, &Budget::unlimited());
            let expected = match capacity >= lowest {
                true => SearchOutcome::Fits,
                false => SearchOutcome::Exhausted,
            };
            prop_assert!(capacity < fixed_end || found == expected, "{:?} at {}", found, capacity);
        }
        let none = fit_within(&buffers, lowest - 1, &mut 0, &Budget::unlimited());
        prop_assert!(lowest - 1 < fixed_end || none != SearchOutcome::Fits);
    }

    /// Where the capacity is too small, the lowest peak is proven; no strategy claims too much.
    #[test]
    fn a_claim_beside_a_capacity_is_true(buffers in few_buffers(), below in 1u64..9) {
        let lowest = lowest_peak(&buffers);
        let capacity = lowest.saturating_sub(below);
        let planner = Planner::new().nodes(200_000).capacity(capacity);
        let best = too_small(planner.plan(&lifetimes(&buffers)));
        prop_assert_eq!((best.peak(), best.lower_bound()), (lowest, lowest));
        for strategy in Planner::strategies() {
            let named = planner.clone().nodes(2000).strategy_named(strategy.name()).unwrap();
            let best = too_small(named.plan(&lifetimes(&buffers)));
            prop_assert!(best.lower_bound() <= lowest, "{}", strategy.name());
            let free = Planner::new().nodes(2000).strategy_named(strategy.name()).unwrap();
            let plan = free.plan(&lifetimes(&buffers)).unwrap();
            prop_assert!(plan.lower_bound() <= lowest, "{}", strategy.name());
        }
    }
}
