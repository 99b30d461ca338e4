//! `orionrt fit`: a model in less memory than its peak.

use orionrt::{
    Aliasing, Graph, TensorId,
    fit::{CopyId, Fit, FitAction, FitSchedule, FitStep, Memory, SlowMemory, TensorCopy},
    graph::OpId,
};
use orionrt_models::Options;
use orionrt_test_models::parts::{node, zeros};
use serde_json::Value;

use crate::{
    onnx::model,
    run::{Folder, THREE},
    tflite,
};

/// `skip`, of 1024 bytes, is made of an input of 64 bytes and idle while `wide` and `e` need 4096
/// bytes together.
///
/// ```text
/// x [1, 16] ─► skip [1, 256] ─► wide [1, 512] ─► e [1, 512] ─► narrow [1, 256] ─► y
///                    └───────────────────────────────────────────────────────────┘
/// ```
pub(crate) fn network() -> Vec<u8> {
    let nodes = vec![
        node("MatMul", &["x", "w0"], &["skip"]),
        node("MatMul", &["skip", "w1"], &["wide"]),
        node("Exp", &["wide"], &["e"]),
        node("MatMul", &["e", "w2"], &["narrow"]),
        node("Add", &["narrow", "skip"], &["y"]),
    ];
    let weights = vec![
        zeros("w0", &[16, 256]),
        zeros("w1", &[256, 512]),
        zeros("w2", &[512, 256]),
    ];
    model(&["1", "16"], nodes, weights)
}

pub(crate) fn folder() -> Folder {
    Folder::with("model.onnx", network())
}

const SLOW: [&str; 6] = ["fit", "model.onnx", "--slow", "1M", "--slow-speed", "1GB/s"];

pub(crate) fn fit<'a>(args: &[&'a str]) -> Vec<&'a str> {
    [&SLOW[..], args].concat()
}

#[test]
fn an_idle_tensor_is_spilled_and_the_answer_says_what_that_costs() {
    let folder = folder();
    let text = folder
        .done(&fit(&["--capacity", "4KiB", "--no-recompute"]))
        .stdout;
    for part in [
        "model         5 operators, ",
        "costs         estimated at 20.0 GFLOP/s and 10.0 GB/s, not measured",
        "peak before   5.00 KiB (5,120 bytes), ",
        "ways          spill to 1.00 MiB of slow memory, written at 1.00 GB/s, read at 1.00 GB/s\n",
        "capacity      4.00 KiB (4,096 bytes)",
        "fits          yes",
        "peak          4.00 KiB (4,096 bytes), 80.0 % of the peak before",
        "slow memory   peak 1.00 KiB (1,024 bytes)",
        "added time    2.05 µs, ",
        "spilled 1.00 KiB (1,024 bytes) in 1.02 µs",
        "fetched 1.00 KiB (1,024 bytes) in 1.02 µs",
        "lower bound   2.05 µs; the answer adds 1.00 times that",
        "of weights: they are in neither memory",
        "spilled 1×, fetched 1×",
    ] {
        assert!(text.contains(part), "'{part}' in: {text}");
    }
    let json = folder
        .done(&fit(&["--capacity", "4K", "--no-recompute", "--json"]))
        .json();
    for (name, value) in [
        ("peak", 4096),
        ("slow_peak", 1024),
        ("peak_before", 5120),
        ("spilled_bytes", 1024),
        ("fetched_bytes", 1024),
        ("reruns", 0),
        ("steps", 7),
        ("operators", 5),
    ] {
        assert_eq!(json[name].as_u64(), Some(value), "{name}");
    }
    assert_eq!(json["fits"], true);
    let json_of_part = folder
        .done(&fit(&["--capacity", "80%", "--no-recompute", "--json"]))
        .json();
    assert_eq!(json_of_part["capacity"], 4096);
    let absence = serde_json::json!([{
        "tensor": "skip", "bytes": 1024, "returns": "fetched",
        "from": "MatMul_wide", "until": "Add_y",
    }]);
    assert_eq!(json["absences"], absence);
    // Reading takes ten times as long as writing.
    let speeds = [
        "--capacity",
        "4K",
        "--slow-read-speed",
        "100M",
        "--no-recompute",
        "--json",
    ];
    let json = folder.done(&fit(&speeds)).json();
    let seconds = ["spill_seconds", "fetch_seconds"].map(|name| json[name].as_f64().unwrap());
    assert!((seconds[1] / seconds[0] - 10.0).abs() < 1e-9, "{seconds:?}");
}

