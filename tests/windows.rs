//! Lifetimes with windows against an oracle that looks at every byte of every step by itself.
//!
//! Checked: what is needed when, loads and use; that the check accepts exactly the plans; that
//! every strategy's plan is one, and that few tensors get the optimum; the cases that MiniMalloc's
//! own tests state; files; tensors within others; mistakes.

use std::ops::Range;

use orionrt::{
    Lifetimes, Plan, Planner,
    lifetimes::{Lifetime, LifetimeMistake, LifetimesError, Piece, ViewMistake, WindowMistake},
    plan::PlanError,
};
use orionrt_testing::{
    any::{any_planner, id},
    window_oracle::{WindowRow, conflict, lifetimes, load, load_at, optimum, peak_of, window_rows},
};
use proptest::{prelude::*, test_runner::TestRunner};

const NODES: u64 = 3000;

fn check(rows: &[WindowRow], plan: &Plan) -> Result<(), TestCaseError> {
    prop_assert_eq!(peak_of(rows, plan.offsets()), Ok(plan.peak()));
    prop_assert_eq!(plan.load(), load(rows));
    prop_assert!(plan.load() <= plan.lower_bound() && plan.lower_bound() <= plan.peak());
    Ok(())
}

fn few_get_the_optimum(rows: &[WindowRow]) -> Result<(), TestCaseError> {
    let plan = Planner::new()
        .nodes(1 << 20)
        .plan(&lifetimes(rows))
        .unwrap();
    check(rows, &plan)?;
    prop_assert_eq!(plan.peak(), optimum(rows));
    prop_assert!(
        plan.is_optimal(),
        "the search for {} has not ended",
        plan.peak()
    );
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn lifetimes_say_of_every_step_what_is_needed(rows in window_rows(10, 20, 9)) {
        let given = lifetimes(&rows);
        for (i, row) in rows.iter().enumerate() {
            let pieces: Vec<Piece> = given.pieces(id(i)).collect();
            let ranges: Vec<Range<i64>> = given.live_ranges(id(i)).collect();
            for step in 0..45 {
                let here = || pieces.iter().filter(|piece| piece.steps.contains(&step));
                let is_needed = |byte| here().any(|piece| piece.bytes.contains(&byte));
                prop_assert!((0..10).all(|byte| is_needed(byte) == row.needs(step, byte)));
                let bytes = here().map(|piece| piece.bytes.end - piece.bytes.start).sum::<u64>();
                prop_assert_eq!(bytes, row.bytes_at(step));
                let is_alive = ranges.iter().any(|range| range.contains(&step));
                prop_assert_eq!(is_alive, here().next().is_some());
            }
            for j in 0..rows.len() {
                prop_assert_eq!(given.conflict(id(i), id(j)), conflict(&rows, i, j), "{} {}", i, j);
            }
        }
        let profile = given.load_profile();
        prop_assert!(profile.windows(2).all(|pair| pair[0].0.end == pair[1].0.start));
        for (steps, bytes) in &profile {
            prop_assert!(steps.clone().all(|step| load_at(&rows, step) == *bytes));
        }
        let area = profile.iter().map(|(steps, bytes)| bytes * (steps.end - steps.start) as u64);
        prop_assert_eq!(area.sum::<u64>(), (0..45).map(|step| load_at(&rows, step)).sum::<u64>());
    }

    #[test]
    fn the_check_accepts_exactly_the_plans(
        rows in window_rows(6, 9, 5),
        grains in prop::collection::vec(0..9u64, 6),
    ) {
        let offsets = rows.iter().zip(&grains).map(|(row, grain)| match row.lifetime.fixed_offset {
            Some(fixed) => fixed,
            None => grain * row.lifetime.alignment,
        });
        let offsets: Vec<u64> = offsets.collect();
        match (Plan::new(lifetimes(&rows), offsets.clone()), peak_of(&rows, &offsets)) {
            (Ok(plan), _) => check(&rows, &plan)?,
            (Err(PlanError::Overlap { ids, bytes, steps, .. }), Err(_)) => {
                prop_assert!(steps.start < steps.end && bytes.start < bytes.end);
                for (step, byte) in steps.flat_map(|step| bytes.clone().map(move |b| (step, b))) {
                    for id in ids {
                        let byte = byte.checked_sub(offsets[id.index()]);
                        prop_assert!(byte.is_some_and(|byte| rows[id.index()].needs(step, byte)));
                    }
                }
            }
            (refused, expected) => prop_assert!(false, "{:?} but {:?}", refused, expected),
        }
    }

    #[test]
    fn every_strategy_makes_plans(
        rows in window_rows(20, 20, 30), planner in any_planner(NODES), seed in any::<u64>(),
    ) {
        let given = lifetimes(&rows);
        let plan = planner.clone().seed(seed).plan(&given).unwrap();
        check(&rows, &plan)?;
        for section in plan.usage().sections {
            for step in section.steps.clone() {
                let needed = rows.iter().zip(plan.offsets()).map(|(row, offset)| {
                    let last = (0..30).rev().find(|&byte| row.needs(step, byte));
                    last.map_or(0, |last| offset + last + 1)
                });
                prop_assert_eq!(section.reach, needed.max().unwrap_or(0));
                prop_assert_eq!(section.live_bytes, load_at(&rows, step));
            }
        }
        let again = planner.clone().start_from(&plan).plan(&given).unwrap();
        check(&rows, &again)?;
        prop_assert!(again.peak() <= plan.peak());
        let kept = planner.keep(&plan).plan(&given).unwrap();
        prop_assert_eq!(kept.offsets(), plan.offsets());
    }

    #[test]
    fn few_tensors_get_the_optimum(rows in window_rows(5, 9, 5)) {
        few_get_the_optimum(&rows)?;
    }

    #[test]
    fn what_does_not_fit_within_a_capacity_has_a_higher_optimum(rows in window_rows(4, 6, 5)) {
        let (given, best) = (lifetimes(&rows), optimum(&rows));
        let planner = Planner::new().nodes(1 << 16);
        prop_assert_eq!(planner.infeasible_set(&given, best).unwrap(), None);
        if let Some(below) = best.checked_sub(1) {
            if let Some(set) = planner.infeasible_set(&given, below).unwrap() {
                let some = set.tensors.iter().map(|id| rows[id.index()].clone());
                prop_assert!(optimum(&some.collect::<Vec<_>>()) > below);
            }
        }
    }

    #[test]
    fn windows_of_all_bytes_are_none(rows in window_rows(8, 14, 9)) {
        let given = lifetimes(&rows);
        let whole = rows.iter().enumerate().map(|(i, row)| {
            let ranges = given.live_ranges(id(i));
            let pieces = ranges.map(|steps| Piece::new(steps, 0..row.lifetime.size));
            (id(i), if row.lifetime.size == 0 { Vec::new() } else { pieces.collect() })
        });
        let whole = given.clone().with_all_windows(whole).unwrap();
        prop_assert!(!whole.has_windows());
        let gaps = rows.iter().enumerate().map(|(i, row)| (id(i), row.gaps.clone()));
        let named = rows.iter().enumerate().map(|(i, row)| (i.to_string(), row.lifetime));
        let without = Lifetimes::from_named(named).unwrap().with_all_gaps(gaps).unwrap();
        prop_assert_eq!(whole, without);
    }

    #[test]
    fn a_gap_leaves_what_is_needed_before_and_after_it(
        rows in window_rows(1, 14, 9), gap in (0..20i64, 1..6i64),
    ) {
        let gap = gap.0..gap.0 + gap.1;
        let given = lifetimes(&rows);
        if let Ok(with_gap) = given.with_gaps(id(0), [gap.clone()]) {
            for (step, byte) in (0..45).flat_map(|step| (0..9).map(move |byte| (step, byte))) {
                let mut pieces = with_gap.pieces(id(0));
                let is_needed = pieces.any(|piece| {
                    piece.steps.contains(&step) && piece.bytes.contains(&byte)
                });
                let expected = rows.first().is_some_and(|row| row.needs(step, byte));
                prop_assert_eq!(is_needed, expected && !gap.contains(&step));
            }
        }
    }

    #[test]
    #[cfg(feature = "files")]
    fn files_keep_windows(rows in window_rows(12, 20, 9)) {
        let plan = Planner::new().nodes(NODES).plan(&lifetimes(&rows)).unwrap();
        let (mut csv, mut json) = (Vec::new(), Vec::new());
        plan.write_csv(&mut csv).unwrap();
        plan.write_json(&mut json).unwrap();
        for read in [Plan::read_csv(&csv[..]), Plan::read_json(&json[..])] {
            let read = read.unwrap();
            prop_assert_eq!(read.lifetimes(), plan.lifetimes());
            prop_assert_eq!(read.offsets(), plan.offsets());
        }
    }
}

