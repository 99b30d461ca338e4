//! What is said beside the plan of a snapshot.

use serde_json::{Value, json};

use super::numbers::planned;
use crate::{page::Document, run::Folder};

const GIB: u64 = 1 << 30;

fn event(action: &str, address: u64, size: u64) -> Value {
    let frames = json!([{ "name": "step", "filename": "/w/train.py", "line": 3 }]);
    json!({ "action": action, "addr": address, "size": size, "stream": 0, "frames": frames })
}

fn segment(address: u64, blocks: Value) -> Value {
    json!({ "device": 0, "address": address, "total_size": 2 * GIB, "blocks": blocks })
}

fn block(address: u64, size: u64, state: &str) -> Value {
    json!({ "address": address, "size": size, "requested_size": size, "state": state })
}

/// Six GiB reserved, three alive at most: two blocks that take turns in different segments, and
/// one from before the trace.
fn story() -> Value {
    let free = json!([block(2 * GIB, 2 * GIB, "inactive")]);
    let old = json!([
        block(6 * GIB, GIB, "active_allocated"),
        block(7 * GIB, GIB, "inactive"),
    ]);
    let refused = json!({ "action": "oom", "device_free": GIB / 2, "size": 3 * GIB, "stream": 0 });
    json!({
        "segments": [segment(2 * GIB, free), segment(6 * GIB, old)],
        "device_traces": [[
            event("segment_alloc", 2 * GIB, 2 * GIB),
            event("alloc", 2 * GIB, 2 * GIB),
            event("free_requested", 2 * GIB, 2 * GIB),
            event("free_completed", 2 * GIB, 2 * GIB),
            event("segment_alloc", 4 * GIB, 2 * GIB),
            event("alloc", 4 * GIB, 2 * GIB),
            refused,
            event("free_requested", 4 * GIB, 2 * GIB),
            event("free_completed", 4 * GIB, 2 * GIB),
            event("segment_free", 4 * GIB, 2 * GIB),
        ], []],
    })
}

#[test]
fn what_was_reserved_live_and_planned_is_said_and_what_was_refused() {
    let folder = Folder::with("oom.json", story().to_string());
    let text = folder.done(&["plan", "oom.json"]).stdout;
    for line in [
        "device 0: 10 events; 1 block alive before the first, 1 after the last",
        "reserved 6.00 GiB, live at most 3.00 GiB, planned 3.00 GiB",
        "asked for 3.00 GiB with 512 MiB free on the device, at step 7; reserved 6.00 GiB, live \
         3.00 GiB",
        "alignment 512",
    ] {
        assert!(text.contains(line), "'{line}' in: {text}");
    }
    let (answer, rows) = planned(&folder, "oom.json", &[]);
    let facts = json!({
        "device": 0,
        "devices": [0],
        "events": 10,
        "reserved": 4 * GIB,
        "reserved_peak": 6 * GIB,
        "live_peak": 3 * GIB,
        "alive_before": 1,
        "alive_after": 1,
        "out_of_memory": [{
            "step": 7,
            "requested": 3 * GIB,
            "device_free": GIB / 2,
            "reserved": 6 * GIB,
            "live": 3 * GIB,
        }],
    });
    assert_eq!(answer["snapshot"], facts);
    assert_eq!(answer["peak"], 3 * GIB);
    let shown = rows.iter().map(|row| (&*row.name, row.steps));
    let expected = [
        ("0x180000000 #1", (0, 11)),
        ("train.py:3 step #1", (2, 4)),
        ("train.py:3 step #2", (6, 9)),
    ];
    assert_eq!(shown.collect::<Vec<_>>(), expected);
}

#[test]
fn a_block_ends_when_its_free_is_completed_not_when_it_is_requested() {
    let trace = json!([
        event("alloc", 512, 100),
        event("free_requested", 512, 100),
        event("snapshot", 0, 0),
        event("free_completed", 512, 100),
        event("alloc", 1024, 7),
        event("free_requested", 1024, 7),
    ]);
    let folder = Folder::with("a.json", json!({ "device_traces": [trace] }).to_string());
    let (_, rows) = planned(&folder, "a.json", &[]);
    let steps: Vec<_> = rows.iter().map(|row| row.steps).collect();
    assert_eq!(steps, [(1, 4), (5, 7)]);
}

