//! Every strategy against an oracle that shares no code with planner or plan, on random and
//! degenerate lifetimes.
//!
//! The oracle looks at all pairs, and finds the optimum of tiny instances by trying all offsets.
//! Checked: tensors do not overlap and keep their alignments and fixed offsets; the peak is right
//! and never below the bound; equal seeds give equal plans; previous plans are kept or improved;
//! invalid input and invalid proposals are refused.

use orionrt::{
    Lifetimes, Plan, Planner,
    lifetimes::{Lifetime, LifetimeMistake},
    plan::PlanError,
    planner::{PlannerError, Task},
};
use orionrt_testing::plan_oracle::{Row, check, fixed_overlap, lifetimes, load, optimum, peak_of};
use proptest::{prelude::*, sample::Index};

const NODES: u64 = 3000;

fn planner(strategy: &str) -> Planner {
    let planner = Planner::new().nodes(NODES);
    planner.strategy_named(strategy).unwrap()
}

/// A planner for each built-in strategy.
fn planners() -> impl Iterator<Item = Planner> {
    let all = Planner::strategies().into_iter();
    all.map(|strategy| planner(strategy.name()))
}

fn row(lower: i64, upper: i64, size: u64, alignment: u64, fixed_offset: Option<u64>) -> Lifetime {
    let mut row = Lifetime::new(lower, upper, size).with_alignment(alignment);
    row.fixed_offset = fixed_offset;
    row
}

fn named(rows: impl IntoIterator<Item = Lifetime>) -> Vec<Row> {
    let rows = rows.into_iter().enumerate();
    rows.map(|(i, row)| (format!("t{i}"), row)).collect()
}

/// Up to `most` rows. A fixed offset is dropped if it would overlap that of an earlier row.
fn rows(most: usize) -> impl Strategy<Value = Vec<Row>> {
    any_rows(most).prop_map(|mut rows| {
        for i in 0..rows.len() {
            if fixed_overlap(&rows[..=i]) {
                rows[i].1.fixed_offset = None;
            }
        }
        rows
    })
}

/// Up to `most` rows, with fixed offsets that may overlap.
fn any_rows(most: usize) -> impl Strategy<Value = Vec<Row>> {
    let time = prop_oneof![4 => 0..30i64, 1 => -1000..1_000_000_000_000i64];
    let length = prop_oneof![1 => Just(0i64), 8 => 1..12i64, 1 => 1..1_000_000i64];
    let size =
        prop_oneof![1 => Just(0u64), 6 => 1..200u64, 2 => 1..50_000u64, 1 => Just(1u64 << 40)];
    let fixed = prop_oneof![
        8 => Just(None),
        1 => (0..40u64).prop_map(Some),
        1 => (0..3u64).prop_map(|far| Some(far << 42)),
    ];
    let row = (time, length, size, 0..8u32, fixed).prop_map(|(t, l, size, a, fixed)| {
        let fixed = fixed.map(|grains: u64| grains << a);
        row(t, t + l, size, 1 << a, fixed)
    });
    proptest::collection::vec(row, 0..most).prop_map(named)
}

/// The numbers `0..count` in any order.
fn orders(count: usize) -> impl Strategy<Value = Vec<usize>> {
    Just((0..count).collect::<Vec<_>>()).prop_shuffle()
}

/// At most 5 buffers of a few bytes.
fn tiny_rows() -> impl Strategy<Value = Vec<Row>> {
    let fixed = prop_oneof![5 => Just(None), 1 => (0..3u64).prop_map(Some)];
    let row = (0..6i64, 1..5i64, 0..6u64, 0..3u32, fixed).prop_map(|(t, l, size, a, fixed)| {
        // Mostly alignment 1.
        let a = a.saturating_sub(1);
        row(t, t + l, size, 1 << a, fixed.map(|grains| grains << a))
    });
    proptest::collection::vec(row, 1..6).prop_map(|rows| {
        let mut rows = named(rows);
        for i in 0..rows.len() {
            if fixed_overlap(&rows[..=i]) {
                rows[i].1.fixed_offset = None;
            }
        }
        rows
    })
}

