//! What a file states: order, names, sizes, constants, variables, and which results share bytes.

use crate::writer::*;
use orionrt_models::{Format, LeftOutReason, Model, ModelError, Options, parse};
use orionrt_plan::Planner;

/// Two operators in a row: `x` to `y` to `z`, of 8 floats each.
fn chain() -> Graph {
    Graph {
        name: "main".into(),
        tensors: vec![floats("x", &[8]), floats("y", &[8]), floats("z", &[8])],
        inputs: vec![0],
        outputs: vec![2],
        operators: vec![op(TRANSPOSE, &[0], &[1]), op(TRANSPOSE, &[1], &[2])],
    }
}

fn read(graphs: &[Graph]) -> Model {
    parse(&file(graphs), &Options::new()).unwrap()
}

fn peak(model: &Model) -> u64 {
    let plan = Planner::new().plan(&model.graph.lifetimes()).unwrap();
    assert!(plan.is_optimal());
    plan.peak()
}

fn operators(model: &Model) -> Vec<&str> {
    model.graph.ops().iter().map(|op| op.name()).collect()
}

fn bytes_of(model: &Model, name: &str) -> usize {
    let id = model.graph.find(name).unwrap();
    model.graph.tensor(id).unwrap().layout().size()
}

#[test]
fn operators_are_in_the_order_of_the_file() {
    let mut graph = chain();
    graph.tensors.push(floats("w", &[8]));
    graph.operators.insert(1, op(LOGISTIC, &[0], &[3]));
    graph
        .operators
        .push(op(CUSTOM, &[2, 3], &[]).custom("Show"));
    let model = read(&[graph]);
    let names = ["TRANSPOSE:0", "LOGISTIC:1", "TRANSPOSE:2", "Show:3"];
    assert_eq!(operators(&model), names);
    assert_eq!(
        model.operator_types,
        ["TRANSPOSE", "LOGISTIC", "TRANSPOSE", "Show"]
    );
    assert!(
        model
            .tensor_types
            .iter()
            .all(|of| of.to_string() == "float32 8")
    );
    assert_eq!((model.format, model.nodes), (Format::Tflite, 4));
}

#[test]
fn a_chain_needs_two_tensors_at_a_time() {
    // Each of 32 bytes at multiples of 64: the second one ends at 96.
    assert_eq!(peak(&read(&[chain()])), 96);
}

#[test]
fn every_type_has_its_size() {
    // The numbers of types in the schema, and the bytes of five elements.
    let sizes = [
        (0, 20),
        (1, 10),
        (2, 20),
        (3, 5),
        (4, 40),
        (6, 5),
        (7, 10),
        (8, 40),
        (9, 5),
        (10, 40),
        (11, 80),
        (12, 40),
        (15, 20),
        (16, 10),
        (17, 3),
        (18, 10),
        (19, 2),
        (20, 3),
        (21, 5),
        (22, 5),
    ];
    for (element, bytes) in sizes {
        let mut graph = chain();
        graph.tensors[1] = floats("y", &[5]).element(element);
        assert_eq!(bytes_of(&read(&[graph]), "y"), bytes, "type {element}");
    }
}

#[test]
fn strings_and_resources_are_left_out_and_listed() {
    let mut graph = chain();
    graph.tensors[1] = floats("y", &[8]).element(STRING);
    let model = read(&[graph]);
    assert!(model.graph.find("y").is_none());
    assert_eq!(model.left_out.len(), 1);
    assert_eq!(model.left_out[0].name, "y");
    let reason = LeftOutReason::NotMemory { kind: "strings" };
    assert_eq!(model.left_out[0].reason, reason);
}

#[test]
fn an_unknown_type_is_an_error() {
    let mut graph = chain();
    graph.tensors[1] = floats("y", &[5]).element(99);
    let error = parse(&file(&[graph]), &Options::new()).unwrap_err();
    assert!(error.to_string().contains("type 99"), "{error}");
}

#[test]
fn names_are_unique_and_never_empty() {
    let mut graph = chain();
    for tensor in &mut graph.tensors[..2] {
        tensor.name = "same".into();
    }
    graph.tensors[2].name = String::new();
    let model = read(&[graph]);
    let names: Vec<_> = model
        .graph
        .tensors()
        .map(|(_, t)| t.name().to_string())
        .collect();
    assert_eq!(names, ["same", "same:1", "tensor:2"]);
}

#[test]
fn constants_are_weights_and_a_shared_buffer_counts_once() {
    let mut graph = chain();
    graph.tensors.push(floats("w", &[100]).data(400));
    graph.tensors.push(floats("unused", &[100]).data(400));
    graph.operators[0] = op(ADD, &[0, 3], &[1]);
    graph.operators[1] = op(ADD, &[1, 3], &[2]);
    let model = read(&[graph]);
    assert!(model.graph.find("w").is_none());
    assert_eq!(model.weights_bytes, 400);
}

