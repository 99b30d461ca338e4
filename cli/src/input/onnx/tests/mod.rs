//! Small models, made here: what their graphs hold, and how a broken one is refused.

mod case;
mod execution;
mod in_place;
mod views;

use std::{
    collections::HashSet,
    fs,
    path::Path,
    sync::atomic::{AtomicUsize, Ordering},
};

use orionrt_test_models::parts::{encoded, int, ints, node, value, zeros as floats};
use tract_onnx::pb::{
    AttributeProto, GraphProto, NodeProto, TensorProto, ValueInfoProto,
    attribute_proto::AttributeType, tensor_proto::DataType,
};

use super::{
    error::OnnxError,
    load::{OnnxModel, OnnxOptions, load, load_bytes},
    proto,
    reading::contained,
};

const FLOAT: DataType = DataType::Float;

fn tensor(name: &str, t: TensorProto) -> AttributeProto {
    let r#type = AttributeType::Tensor as i32;
    AttributeProto {
        name: name.into(),
        t: Some(t),
        r#type,
        ..Default::default()
    }
}

fn indices(name: &str, values: &[i64]) -> TensorProto {
    TensorProto {
        name: name.into(),
        dims: vec![values.len() as i64],
        data_type: DataType::Int64 as i32,
        int64_data: values.into(),
        ..Default::default()
    }
}

fn graph(inputs: &[ValueInfoProto], nodes: &[NodeProto], output: &str) -> GraphProto {
    GraphProto {
        input: inputs.into(),
        node: nodes.into(),
        output: vec![value(output, FLOAT, &[])],
        ..Default::default()
    }
}

fn load_file(bytes: &[u8], dims: &[(&str, usize)]) -> Result<OnnxModel, OnnxError> {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let path =
        std::env::temp_dir().join(format!("orionrt-onnx-{}-{count}.onnx", std::process::id()));
    fs::write(&path, bytes).expect("a temporary file");
    let dims = dims
        .iter()
        .map(|(name, n)| (name.to_string(), *n))
        .collect();
    let model = load(
        &path,
        &OnnxOptions {
            dims,
            ..Default::default()
        },
    );
    fs::remove_file(&path).expect("the temporary file");
    model
}

fn load_graph(graph: GraphProto, dims: &[(&str, usize)]) -> Result<OnnxModel, OnnxError> {
    load_file(&encoded(graph), dims)
}

fn size(model: &OnnxModel, name: &str) -> usize {
    let id = model
        .graph
        .find(name)
        .unwrap_or_else(|| panic!("no tensor {name}"));
    model.graph.tensor(id).expect("a tensor").layout().size()
}

fn op_names(model: &OnnxModel) -> Vec<&str> {
    model.graph.ops().iter().map(|op| op.name()).collect()
}

/// x [N, 3, 8, 8] ─ conv (4 filters of 3 × 3, padded) ─ relu ─► y; `w` holds the weights.
fn conv_relu(batch: &str) -> GraphProto {
    let mut conv = node("Conv", &["x", "w"], &["c"]);
    conv.attribute = vec![ints("pads", &[1, 1, 1, 1]), ints("kernel_shape", &[3, 3])];
    let mut graph = graph(
        &[value("x", FLOAT, &[batch, "3", "8", "8"])],
        &[conv, node("Relu", &["c"], &["y"])],
        "y",
    );
    graph.initializer = vec![floats("w", &[4, 3, 3, 3])];
    graph
}

#[test]
fn a_chain_has_the_tensors_of_the_file() {
    let model = load_graph(conv_relu("2"), &[]).unwrap();
    assert_eq!(op_names(&model), ["Conv_c", "Relu_y"]);
    let sizes: Vec<_> = ["x", "c", "y"].map(|name| size(&model, name)).into();
    assert_eq!(sizes, [2 * 3 * 64 * 4, 2 * 4 * 64 * 4, 2 * 4 * 64 * 4]);
    assert_eq!((model.nodes, model.weights_bytes), (2, 4 * 3 * 3 * 3 * 4));
    assert!(
        model
            .graph
            .tensors()
            .all(|(_, tensor)| tensor.layout().align() == 64)
    );
    assert_eq!(
        (model.graph.inputs().len(), model.graph.outputs().len()),
        (1, 1)
    );
}

