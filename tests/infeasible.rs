//! Sets of tensors that do not fit within a capacity, against plans found by trying all offsets.
//!
//! Checked: a set is found where no plan fits and the instance is small; no plan of it fits; one
//! fits when any one tensor is taken out; what is said of its load and of the proof is so.

use core::alloc::Layout;

use orionrt::{
    Aliasing, GraphBuilder, Lifetimes, ModelSet, Planner, Schedule, TensorId,
    lifetimes::{Lifetime, Piece},
    planner::{Cancel, InfeasibleReason, InfeasibleSet, PlannerError},
};
use orionrt_testing::{
    gap_oracle::{self, GapRow, gap_rows},
    instances,
    plan_oracle::{self, Row, load, optimum},
};
use proptest::prelude::*;

const NODES: u64 = 200_000;

fn found(lifetimes: &Lifetimes, capacity: u64) -> Option<InfeasibleSet> {
    let planner = Planner::new().nodes(NODES);
    planner.infeasible_set(lifetimes, capacity).unwrap()
}

/// Some of these items, by the ids of tensors.
fn picked<T: Clone>(all: &[T], ids: impl IntoIterator<Item = TensorId>) -> Vec<T> {
    ids.into_iter().map(|id| all[id.index()].clone()).collect()
}

/// All of the set but one, for each of them.
fn without_one(set: &InfeasibleSet) -> impl Iterator<Item = Vec<TensorId>> {
    let tensors = &set.tensors;
    tensors.iter().map(|out| {
        let others = tensors.iter().filter(|id| *id != out);
        others.copied().collect()
    })
}

fn row() -> impl Strategy<Value = Lifetime> {
    let fixed = prop_oneof![9 => Just(None), 1 => (0..3u64).prop_map(Some)];
    (0..6i64, 1..6i64, 1..7u64, 0..3u32, fixed).prop_map(|(lower, life, size, order, fixed)| {
        let mut row = Lifetime::new(lower, lower + life, size).with_alignment(1 << order);
        row.fixed_offset = fixed.map(|grains| grains << order);
        row
    })
}