#[test]
fn an_operand_may_be_left_out() {
    let mut graph = chain();
    graph.operators[0] = op(CUSTOM, &[0, -1], &[1]).custom("Maybe");
    assert_eq!(operators(&read(&[graph]))[0], "Maybe:0");
}

#[test]
fn a_reshape_is_a_view() {
    let mut graph = chain();
    graph.operators[1] = op(RESHAPE, &[1], &[2]);
    let model = read(&[graph]);
    let views = model.graph.ops()[1].views();
    assert_eq!(views.len(), 1);
    let [y, z] = ["y", "z"].map(|name| model.graph.find(name).unwrap());
    assert_eq!((views[0].result, views[0].of), (z, y));
}

#[test]
fn an_element_wise_result_may_be_written_over_an_operand_of_its_shape() {
    let mut graph = chain();
    graph.tensors.push(floats("b", &[1]));
    graph.inputs.push(3);
    graph.operators[1] = op(ADD, &[3, 1], &[2]);
    let model = read(&[graph]);
    let [y, z] = ["y", "z"].map(|name| model.graph.find(name).unwrap());
    let in_place = model.graph.ops()[1].in_place();
    assert_eq!(in_place.len(), 1);
    assert_eq!((in_place[0].result, in_place[0].of), (z, y));
    // The operand that is broadcast is not large enough, and a transpose never works in place.
    assert!(model.graph.ops()[0].in_place().is_empty());
}

#[test]
fn nothing_is_written_over_a_variable() {
    let mut graph = chain();
    graph.tensors.push(floats("state", &[8]).variable());
    graph.operators[1] = op(ADD, &[1, 3], &[2]);
    let model = read(&[graph]);
    let in_place = model.graph.ops()[1].in_place();
    assert_eq!(in_place.len(), 1);
    assert_eq!(in_place[0].of, model.graph.find("y").unwrap());
}

#[test]
fn a_variable_lives_from_the_start_to_the_end() {
    let mut graph = chain();
    graph.tensors.push(floats("state", &[8]).variable());
    graph.operators[0] = op(CUSTOM, &[0, 3], &[1]).custom("Lstm");
    let model = read(&[graph]);
    // x and y, then y and z, each time beside the variable.
    assert_eq!(peak(&model), 160);
}

#[test]
fn what_keeps_a_state_is_listed_and_not_repeatable() {
    let mut graph = chain();
    graph.tensors.push(floats("state", &[8]).variable());
    graph.operators[0] = op(ADD, &[0, 3], &[1]);
    let model = read(&[graph]);
    assert_eq!(model.variables, [model.graph.find("state").unwrap()]);
    let work = &model.operator_work;
    assert_eq!([0, 1].map(|at| work[at].is_repeatable), [false, true]);
    assert_eq!([0, 1].map(|at| work[at].operations()), [8, 8]);
    let mut unknown = chain();
    unknown.operators[1] = op(CUSTOM, &[1], &[2]).custom("Mine");
    let model = read(&[unknown]);
    assert!(!model.operator_work[1].is_repeatable && model.variables.is_empty());
}

#[test]
fn a_convolution_counts_the_weights_of_one_channel_for_each_element() {
    let tensors = vec![
        floats("x", &[1, 8, 8, 3]),
        floats("w", &[4, 5, 5, 3]).data(1200),
        floats("y", &[1, 8, 8, 4]),
    ];
    let model = read(&[Graph {
        tensors,
        inputs: vec![0],
        outputs: vec![2],
        operators: vec![op(CONV_2D, &[0, 1], &[2])],
        ..Graph::default()
    }]);
    let work = model.operator_work[0];
    assert_eq!(work.multiply_adds, 8 * 8 * 4 * 5 * 5 * 3);
    // The largest operand is the filters, of 300 elements.
    assert_eq!((work.elements, work.constant_bytes), (300, 1200));
}

#[test]
fn a_resource_variable_is_one_tensor_however_often_it_is_named() {
    let handle = |name: &str| floats(name, &[]).element(RESOURCE);
    let graph = Graph {
        tensors: vec![
            floats("x", &[8]),
            handle("h"),
            floats("old", &[8]),
            floats("new", &[8]),
            handle("again"),
        ],
        inputs: vec![0],
        outputs: vec![3],
        operators: vec![
            op(VAR_HANDLE, &[], &[1]).of_variable("state"),
            op(READ_VARIABLE, &[1], &[2]),
            op(CUSTOM, &[0, 2], &[3]).custom("Mix"),
            op(VAR_HANDLE, &[], &[4]).of_variable("state"),
            op(ASSIGN_VARIABLE, &[4, 3], &[]),
        ],
        ..Graph::default()
    };
    let model = read(&[graph]);
    assert_eq!(bytes_of(&model, "state"), 32);
    let resources = model.left_out.iter().map(|left_out| left_out.name.as_str());
    assert_eq!(resources.collect::<Vec<_>>(), ["h", "again"]);
    // The variable, x, old and new at once.
    assert_eq!(peak(&model), 224);
}

