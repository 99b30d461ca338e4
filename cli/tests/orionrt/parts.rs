//! The level `parts` of `--aliasing`: operands of concatenations that lie within the results.

use orionrt_test_models::{
    parts::{encoded, int, node, value, zeros},
    proto::{GraphProto, NodeProto, TensorProto, tensor_proto::DataType},
    unet,
};
use serde_json::Value;

use crate::{
    run::{Folder, THREE},
    tflite::{self, Graph, TRANSPOSE, floats, op},
};

/// A U-Net of four levels, whose finest pictures have 8 KiB.
fn u_net() -> Folder {
    let layout = unet::Layout {
        side: 16,
        levels: vec![8, 8, 16, 16],
        ..unet::Layout::default()
    };
    Folder::with("model.onnx", unet::file(&layout))
}

fn concat(operands: &[&str], result: &str) -> NodeProto {
    let mut node = node("Concat", operands, &[result]);
    node.attribute.push(int("axis", 1));
    node
}

/// A concatenation of `a`, `m` and `b`. Between `a` and `b` there is no room for `wide`, which is
/// needed before `m` is there: with parts, that takes more.
///
/// ```text
/// x ─► a, b; a ─► wide ─► s ─► m; a, m, b ─► y        64 bytes each, wide 320, s 4, y 192
/// ```
fn hole() -> Folder {
    let sizes = |name: &str, numbers: [i64; 2]| TensorProto {
        name: name.into(),
        dims: vec![2],
        data_type: DataType::Int64 as i32,
        raw_data: numbers.iter().flat_map(|n| n.to_le_bytes()).collect(),
        ..Default::default()
    };
    let graph = GraphProto {
        input: vec![value("x", DataType::Float, &["1", "16"])],
        node: vec![
            node("Relu", &["x"], &["a"]),
            node("Neg", &["x"], &["b"]),
            node("Tile", &["a", "five"], &["wide"]),
            node("MatMul", &["wide", "w"], &["s"]),
            node("Tile", &["s", "sixteen"], &["m"]),
            concat(&["a", "m", "b"], "y"),
        ],
        output: vec![value("y", DataType::Float, &["1", "48"])],
        initializer: vec![
            sizes("five", [1, 5]),
            sizes("sixteen", [1, 16]),
            zeros("w", &[80, 1]),
        ],
        ..Default::default()
    };
    Folder::with("model.onnx", encoded(graph))
}

fn json(folder: &Folder, aliasing: &str) -> Value {
    let args = ["plan", "model.onnx", "--aliasing", aliasing, "--json"];
    folder.done(&args).json()
}

#[test]
fn skip_connections_of_a_u_net_need_no_copy() {
    let folder = u_net();
    let [in_place, parts] = ["in-place", "parts"].map(|aliasing| json(&folder, aliasing));
    assert_eq!(parts["aliasing"], "parts");
    // Three concatenations of two operands each: 2·8 KiB, 2·2 KiB and 2·1 KiB.
    let counts = ["concatenated", "uncopied", "uncopied_bytes"].map(|name| parts[name].as_u64());
    assert_eq!(counts, [Some(6), Some(6), Some(22 << 10)]);
    // The finest concatenation with its operands sets the peak; then it is a convolution of it.
    assert_eq!(
        (&in_place["peak"], &parts["peak"]),
        (&(32 << 10).into(), &(24 << 10).into())
    );
    assert_eq!(
        (&parts["optimal"], &in_place["uncopied"]),
        (&true.into(), &Value::Null)
    );

    let text = folder
        .done(&["plan", "model.onnx", "--aliasing", "parts"])
        .stdout;
    for line in [
        "  aliasing      parts: ",
        "  parts         6 of 6 operands of concatenations are not copied, 22.0 KiB (22,528 bytes)",
    ] {
        assert!(text.contains(line), "'{line}' in: {text}");
    }
}

