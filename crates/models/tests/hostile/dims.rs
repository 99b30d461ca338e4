//! Dimensions with names, and what depends on them.

use orionrt_models::{Options, parse};
use orionrt_test_models::parts::{encode, int, model, node, value};
use orionrt_test_models::proto::NodeProto;
use orionrt_test_models::proto::tensor_proto::DataType::Float;

use crate::measured::{MAX_SECONDS, Usage, alone, loaded, refused};
use crate::parts::{chain, graph, names, of, with};

/// A model whose input has dimensions with names.
fn symbolic(nodes: Vec<NodeProto>) -> Vec<u8> {
    let mut graph = graph(nodes);
    graph.input = vec![value("x", Float, &["n", "m"])];
    graph.output = vec![value("y", Float, &["", ""])];
    encode(&model(graph, 17))
}

/// `first` doubled by an operator `count` times; the last is called `PREFIX{count}`.
fn doubled(operator: &str, first: &str, prefix: &str, count: usize) -> Vec<NodeProto> {
    let at = |i: usize| match i {
        0 => first.into(),
        i => format!("{prefix}{i}"),
    };
    let link = |i: usize| {
        let link = node(operator, &[&at(i), &at(i)], &[&at(i + 1)]);
        match operator {
            "Concat" => with(link, vec![int("axis", 0)]),
            _ => link,
        }
    };
    (0..count).map(link).collect()
}

#[test]
fn expressions_that_explode() {
    let _alone = alone();
    for (operator, count) in [
        ("Concat", 60),
        ("Concat", 200),
        ("Add", 10_000),
        ("MatMul", 1000),
    ] {
        let mut nodes = doubled(operator, "x", "t", count);
        nodes.push(node("Relu", &[&format!("t{count}")], &["y"]));
        let _ = loaded(&format!("{operator}-{count}"), symbolic(nodes));
    }
    // A shape that is multiplied with itself, added to itself, and then used.
    for operator in ["Mul", "Add", "Sub", "Div", "Mod", "Max", "Concat"] {
        let mut nodes = vec![node("Shape", &["x"], &["s"])];
        nodes.extend(doubled(operator, "s", "s", 300));
        nodes.push(node("Expand", &["x", "s300"], &["y"]));
        let _ = loaded(&format!("shape-{operator}"), symbolic(nodes));
    }
}

#[test]
fn dimensions_with_long_names() {
    let _alone = alone();
    let long = "n".repeat(60_000);
    let mut graph = graph(chain(20_000));
    graph.input = vec![value("x", Float, &[&long])];
    graph.output = vec![value("y", Float, &[""])];
    refused(
        "long-dimension",
        encode(&model(graph, 17)),
        "more than the limit",
    );
}

#[test]
fn tensors_that_depend_on_many_dimensions() {
    let _alone = alone();
    let mut nodes = vec![node("Concat", &[], &["t"])];
    nodes[0].attribute = vec![int("axis", 0)];
    nodes[0].input = names("i", 1000);
    let mut links = chain(20_000);
    links[0].input = vec!["t".into()];
    nodes.extend(links);
    let mut graph = graph(nodes);
    let inputs = names("i", 1000);
    graph.input = inputs
        .iter()
        .map(|name| value(name, Float, &[&format!("a_dimension_of_{name}")]))
        .collect();
    graph.output = vec![value("y", Float, &[""])];
    let _ = loaded("many-dimensions", encode(&model(graph, 17)));
}

#[test]
fn ten_thousand_dimensions_that_are_given() {
    let _alone = alone();
    let given = |operator: &str, axis: u32| {
        (1..10_000).fold(Options::new(), |options, i| {
            options.dim(format!("{operator}_t{i}.{axis}"), 4)
        })
    };
    let before = Usage::now();
    let known = parse(&of(chain(10_000)), &given("Relu", 0));
    assert!(known.unwrap().bounds.is_empty());
    let found = (1..10_000).map(|i| node("NonZero", &["x"], &[&format!("t{i}")]));
    let used = (1..10_000).map(|i| node("Relu", &[&format!("t{i}")], &[&format!("r{i}")]));
    let all = found.chain(used).chain(chain(1)).collect();
    let bounds = parse(&of(all), &given("NonZero", 1)).unwrap().bounds;
    assert_eq!(bounds.len(), 9_999);
    let (seconds, _) = before.since();
    assert!(seconds <= MAX_SECONDS, "{seconds} s");
}
