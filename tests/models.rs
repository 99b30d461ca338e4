//! Joint plans of several models against their definition, by which every two tensors are compared
//! in all of their runs.
//!
//! Checked: the plan itself, and that the check accepts exactly the plans; that the peak is between
//! the bound and what separate regions take, and that the bound is not above the lowest peak there
//! is; which model owns which tensor; what is shared and what could be; what is refused.

use std::{collections::BTreeMap, ops::ControlFlow};

use orionrt::{
    GraphBuilder, Lifetimes, ModelSet, Plan, Planner, Schedule, TensorId,
    lifetimes::Lifetime,
    models::{LifetimeAnalyzer, ModelId, ModelRuns, ModelTensor, SharedPlan, SharingError},
    plan::PlanError,
    planner::PlannerError,
};
use orionrt_testing::model_sets::{ModelSetCase, TensorIndex, Timing, model_set_cases};
use proptest::prelude::*;

fn planned(case: &ModelSetCase) -> SharedPlan {
    let planner = Planner::new().nodes(3000);
    case.model_set().plan(&case.schedule(), &planner).unwrap()
}

fn id((model, tensor): TensorIndex) -> ModelTensor {
    ModelTensor {
        model: ModelId::new(model as u32),
        tensor: TensorId::new(tensor as u32),
    }
}

fn isolated(shared: &SharedPlan) -> Vec<Plan> {
    let all = shared.models().map(|(model, _)| shared.isolated(model));
    all.map(|plan| plan.unwrap().clone()).collect()
}

fn check_plan(case: &ModelSetCase) -> Result<(), TestCaseError> {
    let shared = planned(case);
    let plan = shared.plan();
    prop_assert_eq!(case.peak(plan.offsets()), Ok(shared.plan().peak()));
    let isolated = isolated(&shared);
    let sum = case.sum(&isolated);
    prop_assert_eq!(shared.isolated_sum(), sum);
    prop_assert!(shared.plan().peak() <= sum);
    prop_assert!(shared.plan().lower_bound() <= shared.plan().peak());
    prop_assert_eq!(shared.saved_bytes(), sum - shared.plan().peak());
    for (model, own) in isolated.iter().enumerate() {
        prop_assert!(own.lower_bound() <= shared.plan().lower_bound());
        let part = shared.part(ModelId::new(model as u32)).unwrap();
        prop_assert_eq!(part.lifetimes(), own.lifetimes());
    }
    if matches!(case.timing, Timing::OneAtATime) {
        let highest = isolated.iter().map(Plan::peak).max().unwrap();
        prop_assert!(shared.plan().peak() <= highest);
    }
    check_ids(case, &shared)
}

fn check_ids(case: &ModelSetCase, shared: &SharedPlan) -> Result<(), TestCaseError> {
    for (position, &at) in case.tensors().iter().enumerate() {
        let joint = TensorId::new(position as u32);
        prop_assert_eq!(shared.joint_id(id(at)), Some(joint));
        prop_assert_eq!(shared.owner(joint), Some(id(at)));
        let name = format!("m{}/t{}", at.0, at.1);
        let lifetimes = shared.plan().lifetimes();
        prop_assert_eq!(lifetimes.name(joint), Some(&name[..]));
        let part = shared.part(id(at).model).unwrap();
        prop_assert_eq!(shared.offset(id(at)), part.offset(id(at).tensor));
        for (other, &at_other) in case.tensors().iter().enumerate() {
            let other = TensorId::new(other as u32);
            let expected = case.conflict(at, at_other);
            prop_assert_eq!(
                lifetimes.conflict(joint, other),
                expected,
                "{:?} {:?}",
                at,
                at_other
            );
        }
    }
    let models = case.models.len();
    for (a, b) in (0..models).flat_map(|a| (0..models).map(move |b| (a, b))) {
        let expected = a != b && case.together(a, b);
        let [a, b] = [a, b].map(|m| ModelId::new(m as u32));
        prop_assert_eq!(shared.may_run_together(a, b), expected);
    }
    let behind = ModelId::new(models as u32);
    prop_assert_eq!(shared.isolated(behind), None);
    prop_assert_eq!(
        shared.owner(TensorId::new(shared.plan().len() as u32)),
        None
    );
    Ok(())
}