#[test]
fn a_lost_free_ends_a_block_before_the_next_one_at_its_address() {
    let trace = json!([
        event("alloc", 512, 100),
        event("alloc", 512, 200),
        event("free_requested", 512, 200),
        event("alloc", 512, 300),
    ]);
    let folder = Folder::with("a.json", json!({ "device_traces": [trace] }).to_string());
    let (_, rows) = planned(&folder, "a.json", &[]);
    let rows: Vec<_> = rows.iter().map(|row| (row.steps, row.size)).collect();
    assert_eq!(rows, [((1, 2), 100), ((2, 3), 200), ((4, 5), 300)]);
}

#[test]
fn a_free_without_an_alloc_ends_a_block_that_began_where_the_one_before_it_ended() {
    let trace = json!([
        event("alloc", 512, 100),
        event("free_completed", 512, 100),
        event("free_completed", 512, 200),
    ]);
    let folder = Folder::with("a.json", json!({ "device_traces": [trace] }).to_string());
    let (_, rows) = planned(&folder, "a.json", &[]);
    let rows: Vec<_> = rows.iter().map(|row| (row.steps, row.size)).collect();
    assert_eq!(rows, [((1, 2), 100), ((2, 3), 200)]);
}

#[test]
fn without_any_completed_free_a_block_ends_when_it_is_requested() {
    // What skip_actions of _record_memory_history leaves out.
    let trace = json!([
        event("alloc", 512, 100),
        event("free_requested", 512, 100),
        event("free_requested", 1024, 7),
        event("alloc", 2048, 5),
    ]);
    let folder = Folder::with("a.json", json!({ "device_traces": [trace] }).to_string());
    let (_, rows) = planned(&folder, "a.json", &[]);
    let rows: Vec<_> = rows.iter().map(|row| (row.steps, row.size)).collect();
    assert_eq!(rows, [((0, 3), 7), ((1, 2), 100), ((4, 5), 5)]);
}

#[test]
fn what_is_live_is_reserved_where_the_events_of_segments_are_left_out() {
    let trace = json!([event("alloc", 512, GIB), event("free_completed", 512, GIB)]);
    let folder = Folder::with("a.json", json!({ "device_traces": [trace] }).to_string());
    let (answer, _) = planned(&folder, "a.json", &[]);
    assert_eq!(answer["snapshot"]["reserved"], 0);
    assert_eq!(answer["snapshot"]["reserved_peak"], GIB);
}

#[test]
fn the_picture_and_the_page_of_a_snapshot_are_written() {
    let folder = Folder::with("oom.json", story().to_string());
    folder.done(&["plan", "oom.json", "--svg", "a.svg", "--html", "a.html"]);
    assert!(folder.read("a.svg").contains("<svg"));
    let page = Document::of(&folder.read("a.html"));
    let notes = json!([
        "device 0: 10 events; 1 block alive before the first, 1 after the last",
        "out of memory: asked for 3.00 GiB with 512 MiB free on the device, at step 7; reserved \
         6.00 GiB, live 3.00 GiB",
    ]);
    assert_eq!(page.header["notes"], notes);
}

#[test]
fn a_page_has_the_blocks_where_the_allocator_had_them_beside_the_plan() {
    let folder = Folder::with("oom.json", story().to_string());
    folder.done(&["plan", "oom.json", "--html", "a.html"]);
    let page = Document::of(&folder.read("a.html"));
    let maps = &page.header["maps"];
    let titles = [&maps[0]["title"], &maps[1]["title"]];
    assert_eq!(titles, ["as allocated", "as planned"]);
    // Segments from 2 GiB on, one after the other: the lowest byte of the first is offset 0.
    let offsets = page.column(&maps[0]["tensors"]["offset"]);
    let gib = GIB as f64;
    assert_eq!(offsets, [4.0 * gib, 0.0, 2.0 * gib]);
    assert_eq!(maps[1]["peak"], 3 * GIB);
    let recorded = &maps[0]["recorded"];
    let of = |part: &str, name: &str| page.column(&recorded[part][name]);
    assert_eq!(of("reserved", "step"), [0.0, 1.0, 5.0, 10.0]);
    let reserved: Vec<f64> = of("reserved", "bytes").iter().map(|b| b / gib).collect();
    assert_eq!(reserved, [2.0, 4.0, 6.0, 4.0]);
    let names = ["lower", "upper", "offset", "size"];
    let [lower, upper, offset, size] = names.map(|name| of("ranges", name));
    let mut ranges: Vec<_> = (0..lower.len())
        .map(|i| [offset[i] / gib, size[i] / gib, lower[i], upper[i]])
        .collect();
    ranges.sort_by(f64_lists);
    let expected = [
        [0.0, 2.0, 1.0, 11.0],
        [2.0, 2.0, 5.0, 10.0],
        [4.0, 2.0, 0.0, 11.0],
    ];
    assert_eq!(ranges, expected);
    // Each block begins in the segment that it was in.
    let numbers = page.column(&recorded["range"]);
    let begins = numbers
        .iter()
        .map(|number| offset[*number as usize - 1] / gib);
    assert_eq!(begins.collect::<Vec<_>>(), [4.0, 0.0, 2.0]);
    for map in [&maps[0], &maps[1]] {
        assert!(map.get("streams").is_none(), "there is one stream");
    }
    assert!(maps[1].get("recorded").is_none());
    let mark = json!([{ "step": 7, "text": "out of memory: asked for 3.00 GiB" }]);
    assert_eq!(maps[0]["marks"], mark);
    let planned = maps[1].get("marks");
    assert!(planned.is_none(), "no request of the plan was refused");
    assert!(recorded.get("pools").is_none(), "one pool serves all");
}