#[test]
fn without_a_slow_memory_operators_are_rerun() {
    let folder = folder();
    let args = ["fit", "model.onnx", "--capacity", "4160", "--json"];
    let json = folder.done(&args).json();
    assert_eq!((&json["fits"], &json["reruns"]), (&true.into(), &1.into()));
    assert_eq!(json["absences"][0]["returns"], "recomputed");
    assert!(
        json["added_percent"]
            .as_f64()
            .is_some_and(|percent| percent > 0.0)
    );
    let args = [&args[..], &["--no-recompute"]].concat();
    assert_eq!(folder.run(&args).status, 3);
}

#[test]
fn a_tensor_may_be_kept_in_compressed_form() {
    let folder = folder();
    let args = [
        "fit",
        "model.onnx",
        "--capacity",
        "4352",
        "--no-recompute",
        "--compress",
        "4:1GB/s",
    ];
    let json = folder.done(&[&args[..], &["--json"]].concat()).json();
    assert_eq!(json["compressed_bytes"].as_u64(), Some(1024));
    assert_eq!(json["expanded_bytes"].as_u64(), Some(1024));
    assert_eq!(json["absences"][0]["returns"], "expanded");
    let args = [&args[..], &["--output", "schedule.csv"]].concat();
    let text = folder.done(&args).stdout;
    for part in [
        "compress to 1/4 of the bytes at 1.00 GB/s, if the data allow it",
        "expanded 1×",
    ] {
        assert!(text.contains(part), "'{part}' in: {text}");
    }
    let csv = folder.read("schedule.csv");
    let rows: Vec<Vec<&str>> = csv.lines().map(|line| line.split(',').collect()).collect();
    let sizes = |action: &str| -> Vec<(&str, &str)> {
        let of = rows.iter().filter(|row| row[1] == action);
        of.map(|row| (row[3], row[8])).collect()
    };
    assert_eq!(sizes("compress"), [("read", "1024"), ("write", "256")]);
    assert_eq!(sizes("expand"), [("read", "256"), ("write", "1024")]);
}

/// A schedule in JSON as the library has it.
pub(crate) fn read(json: &Value, graph: &Graph) -> FitSchedule {
    let text = |of: &Value| of.as_str().expect("text").to_string();
    let number = |of: &Value| of.as_u64().expect("a number");
    let tensor = |of: &Value| graph.find(&text(&of["tensor"])).expect("a tensor");
    let list = |of: &Value| of.as_array().expect("a list").clone();
    let ids = |of: &Value| -> Vec<CopyId> {
        let copies = list(of);
        copies
            .iter()
            .map(|of| CopyId::new(number(&of["copy"]) as u32))
            .collect()
    };
    let copies = list(&json["copies"]);
    let copies = copies.iter().map(|of| {
        let memory = match of["memory"].as_str() {
            Some("fast") => Memory::Fast,
            _ => Memory::Slow,
        };
        let steps = number(&of["first_step"]) as usize..number(&of["end_step"]) as usize;
        TensorCopy::new(tensor(of), memory, steps, number(&of["offset"]))
    });
    let operator = |of: &Value| {
        let name = text(&of["operator"]);
        let at = graph.ops().iter().position(|op| op.name() == name);
        OpId::new(at.expect("an operator") as u32)
    };
    let steps = list(&json["steps"]);
    let steps = steps.iter().map(|of| {
        let action = match &*text(&of["action"]) {
            "run" => FitAction::Run(operator(of)),
            "rerun" => FitAction::Rerun(operator(of)),
            "spill" => FitAction::Spill(tensor(of)),
            "fetch" => FitAction::Fetch(tensor(of)),
            other => panic!("{other}"),
        };
        FitStep::new(action, ids(&of["reads"]), ids(&of["writes"]))
    });
    let filled = list(&json["inputs"]);
    let copy_of = |&input: &TensorId| {
        let place = filled.iter().find(|&place| tensor(place) == input)?;
        Some(CopyId::new(number(&place["copy"]) as u32))
    };
    FitSchedule {
        copies: copies.collect(),
        steps: steps.collect(),
        inputs: graph.inputs().iter().map(copy_of).collect(),
        outputs: ids(&json["outputs"]),
    }
}

