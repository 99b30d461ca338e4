//! Memory space assignments, and files made to do harm.

use orionrt::Lifetimes;
use proptest::prelude::*;

use super::{
    load::{looks_like_assignment, parse},
    tables::{ALLOCATIONS, BUFFERS},
};
use crate::input::xla::facts::AlternateFacts;

const TABLE: &str = "\
buffer_id,size,offset,start_time,end_time
12,4096,0,7,9
-30,512,4096,8,8
12,4096,8192,-1,3
14,2048,0,9,12
15,1024,12288,0,20
";

const NAMES: &str = "\
buffer_id,buffer_name,alt_mem_benefit,size,definition_time,use_times,use_names,is_scoped
12,\"fusion.1{}\",0.5,4096,3,\"7;9\",\"add.2, operand 0;add.3, operand 1\",0
14,\"add.2{1}\",0,2048,9,\"\",\"\",0
-30,\"scoped allocation for sort.4\",0,512,8,\"\",\"\",1
";

fn rows(lifetimes: &Lifetimes) -> Vec<(&str, i64, i64, u64, Option<usize>)> {
    let rows = lifetimes.iter();
    rows.map(|(_, name, row)| {
        let root = row.within.map(|within| within.root.index());
        (name, row.lower, row.upper, row.size, root)
    })
    .collect()
}

fn facts(allocations: usize, within: usize, bytes: u64, alignment: u64) -> AlternateFacts {
    AlternateFacts {
        allocations,
        within,
        bytes,
        alignment,
        ..AlternateFacts::default()
    }
}

#[test]
fn allocations_have_the_names_of_their_buffers_and_include_their_last_step() {
    for text in [format!("{NAMES}{TABLE}"), format!("{TABLE}{NAMES}")] {
        assert!(looks_like_assignment(text.as_bytes()));
        let (lifetimes, found) = parse(&text).expect("an assignment");
        let expected = [
            // The fourth one begins at the last step of the first one, in its bytes.
            ("fusion.1{}", 7, 13, 4096, None),
            ("scoped allocation for sort.4", 8, 9, 512, None),
            ("fusion.1{} #2", -1, 4, 4096, None),
            ("add.2{1}", 9, 13, 2048, Some(0)),
            ("buffer 15", 0, 21, 1024, None),
        ];
        assert_eq!(rows(&lifetimes), expected);
        assert!(found.is_valid);
        assert_eq!(found.offsets, [0, 4096, 8192, 0, 12288]);
        let stated = AlternateFacts {
            is_valid: false,
            offsets: Vec::new(),
            ..found
        };
        assert_eq!(stated, facts(5, 1, 13312, 4096));
    }
}

#[test]
fn without_names_the_numbers_of_buffers_stand_for_them() {
    let (lifetimes, _) = parse(TABLE).expect("an assignment");
    let names: Vec<&str> = lifetimes.iter().map(|(_, name, _)| name).collect();
    let expected = [
        "buffer 12",
        "scoped allocation 30",
        "buffer 12 #2",
        "buffer 14",
        "buffer 15",
    ];
    assert_eq!(names, expected);
}

#[test]
fn offsets_that_overlap_are_no_plan() {
    let text = format!("{ALLOCATIONS}\n1,100,0,0,5\n2,100,64,5,9\n");
    let (_, found) = parse(&text).expect("an assignment");
    assert_eq!(found, facts(2, 0, 164, 64));
    let apart = format!("{ALLOCATIONS}\n1,100,0,0,5\n2,100,64,6,9\n");
    let (_, found) = parse(&apart).expect("an assignment");
    assert!(found.is_valid, "the last step is the first one's");
}