/// A bad plan: all rows on top of each other in reverse order, above those with fixed offsets.
fn stacked(rows: &[Row]) -> Plan {
    let ends = rows.iter().filter_map(|(_, row)| row.fixed_bytes());
    let mut end = ends.map(|bytes| bytes.end).max().unwrap_or(0);
    let mut offsets: Vec<u64> = vec![0; rows.len()];
    for (offset, (_, row)) in offsets.iter_mut().zip(rows).rev() {
        let at = end.next_multiple_of(row.alignment);
        *offset = row.fixed_offset.unwrap_or(at);
        end = end.max(*offset + row.size);
    }
    Plan::new(lifetimes(rows), offsets).unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(150))]

    #[test]
    fn every_strategy_makes_valid_plans(
        rows in rows(40), seed in any::<u64>(), alignment in prop_oneof![Just(0u32), 0..9u32],
    ) {
        let given = lifetimes(&rows);
        prop_assert_eq!(given.load(), load(&rows));
        let mut aligned = rows.clone();
        for (_, row) in &mut aligned {
            row.alignment = row.alignment.max(1 << alignment);
        }
        let misaligned = aligned.iter().any(|(_, row)| {
            row.fixed_offset.is_some_and(|fixed| fixed % row.alignment != 0)
        });
        for planner in planners() {
            let planner = planner.seed(seed).alignment(1 << alignment);
            let plan = match planner.plan(&given) {
                Err(PlannerError::Lifetimes(error)) if misaligned => {
                    let mistake = matches!(error.mistake, LifetimeMistake::FixedMisaligned { .. });
                    prop_assert!(mistake, "{}", error);
                    continue;
                }
                other => other.unwrap(),
            };
            check(&aligned, &plan);
            let again = planner.plan(&given).unwrap();
            prop_assert_eq!(again.offsets(), plan.offsets(), "{}", plan.strategy());
        }
    }

    #[test]
    fn the_checker_agrees_with_the_oracle(
        rows in any_rows(30),
        offsets in proptest::collection::vec(0..300u64, 30),
        moved in any::<Index>(),
    ) {
        let moved = moved.index(30);
        let each = rows.iter().zip(offsets).enumerate();
        let offsets: Vec<u64> = each.map(|(i, ((_, row), o))| match row.fixed_offset {
            Some(fixed) if i != moved => fixed,
            _ => o / row.alignment * row.alignment,
        }).collect();
        let checked = Plan::new(lifetimes(&rows), offsets.clone());
        match peak_of(&rows, &offsets) {
            Ok(peak) => prop_assert_eq!(checked.unwrap().peak(), peak),
            Err(_) => {
                let refused = matches!(
                    checked,
                    Err(PlanError::Overlap { .. } | PlanError::NotAtFixedOffset { .. })
                );
                prop_assert!(refused);
            }
        }
    }

    #[test]
    fn searches_find_the_optimum_of_tiny_instances(rows in tiny_rows()) {
        let (given, optimum) = (lifetimes(&rows), optimum(&rows));
        prop_assert!(given.lower_bound() <= optimum);
        for planner in planners() {
            let plan = planner.plan(&given).unwrap();
            check(&rows, &plan);
            prop_assert!(plan.peak() >= optimum);
            if ["auto", "skyline", "core"].contains(&plan.strategy()) {
                prop_assert_eq!(plan.peak(), optimum, "{}", plan.strategy());
            }
            prop_assert!(plan.lower_bound() <= optimum);
            if plan.strategy() == "auto" {
                prop_assert!(plan.is_optimal());
            }
        }
    }

    #[test]
    fn overlapping_fixed_tensors_are_refused(rows in any_rows(20)) {
        let refused = fixed_overlap(&rows);
        for planner in planners() {
            match planner.plan(&lifetimes(&rows)) {
                Err(PlannerError::Fixed(PlanError::Overlap { .. })) => prop_assert!(refused),
                other => {
                    prop_assert!(!refused);
                    check(&rows, &other.unwrap());
                }
            }
        }
    }

    #[test]
    fn tensors_that_have_not_changed_stay_where_they_were(
        rows in rows(30), change in any::<u32>(), order in orders(30),
    ) {
        let before = planner("greedy-size").plan(&lifetimes(&rows)).unwrap();
        for planner in planners() {
            let kept = planner.keep(&before);
            let same = kept.plan(&lifetimes(&rows)).unwrap();
            prop_assert_eq!(same.offsets(), before.offsets());

            // The rows in another order, some of them changed, and a new one.
            let order = order.iter().filter(|&&i| i < rows.len());
            let mut after: Vec<(Row, Option<u64>)> = order.map(|&i| {
                let (mut row, mut at) = (rows[i].clone(), Some(before.offsets()[i]));
                if change >> (i % 32) & 1 == 1 && row.1.fixed_offset.is_none() {
                    match i % 3 {
                        0 => row.1.size += 40,
                        1 => row.1.upper += 5,
                        _ => row.0.push('x'),
                    }
                    at = None;
                }
                (row, at)
            }).collect();
            after.push((("new".to_string(), row(3, 9, 70, 8, None)), None));
            let (after, stay): (Vec<Row>, Vec<_>) = after.into_iter().unzip();
            let plan = kept.plan(&lifetimes(&after)).unwrap();
            check(&after, &plan);
            for ((id, row), (stay, &offset)) in after.iter().zip(stay.iter().zip(plan.offsets())) {
                if row.occupies() && stay.is_some_and(|stay| stay != offset) {
                    prop_assert!(false, "{} has left {:?} for {offset}", id, stay);
                }
            }
        }
    }

    #[test]
    fn a_plan_to_start_from_is_never_made_worse(
        rows in rows(30), bad in any::<bool>(), order in orders(30),
    ) {
        let start = match bad {
            true => stacked(&rows),
            false => planner("auto").plan(&lifetimes(&rows)).unwrap(),
        };
        let order = order.into_iter().filter(|&i| i < rows.len());
        let shuffled: Vec<Row> = order.map(|i| rows[i].clone()).collect();
        for planner in planners() {
            for rows in [&rows, &shuffled] {
                let plan = planner.clone().start_from(&start).plan(&lifetimes(rows)).unwrap();
                check(rows, &plan);
                prop_assert!(plan.peak() <= start.peak(), "{}", plan.strategy());
            }
        }
        // A previous plan of other tensors is of no use, and does no harm.
        let renamed = shuffled.iter().map(|(id, row)| (format!("{id}x"), *row));
        let renamed: Vec<Row> = renamed.collect();
        check(&renamed, &planner("auto").start_from(&start).plan(&lifetimes(&renamed)).unwrap());
    }
}

