//! Sizes that follow from operands, or that the file alone knows.

use orionrt_models::Options;

use super::parts::*;

#[test]
fn a_squeeze_without_axes_removes_every_dimension_of_one() {
    for version in [9, 11, 13, 17] {
        let nodes = vec![
            node("Relu", &["x"], &["r"], "R"),
            node("Squeeze", &["r"], &["y"], "S"),
        ];
        let x = value("x", Float, &["3", "1", "4"]);
        let y = value("y", Float, &["3", "4"]);
        let bytes = file(graph(nodes, vec![x], vec![y]), version, vec![]);
        assert_eq!(
            peak(&read_file(&bytes, &Options::new())),
            112,
            "opset {version}"
        );
    }
}

/// The two results of an operator that is not known have shapes that the file states.
#[test]
fn stated_shapes_of_unknown_operators_are_used() {
    let mystery =
        |outputs: &[&str]| of_domain("com.example", node("Mystery", &["x"], outputs, "M"));
    let eight = |name| value(name, Float, &["8"]);
    let mut one = graph(
        vec![mystery(&["y"]), node("Relu", &["y"], &["w"], "R")],
        vec![eight("x")],
        vec![eight("w")],
    );
    one.value_info = vec![eight("y")];
    assert_eq!(peak(&read(one)), 96);
    let mut two = graph(
        vec![
            mystery(&["y", "z"]),
            node("Relu", &["y"], &["w"], "R"),
            node("Relu", &["z"], &["v"], "R2"),
        ],
        vec![eight("x")],
        vec![eight("w"), eight("v")],
    );
    two.value_info = vec![eight("y"), eight("z")];
    assert_eq!(peak(&read(two)), 160);
    // The shape of a graph output is stated, too.
    let output = graph(vec![mystery(&["y"])], vec![eight("x")], vec![eight("y")]);
    assert_eq!(peak(&read(output)), 96);
    let mut middle = graph(
        vec![mystery(&["u"]), node("Relu", &["u"], &["y"], "R")],
        vec![eight("x")],
        vec![eight("y")],
    );
    middle.value_info = vec![eight("u")];
    assert_eq!(peak(&read(middle)), 96);
}

#[test]
fn a_stated_shape_serves_an_operator_that_inference_may_not_know() {
    let heads = |name| value(name, Float, &["1", "2", "4", "8"]);
    let nodes = vec![
        node("Attention", &["q", "k", "v"], &["u"], "A"),
        node("Relu", &["u"], &["y"], "R"),
    ];
    let mut attention = graph(nodes, ["q", "k", "v"].map(heads).into(), vec![heads("y")]);
    attention.value_info = vec![heads("u")];
    let bytes = file(attention, 23, vec![]);
    assert_eq!(peak(&read_file(&bytes, &Options::new())), 1024);
}

/// ConstantOfShape without `value` makes f32; here f32 is scattered into it.
#[test]
fn a_constant_of_a_shape_is_of_floats_by_default() {
    let nodes = vec![
        node("ConstantOfShape", &["count"], &["zeros"], "Z"),
        with(
            node(
                "ScatterElements",
                &["zeros", "places", "updates"],
                &["w"],
                "S",
            ),
            int("axis", 0),
        ),
        node("Reshape", &["w", "shape"], &["matrix"], "R"),
        node("MatMul", &["x", "matrix"], &["y"], "M"),
    ];
    let x = value("x", Float, &["3", "4"]);
    let y = value("y", Float, &["3", "2"]);
    let mut scatter = graph(nodes, vec![x], vec![y]);
    scatter.initializer = vec![
        integers("count", &[8], false),
        zeros("places", Int32, &[2], 8),
        zeros("updates", Float, &[2], 8),
        integers("shape", &[4, 2], false),
    ];
    let peak = peak(&read(scatter));
    assert!((88..=280).contains(&peak), "{peak}");
}