#[test]
fn where_parts_raise_the_peak_the_plan_without_them_is_kept() {
    let folder = hole();
    let [in_place, parts] = ["in-place", "parts"].map(|aliasing| json(&folder, aliasing));
    assert_eq!(
        (&parts["aliasing"], &parts["peak"]),
        (&"in-place".into(), &in_place["peak"])
    );
    for name in [
        "load",
        "aliased",
        "buffers",
        "total_bytes",
        "load_without_aliasing",
    ] {
        assert_eq!(parts[name], in_place[name], "{name}");
    }
    let counts = ["concatenated", "uncopied", "uncopied_bytes"].map(|name| parts[name].as_u64());
    assert_eq!(counts, [Some(3), Some(0), Some(0)]);
    let args = ["plan", "model.onnx", "--aliasing", "parts"];
    let text = folder.done(&args).stdout;
    let line = "  parts         none: they would raise the peak";
    assert!(text.contains(line), "{text}");

    // The plan's file says what it is for, and within the capacity of the lower one is a plan.
    let peak = in_place["peak"].to_string();
    let files = ["--output", "plan.json", "--capacity", &peak];
    folder.done(&[&args[..], &files].concat());
    folder.done(&["check", "plan.json", "--model", "model.onnx"]);
    let plan: Value = serde_json::from_str(&folder.read("plan.json")).unwrap();
    assert_eq!(plan["model"]["aliasing"], "in-place");
    let run = folder.run(&[&args[..], &["--capacity", "100"]].concat());
    assert_eq!(run.status, 3);
    run.said(&["the best plan has a peak of 452 bytes"]);
    assert!(run.stdout.contains("wide: 320 bytes"), "{}", run.stdout);
}

#[test]
fn plans_with_parts_are_checked_in_both_formats_and_against_the_model() {
    let folder = u_net();
    let model = ["--model", "model.onnx"];
    for order in ["file", "memory"] {
        let args = [
            "plan",
            "model.onnx",
            "--aliasing",
            "parts",
            "--order",
            order,
        ];
        folder.done(&[&args[..], &["--output", "plan.json", "--svg", "plan.svg"]].concat());
        folder.done(&["check", "plan.json"]);
        folder.done(&[&["check", "plan.json"][..], &model].concat());
    }
    let args = [
        "plan",
        "model.onnx",
        "--aliasing",
        "parts",
        "--output",
        "plan.csv",
    ];
    folder.done(&args);
    folder.done(&["check", "plan.csv"]);
    let check = [&["check", "plan.csv"][..], &model, &["--aliasing"]].concat();
    folder.done(&[&check[..], &["parts"]].concat());
    // Without parts, the operands are missing.
    folder
        .run(&[&check[..], &["in-place"]].concat())
        .failed(1, &["has no place in the plan"]);
}

#[test]
fn an_operand_that_the_plan_moves_out_of_the_result_is_noticed() {
    let folder = u_net();
    let args = [
        "plan",
        "model.onnx",
        "--aliasing",
        "parts",
        "--output",
        "plan.json",
    ];
    folder.done(&args);
    let mut plan: Value = serde_json::from_str(&folder.read("plan.json")).unwrap();
    for tensor in plan["tensors"].as_array_mut().unwrap() {
        let within = &tensor["within"];
        if within["id"] == "joined0" && within["offset"] == 0 {
            tensor["within"]["offset"] = 4096.into();
            tensor["offset"] = (tensor["offset"].as_u64().unwrap() + 4096).into();
        }
    }
    folder.write("plan.json", plan.to_string());
    folder
        .run(&["check", "plan.json", "--model", "model.onnx"])
        .failed(1, &["plan.json"]);
}

/// The object that a verb prints for a model with parts.
fn of_verb(folder: &Folder, verb: &[&str], aliasing: &str) -> Value {
    let args = [verb, &["--aliasing", aliasing, "--json"]].concat();
    folder.done(&args).json()
}

