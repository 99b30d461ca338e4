//! Dimensions that are missing, given or assumed.

use orionrt_models::{ModelError, Options};

use orionrt_test_models::proto::TensorProto;

use super::parts::*;

#[test]
fn one_message_asks_for_the_dimensions_of_all_inputs() {
    let [a, b, y] = ["a", "b", "y"].map(|name| value(name, Float, &["2", ""]));
    let sum = graph(
        vec![node("Add", &["a", "b"], &["y"], "Add")],
        vec![a, b],
        vec![y],
    );
    let bytes = file(sum, 17, vec![]);
    let error = refused(&bytes, &Options::new());
    let text = error.to_string();
    assert!(matches!(error, ModelError::MissingDims { .. }), "{text}");
    assert!(
        text.ends_with("give them with: --dim a.1=N --dim b.1=N"),
        "{text}"
    );
    let options = Options::new().dim("a.1", 8).dim("b.1", 8);
    assert_eq!(peak(&read_file(&bytes, &options)), 192);
}

#[test]
fn a_sequence_in_front_is_not_taken_for_a_batch() {
    let relu = |symbol: &str| {
        let [x, y] = ["x", "y"].map(|name| value(name, Float, &[symbol, "576"]));
        file(
            graph(vec![node("Relu", &["x"], &["y"], "R")], vec![x], vec![y]),
            17,
            vec![],
        )
    };
    let error = refused(&relu("sequence_length"), &Options::new());
    assert!(
        error.to_string().contains("--dim sequence_length=N"),
        "{error}"
    );
    let model = read_file(&relu("batch_size"), &Options::new());
    assert_eq!(model.assumed, [("batch_size".to_string(), 1)]);
    assert_eq!(peak(&model), 4608);
}

/// Two models to be planned into one arena, each with a symbol that the other has not.
#[test]
fn options_with_the_dimensions_of_several_models_serve_each_of_them() {
    let relu = |symbol: &str| {
        let [x, y] = ["x", "y"].map(|name| value(name, Float, &["1", symbol]));
        file(
            graph(vec![node("Relu", &["x"], &["y"], "R")], vec![x], vec![y]),
            17,
            vec![],
        )
    };
    let options = Options::new().dim("width", 8).dim("length", 8);
    for symbol in ["width", "length"] {
        let error = refused(&relu(symbol), &options);
        assert!(matches!(error, ModelError::UnknownDim { .. }), "{error}");
        let shared = options.clone().allow_unused_names();
        assert_eq!(peak(&read_file(&relu(symbol), &shared)), 96);
    }
}

/// The operand is a weight in a file of its own, which is never opened.
#[test]
fn a_shape_in_another_file_is_asked_for_by_its_sizes() {
    let cases = [
        ("Reshape", 17, 2, &["4", "4"][..], &["S.0", "S.1"][..]),
        ("Expand", 17, 3, &["4", "4"], &["S.0", "S.1", "S.2"]),
        ("Expand", 17, 1, &["4", "4"], &["S.0", "S.1"]),
        ("Squeeze", 17, 1, &["1", "4"], &["S.0"]),
        ("Tile", 17, 2, &["4", "4"], &["S.0", "S.1"]),
        ("Unsqueeze", 17, 1, &["4", "4"], &["S.0", "S.1", "S.2"]),
        ("Col2Im", 18, 2, &["1", "4", "9"], &["S.1", "S.2", "S.3"]),
        ("AffineGrid", 20, 4, &["1", "2", "3"], &["S.1", "S.2"]),
    ];
    for (operator, version, count, dims, asked) in cases {
        let inputs = match operator {
            "Col2Im" => &["x", "n", "n"][..],
            _ => &["x", "n"],
        };
        let nodes = vec![
            node(operator, inputs, &["s"], "S"),
            node("Relu", &["s"], &["y"], "R"),
        ];
        let y = unshaped_value("y", Float);
        let mut shaped = graph(nodes, vec![value("x", Float, dims)], vec![y]);
        shaped.initializer = vec![elsewhere("n", count)];
        let bytes = file(shaped, version, vec![]);
        let ModelError::MissingDims { missing } = refused(&bytes, &Options::new()) else {
            panic!("{operator}: something else is wrong");
        };
        let names: Vec<&str> = missing.iter().map(|dim| dim.name.as_str()).collect();
        assert_eq!(names, asked, "{operator}");
        let given = asked.iter().fold(Options::new(), |o, name| o.dim(*name, 2));
        assert!(read_file(&bytes, &given).bounds.len() == asked.len());
    }
}

/// Whole numbers of which the file has only the place.
fn elsewhere(name: &str, count: i64) -> TensorProto {
    TensorProto {
        name: name.into(),
        dims: vec![count],
        data_type: Int64 as i32,
        data_location: 1,
        ..Default::default()
    }
}

#[test]
fn a_message_lists_no_more_dimensions_than_anyone_would_give() {
    let inputs = (0..2000).map(|i| value(&format!("x{i}"), Float, &["2", ""]));
    let y = value("y", Float, &["2", ""]);
    let relu = vec![node("Relu", &["x0"], &["y"], "R")];
    let bytes = file(graph(relu, inputs.collect(), vec![y]), 17, vec![]);
    let text = refused(&bytes, &Options::new()).to_string();
    assert!(text.contains("x499.1 in x499"), "{text:.400}");
    assert!(text.contains("and 1500 more"), "{text:.400}");
    assert!(!text.contains("x500.1"), "{text:.400}");
    let unknown = refused(&bytes, &Options::new().dim("nobody", 1)).to_string();
    assert!(unknown.contains("and 1900 more"), "{unknown:.400}");
}