/// Whatever the offsets, they are a plan if and only if the definition says so.
fn check_check(case: &ModelSetCase, offsets: &[u64]) -> Result<(), TestCaseError> {
    let shared = planned(case);
    let lifetimes = shared.plan().lifetimes();
    let aligned = lifetimes.rows().iter().zip(offsets.iter().cycle());
    let offsets: Vec<u64> = aligned
        .map(|(row, offset)| offset / row.alignment * row.alignment)
        .collect();
    let expected = case.peak(&offsets);
    let found = Plan::new(lifetimes.clone(), offsets.clone());
    match (&expected, &found) {
        (Ok(peak), Ok(plan)) => prop_assert_eq!(plan.peak(), *peak),
        (Err(_), Err(error)) => {
            let (PlanError::Overlap { ids, bytes, .. }
            | PlanError::ModelsOverlap { ids, bytes, .. }) = error
            else {
                return Err(TestCaseError::fail(error.to_string()));
            };
            let tensors = case.tensors();
            let [a, b] = ids.map(|id| tensors[id.index()]);
            prop_assert!(case.conflict(a, b), "{error}");
            for id in ids {
                let start = offsets[id.index()];
                let end = start + lifetimes.rows()[id.index()].size;
                prop_assert!(start <= bytes.start && bytes.start < bytes.end && bytes.end <= end);
            }
        }
        _ => prop_assert!(false, "{expected:?}, but {found:?}"),
    }
    Ok(())
}

fn check_shared(case: &ModelSetCase) -> Result<(), TestCaseError> {
    let shared = planned(case);
    let tensors = case.tensors();
    let bytes = |at: TensorIndex| {
        let offset = shared.offset(id(at)).unwrap();
        offset..offset + case.row(at).2
    };
    let mut expected = BTreeMap::new();
    for (i, &b) in tensors.iter().enumerate() {
        for &a in &tensors[..i] {
            let (x, y) = (bytes(a), bytes(b));
            let common = x.start.max(y.start)..x.end.min(y.end);
            let both = case.occupies(a) && case.occupies(b);
            if a.0 != b.0 && both && common.start < common.end {
                expected.insert([id(a), id(b)], common);
            }
        }
    }
    let mut found = BTreeMap::new();
    let mut count = 0;
    let end = shared.visit_shared(|pair| {
        count += 1;
        found.insert(pair.tensors, pair.bytes);
        ControlFlow::<()>::Continue(())
    });
    prop_assert_eq!(end, ControlFlow::Continue(()));
    prop_assert_eq!(&found, &expected);
    prop_assert_eq!(count, expected.len());
    prop_assert_eq!(shared.shared_pairs(), expected.len() as u64);
    Ok(())
}

fn check_opportunities(case: &ModelSetCase, most: usize) -> Result<(), TestCaseError> {
    let tensors = case.tensors();
    let size = |at: TensorIndex| case.row(at).2;
    let may = |a: TensorIndex, b: TensorIndex| {
        a.0 != b.0 && case.occupies(a) && case.occupies(b) && !case.conflict(a, b)
    };
    let pairs = tensors.iter().enumerate();
    let pairs = pairs.flat_map(|(i, &b)| tensors[..i].iter().map(move |&a| (a, b)));
    let count = pairs.filter(|&(a, b)| may(a, b)).count();
    let found = case
        .model_set()
        .sharing_summary(&case.schedule(), most)
        .unwrap();
    prop_assert_eq!(found.pairs, count as u64);

    let mut with_partner: Vec<TensorIndex> = tensors.clone();
    with_partner.retain(|&a| tensors.iter().any(|&b| may(a, b)));
    with_partner.sort_by_key(|&a| (std::cmp::Reverse(size(a)), a));
    prop_assert_eq!(found.best.len(), with_partner.len().min(most));
    for (&(tensor, best), &a) in found.best.iter().zip(&with_partner) {
        prop_assert_eq!(tensor, id(a));
        let others = tensors.iter().copied().filter(|&b| may(a, b)).map(size);
        let enough = others.clone().filter(|&other| other >= size(a)).min();
        let expected = enough.or(others.max()).unwrap();
        let partner = best.partner_of(tensor).unwrap();
        let partner = (partner.model.index(), partner.tensor.index());
        prop_assert!(may(a, partner));
        prop_assert_eq!(size(partner), expected);
        prop_assert_eq!(best.bytes, size(a).min(expected));
    }
    Ok(())
}

