//! Lifetimes and plans in files: whatever is written can be read, and a file that was tampered with
//! is refused with the position and the reason.
#![cfg(feature = "files")]

use std::error::Error as _;

use orionrt::{
    Lifetimes, Plan, Planner, TensorId,
    files::{FileMistake, FilePosition},
    plan::PlanError,
};
use proptest::prelude::*;

const INPUT: &str = "id,lower,upper,size,alignment\na,0,2,1024,64\nb,1,3,2048,64\nc,2,4,1024,64\n";

fn plan() -> Plan {
    let lifetimes = Lifetimes::read_csv(INPUT.as_bytes()).unwrap();
    Planner::new().plan(&lifetimes).unwrap()
}

fn csv(plan: &Plan) -> String {
    let mut bytes = Vec::new();
    plan.write_csv(&mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

fn json(plan: &Plan) -> String {
    let mut bytes = Vec::new();
    plan.write_json(&mut bytes).unwrap();
    String::from_utf8(bytes).unwrap()
}

#[test]
fn a_plan_written_as_csv_or_json_is_read_back() {
    let plan = plan();
    let read = Plan::read_csv(csv(&plan).as_bytes()).unwrap();
    assert_eq!(read.clone().with_strategy("auto"), plan);
    assert_eq!(read.strategy(), "given");
    assert_eq!(Plan::read_json(json(&plan).as_bytes()).unwrap(), plan);
}

/// Four tensors in a chain, of which two are always alive. The bound that follows from the
/// lifetimes is 80, but no plan is below 96.
fn chain() -> Plan {
    let rows = [
        ("a", 0, 2, 32, 64),
        ("b", 1, 3, 16, 64),
        ("c", 2, 4, 16, 64),
        ("d", 3, 5, 32, 64),
    ];
    let plan = Planner::new().plan(&Lifetimes::from_rows(rows).unwrap());
    plan.unwrap()
}

#[test]
fn a_proven_lower_bound_is_written_but_not_taken_on_trust() {
    let plan = chain();
    assert!(plan.is_optimal());
    let text = json(&plan);
    assert!(text.contains("\"lower_bound\": 96"), "{text}");
    let read = Plan::read_json(text.as_bytes()).unwrap();
    assert_eq!((read.peak(), read.lower_bound()), (96, 80));
    assert_eq!(read.offsets(), plan.offsets());
    for (wrong, expected) in [("79", "80"), ("97", "96")] {
        let text = text.replace("\"lower_bound\": 96", &format!("\"lower_bound\": {wrong}"));
        let error = Plan::read_json(text.as_bytes()).unwrap_err().to_string();
        let stated = format!("lower_bound is stated as {wrong}, but the plan has {expected}");
        assert!(error.contains(&stated), "{error}");
    }
}

#[test]
fn a_plan_is_written_with_the_columns_of_its_input() {
    let input = "size, note ,id,upper,lower\n8,\"one, two\",x,2,0\n8,,y,1,-5\n";
    let lifetimes = Lifetimes::read_csv(input.as_bytes()).unwrap();
    let plan = Planner::new().plan(&lifetimes).unwrap();
    let mut output = Vec::new();
    plan.write_csv_like(input.as_bytes(), &mut output).unwrap();
    let expected = "size,note,id,upper,lower,offset\n8,\"one, two\",x,2,0,0\n8,,y,1,-5,8\n";
    let swapped = expected
        .replace("2,0,0\n", "2,0,8\n")
        .replace("-5,8\n", "-5,0\n");
    let output = String::from_utf8(output).unwrap();
    assert!(output == expected || output == swapped, "{output}");
    assert!(plan.write_csv_like(INPUT.as_bytes(), Vec::new()).is_err());
}

/// One tensor with two gaps, one without.
const GAPS: &str = "id,lower,upper,size,alignment,gaps\na,-9,12,64,1,-7--5 3-4\nb,-7,-5,64,1,\n";

fn plan_with_gaps() -> Plan {
    let lifetimes = Lifetimes::read_csv(GAPS.as_bytes()).unwrap();
    assert!(lifetimes.gaps(TensorId::new(0)).eq([-7..-5, 3..4]));
    Plan::new(lifetimes, vec![0, 0]).unwrap()
}

#[test]
fn gaps_written_as_csv_or_json_are_read_back() {
    let plan = plan_with_gaps();
    let text = csv(&plan);
    let expected = GAPS.replace("gaps\n", "gaps,offset\n");
    let expected = expected.replace("4\n", "4,0\n").replace("1,\n", "1,,0\n");
    assert_eq!(text, expected);
    assert_eq!(Plan::read_csv(text.as_bytes()).unwrap(), plan);
    let mut output = Vec::new();
    plan.write_csv_like(GAPS.as_bytes(), &mut output).unwrap();
    assert_eq!(String::from_utf8(output).unwrap(), expected);

    let text = json(&plan);
    assert_eq!(text.matches("\"gaps\"").count(), 1);
    assert_eq!(Plan::read_json(text.as_bytes()).unwrap(), plan);
    let mut output = Vec::new();
    plan.lifetimes().write_csv(&mut output).unwrap();
    assert_eq!(output, GAPS.as_bytes());
}

#[test]
fn bad_gaps_are_refused_at_their_line() {
    let refused = |from: &str, to: &str| {
        let text = GAPS.replace(from, to);
        Lifetimes::read_csv(text.as_bytes())
            .unwrap_err()
            .to_string()
    };
    assert_eq!(
        refused(" 3-4", " 3to4"),
        "line 2: a gap is '3to4', expected ranges of steps lower-upper or \
         lower-upper@window_lower:window_upper, separated by blanks"
    );
    assert_eq!(
        refused("64,1,\n", "64,1,-6--4\n"),
        "line 3: id 'b': its gap -6..-4 does not lie within its lifetime -7..-5"
    );
    let text = json(&plan_with_gaps());
    let swapped = text.replacen("-7,", "-4,", 1);
    let error = Plan::read_json(swapped.as_bytes()).unwrap_err();
    assert_eq!(error.position, FilePosition::Tensor(0), "{error}");
}

#[test]
fn a_plan_whose_gaps_are_left_out_is_refused() {
    let text = csv(&plan_with_gaps()).replace("-7--5 ", "");
    let error = Plan::read_csv(text.as_bytes()).unwrap_err();
    assert_eq!(error.position, FilePosition::Line(3));
    assert!(matches!(
        error.mistake,
        FileMistake::Plan(PlanError::Overlap { .. })
    ));
}

/// One tensor that is fixed, one that is not.
const FIXED: &str = "id,lower,upper,size,fixed_offset\na,0,2,64,128\nb,0,2,64,\n";

fn fixed_plan() -> Plan {
    let lifetimes = Lifetimes::read_csv(FIXED.as_bytes()).unwrap();
    Plan::new(lifetimes, vec![128, 0]).unwrap()
}

#[test]
fn an_offset_is_fixed_where_the_column_has_a_number() {
    let plan = fixed_plan();
    let fixed = plan.lifetimes().rows().iter().map(|row| row.fixed_offset);
    assert_eq!(fixed.collect::<Vec<_>>(), [Some(128), None]);
    let blank = Lifetimes::read_csv(FIXED.replace(",128", ",  ").as_bytes()).unwrap();
    assert!(blank.rows().iter().all(|row| row.fixed_offset.is_none()));
}

#[test]
fn fixed_offsets_written_as_csv_or_json_are_read_back() {
    let plan = fixed_plan();
    let text = csv(&plan);
    assert_eq!(
        text,
        "id,lower,upper,size,alignment,fixed_offset,offset\na,0,2,64,1,128,128\nb,0,2,64,1,,0\n"
    );
    assert_eq!(Plan::read_csv(text.as_bytes()).unwrap(), plan);
    let text = json(&plan);
    assert_eq!(text.matches("\"fixed_offset\": 128,").count(), 1, "{text}");
    assert_eq!(text.matches("fixed_offset").count(), 1, "{text}");
    assert_eq!(Plan::read_json(text.as_bytes()).unwrap(), plan);
    let mut like = Vec::new();
    plan.write_csv_like(FIXED.as_bytes(), &mut like).unwrap();
    let expected = "id,lower,upper,size,fixed_offset,offset\na,0,2,64,128,128\nb,0,2,64,,0\n";
    assert_eq!(String::from_utf8(like).unwrap(), expected);
}

#[test]
fn a_bad_fixed_offset_names_line_value_and_expectation() {
    for (value, parts) in [
        (
            "x",
            &["fixed_offset is 'x'", "from 0 to 2^64 - 1", "or nothing"][..],
        ),
        ("-8", &["fixed_offset is '-8'"]),
        ("1.5", &["fixed_offset is '1.5'"]),
        (
            "9223372036854775800",
            &["id 'b'", "fixed offset 9223372036854775800", "2^63"],
        ),
    ] {
        let text = FIXED.replace("64,\n", &format!("64,{value}\n"));
        let error = Lifetimes::read_csv(text.as_bytes()).unwrap_err();
        assert_eq!(error.position, FilePosition::Line(3), "{error}");
        for part in parts {
            assert!(error.to_string().contains(part), "'{part}' in: {error}");
        }
    }
    let text = "id,lower,upper,size,alignment,fixed_offset\na,0,2,64,64,96\n";
    let error = Lifetimes::read_csv(text.as_bytes()).unwrap_err();
    assert_eq!(
        error.to_string(),
        "line 2: id 'a': fixed offset 96 is not a multiple of the alignment 64"
    );
    let text = json(&fixed_plan()).replace("\"fixed_offset\": 128", "\"fixed_offset\": \"128\"");
    let error = Plan::read_json(text.as_bytes()).unwrap_err();
    assert!(
        matches!(error.position, FilePosition::LineColumn { .. }),
        "{error}"
    );
}

#[test]
fn a_plan_whose_fixed_tensor_is_elsewhere_is_refused_as_csv_and_as_json() {
    let plan = fixed_plan();
    let moved = PlanError::NotAtFixedOffset {
        id: TensorId::new(0),
        name: "a".into(),
        offset: 256,
        fixed: 128,
    };
    let text = csv(&plan).replace("128,128", "128,256");
    let error = Plan::read_csv(text.as_bytes()).unwrap_err();
    assert_eq!(error.position, FilePosition::Line(2));
    assert_eq!(error.mistake, FileMistake::Plan(moved.clone()));
    let text = json(&plan).replace("\"offset\": 128", "\"offset\": 256");
    let error = Plan::read_json(text.as_bytes()).unwrap_err();
    assert_eq!(error.position, FilePosition::Tensor(0));
    assert_eq!(error.mistake, FileMistake::Plan(moved));
}

#[test]
fn mistakes_found_after_all_rows_are_read_name_the_line_of_their_row() {
    // Both mistakes show only when the last row has been taken: an id that is used twice, and two
    // tensors in one place.
    let row = |i: u64| format!("\"t\n{i}\",{i},{},8,8\n\n", i + 1);
    let rows: String = (0..50).map(row).collect();
    let text = format!("id,lower,upper,size,offset\n{rows}");
    let line_of = |i: u64| FilePosition::Line(2 + 3 * i);
    let twice = text.replace("\"t\n30\"", "\"t\n20\"");
    let error = Plan::read_csv(twice.as_bytes()).unwrap_err();
    assert_eq!(error.position, line_of(30), "{error}");
    assert!(matches!(error.mistake, FileMistake::Lifetime(_)));
    let meets = text.replace(",40,41,8,8", ",40,42,8,8");
    let error = Plan::read_csv(meets.as_bytes()).unwrap_err();
    assert_eq!(error.position, line_of(41), "{error}");
    let windows = meets.replace('\n', "\r\n");
    let error = Plan::read_csv(windows.as_bytes()).unwrap_err();
    assert_eq!(error.position, line_of(41), "{error}");
}

#[test]
fn bad_lifetimes_name_line_value_and_expectation() {
    let cases: &[(&str, u64, &[&str])] = &[
        ("", 1, &["no column 'id'", "expected id,lower,upper,size"]),
        ("a,b,c\n1,2,3\n", 1, &["no column 'id'", "'a,b,c'"]),
        ("id,lower,upper\nx,0,1\n", 1, &["no column 'size'"]),
        ("id,lower,upper,size\nx,0,1\n", 2, &["3 fields, expected 4"]),
        (
            "id,lower,upper,size\nx,0,1,8\ny,zero,1,8\n",
            3,
            &["lower is 'zero'", "whole number"],
        ),
        ("id,lower,upper,size\nx,0,1.5,8\n", 2, &["upper is '1.5'"]),
        (
            "id,lower,upper,size\nx,0,1,-8\n",
            2,
            &["size is '-8'", "from 0"],
        ),
        ("id,lower,upper,size\nx,0,1,\n", 2, &["size is ''"]),
        (
            "id,lower,upper,size\nx,2,1,8\n",
            2,
            &["'x'", "lower 2 is above upper 1"],
        ),
        (
            "id,lower,upper,size,alignment\nx,0,1,8,12\n",
            2,
            &["alignment 12", "power of two"],
        ),
        (
            "id,lower,upper,size\nx,0,1,8\nx,0,1,8\n",
            3,
            &["buffer 0 (counted from 0) has the same id"],
        ),
        (
            "id,lower,upper,size\nx,0,1,9223372036854775807\ny,0,1,1\n",
            3,
            &["2^63"],
        ),
        (
            "id,lower,upper,size\nx,0,1,99999999999999999999\n",
            2,
            &["size is '99999999999999999999'"],
        ),
    ];
    for (text, line, parts) in cases {
        let error = Lifetimes::read_csv(text.as_bytes()).unwrap_err();
        assert_eq!(
            error.position,
            FilePosition::Line(*line),
            "{text:?}: {error}"
        );
        for part in *parts {
            assert!(error.to_string().contains(part), "{text:?}: {error}");
        }
    }
    let not_text = Lifetimes::read_csv(&b"id,lower,upper,size\n\xff\xfe,0,1,8\n"[..]).unwrap_err();
    assert_eq!(not_text.to_string(), "line 2: the text is not UTF-8");
}

#[test]
fn tampered_plans_are_refused_with_the_reason() {
    let text = "id,lower,upper,size,alignment,offset\n\
                a,0,2,1024,64,0\nb,1,3,2048,64,1024\nc,2,4,1024,64,0\n";
    assert_eq!(Plan::read_csv(text.as_bytes()).unwrap().peak(), 3072);
    let tampered =
        |from: &str, to: &str| Plan::read_csv(text.replace(from, to).as_bytes()).unwrap_err();
    let overlap = tampered("64,1024", "64,960");
    assert_eq!(overlap.position, FilePosition::Line(3));
    let source = overlap.source().and_then(|source| source.downcast_ref());
    assert!(matches!(source, Some(PlanError::Overlap { .. })));
    assert!(
        overlap
            .to_string()
            .contains("'a' and 'b' share bytes 960..1024"),
        "{overlap}"
    );
    assert!(
        tampered("64,1024", "64,1000")
            .to_string()
            .contains("not a multiple of its alignment 64")
    );
    let past_end = tampered("64,1024", "64,18446744073709551552");
    assert!(past_end.to_string().contains("2^63"), "{past_end}");
    assert!(matches!(
        tampered(",offset", ",place").mistake,
        FileMistake::MissingColumn {
            column: "offset",
            ..
        }
    ));

    let text = json(&plan());
    let tampered = |from: &str, to: &str| {
        assert!(text.contains(from), "{text}");
        Plan::read_json(text.replacen(from, to, 1).as_bytes()).unwrap_err()
    };
    let lower_peak = tampered("\"peak\": 3072", "\"peak\": 2048");
    assert_eq!(
        lower_peak.to_string(),
        "whole file: peak is stated as 2048, but the plan has 3072"
    );
    assert!(
        tampered("\"size\": 2048", "\"size\": 2049")
            .to_string()
            .contains("share bytes")
    );
    assert!(
        tampered("orionrt-plan", "other")
            .to_string()
            .contains("expected 'orionrt-plan'")
    );
    assert!(
        tampered("\"version\": 1", "\"version\": 2")
            .to_string()
            .contains("version 2")
    );
    assert!(tampered("\"id\"", "\"name\"").to_string().contains("line"));
    assert!(matches!(
        tampered("{", "[").position,
        FilePosition::LineColumn { .. }
    ));
    assert!(Plan::read_json(&b""[..]).is_err());
}

proptest! {
    /// Whatever is read as a plan is written and read back as the same plan.
    #[test]
    fn any_text_is_read_or_refused_without_a_panic(
        mut text in any::<Vec<u8>>(),
        cut in any::<prop::sample::Index>(),
        flip in any::<prop::sample::Index>(),
    ) {
        let plan = if text.len() % 2 == 0 { plan() } else { fixed_plan() };
        let mut plan_text = csv(&plan).into_bytes();
        let at = flip.index(plan_text.len());
        plan_text[at] ^= text.first().copied().unwrap_or(1);
        plan_text.truncate(cut.index(plan_text.len()) + 1);
        text.extend_from_slice(b"\n");
        for bytes in [text, plan_text] {
            let _ = Lifetimes::read_csv(&bytes[..]);
            let _ = Plan::read_json(&bytes[..]);
            if let Ok(plan) = Plan::read_csv(&bytes[..]) {
                let back = Plan::read_csv(csv(&plan).as_bytes()).unwrap();
                prop_assert_eq!(back, plan);
            }
        }
    }
}
