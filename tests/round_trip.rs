//! Lifetimes and plans are read back as they were written, whatever the tensors are called.
//!
//! Forms that are written and read: CSV, CSV with the columns of an input, and JSON. idealloc's
//! `.plc` is only read, and has numbers for names.

#![cfg(feature = "files")]

use std::{collections::BTreeSet, ops::Range};

use orionrt::{
    Lifetimes, Plan, TensorId,
    lifetimes::{Lifetime, Within},
};
use proptest::prelude::*;

/// Names that a careless writer or reader changes.
const NAMES: &[&str] = &[
    "",
    " ",
    " \t ",
    " a",
    "a ",
    "\u{a0}a",
    "a\u{3000}",
    "a,b",
    "\"",
    "\"a\"",
    "a\"\"b",
    "\"a",
    "a\n",
    "\na",
    "\n",
    "\r",
    "a\rb",
    "\r\n",
    "a\r\nb",
    "\u{feff}",
    "\u{feff}a",
    "#",
    "#a",
    "1",
    "-1",
    "1e9",
    "null",
    "true",
    "\0",
    "\u{1b}[1m",
    "\u{7f}",
    "\u{85}",
    "\u{9b}1m",
    "\u{202e}a",
    "\u{2028}",
    "\u{fffe}",
    "\u{ffff}",
    "\u{10ffff}",
    "'",
    "$(a)",
    "-a",
    "--",
    "\\",
    "\\n",
    "id",
    "a;b",
    "a|b",
    " \"a\" ",
    " , ",
];

fn name() -> impl Strategy<Value = String> {
    let any = prop::collection::vec(any::<char>(), 0..6);
    let nasty = prop::sample::select(NAMES).prop_map(String::from);
    let joined = prop::collection::vec(prop::sample::select(NAMES), 0..4);
    prop_oneof![
        any.prop_map(String::from_iter),
        nasty,
        joined.prop_map(|parts| parts.concat()),
    ]
}

/// What a tensor is made of.
#[derive(Clone, Debug)]
struct Row {
    lower: i64,
    length: i64,
    size: u64,
    alignment: u64,
    is_fixed: bool,
    gap: Option<Range<i64>>,
}

fn row() -> impl Strategy<Value = Row> {
    let steps = (any::<i32>().prop_map(i64::from), 0i64..40);
    let gap = prop::option::of((1i64..20, 1i64..20));
    (steps, 0u64..5000, 0u32..8, any::<bool>(), gap).prop_map(
        |((lower, length), size, shift, is_fixed, gap)| Row {
            lower,
            length,
            size,
            alignment: 1 << shift,
            is_fixed,
            gap: gap
                .map(|(after, steps)| lower + after..lower + after + steps)
                .filter(|gap| gap.end < lower + length),
        },
    )
}

/// A plan that stacks its tensors. If there are views, each tensor after the first third is one of
/// the first tensor.
fn plan(rows: Vec<(String, Row)>, has_gaps: bool, has_views: bool) -> Plan {
    let mut seen = BTreeSet::new();
    let rows: Vec<_> = rows
        .into_iter()
        .filter(|(name, _)| seen.insert(name.clone()))
        .collect();
    let (mut named, mut gaps, mut offsets) = (Vec::new(), Vec::new(), Vec::new());
    let mut end = 0u64;
    for (i, (name, row)) in rows.iter().enumerate() {
        let first = &rows[0].1;
        if has_views && i > rows.len() / 3 && first.size > 0 {
            let (lower, upper) = (first.lower, first.lower + first.length);
            let view = Lifetime::new(lower, upper, first.size / 2);
            named.push((name, view.with_root(TensorId::new(0), first.size / 4)));
            offsets.push(offsets[0] + first.size / 4);
            continue;
        }
        let offset = end.next_multiple_of(row.alignment);
        let lifetime = Lifetime::new(row.lower, row.lower + row.length, row.size);
        let lifetime = lifetime.with_alignment(row.alignment);
        named.push((
            name,
            if row.is_fixed {
                lifetime.with_fixed_offset(offset)
            } else {
                lifetime
            },
        ));
        if let Some(gap) = row
            .gap
            .clone()
            .filter(|_| has_gaps && !(has_views && i == 0))
        {
            gaps.push((TensorId::new(i as u32), vec![gap]));
        }
        offsets.push(offset);
        end = offset + row.size;
    }
    let lifetimes = Lifetimes::from_named(named).unwrap();
    Plan::new(lifetimes.with_all_gaps(gaps).unwrap(), offsets).unwrap()
}