/// A request that was refused.
fn refused(stream: u64, size: u64) -> Value {
    json!({ "action": "oom", "device_free": 0, "size": size, "stream": stream })
}

#[test]
fn a_refused_request_is_of_the_pool_of_its_stream_and_size() {
    const MIB: u64 = 1 << 20;
    let on = |stream: u64, kind: &str, address: u64, size: u64| {
        let mut segment = segment(address, json!([]));
        segment["stream"] = stream.into();
        segment["segment_type"] = kind.into();
        segment["total_size"] = size.into();
        segment
    };
    let pages = |order: &[usize], told: bool| {
        let mut segments = [
            on(0, "large", GIB, 20 * MIB),
            on(7, "large", 2 * GIB, 20 * MIB),
            on(7, "small", 3 * GIB, 2 * MIB),
        ];
        for segment in segments.iter_mut().filter(|_| !told) {
            segment.as_object_mut().unwrap().remove("segment_type");
        }
        let trace = json!([
            event("alloc", GIB, 5 * MIB),
            refused(7, MIB),
            refused(7, MIB + 1),
            refused(0, 512),
        ]);
        let segments: Vec<&Value> = order.iter().map(|&at| &segments[at]).collect();
        let value = json!({ "segments": segments, "device_traces": [trace] });
        let folder = Folder::with("a.json", value.to_string());
        folder.done(&["plan", "a.json", "--html", "a.html"]);
        Document::of(&folder.read("a.html"))
    };
    for told in [true, false] {
        let page = pages(&[0, 1, 2], told);
        let map = &page.header["maps"][0];
        let names = [
            "small blocks of stream 0",
            "large blocks of stream 0",
            "small blocks of stream 7",
            "large blocks of stream 7",
        ];
        let pools = &map["recorded"]["pools"];
        assert_eq!(
            pools["names"],
            json!(names),
            "no segment is for small blocks of stream 0"
        );
        let offsets = page.column(&map["recorded"]["ranges"]["offset"]);
        let of = page.column(&pools["of"]);
        let mut placed: Vec<(f64, f64)> = offsets.into_iter().zip(of).collect();
        placed.sort_by(|a, b| a.partial_cmp(b).unwrap());
        let found: Vec<f64> = placed.into_iter().map(|(_, of)| of).collect();
        assert_eq!(found, [1.0, 3.0, 2.0]);
        let marks = map["marks"].as_array().unwrap().iter();
        let marks: Vec<&Value> = marks.map(|mark| &mark["pool"]).collect();
        assert_eq!(marks, [2, 3, 0], "1 MiB is a small request");
    }
}

#[test]
fn a_refused_request_is_on_the_map_of_the_plan_where_there_is_no_other() {
    let trace = json!([
        event("alloc", 512, 1024),
        event("alloc", 1024, 1024),
        refused(7, 8),
    ]);
    let folder = Folder::with("a.json", json!({ "device_traces": [trace] }).to_string());
    folder.done(&["plan", "a.json", "--html", "a.html"]);
    let page = Document::of(&folder.read("a.html"));
    let mark = json!([{ "step": 3, "text": "out of memory: asked for 8 B" }]);
    assert_eq!(page.header["maps"][0]["marks"], mark);
}

fn f64_lists(a: &[f64; 4], b: &[f64; 4]) -> std::cmp::Ordering {
    a.partial_cmp(b).unwrap()
}

