//! `orionrt check --model`: plans that have been tampered with so that they are still plans, but
//! not of their model.

use crate::{
    onnx::network,
    run::{Folder, fields},
    tflite::{Graph, RELU, file_with, floats, op},
};

const CHECK: [&str; 4] = ["check", "plan.csv", "--model", "model.onnx"];
const CHECK_JSON: [&str; 4] = ["check", "plan.json", "--model", "model.onnx"];

/// The rows of the network's plan: x of 768 bytes, c, r and y of 1024.
const ROWS: &str = "id,lower,upper,size,alignment,offset
x,0,1,768,64,0
c,0,2,1024,64,1024
r,1,3,1024,64,2048
y,2,3,1024,64,0
";

#[test]
fn a_plan_that_another_tool_made_passes_if_it_is_right() {
    let folder = Folder::with("model.onnx", network("1"));
    folder.write("plan.csv", ROWS);
    let report = folder.done(&CHECK).stdout;
    for part in [
        "plan.csv: ok for model.onnx",
        "verified      all 4 tensors with names, sizes and lifetimes in the order of 3 operators",
        "multiples of 4 bytes",
        "not verified  that the executor keeps to order and aliasing",
    ] {
        assert!(report.contains(part), "'{part}' in: {report}");
    }
    // Longer lifetimes and smaller alignments than needed are no mistakes, nor is the place.
    for (from, to) in [
        ("x,0,1", "x,-5,1"),
        ("1024,64,2048", "1024,4,2056"),
        (
            "id,lower,upper,size,alignment,offset",
            "size,upper,lower,id,alignment,offset",
        ),
    ] {
        let mut text = ROWS.replacen(from, to, 1);
        if from.starts_with("id") {
            let swapped = |line: &str| {
                let cells: Vec<&str> = line.split(',').collect();
                [cells[3], cells[2], cells[1], cells[0], cells[4], cells[5]].join(",")
            };
            let rows: Vec<String> = ROWS.lines().skip(1).map(swapped).collect();
            text = format!("{to}\n{}\n", rows.join("\n"));
        }
        folder.write("plan.csv", text);
        let run = folder.run(&CHECK);
        assert_eq!(run.status, 0, "{to}: {}", run.stderr);
    }
    let json = folder.done(&[&CHECK[..], &["--json"]].concat()).json();
    let names = fields(&json);
    assert!(names.contains(&"verified") && names.contains(&"not_verified"));
}

#[test]
fn tampered_rows_are_named_with_what_was_expected() {
    let folder = Folder::with("model.onnx", network("1"));
    let cases: [(&str, &str, &[&str]); 9] = [
        (
            "r,1,3,1024,64,2048\n",
            "",
            &["'r'", "no place", "1024 bytes"],
        ),
        (
            "r,1,3",
            "r,1,2",
            &["'r' is alive in steps 1..2", "expected 1..3"],
        ),
        (
            "c,0,2",
            "c,1,2",
            &["'c' is alive in steps 1..2", "expected 0..2"],
        ),
        ("768", "767", &["'x' has 767 bytes", "expected the 768"]),
        (
            "x,0,1,768",
            "q,0,1,768",
            &["'q' of 768 bytes is not in the model"],
        ),
        (
            "64,2048",
            "4,2049",
            &["2049", "multiple of its alignment 4"],
        ),
        (
            "64,2048",
            "1,2050",
            &["'r'", "2050", "multiple of its alignment"],
        ),
        (
            "y,2,3,1024,64,0\n",
            "y,2,3,1024,64,0\nz,0,9,64,64,4096\n",
            &["'z'", "not in the model"],
        ),
        ("64,1024\n", "64,9223372036854774784\n", &["'c'", "2^63"]),
    ];
    for (from, to, messages) in cases {
        let tampered = ROWS.replacen(from, to, 1);
        assert_ne!(tampered, ROWS, "{from}");
        folder.write("plan.csv", tampered);
        folder
            .run(&CHECK)
            .failed(1, &[&["plan.csv: "], messages].concat());
    }
    // Each row by itself is right: two names are exchanged.
    folder.write(
        "plan.csv",
        ROWS.replacen("\nc,", "\n_,", 1)
            .replacen("\nr,", "\nc,", 1)
            .replacen("\n_,", "\nr,", 1),
    );
    folder.run(&CHECK).failed(1, &["alive in steps"]);
}

