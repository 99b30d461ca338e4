//! The option `--aliasing`: tensors of a model that lie within others.

use orionrt_test_models::parts::node;

use crate::{
    onnx::model,
    run::{Folder, THREE},
};

/// ```text
/// x [1, 4, 8, 8] ─ relu ─► a ─ identity ─► v ─ exp ─► b ─ neg ─► y      1024 bytes each
/// ```
fn chain() -> Vec<u8> {
    let nodes = vec![
        node("Relu", &["x"], &["a"]),
        node("Identity", &["a"], &["v"]),
        node("Exp", &["v"], &["b"]),
        node("Neg", &["b"], &["y"]),
    ];
    model(&["1", "4", "8", "8"], nodes, Vec::new())
}

#[test]
fn tensors_within_others_need_no_bytes() {
    let folder = Folder::with("model.onnx", chain());
    for (aliasing, buffers, aliased) in [("views", 4, 1), ("in-place", 2, 3)] {
        let args = ["plan", "model.onnx", "--aliasing", aliasing, "--json"];
        let json = folder.done(&args).json();
        assert_eq!(json["aliasing"], aliasing);
        for (name, value) in [
            ("buffers", buffers),
            ("total_bytes", buffers * 1024),
            ("aliased", aliased),
            ("load_without_aliasing", 2048),
            ("load", 2048),
            ("peak", 2048),
        ] {
            assert_eq!(json[name].as_u64(), Some(value), "{aliasing}: {name}");
        }
        let text = folder.done(&args[..4]).stdout;
        let lie = match aliased {
            1 => "tensor lies",
            _ => "tensors lie",
        };
        for line in [
            format!("  aliasing      {aliasing}: {aliased} {lie} within others"),
            "; peak load unchanged at 2.00 KiB (2,048 bytes)\n".into(),
            format!("  tensors       {buffers}, "),
        ] {
            assert!(text.contains(&line), "'{line}' in: {text}");
        }
    }
}

#[test]
fn without_aliasing_every_tensor_has_its_own_bytes() {
    let folder = Folder::with("model.onnx", chain());
    for args in [
        &["plan", "model.onnx"][..],
        &["plan", "model.onnx", "--aliasing", "off"],
    ] {
        let json = folder.done(&[args, &["--json"]].concat()).json();
        assert_eq!(
            (&json["buffers"], &json["aliasing"]),
            (&5.into(), &"off".into())
        );
        assert!(json["aliased"].is_null() && json["load_without_aliasing"].is_null());
        assert!(!folder.done(args).stdout.contains("aliasing"));
    }
}

/// ```text
/// x [8, 1] ─ transpose ─► t [1, 8]; x · t ─► m [8, 8] ─ relu ─► r ─ exp ─► y
/// 32 bytes                32                 256                256        256
/// ```
#[test]
fn results_in_place_lower_the_load() {
    let nodes = vec![
        node("Transpose", &["x"], &["t"]),
        node("MatMul", &["x", "t"], &["m"]),
        node("Relu", &["m"], &["r"]),
        node("Exp", &["r"], &["y"]),
    ];
    let folder = Folder::with("model.onnx", model(&["8", "1"], nodes, Vec::new()));
    for (aliasing, load, aliased) in [("views", 512, 1), ("in-place", 256 + 32, 3)] {
        let args = ["plan", "model.onnx", "--aliasing", aliasing, "--json"];
        let json = folder.done(&args).json();
        let numbers = ["load_without_aliasing", "load", "aliased"].map(|name| json[name].as_u64());
        assert_eq!(
            numbers,
            [Some(512), Some(load), Some(aliased)],
            "{aliasing}"
        );
    }
}

