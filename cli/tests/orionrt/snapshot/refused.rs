//! Snapshots and options that are refused, with a message that says where and why.

use serde_json::{Value, json};

use crate::run::{Folder, THREE};

#[test]
fn each_mistake_in_a_snapshot_is_named_with_its_place() {
    let segment = |more: Value| {
        let mut segment = json!({ "address": 0, "total_size": 512, "blocks": [] });
        for (name, value) in more.as_object().expect("fields") {
            segment[name] = value.clone();
        }
        json!({ "segments": [segment] })
    };
    let trace = |event: Value| json!({ "segments": [], "device_traces": [[], [event]] });
    let cases: Vec<(Value, &[&str])> = vec![
        (json!({ "segments": 7 }), &["segments", "is 7", "a list"]),
        (
            json!({ "segments": [] }),
            &["no block on any device", "_record_memory_history"],
        ),
        (
            segment(json!({ "total_size": -1 })),
            &["segments[0].total_size", "is -1", "2^63 - 1"],
        ),
        (
            segment(json!({ "blocks": {} })),
            &["segments[0].blocks", "a dictionary", "a list"],
        ),
        (
            segment(json!({ "blocks": [{ "size": 1 }] })),
            &["segments[0].blocks[0].state", "missing"],
        ),
        (
            segment(json!({ "blocks": [{ "size": 0.5 }] })),
            &["segments[0].blocks[0].size", "is 0.5", "whole number"],
        ),
        (
            trace(json!(3)),
            &["device_traces[1][0]", "is 3", "a dictionary"],
        ),
        (
            trace(json!({ "addr": 1 })),
            &["device_traces[1][0].action", "missing"],
        ),
        (
            trace(json!({ "action": "alloc", "addr": "x", "size": 1 })),
            &["device_traces[1][0].addr", "'x'", "an address"],
        ),
        (
            trace(json!({ "action": "alloc", "addr": 1 })),
            &["device_traces[1][0].size", "missing"],
        ),
        (
            trace(json!({ "action": "oom", "size": 1 })),
            &["device_traces[1][0].device_free", "missing"],
        ),
    ];
    let folder = Folder::new();
    for (value, messages) in cases {
        folder.write("bad.json", value.to_string());
        let run = folder.run(&["plan", "bad.json"]);
        run.failed(1, &["bad.json"]);
        run.said(messages);
    }
}

#[test]
fn damaged_json_is_named_with_its_line() {
    let folder = Folder::with("cut.json", "{\"segments\": [\n  {\"address\": ");
    folder
        .run(&["plan", "cut.json"])
        .failed(1, &["cut.json", "line 2"]);
    let deep = format!("{{\"segments\": {}", "[".repeat(100_000));
    folder.write("deep.json", deep);
    folder
        .run(&["plan", "deep.json"])
        .failed(1, &["recursion limit"]);
}

#[test]
fn a_pickle_that_would_run_code_is_refused_and_runs_nothing() {
    // What pickle writes for an object whose __reduce__ returns (os.system, ("touch ran",)).
    let bytes = b"\x80\x02cposix\nsystem\nq\0X\x09\0\0\0touch ranq\x01\x85q\x02Rq\x03.";
    let folder = Folder::with("bad.pickle", bytes);
    let run = folder.run(&["plan", "bad.pickle"]);
    run.failed(
        1,
        &["bad.pickle: byte 2", "GLOBAL would run code", "never done"],
    );
    assert_eq!(folder.names(), ["bad.pickle"]);
}

#[test]
fn a_pickle_that_is_no_snapshot_is_refused() {
    let folder = Folder::new();
    // An empty dictionary, a number, nothing.
    for (bytes, messages) in [
        (&b"\x80\x02}."[..], ["the root", "'device_traces'"]),
        (b"\x80\x04K\x07.", ["the root", "is 7"]),
        (b"\x80\x04.", ["byte 2", "an empty stack"]),
        (b"\x80\x04]", ["byte 3", "0 bytes to the end"]),
    ] {
        folder.write("a.pkl", bytes);
        folder.run(&["plan", "a.pkl"]).failed(1, &messages);
    }
}

#[test]
fn options_that_a_file_cannot_follow_are_wrong_usage() {
    let folder = Folder::with("three.csv", THREE);
    let run = folder.run(&["plan", "three.csv", "--device", "1"]);
    run.failed(2, &["--device 1", "memory snapshots", "'three.csv' is not"]);
    let event = json!({ "action": "alloc", "addr": 1, "size": 1 });
    let value = json!({ "device_traces": [[event.clone()], [], [event]] });
    folder.write("a.json", value.to_string());
    let run = folder.run(&["plan", "a.json", "--device", "1"]);
    run.failed(2, &["--device 1", "expected one of: 0, 2"]);
    let run = folder.run(&["plan", "a.json", "--order", "memory"]);
    run.failed(2, &["--order memory", "read as a memory snapshot"]);
}