#[test]
fn the_classic_example_takes_3072_bytes() {
    let rows = [
        ("t0", 0, 2, 1024, 64),
        ("t1", 1, 3, 2048, 64),
        ("t2", 2, 4, 1024, 64),
    ];
    let plan = Planner::new()
        .plan(&Lifetimes::from_rows(rows).unwrap())
        .unwrap();
    assert_eq!(
        (plan.peak(), plan.lower_bound(), plan.len()),
        (3072, 3072, 3)
    );
    assert!(plan.is_optimal());
}

#[test]
fn nothing_and_almost_nothing_can_be_planned() {
    let dead = named([row(3, 3, 100, 8, None), row(0, 9, 0, 64, Some(128))]);
    for planner in planners() {
        assert_eq!(planner.plan(&lifetimes(&[])).unwrap().peak(), 0);
        let plan = planner.plan(&lifetimes(&dead)).unwrap();
        assert_eq!((plan.offsets(), plan.peak()), (&[0, 128][..], 0));
    }
}

#[test]
fn huge_sizes_and_offsets_do_not_overflow() {
    let rooms = named([
        row(0, 2, (1 << 62) - 1, 1, None),
        row(1, 3, 1 << 61, 1, None),
    ]);
    let fixed = named([
        row(0, 9, 1 << 60, 1 << 20, Some(1 << 62)),
        row(0, 4, 1 << 60, 1, None),
        row(2, 6, 1 << 60, 4096, None),
        row(3, 7, 1 << 60, 1, None),
        row(5, 8, 3, 2, Some((1 << 62) - 4)),
        row(5, 8, 1, 1, Some(i64::MAX as u64 - 1)),
    ]);
    for planner in planners() {
        for rows in [&rooms, &fixed] {
            match planner.plan(&lifetimes(rows)) {
                Ok(plan) => check(rows, &plan),
                Err(error) => panic!("{error}"),
            }
        }
    }
}

