//! `orionrt plan` and `compare` of ONNX models that are made here.

use orionrt_test_models::{
    parts::{encoded, node, unshaped_value, value, zeros},
    proto::{
        GraphProto, NodeProto, TensorProto,
        tensor_proto::DataType::{Float, Int64},
    },
    tiny::conv,
};

use crate::{
    page::Document,
    run::{Folder, fields},
};

/// A model that computes y from x.
pub fn model(dims: &[&str], nodes: Vec<NodeProto>, weights: Vec<TensorProto>) -> Vec<u8> {
    encoded(GraphProto {
        input: vec![value("x", Float, dims)],
        node: nodes,
        output: vec![unshaped_value("y", Float)],
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
        "bounds",
        "buffers",
        "computed_constants",
        "computed_constants_bytes",
        "dims",
        "elapsed_ms",
        "format",
        "left_out",
        "load",
        "load_ms",
        "load_peak_rss_bytes",
        "lower_bound",
        "nodes",
        "optimal",
        "order",
        "order_of",
        "peak",
        "ratio",
        "skips_unknown",
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
    assert_eq!(
        (&json["aliasing"], &json["order_of"]),
        (&"off".into(), &"file".into())
    );
    assert_eq!(
        json["order"],
        serde_json::json!(["Conv_c", "Relu_r", "Exp_y"])
    );
    let report = folder.done(&["plan", "model.onnx"]).stdout;
    assert!(
        report.contains("N = 1 (change it with --dim N=N)") && report.contains("432 bytes"),
        "{report}"
    );
}

#[test]
fn tensors_computed_from_constants_stand_beside_the_weights() {
    let shape = TensorProto {
        name: "shape".into(),
        dims: vec![2],
        data_type: Int64 as i32,
        int64_data: vec![8, 8],
        ..Default::default()
    };
    let nodes = vec![
        node("ConstantOfShape", &["shape"], &["w"]),
        node("MatMul", &["x", "w"], &["y"]),
    ];
    let light = model(&["1", "8"], nodes, vec![shape]);
    let folder = Folder::with("light.onnx", light);
    let run = folder.done(&["plan", "light.onnx", "--html", "a.html"]);
    let said = "16 bytes of weights and 1 tensor computed from constants, 256 bytes, not planned";
    assert!(run.stdout.contains(said), "{}", run.stdout);
    let json = folder.done(&["plan", "light.onnx", "--json"]).json();
    let names = [
        "weights_bytes",
        "computed_constants",
        "computed_constants_bytes",
    ];
    assert_eq!(names.map(|name| json[name].as_u64().unwrap()), [16, 1, 256]);
    let page = Document::of(&folder.read("a.html"));
    let execution = &page.header["maps"][0]["execution"];
    let names = ["weights", "computed_constants", "computed_constants_bytes"];
    assert_eq!(
        names.map(|name| execution[name].as_u64().unwrap()),
        [16, 1, 256]
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
    let (kept, other) = (plan("file"), plan("memory"));
    assert_eq!(kept["load"], 3 * 1024);
    assert_eq!(kept["order_of"], "file");
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
        (b"id,lower,upper,size\n".to_vec(), &["neither an ONNX nor"]),
        (vec![], &["neither an ONNX nor", "empty"]),
        (network("N")[..200].to_vec(), &["expected"]),
        (exp(&["N", "length", "4"]), &["x", "--dim length=N"]),
        (unknown, &["Frobnicate_z"]),
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
        .failed(2, &["model.onnx", "no dimension is called 'M'", "'N'"]);
}

#[test]
fn of_many_missing_dimensions_a_message_lists_the_first() {
    let many = |count: usize, length: usize| {
        let dim = |i: usize| format!("d{i}_{}", "x".repeat(length));
        let input = |i: usize| value(&format!("x{i}"), Float, &["4", &dim(i)]);
        encoded(GraphProto {
            input: (0..count).map(input).collect(),
            node: vec![node("Relu", &["x0"], &["y"])],
            output: vec![unshaped_value("y", Float)],
            ..Default::default()
        })
    };
    for (count, length, more) in [(500, 0, None), (1_234, 0, Some("and 734 more"))] {
        let folder = Folder::with("model.onnx", many(count, length));
        let run = folder.run(&["plan", "model.onnx"]);
        let said = ["sizes are missing", "d0_ in ", "d499_ in ", "--dim d499_=N"];
        run.failed(1, &said);
        assert_eq!(run.stderr.contains(" more"), more.is_some());
        run.failed(1, &[more.unwrap_or_default()]);
        assert!(!run.stderr.contains("d500_"), "{}", run.stderr);
    }
    let folder = Folder::with("model.onnx", many(300, 10_000));
    let run = folder.run(&["plan", "model.onnx"]);
    run.failed(
        1,
        &["sizes are missing", "characters more", " more (--dims"],
    );
    assert!(run.stderr.len() < 100_000, "{} bytes", run.stderr.len());
}

#[test]
fn an_order_from_a_file_is_planned_and_checked() {
    // The file lists both branches by turns; the given order takes one after the other.
    let nodes = vec![
        node("Relu", &["x"], &["a"]),
        node("Neg", &["x"], &["b"]),
        node("ReduceMax", &["a"], &["c"]),
        node("ReduceMin", &["b"], &["d"]),
        node("Add", &["c", "d"], &["y"]),
    ];
    let folder = Folder::with("model.onnx", model(&["1", "4", "8", "8"], nodes, vec![]));
    let names = ["Relu_a", "ReduceMax_c", "Neg_b", "ReduceMin_d", "Add_y"];
    folder.write("order.txt", names.join("\n"));
    let args = [
        "plan",
        "model.onnx",
        "--order",
        "order.txt",
        "--output",
        "plan.json",
    ];
    let json = folder.done(&[&args[..], &["--json"]].concat()).json();
    assert_eq!(json["order"], serde_json::json!(names));
    assert_eq!(json["order_of"], "order.txt");
    folder.done(&["check", "plan.json", "--model", "model.onnx"]);
    // The plan's own file is an order, too.
    let again = ["plan", "model.onnx", "--order", "plan.json", "--json"];
    assert_eq!(folder.done(&again).json()["order"], json["order"]);

    folder.write(
        "order.txt",
        "Relu_a\nAdd_y\nNeg_b\nReduceMin_d\nReduceMax_c",
    );
    folder.run(&args).failed(1, &["order.txt", "Add_y"]);
    folder.write("order.txt", "Relu_a\nRelu_a");
    folder
        .run(&args)
        .failed(1, &["order.txt", "place 2", "Relu_a"]);
    folder.write("order.txt", "Relu_a");
    folder.run(&args).failed(1, &["order.txt"]);
}

#[test]
fn a_plan_is_checked_against_its_model() {
    let folder = Folder::with("model.onnx", network("N"));
    for (aliasing, order) in [("off", "file"), ("in-place", "memory"), ("views", "file")] {
        let options = ["--dim", "N=2", "--aliasing", aliasing, "--order", order];
        let args = ["plan", "model.onnx", "--output", "plan.json"];
        folder.done(&[&args[..], &options].concat());
        let checked = folder.done(&["check", "plan.json", "--model", "model.onnx"]);
        assert!(
            checked.stdout.contains("plan.json: ok for model.onnx"),
            "{}",
            checked.stdout
        );
    }
    // Another model: a tensor more, and another size.
    let other = vec![conv("x", "w", "c"), node("Relu", &["c"], &["y"])];
    let weights = zeros("w", &[4, 3, 3, 3]);
    folder.write(
        "other.onnx",
        model(&["N", "3", "8", "8"], other, vec![weights]),
    );
    let check = ["check", "plan.json", "--model", "other.onnx"];
    folder
        .run(&check)
        .failed(1, &["other.onnx", "place 2", "Relu_r"]);
    folder.done(&["plan", "model.onnx", "--output", "plan.csv"]);
    folder.done(&["check", "plan.csv", "--model", "model.onnx"]);
    let check = ["check", "plan.csv", "--model", "other.onnx"];
    folder.done(&["plan", "other.onnx", "--output", "small.csv"]);
    folder
        .run(&["check", "small.csv", "--model", "model.onnx"])
        .failed(1, &["'r'", "no place"]);
    folder.run(&check).failed(
        1,
        &["not a plan of 'other.onnx'", "'r' of 1024 bytes is not"],
    );
}

#[test]
fn the_dimensions_of_a_model_are_listed() {
    let nodes = vec![node("Relu", &["x"], &["y"])];
    let folder = Folder::with("model.onnx", model(&["batch", "width", ""], nodes, vec![]));
    let json = folder
        .done(&["plan", "model.onnx", "--dims", "--json"])
        .json();
    let dims = json["dims"].as_array().unwrap();
    let names: Vec<_> = dims
        .iter()
        .map(|dim| dim["name"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["batch", "width", "x.2"]);
    assert_eq!(
        (&dims[0]["assumed"], &dims[1]["assumed"]),
        (&1.into(), &().into())
    );
    let text = folder.done(&["plan", "model.onnx", "--dims"]).stdout;
    assert!(
        text.contains("1 unless given") && text.contains("must be given"),
        "{text}"
    );
    let missing = folder.run(&["plan", "model.onnx"]);
    missing.failed(1, &["--dim width=N --dim x.2=N"]);
}

#[test]
fn what_is_left_out_limits_the_claim() {
    // The elements of `z` that are not 0 are known when the model runs.
    let nodes = vec![node("NonZero", &["x"], &["z"]), node("Exp", &["x"], &["y"])];
    let folder = Folder::with("model.onnx", model(&["4", "4"], nodes, vec![]));
    folder
        .run(&["plan", "model.onnx"])
        .failed(1, &["NonZero_z.1=N", "upper bound"]);
    let bounded = folder
        .done(&["plan", "model.onnx", "--dim", "NonZero_z.1=16"])
        .stdout;
    assert!(
        bounded.contains("optimal for sizes at their upper bounds"),
        "{bounded}"
    );
    let skip = ["plan", "model.onnx", "--unknown", "skip"];
    let skipped = folder.done(&skip).stdout;
    assert!(
        skipped.contains("optimal for what is planned; 1 left out"),
        "{skipped}"
    );
    folder.done(&[&skip[..], &["--output", "plan.json"]].concat());
    let checked = folder
        .done(&["check", "plan.json", "--model", "model.onnx"])
        .stdout;
    assert!(
        checked.contains("optimal for what is planned; 1 left out"),
        "{checked}"
    );
    // The model decides what is left out, and the plan must say so.
    let stated = folder.read("plan.json");
    let (before, after) = stated.split_once("\"left_out\": [").unwrap();
    let (_, after) = after.split_once(']').unwrap();
    folder.write("plan.json", format!("{before}\"left_out\": []{after}"));
    folder
        .run(&["check", "plan.json", "--model", "model.onnx"])
        .failed(1, &["'left_out' has none for 'z'; expected one"]);
    let json = folder.done(&[&skip[..], &["--json"]].concat()).json();
    assert_eq!(json["left_out"][0]["name"], "z");
}

#[test]
fn a_plan_for_tensorflow_lite_needs_such_a_model() {
    let folder = Folder::with("model.onnx", network("1"));
    folder
        .run(&["plan", "model.onnx", "--output", "planned.tflite"])
        .failed(2, &["TensorFlow Lite models", "'model.onnx'"]);
    assert_eq!(folder.names(), ["model.onnx"]);
}
