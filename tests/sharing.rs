//! What the analyser finds in several models, against the definition, by which all pairs of tensors
//! are compared in all of their runs.
//!
//! Checked: no pair that overlaps is reported, no other is missed, and none is reported twice or of
//! one model; the bytes, and their order; the first k; the best partner of every tensor; what is
//! refused. The oracle shares no code with the library, and computes with wider integers.

use std::{collections::BTreeMap, ops::ControlFlow};

use orionrt::{
    GraphBuilder, Lifetimes, Planner, TensorId,
    models::{
        LifetimeAnalyzer, ModelId, ModelRuns, ModelTensor, Placement, SharingError,
        SharingOpportunity,
    },
};
use orionrt_testing::sharing_oracle::{
    ModelCase, may_share, models_in_runs, sharing_pairs, tensors,
};
use proptest::prelude::*;

fn lifetimes(rows: &[(i64, i64, u64)]) -> Lifetimes {
    let rows = rows.iter().enumerate();
    let rows = rows.map(|(i, &(lower, upper, size))| (format!("t{i}"), lower, upper, size, 1));
    Lifetimes::from_rows(rows).unwrap()
}

fn analyzer(models: &[ModelCase]) -> LifetimeAnalyzer {
    let mut analyzer = LifetimeAnalyzer::new();
    for (i, model) in models.iter().enumerate() {
        let rows = lifetimes(&model.rows);
        let id = analyzer.add_model(
            format!("m{i}"),
            ModelRuns::new(&rows, model.starts.iter().copied()),
        );
        assert_eq!(id, Ok(ModelId::new(i as u32)));
    }
    analyzer
}

fn at(model: usize, tensor: usize) -> ModelTensor {
    ModelTensor {
        model: ModelId::new(model as u32),
        tensor: TensorId::new(tensor as u32),
    }
}

fn pair(found: &SharingOpportunity) -> [ModelTensor; 2] {
    let mut pair = [found.smaller, found.larger];
    pair.sort();
    pair
}

fn check_pairs(models: &[ModelCase]) -> Result<(), TestCaseError> {
    let (analyzer, expected) = (analyzer(models), sharing_pairs(models));
    let found = analyzer.find_sharing_opportunities();
    prop_assert_eq!(found.len(), expected.len());
    prop_assert!(found.is_sorted_by(|a, b| a.bytes >= b.bytes));
    let by_pair: BTreeMap<_, _> = found.iter().map(|one| (pair(one), one.bytes)).collect();
    prop_assert_eq!(&by_pair, &expected);
    let size = |tensor: ModelTensor| models[tensor.model.index()].rows[tensor.tensor.index()].2;
    for one in &found {
        prop_assert!(size(one.smaller) == one.bytes && one.bytes <= size(one.larger));
    }

    let mut visited = Vec::new();
    let end = analyzer.visit(|one| {
        visited.push(one);
        ControlFlow::<()>::Continue(())
    });
    prop_assert_eq!((&visited, end), (&found, ControlFlow::Continue(())));
    let pairs: Vec<_> = found.iter().map(pair).collect();
    prop_assert_eq!(analyzer.find_non_overlapping(), pairs);

    let mut most: Vec<u64> = expected.into_values().collect();
    most.sort_by(|a, b| b.cmp(a));
    for k in [0, 1, 2, 7, found.len() / 2, found.len(), found.len() + 1] {
        let best = analyzer.k_best(k);
        prop_assert_eq!(&best[..], &found[..k.min(found.len())]);
        prop_assert!(
            best.iter()
                .map(|one| one.bytes)
                .eq(most.iter().copied().take(k))
        );
    }
    Ok(())
}