#[test]
fn what_a_plan_states_of_its_model_must_be_so() {
    let folder = Folder::with("model.onnx", network("N"));
    folder.done(&[
        "plan",
        "model.onnx",
        "--aliasing",
        "views",
        "--output",
        "plan.json",
    ]);
    folder.done(&CHECK_JSON);
    let plan: serde_json::Value = serde_json::from_str(&folder.read("plan.json")).unwrap();
    let order = plan["model"]["order"].clone();
    let turned = serde_json::json!([order[1], order[0], order[2]]);
    let short = serde_json::json!([order[0], order[1]]);
    let cases: [(&str, serde_json::Value, &[&str]); 9] = [
        (
            "order",
            turned.clone(),
            &["place 1 has operator 'Relu_r'", "expected"],
        ),
        ("order", short, &["has 2 operators", "expected the 3"]),
        (
            "dims",
            serde_json::json!({"N": 2}),
            &["'assumed' has 1 for 'N'", "expected none"],
        ),
        (
            "dims",
            serde_json::json!({"M": 2}),
            &["not a plan of", "'M'"],
        ),
        (
            "assumed",
            serde_json::json!({}),
            &["'assumed' has none for 'N'", "expected 1"],
        ),
        (
            "bounds",
            serde_json::json!({"N": 7}),
            &["'bounds' has 7 for 'N'", "expected none"],
        ),
        (
            "aliasing",
            "all".into(),
            &["'all'", "off, views, in-place or parts"],
        ),
        (
            "inputs",
            serde_json::json!(["x"]),
            &["'x' is not NAME=VALUE"],
        ),
        (
            "left_out",
            serde_json::json!([{"name": "q", "reason": ""}]),
            &["'left_out' has one for 'q'"],
        ),
    ];
    for (field, value, messages) in cases {
        let mut tampered = plan.clone();
        tampered["model"][field] = value;
        folder.write("plan.json", tampered.to_string());
        folder.run(&CHECK_JSON).failed(1, messages);
    }
    let mut tampered = plan.clone();
    tampered["model"]["order"] = turned;
    tampered["model"]["order_of"] = "memory".into();
    folder.write("plan.json", tampered.to_string());
    folder.run(&CHECK_JSON).failed(1, &["before", "writes it"]);
}

#[test]
fn how_to_read_the_model_is_said_once() {
    let folder = Folder::with("model.onnx", network("N"));
    folder.done(&[
        "plan",
        "model.onnx",
        "--dim",
        "N=1",
        "--output",
        "plan.json",
    ]);
    let with = |more: &[&str]| folder.run(&[&CHECK_JSON[..], more].concat());
    assert_eq!(with(&["--dim", "N=1"]).status, 0);
    with(&["--dim", "N=2"]).failed(2, &["--dim N=2", "N=1"]);
    with(&["--order", "memory"]).failed(2, &["--order"]);
    with(&["--aliasing", "views"]).failed(2, &["--aliasing"]);
    folder
        .run(&["check", "plan.json", "--dim", "N=1"])
        .failed(2, &["--model MODEL"]);
    // A CSV plan states nothing of its model.
    folder.write("plan.csv", ROWS);
    folder.done(&[&CHECK[..], &["--dim", "N=1"]].concat());
    folder.write("order.txt", "Conv_c\nRelu_r\nExp_y\n");
    folder.write("turned.txt", "Relu_r\nConv_c\nExp_y\n");
    folder
        .run(&[&CHECK[..], &["--order", "turned.txt"]].concat())
        .failed(1, &["turned.txt"]);
}

