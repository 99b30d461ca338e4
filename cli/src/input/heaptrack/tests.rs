//! Files made to do harm: each ends with an error that names a line, or is read, with no more
//! things than its bytes allow.

use std::io::Write;

use flate2::{Compression, write::GzEncoder};
use orionrt::Lifetimes;
use proptest::prelude::*;
use ruzstd::encoding::{CompressionLevel, compress_to_vec};

use super::{
    error::HeaptrackError,
    facts::HeaptrackFacts,
    load::{self, looks_like_heaptrack},
};
use crate::input::calls::Calls;

const FUNCTIONS: &str = "\
v 10400 3
X ./words with arguments
I 1000 5e2921
s 5 words
s 4 main
s 7 words.c
s 6 malloc
i 1000 1 4
i 2000 1 2 3 2a
t 1 2
t 2 0
t 1 2
a 10 3
a 8 0
+ 0
R 5
c a
+ 1
- 0
# a comment
- 1
- 1
";

const ADDRESSES: &str = "\
v 10400 3
x 6 /words
m 1 -
m 1 x 1000 0 100 200 80
m 7 libc.so 9000 0 1000
t 9010 2
t 1010 0
t 9020 2
+ 20 3 7f00
- 7f00
+ 8 0 7f00
+ 4 3 7f00
- 1
";

pub(super) fn read(bytes: &[u8]) -> Result<(Lifetimes, HeaptrackFacts), HeaptrackError> {
    load::read(bytes, true).map(|(lifetimes, facts, _)| (lifetimes, facts))
}

/// The calls of a recording, each with the number of the one that it is within.
fn calls_of(text: &str) -> (Vec<(Option<usize>, String)>, Vec<usize>) {
    let (_, _, calls) = load::read(text.as_bytes(), true).expect("a recording");
    let calls: Calls = calls.expect("stacks");
    let each = calls.calls().iter();
    let each = each.map(|call| (call.parent.map(|id| id.index()), calls.name(call).into()));
    let of_blocks = calls.of_blocks.iter().map(|id| id.index());
    (each.collect(), of_blocks.collect())
}

#[test]
fn calls_are_a_tree_from_the_outermost_one_inwards() {
    let call = |parent, name: &str| (parent, name.to_string());
    let (calls, of_blocks) = calls_of(FUNCTIONS);
    let main = call(None, "words.c:42 main");
    assert_eq!(calls[..2], [main, call(Some(0), "malloc")]);
    assert_eq!(of_blocks, [1, 2]);
    let (calls, of_blocks) = calls_of(ADDRESSES);
    let own = [call(None, "words+0x10"), call(Some(0), "libc.so+0x20")];
    assert_eq!(calls[..2], own);
    assert_eq!(of_blocks, [1, 2, 1]);
    let (_, _, none) = load::read(FUNCTIONS.as_bytes(), false).expect("a recording");
    assert!(none.is_none(), "nothing is to be drawn");
}

#[test]
fn blocks_with_addresses_lie_in_memory_pages() {
    let (_, facts) = read(ADDRESSES.as_bytes()).expect("a recording");
    let history = facts.history.expect("addresses");
    assert_eq!(history.reserved, [(0, 0), (1, 4096), (2, 0), (3, 4096)]);
    assert_eq!(history.end, 6);
    let layout = history.layout.expect("a layout");
    assert_eq!(layout.offsets, [0xf00; 3]);
    let (_, facts, _) = load::read(ADDRESSES.as_bytes(), false).expect("a recording");
    assert!(facts.history.is_none(), "nothing is to be drawn");
    let (_, facts) = read(FUNCTIONS.as_bytes()).expect("a recording");
    assert!(facts.history.is_none(), "there are no addresses");
}

#[test]
fn a_chain_of_a_hundred_thousand_calls_is_followed_once_and_cut() {
    let chain = (0..100_000).map(|parent| format!("t 1 {parent:x}\n"));
    let chain: String = chain.collect();
    let text = format!("v 10400 3\ns 1 f\ni 1 0 1\n{chain}a 8 186a0\na 8 1869f\n+ 0\n+ 1\n");
    let (calls, of_blocks) = calls_of(&text);
    assert_eq!((calls.len(), of_blocks), (512, vec![511, 511]));
}

