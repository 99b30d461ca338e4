//! File forms: what is written can be read, and what was tampered with is refused with the place and the reason.
#![cfg(feature = "files")]

use orionrt::{FileMistake, Lifetimes, Place, Plan, Planner};
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
fn both_forms_bring_everything_back() {
    let plan = plan();
    let read = Plan::read_csv(csv(&plan).as_bytes()).unwrap();
    assert_eq!(read.clone().with_strategy("auto"), plan);
    assert_eq!(read.strategy(), "given");
    assert_eq!(Plan::read_json(json(&plan).as_bytes()).unwrap(), plan);
}

#[test]
fn the_columns_of_the_input_are_kept() {
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
            &["used before, by buffer 0"],
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
        assert_eq!(error.place, Place::Line(*line), "{text:?}: {error}");
        for part in *parts {
            assert!(error.to_string().contains(part), "{text:?}: {error}");
        }
    }
    let not_text = Lifetimes::read_csv(&b"id,lower,upper,size\n\xff\xfe,0,1,8\n"[..]).unwrap_err();
    assert!(not_text.to_string().contains("UTF-8"), "{not_text}");
}

#[test]
fn tampered_plans_are_refused_with_the_reason() {
    let text = "id,lower,upper,size,alignment,offset\na,0,2,1024,64,0\nb,1,3,2048,64,1024\nc,2,4,1024,64,0\n";
    assert_eq!(Plan::read_csv(text.as_bytes()).unwrap().peak(), 3072);
    let tampered =
        |from: &str, to: &str| Plan::read_csv(text.replace(from, to).as_bytes()).unwrap_err();
    let overlap = tampered("64,1024", "64,960");
    assert_eq!(overlap.place, Place::Line(3));
    assert!(
        overlap
            .to_string()
            .contains("'a' and 'b' share bytes 960..1024"),
        "{overlap}"
    );
    assert!(
        tampered("64,1024", "64,1000")
            .to_string()
            .contains("no multiple of its alignment 64")
    );
    let past_end = tampered("64,1024", "64,18446744073709551552");
    assert!(past_end.to_string().contains("2^63"), "{past_end}");
    assert!(matches!(
        tampered(",offset", ",start").mistake,
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
        "whole file: states peak 2048, but it is 3072"
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
    assert!(matches!(tampered("{", "[").place, Place::LineColumn(..)));
    assert!(Plan::read_json(&b""[..]).is_err());
}

proptest! {
    /// Whatever is read was valid, and reads back the same.
    #[test]
    fn text_in_any_state_is_read_or_refused(mut text in any::<Vec<u8>>(), cut in any::<prop::sample::Index>(), flip in any::<prop::sample::Index>()) {
        let mut plan_text = csv(&plan()).into_bytes();
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