#[test]
fn whether_a_plan_is_optimal_follows_from_the_model_and_not_from_the_file() {
    let folder = Folder::with("model.onnx", network("1"));
    // No two tensors share a byte: of no use for the model, whose tensors need not live so long.
    let rows = "x,0,66,768,64,0\nc,0,66,1024,64,768\nr,0,66,1024,64,1792\ny,0,66,1024,64,2816\n";
    let header = ROWS.lines().next().unwrap();
    folder.write("plan.csv", format!("{header}\n{rows}"));
    assert!(folder.done(&CHECK[..2]).stdout.contains("optimal: no plan"));
    let report = folder.done(&CHECK).stdout;
    for part in [
        "lower bound   2.00 KiB (2,048 bytes)",
        "peak          3.75 KiB (3,840 bytes)",
        "ratio         1.8750, not proven optimal",
    ] {
        assert!(report.contains(part), "'{part}' in: {report}");
    }
    let json = folder.done(&[&CHECK[..], &["--json"]].concat()).json();
    for (key, value) in [("peak", 3840), ("lower_bound", 2048), ("load", 2048)] {
        assert_eq!(json[key], value, "{key}");
    }
    assert_eq!(
        (&json["optimal"], &json["ratio"]),
        (&false.into(), &1.875.into())
    );
}

#[test]
fn a_model_without_a_plan_is_none() {
    let folder = Folder::with("model.onnx", network("1"));
    folder
        .run(&["check", "model.onnx"])
        .failed(1, &["without a memory plan", "OfflineMemoryAllocation"]);
}

/// x → a → b → y, of 32 bytes each, with these offsets as the model's own plan; -1 leaves a tensor
/// to the runtime.
fn with_own_plan(offsets: [i32; 4]) -> Folder {
    let graph = Graph {
        tensors: ["x", "a", "b", "y"].map(|name| floats(name, &[8])).into(),
        inputs: vec![0],
        outputs: vec![3],
        operators: (0..3).map(|i| op(RELU, &[i], &[i + 1])).collect(),
        ..Graph::default()
    };
    let words = [&[1, 0, 4], &offsets[..]].concat();
    let bytes = file_with(&[graph], &[("OfflineMemoryAllocation", &words)]);
    Folder::with("model.tflite", bytes)
}

#[test]
fn the_plan_in_a_model_passes_if_no_two_live_tensors_share_a_byte() {
    for (offsets, placed) in [
        ([0, 32, 64, 96], 4),
        ([0, 32, 0, 32], 4),
        ([4, 36, 4, 36], 4),
        ([0, 32, -1, 32], 3),
        ([-1, -1, 0, 32], 2),
    ] {
        let folder = with_own_plan(offsets);
        let json = folder.done(&["check", "model.tflite", "--json"]).json();
        assert_eq!(
            (&json["ok"], &json["placed"]),
            (&true.into(), &placed.into())
        );
        let end = offsets.iter().max().unwrap() + 32;
        assert_eq!(json["peak"], end, "{offsets:?}");
        let report = folder.done(&["check", "model.tflite"]).stdout;
        assert_eq!(
            report.contains("that the runtime places"),
            placed < 4,
            "{report}"
        );
    }
}

#[test]
fn the_plan_in_a_model_is_refused_if_two_live_tensors_share_a_byte() {
    for (offsets, messages) in [
        ([0, 0, 0, 0], ["its memory plan", "'x' and 'a'"]),
        ([0, 32, 60, 96], ["its memory plan", "'a' and 'b'"]),
    ] {
        let folder = with_own_plan(offsets);
        folder.run(&["check", "model.tflite"]).failed(1, &messages);
    }
}

#[test]
fn the_plan_in_a_model_is_refused_where_elements_cannot_be_read() {
    for (offsets, at) in [
        ([1, 64, 0, 32], "'x' is at offset 1"),
        ([0, 34, 0, 34], "'a' is at"),
    ] {
        let folder = with_own_plan(offsets);
        let run = folder.run(&["check", "model.tflite"]);
        run.failed(1, &["its memory plan", at, "expected a multiple of 4"]);
    }
}