#[test]
fn a_stack_is_cut_within_an_instruction_with_more_functions_than_it_may_be_deep() {
    for (functions, calls, cut) in [(512, 512, 0), (513, 512, 1), (5000, 512, 1)] {
        let frames = " 1 0 0".repeat(functions);
        let text = format!("v 10400 3\ns 1 f\ni 1 0{frames}\nt 1 0\na 8 1\n+ 0\n");
        let (_, _, tree) = load::read(text.as_bytes(), true).expect("a recording");
        let tree = tree.expect("stacks");
        assert_eq!((tree.calls().len(), tree.cut), (calls, cut));
    }
}

proptest! {
    /// The oracle follows every stack by itself.
    #[test]
    fn a_block_has_the_functions_of_its_stack(
        instructions in proptest::collection::vec(proptest::collection::vec(0_usize..3, 0..4), 4),
        stacks in proptest::collection::vec((0_usize..6, 0_usize..40), 1..40),
    ) {
        let mut text = String::from("v 10400 3\ns 1 a\ns 1 b\ns 1 c\n");
        for (index, frames) in instructions.iter().enumerate() {
            let frames = frames.iter().map(|function| format!(" {:x} 0 0", function + 1));
            text += &format!("i {index:x} 0{}\n", frames.collect::<String>());
        }
        let mut expected: Vec<Vec<String>> = Vec::new();
        for (index, &(instruction, parent)) in stacks.iter().enumerate() {
            text += &format!("t {instruction:x} {parent:x}\na 8 {:x}\n", index + 1);
            let parent = parent.checked_sub(1).and_then(|parent| expected.get(parent));
            let mut names = parent.cloned().unwrap_or_default();
            let called = instruction.checked_sub(1);
            match called.and_then(|called| instructions.get(called)) {
                None => {}
                Some(frames) if frames.is_empty() => names.push(format!("{:#x}", instruction - 1)),
                Some(frames) => {
                    let functions = frames.iter().rev();
                    names.extend(functions.map(|&function| ["a", "b", "c"][function].into()));
                }
            }
            expected.push(names);
        }
        text += &(0..stacks.len()).map(|kind| format!("+ {kind:x}\n")).collect::<String>();
        let (_, _, calls) = load::read(text.as_bytes(), true).expect("a recording");
        let Some(calls) = calls else {
            prop_assert!(expected.iter().all(Vec::is_empty));
            return Ok(());
        };
        for (&leaf, names) in calls.of_blocks.iter().zip(&expected) {
            let (mut found, mut at) = (Vec::new(), Some(leaf));
            while let Some(id) = at {
                let call = &calls.calls()[id.index()];
                found.insert(0, calls.name(call).to_string());
                at = call.parent;
            }
            let no_stack = vec!["(no stack)".to_string()];
            prop_assert_eq!(&found, if names.is_empty() { &no_stack } else { names });
        }
    }
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).expect("memory");
    encoder.finish().expect("memory")
}

fn zstd(text: &str) -> Vec<u8> {
    compress_to_vec(text.as_bytes(), CompressionLevel::Fastest)
}

pub(super) fn rows(lifetimes: &Lifetimes) -> Vec<(&str, i64, i64, u64)> {
    let rows = lifetimes.iter();
    rows.map(|(_, name, row)| (name, row.lower, row.upper, row.size))
        .collect()
}

fn error_of(text: &str) -> String {
    read(text.as_bytes()).expect_err("an error").to_string()
}

/// The message about a line after those of a recording with functions.
fn error_after(line: &str) -> String {
    error_of(&format!("{FUNCTIONS}{line}\n"))
}