#[test]
fn regions_leave_parts_out_where_results_would_be_too_large() {
    // With parts, `wide` lies between the operands, so that the region is larger.
    for (folder, limit, kept, regions) in
        [(hole(), "390", "in-place", 2), (u_net(), "32K", "parts", 1)]
    {
        let verb = ["plan", "model.onnx", "--max-region", limit];
        let parts = of_verb(&folder, &verb, "parts");
        assert_eq!(
            (&parts["aliasing"], parts["uncopied"] == 0),
            (&kept.into(), kept != "parts")
        );
        assert_eq!(parts["regions"].as_array().map(Vec::len), Some(regions));
        let without = of_verb(&folder, &verb, "in-place");
        assert!(without.get("aliasing").is_none() && without.get("uncopied").is_none());
        let together = |json: &Value| {
            let sizes = json["regions"].as_array().expect("sizes").iter();
            sizes.map(|size| size.as_u64().expect("bytes")).sum::<u64>()
        };
        assert_eq!(together(&parts) < together(&without), kept == "parts");
    }
    let text = hole().done(&[
        "plan",
        "model.onnx",
        "--max-region",
        "390",
        "--aliasing",
        "parts",
    ]);
    let line = "  parts         none: they would need more or larger regions";
    assert!(text.stdout.contains(line), "{}", text.stdout);
}

#[test]
fn pools_keep_parts_where_less_is_moved_in_slow_memory() {
    for (folder, pool, kept) in [
        (u_net(), "fast=24K", "parts"),
        (hole(), "fast=400", "in-place"),
    ] {
        let verb = ["plan", "model.onnx", "--pool", pool, "--pool", "slow"];
        let [parts, without] = ["parts", "in-place"].map(|level| of_verb(&folder, &verb, level));
        assert_eq!(parts["aliasing"], kept);
        let slow = |json: &Value| json["pools"][1]["traffic"].as_u64().expect("bytes");
        assert_eq!(slow(&parts) < slow(&without), kept == "parts");
        assert!(slow(&parts) <= slow(&without));
    }
}

#[test]
fn compare_gives_all_strategies_the_lifetimes_with_the_lower_peak() {
    for (folder, kept) in [(u_net(), "parts"), (hole(), "in-place")] {
        let [parts, plan] = [["compare", "model.onnx"], ["plan", "model.onnx"]]
            .map(|verb| of_verb(&folder, &verb, "parts"));
        assert_eq!(parts["aliasing"], kept);
        assert_eq!(
            (&parts["buffers"], &parts["load"]),
            (&plan["buffers"], &plan["load"])
        );
    }
    let text = hole()
        .done(&["compare", "model.onnx", "--aliasing", "parts"])
        .stdout;
    assert!(
        text.contains("parts: none: they would raise the peak"),
        "{text}"
    );
}

#[test]
fn models_that_share_an_arena_each_have_parts_or_not() {
    let folder = u_net();
    std::fs::copy(hole().path("model.onnx"), folder.path("hole.onnx")).expect("a copy");
    let verb = ["share", "model.onnx", "hole.onnx", "--schedule", "any"];
    let [in_place, parts] = ["in-place", "parts"].map(|level| of_verb(&folder, &verb, level));
    let kept = |i: usize| parts["models"][i]["aliasing"].as_str().expect("a level");
    assert_eq!([kept(0), kept(1)], ["parts", "in-place"]);
    let bytes = |json: &Value, key: &str| json[key].as_u64().expect("bytes");
    assert!(bytes(&parts, "shared_peak") < bytes(&in_place, "shared_peak"));
    let alone = |json: &Value| bytes(&json["models"][1], "isolated_peak");
    assert_eq!(alone(&parts), alone(&in_place));
}

#[test]
fn parts_are_for_models_and_not_for_copies_of_them() {
    let folder = Folder::with("in.csv", THREE);
    let args = ["plan", "in.csv", "--aliasing", "parts"];
    folder
        .run(&args)
        .failed(2, &["--aliasing parts is for models"]);
    let graph = Graph {
        name: "main".into(),
        tensors: vec![floats("x", &[8]), floats("y", &[8])],
        inputs: vec![0],
        outputs: vec![1],
        operators: vec![op(TRANSPOSE, &[0], &[1])],
    };
    let folder = Folder::with("model.tflite", tflite::file(&[graph]));
    let args = ["plan", "model.tflite", "--output", "copy.tflite"];
    folder
        .run(&[&args[..], &["--aliasing", "parts"]].concat())
        .failed(2, &["cannot have --aliasing parts"]);
}