/// The third row is larger than every gap that the fixed rows leave below 2⁶³, so there is no plan.
#[test]
fn fixed_tensors_that_leave_no_room_are_an_error() {
    let rows = named([
        row(0, 2, 1, 1, Some(1 << 61)),
        row(0, 2, 1, 1, Some(3 << 61)),
        row(0, 2, 1 << 62, 1, None),
    ]);
    for planner in planners() {
        let error = planner.plan(&lifetimes(&rows)).unwrap_err();
        assert!(matches!(error, PlannerError::Strategy { .. }), "{error}");
    }
}

#[test]
fn impossible_fixed_offsets_are_refused() {
    let mistake = |row| Lifetimes::from_named([("t", row)]).unwrap_err().mistake;
    let misaligned = mistake(row(0, 1, 8, 8, Some(4)));
    let offset = i64::MAX as u64;
    assert_eq!(
        (misaligned, mistake(row(0, 1, 1, 1, Some(offset)))),
        (
            LifetimeMistake::FixedMisaligned {
                offset: 4,
                alignment: 8
            },
            LifetimeMistake::FixedOutOfRange { offset, size: 1 }
        )
    );
    let given = lifetimes(&named([row(0, 2, 8, 8, None)]));
    let id = given.find("t0").unwrap();
    assert!(given.clone().with_fixed_offset(id, 12).is_err());
    let plan = Planner::new().plan(&given.with_fixed_offset(id, 24).unwrap());
    assert_eq!(plan.unwrap().peak(), 32);
}

#[test]
fn a_strategy_that_proposes_overlapping_offsets_is_refused() {
    struct AllAtZero;
    impl orionrt::planner::Strategy for AllAtZero {
        fn name(&self) -> &str {
            "all-at-zero"
        }
        fn place(&self, task: &Task<'_>) -> Vec<u64> {
            vec![0; task.buffers.len()]
        }
    }
    let planner = Planner::new().strategy(AllAtZero);
    let mut rows = named([row(0, 2, 8, 1, None), row(1, 3, 8, 1, None)]);
    let error = planner.plan(&lifetimes(&rows)).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("all-at-zero") && text.contains("bytes 0..8") && text.contains("steps 1..2"),
        "{text}"
    );
    rows[1].1.fixed_offset = Some(16);
    let text = planner.plan(&lifetimes(&rows)).unwrap_err().to_string();
    assert!(
        text.contains("'t1'") && text.contains("fixed at 16"),
        "{text}"
    );
}

#[test]
fn a_strategy_that_proposes_too_few_offsets_is_refused() {
    struct Lazy;
    impl orionrt::planner::Strategy for Lazy {
        fn name(&self) -> &str {
            "lazy"
        }
        fn place(&self, _: &Task<'_>) -> Vec<u64> {
            Vec::new()
        }
    }
    let given = Lifetimes::from_rows([("a", 0, 2, 8, 1)]).unwrap();
    let error = Planner::new().strategy(Lazy).plan(&given).unwrap_err();
    assert!(
        matches!(
            error,
            PlannerError::Strategy {
                error: PlanError::Count { .. },
                ..
            }
        ),
        "{error}"
    );
}