#[test]
fn blocks_whose_addresses_overlap_are_drawn_in_the_plan_alone() {
    let trace = json!([
        event("alloc", 512, 1024),
        event("alloc", 1024, 1024),
        event("free_completed", 512, 1024),
    ]);
    let folder = Folder::with("a.json", json!({ "device_traces": [trace] }).to_string());
    folder.done(&["plan", "a.json", "--html", "a.html"]);
    let page = Document::of(&folder.read("a.html"));
    assert_eq!(page.header["maps"].as_array().unwrap().len(), 1);
    let notes = page.header["notes"].to_string();
    assert!(notes.contains("addresses of blocks overlap"), "{notes}");
    // What no map shows is said.
    assert!(notes.contains("PyTorch's allocator: reserved"), "{notes}");
    assert_eq!(page.header["maps"][0]["title"], "");
}

/// An event of a stream.
fn on_stream(stream: u64, action: &str, address: u64, size: u64) -> Value {
    let mut event = event(action, address, size);
    event["stream"] = stream.into();
    event
}

#[test]
fn streams_of_blocks_are_on_the_page() {
    let pointer = 0x7f00_1234_5678;
    let trace = json!([
        on_stream(0, "alloc", 512, 512),
        on_stream(pointer, "alloc", 1024, 512),
        on_stream(0, "free_completed", 512, 512),
        on_stream(pointer, "alloc", 2048, 512),
        // It was there before the trace.
        on_stream(7, "free_completed", 4096, 512),
    ]);
    let folder = Folder::with("a.json", json!({ "device_traces": [trace] }).to_string());
    folder.done(&["plan", "a.json", "--html", "a.html"]);
    let page = Document::of(&folder.read("a.html"));
    for map in page.header["maps"].as_array().unwrap() {
        let streams = &map["streams"];
        let names = json!(["stream 0", "stream 7", "stream 0x7f0012345678"]);
        assert_eq!(streams["names"], names);
        assert_eq!(page.column(&streams["of"]), [1.0, 0.0, 2.0, 2.0]);
    }
    let notes = page.header["notes"].to_string();
    assert!(
        notes.contains("3 streams: the plan takes the steps"),
        "{notes}"
    );
}

#[test]
fn a_block_that_is_alive_has_the_stream_of_its_segment() {
    let mut one = segment(512, json!([block(512, 1024, "active_allocated")]));
    one["stream"] = json!(5);
    let two = segment(4 * GIB, json!([block(4 * GIB, 1024, "active_allocated")]));
    let folder = Folder::with("a.json", json!([one, two]).to_string());
    folder.done(&["plan", "a.json", "--html", "a.html"]);
    let page = Document::of(&folder.read("a.html"));
    let streams = &page.header["maps"][1]["streams"];
    assert_eq!(streams["names"], json!(["stream 0", "stream 5"]));
    assert_eq!(page.column(&streams["of"]), [1.0, 0.0]);
}

#[test]
fn very_many_streams_are_one_beyond_the_first() {
    let each = (0..40).map(|n| on_stream(n, "alloc", 512 * (n + 1), 512));
    let trace: Vec<Value> = each.collect();
    let folder = Folder::with("a.json", json!({ "device_traces": [trace] }).to_string());
    folder.done(&["plan", "a.json", "--html", "a.html"]);
    let page = Document::of(&folder.read("a.html"));
    let streams = &page.header["maps"][0]["streams"];
    let names = streams["names"].as_array().unwrap();
    assert_eq!((names.len(), &names[31]), (32, &json!("9 other streams")));
    let of = page.column(&streams["of"]);
    let expected = (0..40).map(|n| f64::from(n.min(31)));
    assert_eq!(of, expected.collect::<Vec<_>>());
}

#[test]
fn each_device_has_a_map_and_the_planned_one_has_two() {
    let trace = |size: u64| {
        json!([
            event("alloc", 512, size),
            event("free_completed", 512, size)
        ])
    };
    let sizes = [8, 7, 64, 5, 6, 4, 9];
    let traces: Vec<Value> = sizes.iter().map(|size| trace(512 * size)).collect();
    let folder = Folder::with("a.json", json!({ "device_traces": traces }).to_string());
    folder.done(&["plan", "a.json", "--html", "a.html"]);
    let page = Document::of(&folder.read("a.html"));
    let maps = page.header["maps"].as_array().unwrap();
    let shown = maps
        .iter()
        .map(|map| (map["title"].as_str().unwrap(), &map["peak"]));
    let expected = [
        ("device 2, as allocated", &json!(512 * 64)),
        ("device 2, as planned", &json!(512 * 64)),
        ("device 0, as allocated", &json!(512 * 8)),
        ("device 1, as allocated", &json!(512 * 7)),
        ("device 4, as allocated", &json!(512 * 6)),
        ("device 6, as allocated", &json!(512 * 9)),
    ];
    assert_eq!(shown.collect::<Vec<_>>(), expected);
    let notes = page.header["notes"].to_string();
    assert!(notes.contains("not drawn: device 3, 5"), "{notes}");
}

