//! Files of plans with tensors within others: JSON keeps them, CSV leaves them out.

use orionrt::{
    Aliasing, Plan, Planner,
    files::{FileError, FileMistake, FilePosition},
    plan::PlanError,
};
use orionrt_testing::alias_graphs::graphs;
use proptest::prelude::*;

fn json(plan: &Plan) -> String {
    let mut text = Vec::new();
    plan.write_json(&mut text).unwrap();
    String::from_utf8(text).unwrap()
}

fn csv(plan: &Plan) -> String {
    let mut text = Vec::new();
    plan.write_csv(&mut text).unwrap();
    String::from_utf8(text).unwrap()
}

/// Reads a plan with these tensors, one a line.
fn read(tensors: &str) -> Result<Plan, FileError> {
    let figures = r#""strategy": "given", "peak": 24, "load": 24, "lower_bound": 24"#;
    let text = format!(
        r#"{{"format": "orionrt-plan", "version": 1, {figures},
        "tensors": [{tensors}]}}"#
    );
    Plan::read_json(text.as_bytes())
}

/// `v` lies within `x`, and is named before it.
fn with_view(id: &str, within: &str, offset: u64, upper: i64) -> Result<Plan, FileError> {
    let place = format!(r#""alignment": 4, "within": {within}, "offset": {offset}"#);
    read(&format!(
        r#"{{"id": "a", "lower": 0, "upper": 2, "size": 8, "alignment": 1, "offset": 0}},
        {{"id": "{id}", "lower": 1, "upper": {upper}, "size": 4, {place}}},
        {{"id": "x", "lower": 1, "upper": 3, "size": 16, "alignment": 4, "offset": 8}}"#
    ))
}

#[test]
fn a_view_may_be_named_before_its_root() {
    let plan = with_view("v", r#"{"id": "x", "offset": 8}"#, 16, 3).unwrap();
    assert_eq!((plan.peak(), plan.offsets()), (24, &[0, 16, 8][..]));
    assert_eq!(
        csv(&plan),
        "id,lower,upper,size,alignment,offset\na,0,2,8,1,0\nx,1,3,16,4,8\n"
    );
}

#[test]
fn an_impossible_view_is_refused_with_its_position() {
    let refusal = |within, offset, upper| with_view("v", within, offset, upper).unwrap_err();
    let cases = [
        (
            refusal(r#"{"id": "y", "offset": 8}"#, 16, 3),
            "within 'y', expected the id of a tensor of this plan",
        ),
        (
            refusal(r#"{"id": "v", "offset": 0}"#, 16, 3),
            "id 'v': it lies within buffer T1, which lies within another buffer; \
             name the one that has bytes of its own",
        ),
        (
            refusal(r#"{"id": "x", "offset": 13}"#, 16, 3),
            "id 'v': its 4 bytes from byte 13 on do not lie within the 16 bytes of its root",
        ),
        (
            refusal(r#"{"id": "x", "offset": 6}"#, 16, 3),
            "id 'v': byte 6 of a root that is aligned to 4 bytes is not always aligned to 4 bytes",
        ),
        (
            refusal(r#"{"id": "x", "offset": 8}"#, 16, 4),
            "id 'v': it is alive in steps 1..4, but its root only in steps 1..3",
        ),
        (
            refusal(r#"{"id": "x", "offset": 8}"#, 20, 3),
            "not a valid plan: tensor 'v' is at offset 20, \
             but its place within another tensor is at 16",
        ),
    ];
    for (error, reason) in cases {
        assert_eq!(error.position, FilePosition::Tensor(1));
        assert_eq!(error.to_string(), format!("tensors[1]: {reason}"));
    }
    let apart = refusal(r#"{"id": "x", "offset": 8}"#, 0, 3);
    assert!(matches!(
        apart.mistake,
        FileMistake::Plan(PlanError::NotWithinRoot {
            offset: 0,
            expected: 16,
            ..
        })
    ));
    let fixed = read(
        r#"{"id": "v", "lower": 0, "upper": 1, "size": 1, "alignment": 1,
        "fixed_offset": 3, "within": {"id": "v", "offset": 0}, "offset": 3}"#,
    );
    assert_eq!(
        fixed.unwrap_err().to_string(),
        "tensors[0]: id 'v': it has the fixed offset 3 but lies within another buffer; \
         fix the offset of that one"
    );
    let twice = with_view("x", r#"{"id": "x", "offset": 8}"#, 16, 3).unwrap_err();
    assert_eq!(
        twice.to_string(),
        "tensors[2]: id 'x': buffer 1 (counted from 0) has the same id; ids must be unique"
    );
    for within in [
        r#""x""#,
        r#"{"id": "x"}"#,
        r#"{"id": "x", "offset": -1}"#,
        r#"{"id": "x", "offset": 8, "size": 4}"#,
    ] {
        let error = refusal(within, 16, 3);
        assert!(matches!(
            (error.position, error.mistake),
            (
                FilePosition::LineColumn { line: 3, .. },
                FileMistake::Malformed { .. }
            )
        ));
    }
}

proptest! {
    #[test]
    fn json_keeps_all_tensors_and_csv_keeps_the_roots(graph in graphs(1)) {
        for aliasing in [Aliasing::Off, Aliasing::Views, Aliasing::InPlace] {
            let plan = Planner::new().nodes(500).plan(&graph.lifetimes_with(aliasing)).unwrap();
            // A reader takes no proof on trust: its bound is the one that follows from lifetimes.
            let checked = Plan::new(plan.lifetimes().clone(), plan.offsets().to_vec()).unwrap();
            let checked = checked.with_strategy(plan.strategy());
            prop_assert_eq!(&Plan::read_json(json(&plan).as_bytes()), &Ok(checked.clone()));
            let roots = Plan::read_csv(csv(&plan).as_bytes()).unwrap();
            let rows = plan.lifetimes().iter().zip(plan.offsets());
            let rows = rows.filter(|((.., row), _)| row.within.is_none());
            let rows: Vec<_> = rows.map(|((_, name, row), offset)| (name, *row, *offset)).collect();
            let read = roots.lifetimes().iter().zip(roots.offsets());
            let read: Vec<_> = read.map(|((_, name, row), offset)| (name, *row, *offset)).collect();
            prop_assert_eq!(read, rows);
            let figures = |plan: &Plan| [plan.peak(), plan.load(), plan.lower_bound()];
            prop_assert_eq!(figures(&roots), figures(&checked));
            // The same tensors, planned again around what was there.
            let kept = Planner::new().nodes(500).keep(&plan).plan(plan.lifetimes()).unwrap();
            prop_assert_eq!(kept.offsets(), plan.offsets());
            let begun = Planner::new().nodes(0).start_from(&roots).plan(plan.lifetimes()).unwrap();
            prop_assert!(begun.peak() <= plan.peak());
            let usage = plan.usage();
            let is_root = |&id| plan.lifetimes().get(id).unwrap().within.is_none();
            prop_assert!(usage.at_peak.iter().all(is_root));
            prop_assert_eq!(usage.fullest().map_or(0, |section| section.live_bytes), plan.load());
        }
    }
}
