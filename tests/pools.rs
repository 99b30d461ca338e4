//! Tensors divided among pools, against all choices of a few tensors.
//!
//! Checked: every pool's plan; that each pool gets the choice with most traffic of a few tensors;
//! that this is claimed only where it is so; views, streams and mistakes; and how much more than
//! the largest first is served of generated instances, and no more than a bound.

use core::alloc::Layout;

use orionrt::{
    Aliasing, GraphBuilder, Lifetimes, Planner, TensorId,
    lifetimes::{Lifetime, Piece},
    planner::PlannerError,
    pools::{Pool, PoolError, PoolPlans, PoolReason, traffic},
};
use orionrt_testing::{
    instances,
    plan_oracle::{self, Row, optimum, peak_of},
    pool_choices::{largest_first, most_traffic},
};
use proptest::{prelude::*, test_runner::TestRunner};

const NODES: u64 = 100_000;

fn pools(capacity: u64) -> [Pool; 2] {
    [Pool::new("fast").with_capacity(capacity), Pool::new("slow")]
}

fn planned(lifetimes: &Lifetimes, traffic: &[u64], capacity: u64) -> PoolPlans {
    let planner = Planner::new().nodes(NODES);
    planner
        .plan_pools(lifetimes, traffic, &pools(capacity))
        .unwrap()
}

fn rows(most: usize) -> impl Strategy<Value = (Vec<Row>, Vec<u64>)> {
    let row = (0..7i64, 0..5i64, 0..8u64, 0..3u32).prop_map(|(lower, life, size, order)| {
        Lifetime::new(lower, lower + life, size).with_alignment(1 << order)
    });
    prop::collection::vec((row, 0..20u64), 1..=most).prop_map(|rows| {
        let named = rows.into_iter().enumerate();
        named
            .map(|(i, (row, traffic))| ((i.to_string(), row), traffic))
            .unzip()
    })
}

fn has_bytes(row: &Lifetime) -> bool {
    row.lower < row.upper && row.size > 0
}

/// Some of the rows, by a set of bits.
fn of_bits<T: Clone>(all: &[T], bits: u32) -> Vec<T> {
    let some = all.iter().enumerate().filter(|(i, _)| bits & (1 << i) != 0);
    some.map(|(_, one)| one.clone()).collect()
}

/// Checks each pool's plan by pairs of rows, and the traffic that is stated.
fn check(rows: &[Row], traffic: &[u64], plans: &PoolPlans) {
    for (number, pool) in plans.pools().iter().enumerate() {
        let here = (0..rows.len()).filter(|&i| {
            plans.pool_of(TensorId::new(i as u32)) == Some(number) && has_bytes(&rows[i].1)
        });
        let here: Vec<usize> = here.collect();
        let offsets: Vec<u64> = (here.iter())
            .map(|&i| plans.offset(TensorId::new(i as u32)).unwrap())
            .collect();
        let members: Vec<Row> = here.iter().map(|&i| rows[i].clone()).collect();
        let peak = peak_of(&members, &offsets).expect("a plan of the pool");
        assert_eq!(peak, pool.plan.peak());
        assert!(pool.pool.capacity.is_none_or(|capacity| peak <= capacity));
        assert_eq!(pool.traffic, here.iter().map(|&i| traffic[i]).sum::<u64>());
    }
}

/// Some tensors, their traffic, and the capacities of all pools but the last.
type Case = ((Vec<Row>, Vec<u64>), Vec<u64>);

fn few() -> impl Strategy<Value = Case> {
    (rows(7), prop::collection::vec(1..14u64, 1..4))
}

