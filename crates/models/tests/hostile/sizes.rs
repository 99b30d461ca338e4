//! Sizes, attributes and shapes beyond all bounds.

use orionrt_models::{Options, Unknown, parse};
use orionrt_test_models::parts::{dim, encode, int, ints, model, node, value, zeros};
use orionrt_test_models::proto::TensorProto;
use orionrt_test_models::proto::tensor_proto::DataType::{Float, Int64};
use orionrt_test_models::proto::type_proto::Value;

use crate::measured::{alone, loaded, refused};
use crate::parts::{graph, whole_numbers, with};

#[test]
fn dimensions_of_two_to_the_sixty_two() {
    let _alone = alone();
    let huge = (1i64 << 62).to_string();
    let dims = [huge.as_str(), huge.as_str()];
    let mut of_input = graph(vec![node("Relu", &["x"], &["y"])]);
    of_input.input = vec![value("x", Float, &dims)];
    of_input.output = vec![value("y", Float, &dims)];
    assert!(loaded("input", encode(&model(of_input, 17))).is_err());

    let mut of_weight = graph(vec![node("Gather", &["w", "i"], &["y"])]);
    of_weight.initializer = vec![
        TensorProto {
            name: "w".into(),
            dims: vec![1 << 62, 1 << 62, 1 << 62],
            data_type: Float as i32,
            raw_data: vec![0; 16],
            ..Default::default()
        },
        whole_numbers("i", &[0]),
    ];
    let _ = loaded("weight", encode(&model(of_weight, 17)));
}

#[test]
fn sizes_of_two_to_the_sixty_two_as_operands() {
    let _alone = alone();
    for (operator, inputs, numbers) in [
        ("Reshape", &["x", "n"][..], vec![1 << 62, 1 << 62]),
        ("Expand", &["x", "n"], vec![1 << 62, 4]),
        ("Tile", &["x", "n"], vec![1 << 62]),
        ("Pad", &["x", "n"], vec![1 << 62, 1 << 62]),
        ("Resize", &["x", "", "", "n"], vec![1 << 62]),
        ("ConstantOfShape", &["n"], vec![1 << 62, 1 << 62]),
        ("OneHot", &["x", "n", "x"], vec![i64::MAX]),
        ("Range", &["n", "n", "n"], vec![i64::MAX]),
        ("TopK", &["x", "n"], vec![i64::MAX]),
        ("Split", &["x", "n"], vec![i64::MAX, i64::MIN]),
        ("Slice", &["x", "n", "n", "n", "n"], vec![i64::MIN]),
        ("Unsqueeze", &["x", "n"], vec![i64::MIN, i64::MAX]),
        ("Squeeze", &["x", "n"], vec![i64::MIN]),
        ("ReduceSum", &["x", "n"], vec![i64::MIN]),
    ] {
        let mut graph = graph(vec![
            node(operator, inputs, &["t"]),
            node("Relu", &["t"], &["y"]),
        ]);
        graph.initializer = vec![whole_numbers("n", &numbers)];
        graph.output = vec![value("y", Float, &[])];
        let _ = loaded(operator, encode(&model(graph, 17)));
    }
}

#[test]
fn empty_constants_with_sizes_of_two_to_the_forty() {
    let _alone = alone();
    for (operator, inputs, axis) in [
        ("Slice", &["e", "from", "to", "axis"][..], 0),
        ("ReduceSum", &["e", "axis"], 1),
        ("Gather", &["e", "from"], 0),
        ("Split", &["e"], 0),
        ("Transpose", &["e"], 0),
        ("Concat", &["e", "e"], 1),
    ] {
        let operation = with(node(operator, inputs, &["t"]), vec![int("axis", axis)]);
        let mut graph = graph(vec![operation, node("Shape", &["t"], &["y"])]);
        graph.initializer = vec![
            TensorProto {
                name: "e".into(),
                dims: vec![1 << 40, 0],
                data_type: Int64 as i32,
                ..Default::default()
            },
            whole_numbers("from", &[0]),
            whole_numbers("to", &[i64::MAX]),
            whole_numbers("axis", &[axis]),
        ];
        graph.output = vec![value("y", Int64, &["2"])];
        loaded(operator, encode(&model(graph, 17))).unwrap();
    }
}

#[test]
fn attributes_beyond_all_bounds() {
    let _alone = alone();
    for operator in ["Conv", "MaxPool", "AveragePool", "ConvTranspose", "LpPool"] {
        for extreme in [i64::MAX, i64::MIN, 0, -1, 1 << 62] {
            let mut graph = graph(vec![with(
                node(operator, &["i", "w"], &["y"]),
                vec![
                    ints("strides", &[extreme, 1]),
                    ints("pads", &[i64::MAX, extreme, i64::MAX, 1]),
                    ints("dilations", &[1, extreme]),
                    ints("kernel_shape", &[1, 1]),
                    int("group", extreme),
                ],
            )]);
            graph.input = vec![value("i", Float, &["1", "3", "8", "8"])];
            graph.initializer = vec![zeros("w", &[1, 3, 1, 1])];
            graph.output = vec![value("y", Float, &["1", "1", "1", "1"])];
            let _ = loaded(operator, encode(&model(graph, 17)));
        }
    }
    for operator in [
        "Concat",
        "Flatten",
        "Softmax",
        "Gather",
        "Split",
        "Transpose",
        "OneHot",
        "ArgMax",
        "DepthToSpace",
        "SpaceToDepth",
        "EyeLike",
        "Cast",
        "CumSum",
        "LayerNormalization",
        "Shape",
        "Squeeze",
        "ReduceMax",
        "TopK",
        "Einsum",
        "Slice",
        "Upsample",
        "RandomNormal",
        "LSTM",
        "Scan",
    ] {
        for extreme in [i64::MAX, i64::MIN, -1, 0, 77] {
            let attributes = [
                "axis",
                "axes",
                "blocksize",
                "dtype",
                "to",
                "k",
                "start",
                "end",
                "hidden_size",
                "num_outputs",
                "num_scan_inputs",
                "scan_input_axes",
                "shape",
                "starts",
                "ends",
            ];
            let attributes = attributes.iter().map(|name| match *name {
                "axes" | "shape" | "starts" | "ends" | "scan_input_axes" => ints(name, &[extreme]),
                name => int(name, extreme),
            });
            for version in [1, 9, 12, 21] {
                let node = with(
                    node(operator, &["x", "x"], &["y", "z"]),
                    attributes.clone().collect(),
                );
                let bytes = encode(&model(graph(vec![node]), version));
                let _ = parse(&bytes, &Options::new().unknown(Unknown::Skip));
            }
        }
    }
}

#[test]
fn a_shape_of_a_million_dimensions() {
    let _alone = alone();
    let mut deep = value("x", Float, &[]);
    if let Some(Value::TensorType(tensor)) = deep.r#type.as_mut().and_then(|t| t.value.as_mut()) {
        tensor.shape.as_mut().unwrap().dim = vec![dim("2"); 1 << 20];
    }
    let mut graph = graph(vec![node("Relu", &["x"], &["y"])]);
    graph.input = vec![deep];
    refused("rank", encode(&model(graph, 17)), "dimensions of a shape");
}
