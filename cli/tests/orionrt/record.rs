//! `orionrt record`, and what reads its files. The library is one of the C library's, so the
//! command writes the files itself; what the real one writes is tested in `orionrt-preload`.

use std::sync::atomic::{AtomicU64, Ordering};

use orionrt_recording::{Event, Kind, Start, Writer, words_for};

use crate::{page::Document, run::Folder, with::library};

/// Two blocks of 4 KiB and of 100 bytes, the latter resized, and a file with room for more.
fn recording() -> Vec<u8> {
    let memory: Vec<AtomicU64> = (0..words_for(4)).map(|_| AtomicU64::new(0)).collect();
    let start = Start {
        process: 1 << 30,
        parent: 2,
        command: b"python3\0infer.py\0",
        ..Start::default()
    };
    let writer = Writer::begin(&memory, &start).expect("room");
    let index = writer.claim().expect("a chunk");
    let mut chunk = writer.open(index, 0, 7).expect("a chunk");
    for (ticks, kind, address, size) in [
        (1_000_000, Kind::Allocate, 0x1000, 4096),
        (2_000_000, Kind::Allocate, 0x5000, 100),
        (3_000_000, Kind::Heap, 0x4000, 8192),
        (4_000_000, Kind::Free, 0x1000, 0),
        (5_000_000, Kind::Resize, 0x5000, 300),
        (6_000_000, Kind::Resized, 0x1000, 300),
        (7_000_000, Kind::Allocate, 0x3000, 5000),
        (8_000_000, Kind::Free, 0x1000, 0),
    ] {
        let alignment = 16;
        let event = Event {
            ticks,
            kind,
            alignment,
            address,
            size,
        };
        assert!(chunk.push(&event));
    }
    writer.end();
    let words = memory.iter().map(|word| word.load(Ordering::Relaxed));
    words.flat_map(u64::to_ne_bytes).collect()
}

#[test]
fn each_process_keeps_its_file_and_the_command_has_the_one_asked_for() {
    let Some(library) = library() else { return };
    let folder = Folder::with("made", recording());
    folder.write("run.rec.5", "from before");
    // The process becomes another program, and another process writes, too.
    let script = "for end in $$ $$.1 4.2; do cp made \"${ORIONRT_RECORD%\\%p}$end\"; done; \
                  echo \"$ORIONRT_RECORD_LIMIT\"; exit 3";
    let arguments = [
        "record",
        "-o",
        "run.rec",
        "--limit",
        "2G",
        "--library",
        library,
    ];
    let run = folder.run(&[&arguments[..], &["--", "sh", "-c", script]].concat());
    assert_eq!(
        (run.status, &*run.stdout),
        (3, "2147483648\n"),
        "{}",
        run.stderr
    );
    assert!(
        run.stderr
            .contains("process 1073741824 recorded 128 KiB in"),
        "{}",
        run.stderr
    );
    let names = folder.names();
    assert_eq!(names.len(), 5, "{names:?}");
    assert!(
        ["run.rec", "run.rec.4.2", "run.rec.5"]
            .iter()
            .all(|one| names.contains(&one.to_string()))
    );
    let used = std::fs::metadata(folder.path("run.rec")).expect("a file");
    assert_eq!(used.len(), 128 << 10, "what is not in use is cut off");
    assert_eq!(folder.done(&["trace", "run.rec"]).stderr, "");
}

#[test]
fn a_command_that_records_nothing_is_named() {
    let Some(library) = library() else { return };
    let folder = Folder::new();
    let run = folder.run(&["record", "--library", library, "--", "true"]);
    assert_eq!(run.status, 0);
    assert!(
        run.stderr.contains("has recorded nothing"),
        "{}",
        run.stderr
    );
    let message = "expected no '%p'";
    folder
        .run(&["record", "-o", "a%p", "--library", library, "--", "true"])
        .failed(2, &[message]);
}

#[test]
fn a_trace_tells_what_the_recording_has() {
    let folder = Folder::with("run.rec", recording());
    let files = ["--csv", "events.csv", "--perfetto", "heap.json"];
    let text = folder
        .done(&[&["trace", "run.rec"], &files[..]].concat())
        .stdout;
    for line in [
        "1073741824 of 2, python3 infer.py; it exited",
        "3 allocations, 2 frees, 1 resize, 0 refused",
        "at most 5.18 KiB (5,300 bytes), after 7.00 ms; 1 block of 4.88 KiB at the end",
        "resident at most 16.0 KiB of what was seen, 4.10 KiB alive then",
    ] {
        assert!(text.contains(line), "'{line}' in {text}");
    }
    let events = folder.read("events.csv");
    let lines: Vec<&str> = events.lines().collect();
    assert_eq!(lines.len(), 8, "{events}");
    assert_eq!(lines[0], "time_ns,thread,kind,address,size,alignment");
    assert_eq!(lines[5], "6000000,0,resized,0x1000,300,16");
    let trace: serde_json::Value = serde_json::from_str(&folder.read("heap.json")).expect("JSON");
    let values = trace["traceEvents"].as_array().expect("events");
    let highest = values.iter().filter(|one| one["name"] == "alive");
    let highest = highest
        .filter_map(|one| one["args"]["bytes"].as_u64())
        .max();
    assert_eq!(highest, Some(5300));
    let json = folder.done(&["trace", "run.rec", "--json"]).json();
    assert_eq!(
        (&json["live_peak"], &json["sizes"][0]["up_to"]),
        (&5300.into(), &128.into())
    );
}