#[test]
fn a_model_in_memory_loads_like_one_in_a_file() {
    let bytes = encoded(conv_relu("2"));
    let (memory, file) = (
        load_bytes(&bytes, &OnnxOptions::default()),
        load_file(&bytes, &[]),
    );
    let [memory, file] = [memory.unwrap(), file.unwrap()];
    assert_eq!(memory.graph.lifetimes(), file.graph.lifetimes());
    assert_eq!(
        (memory.nodes, memory.weights_bytes),
        (file.nodes, file.weights_bytes)
    );
    let empty = load_bytes(&[], &OnnxOptions::default());
    assert!(matches!(empty, Err(OnnxError::NotOnnx { .. })));
}

#[test]
fn weights_lose_their_bytes_and_keep_their_size() {
    let mut wide = graph(
        &[value("x", FLOAT, &["1", "256"])],
        &[node("MatMul", &["x", "w"], &["y"])],
        "y",
    );
    wide.initializer = vec![floats("w", &[256, 512])];
    assert_eq!(
        proto::detach_weights(&mut wide.clone()),
        HashSet::from(["w".to_string()])
    );
    let model = load_graph(wide, &[]).unwrap();
    assert_eq!(
        (
            model.weights_bytes,
            size(&model, "y"),
            model.graph.inputs().len()
        ),
        (256 * 512 * 4, 2048, 1)
    );
}

#[test]
fn computed_weights_are_neither_planned_nor_filled_in() {
    let shape = indices("shape", &[1 << 20, 1 << 20]);
    let mut fill = node("ConstantOfShape", &["shape"], &["w"]);
    fill.attribute = vec![tensor("value", floats("", &[1]))];
    let nodes = [fill, node("MatMul", &["x", "w"], &["y"])];
    let mut graph = graph(&[value("x", FLOAT, &["1", "1048576"])], &nodes, "y");
    graph.initializer = vec![shape];
    let model = load_graph(graph, &[]).unwrap();
    assert_eq!(
        (op_names(&model), model.weights_bytes),
        (vec!["MatMul_y"], 4 << 40)
    );
}

#[test]
fn shape_arithmetic_is_constant_and_keeps_nothing_alive() {
    let mut last = node("Concat", &["n", "minus"], &["to"]);
    last.attribute = vec![int("axis", 0)];
    let nodes = [
        node("Relu", &["x"], &["a"]),
        node("Shape", &["a"], &["s"]),
        node("Gather", &["s", "zero"], &["n"]),
        last,
        node("Reshape", &["a", "to"], &["y"]),
    ];
    let mut graph = graph(&[value("x", FLOAT, &["2", "3", "4"])], &nodes, "y");
    graph.initializer = vec![indices("zero", &[0]), indices("minus", &[-1])];
    let model = load_graph(graph, &[]).unwrap();
    assert_eq!(
        (op_names(&model), size(&model, "y"), model.nodes),
        (vec!["Relu_a", "Reshape_y"], 96, 5)
    );
}

#[test]
fn a_leading_symbol_is_one_unless_given() {
    let model = load_graph(conv_relu("N"), &[]).unwrap();
    assert_eq!(
        (size(&model, "x"), &*model.assumed),
        (768, &[("N".to_string(), 1)][..])
    );
    let model = load_graph(conv_relu("N"), &[("N", 5)]).unwrap();
    assert_eq!(
        (size(&model, "x"), size(&model, "y"), model.assumed.len()),
        (5 * 768, 5 * 1024, 0)
    );
    let model = load_graph(conv_relu(""), &[]).unwrap();
    assert_eq!(model.assumed, [("x.0".to_string(), 1)]);
    assert_eq!(
        size(&load_graph(conv_relu(""), &[("x.0", 3)]).unwrap(), "y"),
        3 * 1024
    );
}

#[test]
fn a_symbol_that_no_input_binds_does_not_contradict_inference() {
    let mut graph = conv_relu("2");
    graph.value_info = vec![value("c", FLOAT, &["unnamed_7", "4", "8", "8"])];
    assert_eq!(size(&load_graph(graph, &[]).unwrap(), "c"), 2048);
}

