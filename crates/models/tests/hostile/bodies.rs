//! Bodies within one another, and nodes in circles.

use orionrt_test_models::parts::node;
use orionrt_test_models::proto::NodeProto;

use crate::measured::{alone, loaded, refused};
use crate::parts::{body, branch, chain, header, names, of, raw, slice, with};

#[test]
fn ten_thousand_bodies_within_one_another() {
    let _alone = alone();
    // From the inside out; the parts of each level before its body are kept.
    let (mut levels, mut length) = (Vec::new(), 0);
    for _ in 0..10_000 {
        let attribute = [&[0xa0, 1, 5][..], &header(6, length)].concat();
        length += attribute.len();
        let node = [&slice(4, b"If")[..], &header(5, length)].concat();
        length += node.len();
        let outer = header(1, length);
        length += outer.len();
        levels.push([outer, node, attribute].concat());
    }
    levels.reverse();
    refused("nested", raw(&levels.concat()), "bodies within bodies");
}

#[test]
fn bodies_as_deep_as_is_allowed() {
    let _alone = alone();
    let mut nodes = vec![node("Relu", &["x"], &["y0"])];
    for depth in 0..32 {
        let (inner, outer) = (format!("y{depth}"), format!("y{}", depth + 1));
        let other = format!("z{depth}");
        let bodies = vec![
            body("then_branch", branch(nodes, &inner)),
            body(
                "else_branch",
                branch(vec![node("Abs", &["x"], &[&other])], &other),
            ),
        ];
        nodes = vec![with(node("If", &["c"], &[&outer]), bodies)];
    }
    nodes.push(node("Relu", &["y32"], &["y"]));
    loaded("deep", of(nodes)).unwrap();
}

#[test]
fn cycles() {
    let _alone = alone();
    let own = vec![node("Add", &["x", "y"], &["y"])];
    assert!(loaded("own", of(own)).is_err());
    let two = vec![
        node("Add", &["x", "y"], &["t"]),
        node("Relu", &["t"], &["y"]),
    ];
    assert!(loaded("two", of(two)).is_err());
    let bodies = vec![
        body(
            "then_branch",
            branch(vec![node("Relu", &["y"], &["r"])], "r"),
        ),
        body(
            "else_branch",
            branch(vec![node("Relu", &["x"], &["r"])], "r"),
        ),
    ];
    let through_body = vec![with(node("If", &["c"], &["y"]), bodies)];
    // The branch cannot be typed: it is left out, or the model is refused.
    if let Ok(model) = loaded("through-body", of(through_body)) {
        assert!(!model.left_out.is_empty());
    }
    let twice = vec![node("Relu", &["x"], &["y"]), node("Abs", &["x"], &["y"])];
    assert!(loaded("written-twice", of(twice)).is_err());
}

#[test]
fn bodies_that_capture_everything() {
    let _alone = alone();
    let outer = names("o", 2000);
    let relus = outer.iter().map(|name| node("Relu", &["x"], &[name]));
    let mut nodes: Vec<NodeProto> = relus.collect();
    let captured: Vec<&str> = outer.iter().map(String::as_str).collect();
    let mut inner = vec![node("Sum", &captured, &["y0"])];
    for depth in 0..30 {
        let (inside, outside) = (format!("y{depth}"), format!("y{}", depth + 1));
        let other = format!("z{depth}");
        let bodies = vec![
            body("then_branch", branch(inner, &inside)),
            body(
                "else_branch",
                branch(vec![node("Sum", &captured, &[&other])], &other),
            ),
        ];
        inner = vec![with(node("If", &["c"], &[&outside]), bodies)];
    }
    nodes.extend(inner);
    nodes.push(node("Relu", &["y30"], &["y"]));
    let _ = loaded("captures", of(nodes));
}

#[test]
fn long_names_of_nodes_with_large_bodies() {
    let _alone = alone();
    // Each value in a body is named after the node.
    let mut outer = node("If", &["c"], &["y"]);
    outer.name = "n".repeat(60_000);
    let nodes = chain(20_000).into_iter();
    let nodes = nodes.map(|mut node| {
        for name in &mut node.output {
            if name == "y" {
                *name = "r".into();
            }
        }
        node
    });
    outer.attribute = vec![
        body("then_branch", branch(nodes.collect(), "r")),
        body(
            "else_branch",
            branch(vec![node("Abs", &["x"], &["s"])], "s"),
        ),
    ];
    refused("long-names", of(vec![outer]), "names of values in bodies");
}