#[test]
fn plans_with_aliasing_can_be_checked_in_both_formats() {
    let folder = Folder::with("model.onnx", chain());
    for aliasing in ["views", "in-place"] {
        for output in ["plan.json", "plan.csv"] {
            let args = [
                "plan",
                "model.onnx",
                "--aliasing",
                aliasing,
                "--output",
                output,
            ];
            folder.done(&[&args[..], &["--svg", "plan.svg"]].concat());
            let json = folder.done(&["check", output, "--json"]).json();
            let buffers = if aliasing == "views" { 4 } else { 2 };
            assert_eq!(json["buffers"], buffers, "{aliasing}, {output}");
            assert_eq!(json["total_bytes"], buffers * 1024, "{aliasing}, {output}");
        }
        let lines = folder.read("plan.csv").lines().count();
        let picture = folder.read("plan.svg");
        let roots = if aliasing == "views" { 4 } else { 2 };
        assert_eq!(
            (lines, picture.matches("<rect").count()),
            (roots + 1, roots)
        );
        let plan: serde_json::Value = serde_json::from_str(&folder.read("plan.json")).unwrap();
        let tensors = plan["tensors"].as_array().unwrap();
        let v = tensors.iter().find(|tensor| tensor["id"] == "v").unwrap();
        assert_eq!(v["within"], serde_json::json!({"id": "a", "offset": 0}));
    }
}

#[test]
fn a_plan_with_aliasing_can_be_kept() {
    let folder = Folder::with("model.onnx", chain());
    let args = ["plan", "model.onnx", "--aliasing", "in-place"];
    folder.done(&[&args[..], &["--output", "plan.json"]].concat());
    let json = folder
        .done(&[&args[..], &["--keep", "plan.json", "--json"]].concat())
        .json();
    assert_eq!((&json["kept"], &json["kept_of"]), (&5.into(), &5.into()));
}

#[test]
fn strategies_are_compared_on_the_tensors_that_have_their_own_bytes() {
    let folder = Folder::with("model.onnx", chain());
    let json = folder
        .done(&["compare", "model.onnx", "--aliasing", "in-place", "--json"])
        .json();
    assert_eq!(
        (&json["buffers"], &json["total_bytes"]),
        (&2.into(), &2048.into())
    );
}

#[test]
fn aliasing_of_a_csv_file_is_wrong_usage() {
    let folder = Folder::with("in.csv", THREE);
    folder.done(&["plan", "in.csv", "--aliasing", "off"]);
    for verb in ["plan", "compare"] {
        folder
            .run(&[verb, "in.csv", "--aliasing", "in-place"])
            .failed(
                2,
                &[
                    "--aliasing in-place is for models",
                    "'in.csv' is read as CSV",
                ],
            );
    }
    folder
        .run(&["plan", "in.csv", "--aliasing", "all"])
        .failed(2, &["all", "in-place"]);
}

#[test]
fn a_tensor_that_does_not_lie_within_the_models_one_is_noticed() {
    let folder = Folder::with("model.onnx", chain());
    let args = [
        "plan",
        "model.onnx",
        "--aliasing",
        "views",
        "--output",
        "plan.json",
    ];
    folder.done(&args);
    let check = ["check", "plan.json", "--model", "model.onnx"];
    folder.done(&check);
    // `v` gets bytes of its own above all others: still a plan, but not one with this view.
    let mut plan: serde_json::Value = serde_json::from_str(&folder.read("plan.json")).unwrap();
    let end = plan["peak"].as_u64().unwrap();
    for tensor in plan["tensors"].as_array_mut().unwrap() {
        if tensor["id"] == "v" {
            tensor.as_object_mut().unwrap().remove("within");
            tensor["offset"] = end.into();
        }
    }
    for figure in ["peak", "load", "lower_bound"] {
        plan[figure] = if figure == "peak" { end + 1024 } else { 3072 }.into();
    }
    folder.write("plan.json", plan.to_string());
    folder.done(&["check", "plan.json"]);
    folder
        .run(&check)
        .failed(1, &["tensor 'v' is at offset", "within 'a'"]);
}