fn rows() -> impl Strategy<Value = Vec<Row>> {
    prop::collection::vec(row(), 1..7).prop_map(|rows| {
        let named = rows.into_iter().enumerate();
        named.map(|(i, row)| (i.to_string(), row)).collect()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_set_does_not_fit_and_fits_without_any_one(rows in rows(), below in 0..4u64) {
        prop_assume!(!plan_oracle::fixed_overlap(&rows));
        let best = optimum(&rows);
        let lifetimes = plan_oracle::lifetimes(&rows);
        prop_assert_eq!(found(&lifetimes, best), None);
        let capacity = best.saturating_sub(1 + below);
        let set = found(&lifetimes, capacity).expect("so few tensors are searched to the end");
        let members = picked(&rows, set.tensors.iter().copied());
        prop_assert!(set.is_irreducible);
        prop_assert!(optimum(&members) > capacity, "{:?}", set);
        for others in without_one(&set) {
            prop_assert!(optimum(&picked(&rows, others)) <= capacity, "{:?}", set);
        }
        prop_assert_eq!(set.capacity, capacity);
        prop_assert_eq!(set.bytes, members.iter().map(|(_, row)| row.size).sum::<u64>());
        prop_assert_eq!(set.load, load(&members));
        let alive = |step: i64| {
            let alive = members.iter().filter(|(_, row)| row.lower <= step && step < row.upper);
            alive.map(|(_, row)| row.size).sum::<u64>()
        };
        prop_assert!(set.steps.clone().all(|step| alive(step) == set.load));
        prop_assert!(set.steps.start < set.steps.end);
        prop_assert_eq!(set.reason == InfeasibleReason::Load, set.load > capacity);
        let bound = plan_oracle::lifetimes(&members).lower_bound();
        prop_assert_eq!(set.reason == InfeasibleReason::Search, bound <= capacity);
        // Where the load alone says it, no smaller set of the fullest step does.
        if load(&rows) > capacity && rows.iter().all(|(_, row)| row.alignment == 1) {
            let smaller = set.tensors[..set.tensors.len() - 1].iter().copied();
            let largest = picked(&rows, smaller).iter().map(|(_, row)| row.size).sum::<u64>();
            prop_assert!(largest <= capacity);
        }
    }

    #[test]
    fn so_it_is_with_gaps(rows in gap_rows(6, 8, 6), below in 0..4u64) {
        let best = gap_oracle::optimum(&rows);
        let lifetimes = gap_oracle::lifetimes(&rows);
        prop_assert_eq!(found(&lifetimes, best), None);
        prop_assume!(best > 0);
        let capacity = best.saturating_sub(1 + below);
        // What no bound says is proven by a search only as far as the planner can.
        let Some(set) = found(&lifetimes, capacity) else {
            prop_assert!(lifetimes.lower_bound() <= capacity);
            return Ok(());
        };
        let members: Vec<GapRow> = picked(&rows, set.tensors.iter().copied());
        prop_assert!(gap_oracle::optimum(&members) > capacity);
        for others in without_one(&set).filter(|_| set.is_irreducible) {
            prop_assert!(gap_oracle::optimum(&picked(&rows, others)) <= capacity);
        }
        prop_assert_eq!(set.load, gap_oracle::load(&members));
    }
}

#[test]
fn a_planted_optimum_is_the_least_capacity() {
    for seed in 0..4 {
        let (rows, optimum) = instances::planted(60, seed);
        let rows = rows
            .into_iter()
            .map(|row| (row.id, row.lower, row.upper, row.size, row.alignment));
        let lifetimes = Lifetimes::from_rows(rows).unwrap();
        let set = found(&lifetimes, optimum - 1).expect("the load says it");
        assert_eq!(
            (set.reason, set.is_irreducible),
            (InfeasibleReason::Load, true)
        );
        assert!(set.bytes >= optimum && set.tensors.len() < lifetimes.len());
        assert_eq!(found(&lifetimes, optimum), None);
    }
}

/// Nine tensors whose load is 4 and that need 5.
fn tight() -> Vec<Row> {
    // First step, end and size.
    let tight = [
        (0, 3, 2),
        (1, 2, 2),
        (2, 4, 1),
        (2, 6, 1),
        (3, 4, 1),
        (3, 5, 1),
        (4, 7, 2),
        (5, 6, 1),
        (6, 7, 2),
    ];
    let tensors = tight.iter().enumerate();
    let row = |(i, &(lower, upper, size))| (format!("t{i}"), Lifetime::new(lower, upper, size));
    tensors.map(row).collect()
}

#[test]
fn a_search_finds_the_few_that_do_not_fit_among_many() {
    // Far from the few there is a crowd with a load of 3.
    let mut rows: Vec<Row> = (0..200)
        .map(|i| (format!("crowd {i}"), Lifetime::new(1000 + i, 1003 + i, 1)))
        .collect();
    assert_eq!((load(&tight()), optimum(&tight())), (4, 5));
    rows.extend(tight());
    let set = found(&plan_oracle::lifetimes(&rows), 4).expect("found by the steps around it");
    assert_eq!((set.reason, set.load), (InfeasibleReason::Search, 4));
    assert!(set.is_irreducible && set.tensors.iter().all(|id| id.index() >= 200));
    assert_eq!(found(&plan_oracle::lifetimes(&rows), 5), None);
}

#[test]
fn all_questions_together_take_no_more_nodes_than_there_are() {
    let lifetimes = plan_oracle::lifetimes(&tight());
    assert!(found(&lifetimes, 4).is_some());
    let planner = Planner::new().nodes(1);
    assert_eq!(planner.infeasible_set(&lifetimes, 4).unwrap(), None);
}

#[test]
fn tensors_of_streams_that_may_be_alive_together_are_a_set() {
    let mut g = GraphBuilder::new();
    let tensors = [300, 200, 100].map(|size: usize| {
        let tensor = g.tensor(size.to_string(), Layout::array::<u8>(size).unwrap());
        g.op(size.to_string()).stream(size as u32).writes([tensor]);
        tensor
    });
    let lifetimes = g.build().unwrap().lifetimes_with(Aliasing::Off);
    let set = found(&lifetimes, 499).expect("all three conflict");
    assert_eq!(set.tensors, tensors[..2]);
    assert_eq!((set.bytes, set.reason), (500, InfeasibleReason::Load));
    assert!(set.is_irreducible);
    assert_eq!(found(&lifetimes, 600), None);
}

#[test]
fn a_search_that_is_cancelled_proves_no_more_than_the_load() {
    let cancel = Cancel::new();
    cancel.cancel();
    let rows = [("a", 0, 2, 8, 1), ("b", 0, 2, 8, 1), ("c", 0, 1, 3, 1)];
    let lifetimes = Lifetimes::from_rows(rows).unwrap();
    let planner = Planner::new().cancelled_by(&cancel);
    let set = planner
        .infeasible_set(&lifetimes, 15)
        .unwrap()
        .expect("19 bytes are alive");
    assert_eq!((set.bytes, set.is_irreducible), (16, true));
}

#[test]
fn tensors_of_models_that_share_bytes_by_windows_are_no_proof() {
    let rows = [
        ("table", 0, 6, 100, 1),
        ("work", 2, 4, 90, 1),
        ("big", 2, 4, 60, 1),
    ];
    let lifetimes = Lifetimes::from_rows(rows).unwrap();
    let table = lifetimes.find("table").unwrap();
    let window = Piece::new(2..4, 0..10);
    let mut models = ModelSet::new();
    models
        .add("windows", lifetimes.with_windows(table, [window]).unwrap())
        .unwrap();
    models
        .add("other", Lifetimes::from_rows([("x", 0, 1, 1, 1)]).unwrap())
        .unwrap();
    let shared = models
        .plan(&Schedule::AnyTogether, &Planner::new().nodes(NODES))
        .unwrap();
    // Each two of them fit: `table` and `work` within 100 bytes.
    let set = found(shared.plan().lifetimes(), 150).expect("160 bytes are needed at once");
    assert_eq!((set.tensors.len(), set.load), (3, 160));
    assert_eq!(set.reason, InfeasibleReason::Load);
}

#[test]
fn fixed_tensors_that_overlap_are_refused() {
    let fixed = |name: &str| {
        (
            name.to_string(),
            Lifetime::new(0, 1, 4).with_fixed_offset(0),
        )
    };
    let lifetimes = plan_oracle::lifetimes(&[fixed("a"), fixed("b")]);
    let refused = Planner::new().infeasible_set(&lifetimes, 8);
    assert!(matches!(refused, Err(PlannerError::Fixed(_))));
}
