//! Dimensions that are missing, given or assumed.

use orionrt_models::{ModelError, Options};

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
