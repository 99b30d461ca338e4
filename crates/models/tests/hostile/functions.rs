//! Functions that call one another.

use orionrt_test_models::parts::{encode, model, node};
use orionrt_test_models::proto::{FunctionProto, ModelProto, NodeProto};

use crate::measured::{alone, refused};
use crate::parts::{call, chain, function, graph};

fn with_functions(functions: Vec<FunctionProto>, nodes: Vec<NodeProto>) -> Vec<u8> {
    encode(&ModelProto {
        functions,
        ..model(graph(nodes), 17)
    })
}

#[test]
fn functions_that_explode() {
    let _alone = alone();
    let relu = || function("F0", vec![node("Relu", &["a"], &["b"])]);
    let mut doubling = vec![relu()];
    for i in 1..=40 {
        let inner = format!("F{}", i - 1);
        let nodes = vec![call("l", &inner, "a", "t"), call("r", &inner, "t", "b")];
        doubling.push(function(&format!("F{i}"), nodes));
    }
    let bytes = with_functions(doubling, vec![call("c", "F40", "x", "y")]);
    refused("doubling", bytes, "more than the limit");

    let itself = vec![function("F", vec![call("f", "F", "a", "b")])];
    let bytes = with_functions(itself, vec![call("c", "F", "x", "y")]);
    refused("recursion", bytes, "a call of itself");

    let mut long = vec![relu()];
    for i in 1..=10_000 {
        let inner = format!("F{}", i - 1);
        long.push(function(
            &format!("F{i}"),
            vec![call("c", &inner, "a", "b")],
        ));
    }
    let bytes = with_functions(long, vec![call("c", "F10000", "x", "y")]);
    refused("long-chain", bytes, "calls of functions within functions");

    let name = "n".repeat(30_000);
    let mut nodes = chain(1000);
    for node in &mut nodes {
        node.name.clone_from(&name);
    }
    nodes[0].input = vec!["a".into()];
    nodes[999].output = vec!["b".into()];
    let calls = vec![
        call(&name, "F", "x", "t"),
        call(&name, "F", "t", "u"),
        call(&name, "F", "u", "y"),
    ];
    let bytes = with_functions(vec![function("F", nodes)], calls);
    refused("names-of-calls", bytes, "more than the limit");
}