#[test]
fn a_device_that_cannot_be_drawn_is_named_and_refuses_nothing() {
    let with_frames = |frames: Value| {
        let mut event = event("alloc", 512, 512);
        event["frames"] = frames;
        json!([event])
    };
    let planned = json!([event("alloc", 512, 4096)]);
    let no_blocks = json!([event("segment_alloc", 512, 512)]);
    // The frames of device 1 are no list, and device 2 has nothing to draw.
    let traces = [planned.clone(), with_frames(json!("frames")), no_blocks];
    let folder = Folder::with("a.json", json!({ "device_traces": traces }).to_string());
    let notes = |args: &[&str]| {
        folder.done(&[args, &["--html", "a.html"]].concat());
        let page = Document::of(&folder.read("a.html"));
        let maps = page.header["maps"].as_array().unwrap().len();
        (maps, page.header["notes"].to_string())
    };
    let (maps, of_page) = notes(&["plan", "a.json"]);
    assert_eq!(maps, 2);
    assert!(of_page.contains("\"not drawn: device 1\""), "{of_page}");
    let (_, of_view) = notes(&["compare", "a.json"]);
    assert!(of_view.contains("\"not drawn: device 1\""), "{of_view}");
    folder
        .run(&["plan", "a.json", "--device", "1"])
        .failed(1, &["frames"]);
    let traces = [&[planned][..], &vec![with_frames(json!([])); 70]].concat();
    folder.write("a.json", json!({ "device_traces": traces }).to_string());
    let (maps, many) = notes(&["plan", "a.json"]);
    assert_eq!(maps, 6);
    assert!(many.contains(" 67, 68 and 2 more\""), "{many}");
}

#[test]
fn older_snapshots_have_no_addresses_of_blocks_and_a_history_instead_of_frames() {
    let frames = json!([{ "name": "f", "filename": "old.py", "line": 1 }]);
    let history = json!([{ "addr": 0, "real_size": 700, "frames": frames }]);
    let blocks = json!([
        { "size": 512, "state": "inactive" },
        { "size": 1024, "state": "active_allocated", "history": history },
        { "size": 512, "state": "active_pending_free" },
    ]);
    let segment = json!({ "address": 4096, "total_size": 2048, "blocks": blocks });
    let folder = Folder::with("old.json", json!([segment]).to_string());
    let (_, rows) = planned(&folder, "old.json", &[]);
    let rows: Vec<_> = rows.iter().map(|row| (&*row.name, row.size)).collect();
    assert_eq!(rows, [("old.py:1 f #1", 700), ("0x1600 #1", 512)]);
}

#[test]
fn the_page_has_the_calls_of_the_stacks_from_the_outermost_one_inwards() {
    let snapshot = r#"{"segments": [], "device_traces": [[
        {"action": "alloc", "addr": 512, "size": 100, "frames": [
            {"filename": "a/model.py", "line": 5, "name": "forward"},
            {"filename": "??", "line": 0, "name": "at::empty"},
            {"filename": "main.py", "line": 9, "name": "main"}]},
        {"action": "alloc", "addr": 1024, "size": 7, "frames": [
            {"filename": "main.py", "line": 9, "name": "main"}]},
        {"action": "free_completed", "addr": 512, "size": 100, "frames": []},
        {"action": "alloc", "addr": 2048, "size": 3}]]}"#;
    let folder = Folder::with("calls.json", snapshot.as_bytes());
    folder.done(&["plan", "calls.json", "--html", "a.html"]);
    let page = Document::of(&folder.read("a.html"));
    let profile = &page.header["profiles"][0];
    let strings = page.strings(&profile["name"]);
    let names = [
        "main.py:9 main",
        "at::empty",
        "model.py:5 forward",
        "(no stack)",
    ];
    assert_eq!(strings, names);
    let column = |name: &str| page.column(&profile[name]);
    assert_eq!(column("parent"), [0.0, 1.0, 2.0, 0.0]);
    assert_eq!(column("at_peak"), [7.0, 0.0, 100.0, 0.0]);
    assert_eq!(column("at_end"), [7.0, 0.0, 0.0, 3.0]);
    assert_eq!(column("allocated"), [7.0, 0.0, 100.0, 3.0]);
}