#[test]
fn both_forms_have_the_same_blocks_and_the_names_that_they_know() {
    let (lifetimes, facts) = read(FUNCTIONS.as_bytes()).expect("a recording");
    // The stack of the first kind refers to a later one, which no recording does.
    let expected = [("words.c:42 main #1", 1, 3, 16), ("stack 0 #1", 2, 4, 8)];
    assert_eq!(rows(&lifetimes), expected);
    assert_eq!(facts.command, "./words with arguments");
    assert_eq!((facts.events, facts.allocations), (5, 2));
    assert_eq!(
        (facts.live_peak, facts.peak_ms, facts.total_ms),
        (24, 10, 10)
    );
    assert_eq!(facts.resident_peak, Some(5 * 4096));
    assert_eq!((facts.alive_after, facts.unknown_frees), (0, 1));
    assert!(!facts.has_addresses);

    let (lifetimes, facts) = read(ADDRESSES.as_bytes()).expect("a recording");
    let expected = [
        ("words+0x10 #1", 1, 2, 32),
        // Its free is missing.
        ("stack 0 #1", 3, 4, 8),
        ("words+0x10 #2", 4, 6, 4),
    ];
    assert_eq!(rows(&lifetimes), expected);
    assert_eq!((facts.live_peak, facts.alive_after), (32, 1));
    assert_eq!((facts.alive_after_bytes, facts.unknown_frees), (4, 1));
    assert!(facts.has_addresses);
}

#[test]
fn what_is_compressed_is_read_as_the_text_is() {
    for text in [FUNCTIONS, ADDRESSES] {
        let plain = read(text.as_bytes()).expect("a recording");
        let twice = [zstd(&text[..50]), zstd(&text[50..])].concat();
        for file in [gzip(text), zstd(text), twice] {
            assert!(looks_like_heaptrack(&file));
            let (lifetimes, facts) = read(&file).expect("a recording");
            assert_eq!(rows(&lifetimes), rows(&plain.0));
            assert_eq!(facts, plain.1);
        }
        assert!(looks_like_heaptrack(text.as_bytes()));
    }
    for other in ["v", "v \n1", "value,lower\n", "id,lower,upper,size\n", ""] {
        assert!(!looks_like_heaptrack(other.as_bytes()), "{other}");
    }
}

#[test]
fn a_frame_with_a_wrong_checksum_is_refused() {
    let mut file = zstd(FUNCTIONS);
    *file.last_mut().expect("a byte") ^= 1;
    let message = read(&file).expect_err("an error").to_string();
    assert!(message.contains("checksum"), "{message}");
}

#[test]
fn a_file_that_is_cut_off_anywhere_is_read_to_there_or_an_error_with_a_line() {
    for text in [FUNCTIONS, ADDRESSES] {
        for length in 0..text.len() {
            if let Err(error) = read(&text.as_bytes()[..length]) {
                let message = error.to_string();
                let is_empty = matches!(error, HeaptrackError::Empty);
                assert!(is_empty || message.contains("line "), "{length}: {message}");
            }
        }
        for file in [gzip(text), zstd(text)] {
            for length in 5..file.len() {
                let message = read(&file[..length]).expect_err("an error").to_string();
                assert!(
                    message.contains("cannot be decompressed"),
                    "{length}: {message}"
                );
            }
        }
    }
}

#[test]
fn a_file_with_any_byte_changed_never_panics() {
    for file in [
        FUNCTIONS.as_bytes().to_vec(),
        ADDRESSES.as_bytes().to_vec(),
        gzip(FUNCTIONS),
        zstd(ADDRESSES),
    ] {
        for at in 0..file.len() {
            for byte in (0..=255).step_by(3) {
                let mut changed = file.clone();
                changed[at] = byte;
                let _ = read(&changed);
            }
        }
    }
}