#[test]
fn a_tensor_that_nothing_writes_is_an_error() {
    let mut graph = chain();
    graph.operators.swap(0, 1);
    let error = parse(&file(&[graph]), &Options::new()).unwrap_err();
    assert!(matches!(error, ModelError::Malformed { .. }));
    let text = error.to_string();
    assert!(
        text.contains("operator 0 (TRANSPOSE) reads tensor 1 ('y') before"),
        "{text}"
    );
}

#[test]
fn a_tensor_that_is_written_twice_is_an_error() {
    let mut graph = chain();
    graph.operators[1] = op(TRANSPOSE, &[0], &[1]);
    let error = parse(&file(&[graph]), &Options::new()).unwrap_err();
    let text = error.to_string();
    assert!(
        text.contains("'TRANSPOSE:1'") && text.contains("has a value before"),
        "{text}"
    );
}

#[test]
fn an_output_may_be_an_input() {
    let mut graph = chain();
    graph.outputs = vec![2, 0, 0];
    assert_eq!(read(&[graph]).graph.outputs().len(), 2);
}

#[test]
fn other_entry_points_are_listed() {
    let mut other = chain();
    other.name = "decode".into();
    let model = read(&[chain(), other]);
    assert_eq!(model.nodes, 2);
    assert_eq!(model.left_out.len(), 1);
    assert_eq!(model.left_out[0].name, "decode");
    assert_eq!(model.left_out[0].reason, LeftOutReason::EntryPoint);
}

/// `x [1, 16]` to `a` and `b`, which `joined` has one after the other, then `y`.
fn joined(shape: &[i32], axis: i32, activation: i8) -> Graph {
    let mut whole = shape.to_vec();
    let along = usize::try_from(axis).unwrap_or(shape.len() - 1);
    whole[along] *= 2;
    let names = ["x", "a", "b"].map(|name| floats(name, shape));
    let wholes = ["joined", "y"].map(|name| floats(name, &whole));
    Graph {
        name: "main".into(),
        tensors: [&names[..], &wholes].concat(),
        inputs: vec![0],
        outputs: vec![4],
        operators: vec![
            op(TRANSPOSE, &[0], &[1]),
            op(TRANSPOSE, &[0], &[2]),
            op(CONCATENATION, &[1, 2], &[3]).along(axis, activation),
            op(LOGISTIC, &[3], &[4]),
        ],
    }
}

/// The operands that are parts of a result, and where they begin.
fn parts(graph: &Graph) -> Vec<(String, u64)> {
    let model = read(std::slice::from_ref(graph));
    let name = |id| model.graph.tensor(id).unwrap().name().to_string();
    let parts = model.graph.ops().iter().flat_map(|op| op.parts());
    parts
        .map(|part| (name(part.operand), part.offset))
        .collect()
}

#[test]
fn operands_of_a_concatenation_are_parts_where_their_bytes_stay_what_they_are() {
    let both = [("a".into(), 0), ("b".into(), 64)];
    assert_eq!(parts(&joined(&[1, 16], 1, 0)), both);
    assert_eq!(parts(&joined(&[1, 16], -1, 0)), both);
    assert_eq!(parts(&joined(&[4, 4], 0, 0)), both);
    // Rows in turns, and a fused activation.
    assert_eq!(parts(&joined(&[4, 4], 1, 0)), []);
    assert_eq!(parts(&joined(&[1, 16], 1, 1)), []);
    // Unsigned bytes may have other scales than the result; signed ones have its scale.
    for (element, count) in [(UINT8, 0), (INT8, 2)] {
        let mut bytes = joined(&[1, 16], 1, 0);
        let tensors = bytes.tensors.into_iter();
        bytes.tensors = tensors.map(|tensor| tensor.element(element)).collect();
        assert_eq!(parts(&bytes).len(), count, "type {element}");
    }
    // Without options, the axis is not known.
    let mut plain = joined(&[1, 16], 1, 0);
    plain.operators[2] = op(CONCATENATION, &[1, 2], &[3]);
    assert_eq!(parts(&plain), []);
    let mut weight = joined(&[1, 16], 1, 0);
    weight.tensors[1] = floats("a", &[1, 16]).data(64);
    weight.operators.remove(0);
    assert_eq!(parts(&weight), [("b".into(), 64)]);
}

#[test]
fn concatenated_operands_lie_in_the_result() {
    let model = read(&[joined(&[1, 16], 1, 0)]);
    let kept = Planner::new().plan_parts(&model.graph).unwrap();
    assert_eq!((kept.uncopied.operands, kept.uncopied.bytes), (2, 128));
    assert_eq!(
        (model.graph.lifetimes().load(), kept.plan.peak()),
        (256, 192)
    );
}
