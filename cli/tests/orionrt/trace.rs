//! Recordings that `Recording::write_json` writes, as input of `orionrt plan`.

use serde_json::{Value, json};

use crate::{page::Document, run::Folder};

fn event(kind: &str, address: u64, size: u64, thread: u32) -> Value {
    json!({
        "kind": kind, "time_ns": 7, "thread": thread, "address": address, "size": size,
        "alignment": 16,
    })
}

/// Two blocks that take turns far apart, one that grows meanwhile, and one that outlives them.
pub(crate) fn recording() -> String {
    let events = [
        event("allocate", 0x7f00_0000_1010, 5000, 1),
        event("allocate", 0x5500_0000_2020, 64, 2),
        event("free", 0x7f00_0000_1010, 5000, 1),
        event("resize", 0x5500_0000_2020, 64, 2),
        event("resized", 0x5500_0000_3000, 4096, 2),
        event("allocate", 0x7f00_0000_9010, 5000, 1),
        event("free", 0x5500_0000_3000, 4096, 1),
        event("free", 0x7f00_0000_9010, 5000, 1),
        event("allocate", 0x5500_0000_3000, 100, 1),
    ];
    json!({
        "format": "orionrt-trace", "version": 1, "lost": 2, "events": events,
        "lanes": [{ "thread": 1, "requests": [] }, { "thread": 2, "requests": [] }],
    })
    .to_string()
}

#[test]
fn a_recording_is_planned_beside_where_the_heap_had_its_blocks() {
    let folder = Folder::with("trace.json", recording());
    let run = folder.done(&["plan", "trace.json", "--html", "p.html", "--json"]);
    let answer = run.json();
    let facts = json!({
        "events": 9, "lost": 2, "threads": 2, "blocks": 3, "left_out": 1, "left_out_bytes": 100,
    });
    assert_eq!(answer["recording"], facts);
    // The plan has the largest size of a block from its beginning.
    assert_eq!(answer["load"], 5000 + 4096);
    let page = Document::of(&folder.read("p.html"));
    let maps = page.header["maps"].as_array().expect("a list");
    let titles: Vec<_> = maps.iter().map(|map| &map["title"]).collect();
    assert_eq!(titles, ["as allocated", "as planned"]);
    let names = page.strings(&maps[0]["tensors"]["name"]);
    assert_eq!(names, ["r0", "lane1.r0", "lane1.r0 resized 1", "r1"]);
    let offsets = page.column(&maps[0]["tensors"]["offset"]);
    assert_eq!(offsets, [0x2010, 0x20, 0x1000, 0x4010].map(f64::from));
    let recorded = &maps[0]["recorded"];
    let held = page.column(&recorded["reserved"]["bytes"]);
    assert_eq!(
        held,
        [0x2000, 0x3000, 0x1000, 0x3000, 0x2000, 0].map(f64::from)
    );
    let text = folder.done(&["plan", "trace.json"]).stdout;
    for line in [
        "9 events of 2 threads; 2 more were lost",
        "1 block of 100 B, alive after the recording, empty, or aligned to more than 2 MiB",
    ] {
        assert!(text.contains(line), "'{line}' in {text}");
    }
}

#[test]
fn what_is_no_recording_is_refused_with_a_reason() {
    let folder = Folder::with(
        "a.json",
        recording().replace("\"version\":1", "\"version\":9"),
    );
    folder
        .run(&["plan", "a.json"])
        .failed(1, &["a.json", "version 9, expected 1"]);
    folder.write("b.json", recording());
    folder
        .run(&["plan", "b.json", "--order", "memory"])
        .failed(2, &["--order memory is for models"]);
}
