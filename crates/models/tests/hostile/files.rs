//! Files that are cut off, changed, or no files; weights in files of their own.

use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;
use std::{env, thread};

use orionrt_models::{ModelError, Options, Unknown, load, parse};
use orionrt_test_models::parts::{encode, model, node, value, zeros};
use orionrt_test_models::proto::tensor_proto::DataType::Float;
use orionrt_test_models::proto::{ModelProto, StringStringEntryProto};

use crate::measured::{Temporary, alone, loaded};
use crate::parts::{body, branch, call, function, graph, whole_numbers, with};

#[test]
fn weights_in_files_that_are_not_opened() {
    let _alone = alone();
    let pipe = Temporary::pipe("weights");
    let pipe = pipe.0.to_str().unwrap();
    for path in [
        "../../../../etc/passwd",
        "/dev/zero",
        "/dev/stdin",
        "",
        "missing",
        pipe,
    ] {
        let mut graph = graph(vec![node("Add", &["x", "w"], &["y"])]);
        let mut weight = zeros("w", &[4]);
        weight.raw_data = Vec::new();
        weight.data_location = 1;
        weight.external_data = vec![StringStringEntryProto {
            key: "location".into(),
            value: path.into(),
        }];
        graph.initializer = vec![weight];
        let model = encode(&model(graph, 17));
        // Whoever opens a pipe to which nobody writes waits for ever.
        let (send, receive) = mpsc::channel();
        let loading = move || send.send(loaded("external", model).map(|model| model.weights_bytes));
        thread::spawn(loading);
        let bytes = receive.recv_timeout(Duration::from_secs(60));
        assert_eq!(
            bytes.expect("the file is not opened").unwrap(),
            16,
            "{path}"
        );
    }
}

/// A small model with all that a file may have.
fn small() -> Vec<u8> {
    let bodies = vec![
        body(
            "then_branch",
            branch(vec![node("Relu", &["x"], &["r"])], "r"),
        ),
        body(
            "else_branch",
            branch(vec![node("Abs", &["x"], &["q"])], "q"),
        ),
    ];
    let nodes = vec![
        node("Add", &["x", "w"], &["t"]),
        with(node("If", &["c"], &["u"]), bodies),
        node("Reshape", &["u", "s"], &["v"]),
        call("f", "F", "v", "y"),
    ];
    let mut graph = graph(nodes);
    graph.initializer = vec![zeros("w", &[4]), whole_numbers("s", &[2, 2])];
    graph.value_info = vec![value("t", Float, &["4"]), value("v", Float, &["2", ""])];
    graph.output = vec![value("y", Float, &["2", "2"])];
    encode(&ModelProto {
        functions: vec![function("F", vec![node("Relu", &["a"], &["b"])])],
        ..model(graph, 17)
    })
}

#[test]
fn a_file_that_ends_at_any_byte() {
    let _alone = alone();
    let bytes = small();
    parse(&bytes, &Options::new()).unwrap();
    for end in 0..bytes.len() {
        let _ = parse(&bytes[..end], &Options::new());
    }
}

#[test]
fn a_file_with_any_byte_changed() {
    let _alone = alone();
    let bytes = small();
    let options = Options::new().unknown(Unknown::Skip);
    for at in 0..bytes.len() {
        // Each bit, and values that are special to numbers and lengths.
        let bits = (0..8).map(|bit| bytes[at] ^ (1 << bit));
        for value in bits.chain([0, 0x7f, 0x80, 0xff]) {
            let mut changed = bytes.clone();
            changed[at] = value;
            let _ = parse(&changed, &options);
        }
    }
}

#[test]
fn what_cannot_be_opened_or_is_no_file() {
    let _alone = alone();
    let none = load(Path::new("/nowhere/model.onnx"), &Options::new());
    assert!(matches!(none, Err(ModelError::Read { .. })));
    let folder = load(&env::temp_dir(), &Options::new());
    assert!(matches!(folder, Err(ModelError::Read { .. })));
    #[cfg(target_os = "linux")]
    for endless in ["/dev/zero", "/dev/null"] {
        assert!(load(Path::new(endless), &Options::new()).is_err());
    }
}
