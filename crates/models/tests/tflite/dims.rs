//! Sizes that are open: what the file states, what is given, what depends on data.

use crate::writer::*;
use orionrt_models::{Model, ModelError, Options, Unknown, parse};

/// An input with a batch and a length, through a convolution, an addition and a reshape.
fn network() -> Graph {
    let open = [-1, 16, 4];
    Graph {
        tensors: vec![
            floats("x", &[2, 16, 4]).signature(&open),
            floats("w", &[4]).data(16),
            floats("y", &[2, 8, 4]).signature(&[-1, 8, 4]),
            floats("z", &[2, 8, 4]).signature(&[-1, 8, 4]),
            floats("flat", &[64]).signature(&[-1]),
        ],
        inputs: vec![0],
        outputs: vec![4],
        operators: vec![
            op(CONV_2D, &[0, 1], &[2]),
            op(ADD, &[2, 1], &[3]),
            op(RESHAPE, &[3], &[4]),
        ],
        ..Graph::default()
    }
}

fn sizes(model: &Model, names: &[&str]) -> Vec<usize> {
    let find = |name: &&str| model.graph.find(name).unwrap();
    let tensors = names
        .iter()
        .map(|name| model.graph.tensor(find(name)).unwrap());
    tensors.map(|tensor| tensor.layout().size()).collect()
}

fn missing(graph: &Graph, options: &Options) -> Vec<(String, bool)> {
    match parse(&file(std::slice::from_ref(graph)), options) {
        Err(ModelError::MissingDims { missing }) => missing
            .into_iter()
            .map(|dim| (dim.name, dim.is_bound))
            .collect(),
        other => panic!("{other:?}"),
    }
}

const NAMES: [&str; 4] = ["x", "y", "z", "flat"];

#[test]
fn the_sizes_in_the_file_hold_if_none_is_given() {
    let model = parse(&file(&[network()]), &Options::new()).unwrap();
    assert_eq!(sizes(&model, &NAMES), [512, 256, 256, 256]);
    assert_eq!(model.assumed, [("x.0".to_string(), 2)]);
}

#[test]
fn a_batch_that_is_given_goes_through_all_operators() {
    let options = Options::new().dim("x.0", 6);
    let model = parse(&file(&[network()]), &options).unwrap();
    assert_eq!(sizes(&model, &NAMES), [1536, 768, 768, 768]);
    assert!(model.assumed.is_empty() && model.bounds.is_empty());
}

#[test]
fn a_size_that_goes_through_an_operator_in_an_unknown_way_must_be_given() {
    let mut graph = network();
    graph.operators[0] = op(TRANSPOSE, &[0, 1], &[2]);
    let options = Options::new().dim("x.0", 6);
    // What follows from it is not asked for.
    assert_eq!(
        missing(&graph, &options),
        [("TRANSPOSE:0.0".to_string(), false)]
    );
    let options = options.dim("TRANSPOSE:0.0", 5);
    let model = parse(&file(&[graph]), &options).unwrap();
    assert_eq!(sizes(&model, &NAMES), [1536, 640, 640, 640]);
}

#[test]
fn a_batch_without_any_size_is_assumed_to_be_1_and_other_axes_are_asked_for() {
    let mut graph = network();
    graph.tensors[0] = floats("x", &[-1, -1, 4]);
    graph.tensors[2] = floats("y", &[-1, 8, 4]);
    let options = Options::new();
    assert_eq!(missing(&graph, &options), [("x.1".to_string(), false)]);
    let model = parse(&file(&[graph]), &options.dim("x.1", 16)).unwrap();
    assert_eq!(sizes(&model, &NAMES), [256, 128, 128, 128]);
    assert_eq!(model.assumed, [("x.0".to_string(), 1)]);
}

#[test]
fn a_size_that_depends_on_data_is_a_bound() {
    let mut graph = network();
    graph.operators[0] = op(WHERE, &[0], &[2]);
    graph.tensors[2] = floats("y", &[1, 8, 4]).signature(&[-1, 8, 4]);
    assert_eq!(
        missing(&graph, &Options::new()),
        [("WHERE:0.0".to_string(), true)]
    );
    let options = Options::new().dim("WHERE:0.0", 3);
    let model = parse(&file(&[graph]), &options).unwrap();
    assert_eq!(sizes(&model, &NAMES), [512, 384, 384, 384]);
    assert_eq!(model.bounds.len(), 1);
    assert_eq!(
        (model.bounds[0].name.as_str(), model.bounds[0].bound),
        ("WHERE:0.0", 3)
    );
}

#[test]
fn a_shape_that_is_computed_from_shapes_does_not_depend_on_data() {
    let mut graph = network();
    graph.tensors.push(floats("shape", &[3]).element(INT32));
    graph.operators.insert(0, op(SHAPE, &[0], &[5]));
    graph.operators[1] = op(FILL, &[5, 1], &[2]);
    assert!(parse(&file(&[graph.clone()]), &Options::new()).is_ok());
    // Computed from values of the input, it does.
    graph.operators[0] = op(CUSTOM, &[0], &[5]).custom("Count");
    assert_eq!(
        missing(&graph, &Options::new()),
        [("FILL:1.0".to_string(), true)]
    );
}

#[test]
fn the_result_of_a_custom_operator_may_have_no_rank() {
    let mut graph = network();
    graph.operators[0] = op(CUSTOM, &[0, 1], &[2]).custom("Detect");
    graph.tensors[2] = floats("y", &[]);
    graph.operators.truncate(1);
    graph.outputs = vec![2];
    assert_eq!(
        missing(&graph, &Options::new()),
        [("Detect:0.0".to_string(), true)]
    );
    let model = parse(&file(&[graph]), &Options::new().dim("Detect:0.0", 40)).unwrap();
    assert_eq!(sizes(&model, &["y"]), [160]);
}

#[test]
fn what_is_unknown_can_be_left_out() {
    let mut graph = network();
    graph.operators[0] = op(WHERE, &[0], &[2]);
    let options = Options::new().unknown(Unknown::Skip);
    let model = parse(&file(&[graph]), &options).unwrap();
    let left_out = model.left_out.iter().map(|left_out| left_out.name.as_str());
    assert_eq!(left_out.collect::<Vec<_>>(), ["y", "z", "flat"]);
}

#[test]
fn all_dimensions_are_listed() {
    let mut graph = network();
    graph.operators[0] = op(WHERE, &[0], &[2]);
    let path = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("dims.tflite");
    std::fs::write(&path, file(&[graph])).unwrap();
    let dimensions = orionrt_models::dimensions(&path).unwrap();
    let listed = dimensions
        .iter()
        .map(|dim| (dim.name.as_str(), dim.assumed, dim.is_bound));
    let expected = [("x.0", Some(2), false), ("WHERE:0.0", None, true)];
    assert_eq!(listed.collect::<Vec<_>>(), expected);
    assert_eq!(dimensions[0].places, ["input 'x', axis 0"]);
}

#[test]
fn a_name_that_the_model_lacks_is_an_error() {
    let options = Options::new().dim("batch", 6);
    let error = parse(&file(&[network()]), &options).unwrap_err();
    assert_eq!(
        error.to_string(),
        "no dimension is called 'batch'; the model has 'x.0'"
    );
    assert!(parse(&file(&[network()]), &options.allow_unused_names()).is_ok());
}
