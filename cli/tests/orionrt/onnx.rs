//! `orionrt plan` and `compare` of ONNX models that are made here.

use orionrt_test_models::{
    parts::{encoded, node, value, zeros},
    proto::{GraphProto, NodeProto, TensorProto, tensor_proto::DataType::Float},
    tiny::conv,
};

use crate::run::{Folder, fields};

/// A model that computes y from x.
pub fn model(dims: &[&str], nodes: Vec<NodeProto>, weights: Vec<TensorProto>) -> Vec<u8> {
    encoded(GraphProto {
        input: vec![value("x", Float, dims)],
        node: nodes,
        output: vec![value("y", Float, &[])],
        initializer: weights,
        ..Default::default()
    })
}

/// x [batch, 3, 8, 8] → conv (4 filters of 3 × 3, padded) → relu → exp → y [batch, 4, 8, 8].
pub fn network(batch: &str) -> Vec<u8> {
    let nodes = vec![
        conv("x", "w", "c"),
        node("Relu", &["c"], &["r"]),
        node("Exp", &["r"], &["y"]),
    ];
    let weights = zeros("w", &[4, 3, 3, 3]);
    model(&[batch, "3", "8", "8"], nodes, vec![weights])
}

#[test]
fn json_has_the_facts_about_the_model() {
    let folder = Folder::with("model.onnx", network("N"));
    let json = folder.done(&["plan", "model.onnx", "--json"]).json();
    let expected = [
        "aliasing",
        "alignment",
        "assumed",
        "buffers",
        "elapsed_ms",
        "load",
        "load_ms",
        "load_peak_rss_bytes",
        "lower_bound",
        "nodes",
        "optimal",
        "peak",
        "ratio",
        "strategy",
        "total_bytes",
        "weights_bytes",
    ];
    assert_eq!(fields(&json), expected);
    // x (768 bytes) and c (1024), then two of 1024 at a time.
    for (name, value) in [
        ("buffers", 4),
        ("nodes", 3),
        ("weights_bytes", 432),
        ("total_bytes", 768 + 3 * 1024),
        ("peak", 2048),
        ("lower_bound", 2048),
        ("alignment", 64),
    ] {
        assert_eq!(json[name].as_u64(), Some(value), "{name}");
    }
    assert_eq!(json["assumed"], serde_json::json!({"N": 1}));
    assert_eq!(json["aliasing"], "off");
    let report = folder.done(&["plan", "model.onnx"]).stdout;
    assert!(
        report.contains("N = 1 (change it with --dim N=N)") && report.contains("432 bytes"),
        "{report}"
    );
}

#[test]
fn tensors_scale_with_a_given_dimension() {
    let folder = Folder::with("model.onnx", network("N"));
    let json = folder
        .done(&["plan", "model.onnx", "--json", "--dim", "N=3"])
        .json();
    assert_eq!(
        (&json["peak"], &json["assumed"]),
        (&(3 * 2048).into(), &serde_json::json!({}))
    );
    let args = ["compare", "model.onnx", "--dim", "N=3", "--json"];
    let json = folder.done(&args).json();
    assert_eq!(
        (&json["lower_bound"], &json["alignment"]),
        (&(3 * 2048).into(), &64.into())
    );
}

#[test]
fn order_memory_lowers_the_load() {
    // The model's order makes a large tensor early that is only needed at the end.
    let nodes = vec![
        node("Relu", &["x"], &["a"]),
        node("Sigmoid", &["x"], &["b"]),
        node("ReduceMax", &["b"], &["c"]),
        node("Add", &["a", "c"], &["y"]),
    ];
    let folder = Folder::with(
        "model.onnx",
        model(&["1", "4", "8", "8"], nodes, Vec::new()),
    );
    let plan = |order: &str| {
        let args = ["plan", "model.onnx", "--order", order, "--json"];
        folder.done(&args).json()
    };
    let (kept, other) = (plan("keep"), plan("memory"));
    assert_eq!(kept["load"], 3 * 1024);
    assert!(kept["order"].is_null());
    assert_eq!(
        (&other["load_before"], &other["load_after"], &other["load"]),
        (&kept["load"], &(2 * 1024 + 4).into(), &other["load_after"])
    );
    assert_eq!(other["order_optimal"], true);
    let order = other["order"].as_array().unwrap();
    let step = |name: &str| order.iter().position(|op| op == name);
    assert_eq!((order.len(), step("Add_y")), (4, Some(3)));
    assert!(step("Relu_a") > step("ReduceMax_c"));
    let text = folder.done(&["plan", "model.onnx", "--order", "memory"]);
    assert!(
        text.stdout.contains(
            "peak load 2.00 KiB (2,052 bytes) instead of 3.00 KiB (3,072 bytes); optimal"
        )
    );
}

#[test]
fn plans_of_a_model_can_be_checked_in_both_formats() {
    let folder = Folder::with("model.onnx", network("1"));
    for (name, alignment) in [
        ("plan.csv", None),
        ("plan.json", None),
        ("wide.csv", Some("4096")),
    ] {
        let alignment = alignment.map_or(vec![], |a| vec!["--alignment", a]);
        folder.done(&[&["plan", "model.onnx", "--output", name][..], &alignment].concat());
        folder.done(&["check", name]);
    }
    let plan = folder.read("plan.csv");
    assert_eq!(
        plan.lines().next(),
        Some("id,lower,upper,size,alignment,offset")
    );
    let ids: Vec<_> = plan
        .lines()
        .skip(1)
        .map(|line| line.split(',').next().unwrap())
        .collect();
    assert_eq!(ids, ["x", "c", "r", "y"]);
    assert!(plan.contains("x,0,1,768,64,"), "{plan}");
    assert!(folder.read("wide.csv").contains("x,0,1,768,4096,"));
}

#[test]
fn a_bad_model_is_named_with_the_node_at_fault() {
    let exp = |dims: &[&str]| model(dims, vec![node("Exp", &["x"], &["y"])], vec![]);
    let unknown = model(
        &["4"],
        vec![
            node("Frobnicate", &["x"], &["z"]),
            node("Exp", &["z"], &["y"]),
        ],
        vec![],
    );
    let dangling = model(&["4"], vec![node("Exp", &["nowhere"], &["y"])], vec![]);
    let cases: [(Vec<u8>, &[&str]); 6] = [
        (b"id,lower,upper,size\n".to_vec(), &["not an ONNX model"]),
        (vec![], &["not an ONNX model", "empty"]),
        (network("N")[..200].to_vec(), &["ONNX"]),
        (exp(&["N", "length", "4"]), &["'x'", "--dim length=N"]),
        (unknown, &["Frobnicate_z", "Frobnicate", "shape"]),
        (dangling, &["nowhere"]),
    ];
    for (bytes, messages) in cases {
        let folder = Folder::with("model.onnx", bytes);
        let run = folder.run(&["plan", "model.onnx", "--output", "plan.csv"]);
        assert!(
            run.stderr.starts_with("error: model.onnx: "),
            "{}",
            run.stderr
        );
        run.failed(1, messages);
        assert_eq!(folder.names(), ["model.onnx"]);
    }
}

#[test]
fn an_unknown_dimension_is_wrong_usage() {
    let folder = Folder::with("model.onnx", network("N"));
    folder
        .run(&["plan", "model.onnx", "--dim", "M=3"])
        .failed(2, &["model.onnx", "no dimension named 'M'", "it has N"]);
}
