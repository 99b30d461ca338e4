//! Writes small models of both formats into a folder, for the fuzz targets to start from.
//!
//! ```text
//! fuzz_seeds FOLDER       writes FOLDER/onnx/*.onnx and FOLDER/tflite/*.tflite
//! ```
//!
//! Each has a part that random bytes seldom become: bodies, functions, stated shapes, views.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use orionrt_models::{Options, parse};
use orionrt_test_models::parts::{encode, int, model, node, value, zeros};
use orionrt_test_models::proto::attribute_proto::AttributeType;
use orionrt_test_models::proto::tensor_proto::DataType::{self, Bool, Float, Int64};
use orionrt_test_models::proto::{
    AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto,
    TensorProto, ValueInfoProto,
};

#[path = "../tests/tflite/writer.rs"]
mod writer;

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).ok_or("usage: fuzz_seeds FOLDER")?);
    for (name, model) in onnx() {
        save(&folder, "onnx", name, &encode(&model))?;
    }
    for (name, bytes) in tflite() {
        save(&folder, "tflite", name, &bytes)?;
    }
    Ok(())
}

/// Writes a seed that is known to be a model.
fn save(folder: &Path, format: &str, name: &str, bytes: &[u8]) -> Result<(), Box<dyn Error>> {
    parse(bytes, &Options::new().dim("n", 3).allow_unused_names())
        .map_err(|error| format!("{name}: {error}"))?;
    let folder = folder.join(format);
    fs::create_dir_all(&folder)?;
    fs::write(folder.join(format!("{name}.{format}")), bytes)?;
    Ok(())
}

fn onnx() -> Vec<(&'static str, ModelProto)> {
    let functions = ModelProto {
        functions: vec![twice()],
        ..model(simple(vec![call("Twice", "x", "y")]), 17)
    };
    vec![
        ("shapes", model(shapes(), 17)),
        ("branches", model(branches(), 17)),
        ("loop", model(repeated(), 17)),
        ("scan", model(scan(), 17)),
        ("functions", functions),
    ]
}

/// From `x` to `y`, of four numbers each.
fn simple(nodes: Vec<NodeProto>) -> GraphProto {
    GraphProto {
        node: nodes,
        input: vec![value("x", Float, &["4"])],
        output: vec![value("y", Float, &["4"])],
        ..Default::default()
    }
}

/// A shape that is computed, a size with a name, and shapes in the middle that are stated.
fn shapes() -> GraphProto {
    let mut concat = node("Concat", &["s", "two"], &["t"]);
    concat.attribute = vec![int("axis", 0)];
    let mut unknown = node("Unknown", &["r"], &["y"]);
    unknown.domain = "own".into();
    GraphProto {
        input: vec![value("x", Float, &["n"])],
        output: vec![value("y", Float, &["n", "2"])],
        value_info: vec![value("r", Float, &["n", "2"])],
        initializer: vec![numbers("two", &[1], &[2]), numbers("one", &[1], &[1])],
        ..simple(vec![
            node("Shape", &["x"], &["s"]),
            concat,
            node("Unsqueeze", &["x", "one"], &["u"]),
            node("Expand", &["u", "t"], &["r"]),
            unknown,
        ])
    }
}

fn branches() -> GraphProto {
    let then = body(
        "r",
        vec![],
        vec![node("Relu", &["x"], &["q"]), node("Exp", &["q"], &["r"])],
    );
    let other = body("z", vec![], vec![node("Abs", &["x"], &["z"])]);
    let mut choice = node("If", &["c"], &["y"]);
    choice.attribute = vec![graph("then_branch", then), graph("else_branch", other)];
    let mut graph = simple(vec![choice]);
    graph.input.push(value("c", Bool, &[]));
    graph
}