#[test]
fn the_message_for_an_unknown_dimension_lists_the_known_ones() {
    let error = load_graph(conv_relu("N"), &[("M", 5)]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the model has no dimension named 'M': it has N"
    );
    let error = load_graph(conv_relu("1"), &[("M", 5)]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the model has no dimension named 'M': all of its dimensions are numbers"
    );
}

#[test]
fn the_message_for_a_missing_dimension_says_how_to_give_it() {
    let wide = |dims: &[&str]| {
        graph(
            &[value("x", FLOAT, dims)],
            &[node("Relu", &["x"], &["y"])],
            "y",
        )
    };
    let error = load_graph(wide(&["N", "seq", "", "4"]), &[])
        .unwrap_err()
        .to_string();
    assert!(error.ends_with("]: add --dim seq=N --dim x.2=N"), "{error}");
    let model = load_graph(wide(&["N", "seq", "", "4"]), &[("seq", 7), ("x.2", 2)]).unwrap();
    assert_eq!(size(&model, "y"), 7 * 2 * 4 * 4);
}

#[test]
fn an_unknown_operator_needs_a_stated_shape() {
    let nodes = [
        node("Frobnicate", &["x"], &["z"]),
        node("Relu", &["z"], &["y"]),
    ];
    let mut unknown = graph(&[value("x", FLOAT, &["4"])], &nodes, "y");
    let error = load_graph(unknown.clone(), &[]).unwrap_err();
    let OnnxError::UnknownOperator { node, operator } = &error else {
        panic!("{error}")
    };
    assert_eq!(
        (node.as_str(), operator.as_str()),
        ("Frobnicate_z", "Frobnicate")
    );
    unknown.value_info = vec![value("z", FLOAT, &["6"])];
    assert_eq!(size(&load_graph(unknown, &[]).unwrap(), "y"), 24);
}

#[test]
fn a_shape_that_depends_on_data_is_an_error() {
    let nodes = [node("Reshape", &["x", "to"], &["y"])];
    let error = load_graph(
        graph(
            &[
                value("x", FLOAT, &["4"]),
                value("to", DataType::Int64, &["2"]),
            ],
            &nodes,
            "y",
        ),
        &[],
    );
    assert!(matches!(error, Err(OnnxError::UnknownShape { tensor, .. }) if tensor == "y"));
}

#[test]
fn outlets_of_one_node_and_tensors_of_one_name_have_names_of_their_own() {
    let mut split = node("Split", &["x"], &["a", "b"]);
    split.attribute = vec![int("axis", 0)];
    let add = node("Add", &["a", "b"], &["y"]);
    let model = load_graph(
        graph(&[value("x", FLOAT, &["4", "3"])], &[split, add], "y"),
        &[],
    )
    .unwrap();
    let names: HashSet<_> = model
        .graph
        .tensors()
        .map(|(_, tensor)| tensor.name().to_string())
        .collect();
    assert_eq!(names, HashSet::from(["x", "a", "b", "y"].map(String::from)));

    let mut split = node("Split", &["x"], &["a", "a"]);
    split.attribute = vec![int("axis", 0)];
    let relu = node("Relu", &["a"], &["y"]);
    let model = load_graph(
        graph(&[value("x", FLOAT, &["4", "3"])], &[split, relu], "y"),
        &[],
    )
    .unwrap();
    assert!(model.graph.find("a").is_some() && model.graph.find("a#2").is_some());
}

#[test]
fn a_node_that_no_output_needs_is_left_out() {
    let nodes = [
        node("Relu", &["x"], &["y"]),
        node("Exp", &["x"], &["unused"]),
    ];
    let model = load_graph(graph(&[value("x", FLOAT, &["4"])], &nodes, "y"), &[]).unwrap();
    assert_eq!((op_names(&model), model.nodes), (vec!["Relu_y"], 2));
}

#[test]
fn a_branch_is_one_operator_that_reads_what_its_bodies_read() {
    let body = |operator: &str| graph(&[], &[node(operator, &["a"], &["r"])], "r");
    let branch = |name: &str, body| AttributeProto {
        name: name.into(),
        g: Some(body),
        r#type: AttributeType::Graph as i32,
        ..Default::default()
    };
    let mut either = node("If", &["c"], &["y"]);
    either.attribute = vec![
        branch("then_branch", body("Relu")),
        branch("else_branch", body("Exp")),
    ];
    let inputs = [value("c", DataType::Bool, &[]), value("x", FLOAT, &["4"])];
    let model = load_graph(
        graph(&inputs, &[node("Neg", &["x"], &["a"]), either], "y"),
        &[],
    )
    .unwrap();
    assert_eq!(
        (op_names(&model), size(&model, "y")),
        (vec!["Neg_a", "If_y"], 16)
    );
    assert_eq!(model.graph.ops()[1].reads().len(), 2);
}

