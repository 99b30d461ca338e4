//! Every strategy on generated instances: planted ones, whose optimum is known, and large ones.
//!
//! Checked with `orionrt_testing::plan_oracle`: a search finds the optimum of planted instances,
//! however they are transformed; node limits, capacities, threads and cancellation end a search,
//! and its plan is valid all the same.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc::{self, Sender},
    },
    thread,
    time::Duration,
};

use orionrt::{
    Planner,
    lifetimes::Lifetime,
    planner::{Cancel, PlannerError, Strategy, Task},
};
use orionrt_testing::instances::{
    self, aligned, layers, planted, planted_loose, renamed, reversed, scaled, shuffled, stream,
    stretched, training, uniform,
};
use orionrt_testing::plan_oracle::{Row, check, lifetimes, load};

fn rows(made: &[instances::Row]) -> Vec<Row> {
    let each = made.iter().map(|row| {
        let lifetime = Lifetime::new(row.lower, row.upper, row.size);
        (row.id.clone(), lifetime.with_alignment(row.alignment))
    });
    each.collect()
}

/// A planner for each built-in strategy.
fn planners(nodes: u64) -> impl Iterator<Item = Planner> {
    let all = Planner::strategies().into_iter();
    all.map(move |strategy| {
        let planner = Planner::new().nodes(nodes);
        planner.strategy_named(strategy.name()).unwrap()
    })
}

type Made = Vec<instances::Row>;