#[test]
fn the_schedule_in_json_passes_the_check_of_the_library() {
    let folder = folder();
    for (capacity, ways) in [("4096", "--no-recompute"), ("4160", "--nodes=1000")] {
        let args = ["--capacity", capacity, "--output", "schedule.json", ways];
        folder.done(&fit(&args));
        let json: Value = serde_json::from_str(&folder.read("schedule.json")).unwrap();
        assert_eq!(
            (&json["format"], &json["version"]),
            (&"orionrt-fit".into(), &1.into())
        );
        let options = Options::new().alignment(64);
        let graph = orionrt_models::parse(&network(), &options).unwrap().graph;
        let schedule = read(&json, &graph);
        let within = json["capacity"].as_u64().unwrap();
        let slow = SlowMemory::new(json["slow_capacity"].as_u64().unwrap(), 1e9);
        let fit = |bytes| {
            Fit::within(bytes)
                .slow(slow)
                .recompute(true)
                .reorder(false)
                .aliasing(Aliasing::Off)
        };
        assert_eq!(schedule.check(&graph, &fit(within)), Ok(()));
        assert!(schedule.check(&graph, &fit(4095)).is_err());
        let mut wrong = schedule.clone();
        wrong.steps.swap(1, 2);
        assert!(wrong.check(&graph, &fit(within)).is_err());
    }
}

#[test]
fn the_schedule_in_csv_has_each_operand_with_its_offset() {
    let folder = folder();
    folder.done(&fit(&[
        "--capacity",
        "4K",
        "--no-recompute",
        "--output",
        "schedule.csv",
    ]));
    folder.done(&fit(&[
        "--capacity",
        "4K",
        "--no-recompute",
        "--output",
        "schedule.json",
    ]));
    let csv = folder.read("schedule.csv");
    let mut lines = csv.lines();
    let header = "step,action,operator,role,tensor,copy,memory,offset,size";
    assert_eq!(lines.next(), Some(header));
    let rows: Vec<Vec<&str>> = lines.map(|line| line.split(',').collect()).collect();
    let json: Value = serde_json::from_str(&folder.read("schedule.json")).unwrap();
    // Each operand and each result once, and both ends of the spill and of the fetch.
    let places = json["steps"].as_array().unwrap().iter();
    let places: usize = places
        .map(|step| ["reads", "writes"].map(|role| step[role].as_array().unwrap().len()))
        .map(|[reads, writes]| reads + writes)
        .sum();
    assert_eq!((rows.len(), places), (15, 15));
    let spill: Vec<_> = rows.iter().filter(|row| row[1] == "spill").collect();
    let of = |row: &[&str]| [row[2], row[3], row[4], row[6], row[8]].map(str::to_string);
    assert_eq!(of(spill[0]), ["", "read", "skip", "fast", "1024"]);
    assert_eq!(of(spill[1]), ["", "write", "skip", "slow", "1024"]);
}

#[test]
fn views_have_the_offset_of_their_own_bytes() {
    let nodes = vec![
        node("Exp", &["x"], &["e"]),
        node("Split", &["e"], &["a", "b"]),
        node("Add", &["a", "b"], &["y"]),
    ];
    let folder = Folder::with("model.onnx", model(&["2", "16"], nodes, vec![]));
    let args = [
        "--capacity",
        "1K",
        "--output",
        "s.json",
        "--aliasing",
        "views",
    ];
    folder.done(&fit(&args));
    let json: Value = serde_json::from_str(&folder.read("s.json")).unwrap();
    let split = &json["steps"][1];
    assert_eq!(split["operator"], "Split_a");
    let (read, written) = (&split["reads"][0], &split["writes"]);
    let start = read["offset"].as_u64().unwrap();
    for (at, name) in ["a", "b"].into_iter().enumerate() {
        let part = &written[at];
        assert_eq!(
            (&part["tensor"], &part["copy"]),
            (&name.into(), &read["copy"])
        );
        assert_eq!(part["offset"].as_u64(), Some(start + 64 * at as u64));
    }
    assert_eq!(json["aliasing"], "views");
}

#[test]
fn what_does_not_fit_is_status_3_with_the_capacity_that_works() {
    let folder = folder();
    let args = ["--capacity", "4032", "--no-recompute", "--output", "s.json"];
    let run = folder.run(&fit(&args));
    assert_eq!(run.status, 3);
    run.said(&[
        "model.onnx",
        "at least 4096 bytes are needed",
        "'s.json' was not written",
    ]);
    for part in [
        "fits          no, which is proven for the orders and the sharing of bytes that were tried",
        "smallest      4.00 KiB (4,096 bytes), the smallest capacity that is known to work",
        "no capacity below 4.00 KiB (4,096 bytes) works in the orders and with the sharing",
    ] {
        assert!(run.stdout.contains(part), "'{part}' in: {}", run.stdout);
    }
    assert_eq!(folder.names(), ["model.onnx"]);
    let run = folder.run(&fit(&["--capacity", "1K", "--json"]));
    assert_eq!(run.status, 3);
    let json = run.json();
    assert_eq!(
        (&json["fits"], &json["proven"]),
        (&false.into(), &true.into())
    );
    assert_eq!(
        (&json["needed"], &json["smallest"]["capacity"]),
        (&4096.into(), &4096.into())
    );
    // No way at all: nothing below the peak works.
    let args = [
        "fit",
        "model.onnx",
        "--capacity",
        "4K",
        "--no-recompute",
        "--json",
    ];
    let json = folder.run(&args).json();
    assert_eq!(json["smallest"]["capacity"], 5120);
}