proptest! {
    #[test]
    fn a_joint_peak_is_between_the_bound_and_the_sum_of_separate_regions(
        case in model_set_cases(5, 6, 40),
    ) {
        check_plan(&case)?;
    }

    #[test]
    fn the_check_accepts_exactly_the_plans(
        case in model_set_cases(4, 3, 12),
        offsets in prop::collection::vec(0..90u64, 1..12),
    ) {
        check_check(&case, &offsets)?;
    }

    #[test]
    fn no_plan_is_below_the_bound(case in model_set_cases(4, 2, 5)) {
        if case.tensors().len() <= 5 {
            let (shared, optimum) = (planned(&case), case.optimum());
            prop_assert!(shared.plan().lower_bound() <= optimum);
            prop_assert!(optimum <= shared.plan().peak());
        }
    }

    #[test]
    fn tensors_that_share_bytes_are_shown_once(case in model_set_cases(5, 6, 40)) {
        check_shared(&case)?;
    }

    #[test]
    fn a_sharing_summary_counts_pairs_and_has_the_best_partners(
        case in model_set_cases(5, 6, 40),
        most in 0..12usize,
    ) {
        check_opportunities(&case, most)?;
    }
}

fn rows<const N: usize>(rows: [(&str, i64, i64, u64, u64); N]) -> Lifetimes {
    Lifetimes::from_rows(rows).unwrap()
}

fn set<const N: usize>(sizes: [u64; N]) -> (ModelSet, [ModelId; N]) {
    let mut set = ModelSet::new();
    let mut names = 'a'..;
    let ids = sizes.map(|size| {
        let name = names.next().unwrap().to_string();
        set.add(name, rows([("x", 0, 2, size, 1)])).unwrap()
    });
    (set, ids)
}

#[test]
fn the_two_ends_of_a_path_of_three_models_share_bytes() {
    let (set, [a, b, c]) = set([100, 30, 80]);
    let shared = set
        .plan(&Schedule::pairs([(a, b), (c, b)]), &Planner::new())
        .unwrap();
    assert_eq!(
        (
            shared.plan().peak(),
            shared.plan().lower_bound(),
            shared.isolated_sum()
        ),
        (130, 130, 210)
    );
    assert_eq!(shared.plan().strategy(), "stacked");
}

#[test]
fn a_ring_of_five_is_lower_tensor_by_tensor() {
    // Each model has two tensors of 10 bytes at once. Whole models come to three levels of 20;
    // tensors to 50.
    let mut set = ModelSet::new();
    let ids: Vec<ModelId> = (0..5)
        .map(|i| {
            set.add(
                format!("{i}"),
                rows([("x", 0, 2, 10, 1), ("y", 0, 2, 10, 1)]),
            )
            .unwrap()
        })
        .collect();
    let ring = (0..5).map(|i| (ids[i], ids[(i + 1) % 5]));
    let shared = set
        .plan(&Schedule::pairs(ring), &Planner::new().nodes(100_000))
        .unwrap();
    // At most two models run together, which makes 40; the search proves that this is too low.
    let plan = shared.plan();
    assert_eq!(plan.lifetimes().lower_bound(), 40);
    assert_eq!((plan.lower_bound(), plan.peak()), (50, 50));
}

#[test]
fn models_that_take_turns_between_runs_share() {
    let (set, [_, _]) = set([100, 90]);
    let planner = Planner::new();
    let turns = Schedule::starts([vec![0, 10, 20], vec![5, 15]]);
    assert_eq!(set.plan(&turns, &planner).unwrap().plan().peak(), 100);
    let once_together = Schedule::starts([vec![0, 10, 20], vec![5, 11]]);
    let shared = set.plan(&once_together, &planner).unwrap();
    assert_eq!(
        (shared.plan().peak(), shared.plan().lower_bound()),
        (190, 190)
    );
}

#[test]
fn starts_may_be_as_far_apart_as_the_clock_allows() {
    let (set, [_, _]) = set([100, 90]);
    let far = vec![i64::MIN, i64::MAX - 2];
    let planner = Planner::new();
    let turns = Schedule::starts([far.clone(), vec![0]]);
    assert_eq!(set.plan(&turns, &planner).unwrap().plan().peak(), 100);
    let meets = Schedule::starts([far, vec![0, i64::MAX - 3]]);
    let shared = set.plan(&meets, &planner).unwrap();
    assert_eq!(
        (shared.plan().peak(), shared.plan().lower_bound()),
        (190, 190)
    );
    assert_eq!(shared.shared_pairs(), 0);
}