#[test]
fn a_recording_is_planned_as_a_whole_or_in_part() {
    let folder = Folder::with("run.rec", recording());
    let planned = folder.done(&["plan", "run.rec", "--json"]).json();
    assert_eq!(
        (&planned["peak"], &planned["process"]["blocks"]),
        (&5304.into(), &4.into())
    );
    for (part, blocks) in [
        (&["--at-least", "300"][..], 3),
        (&["--from", "0.0045"], 3),
        (&["--to", "0.0015"], 1),
        (&["--from", "0.0045", "--to", "0.0065"], 2),
    ] {
        let arguments = [&["plan", "run.rec", "--json"], part].concat();
        let process = &folder.done(&arguments).json()["process"];
        let found = (&process["blocks"], &process["left_out"]);
        assert_eq!(found, (&blocks.into(), &(4 - blocks).into()), "{part:?}");
    }
    folder.done(&["plan", "run.rec", "--html", "page.html"]);
    let page = Document::of(&folder.read("page.html"));
    let maps = page.header["maps"].as_array().expect("a list");
    let titles: Vec<_> = maps.iter().map(|map| &map["title"]).collect();
    assert_eq!(titles, ["as allocated", "as planned"]);
    let offsets = page.column(&maps[0]["tensors"]["offset"]);
    assert_eq!(offsets, [0, 0x3000, 0, 0x1000].map(f64::from));
    let text = folder
        .done(&["plan", "run.rec", "--at-least", "300"])
        .stdout;
    assert!(
        text.contains("1 block of 100 B, small, at other times, or empty"),
        "{text}"
    );
    folder
        .run(&["plan", "run.rec", "--at-least", "9999"])
        .failed(1, &["no block in this part of it"]);
}

#[test]
fn the_plan_of_a_recording_is_checked_against_it() {
    let folder = Folder::with("run.rec", recording());
    folder.done(&["plan", "run.rec", "--output", "plan.csv"]);
    let against = ["--model", "run.rec"];
    let check = |plan: &str| folder.run(&[&["check", plan][..], &against].concat());
    let text = check("plan.csv").stdout;
    for line in [
        "plan.csv: ok for run.rec",
        "all 4 blocks with the sizes, alignments and lifetimes of the recording",
    ] {
        assert!(text.contains(line), "'{line}' in {text}");
    }
    let part = ["--at-least", "300", "--output", "part.json"];
    folder.done(&[&["plan", "run.rec"][..], &part].concat());
    let json = folder
        .done(&["check", "part.json", "--model", "run.rec", "--json"])
        .json();
    assert_eq!(
        json["not_verified"][0],
        "1 block of 100 B that the plan leaves out"
    );
    let plan = folder.read("plan.csv");
    for (from, to, message) in [
        (
            "b0,0,2,4096",
            "b0,0,1,4096",
            "expected 4096 bytes at a multiple of 16 in steps 0..2",
        ),
        ("b0,0,2,4096", "b0,0,2,4064", "'b0' has 4064 bytes"),
        (
            "b3,5,7,",
            "b3,6,7,",
            "'b3' begins at step 6, where no block of the recording begins",
        ),
        ("b3,5,7,", "b3,4,7,", "begin at step 4; expected one block"),
    ] {
        let changed = plan.replacen(from, to, 1);
        assert_ne!(changed, plan, "{from}");
        folder.write("changed.csv", changed);
        check("changed.csv").failed(1, &["changed.csv: not a plan of 'run.rec'", message]);
    }
    folder
        .run(&[
            "check", "plan.csv", "--model", "run.rec", "--order", "memory",
        ])
        .failed(
            2,
            &["--order says how to read a model, and 'run.rec' is a recording"],
        );
}

#[test]
fn a_recording_is_checked_for_bytes_that_two_blocks_had_at_once() {
    let folder = Folder::with("run.rec", recording());
    let text = folder.done(&["check", "run.rec"]).stdout;
    for line in [
        "run.rec: ok\n",
        "no two live blocks of 1 thread share a byte; addresses are aligned",
        "at most 5.18 KiB (5,300 bytes)",
    ] {
        assert!(text.contains(line), "'{line}' in {text}");
    }
    let json = folder.done(&["check", "run.rec", "--json"]).json();
    assert_eq!((&json["blocks"], &json["ok"]), (&4.into(), &true.into()));
    let run = folder.run(&["check", "run.rec", "--capacity", "5299", "--json"]);
    assert_eq!((run.status, &run.json()["ok"]), (3, &false.into()));
    for options in [["--html", "page.html"], ["--model", "run.rec"]] {
        let run = folder.run(&[&["check", "run.rec"][..], &options].concat());
        run.failed(2, &["'run.rec' is a recording"]);
    }
}

#[test]
fn options_for_recordings_and_files_that_are_none_are_refused() {
    let folder = Folder::with("rows.csv", crate::run::THREE);
    folder
        .run(&["plan", "rows.csv", "--at-least", "9"])
        .failed(2, &["--at-least is for recordings of a process"]);
    folder
        .run(&["trace", "rows.csv"])
        .failed(1, &["rows.csv", "expected a recording"]);
    let mut bytes = recording();
    bytes.truncate(100_000);
    folder.write("short", bytes);
    for verb in ["trace", "plan"] {
        let expected = ["short", "there are 100000 bytes, expected 131072"];
        folder.run(&[verb, "short"]).failed(1, &expected);
    }
}