#[test]
fn each_mistake_is_named_with_its_line_and_its_field() {
    let after = FUNCTIONS.lines().count() + 1;
    for (line, message) in [
        (
            "+ zz",
            "the field 'kind' is 'zz', expected a hexadecimal number below 2^64",
        ),
        ("+ -1", "the field 'kind' is '-1', expected"),
        (
            "+ 10000000000000000",
            "the field 'kind' is '10000000000000000'",
        ),
        ("+", "the field 'kind' is missing"),
        (
            "+ 2",
            "the field 'kind' is 2 after 2 lines 'a', expected the number of an earlier",
        ),
        ("- 2", "the field 'kind' is 2 after 2 lines 'a'"),
        ("a 1", "the field 'stack' is missing"),
        ("t 1", "the field 'parent' is missing"),
        ("i 1 0 1 1", "the field 'line' is missing"),
        (
            "s 7fffffffffffffff x",
            "the field 'text' is 9223372036854775807 bytes long",
        ),
        ("c", "the field 'time' is missing"),
        ("?", "'?', expected one that begins with a known letter"),
        ("v 20000 4", "the file has version 0x4, expected at most 3"),
    ] {
        let found = error_after(line);
        let expected = format!("line {after} of the recording: {message}");
        assert!(found.starts_with(&expected), "{line}: {found}");
    }
    assert!(error_of("").contains("no allocation"));
    assert!(error_of("id,lower\n").starts_with("line 1 of the recording: 'id,lower', expected"));
    assert!(error_of("v 10400 3\nx 3 abc\n+ 8 0\n").contains("'address' is missing"));
    assert!(error_of("v 10400 3\nm 1 x 0 8\n").contains("'size of the segment' is missing"));
}

#[test]
fn stacks_that_refer_to_themselves_or_in_circles_have_no_caller() {
    let text = "v 10400 3\nt 1 1\nt 1 3\nt 1 2\na 8 1\na 8 2\na 8 3\n+ 0\n+ 1\n+ 2\n";
    let (lifetimes, _) = read(text.as_bytes()).expect("a recording");
    let names: Vec<_> = lifetimes.iter().map(|(_, name, _)| name).collect();
    assert_eq!(names, ["stack 1 #1", "stack 2 #1", "stack 3 #1"]);
}

#[test]
fn huge_sizes_and_addresses_are_no_overflow() {
    let most = "ffffffffffffffff";
    let modules = format!("m 1 x {most} {most} {most}\nm 1 a 0 {most} {most}\n");
    let text = format!("v 10400 3\nx 1 p\n{modules}t {most} {most}\n+ {most} 1 {most}\n");
    for more in [String::new(), format!("+ {most} 1 0\nR {most}\nc {most}\n")] {
        match read(format!("{text}{more}").as_bytes()) {
            Ok((lifetimes, _)) => assert_eq!(lifetimes.len(), 1),
            Err(error) => assert!(error.to_string().starts_with("the blocks"), "{error}"),
        }
    }
}

#[test]
fn a_bomb_ends_at_its_first_long_line() {
    let long = "v 10400 3\n".to_string() + &"s".repeat(64 << 20);
    for file in [gzip(&long), zstd(&long)] {
        assert!(file.len() < 1 << 18, "{} bytes", file.len());
        let message = read(&file).expect_err("an error").to_string();
        assert!(
            message.contains("line 2") && message.contains("bytes of a line"),
            "{message}"
        );
    }
}

#[test]
fn older_forms_have_texts_to_the_end_of_the_line() {
    let text = "v 10200\nX a\ns int f(a, b)\ni 1 0 1\nt 1 0\na 8 1\n+ 0\n- 0\n";
    let (lifetimes, _) = read(text.as_bytes()).expect("a recording");
    assert_eq!(rows(&lifetimes), [("int f(a, b) #1", 1, 2, 8)]);
    // The oldest have addresses of blocks beside functions.
    let text = "v 10000\ns f\ni 1 0 1\nt 1 0\n+ 8 1 7f\n+ 8 1 80\n- 7f\n- 80\n";
    let (lifetimes, _) = read(text.as_bytes()).expect("a recording");
    assert_eq!(rows(&lifetimes), [("f #1", 1, 3, 8), ("f #2", 2, 4, 8)]);
}
