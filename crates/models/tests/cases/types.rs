//! Elements of all sizes.

use orionrt_models::Options;

use super::parts::*;

#[test]
fn weights_of_four_bits_have_two_in_a_byte() {
    let nodes = vec![
        node("DequantizeLinear", &["w", "scale"], &["wf"], "D"),
        node("MatMul", &["x", "wf"], &["y"], "M"),
    ];
    let [x, y] = ["x", "y"].map(|name| value(name, Float, &["1", "8"]));
    let mut product = graph(nodes, vec![x], vec![y]);
    product.initializer = vec![zeros("w", Int4, &[8, 8], 32), zeros("scale", Float, &[], 4)];
    let model = read_file(&file(product, 21, vec![]), &Options::new());
    let peak = peak(&model);
    assert!((96..=352).contains(&peak), "{peak}");
    assert_eq!(
        model.weights_bytes,
        32 + 4,
        "two weights in a byte, and the scale"
    );
    let computed = (model.computed_constants, model.computed_constants_bytes);
    assert_eq!(computed, (1, 256), "eight by eight floats");
}

/// Models without their weights have these in their place, as ONNX's own test models do.
#[test]
fn what_constants_of_a_shape_come_to_has_the_bytes_of_its_elements() {
    let nodes = vec![
        node("ConstantOfShape", &["wide"], &["w"], "W"),
        node("ConstantOfShape", &["long"], &["b"], "B"),
        node("Neg", &["b"], &["c"], "C"),
        node("MatMul", &["x", "w"], &["u"], "M"),
        node("Add", &["u", "c"], &["v"], "A"),
        node("Mul", &["v", "c"], &["y"], "P"),
    ];
    let [x, y] = ["x", "y"].map(|name| value(name, Float, &["1", "8"]));
    let mut light = graph(nodes, vec![x], vec![y]);
    light.initializer = vec![
        integers("wide", &[8, 8], false),
        integers("long", &[8], false),
    ];
    let model = read_file(&file(light, 17, vec![]), &Options::new());
    assert_eq!(operators(&model), ["M", "A", "P"]);
    assert_eq!(model.weights_bytes, 16 + 8, "the shapes");
    // `b` is needed for `c` alone.
    let computed = (model.computed_constants, model.computed_constants_bytes);
    assert_eq!(computed, (2, 8 * 8 * 4 + 8 * 4));
}

#[test]
fn activations_of_bfloat16_have_two_bytes_an_element() {
    let cast = |x, y, to| with(node("Cast", &[x], &[y], y), int("to", to as i64));
    let nodes = vec![
        cast("x", "b", Bfloat16),
        node("Relu", &["b"], &["r"], "r"),
        cast("r", "y", Float),
    ];
    let [x, y] = ["x", "y"].map(|name| value(name, Float, &["1", "8"]));
    let model = read_file(
        &file(graph(nodes, vec![x], vec![y]), 21, vec![]),
        &Options::new(),
    );
    let size = |name| {
        let id = model.graph.find(name).expect(name);
        model.graph.tensor(id).expect("a tensor").layout().size()
    };
    assert_eq!(["x", "b", "r", "y"].map(size), [32, 16, 16, 32]);
    let types = ["float32 1×8", "bfloat16 1×8", "bfloat16 1×8", "float32 1×8"];
    let shown = model.tensor_types.iter().map(ToString::to_string);
    assert!(shown.eq(types), "{:?}", model.tensor_types);
    assert_eq!(model.operator_types, ["Cast", "Relu", "Cast"]);
    assert_eq!(peak(&model), 96);
}