#[test]
fn random_numbers_are_not_constant() {
    let mut random = node("RandomNormal", &[], &["r"]);
    random.attribute = vec![ints("shape", &[4])];
    let nodes = [random, node("Add", &["x", "r"], &["y"])];
    let model = load_graph(graph(&[value("x", FLOAT, &["4"])], &nodes, "y"), &[]).unwrap();
    assert_eq!(op_names(&model), ["RandomNormal_r", "Add_y"]);
}

#[test]
fn sizes_beyond_memory_are_errors() {
    let huge = i64::MAX.to_string();
    for dims in [[huge.as_str(), "1"], [huge.as_str(), huge.as_str()]] {
        let model = load_graph(
            graph(
                &[value("x", FLOAT, &dims)],
                &[node("Relu", &["x"], &["y"])],
                "y",
            ),
            &[],
        );
        assert!(
            matches!(model, Err(OnnxError::NoLayout { .. })),
            "{model:?}"
        );
    }
    let mut softmax = node("Softmax", &["x"], &["y"]);
    softmax.attribute = vec![int("axis", 1 << 40)];
    let error = load_graph(graph(&[value("x", FLOAT, &["4"])], &[softmax], "y"), &[]).unwrap_err();
    assert!(error.to_string().contains("axis"), "{error}");
}

#[test]
fn files_that_are_not_models_are_errors() {
    assert!(matches!(
        load(Path::new("/no/such/file"), &OnnxOptions::default()),
        Err(OnnxError::Read { .. })
    ));
    let directory = load(&std::env::temp_dir(), &OnnxOptions::default());
    assert!(matches!(directory, Err(OnnxError::NotOnnx { .. })));
    for bytes in [&b""[..], b"id,lower,upper,size\na,0,2,64\n", &[0xff; 100]] {
        assert!(matches!(
            load_file(bytes, &[]),
            Err(OnnxError::NotOnnx { .. })
        ));
    }
    let odd = OnnxOptions {
        alignment: 48,
        ..Default::default()
    };
    assert!(matches!(
        load(Path::new("any"), &odd),
        Err(OnnxError::Alignment(48))
    ));
}

#[test]
fn an_output_that_nothing_writes_is_an_error() {
    let absent = graph(
        &[value("x", FLOAT, &["4"])],
        &[node("Relu", &["x"], &["y"])],
        "z",
    );
    let error = load_graph(absent, &[]).unwrap_err().to_string();
    assert!(
        error.ends_with("nothing writes the graph output 'z'"),
        "{error}"
    );
}

#[test]
fn a_panic_of_the_reader_becomes_an_error() {
    let error = contained::<()>(|| panic!("boom {}\nbacktrace", 1)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "the model cannot be read: the reader failed on it (boom 1)"
    );
}

/// Without the check tract would read past the end of the shape.
#[test]
fn an_image_operator_on_a_vector_is_an_error() {
    let parameters = ["x", "s", "b", "m", "v"];
    let inputs = parameters.map(|name| value(name, FLOAT, &["4"]));
    let norm = node("BatchNormalization", &parameters, &["y"]);
    let error = load_graph(graph(&inputs, &[norm], "y"), &[])
        .unwrap_err()
        .to_string();
    assert!(error.contains("channel"), "{error}");
}

/// Prefixes of a small model, and the model with one bit flipped: any result will do, but no panic.
#[test]
fn damaged_files_never_panic() {
    let bytes = encoded(conv_relu("N"));
    for end in (0..bytes.len()).step_by(3) {
        let _ = load_file(&bytes[..end], &[]);
    }
    let weights = bytes
        .windows(64)
        .position(|w| w == [0; 64])
        .expect("the zeros of the weights");
    for at in (0..weights).chain(weights + 432..bytes.len()) {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1 << (at % 8);
        let _ = load_file(&flipped, &[]);
    }
}
