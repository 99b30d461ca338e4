//! Models with functions, and the nodes that replace the calls.

use bumpalo::Bump;
use orionrt_test_models::parts::{encode, int, model, node, value};
use orionrt_test_models::proto::attribute_proto::AttributeType;
use orionrt_test_models::proto::tensor_proto::DataType::Float;
use orionrt_test_models::proto::{
    AttributeProto, FunctionProto, GraphProto, ModelProto, NodeProto, OperatorSetIdProto,
};

use super::inline;
use crate::error::ModelError;
use crate::onnx::decode::decode;
use crate::onnx::syntax::{AttributeValue, GraphDef, NodeDef};

/// The text of a graph: a node a line, bodies indented below it.
fn text(graph: &GraphDef<'_>, indent: usize) -> String {
    let line = |node: &NodeDef<'_>| {
        let mut text = format!(
            "{:indent$}{} {}({}) -> {}",
            "",
            node.name,
            node.operator,
            node.inputs.join(" "),
            node.outputs.join(" ")
        );
        for attribute in &node.attributes {
            match &attribute.value {
                AttributeValue::Int(value) => text += &format!(" {}={value}", attribute.name),
                AttributeValue::Graph(body) => {
                    text += &format!("\n{}", self::text(body, indent + 2))
                }
                other => text += &format!(" {}={other:?}", attribute.name),
            }
        }
        text
    };
    let lines: Vec<String> = graph.nodes.iter().map(line).collect();
    lines.join("\n")
}

fn inlined(model: &ModelProto) -> Result<String, ModelError> {
    let bytes = encode(model);
    let names = Bump::new();
    let model = inline(decode(&bytes)?, &names)?;
    Ok(text(&model.graph, 0))
}

fn function(name: &str, inputs: &[&str], outputs: &[&str], nodes: Vec<NodeProto>) -> FunctionProto {
    FunctionProto {
        domain: "own".into(),
        name: name.into(),
        input: inputs.iter().map(ToString::to_string).collect(),
        output: outputs.iter().map(ToString::to_string).collect(),
        node: nodes,
        opset_import: vec![OperatorSetIdProto {
            domain: String::new(),
            version: 17,
        }],
        ..Default::default()
    }
}

/// A call named `name`.
fn call(name: &str, function: &str, inputs: &[&str], outputs: &[&str]) -> NodeProto {
    NodeProto {
        name: name.into(),
        domain: "own".into(),
        ..node(function, inputs, outputs)
    }
}

fn reference(name: &str, of: &str) -> AttributeProto {
    AttributeProto {
        name: name.into(),
        ref_attr_name: of.into(),
        r#type: AttributeType::Int as i32,
        ..Default::default()
    }
}

fn body(name: &str, graph: GraphProto) -> AttributeProto {
    AttributeProto {
        name: name.into(),
        g: Some(graph),
        r#type: AttributeType::Graph as i32,
        ..Default::default()
    }
}

fn with(mut node: NodeProto, attributes: Vec<AttributeProto>) -> NodeProto {
    node.attribute = attributes;
    node
}

fn program(nodes: Vec<NodeProto>, functions: Vec<FunctionProto>) -> ModelProto {
    let graph = GraphProto {
        node: nodes,
        input: vec![value("x", Float, &["4"])],
        output: vec![value("y", Float, &["4"])],
        ..Default::default()
    };
    ModelProto {
        functions,
        ..model(graph, 13)
    }
}

#[test]
fn each_call_has_names_of_its_own() {
    let twice = function(
        "Twice",
        &["a"],
        &["b"],
        vec![
            node("Relu", &["a"], &["t"]),
            node("Add", &["t", "a"], &["b"]),
        ],
    );
    let calls = vec![
        call("one", "Twice", &["x"], &["u"]),
        call("one", "Twice", &["u"], &["v"]),
        call("", "Twice", &["v"], &["y"]),
    ];
    let found = inlined(&program(calls, vec![twice])).unwrap();
    assert_eq!(
        found,
        "one/Relu_t Relu(x) -> one/t\n\
         one/Add_b Add(one/t x) -> u\n\
         one/Relu_t_2 Relu(u) -> one/t_2\n\
         one/Add_b_2 Add(one/t_2 u) -> v\n\
         y/Relu_t Relu(v) -> y/t\n\
         y/Add_b Add(y/t v) -> y"
    );
}

