//! Recordings with stacks: `orionrt record --stacks` asks for them, and `orionrt trace` tells which
//! functions had the bytes.

use std::sync::atomic::{AtomicU64, Ordering};

use orionrt_recording::{Event, Kind, Start, Writer, words_for};

use crate::{run::Folder, with::library};

/// Two stacks of a library that is on no machine: one has most at the peak, the other allocates
/// most in all.
fn recording() -> Vec<u8> {
    let memory: Vec<AtomicU64> = (0..words_for(1)).map(|_| AtomicU64::new(0)).collect();
    let writer = Writer::begin(&memory, &Start::default()).expect("room");
    let claim = writer.claim().expect("a chunk");
    let mut chunk = writer.open(claim, 0, 0).expect("a chunk");
    assert!(chunk.push_stack(7, &[0x1011, 0x1021]));
    assert!(chunk.push_stack(8, &[0x1031, 0x1021]));
    assert!(chunk.push_module([0x1000, 0x1100, 0x200], b"/nowhere/one.so"));
    let mut ticks = 0;
    let mut event = |kind, address, size| {
        ticks += 1_000_000;
        Event {
            ticks,
            kind,
            alignment: 16,
            address,
            size,
        }
    };
    use Kind::{Allocate, Free};
    assert!(chunk.push_in_stack(&event(Allocate, 0x100, 3 << 10), 7));
    for _ in 0..8 {
        assert!(chunk.push_in_stack(&event(Allocate, 0x2000, 1 << 10), 8));
        assert!(chunk.push(&event(Free, 0x2000, 0)));
    }
    let words = memory.iter().map(|word| word.load(Ordering::Relaxed));
    words.flat_map(u64::to_ne_bytes).collect()
}

#[test]
fn functions_with_most_bytes_are_told() {
    let folder = Folder::with("run.rec", recording());
    let text = folder
        .done(&["trace", "run.rec", "--pprof", "calls.pb"])
        .stdout;
    let row = |words: [&str; 4]| {
        let cells = |line: &str| -> Vec<String> {
            let cells = line.split(['│', '┆']).map(|cell| cell.trim().to_owned());
            cells.filter(|cell| !cell.is_empty()).collect()
        };
        assert!(
            text.lines().any(|line| cells(line) == words),
            "{words:?} in {text}"
        );
    };
    row(["3.00 KiB", "75.0 %", "3.00 KiB", "one.so+0x210"]);
    row(["8.00 KiB", "72.7 %", "8.00 KiB", "one.so+0x230"]);
    let json = folder
        .done(&["trace", "run.rec", "--json", "--top", "1"])
        .json();
    let peak = json["stacks"]["peak"].as_array().expect("a list");
    assert_eq!((peak.len(), &peak[0]["bytes"]), (1, &3072.into()));
    let profile = folder
        .done(&["profile", "calls.pb", "--type", "alloc_space"])
        .stdout;
    assert!(
        profile.contains("11.0 KiB") && profile.contains("one.so+0x230"),
        "{profile}"
    );
}

#[test]
fn a_recording_without_stacks_has_no_profile() {
    let memory: Vec<AtomicU64> = (0..words_for(1)).map(|_| AtomicU64::new(0)).collect();
    assert!(Writer::begin(&memory, &Start::default()).is_some());
    let words = memory.iter().map(|word| word.load(Ordering::Relaxed));
    let bytes: Vec<u8> = words.flat_map(u64::to_ne_bytes).collect();
    let folder = Folder::with("run.rec", bytes);
    folder
        .run(&["trace", "run.rec", "--pprof", "calls.pb"])
        .failed(1, &["run.rec", "has no stacks", "record --stacks"]);
    let text = folder.done(&["trace", "run.rec"]).stdout;
    assert!(!text.contains("at the peak"), "{text}");
}

#[test]
fn stacks_are_asked_for_by_a_variable() {
    let Some(library) = library() else { return };
    let script = "echo ${ORIONRT_RECORD_STACKS-none}";
    for (options, printed) in [(&["--stacks"][..], "1\n"), (&[], "none\n")] {
        let command = ["--library", library, "--", "sh", "-c", script];
        let arguments = [&["record"][..], options, &command].concat();
        assert_eq!(Folder::new().run(&arguments).stdout, printed);
    }
}
