//! What shares bytes, and files made to do harm.

use orionrt::Lifetimes;
use proptest::prelude::*;

use super::{
    load::{looks_like_xla, parse},
    shared::{Buffer, Placed, buffers},
};

const TEXT: &str = "\
BufferAssignment:
allocation 0: size 64, parameter 0, shape |f32[4]| at ShapeIndex {}, maybe-live-out:
 value: <1 x @0> (size=64,offset=0): f32[4]{0}
allocation 1: size 256, preallocated-temp:
 value: <2 a @0> (size=100,offset=0): f32[25]{0}
 value: <3 b @0> (size=40,offset=0): f32[10]{0}
 value: <4 c{1} (phi) @0> (size=8,offset=128): s32[2]
 value: <5 d @0> (size=8,offset=128): s32[2]
 value: <6 e{} @0> (size=8,offset=128): s32[2]
 value: <7 lost @0> (size=4,offset=192): s32[]
allocation 2: size 8, color 5, preallocated-temp:
 value: <8 other @5> (size=8,offset=0): s32[2]

HloLiveRange (max 9):
  InstructionSequence:
    0:x
  BufferLiveRange:
    x{}:0-9
    a{}:1-3
    b{}:3-4
    c{1}:2-3
    d{}:6-7
    e{}:7-7
  Live ranges at 3 (peak):
    a{}: 100 bytes (cumulative: 100 bytes)
";

fn rows(lifetimes: &Lifetimes) -> Vec<(&str, i64, i64, u64, Option<usize>)> {
    let rows = lifetimes.iter();
    rows.map(|(_, name, row)| {
        let root = row.within.map(|within| within.root.index());
        (name, row.lower, row.upper, row.size, root)
    })
    .collect()
}

#[test]
fn values_in_place_lie_within_others_and_those_that_are_lost_live_all_the_time() {
    let (lifetimes, facts) = parse(TEXT).expect("an assignment");
    let expected = [
        ("a", 1, 5, 100, None),
        ("b", 3, 5, 40, Some(0)),
        ("c{1}", 2, 4, 8, None),
        ("d", 6, 8, 8, None),
        ("e", 7, 8, 8, Some(3)),
        ("lost", 0, 10, 4, None),
    ];
    assert_eq!(rows(&lifetimes), expected);
    assert_eq!((facts.values, facts.within, facts.without_range), (6, 2, 1));
    assert_eq!(
        (facts.color, facts.allocations, facts.temporary_bytes),
        (0, 1, 256)
    );
    assert_eq!((facts.parameter_bytes, facts.other_bytes), (64, 8));
    assert!(facts.is_valid);
    assert!(looks_like_xla(TEXT.as_bytes()));
    let ranges = TEXT.split_once("\n\n").expect("two parts").1;
    assert!(looks_like_xla(ranges.as_bytes()) && !looks_like_xla(b"id,lower"));
}

#[test]
fn loop_states_of_a_size_at_a_place_are_one_buffer_with_a_gap() {
    let text = TEXT.replace("<5 d @0>", "<5 d (phi) @0>");
    let (lifetimes, _) = parse(&text).expect("an assignment");
    let root = lifetimes.find("c{1}").expect("a row");
    assert_eq!(
        lifetimes.live_ranges(root).collect::<Vec<_>>(),
        [2..4, 6..8]
    );
    assert_eq!(rows(&lifetimes)[3], ("d", 6, 8, 8, Some(2)));
    // Of another size it is another buffer.
    let text = text.replace(
        "(phi) @0> (size=8,offset=128): s32[2]\n value: <6",
        "(phi) @0> (size=4,offset=128): s32\n value: <6",
    );
    let (lifetimes, _) = parse(&text).expect("an assignment");
    let root = lifetimes.find("c{1}").expect("a row");
    assert!(lifetimes.live_ranges(root).eq(std::iter::once(2..4)));
}

#[test]
fn offsets_that_overlap_are_said_to_be_no_plan() {
    let text = TEXT.replace("size=4,offset=192", "size=4,offset=96");
    let (_, facts) = parse(&text).expect("an assignment");
    assert!(!facts.is_valid);
}

/// The line of the first allocation.
const FIRST: &str =
    "allocation 0: size 64, parameter 0, shape |f32[4]| at ShapeIndex {}, maybe-live-out:\n";

#[test]
fn each_mistake_is_named_with_its_line_and_its_field() {
    for (old, new, message) in [
        (
            "size 256",
            "size 2x6",
            "line 4 of the buffer assignment: the size of the allocation is '2x6', expected",
        ),
        (
            "size 256",
            "size",
            "line 4 of the buffer assignment: the allocation is",
        ),
        (
            "color 5",
            "color +5",
            "line 11 of the buffer assignment: the colour is '+5'",
        ),
        (
            "size=100",
            "size=-1",
            "line 5 of the buffer assignment: the size of the value is '-1'",
        ),
        (
            "offset=192",
            "offset=9223372036854775808",
            "line 10 of the buffer assignment: the offset of the value is",
        ),
        (
            " @0> (size=40",
            "> (size=40",
            "line 6 of the buffer assignment: the value is",
        ),
        (
            "a{}:1-3",
            "a{}:1",
            "line 19 of the buffer assignment: the live range is 'a{}:1', expected",
        ),
        (
            "a{}:1-3",
            "a{}:3-1",
            "line 19 of the buffer assignment: the live range is",
        ),
        (
            "a{}:1-3",
            "a{}:1-9223372036854775807",
            "line 19 of the buffer assignment: the last step",
        ),
        (
            "max 9",
            "max ",
            "line 14 of the buffer assignment: the last step is",
        ),
        (FIRST, "", "line 2 of the buffer assignment: the value is"),
        (
            "preallocated-temp",
            "constant",
            "no value in an allocation 'preallocated-temp'",
        ),
    ] {
        let text = TEXT.replace(old, new);
        assert_ne!(text, TEXT);
        let found = parse(&text).map(|_| ()).expect_err(new).to_string();
        assert!(found.contains(message), "{new}: {found}");
    }
}