/// Whether each pool has the choice with most traffic, among all choices that have a plan.
fn few_get_the_best(((rows, traffic), capacities): &Case) -> Result<(), TestCaseError> {
    let pools = capacities.iter().enumerate();
    let pools = pools.map(|(i, bytes)| Pool::new(i.to_string()).with_capacity(*bytes));
    let pools: Vec<Pool> = pools.chain([Pool::new("last")]).collect();
    let planner = Planner::new().nodes(NODES);
    let lifetimes = plan_oracle::lifetimes(rows);
    let plans = planner.plan_pools(&lifetimes, traffic, &pools).unwrap();
    check(rows, traffic, &plans);
    let all = 1u32 << rows.len();
    let peaks: Vec<u64> = (0..all).map(|bits| optimum(&of_bits(rows, bits))).collect();
    let sum = |bits: u32| {
        let some = of_bits(rows, bits).into_iter().zip(of_bits(traffic, bits));
        let some = some.filter(|((_, row), _)| has_bytes(row));
        some.map(|(_, traffic)| traffic).sum::<u64>()
    };
    let mut left = all - 1;
    for (number, capacity) in capacities.iter().enumerate() {
        let fits = |bits: &u32| bits & !left == 0 && peaks[*bits as usize] <= *capacity;
        let best = (0..all).filter(fits).map(sum).max().unwrap();
        let pool = &plans.pools()[number];
        prop_assert_eq!(pool.traffic, best, "pool {}", number);
        prop_assert!(pool.is_best);
        let is_here = |i: &usize| plans.pool_of(TensorId::new(*i as u32)) == Some(number);
        let here = (0..rows.len()).filter(is_here).map(|i| 1 << i);
        left &= !here.sum::<u32>();
        if number == 0 {
            prop_assert!(best <= most_traffic(&lifetimes, traffic, *capacity));
        }
    }
    Ok(())
}

#[test]
#[ignore = "takes minutes; run it with --ignored --release"]
fn ten_thousand_sets_of_few_tensors_get_the_best_choice() {
    let mut runner = TestRunner::new(ProptestConfig::with_cases(10_000));
    let run = runner.run(&few(), |case| few_get_the_best(&case));
    run.unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn each_pool_gets_the_choice_with_most_traffic_of_a_few_tensors(case in few()) {
        few_get_the_best(&case)?;
    }

    /// Where all sizes are equal, cutting tensors does not help, and loads alone say what fits.
    #[test]
    fn tensors_of_one_size_serve_as_much_as_the_bound(
        lives in prop::collection::vec((0..9i64, 1..6i64, 0..20u64), 1..=12), capacity in 1..5u64,
    ) {
        let rows = lives.iter().enumerate();
        let rows = rows.map(|(i, (lower, life, _))| (i.to_string(), *lower, lower + life, 8, 8));
        let lifetimes = Lifetimes::from_rows(rows).unwrap();
        let traffic: Vec<u64> = lives.iter().map(|(.., traffic)| *traffic).collect();
        let plans = planned(&lifetimes, &traffic, 8 * capacity);
        let bound = most_traffic(&lifetimes, &traffic, 8 * capacity);
        prop_assert_eq!(plans.pools()[0].traffic, bound);
    }

    #[test]
    fn it_is_said_why_a_tensor_is_not_in_the_fast_pool(
        (rows, traffic) in rows(12), capacity in 1..14u64,
    ) {
        let plans = planned(&plan_oracle::lifetimes(&rows), &traffic, capacity);
        let fast = |i: usize| plans.pool_of(TensorId::new(i as u32)) == Some(0);
        let load = |step: i64| {
            let here = (0..rows.len()).filter(|&i| fast(i)).map(|i| &rows[i].1);
            let alive = here.filter(|row| row.lower <= step && step < row.upper);
            alive.map(|row| row.size).sum::<u64>()
        };
        for (i, (_, row)) in rows.iter().enumerate() {
            let reason = plans.why_not_in(TensorId::new(i as u32), 0);
            let is_full = |step: i64| load(step) + row.size > capacity;
            match reason {
                None => prop_assert!(fast(i) || !has_bytes(row)),
                Some(PoolReason::TooLarge) => prop_assert!(row.size > capacity),
                Some(PoolReason::Full { steps, free }) => {
                    prop_assert!(steps.start < steps.end && steps.end > row.lower);
                    prop_assert!(steps.clone().all(|step| load(step) == capacity - free));
                    prop_assert!(row.size > free);
                }
                Some(_) => prop_assert!(!(row.lower..row.upper).any(is_full)),
            }
        }
    }
}