/// The best partner shares most bytes; where several are large enough, it is as small as any.
fn check_partners(models: &[ModelCase]) -> Result<(), TestCaseError> {
    let all = tensors(models);
    let partners = analyzer(models).best_partners();
    prop_assert_eq!(partners.len(), all.len());
    for (x, (owner, best)) in all.iter().zip(partners) {
        prop_assert_eq!(owner, x.owner);
        let others = all.iter().filter(|y| may_share(x, y));
        let most = others.clone().map(|y| x.size.min(y.size)).max();
        prop_assert_eq!(best.map(|best| best.bytes), most);
        let Some(partner) = best.and_then(|best| best.partner_of(owner)) else {
            continue;
        };
        let chosen = others.clone().find(|y| y.owner == partner);
        prop_assert!(chosen.is_some(), "{owner} and {partner} may not share");
        let enough = others.map(|y| y.size).filter(|&size| size >= x.size);
        if let Some(least) = enough.min() {
            prop_assert_eq!(chosen.map(|y| y.size), Some(least));
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn pairs_of_models_that_run_once_are_those_of_the_definition(
        models in models_in_runs(5, 12, 0),
    ) {
        check_pairs(&models)?;
    }

    #[test]
    fn pairs_of_models_that_run_several_times_are_those_of_the_definition(
        models in models_in_runs(4, 8, 4),
    ) {
        check_pairs(&models)?;
    }

    #[test]
    fn partners_of_models_that_run_once_share_most(models in models_in_runs(5, 12, 0)) {
        check_partners(&models)?;
    }

    #[test]
    fn partners_of_models_that_run_several_times_share_most(models in models_in_runs(4, 8, 4)) {
        check_partners(&models)?;
    }

    #[test]
    fn the_question_about_two_tensors_agrees_with_the_definition(
        models in models_in_runs(3, 4, 3),
    ) {
        let analyzer = analyzer(&models);
        let expected = sharing_pairs(&models);
        let all = tensors(&models);
        for a in &all {
            for b in &all {
                let found = analyzer.opportunity(a.owner, b.owner).unwrap();
                let mut key = [a.owner, b.owner];
                key.sort();
                prop_assert_eq!(found.map(|one| one.bytes), expected.get(&key).copied());
                prop_assert!(found.is_none_or(|one| pair(&one) == key));
            }
        }
    }

    #[test]
    fn lifetimes_on_the_common_clock_are_those_of_every_run(models in models_in_runs(3, 5, 3)) {
        let analyzer = analyzer(&models);
        for (m, model) in models.iter().enumerate() {
            let mut found: Vec<_> = analyzer.lifetimes(ModelId::new(m as u32)).unwrap()
                .map(|alive| (alive.owner, alive.lower, alive.upper, alive.size)).collect();
            found.sort();
            let mut expected: Vec<_> = model.starts.iter().flat_map(|start| {
                let rows = model.rows.iter().enumerate();
                rows.map(move |(t, row)| (at(m, t), start + row.0, start + row.1, row.2))
            }).collect();
            expected.sort();
            prop_assert_eq!(found, expected);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, ..ProptestConfig::default() })]

    /// Enough tensors to split the lists of the index into chunks.
    #[test]
    fn pairs_and_partners_of_many_tensors_are_those_of_the_definition(
        models in models_in_runs(6, 120, 0),
    ) {
        check_pairs(&models)?;
        check_partners(&models)?;
    }

    #[test]
    fn pairs_and_partners_of_many_models_are_those_of_the_definition(
        models in models_in_runs(40, 4, 1),
    ) {
        check_pairs(&models)?;
        check_partners(&models)?;
    }

    #[test]
    fn pairs_and_partners_of_many_tensors_in_several_runs_are_those_of_the_definition(
        models in models_in_runs(4, 60, 3),
    ) {
        check_pairs(&models)?;
        check_partners(&models)?;
    }
}

#[test]
fn a_visit_ends_where_the_callback_breaks() {
    let one = ModelCase {
        rows: vec![(0, 1, 8); 20],
        starts: vec![0],
    };
    let other = ModelCase {
        starts: vec![5],
        ..one.clone()
    };
    let (analyzer, mut seen) = (analyzer(&[one, other]), 0);
    let end = analyzer.visit(|found| {
        seen += 1;
        match seen {
            7 => ControlFlow::Break(found),
            _ => ControlFlow::Continue(()),
        }
    });
    assert_eq!(seen, 7);
    assert_eq!(end, ControlFlow::Break(analyzer.k_best(7)[6]));
}

#[test]
fn pairs_and_partners_are_found_at_the_ends_of_the_clock() {
    let whole = |lower, upper| ModelCase {
        rows: vec![(lower, upper, 8)],
        starts: vec![0],
    };
    let models = [
        whole(i64::MIN, 0),
        whole(0, i64::MAX),
        whole(i64::MIN, i64::MAX),
        ModelCase {
            rows: vec![(i64::MIN, i64::MIN + 1, 8)],
            starts: vec![0, i64::MAX],
        },
    ];
    check_pairs(&models).unwrap();
    check_partners(&models).unwrap();
    assert_eq!(
        analyzer(&models).find_non_overlapping(),
        [[at(1, 0), at(3, 0)], [at(0, 0), at(1, 0)]]
    );
}

#[test]
fn lifetimes_of_a_graph_and_of_a_plan_are_analyzed_together()
-> Result<(), Box<dyn std::error::Error>> {
    let mut g = GraphBuilder::new();
    let x = g.tensor("x", core::alloc::Layout::array::<f32>(16)?);
    let y = g.tensor("y", core::alloc::Layout::array::<f32>(8)?);
    g.op("half").reads([x]).writes([y]);
    let graph = g.output(y).build()?;
    let plan = Planner::new().plan(&graph.lifetimes())?;

    let mut analyzer = LifetimeAnalyzer::new();
    let first = analyzer.add_model("first", &graph.lifetimes())?;
    let second = analyzer.add_model("second", ModelRuns::new(plan.lifetimes(), [1]))?;
    let found = analyzer.find_sharing_opportunities();
    assert!(found.iter().map(|one| one.bytes).eq([64, 32, 32, 32]));
    assert_eq!(analyzer.find("second"), Some(second));
    assert!(analyzer.models().eq([(first, "first"), (second, "second")]));
    let [x, y] = [x, y].map(|tensor| Placement::in_plan(&plan, tensor).unwrap());
    assert!(!x.overlaps(&y) && x.end().max(y.end()) == plan.peak());
    assert_eq!(Placement::in_plan(&plan, TensorId::new(2)), None);
    Ok(())
}

#[test]
fn a_model_that_never_runs_shares_nothing() {
    let row = lifetimes(&[(0, 1, 8)]);
    let mut analyzer = LifetimeAnalyzer::new();
    analyzer.add_model("runs", &row).unwrap();
    let never = analyzer
        .add_model("never", ModelRuns::new(&row, []))
        .unwrap();
    assert_eq!(analyzer.lifetimes(never).unwrap().count(), 0);
    assert!(analyzer.find_non_overlapping().is_empty());
    assert_eq!(
        analyzer.best_partners(),
        [(at(0, 0), None), (at(1, 0), None)]
    );
}

#[test]
fn models_with_a_bad_name_or_bad_runs_are_refused() {
    let mut analyzer = LifetimeAnalyzer::new();
    let rows = lifetimes(&[(0, 3, 8), (5, 9, 8), (0, 100, 0)]);
    let named = |name: &str| name.to_string();
    let first = analyzer.add_model("net", &rows).unwrap();
    let (model, tensor) = (named("late"), named("t2"));
    let start = i64::MAX - 50;
    let refused = [
        (
            analyzer.add_model("net", ModelRuns::new(&rows, [5])),
            SharingError::DuplicateModel {
                name: named("net"),
                first,
            },
        ),
        (
            analyzer.add_model("late", ModelRuns::new(&rows, [start])),
            SharingError::OutOfTime {
                model,
                tensor,
                start,
            },
        ),
        (
            analyzer.add_model("twice", ModelRuns::new(&rows, [10, 3, 0])),
            SharingError::RunsOverlap {
                model: named("twice"),
                tensor: named("t1"),
                starts: [0, 3],
            },
        ),
    ];
    for (result, error) in refused {
        assert_eq!(result.as_ref(), Err(&error));
        assert!(!error.to_string().is_empty());
    }
    assert_eq!(analyzer.models().len(), 1);
    let often = ModelRuns::new(&rows, [8, 4, 0]);
    assert!(analyzer.add_model("often", often).is_ok());
}

#[test]
fn questions_about_unknown_models_and_tensors_are_refused() {
    let mut analyzer = LifetimeAnalyzer::new();
    analyzer.add_model("net", &lifetimes(&[(0, 3, 8)])).unwrap();
    let model = ModelId::new(1);
    let unknown = SharingError::UnknownModel { model };
    assert_eq!(analyzer.lifetimes(model).err(), Some(unknown.clone()));
    assert_eq!(analyzer.opportunity(at(0, 0), at(1, 0)), Err(unknown));
    let tensor = at(0, 1);
    let unknown = SharingError::UnknownTensor { tensor };
    assert_eq!(analyzer.tensor_name(tensor), Err(unknown.clone()));
    assert_eq!(analyzer.opportunity(tensor, at(0, 0)), Err(unknown));
}

#[test]
fn placements_that_are_misaligned_or_too_large_are_refused() {
    let refused = [
        (
            Placement::new(0, 8, 3),
            SharingError::BadAlignment { alignment: 3 },
        ),
        (
            Placement::new(4, 8, 8),
            SharingError::Misaligned {
                offset: 4,
                alignment: 8,
            },
        ),
        (
            Placement::new(8, (1 << 63) - 8, 8),
            SharingError::OutOfRange {
                offset: 8,
                size: (1 << 63) - 8,
            },
        ),
        (
            Placement::new(8, u64::MAX, 8),
            SharingError::OutOfRange {
                offset: 8,
                size: u64::MAX,
            },
        ),
    ];
    for (result, error) in refused {
        assert_eq!(result, Err(error));
    }
    assert!(Placement::new(8, (1 << 63) - 9, 8).is_ok());
}

#[test]
fn a_model_on_several_streams_is_alive_from_its_start_to_its_end() {
    let model = |streams: [u32; 2]| {
        let mut g = orionrt::GraphBuilder::new();
        let bytes = core::alloc::Layout::new::<[u8; 64]>();
        for (name, stream) in ["a", "b"].into_iter().zip(streams) {
            let tensor = g.tensor(name, bytes);
            let _ = g.op(name).writes([tensor]).stream(stream);
        }
        g.build().unwrap().lifetimes()
    };
    let other = Lifetimes::from_rows([("x", 1, 2, 64, 64)]).unwrap();
    let pairs = |streams| {
        let mut analyzer = LifetimeAnalyzer::new();
        analyzer.add_model("streams", &model(streams)).unwrap();
        analyzer.add_model("other", &other).unwrap();
        analyzer.find_sharing_opportunities().len()
    };
    assert_eq!(pairs([0, 0]), 1, "a is over when x begins");
    assert_eq!(pairs([0, 1]), 0, "nobody knows when a runs");
}