#[test]
fn the_alignment_is_what_all_offsets_have_in_common_up_to_a_page() {
    for (offsets, alignment) in [
        (&[0][..], 4096),
        (&[0, 1 << 20], 4096),
        (&[0, 1024, 3072], 1024),
        (&[96, 32], 32),
        (&[7], 1),
    ] {
        let rows = offsets.iter().enumerate();
        let rows: String = rows
            .map(|(i, at)| format!("{i},1,{at},{i},{i}\n"))
            .collect();
        let (_, found) = parse(&format!("{ALLOCATIONS}\n{rows}")).expect("an assignment");
        assert_eq!(found.alignment, alignment, "{offsets:?}");
    }
}

#[test]
fn a_mistake_is_named_with_its_line() {
    let cases = [
        (NAMES.to_string(), "cat bufferinfo allocinfo"),
        (format!("{ALLOCATIONS}\n"), "has no allocation, expected"),
        (
            format!("{TABLE}{TABLE}"),
            "line 7 of the memory space assignment: the second header is",
        ),
        (
            format!("{ALLOCATIONS}\n1,2,3,4\n"),
            "line 2 of the memory space assignment: the alloc",
        ),
        (
            format!("{ALLOCATIONS}\n1,2,3,4,5,6\n"),
            "five numbers, as in the header",
        ),
        (
            format!("{ALLOCATIONS}\n1,-2,3,4,5\n"),
            "size is '-2', expected a whole number from 0",
        ),
        (
            format!("{ALLOCATIONS}\n1,2,3,5,4\n"),
            "expected one that ends at its beginning or later",
        ),
        (
            format!("{ALLOCATIONS}\n1,2,3,4,{}\n", i64::MAX),
            "end_time is '9223372036854775807'",
        ),
        (
            format!("{TABLE}{BUFFERS}\n12,fusion\n"),
            "line 8 of the memory space assignment: the bu",
        ),
    ];
    for (text, message) in cases {
        let error = parse(&text).expect_err(&text).to_string();
        assert!(error.contains(message), "'{message}' in: {error}");
    }
    assert!(!looks_like_assignment(b"buffer_id,lower,upper,size\n"));
}

proptest! {
    #[test]
    fn no_text_panics(
        lines in proptest::collection::vec("[-0-9,\"a]{0,24}", 0..12),
        order in any::<bool>(),
    ) {
        let (one, other) = if order { (ALLOCATIONS, BUFFERS) } else { (BUFFERS, ALLOCATIONS) };
        let half = lines.len() / 2;
        let [first, second] = [&lines[..half], &lines[half..]].map(|part| part.join("\n"));
        let text = format!("{one}\n{first}\n{other}\n{second}");
        let _ = parse(&text);
    }

    /// The oracle looks at each pair.
    #[test]
    fn xlas_offsets_are_a_plan_where_no_two_share_a_byte_at_a_step(
        all in proptest::collection::vec((0_u64..6, 1_u64..4, -2_i64..6, 0_i64..4), 1..8),
    ) {
        let all = all.into_iter();
        let all = all.map(|(at, size, from, steps)| (at, size, from, from + steps));
        let all: Vec<(u64, u64, i64, i64)> = all.collect();
        let text = all.iter().enumerate().map(|(i, (at, size, from, to))| {
            format!("{i},{size},{at},{from},{to}\n")
        });
        let text = format!("{ALLOCATIONS}\n{}", text.collect::<String>());
        let (_, found) = parse(&text).expect("an assignment");
        let meets = |a: &(u64, u64, i64, i64), b: &(u64, u64, i64, i64)| {
            a.0 < b.0 + b.1 && b.0 < a.0 + a.1 && a.2 <= b.3 && b.2 <= a.3
        };
        // Those at one offset are one buffer, whatever they are.
        let pairs = all.iter().enumerate().flat_map(|(i, a)| all[..i].iter().map(move |b| (a, b)));
        let is_plan = !pairs.clone().any(|(a, b)| a.0 != b.0 && meets(a, b));
        if pairs.clone().all(|(a, b)| a.0 != b.0 || !meets(a, b)) {
            prop_assert_eq!(found.is_valid, is_plan);
        }
    }
}