#[test]
fn tensors_within_others_stay_within_them() {
    let mut set = ModelSet::new();
    set.add("a", rows([("x", 0, 2, 64, 1)])).unwrap();
    let whole = Lifetime::new(0, 3, 40).with_alignment(8);
    let half = Lifetime::new(1, 3, 16).with_alignment(8);
    let half = half.with_root(TensorId::new(0), 24);
    let model = Lifetimes::from_named([("whole", whole), ("half", half)]).unwrap();
    let b = set.add("b", model).unwrap();
    for schedule in [Schedule::OneAtATime, Schedule::AnyTogether] {
        let shared = set.plan(&schedule, &Planner::new()).unwrap();
        let at = |tensor| {
            let tensor = TensorId::new(tensor);
            shared.offset(ModelTensor { model: b, tensor }).unwrap()
        };
        assert_eq!(at(1), at(0) + 24);
        assert_eq!(
            shared.plan().lifetimes().rows()[2].within.unwrap().root,
            TensorId::new(1)
        );
    }
}

#[test]
fn tensors_move_out_of_the_way_of_fixed_ones() {
    let (mut set, [a]) = set([100]);
    let fixed = rows([("y", 0, 2, 50, 1), ("z", 0, 2, 10, 1)]);
    let b = set
        .add(
            "fixed",
            fixed.with_fixed_offset(TensorId::new(0), 20).unwrap(),
        )
        .unwrap();
    let y = ModelTensor {
        model: b,
        tensor: TensorId::new(0),
    };
    let planner = Planner::new().nodes(10_000);
    let together = set.plan(&Schedule::pairs([(a, b)]), &planner).unwrap();
    assert_eq!(
        (together.offset(y), together.plan().peak()),
        (Some(20), 170)
    );
    let alone = set.plan(&Schedule::OneAtATime, &planner).unwrap();
    assert_eq!((alone.offset(y), alone.plan().peak()), (Some(20), 100));

    let c = rows([("w", 0, 1, 50, 1)])
        .with_fixed_offset(TensorId::new(0), 60)
        .unwrap();
    let c = set.add("too", c).unwrap();
    let refused = set.plan(&Schedule::pairs([(c, b)]), &planner).unwrap_err();
    let SharingError::Planning { model: None, error } = refused else {
        panic!("{refused}");
    };
    assert!(
        error
            .to_string()
            .contains("'fixed/y' and 'too/w' share bytes 60..70"),
        "{error}"
    );
}

#[test]
fn conflicts_between_streams_of_a_model_are_kept_in_a_joint_plan() {
    let layout = std::alloc::Layout::from_size_align(10, 1).unwrap();
    let mut g = GraphBuilder::new();
    let [a, b] = ["a", "b"].map(|name| g.tensor(name, layout));
    g.op("one").writes([a]);
    g.op("two").writes([b]).stream(1);
    let streams = g.build().unwrap().lifetimes();
    let alone = Planner::new().plan(&streams).unwrap();
    assert_eq!(alone.peak(), 20);

    let mut set = ModelSet::new();
    let first = set.add("first", streams.clone()).unwrap();
    let second = set.add("second", streams).unwrap();
    let third = set.add("third", rows([("x", 0, 1, 15, 1)])).unwrap();
    let one_at_a_time = set.plan(&Schedule::OneAtATime, &Planner::new()).unwrap();
    assert_eq!(
        (
            one_at_a_time.plan().peak(),
            one_at_a_time.plan().lower_bound()
        ),
        (20, 20)
    );
    let paired = set
        .plan(&Schedule::pairs([(second, third)]), &Planner::new())
        .unwrap();
    assert_eq!(
        (paired.plan().peak(), paired.plan().lower_bound()),
        (35, 35)
    );
    assert!(!paired.may_run_together(first, third));
    let lifetimes = paired.plan().lifetimes();
    let refused = Plan::new(lifetimes.clone(), vec![0, 10, 0, 5, 20]).unwrap_err();
    let PlanError::StreamsOverlap { names, .. } = &refused else {
        panic!("{refused}");
    };
    assert_eq!(names, &["second/a", "second/b"]);
    let refused = set
        .plan(&Schedule::starts([[0], [0], [0]]), &Planner::new())
        .unwrap_err();
    assert_eq!(
        refused,
        SharingError::StreamsOnClock {
            model: "first".into()
        }
    );
}

