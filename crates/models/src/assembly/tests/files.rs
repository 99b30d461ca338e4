//! ONNX files with bodies, executed on all paths and planned at their optimum.

use std::ops::Range;

use orionrt_test_models::parts::{encoded, int, node, value};
use orionrt_test_models::proto::attribute_proto::AttributeType;
use orionrt_test_models::proto::tensor_proto::DataType::{self, Bool, Float, Int64};
use orionrt_test_models::proto::{AttributeProto, GraphProto, NodeProto, TensorProto};

use super::draft::{Draft, listing};
use super::unrolled::check_optimum;
use crate::model::Model;
use crate::onnx;
use crate::options::Options;

fn with_body(mut node: NodeProto, name: &str, body: GraphProto) -> NodeProto {
    node.attribute.push(AttributeProto {
        name: name.into(),
        r#type: AttributeType::Graph as i32,
        g: Some(body),
        ..Default::default()
    });
    node
}

fn graph(
    nodes: Vec<NodeProto>,
    inputs: &[(&str, DataType, &[&str])],
    outputs: &[(&str, DataType, &[&str])],
) -> GraphProto {
    let values = |values: &[(&str, DataType, &[&str])]| {
        let values = values.iter();
        values
            .map(|(name, kind, dims)| value(name, *kind, dims))
            .collect()
    };
    GraphProto {
        node: nodes,
        name: "case".into(),
        input: values(inputs),
        output: values(outputs),
        initializer: vec![TensorProto {
            name: "two".into(),
            data_type: Int64 as i32,
            raw_data: 2i64.to_le_bytes().into(),
            ..Default::default()
        }],
        ..Default::default()
    }
}

/// The bodies of a model: name, first operator, the one behind the last, whether it is repeated.
fn bodies(model: &Model) -> Vec<(&str, usize, usize, bool)> {
    let bodies = model.bodies.iter();
    let tuples = bodies.map(|body| {
        let Range { start, end } = body.operators;
        (body.name.as_str(), start, end, body.is_repeated)
    });
    tuples.collect()
}

fn draft(graph: GraphProto) -> Draft {
    let program = onnx::program(&encoded(graph), &Options::new());
    Draft {
        program: program.unwrap_or_else(|error| panic!("{error}")),
    }
}

#[test]
fn an_if_with_different_branches() {
    let wide = vec![
        node("Concat", &["x", "x", "x"], &["wide"]),
        node("Tanh", &["wide"], &["t"]),
    ];
    let wide = wide.into_iter().map(|mut node| {
        if node.op_type == "Concat" {
            node.attribute.push(int("axis", 0));
        }
        node
    });
    let wide = graph(wide.collect(), &[], &[("t", Float, &["6"])]);
    let narrow = graph(
        vec![node("Exp", &["x"], &["e"])],
        &[],
        &[("e", Float, &["2"])],
    );
    let choice = node("If", &["c"], &["y"]);
    let choice = with_body(
        with_body(choice, "then_branch", wide),
        "else_branch",
        narrow,
    );
    let nodes = vec![choice, node("ReduceMax", &["y"], &["z"])];
    let inputs: [(&str, DataType, &[&str]); 2] = [("c", Bool, &[]), ("x", Float, &["2"])];
    let mut file = graph(nodes, &inputs, &[("z", Float, &["1"])]);
    // The result has the size of the larger branch.
    file.value_info = vec![value("y", Float, &["6"])];
    let draft = draft(file);
    let expected = [
        "If_y/then_branch/Concat_wide: x -> If_y/then_branch/wide",
        "If_y/then_branch/Tanh_t: If_y/then_branch/wide -> y",
        "If_y/else_branch/Exp_e: x -> y",
        "If_y: c x -> ",
        "ReduceMax_z: y -> z",
    ];
    let model = draft.model();
    assert_eq!(listing(&model), expected);
    let branches = [
        ("If_y/then_branch", 0, 2, false),
        ("If_y/else_branch", 2, 3, false),
    ];
    assert_eq!(bodies(&model), branches);
    assert_eq!(
        model.operator_types,
        ["Concat", "Tanh", "Exp", "If", "ReduceMax"]
    );
    assert_eq!(check_optimum(&draft), 1 + 8 + 24 + 24);
}

#[test]
fn a_loop_that_captures_carries_and_stacks() {
    let body = graph(
        vec![
            node("Mul", &["before", "k"], &["after"]),
            node("Less", &["i", "two"], &["on"]),
            node("Relu", &["after"], &["kept"]),
        ],
        &[
            ("i", Int64, &[]),
            ("go", Bool, &[]),
            ("before", Float, &["2"]),
        ],
        &[
            ("on", Bool, &[]),
            ("after", Float, &["2"]),
            ("kept", Float, &["2"]),
        ],
    );
    let looped = with_body(node("Loop", &["two", "", "x"], &["y", "all"]), "body", body);
    let inputs: [(&str, DataType, &[&str]); 2] = [("x", Float, &["2"]), ("k", Float, &["2"])];
    let draft = draft(graph(
        vec![looped],
        &inputs,
        &[("y", Float, &["2"]), ("all", Float, &["2", "2"])],
    ));
    let model = draft.model();
    let lines = listing(&model);
    assert_eq!(
        lines.first().map(String::as_str),
        Some("Loop_y: x k -> y all")
    );
    // What begins and ends an iteration is part of the loop.
    let ops = model.graph.ops().iter().zip(&model.operator_types);
    let glue = ops.filter(|(op, _)| !op.name().starts_with("Loop_y/body/"));
    assert!(
        glue.clone().count() >= 3 && glue.clone().all(|(_, of)| of == "Loop"),
        "{lines:#?}"
    );
    check_optimum(&draft);
}

#[test]
fn a_scan_in_a_loop() {
    let add = graph(
        vec![
            node("Mul", &["row", "k"], &["scaled"]),
            node("Add", &["sum", "scaled"], &["next"]),
        ],
        &[("sum", Float, &["2"]), ("row", Float, &["2"])],
        &[("next", Float, &["2"])],
    );
    let mut scan = with_body(node("Scan", &["before", "x"], &["total"]), "body", add);
    scan.attribute.push(int("num_scan_inputs", 1));
    let body = graph(
        vec![scan],
        &[
            ("i", Int64, &[]),
            ("go", Bool, &[]),
            ("before", Float, &["2"]),
        ],
        &[("go", Bool, &[]), ("total", Float, &["2"])],
    );
    let looped = with_body(node("Loop", &["two", "", "k"], &["y"]), "body", body);
    let inputs: [(&str, DataType, &[&str]); 2] = [("k", Float, &["2"]), ("x", Float, &["2", "2"])];
    let draft = draft(graph(vec![looped], &inputs, &[("y", Float, &["2"])]));
    let model = draft.model();
    let lines = listing(&model);
    let scan = "Loop_y/body/Scan_total";
    let position = |name: &str| {
        let is_it = |line: &String| line.starts_with(&format!("{name}:"));
        lines.iter().position(is_it).unwrap()
    };
    let end = lines.len();
    let after_scan = position(&format!("{scan}/next")) + 1;
    let expected = [
        ("Loop_y", position("Loop_y") + 1, end, true),
        (scan, position(scan) + 1, after_scan, true),
    ];
    assert_eq!(bodies(&model), expected);
    let next = lines
        .iter()
        .find(|line| line.starts_with(&format!("{scan}/next:")));
    assert!(
        next.is_some_and(|line| line.ends_with("-> Loop_y/body/total")),
        "{lines:#?}"
    );
    check_optimum(&draft);
}
