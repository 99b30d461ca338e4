//! The options `--donate` and `--same`: inputs that are given up, or get a new value.

use orionrt_test_models::{
    parts::{encoded, node, unshaped_value, value},
    proto::{GraphProto, tensor_proto::DataType::Float},
};
use serde_json::json;

use crate::run::{Folder, THREE};

/// ```text
/// x [1024] ─ relu ─► a ─ exp ─► y                     4096 bytes each
/// past.0 [1024] ──┐
/// token [1024] ── add ─► present.0
/// ```
fn model() -> Vec<u8> {
    let inputs = ["x", "past.0", "token"];
    let node_of = |op: &str, of: &[&str], result: &str| node(op, of, &[result]);
    encoded(GraphProto {
        input: inputs.map(|name| value(name, Float, &["1024"])).into(),
        node: vec![
            node_of("Relu", &["x"], "a"),
            node_of("Exp", &["a"], "y"),
            node_of("Add", &["past.0", "token"], "present.0"),
        ],
        output: ["y", "present.0"]
            .map(|name| unshaped_value(name, Float))
            .into(),
        ..Default::default()
    })
}

const IN_PLACE: [&str; 4] = ["plan", "model.onnx", "--aliasing", "in-place"];

#[test]
fn results_are_written_over_donated_inputs() {
    let folder = Folder::with("model.onnx", model());
    let peak = |options: &[&str]| {
        let args = [&IN_PLACE[..], options, &["--json"]].concat();
        let json = folder.done(&args).json();
        (json["peak"].as_u64().expect("bytes"), json)
    };
    // x, past.0, token and a; then y in the place of a.
    let (kept, json) = peak(&[]);
    assert_eq!(kept, 4 * 4096);
    assert!(json["donated"].is_null() && json["same"].is_null());
    let (one, json) = peak(&["--donate", "x"]);
    assert_eq!((one, &json["donated"]), (4 * 4096, &json!(["x"])));
    let (two, _) = peak(&["--donate", "x", "--donate", "past.0"]);
    let (all, json) = peak(&["--donate", "all"]);
    assert_eq!((two, all), (3 * 4096, 3 * 4096));
    assert_eq!(json["donated"], json!(["x", "past.0", "token"]));
    let text = folder
        .done(&[&IN_PLACE[..], &["--donate", "x"]].concat())
        .stdout;
    assert!(
        text.contains("donated       x: results may be written over them"),
        "{text}"
    );
}

#[test]
fn an_output_is_placed_in_the_bytes_of_its_input() {
    let folder = Folder::with("model.onnx", model());
    let options = ["--same", "present.0=past.0", "--output", "plan.json"];
    let text = folder.done(&[&IN_PLACE[..], &options].concat()).stdout;
    assert!(
        text.contains("present.0=past.0: outputs in the bytes of inputs"),
        "{text}"
    );
    let plan: serde_json::Value = serde_json::from_str(&folder.read("plan.json")).expect("JSON");
    assert_eq!(plan["model"]["same"], json!(["present.0=past.0"]));
    let tensors = plan["tensors"].as_array().expect("a list");
    let of = |id: &str| tensors.iter().find(|tensor| tensor["id"] == id).expect(id);
    assert_eq!(
        of("present.0")["within"],
        json!({"id": "past.0", "offset": 0})
    );
    assert_eq!(of("present.0")["offset"], of("past.0")["offset"]);
    // The file says how the model was planned.
    folder.done(&["check", "plan.json", "--model", "model.onnx"]);
    let stated = [
        "check",
        "plan.json",
        "--model",
        "model.onnx",
        "--donate",
        "x",
    ];
    let refused = folder.run(&stated);
    assert_eq!(refused.status, 2);
    assert!(
        refused
            .stderr
            .contains("--donate x is for plans that do not state it")
    );
    let lies = folder
        .read("plan.json")
        .replace("present.0=past.0", "present.0=token");
    folder.write("lies.json", lies);
    let refused = folder.run(&["check", "lies.json", "--model", "model.onnx"]);
    assert!(refused.status != 0 && refused.stderr.contains("not a plan of 'model.onnx'"));
}

#[test]
fn what_the_model_cannot_do_is_refused_with_the_reason() {
    let folder = Folder::with("model.onnx", model());
    folder.write("three.csv", THREE);
    let refused = |args: &[&str]| {
        let run = folder.run(args);
        assert_eq!(run.status, 2, "{}", run.stderr);
        run.stderr
    };
    for (options, expected) in [
        (
            &["--donate", "past.1"][..],
            "--donate: no input of the model is called 'past.1'; expected 'past.0'",
        ),
        (
            &["--same", "presnt.0=past.0"],
            "--same: no output of the model is called 'presnt.0'; expected 'present.0'",
        ),
        (
            &["--same", "y=past.0", "--same", "y=x"],
            "output 'y' cannot have the bytes of input 'x': one of them is already declared",
        ),
        (
            &["--same", "y=past.0"],
            "operator 'Add_present.0' (step 2) reads the old value, tensor 'past.0', and may run \
             after operator 'Exp_y' (step 1) has written the new one; another --order may help",
        ),
        (&["--same", "present"], "'present' is not OUTPUT=INPUT"),
    ] {
        let stderr = refused(&[&IN_PLACE[..], options].concat());
        assert!(stderr.contains(expected), "'{expected}' in: {stderr}");
    }
    let stderr = refused(&["plan", "model.onnx", "--donate", "x"]);
    assert!(
        stderr.contains("--donate x needs --aliasing in-place"),
        "{stderr}"
    );
    for (option, value) in [("--donate", "x"), ("--same", "y=x")] {
        let stderr = refused(&["plan", "three.csv", option, value]);
        let expected = format!("{option} {value} is for models");
        assert!(stderr.contains(&expected), "{stderr}");
    }
}