#[test]
#[ignore = "takes minutes; run it with --ignored --release"]
fn ten_thousand_sets_of_few_tensors_get_the_optimum() {
    let mut runner = TestRunner::new(ProptestConfig::with_cases(10_000));
    let rows = window_rows(6, 10, 6);
    runner
        .run(&rows, |rows| few_get_the_optimum(&rows))
        .unwrap();
}

/// A buffer of MiniMalloc's tests: lifespan, size, and gaps with their windows.
type Buffer = (Range<i64>, u64, &'static [(Range<i64>, Option<Range<u64>>)]);

fn peak(buffers: &[Buffer]) -> u64 {
    let rows = buffers.iter().enumerate().map(|(i, (lifespan, size, _))| {
        (
            i.to_string(),
            Lifetime::new(lifespan.start, lifespan.end, *size),
        )
    });
    let mut lifetimes = Lifetimes::from_named(rows).unwrap();
    for (i, (.., gaps)) in buffers.iter().enumerate() {
        for (steps, bytes) in gaps.iter().cloned() {
            lifetimes = match bytes {
                None => lifetimes.with_gaps(id(i), [steps]),
                Some(bytes) => lifetimes.with_windows(id(i), [Piece::new(steps, bytes)]),
            }
            .unwrap();
        }
    }
    let plan = Planner::new().nodes(1 << 20).plan(&lifetimes).unwrap();
    assert!(
        plan.is_optimal(),
        "{} above {}",
        plan.peak(),
        plan.lower_bound()
    );
    plan.peak()
}

#[test]
fn a_buffer_in_the_gap_of_another_one_needs_no_bytes_of_its_own() {
    assert_eq!(peak(&[(0..4, 2, &[(1..3, None)]), (1..3, 2, &[])]), 2);
}

/// The pairs and the three buffers whose distances MiniMalloc's tests state.
#[test]
fn buffers_lie_as_near_to_each_other_as_their_gaps_allow() {
    let pairs: [([Buffer; 2], u64); 7] = [
        ([(0..2, 4, &[]), (1..3, 5, &[])], 9),
        ([(0..2, 4, &[]), (3..5, 5, &[])], 5),
        ([(0..2, 4, &[]), (2..4, 5, &[])], 5),
        (
            [
                (0..10, 4, &[(1..4, None), (6..9, None)]),
                (5..15, 5, &[(6..9, None), (11..14, None)]),
            ],
            9,
        ),
        (
            [(0..10, 4, &[(1..9, None)]), (5..15, 5, &[(6..14, None)])],
            5,
        ),
        ([(0..10, 4, &[]), (5..15, 5, &[(5..10, None)])], 5),
        ([(0..10, 4, &[(5..10, None)]), (5..15, 5, &[])], 5),
    ];
    for (buffers, lowest) in pairs {
        assert_eq!(peak(&buffers), lowest, "{buffers:?}");
    }
    let steps: [Buffer; 2] = [
        (0..15, 3, &[(0..5, Some(0..1)), (5..10, Some(0..2))]),
        (0..15, 3, &[(5..10, Some(1..3)), (10..15, Some(2..3))]),
    ];
    assert_eq!(peak(&steps), 4);
    let three: [Buffer; 3] = [
        (4..7, 1, &[(5..6, None)]),
        (5..8, 1, &[(6..7, None)]),
        (4..8, 1, &[(5..7, None)]),
    ];
    assert_eq!(peak(&three), 2);
}

/// "Tetris" of MiniMalloc's tests: each buffer is needed by half at one time, and then whole.
#[test]
fn two_buffers_interlock() {
    let buffers: [Buffer; 2] = [
        (0..10, 2, &[(0..5, Some(0..1))]),
        (0..10, 2, &[(5..10, Some(1..2))]),
    ];
    assert_eq!(peak(&buffers), 3);
}

/// "Stairs" of MiniMalloc's tests: six buffers whose steps fill 144 bytes.
#[test]
fn stairs_fill_their_box() {
    let buffers: [Buffer; 6] = [
        (
            0..108,
            30,
            &[(36..72, Some(10..30)), (72..108, Some(20..30))],
        ),
        (
            36..144,
            50,
            &[(36..72, Some(20..30)), (72..108, Some(10..40))],
        ),
        (
            84..144,
            42,
            &[(114..129, Some(0..28)), (129..144, Some(0..14))],
        ),
        (
            84..129,
            42,
            &[(99..114, Some(14..42)), (114..129, Some(28..42))],
        ),
        (
            99..144,
            70,
            &[(99..114, Some(28..42)), (114..129, Some(14..56))],
        ),
        (
            0..144,
            30,
            &[(72..108, Some(0..20)), (108..144, Some(0..10))],
        ),
    ];
    assert!(peak(&buffers) <= 144);
}

/// Parts of a result that are written one after the other, beside work that shrinks as they grow.
#[test]
fn a_result_that_grows_shares_what_is_not_written_yet() {
    let count = 100;
    let work = (0..count).map(|i| {
        (
            format!("work {i}"),
            i,
            i + 1,
            10 * (count - i) as u64 - 10,
            1,
        )
    });
    let result = ("result".to_string(), 0, count, 10 * count as u64, 1);
    let lifetimes = Lifetimes::from_rows(work.chain([result])).unwrap();
    let result = lifetimes.find("result").unwrap();
    let windows = (0..count).map(|i| Piece::new(i..i + 1, 0..10 * (i as u64 + 1)));
    let lifetimes = lifetimes.with_windows(result, windows).unwrap();
    let plan = Planner::new().nodes(100_000).plan(&lifetimes).unwrap();
    assert_eq!((plan.load(), plan.peak()), (1000, 1000));
}

/// A chain in which every tensor is needed by half while the one after the next is.
#[test]
fn many_tensors_with_windows_are_planned() {
    let count = 4000;
    let rows = (0..count).map(|i| (format!("t{i}"), 4 * i, 4 * i + 12, 100, 2));
    let windows = (0..count as usize).map(|i| {
        let start = 4 * i as i64;
        (id(i), vec![Piece::new(start + 8..start + 12, 0..50)])
    });
    let lifetimes = Lifetimes::from_rows(rows).unwrap();
    let lifetimes = lifetimes.with_all_windows(windows).unwrap();
    let plan = Planner::new().nodes(100_000).plan(&lifetimes).unwrap();
    assert_eq!(plan.load(), 250);
    assert!(plan.peak() <= 300, "{}", plan.peak());
}

/// Two tensors of which each pair of windows forbids a distance: 90,000 of them, which together are
/// all even ones at which the smaller tensor would lie within the larger one.
#[test]
fn many_windows_at_one_step_are_planned() {
    let count = 300;
    let rows = [
        ("narrow", 0, 1, 2 * count - 1, 2),
        ("wide", 0, 1, 2 * count * (count - 1) + 1, 2),
    ];
    let windows = [2, 2 * count].into_iter().enumerate().map(|(i, pitch)| {
        let starts = (0..count).map(|i| pitch * i);
        let pieces = starts.map(|start| Piece::new(0..1, start..start + 1));
        (id(i), pieces.collect())
    });
    let lifetimes = Lifetimes::from_rows(rows).unwrap();
    let lifetimes = lifetimes.with_all_windows(windows).unwrap();
    let plan = Planner::new().nodes(50).plan(&lifetimes).unwrap();
    assert_eq!(
        (plan.load(), plan.peak()),
        (2 * count, 2 * count * count + 1)
    );
}

#[test]
fn a_tensor_needs_bytes_that_its_root_needs() {
    let rows = |steps: Range<i64>, offset| {
        let part = Lifetime::new(steps.start, steps.end, 4).with_root(id(0), offset);
        Lifetimes::from_named([("root", Lifetime::new(0, 6, 10)), ("part", part)]).unwrap()
    };
    let windows = [Piece::new(1..3, 0..4), Piece::new(2..5, 4..10)];
    for (steps, offset) in [(0..3, 0), (2..6, 4), (2..6, 6), (2..3, 2), (5..6, 3)] {
        let lifetimes = rows(steps, offset)
            .with_windows(id(0), windows.clone())
            .unwrap();
        let plan = Planner::new().nodes(NODES).plan(&lifetimes).unwrap();
        assert_eq!(plan.offsets()[1], plan.offsets()[0] + offset);
    }
    for (steps, offset, missing) in [(0..4, 0, 3..5), (1..6, 4, 1..2), (2..4, 3, 3..5)] {
        let refused = rows(steps, offset)
            .with_windows(id(0), windows.clone())
            .unwrap_err();
        let bytes = offset..offset + 4;
        let mistake = ViewMistake::OutsideWindows {
            root: id(0),
            steps: missing,
            bytes,
        };
        assert_eq!(
            (refused.row, refused.mistake),
            (1, LifetimeMistake::View(mistake))
        );
    }
    // A part that is needed by half needs no more than half of the root.
    let part = Piece::new(2..4, 1..2);
    let halved = rows(2..4, 3).with_windows(id(1), [part]).unwrap();
    assert!(halved.with_windows(id(0), windows).is_ok());
}

fn refused(size: u64, windows: &[Piece]) -> LifetimesError {
    let rows = [("a", 0, 9, 8, 1), ("b", 1, 9, size, 1)];
    let lifetimes = Lifetimes::from_rows(rows).unwrap();
    let lifetimes = lifetimes.with_gaps(id(1), [3..5, 6..7]).unwrap();
    lifetimes.with_windows(id(1), windows.to_vec()).unwrap_err()
}

#[test]
fn what_is_no_window_is_refused() {
    let one = |steps: Range<i64>, bytes| [Piece::new(steps, bytes)];
    let lifetime = 1..9;
    let in_gap = |steps, gap| WindowMistake::InGap { steps, gap };
    for (windows, mistake) in [
        (
            one(2..2, 0..4),
            WindowMistake::Empty {
                steps: 2..2,
                bytes: 0..4,
            },
        ),
        (
            one(1..2, 4..4),
            WindowMistake::Empty {
                steps: 1..2,
                bytes: 4..4,
            },
        ),
        (
            one(1..2, 7..9),
            WindowMistake::OutsideTensor {
                bytes: 7..9,
                size: 8,
            },
        ),
        (
            one(0..2, 0..4),
            WindowMistake::OutsideLifetime {
                steps: 0..2,
                lifetime: lifetime.clone(),
            },
        ),
        (
            one(8..10, 0..4),
            WindowMistake::OutsideLifetime {
                steps: 8..10,
                lifetime,
            },
        ),
        (one(3..5, 0..4), in_gap(3..5, 3..5)),
        (one(4..6, 0..4), in_gap(4..6, 3..5)),
        (one(2..4, 0..4), in_gap(2..4, 3..5)),
        (one(5..9, 0..4), in_gap(5..9, 6..7)),
    ] {
        let error = refused(8, &windows);
        assert_eq!((error.row, &*error.id), (1, "b"));
        assert_eq!(
            error.mistake,
            LifetimeMistake::Window(mistake),
            "{windows:?}"
        );
    }
    let nested = (0..4000).map(|i| Piece::new(0..9000 - i, 2 * i as u64..2 * i as u64 + 1));
    let lifetimes = Lifetimes::from_rows([("a", 0, 9000, 9000, 1)]).unwrap();
    let error = lifetimes.with_windows(id(0), nested).unwrap_err();
    assert_eq!(
        error.mistake,
        LifetimeMistake::Window(WindowMistake::TooMany { most: 64_000 })
    );
}