#[test]
fn a_name_that_the_file_has_is_not_made_again() {
    let f = function(
        "F",
        &["a"],
        &["b"],
        vec![node("Relu", &["a"], &["t"]), node("Relu", &["t"], &["b"])],
    );
    let nodes = vec![
        node("Abs", &["x"], &["c/t"]),
        node("Abs", &["x"], &["c/t_2"]),
        call("c", "F", &["c/t"], &["y"]),
    ];
    let found = inlined(&program(nodes, vec![f])).unwrap();
    assert!(
        found.ends_with("c/Relu_t Relu(c/t) -> c/t_3\nc/Relu_b Relu(c/t_3) -> y"),
        "{found}"
    );
}

#[test]
fn attributes_are_handed_on_through_functions_and_into_bodies() {
    let branch = GraphProto {
        node: vec![with(
            node("Concat", &["a", "a"], &["r"]),
            vec![reference("axis", "way")],
        )],
        output: vec![value("r", Float, &["n"])],
        ..Default::default()
    };
    let mut inner = function(
        "Inner",
        &["a"],
        &["b"],
        vec![
            with(
                node("If", &["a"], &["b"]),
                vec![body("then_branch", branch)],
            ),
            with(
                node("Flatten", &["b"], &["unused"]),
                vec![reference("axis", "none")],
            ),
        ],
    );
    inner.attribute = vec!["none".into()];
    inner.attribute_proto = vec![int("way", 7)];
    let mut outer = function(
        "Outer",
        &["a"],
        &["b"],
        vec![
            with(
                call("i", "Inner", &["a"], &["m"]),
                vec![reference("way", "axis")],
            ),
            call("j", "Inner", &["m"], &["b"]),
        ],
    );
    outer.attribute = vec!["axis".into()];
    let calls = vec![with(
        call("o", "Outer", &["x"], &["y"]),
        vec![int("axis", 3)],
    )];
    let found = inlined(&program(calls, vec![inner, outer])).unwrap();
    assert_eq!(
        found,
        "o/i/If_b If(x) -> o/m\n  \
           o/i/Concat_r Concat(x x) -> o/i/r axis=3\n\
         o/i/Flatten_unused Flatten(o/m) -> o/i/unused\n\
         o/j/If_b If(o/m) -> y\n  \
           o/j/Concat_r Concat(o/m o/m) -> o/j/r axis=7\n\
         o/j/Flatten_unused Flatten(y) -> o/j/unused"
    );
}

#[test]
fn operands_may_be_left_out_and_results_unused() {
    let f = function(
        "F",
        &["a", "low", "high"],
        &["b", "mask", "more"],
        vec![
            node("Clip", &["a", "low", "high"], &["b"]),
            node("Abs", &["b"], &["mask"]),
            node("Abs", &["b"], &["more"]),
        ],
    );
    let calls = vec![call("c", "F", &["x", "", "x"], &["", "y"])];
    let found = inlined(&program(calls, vec![f])).unwrap();
    assert_eq!(
        found,
        "c/Clip_b Clip(x  x) -> c/b\n\
         c/Abs_mask Abs(c/b) -> y\n\
         c/Abs_more Abs(c/b) -> c/more"
    );
}

#[test]
fn a_result_that_is_an_operand_is_copied() {
    let pass = function("Pass", &["a"], &["a"], vec![]);
    let calls = vec![call("c", "Pass", &["x"], &["y"])];
    assert_eq!(
        inlined(&program(calls, vec![pass])).unwrap(),
        " Identity(x) -> y"
    );
}

#[test]
fn overloads_are_told_apart_and_functions_hide_operators() {
    let mut relu = function("Relu", &["a"], &["b"], vec![node("Abs", &["a"], &["b"])]);
    relu.domain = "ai.onnx".into();
    relu.overload = "abs".into();
    let mut called = node("Relu", &["x"], &["t"]);
    called.overload = "abs".into();
    let nodes = vec![called, node("Relu", &["t"], &["y"])];
    let found = inlined(&program(nodes, vec![relu])).unwrap();
    assert_eq!(found, "Relu_t/Abs_b Abs(x) -> t\nRelu_y Relu(t) -> y");
}

