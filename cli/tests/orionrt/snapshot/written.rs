//! `orionrt plan --snapshot`: a plan as a snapshot, read again by two readers.

use std::process::Command;

use serde_json::{Value, json};

use super::numbers::planned;
use crate::{
    onnx,
    run::{Folder, THREE, hard},
};

const READER: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/tests/orionrt/snapshot/read.py"
);

/// What Python reads; `None` if there is no Python.
fn by_python(folder: &Folder, file: &str) -> Option<Value> {
    let mut command = Command::new("python3");
    match command.arg(READER).arg(folder.path(file)).output() {
        Ok(output) => {
            let errors = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "{errors}");
            Some(serde_json::from_slice(&output.stdout).expect("JSON"))
        }
        Err(error) => {
            println!("left out: python3: {error}");
            None
        }
    }
}

/// Plans with `--snapshot`, and checks that both readers find the load and the peak of the plan.
fn written(folder: &Folder, input: &str, more: &[&str]) -> (Value, Option<Value>) {
    let args = ["plan", input, "--json", "--snapshot", "s.pickle"];
    let json = folder.done(&[&args[..], more].concat()).json();
    let (again, _) = planned(folder, "s.pickle", &["--alignment", "1"]);
    assert_eq!(again["snapshot"]["live_peak"], json["load"]);
    assert_eq!(again["snapshot"]["reserved_peak"], json["peak"]);
    assert_eq!(again["load"], json["load"]);
    let read = by_python(folder, "s.pickle");
    if let Some(read) = &read {
        assert_eq!(
            (&read["peak"], &read["reserved"]),
            (&json["load"], &json["peak"])
        );
    }
    (json, read)
}

/// The blocks that Python reads, in the order of their names.
fn blocks(read: &Value) -> Vec<Value> {
    let mut blocks = read["blocks"].as_array().expect("a list").clone();
    blocks.sort_by_key(Value::to_string);
    blocks
}

#[test]
fn a_snapshot_has_every_tensor_at_its_place_and_in_its_time() {
    let folder = Folder::with("in.csv", THREE);
    let (_, read) = written(&folder, "in.csv", &["--output", "in-plan.csv"]);
    let Some(read) = read else { return };
    let plan = folder.read("in-plan.csv");
    let rows = plan.lines().skip(1).map(|line| {
        let fields: Vec<&str> = line.split(',').collect();
        let number = |index: usize| fields[index].parse::<u64>().expect(line);
        json!([fields[0], null, number(1), number(2), number(4), number(3)])
    });
    assert_eq!(blocks(&read), rows.collect::<Vec<_>>());
}

#[test]
fn frames_name_the_operator_that_writes_a_tensor() {
    let folder = Folder::with("model.onnx", onnx::network("2"));
    let (_, read) = written(&folder, "model.onnx", &[]);
    let (_, rows) = planned(&folder, "s.pickle", &[]);
    let names: Vec<_> = rows.iter().map(|row| &*row.name).collect();
    assert_eq!(names, ["x #1", "c #1", "r #1", "y #1"]);
    let Some(read) = read else { return };
    let named: Vec<_> = blocks(&read)
        .iter()
        .map(|block| (block[0].clone(), block[1].clone()))
        .collect();
    // No operator writes the input.
    let expected = [
        ("c", "Conv_c".into()),
        ("r", "Relu_r".into()),
        ("x", Value::Null),
        ("y", "Exp_y".into()),
    ];
    let expected = expected.map(|(name, operator)| (Value::from(name), operator));
    assert_eq!(named, expected);
}

#[test]
fn tensors_within_others_have_no_block_of_their_own() {
    let folder = Folder::with("model.onnx", onnx::network("2"));
    let (json, read) = written(&folder, "model.onnx", &["--aliasing", "in-place"]);
    let Some(read) = read else { return };
    assert_eq!(
        blocks(&read).len() as u64,
        json["buffers"].as_u64().unwrap()
    );
}