/// An instance transformed in five ways, each with the factor by which the optimum grows.
fn transformed(made: &[instances::Row], seed: u64) -> [(&'static str, Made, u64); 5] {
    [
        ("reversed", reversed(made), 1),
        ("stretched", stretched(made, seed), 1),
        ("renamed", renamed(made, seed), 1),
        ("shuffled", shuffled(made, seed), 1),
        ("scaled", scaled(made, 1 << 30 | 7), 1 << 30 | 7),
    ]
}

/// The planted instance of a seed, and its optimum.
fn planted_instance(seed: u64) -> (Made, u64) {
    let pieces = 50 + 8 * seed as usize;
    match seed % 2 {
        0 => planted(pieces, seed),
        _ => planted_loose(pieces, seed),
    }
}

/// Whether the default strategy finds the optimum; what it finds is checked.
fn is_solved(given: &[Row], optimum: u64) -> bool {
    let lifetimes = lifetimes(given);
    assert_eq!((lifetimes.lower_bound(), load(given)), (optimum, optimum));
    let plan = Planner::new().nodes(500_000).plan(&lifetimes).unwrap();
    check(given, &plan);
    plan.peak() == optimum
}

#[test]
fn ten_planted_instances_are_solved() {
    let solved = |&seed: &u64| {
        let (made, optimum) = planted_instance(seed);
        is_solved(&rows(&made), optimum)
    };
    let solved: Vec<u64> = (0..10).filter(solved).collect();
    assert_eq!(solved, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
}

#[test]
fn ten_transformed_planted_instances_are_solved() {
    let solved = |&seed: &u64| {
        let (made, optimum) = planted_instance(seed);
        let all = transformed(&made, seed);
        let (name, changed, factor) = &all[seed as usize % all.len()];
        let solved = is_solved(&rows(changed), optimum * factor);
        println!("{seed} {name}: {solved}");
        solved
    };
    let solved: Vec<u64> = (0..10).filter(solved).collect();
    assert_eq!(solved, [0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
}

#[test]
fn every_strategy_plans_transformed_instances() {
    for (seed, made) in [
        planted(100, 7).0,
        planted_loose(90, 8).0,
        layers(120, 9),
        training(20, 10),
        stream(120, 12, 11),
        uniform(100, 10, 12),
    ]
    .iter()
    .enumerate()
    {
        let all = transformed(made, seed as u64).map(|(_, made, _)| made);
        for made in [vec![made.clone(), aligned(made, seed as u64)], all.into()].concat() {
            let given = rows(&made);
            for planner in planners(5000) {
                check(&given, &planner.plan(&lifetimes(&given)).unwrap());
            }
        }
    }
}

/// The instance is one on which other seeds give other plans.
#[test]
fn equal_budgets_and_seeds_give_equal_plans() {
    let given = rows(&planted(60, 3).0);
    let plan =
        |planner: &Planner, seed| planner.clone().seed(seed).plan(&lifetimes(&given)).unwrap();
    for planner in planners(20_000) {
        let first = plan(&planner, 9);
        check(&given, &first);
        assert_eq!(first, plan(&planner, 9));
    }
    let auto = Planner::new().nodes(20_000);
    let first = plan(&auto, 9);
    assert!((0..6).any(|seed| plan(&auto, seed).offsets() != first.offsets()));
}

/// A built-in strategy that tells how many nodes it has visited.
struct Counted {
    strategy: Box<dyn Strategy>,
    nodes: Arc<AtomicU64>,
}

impl Strategy for Counted {
    fn name(&self) -> &str {
        self.strategy.name()
    }

    fn place(&self, task: &Task<'_>) -> Vec<u64> {
        let offsets = self.strategy.place(task);
        self.nodes.store(task.budget.spent(), Ordering::Relaxed);
        offsets
    }
}

/// Plans with at most `limit` nodes; returns how many were visited, and the ratio of peak and
/// bound.
fn nodes_visited(strategy: &str, given: &[Row], limit: u64) -> (u64, f64) {
    let mut all = Planner::strategies().into_iter();
    let strategy = all.find(|s| s.name() == strategy).unwrap();
    let nodes = Arc::new(AtomicU64::new(0));
    let counted = Counted {
        strategy,
        nodes: Arc::clone(&nodes),
    };
    let planner = Planner::new().strategy(counted).nodes(limit);
    let plan = planner.plan(&lifetimes(given)).unwrap();
    check(given, &plan);
    (nodes.load(Ordering::Relaxed), plan.ratio())
}

#[test]
fn five_thousand_buffers_reach_the_bound_with_five_nodes_each() {
    let given = rows(&stream(5000, 100, 3));
    for strategy in ["auto", "core", "skyline"] {
        let (nodes, ratio) = nodes_visited(strategy, &given, 100_000);
        assert_eq!(ratio, 1.0, "{strategy}");
        assert!(nodes <= 5 * 5000, "{strategy}: {nodes}");
    }
}

#[test]
fn a_search_ends_within_a_pass_of_its_node_limit() {
    let given = rows(&stream(5000, 100, 3));
    // Without a limit these visit more than 15,000 nodes, 5000 of them in the first greedy pass.
    for strategy in ["auto", "core", "skyline"] {
        for limit in [0, 5000, 8000, 10_000] {
            let (nodes, ratio) = nodes_visited(strategy, &given, limit);
            let least = limit.max(5000);
            assert!(
                (least..=least + 5000).contains(&nodes),
                "{strategy}: {nodes}"
            );
            assert!(
                ratio > 1.0,
                "{strategy}: the limit of {limit} nodes did not end it"
            );
        }
    }
    assert_eq!(nodes_visited("greedy-bands", &given, 0).0, 5000);
}

#[test]
fn a_capacity_is_a_goal_and_a_limit() {
    let (made, optimum) = planted(60, 3);
    let given = rows(&made);
    for planner in planners(20_000) {
        let loose = planner.clone().capacity(2 * optimum);
        let plan = loose.plan(&lifetimes(&given)).unwrap();
        check(&given, &plan);
        assert!(plan.peak() <= 2 * optimum);
        match planner.capacity(optimum - 1).plan(&lifetimes(&given)) {
            Err(PlannerError::Capacity { capacity, best }) => {
                assert_eq!(capacity, optimum - 1);
                check(&given, &best);
                assert!(best.peak() >= optimum);
            }
            other => panic!("{other:?}"),
        }
    }
    // A search without any other limit ends as soon as it reaches the capacity.
    let auto = Planner::new().nodes(u64::MAX);
    let plan = auto.capacity(optimum + optimum / 50);
    let plan = plan.plan(&lifetimes(&given)).unwrap();
    assert!(plan.peak() <= optimum + optimum / 50);
}

#[test]
fn threads_find_the_optimum_too() {
    let (made, optimum) = planted(60, 3);
    let given = rows(&made);
    for planner in planners(20_000) {
        check(
            &given,
            &planner.threads(3).plan(&lifetimes(&given)).unwrap(),
        );
    }
    let auto = Planner::new().nodes(2_000_000).threads(3);
    let plan = auto.plan(&lifetimes(&given)).unwrap();
    check(&given, &plan);
    assert_eq!(plan.peak(), optimum);
}

#[test]
fn a_previous_plan_is_improved() {
    let (made, optimum) = planted(60, 3);
    let given = rows(&made);
    let first = Planner::new().strategy_named("linear-scan").unwrap();
    let start = first.plan(&lifetimes(&given)).unwrap();
    assert!(start.peak() > optimum);
    let other = rows(&shuffled(&made, 1));
    let auto = Planner::new().nodes(2_000_000).start_from(&start);
    let plan = auto.plan(&lifetimes(&other)).unwrap();
    check(&other, &plan);
    assert_eq!(plan.peak(), optimum);
    // Starting from an optimal plan keeps it.
    for planner in planners(1) {
        let again = planner.start_from(&plan).plan(&lifetimes(&given)).unwrap();
        check(&given, &again);
        assert_eq!(again.peak(), optimum, "{}", again.strategy());
    }
}

#[test]
fn a_cancelled_search_gives_a_plan() {
    let cancel = Cancel::new();
    cancel.cancel();
    let given = rows(&planted(1500, 1).0);
    for planner in planners(u64::MAX) {
        for threads in [1, 3] {
            let planner = planner.clone().threads(threads);
            let planner = planner.cancelled_by(&Cancel::new()).cancelled_by(&cancel);
            check(&given, &planner.plan(&lifetimes(&given)).unwrap());
        }
    }
}

/// The default strategy, which reports when a thread begins to search.
struct Announced(Sender<()>);

impl Strategy for Announced {
    fn name(&self) -> &str {
        "announced"
    }

    fn place(&self, task: &Task<'_>) -> Vec<u64> {
        self.0.send(()).unwrap();
        Planner::strategies()[0].place(task)
    }
}

#[test]
fn a_search_is_cancelled_from_another_thread() {
    let (made, optimum) = planted(1500, 1);
    let given = rows(&made);
    for threads in [1, 2] {
        let cancel = Cancel::new();
        let (begun, has_begun) = mpsc::channel();
        let planner = Planner::new().strategy(Announced(begun));
        let planner = planner.time_limit(Duration::from_secs(3600));
        let planner = planner.threads(threads).cancelled_by(&cancel);
        let plan = thread::scope(|scope| {
            let search = scope.spawn(|| planner.plan(&lifetimes(&given)));
            (0..threads).for_each(|_| has_begun.recv().unwrap());
            cancel.cancel();
            search.join().unwrap()
        });
        let plan = plan.unwrap();
        check(&given, &plan);
        assert!(plan.peak() > optimum, "nothing was left to be cancelled");
    }
}