/// A second for each operator.
const COSTS: &str = "operator,seconds\nMatMul_skip,1\nMatMul_wide,1\nExp_e,1\nMatMul_narrow,1\n";

#[test]
fn measured_costs_take_the_place_of_estimates() {
    let folder = folder();
    folder.write("costs.csv", COSTS.to_string() + "Add_y,1\n");
    let args = [
        "fit",
        "model.onnx",
        "--capacity",
        "4160",
        "--costs",
        "costs.csv",
    ];
    let json = folder.done(&[&args[..], &["--json"]].concat()).json();
    assert_eq!(json["model_seconds"], 5.0);
    assert_eq!(
        (&json["rerun_seconds"], &json["added_percent"]),
        (&1.0.into(), &20.0.into())
    );
    assert_eq!(
        (&json["costs"], &json["costs_file"]),
        (&"measured".into(), &"costs.csv".into())
    );
    let text = folder.done(&args).stdout;
    assert!(
        text.contains("costs         measured, from costs.csv\n"),
        "{text}"
    );
    folder.write(
        "costs.json",
        r#"{"Add_y": 0, "MatMul_skip": 2, "MatMul_wide": 1, "Exp_e": 1, "MatMul_narrow": 1}"#,
    );
    let args = [
        "fit",
        "model.onnx",
        "--capacity",
        "4160",
        "--costs",
        "costs.json",
        "--json",
    ];
    assert_eq!(folder.done(&args).json()["added_percent"], 40.0);
}

#[test]
fn a_bad_file_of_costs_is_an_error_that_names_the_line() {
    let folder = folder();
    let args = [
        "fit",
        "model.onnx",
        "--capacity",
        "4160",
        "--costs",
        "costs.csv",
    ];
    let cases: [(&str, &[&str]); 4] = [
        ("Add_z,1\n", &["line 6", "'Add_z'", "similar names: Add_y"]),
        ("Exp_e,1\n", &["line 6", "'Exp_e' has a time in line 4"]),
        ("Add_y,fast\n", &["line 6", "'fast'", "not negative"]),
        ("", &["1 of 5 operators", "Add_y"]),
    ];
    for (line, messages) in cases {
        folder.write("costs.csv", COSTS.to_string() + line);
        folder
            .run(&args)
            .failed(1, &[&["costs.csv"], messages].concat());
    }
    folder.write("costs.csv", "{\n\"Add_y\": 1,\n\"Add_z\": 1}");
    folder
        .run(&args)
        .failed(1, &["costs.csv: line 3", "'Add_z'"]);
    let long = COSTS.to_string() + "Add_y,1\n";
    folder.write("costs.csv", long.replace(",1\n", ",1e308\n"));
    folder
        .run(&args)
        .failed(1, &["line 2", "at most 1e12 seconds"]);
}

#[test]
fn the_curve_falls_from_the_peak_to_the_smallest_capacity() {
    let folder = folder();
    let args = fit(&["--curve=5", "--json", "--svg", "curve.svg"]);
    let json = folder.done(&args).json();
    let points = json["points"].as_array().unwrap();
    let numbers = |name: &str| -> Vec<f64> {
        points
            .iter()
            .map(|point| point[name].as_f64().unwrap())
            .collect()
    };
    let (capacities, added) = (numbers("capacity"), numbers("added_seconds"));
    assert!(points.len() >= 5, "{points:?}");
    assert_eq!((capacities[0], added[0]), (5120.0, 0.0));
    assert_eq!(capacities.last(), Some(&4096.0));
    assert!(capacities.is_sorted_by(|a, b| a > b), "{capacities:?}");
    assert!(added.is_sorted() && added.last() > Some(&0.0), "{added:?}");
    // Each limit names a point whose added time is within it; the next one is not.
    for limit in json["limits"].as_array().unwrap() {
        let capacity = limit["capacity"].as_f64();
        let at = capacities
            .iter()
            .position(|of| Some(*of) == capacity)
            .unwrap();
        let percents = numbers("added_percent");
        let most = limit["added_percent"].as_f64().unwrap();
        assert!(percents[at] <= most);
        assert!(percents.get(at + 1).is_none_or(|next| *next > most));
    }
    let picture = folder.read("curve.svg");
    assert_eq!(picture.matches("<circle").count(), points.len());
    assert!(roxmltree::Document::parse(&picture).is_ok());
    let text = folder.done(&fit(&["--curve"])).stdout;
    for part in [
        "at most 5 %: down to ",
        "at most 20 %: down to ",
        "smallest      4.00 KiB (4,096 bytes), 80.0 % of the peak\n",
        "no capacity below 4.00 KiB (4,096 bytes) works in the orders and with the sharing",
        "spilled",
    ] {
        assert!(text.contains(part), "'{part}' in: {text}");
    }
}

