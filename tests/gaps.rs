//! Lifetimes with gaps against an oracle that looks at every step by itself.
//!
//! Checked: who is alive when, conflicts, loads and use; that the check accepts exactly the plans;
//! that every strategy's plan is one, that few tensors get the optimum, and planted ones the load;
//! several models; files; mistakes.

#![allow(
    clippy::single_range_in_vec_init,
    reason = "one gap is a list of one range"
)]

use std::ops::Range;

use orionrt::{
    Lifetimes, ModelSet, Plan, Planner, Schedule,
    lifetimes::{GapMistake, Lifetime, LifetimeMistake, LifetimesError, ViewMistake},
    models::ModelId,
    plan::PlanError,
};
use orionrt_testing::{
    any::{any_planner, id},
    gap_oracle::{GapRow, conflict, gap_rows, lifetimes, load, load_at, optimum, peak_of},
    instances,
};
use proptest::{prelude::*, test_runner::TestRunner};

const NODES: u64 = 3000;

fn check(rows: &[GapRow], plan: &Plan) -> Result<(), TestCaseError> {
    prop_assert_eq!(peak_of(rows, plan.offsets()), Ok(plan.peak()));
    prop_assert_eq!(plan.load(), load(rows));
    prop_assert!(plan.load() <= plan.lower_bound() && plan.lower_bound() <= plan.peak());
    Ok(())
}