fn written(write: impl FnOnce(&mut Vec<u8>) -> Result<(), orionrt::files::FileError>) -> Vec<u8> {
    let mut text = Vec::new();
    write(&mut text).unwrap();
    text
}

fn check_csv(plan: &Plan) {
    let rows = written(|text| plan.lifetimes().write_csv(text));
    assert_eq!(&Lifetimes::read_csv(&rows[..]).unwrap(), plan.lifetimes());
    let text = written(|text| plan.write_csv(text));
    assert_eq!(&Plan::read_csv(&text[..]).unwrap(), plan);
    // Once with the columns of the lifetimes, and once with those of the plan itself.
    for input in [&rows, &text] {
        let like = written(|text| plan.write_csv_like(&input[..], text));
        assert_eq!(like, text);
    }
    // A byte order mark and the line breaks of Windows change nothing outside of quotes.
    let marked = [b"\xef\xbb\xbf", &text[..]].concat();
    assert_eq!(&Plan::read_csv(&marked[..]).unwrap(), plan);
}

fn check_json(plan: &Plan) {
    let text = written(|text| plan.write_json(text));
    assert_eq!(&Plan::read_json(&text[..]).unwrap(), plan);
}

#[test]
fn every_name_that_is_known_to_be_difficult_is_read_back() {
    let row = Row {
        lower: 0,
        length: 4,
        size: 8,
        alignment: 1,
        is_fixed: false,
        gap: Some(1..3),
    };
    for has_gaps in [false, true] {
        let rows = NAMES.iter().map(|name| (name.to_string(), row.clone()));
        let plan = plan(rows.collect(), has_gaps, false);
        assert_eq!(plan.len(), NAMES.len());
        check_csv(&plan);
        check_json(&plan);
    }
}

#[test]
fn blanks_belong_to_a_name_only_in_quotes() {
    let text =
        "lower, id ,upper,size,note\n0, a ,1,8, x \n0,\" a \",1,8,\" x \"\n\n0,\"a\" ,1,8,\n";
    let error = Lifetimes::read_csv(text.as_bytes()).unwrap_err();
    assert!(error.to_string().starts_with("line 5: id 'a'"), "{error}");
    let text = text.replace("\n0,\"a\" ,1,8,\n", "");
    let lifetimes = Lifetimes::read_csv(text.as_bytes()).unwrap();
    let names: Vec<&str> = lifetimes.iter().map(|(_, name, _)| name).collect();
    assert_eq!(names, ["a", " a "]);
    let plan = Plan::new(lifetimes, vec![0, 8]).unwrap();
    let like = written(|output| plan.write_csv_like(text.as_bytes(), output));
    let expected = "lower,id,upper,size,note,offset\n0,a,1,8,x,0\n0,\" a \",1,8,\" x \",8\n";
    assert_eq!(String::from_utf8(like).unwrap(), expected);
}

#[test]
fn tensors_within_others_keep_their_names_and_roots_in_json() {
    let row = |size| Row {
        lower: -3,
        length: 4,
        size,
        alignment: 4,
        is_fixed: true,
        gap: None,
    };
    let names = NAMES.iter().rev().map(|name| name.to_string());
    let plan = plan(names.map(|name| (name, row(64))).collect(), false, true);
    let within = plan
        .lifetimes()
        .get(TensorId::new(NAMES.len() as u32 - 1))
        .unwrap()
        .within;
    assert_eq!(within, Some(Within::new(TensorId::new(0), 16)));
    check_json(&plan);
}

proptest! {
    #[test]
    fn whatever_is_written_is_read_back(
        rows in prop::collection::vec((name(), row()), 0..12),
        has_gaps in any::<bool>(),
    ) {
        let plan = plan(rows, has_gaps, false);
        check_csv(&plan);
        check_json(&plan);
    }

    #[test]
    fn whatever_is_written_as_json_is_read_back_with_its_views(
        rows in prop::collection::vec((name(), row()), 0..12),
        has_gaps in any::<bool>(),
    ) {
        check_json(&plan(rows, has_gaps, true));
    }
}