#[test]
fn a_schedule_that_does_not_fit_the_models_is_refused() {
    let (mut set, [a, b]) = set([1, 1]);
    let refused = |schedule: Schedule| {
        let planned = set.plan(&schedule, &Planner::new()).unwrap_err();
        assert_eq!(set.sharing_summary(&schedule, 1).unwrap_err(), planned);
        planned
    };
    let unknown = ModelId::new(2);
    let name = || "a".to_string();
    let cases = [
        (
            Schedule::pairs([(a, unknown)]),
            SharingError::UnknownModel { model: unknown },
        ),
        (
            Schedule::pairs([(a, b), (a, a)]),
            SharingError::PairedWithItself { model: name() },
        ),
        (
            Schedule::starts([[0]]),
            SharingError::StartsCount {
                models: 2,
                starts: 1,
            },
        ),
        (
            Schedule::starts([vec![], vec![0]]),
            SharingError::NeverStarts { model: name() },
        ),
        (
            Schedule::starts([vec![1, 0], vec![0]]),
            SharingError::RunsOverlap {
                model: name(),
                tensor: "x".into(),
                starts: [0, 1],
            },
        ),
        (
            Schedule::starts([i64::MAX, 0].map(|start| [start])),
            SharingError::OutOfTime {
                model: name(),
                tensor: "x".into(),
                start: i64::MAX,
            },
        ),
    ];
    for (schedule, expected) in cases {
        assert_eq!(refused(schedule), expected);
    }
    let again = set.add("b", rows([])).unwrap_err();
    assert_eq!(
        again,
        SharingError::DuplicateModel {
            name: "b".into(),
            first: b
        }
    );
}

#[test]
fn models_that_leave_the_clock_one_after_the_other_are_refused() {
    let mut set = ModelSet::new();
    set.add("a", rows([("x", 0, i64::MAX, 1, 1)])).unwrap();
    assert!(set.plan(&Schedule::OneAtATime, &Planner::new()).is_ok());
    set.add("b", rows([("y", -1, 1, 1, 1)])).unwrap();
    let error = set
        .plan(&Schedule::AnyTogether, &Planner::new())
        .unwrap_err();
    let (model, tensor) = ("b".to_string(), "y".to_string());
    assert_eq!(
        error,
        SharingError::OutOfTime {
            model,
            tensor,
            start: i64::MAX
        }
    );
}

#[test]
fn a_joint_plan_is_refused_as_a_model() {
    let (mut set, _) = set([3, 4]);
    let shared = set.plan(&Schedule::AnyTogether, &Planner::new()).unwrap();
    set.add("both", shared.plan().lifetimes().clone()).unwrap();
    let error = set
        .plan(&Schedule::OneAtATime, &Planner::new())
        .unwrap_err();
    let model = "both".to_string();
    assert_eq!(error, SharingError::SeveralInOne { model });
}

#[test]
fn a_capacity_limits_the_joint_plan() {
    let (set, _) = set([100, 30]);
    let planner = Planner::new().capacity(120);
    assert!(set.plan(&Schedule::OneAtATime, &planner).is_ok());
    let error = set.plan(&Schedule::AnyTogether, &planner).unwrap_err();
    let SharingError::Planning { model: None, error } = error else {
        panic!("{error}");
    };
    let PlannerError::Capacity { capacity, best } = *error else {
        panic!("{error}");
    };
    assert_eq!((capacity, best.peak()), (120, 130));
}

#[test]
fn sizes_that_overflow_only_together_are_refused() {
    let (set, _) = set([1 << 62, 1 << 62]);
    let error = set
        .plan(&Schedule::OneAtATime, &Planner::new())
        .unwrap_err();
    assert!(
        error.to_string().starts_with("all models together: "),
        "{error}"
    );
}

#[test]
fn a_sharing_summary_of_models_one_at_a_time_agrees_with_the_analyzer() {
    let (set, _) = set([5, 9, 7]);
    let found = set.sharing_summary(&Schedule::OneAtATime, 10).unwrap();
    let mut analyzer = LifetimeAnalyzer::new();
    for (i, (_, name, lifetimes)) in set.iter().enumerate() {
        analyzer
            .add_model(name, ModelRuns::new(lifetimes, [10 * i as i64]))
            .unwrap();
    }
    assert_eq!(
        found.pairs,
        analyzer.find_sharing_opportunities().len() as u64
    );
    for (tensor, best) in analyzer.best_partners() {
        assert!(found.best.contains(&(tensor, best.unwrap())));
    }
}

#[test]
fn a_set_without_models_is_planned_into_no_bytes() {
    let shared = ModelSet::new()
        .plan(&Schedule::AnyTogether, &Planner::new())
        .unwrap();
    assert_eq!(
        (
            shared.plan().peak(),
            shared.isolated_sum(),
            shared.shared_pairs()
        ),
        (0, 0, 0)
    );
}