#[test]
fn what_cannot_be_fitted_is_said() {
    let folder = folder();
    folder.write("in.csv", THREE);
    folder.write(
        "devices.csv",
        "id,lower,upper,size,device\na,0,1,8,x\nb,0,1,8,y\n",
    );
    let cases: [(&[&str], &[&str]); 12] = [
        (
            &["fit", "in.csv", "--capacity", "4K"],
            &["'in.csv' has no operators: expected a model"],
        ),
        (
            &["fit", "devices.csv", "--capacity", "4K"],
            &["'devices.csv' has no operators: expected a model"],
        ),
        (
            &["fit", "model.onnx", "--capacity", "4K", "--same", "y=x"],
            &["--same y=x is for plans"],
        ),
        (
            &[
                "fit",
                "model.onnx",
                "--capacity",
                "4K",
                "--memory-speed",
                "1e-300",
            ],
            &["'1e-300' is not a speed"],
        ),
        (&["fit", "model.onnx"], &["--capacity"]),
        (
            &["fit", "model.onnx", "--capacity", "4K", "--svg", "a.svg"],
            &["--curve"],
        ),
        (
            &["fit", "model.onnx", "--capacity", "4K", "--curve"],
            &["cannot be used with"],
        ),
        (
            &[
                "fit",
                "model.onnx",
                "--capacity",
                "4K",
                "--slow-speed",
                "1G",
            ],
            &["--slow"],
        ),
        (
            &["fit", "model.onnx", "--capacity", "4K", "--compress", "1"],
            &["above 1"],
        ),
        (
            &["fit", "model.onnx", "--capacity", "4K", "--flops", "0"],
            &["'0' is not a rate"],
        ),
        (
            &["fit", "model.onnx", "--capacity", "4K", "--flops", "1e-307"],
            &["'1e-307' is not a rate"],
        ),
        (
            &[
                "fit",
                "model.onnx",
                "--capacity",
                "4K",
                "--output",
                "a.tflite",
            ],
            &["'a.tflite'", ".json or .csv"],
        ),
    ];
    for (args, messages) in cases {
        folder.run(args).failed(2, messages);
    }
    let args = [
        "fit",
        "model.onnx",
        "--capacity",
        "4K",
        "--output",
        "model.onnx.json",
    ];
    let args = [&args[..], &["--costs", "model.onnx.json"]].concat();
    folder.write("model.onnx.json", "{}");
    folder
        .run(&args)
        .failed(2, &["the costs", "an input is never replaced"]);
}

#[test]
fn a_model_that_keeps_a_state_is_refused() {
    let graph = tflite::Graph {
        tensors: vec![
            tflite::floats("x", &[8]),
            tflite::floats("state", &[8]).variable(),
            tflite::floats("y", &[8]),
        ],
        inputs: vec![0],
        outputs: vec![2],
        operators: vec![tflite::op(tflite::ADD, &[0, 1], &[2])],
        ..tflite::Graph::default()
    };
    let folder = Folder::with("model.tflite", tflite::file(&[graph]));
    let args = ["fit", "model.tflite", "--capacity", "4K"];
    folder
        .run(&args)
        .failed(1, &["model.tflite", "'state' keeps its value"]);
}

#[test]
fn the_help_offers_what_the_verb_takes() {
    let help = folder().done(&["fit", "--help"]).stdout;
    for part in [
        "--slow-speed",
        "--slow-write-speed",
        "--donate",
        "- in-place:",
        "- parts:",
    ] {
        assert!(help.contains(part), "'{part}' in: {help}");
    }
    for part in [
        "--device",
        "--from",
        "--at-least",
        "--same",
        "CSV file of lifetimes",
    ] {
        assert!(!help.contains(part), "'{part}' in: {help}");
    }
}