#[test]
fn a_tensor_with_a_window_is_a_block_for_each_of_its_pieces() {
    let text = "id,lower,upper,size,gaps\na,0,6,100,2-4@10:30\nb,2,4,70,\n";
    let folder = Folder::with("in.csv", text);
    let (json, read) = written(&folder, "in.csv", &[]);
    assert_eq!((&json["load"], &json["peak"]), (&json!(100), &json!(100)));
    let Some(read) = read else { return };
    let expected = [
        json!(["a", null, 0, 2, 0, 100]),
        json!(["a", null, 2, 4, 10, 20]),
        json!(["a", null, 4, 6, 0, 100]),
        json!(["b", null, 2, 4, 30, 70]),
    ];
    assert_eq!(blocks(&read), expected);
}

#[test]
fn a_tensor_with_a_gap_is_a_block_before_and_one_after_it() {
    let text = "id,lower,upper,size,gaps\na,-2,6,100,1-3\nb,1,3,100,\n";
    let folder = Folder::with("in.csv", text);
    let (json, read) = written(&folder, "in.csv", &[]);
    assert_eq!(json["peak"], 100);
    let Some(read) = read else { return };
    let expected = [
        json!(["a", null, 0, 3, 0, 100]),
        json!(["a", null, 5, 8, 0, 100]),
        json!(["b", null, 3, 5, 0, 100]),
    ];
    assert_eq!(blocks(&read), expected);
}

#[test]
fn many_tensors_and_none_are_read_again() {
    let folder = Folder::with("hard.csv", hard());
    written(&folder, "hard.csv", &[]);
    // More events than one batch of the pickle has, and more values than a byte can number.
    let rows = (0..2000).map(|i| format!("\"_start\u{e9}/{i}\",{i},{},{}\n", i + 40, 1 + i % 300));
    let text = "id,lower,upper,size\n".to_string() + &rows.collect::<String>();
    folder.write("many.csv", text);
    let (_, read) = written(&folder, "many.csv", &["--strategy", "greedy-size"]);
    if let Some(read) = read {
        assert_eq!(blocks(&read).len(), 2000);
    }
    folder.write("none.csv", "id,lower,upper,size\na,0,2,0\n");
    folder.done(&["plan", "none.csv", "--snapshot", "none.pickle"]);
    if let Some(read) = by_python(&folder, "none.pickle") {
        assert_eq!(read, json!({ "peak": 0, "reserved": 0, "blocks": [] }));
    }
}

#[test]
fn sizes_and_times_of_any_width_are_read_again() {
    let sizes = (0..50_u32).flat_map(|bits| [(1_u64 << bits), (2 << bits) - 1]);
    let rows = sizes.clone().enumerate().map(|(i, size)| {
        // Widths of times grow with those of sizes.
        format!("t{i},{},{},{size}\n", 1000 + size, 1001 + size)
    });
    let text = "id,lower,upper,size\nfirst,0,1,1\n".to_string() + &rows.collect::<String>();
    let folder = Folder::with("in.csv", text);
    let (_, read) = written(&folder, "in.csv", &[]);
    let Some(read) = read else { return };
    let blocks = read["blocks"].as_array().expect("a list");
    let found = blocks.iter().skip(1).map(|block| {
        let numbers = (block[2].as_u64(), block[5].as_u64());
        (numbers.0.expect("a time"), numbers.1.expect("a size"))
    });
    let expected = sizes.map(|size| (1000 + size, size));
    assert_eq!(found.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
}

#[test]
fn a_snapshot_of_a_snapshot_has_the_same_load() {
    let folder = Folder::with("hard.csv", hard());
    let (json, _) = written(&folder, "hard.csv", &[]);
    let again = [
        "plan",
        "s.pickle",
        "--alignment",
        "1",
        "--snapshot",
        "t.pickle",
        "--json",
    ];
    assert_eq!(folder.done(&again).json()["load"], json["load"]);
    if let Some(read) = by_python(&folder, "t.pickle") {
        assert_eq!(read["peak"], json["load"]);
    }
}

#[test]
fn a_peak_beyond_all_addresses_is_refused() {
    let folder = Folder::with("in.csv", "id,lower,upper,size\na,0,1,9223372036854775807\n");
    let run = folder.run(&["plan", "in.csv", "--snapshot", "s.pickle"]);
    run.failed(
        1,
        &[
            "cannot write 's.pickle'",
            "9223372036854775807",
            "expected at most",
        ],
    );
    assert_eq!(folder.names(), ["in.csv"]);
}