#[test]
fn generated_instances_are_served_better_than_by_the_largest_first() {
    let mut served = [0.0; 2];
    for seed in 0..4 {
        let rows = match seed % 2 {
            0 => instances::planted(40, seed).0,
            _ => instances::uniform(40, 10, seed),
        };
        let named = rows.iter().map(|row| {
            (
                row.id.clone(),
                Lifetime::new(row.lower, row.upper, row.size),
            )
        });
        let lifetimes = Lifetimes::from_named(named).unwrap();
        let uses = |i: usize| 2 + (i as u64 * 7 + seed) % 5;
        let traffic: Vec<u64> = (0..rows.len()).map(|i| rows[i].size * uses(i)).collect();
        let total = traffic.iter().sum::<u64>() as f64;
        for percent in [20, 50, 80] {
            let capacity = lifetimes.load() * percent / 100;
            let ours = planned(&lifetimes, &traffic, capacity).pools()[0].traffic;
            let theirs = largest_first(&lifetimes, &traffic, capacity);
            served[0] += ours as f64 / total;
            served[1] += theirs as f64 / total;
            assert!(ours >= theirs, "{seed} {percent}: {ours} {theirs}");
            let most = most_traffic(&lifetimes, &traffic, capacity);
            assert!(ours <= most, "{seed} {percent}: {ours} {most}");
        }
    }
    assert!(served[0] > 1.05 * served[1], "{served:?}");
}

#[test]
fn several_pools_are_filled_in_order_and_one_may_hold_everything() {
    let rows = [("a", 0, 2, 6, 1), ("b", 0, 2, 6, 1), ("c", 0, 2, 6, 1)];
    let lifetimes = Lifetimes::from_rows(rows).unwrap();
    let pools = [
        Pool::new("near").with_capacity(6),
        Pool::new("middle").with_capacity(7),
        Pool::new("far").with_capacity(6),
    ];
    let planner = Planner::new();
    let plans = planner.plan_pools(&lifetimes, &[1, 3, 2], &pools).unwrap();
    let of = [0, 1, 2].map(|i| plans.pool_of(TensorId::new(i)));
    assert_eq!(of, [Some(2), Some(0), Some(1)]);
    assert_eq!(plans.total_traffic(), 6);
    let plans = planned(&lifetimes, &[1, 3, 2], 18);
    assert_eq!(
        plans
            .pools()
            .iter()
            .map(|pool| pool.traffic)
            .collect::<Vec<_>>(),
        [6, 0]
    );
    let refused = planner.plan_pools(&lifetimes, &[1, 3, 2], &pools[1..]);
    let Err(PoolError::Planner { pool, error }) = refused else {
        panic!("6 bytes hold one of two: {refused:?}");
    };
    assert_eq!(pool, "far");
    assert!(matches!(*error, PlannerError::Capacity { capacity: 6, .. }));
}

#[test]
fn views_are_with_their_roots_and_streams_share_no_bytes() {
    let mut g = GraphBuilder::new();
    let bytes = |size| Layout::array::<u8>(size).unwrap();
    let [x, y] = [0, 1].map(|stream| {
        let tensor = g.tensor(format!("t{stream}"), bytes(600));
        g.op(format!("op{stream}")).stream(stream).writes([tensor]);
        tensor
    });
    let view = g.tensor("view", bytes(300));
    g.op("view").stream(1).view(view, y, 300);
    let last = g.tensor("last", bytes(10));
    g.op("last").stream(1).reads([view]).writes([last]);
    let graph = g.output(last).build().unwrap();
    let lifetimes = graph.lifetimes_with(Aliasing::Views);
    let traffic = traffic(&graph, &lifetimes);
    assert_eq!(traffic, [600, 600, 300, 10]);
    let plans = planned(&lifetimes, &traffic, 1000);
    assert_eq!((plans.pool_of(x), plans.pool_of(y)), (Some(1), Some(0)));
    assert_eq!(plans.pool_of(view), Some(0));
    assert_eq!(
        plans.offset(view),
        plans.offset(y).map(|offset| offset + 300)
    );
    assert_eq!((plans.traffic(y), plans.traffic(view)), (900, 0));
}

