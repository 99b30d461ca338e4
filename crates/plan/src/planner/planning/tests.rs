//! Plans within budgets, and what a search tells of its progress.

use alloc::{string::ToString, vec::Vec};
use core::alloc::Layout;

use crate::graph::GraphBuilder;
use crate::ids::OpId;
use crate::lifetimes::Lifetimes;
use crate::planner::auto::Auto;
#[cfg(feature = "std")]
use crate::planner::progress::Progress;
use crate::planner::{Budget, Cancel, Planner, Strategy};

fn cancelled() -> Planner {
    let cancel = Cancel::new();
    cancel.cancel();
    Planner::new().cancelled_by(&cancel)
}

#[cfg(feature = "std")]
#[test]
fn progress_only_falls_and_ends_at_the_peak_of_the_plan() {
    use crate::planner::strategy::Task;

    /// Asks what is known of a search before it and after it.
    struct Asks(Progress);
    impl Strategy for Asks {
        fn name(&self) -> &str {
            "asks"
        }

        fn place(&self, task: &Task<'_>) -> Vec<u64> {
            assert_eq!(self.0.best_peak(), None);
            assert_eq!(self.0.lower_bound(), task.goal);
            let offsets = Auto.place(task);
            assert_eq!(self.0.best_peak(), Some(task.peak(&offsets)));
            offsets
        }
    }
    let row = |i: i64| {
        (
            i.to_string(),
            i % 7,
            i % 7 + 1 + i % 5,
            3 + i as u64 * 5 % 17,
            1,
        )
    };
    let lifetimes = Lifetimes::from_rows((0..50).map(row)).unwrap();
    for threads in [1, 3] {
        let planner = Planner::new().nodes(10_000).threads(threads);
        for strategy in Planner::strategies() {
            let progress = Progress::new();
            let named = planner.clone().reported_to(&progress);
            let named = named.strategy_named(strategy.name()).unwrap();
            let plan = named.plan(&lifetimes).unwrap();
            assert_eq!(
                progress.best_peak(),
                Some(plan.peak()),
                "{}",
                strategy.name()
            );
            assert_eq!(progress.lower_bound(), lifetimes.lower_bound());
        }
    }
    let progress = Progress::new();
    let asking = Planner::new()
        .nodes(10_000)
        .strategy(Asks(progress.clone()));
    asking.reported_to(&progress).plan(&lifetimes).unwrap();
}

#[test]
fn what_no_strategy_has_time_for_is_placed_by_a_buddy_arena() {
    let row = |i: i64| {
        (
            i.to_string(),
            i * 7 % 5000,
            i * 7 % 5000 + 2 + i % 90,
            1 + i as u64,
            1,
        )
    };
    let lifetimes = Lifetimes::from_rows((0..5000).map(row)).unwrap();
    let named = |name: &str| cancelled().strategy_named(name).unwrap();
    let arena = named("linear-scan").plan(&lifetimes).unwrap();
    for strategy in Planner::strategies() {
        let plan = named(strategy.name()).plan(&lifetimes).unwrap();
        let is_online = strategy.name().ends_with("-fit");
        assert!(
            is_online || plan.offsets() == arena.offsets(),
            "{}",
            strategy.name()
        );
    }
}

#[test]
fn a_question_is_charged_to_the_budget_of_its_search_and_ends_with_it() {
    let row = |i: i64| {
        let lower = i * 37 % 97;
        (
            i.to_string(),
            lower,
            lower + 2 + i % 29,
            3 + i as u64 * 5 % 17,
            4,
        )
    };
    let lifetimes = Lifetimes::from_rows((0..300).map(row)).unwrap();
    let planner = Planner::new().for_questions();
    let spent = |left: u64| {
        let budget = Budget::unlimited().nodes(left);
        planner.plan_within(&lifetimes, &budget, 50_000).unwrap();
        budget.spent()
    };
    let [little, some, much] = [1, 10_000, 1 << 40].map(spent);
    assert!((1..2000).contains(&little), "{little}");
    assert!((10_000..20_000).contains(&some), "{some}");
    assert!((50_000..60_000).contains(&much), "{much}");
}

#[test]
fn a_few_buffers_are_placed_well_whatever_the_time() {
    let row = |i: i64| (i.to_string(), i, i + 2, 64, 64);
    let lifetimes = Lifetimes::from_rows((0..1000).map(row)).unwrap();
    assert!(cancelled().plan(&lifetimes).unwrap().is_optimal());
}

#[test]
fn buffers_of_several_streams_are_placed_apart_if_there_is_no_time_to_compare_them() {
    let mut g = GraphBuilder::new();
    for i in 0..600u32 {
        let tensor = g.tensor(i.to_string(), Layout::new::<[u8; 16]>());
        let op = g.op(i.to_string()).stream(i % 2).writes([tensor]);
        let _ = if i > 1 {
            op.after([OpId::new(i - 2)])
        } else {
            op
        };
    }
    let lifetimes = g.build().unwrap().lifetimes();
    let plan = cancelled().plan(&lifetimes).unwrap();
    assert_eq!(plan.peak(), lifetimes.total_bytes());
}