fn few_get_the_optimum(rows: &[GapRow]) -> Result<(), TestCaseError> {
    let plan = Planner::new()
        .nodes(1 << 20)
        .plan(&lifetimes(rows))
        .unwrap();
    check(rows, &plan)?;
    prop_assert_eq!(plan.peak(), optimum(rows));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn lifetimes_say_of_every_step_what_is_alive(rows in gap_rows(12, 20, 9)) {
        let given = lifetimes(&rows);
        for (i, row) in rows.iter().enumerate() {
            let ranges: Vec<Range<i64>> = given.live_ranges(id(i)).collect();
            prop_assert!(ranges.windows(2).all(|pair| pair[0].end < pair[1].start));
            prop_assert!(ranges.iter().all(|range| range.start < range.end));
            let alive = |step| ranges.iter().any(|range| range.contains(&step));
            if row.lifetime.size > 0 {
                prop_assert!((0..45).all(|step| alive(step) == row.is_alive(step)));
            }
            let hull = given.get(id(i)).unwrap().steps();
            let gaps: Vec<Range<i64>> = given.gaps(id(i)).collect();
            let whole = gaps.iter().chain(&ranges);
            let whole = whole.map(|range| range.end - range.start).sum::<i64>();
            prop_assert_eq!(whole, hull.end - hull.start);
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
        rows in gap_rows(6, 9, 4),
        grains in prop::collection::vec(0..9u64, 6),
    ) {
        let offsets = rows.iter().zip(&grains).map(|(row, grain)| match row.lifetime.fixed_offset {
            Some(fixed) => fixed,
            None => grain * row.lifetime.alignment,
        });
        let offsets: Vec<u64> = offsets.collect();
        match (Plan::new(lifetimes(&rows), offsets.clone()), peak_of(&rows, &offsets)) {
            (Ok(plan), _) => check(&rows, &plan)?,
            (Err(PlanError::Overlap { ids, steps, .. }), Err(_)) => {
                let [a, b] = ids.map(|id| &rows[id.index()]);
                prop_assert!(steps.start < steps.end);
                let mut steps = steps;
                prop_assert!(steps.all(|step| a.is_alive(step) && b.is_alive(step)));
            }
            (refused, expected) => prop_assert!(false, "{:?} but {:?}", refused, expected),
        }
    }

    #[test]
    fn every_strategy_makes_plans(
        rows in gap_rows(30, 30, 60), planner in any_planner(NODES), seed in any::<u64>(),
    ) {
        let given = lifetimes(&rows);
        let plan = planner.clone().seed(seed).plan(&given).unwrap();
        check(&rows, &plan)?;
        for section in plan.usage().sections {
            for step in section.steps.clone() {
                let alive = rows.iter().zip(plan.offsets()).filter(|(row, _)| row.is_alive(step));
                let ends = alive.map(|(row, offset)| offset + row.lifetime.size);
                prop_assert_eq!(section.reach, ends.max().unwrap_or(0));
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
    fn what_stays_of_a_previous_plan_is_no_obstacle(
        rows in gap_rows(12, 20, 9), others in gap_rows(12, 20, 9),
    ) {
        let plan = Planner::new().nodes(NODES).plan(&lifetimes(&rows)).unwrap();
        let planner = Planner::new().nodes(NODES).keep(&plan).start_from(&plan);
        check(&others, &planner.plan(&lifetimes(&others)).unwrap())?;
    }

    #[test]
    fn few_tensors_get_the_optimum(rows in gap_rows(5, 9, 5)) {
        few_get_the_optimum(&rows)?;
    }

    #[test]
    fn the_bound_is_no_less_than_tensors_that_all_conflict(rows in gap_rows(8, 14, 9)) {
        let of_set = |set: u32| {
            let members: Vec<usize> = (0..rows.len()).filter(|i| set >> i & 1 == 1).collect();
            let mut pairs = members.iter().flat_map(|a| members.iter().map(move |b| [*a, *b]));
            let all_conflict = pairs.all(|[a, b]| a == b || conflict(&rows, a, b));
            let sizes = members.iter().filter(|&&i| has_bytes(&rows[i]));
            let bytes = sizes.map(|&i| rows[i].lifetime.size).sum::<u64>();
            if all_conflict { bytes } else { 0 }
        };
        let heaviest = (0..1 << rows.len()).map(of_set).max();
        prop_assert!(lifetimes(&rows).lower_bound() >= heaviest.unwrap_or(0));
    }

    #[test]
    #[cfg(feature = "files")]
    fn files_keep_gaps(rows in gap_rows(12, 20, 9)) {
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

    #[test]
    fn a_buddy_arena_holds_tensors_through_their_gaps(rows in gap_rows(12, 20, 99)) {
        let with_gaps = lifetimes(&rows);
        let hulls = with_gaps.iter().map(|(_, name, row)| (name.to_string(), *row));
        let hulls = Lifetimes::from_named(hulls).unwrap().simulate_buddy(8).unwrap();
        let usage = with_gaps.simulate_buddy(8).unwrap();
        prop_assert_eq!(usage.peak, hulls.peak);
        for section in &usage.sections {
            prop_assert!(section.live_bytes <= section.granted_bytes);
            let mut steps = section.steps.clone();
            prop_assert!(steps.all(|step| load_at(&rows, step) == section.live_bytes));
        }
    }

    #[test]
    fn several_models_keep_their_gaps(
        models in prop::collection::vec(gap_rows(5, 9, 5), 1..4),
        starts in prop::collection::vec(prop::collection::btree_set(0..30i64, 1..4), 3),
        schedule in 0..3,
    ) {
        let models: Vec<Vec<GapRow>> = models.into_iter().map(|mut rows| {
            rows.iter_mut().for_each(|row| row.lifetime.fixed_offset = None);
            rows
        }).collect();
        let starts: Vec<Vec<i64>> = starts.iter().take(models.len()).map(|starts| {
            // Far enough from each other for every lifetime.
            starts.iter().enumerate().map(|(i, start)| start + 20 * i as i64).collect()
        }).collect();
        let mut set = ModelSet::new();
        for (m, rows) in models.iter().enumerate() {
            set.add(format!("m{m}"), lifetimes(rows)).unwrap();
        }
        let schedule = match schedule {
            0 => Schedule::OneAtATime,
            1 => Schedule::AnyTogether,
            _ => Schedule::starts(starts.clone()),
        };
        let shared = set.plan(&schedule, &Planner::new().nodes(NODES)).unwrap();
        let parts = (0..models.len()).map(|m| shared.part(ModelId::new(m as u32)).unwrap());
        let parts: Vec<Plan> = parts.collect();
        for (rows, part) in models.iter().zip(&parts) {
            prop_assert!(peak_of(rows, part.offsets()).is_ok());
        }
        let alive = |m: usize, step: i64| match &schedule {
            // Any step of one model beside any step of another.
            Schedule::AnyTogether => vec![true; models[m].len()],
            _ => {
                let in_run = |row: &GapRow| starts[m].iter().any(|t| row.is_alive(step - t));
                models[m].iter().map(in_run).collect()
            }
        };
        let steps = match &schedule {
            Schedule::OneAtATime => 0..0,
            Schedule::AnyTogether => 0..1,
            _ => 0..120,
        };
        for step in steps {
            let mut taken: Vec<Range<u64>> = Vec::new();
            for (m, part) in parts.iter().enumerate() {
                let own = alive(m, step).into_iter().enumerate();
                let own = own.filter(|&(i, is_alive)| is_alive && has_bytes(&models[m][i]));
                let own: Vec<Range<u64>> = own.map(|(i, _)| part.bytes(id(i)).unwrap()).collect();
                let apart = |a: &Range<u64>, b: &Range<u64>| a.end <= b.start || b.end <= a.start;
                prop_assert!(own.iter().all(|a| taken.iter().all(|b| apart(a, b))));
                taken.extend(own);
            }
        }
        prop_assert!(shared.plan().lower_bound() <= shared.plan().peak());
    }
}

#[test]
#[ignore = "takes minutes; run it with --ignored --release"]
fn ten_thousand_sets_of_few_tensors_get_the_optimum() {
    let mut runner = TestRunner::new(ProptestConfig::with_cases(10_000));
    let rows = gap_rows(6, 10, 6);
    runner
        .run(&rows, |rows| few_get_the_optimum(&rows))
        .unwrap();
}

/// Whether the load is reached by the plan of a planted instance whose long-lived rows have gaps
/// that other rows fill: see [`instances::gapped`].
fn reaches_load(pieces: usize, seed: u64) -> bool {
    let (made, optimum) = instances::planted(pieces, seed);
    let (made, gaps) = instances::gapped(&made, seed);
    let mut rows: Vec<GapRow> = (made.iter())
        .map(|row| GapRow {
            lifetime: Lifetime::new(row.lower, row.upper, row.size),
            gaps: Vec::new(),
        })
        .collect();
    for (i, gap) in gaps {
        rows[i].gaps.push(gap);
    }
    let plan = Planner::new()
        .nodes(500_000)
        .plan(&lifetimes(&rows))
        .unwrap();
    check(&rows, &plan).unwrap();
    assert_eq!(plan.load(), optimum);
    plan.peak() == optimum
}

#[test]
fn gaps_of_planted_instances_are_filled() {
    let reached = (0..8).filter(|&seed| reaches_load(20 + 20 * seed as usize, seed));
    assert_eq!(reached.collect::<Vec<u64>>(), [0, 1, 2, 3, 4, 5, 6, 7]);
}

fn has_bytes(row: &GapRow) -> bool {
    let mut steps = row.lifetime.steps();
    steps.any(|step| row.is_alive(step))
}

#[test]
fn gaps_bring_the_peak_of_models_with_runs_to_its_bound() {
    let rows = [("state", 0, 6, 100, 1), ("work", 2, 4, 100, 1)];
    let gapless = Lifetimes::from_rows(rows).unwrap();
    let with_gap = gapless.with_gaps(id(0), [2..4]).unwrap();
    let mut set = ModelSet::new();
    set.add("a", with_gap.clone()).unwrap();
    set.add("b", with_gap).unwrap();
    for (schedule, peak) in [
        (Schedule::OneAtATime, 100),
        (Schedule::AnyTogether, 200),
        (Schedule::starts([vec![0, 10], vec![20]]), 100),
        // b's tensors are alive while a's are not and the other way round: neither needs a gap.
        (Schedule::starts([vec![0, 10], vec![6]]), 200),
        (Schedule::starts([vec![0, 12], vec![6]]), 100),
    ] {
        let shared = set.plan(&schedule, &Planner::new().nodes(NODES)).unwrap();
        let plan = shared.plan();
        assert_eq!(
            (plan.peak(), plan.lower_bound()),
            (peak, peak),
            "{schedule:?}"
        );
    }
}

#[test]
fn three_tensors_that_meet_two_by_two_need_three_places() {
    let rows = [
        ("a", 0, 3, 100, 1),
        ("b", 0, 2, 100, 1),
        ("c", 1, 3, 100, 1),
    ];
    let lifetimes = Lifetimes::from_rows(rows).unwrap();
    let lifetimes = lifetimes.with_gaps(id(0), [1..2]).unwrap();
    let plan = Planner::new().nodes(NODES).plan(&lifetimes).unwrap();
    assert_eq!(
        (plan.load(), plan.lower_bound(), plan.peak()),
        (200, 300, 300)
    );
}

/// A chain in which every tensor has a gap that the next but one fills.
fn chain(count: usize) -> Lifetimes {
    let rows = (0..count as i64).map(|i| (format!("t{i}"), 4 * i, 4 * i + 12, 100, 1));
    let gaps = (0..count).map(|i| {
        let start = 4 * i as i64;
        (
            id(i),
            Vec::from([start + 2..start + 5, start + 7..start + 11]),
        )
    });
    let lifetimes = Lifetimes::from_rows(rows).unwrap();
    lifetimes.with_all_gaps(gaps).unwrap()
}

#[test]
fn twenty_thousand_tensors_with_gaps_are_planned_at_once() {
    let lifetimes = chain(20_000);
    let begun = std::time::Instant::now();
    let plan = Planner::new().nodes(1_000_000).plan(&lifetimes).unwrap();
    assert!(plan.peak() <= 300);
    // All pairs would take minutes.
    assert!(begun.elapsed().as_secs() < 60, "{:?}", begun.elapsed());
}

#[test]
fn fixed_tensors_may_have_the_same_bytes_in_turns() {
    let rows = [
        ("a", Lifetime::new(0, 6, 8).with_fixed_offset(8)),
        ("b", Lifetime::new(2, 4, 8).with_fixed_offset(8)),
        ("c", Lifetime::new(0, 6, 8)),
    ];
    let lifetimes = Lifetimes::from_named(rows).unwrap();
    let lifetimes = lifetimes.with_gaps(id(0), [2..4]).unwrap();
    let plan = Planner::new().nodes(NODES).plan(&lifetimes).unwrap();
    assert_eq!(plan.offsets(), [8, 8, 0]);
}

fn refused(rows: &[Lifetime], gaps: &[(usize, Vec<Range<i64>>)]) -> LifetimesError {
    let named = rows.iter().enumerate();
    let named = named.map(|(i, row)| (i.to_string(), *row));
    let lifetimes = Lifetimes::from_named(named).unwrap();
    let all = gaps.iter().map(|(i, gaps)| (id(*i), gaps.clone()));
    let at_once = lifetimes.clone().with_all_gaps(all).unwrap_err();
    let mut each = Ok(lifetimes);
    for (i, gaps) in gaps {
        each = each.and_then(|lifetimes| lifetimes.with_gaps(id(*i), gaps.clone()));
    }
    assert_eq!(each.unwrap_err(), at_once);
    at_once
}

#[test]
fn mistakes_in_gaps_are_named() {
    let one = [Lifetime::new(0, 9, 8)];
    let mistake = |gaps: Vec<Range<i64>>| {
        let error = refused(&one, &[(0, gaps)]);
        assert_eq!(error.row, 0);
        match error.mistake {
            LifetimeMistake::Gap(mistake) => mistake,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(mistake(vec![4..5, 3..3]), GapMistake::Empty { gap: 3..3 });
    let steps = 0..9;
    let outside = |gap, steps| GapMistake::OutsideLifetime { gap, steps };
    assert_eq!(mistake(vec![-1..2]), outside(-1..2, steps.clone()));
    assert_eq!(mistake(vec![8..10]), outside(8..10, steps));
    let gaps = [2..5, 4..6];
    assert_eq!(mistake(vec![4..6, 2..5]), GapMistake::Overlap { gaps });
    let text = refused(&one, &[(0, vec![4..6, 2..5])]).to_string();
    assert_eq!(text, "buffer 0 (id '0'): its gaps 2..5 and 4..6 overlap");
}

#[test]
fn a_view_is_alive_only_when_its_root_is() {
    let view = Lifetime::new(1, 6, 4).with_root(id(0), 4);
    let rows = [Lifetime::new(0, 8, 8), view];
    let error = refused(&rows, &[(0, vec![3..5])]);
    let (root, steps) = (id(0), 1..6);
    let expected = LifetimeMistake::View(ViewMistake::AliveInGap { root, steps });
    assert_eq!((error.row, error.mistake), (1, expected));
    let error = refused(&rows, &[(0, vec![0..2])]);
    let (steps, root_steps) = (1..6, 2..8);
    let expected = LifetimeMistake::View(ViewMistake::OutlivesRoot { steps, root_steps });
    assert_eq!((error.row, error.mistake), (1, expected));

    let named = rows.iter().enumerate();
    let named = named.map(|(i, row)| (i.to_string(), *row));
    let lifetimes = Lifetimes::from_named(named).unwrap();
    let view_first = lifetimes.clone().with_gaps(id(1), [2..5]).unwrap();
    let view_first = view_first.with_gaps(id(0), [3..5]).unwrap();
    let root_first = lifetimes.with_all_gaps([(id(0), vec![3..5]), (id(1), vec![2..5])]);
    assert_eq!(root_first, Ok(view_first));
}

#[test]
fn a_gap_at_a_bound_makes_the_lifetime_shorter() {
    let lifetimes = Lifetimes::from_rows([("a", 0, 9, 8, 1)]).unwrap();
    let shorter = lifetimes
        .clone()
        .with_gaps(id(0), [7..9, 0..1, 1..2])
        .unwrap();
    assert_eq!(shorter, Lifetimes::from_rows([("a", 2, 7, 8, 1)]).unwrap());
    let never = lifetimes.clone().with_gaps(id(0), [0..9]).unwrap();
    assert!(!never.has_gaps() && !never.rows()[0].occupies());
    let again = lifetimes.with_gaps(id(0), [2..4]).unwrap();
    let again = again.with_gaps(id(0), [3..6]).unwrap();
    assert!(again.live_ranges(id(0)).eq([0..2, 6..9]));
    assert!(again.live_ranges(id(7)).eq([]) && again.gaps(id(7)).eq([]));
    assert_eq!(again.clone().with_gaps(id(7), [2..4]), Ok(again));
}