fn repeated() -> GraphProto {
    let inputs = vec![
        value("i", Int64, &[]),
        value("c", Bool, &[]),
        value("s", Float, &["4"]),
    ];
    let nodes = vec![
        node("Identity", &["c"], &["d"]),
        node("Add", &["s", "x"], &["t"]),
    ];
    let mut body = body("d", inputs, nodes);
    body.output = vec![value("d", Bool, &[]), value("t", Float, &["4"])];
    let mut repeat = node("Loop", &["count", "", "x"], &["y"]);
    repeat.attribute = vec![graph("body", body)];
    GraphProto {
        initializer: vec![numbers("count", &[], &[5])],
        ..simple(vec![repeat])
    }
}

fn scan() -> GraphProto {
    let inputs = vec![value("s", Float, &["4"]), value("e", Float, &["4"])];
    let mut body = body(
        "t",
        inputs,
        vec![
            node("Add", &["s", "e"], &["t"]),
            node("Relu", &["t"], &["u"]),
        ],
    );
    body.output = vec![value("t", Float, &["4"]), value("u", Float, &["4"])];
    let mut scan = node("Scan", &["w", "x"], &["y", "all"]);
    scan.attribute = vec![graph("body", body), int("num_scan_inputs", 1)];
    GraphProto {
        input: vec![value("x", Float, &["3", "4"])],
        output: vec![value("y", Float, &["4"]), value("all", Float, &["3", "4"])],
        initializer: vec![zeros("w", &[4])],
        ..simple(vec![scan])
    }
}

fn twice() -> FunctionProto {
    FunctionProto {
        domain: "own".into(),
        name: "Twice".into(),
        input: vec!["a".into()],
        output: vec!["b".into()],
        node: vec![
            node("Relu", &["a"], &["t"]),
            node("Add", &["t", "a"], &["b"]),
        ],
        opset_import: vec![OperatorSetIdProto {
            version: 17,
            ..Default::default()
        }],
        ..Default::default()
    }
}

fn call(function: &str, operand: &str, result: &str) -> NodeProto {
    NodeProto {
        domain: "own".into(),
        ..node(function, &[operand], &[result])
    }
}

fn body(result: &str, input: Vec<ValueInfoProto>, nodes: Vec<NodeProto>) -> GraphProto {
    GraphProto {
        name: "body".into(),
        node: nodes,
        input,
        output: vec![value(result, Float, &["4"])],
        ..Default::default()
    }
}

fn graph(name: &str, body: GraphProto) -> AttributeProto {
    AttributeProto {
        name: name.into(),
        g: Some(body),
        r#type: AttributeType::Graph as i32,
        ..Default::default()
    }
}

fn numbers(name: &str, dims: &[i64], numbers: &[i64]) -> TensorProto {
    TensorProto {
        name: name.into(),
        dims: dims.into(),
        data_type: DataType::Int64 as i32,
        int64_data: numbers.into(),
        ..Default::default()
    }
}

fn tflite() -> Vec<(&'static str, Vec<u8>)> {
    use writer::{ADD, BOOL, Graph, IF, RELU, RESHAPE, file, floats, op};
    let chain = Graph {
        tensors: vec![
            floats("x", &[1, 4]),
            floats("w", &[1, 4]).data(16),
            floats("t", &[1, 4]),
            floats("u", &[4]),
            floats("y", &[4]),
        ],
        inputs: vec![0],
        outputs: vec![4],
        operators: vec![
            op(ADD, &[0, 1], &[2]),
            op(RESHAPE, &[2], &[3]),
            op(RELU, &[3], &[4]),
        ],
        ..Graph::default()
    };
    let branch = |operator| Graph {
        tensors: vec![floats("a", &[4]), floats("b", &[4])],
        inputs: vec![0],
        outputs: vec![1],
        operators: vec![op(operator, &[0], &[1])],
        ..Graph::default()
    };
    let choice = Graph {
        tensors: vec![
            floats("c", &[]).element(BOOL),
            floats("x", &[4]),
            floats("y", &[4]),
        ],
        inputs: vec![0, 1],
        outputs: vec![2],
        operators: vec![op(IF, &[0, 1], &[2]).bodies(&[1, 2])],
        ..Graph::default()
    };
    vec![
        ("chain", file(&[chain])),
        ("branches", file(&[choice, branch(RELU), branch(RESHAPE)])),
    ]
}