#[test]
fn calls_in_bodies_are_replaced_too() {
    let f = function("F", &["a"], &["b"], vec![node("Abs", &["a"], &["b"])]);
    let branch = GraphProto {
        node: vec![call("c", "F", &["x"], &["r"])],
        output: vec![value("r", Float, &["4"])],
        ..Default::default()
    };
    let nodes = vec![with(
        node("If", &["x"], &["y"]),
        vec![body("then_branch", branch)],
    )];
    let found = inlined(&program(nodes, vec![f])).unwrap();
    assert_eq!(found, "If_y If(x) -> y\n  c/Abs_b Abs(x) -> r");
}

#[test]
fn nodes_have_the_version_that_their_function_imports() {
    let f = function("F", &["a"], &["b"], vec![node("Abs", &["a"], &["b"])]);
    let model = program(
        vec![call("c", "F", &["x"], &["t"]), node("Abs", &["t"], &["y"])],
        vec![f],
    );
    let (bytes, names) = (encode(&model), Bump::new());
    let model = inline(decode(&bytes).unwrap(), &names).unwrap();
    let versions: Vec<i64> = model.graph.nodes.iter().map(|node| node.opset).collect();
    assert_eq!(versions, [17, 13]);
}

#[test]
fn functions_that_call_themselves_are_refused() {
    let f = function("F", &["a"], &["b"], vec![call("g", "G", &["a"], &["b"])]);
    let g = function("G", &["a"], &["b"], vec![call("f", "F", &["a"], &["b"])]);
    let calls = vec![call("c", "F", &["x"], &["y"])];
    let error = inlined(&program(calls, vec![f, g]))
        .unwrap_err()
        .to_string();
    assert!(
        error.starts_with("function 'own.F': a call of itself"),
        "{error}"
    );
}

#[test]
fn functions_that_double_forty_times_end_at_the_limit() {
    // The innermost has no nodes: calls alone must be counted.
    let mut functions = vec![function("F0", &["a"], &["b"], vec![])];
    for i in 1..=40 {
        let inner = format!("F{}", i - 1);
        let nodes = vec![
            call("l", &inner, &["a"], &["t"]),
            call("r", &inner, &["a"], &["b"]),
        ];
        functions.push(function(&format!("F{i}"), &["a"], &["b"], nodes));
    }
    let calls = vec![call("c", "F40", &["x"], &["y"])];
    let error = inlined(&program(calls, functions)).unwrap_err();
    assert!(matches!(error, ModelError::TooLarge { .. }), "{error}");
}

#[test]
fn bodies_that_double_while_they_are_handed_on_end_at_the_limit() {
    let handed_on = || AttributeProto {
        name: "then_branch".into(),
        ref_attr_name: "body".into(),
        r#type: AttributeType::Graph as i32,
        ..Default::default()
    };
    let mut functions = vec![function(
        "F0",
        &["a"],
        &["b"],
        vec![with(node("If", &["a"], &["b"]), vec![handed_on()])],
    )];
    for i in 1..=30 {
        let twice = GraphProto {
            node: vec![
                with(node("If", &["a"], &["l"]), vec![handed_on()]),
                with(node("If", &["a"], &["r"]), vec![handed_on()]),
            ],
            ..Default::default()
        };
        let inner = format!("F{}", i - 1);
        let nodes = vec![with(
            call("c", &inner, &["a"], &["b"]),
            vec![body("body", twice)],
        )];
        functions.push(function(&format!("F{i}"), &["a"], &["b"], nodes));
    }
    let seed = GraphProto {
        node: vec![node("Abs", &["x"], &["z"])],
        ..Default::default()
    };
    let calls = vec![with(
        call("c", "F30", &["x"], &["y"]),
        vec![body("body", seed)],
    )];
    let error = inlined(&program(calls, functions)).unwrap_err();
    assert!(matches!(error, ModelError::TooLarge { .. }), "{error}");
}

#[test]
fn calls_that_do_not_fit_their_function_are_refused() {
    let f = function("F", &["a"], &["b"], vec![]);
    let calls = vec![call("c", "F", &["x", "x"], &["y"])];
    let error = inlined(&program(calls, vec![f.clone()]))
        .unwrap_err()
        .to_string();
    assert_eq!(
        error,
        "operator 'c' (F): 2 operands, but the function has 1"
    );
    let error = inlined(&program(vec![], vec![f.clone(), f]))
        .unwrap_err()
        .to_string();
    assert!(
        error.contains("two functions of this domain, name and overload"),
        "{error}"
    );
}