#[test]
fn operands_that_lie_within_results_move_nothing() {
    let mut g = GraphBuilder::new();
    let bytes = |size| Layout::array::<u8>(size).unwrap();
    let [x, a, b] = [("x", 100), ("a", 200), ("b", 300)].map(|(name, n)| g.tensor(name, bytes(n)));
    let joint = g.tensor("joint", bytes(900));
    let y = g.tensor("y", bytes(10));
    g.op("left").reads([x]).writes([a]);
    g.op("right").reads([x]).writes([b]);
    // The input keeps bytes of its own, and of `b` the second copy is read.
    let op = g.op("concatenate").part(x, joint, 0).part(a, joint, 100);
    op.part(b, joint, 300).part(b, joint, 600);
    g.op("sum").reads([joint]).writes([y]);
    let graph = g.output(y).build().unwrap();
    let traffic = |aliasing| traffic(&graph, &graph.lifetimes_with(aliasing));
    assert_eq!(traffic(Aliasing::Off), [300, 400, 600, 1800, 10]);
    let uncopied = graph.uncopied(&graph.lifetimes_with(Aliasing::Parts));
    assert_eq!((uncopied.operands, uncopied.bytes), (2, 500));
    assert_eq!(traffic(Aliasing::Parts), [300, 200, 600, 1300, 10]);
}

#[test]
fn of_tensors_with_windows_nothing_is_claimed_that_loads_do_not_show() {
    let rows = [
        ("table", 0, 6, 100, 1),
        ("work", 2, 4, 60, 1),
        ("more", 2, 4, 30, 1),
    ];
    let lifetimes = Lifetimes::from_rows(rows).unwrap();
    let window = Piece::new(2..4, 0..10);
    let lifetimes = lifetimes.with_windows(TensorId::new(0), [window]).unwrap();
    let all = planned(&lifetimes, &[3, 2, 2], 100);
    assert_eq!((all.pools()[0].traffic, all.pools()[0].is_best), (7, true));
    let some = planned(&lifetimes, &[3, 2, 2], 99);
    assert_eq!(
        (some.pools()[0].traffic, some.pools()[0].is_best),
        (4, false)
    );
}

#[test]
fn mistakes_are_named() {
    let lifetimes = Lifetimes::from_rows([("a", 0, 1, 6, 1)]).unwrap();
    let refused = |traffic: &[u64], pools: &[Pool]| {
        Planner::new()
            .plan_pools(&lifetimes, traffic, pools)
            .unwrap_err()
    };
    assert_eq!(refused(&[1], &[]), PoolError::NoPool);
    let name = "x".to_string();
    assert_eq!(
        refused(&[1], &[Pool::new("x"), Pool::new("x")]),
        PoolError::Duplicate { name }
    );
    let (tensors, weights) = (1, 2);
    assert_eq!(
        refused(&[1, 2], &pools(9)),
        PoolError::Weights { tensors, weights }
    );
    let fixed = [("a", Lifetime::new(0, 1, 4).with_fixed_offset(8))];
    let fixed = Lifetimes::from_named(fixed).unwrap();
    let refused = Planner::new()
        .plan_pools(&fixed, &[1], &pools(9))
        .unwrap_err();
    assert!(matches!(refused, PoolError::Fixed { offset: 8, .. }));
    let two = Lifetimes::from_rows([("a", 0, 1, 6, 1), ("b", 0, 1, 6, 1)]).unwrap();
    let refused = Planner::new()
        .plan_pools(&two, &[u64::MAX, 1], &pools(9))
        .unwrap_err();
    assert_eq!(refused, PoolError::TooMuchTraffic);
}