#[test]
fn a_second_module_is_refused_at_its_first_line() {
    let (values, ranges) = TEXT.split_once("\n\n").expect("two parts");
    let swapped = format!("{ranges}{values}\n");
    assert!(parse(&swapped).is_ok(), "either part may come first");
    for second in [format!("{values}\n"), ranges.into(), TEXT.into()] {
        let text = format!("{TEXT}{second}");
        let message = parse(&text).map(|_| ()).expect_err("two").to_string();
        let line = TEXT.lines().count() + 1;
        let expected = format!("line {line} of the buffer assignment: the second heading is '");
        assert!(message.starts_with(&expected), "{message}");
        assert!(message.contains("files of one module"), "{message}");
    }
}

#[test]
fn a_file_that_is_cut_off_or_changed_anywhere_never_panics() {
    for at in 0..TEXT.len() {
        let _ = parse(&TEXT[..at]);
        for byte in [b' ', b'\n', b'-', b'9', b'{', b':', b'>', b'(', 0xff] {
            let mut changed = TEXT.as_bytes().to_vec();
            changed[at] = byte;
            let _ = parse(&String::from_utf8_lossy(&changed));
        }
    }
}

#[test]
fn huge_numbers_are_no_overflow() {
    let most = (i64::MAX).to_string();
    for old in ["256", "100", "192", "offset=128", "size=8", "max 9"] {
        let new = match old.split_once(['=', ' ']) {
            Some((name, _)) => format!("{name}{}{most}", &old[name.len()..=name.len()]),
            None => most.clone(),
        };
        let _ = parse(&TEXT.replace(old, &new));
    }
    let last = TEXT.replace("x{}:0-9", "x{}:0-4611686018427387904");
    assert!(parse(&last).is_ok());
}

/// Whether two values have a step in common.
fn meet(a: &Placed, b: &Placed) -> bool {
    a.range.0 <= b.range.1 && b.range.0 <= a.range.1
}

fn buffer_of(all: &[Buffer], value: usize) -> usize {
    let mut found = (0..all.len()).filter(|&at| all[at].values.contains(&value));
    let buffer = found.next().expect("a buffer");
    assert_eq!(found.next(), None, "value {value} is in two buffers");
    buffer
}

proptest! {
    #[test]
    fn values_share_a_buffer_exactly_if_something_at_their_place_connects_them(
        values in proptest::collection::vec(
            (0i64..20, 0i64..5, 1u64..3, 0u64..3, any::<bool>()), 1..14,
        ),
    ) {
        let values: Vec<Placed> = (values.into_iter())
            .map(|(first, length, size, offset, is_phi)| Placed {
                range: (first, first + length),
                size,
                place: (0, offset),
                is_phi: is_phi && length > 2,
            })
            .collect();
        let found = buffers(&values);
        // The oracle: connect until nothing changes. First values that meet, then loop states,
        // which go by the first phi of a group in the order of its steps.
        let mut label: Vec<usize> = (0..values.len()).collect();
        let connect = |label: &mut Vec<usize>, a: usize, b: usize| {
            let (old, new) = (label[a].max(label[b]), label[a].min(label[b]));
            label.iter_mut().filter(|label| **label == old).for_each(|label| *label = new);
        };
        for a in 0..values.len() {
            for b in 0..values.len() {
                if values[a].place == values[b].place && meet(&values[a], &values[b]) {
                    connect(&mut label, a, b);
                }
            }
        }
        let groups = label.clone();
        let state = |group: usize| {
            let members = (0..values.len()).filter(|&i| groups[i] == group && values[i].is_phi);
            let first = members.min_by_key(|&i| (values[i].range.0, i))?;
            Some((values[first].place, values[first].size))
        };
        for a in 0..values.len() {
            for b in 0..values.len() {
                if state(groups[a]).is_some() && state(groups[a]) == state(groups[b]) {
                    connect(&mut label, a, b);
                }
            }
        }
        for a in 0..values.len() {
            for b in 0..values.len() {
                let are_one = buffer_of(&found, a) == buffer_of(&found, b);
                prop_assert_eq!(are_one, label[a] == label[b], "{} and {}", a, b);
            }
        }
        for buffer in &found {
            let sizes = buffer.values.iter().map(|&value| values[value].size);
            prop_assert_eq!(buffer.size, sizes.max().unwrap());
            prop_assert_eq!(values[buffer.values[0]].size, buffer.size);
            for step in -1..30 {
                let is_alive = buffer.alive.iter().any(|range| range.contains(&step));
                let alive = |&value: &usize| {
                    let (first, last) = values[value].range;
                    (first..=last).contains(&step)
                };
                prop_assert_eq!(is_alive, buffer.values.iter().any(alive), "step {}", step);
            }
            prop_assert!(buffer.alive.windows(2).all(|pair| pair[0].end < pair[1].start));
        }
    }
}
