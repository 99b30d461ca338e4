//! What operators compute, with the constants that they read.

use orionrt_models::Options;
use orionrt_test_models::tiny;

use crate::parts::*;

#[test]
fn each_operator_has_its_work_in_the_order_of_the_file() {
    // x [batch, 3, 8, 8] → conv → relu → conv → add → y [batch, 4, 8, 8], all filters 3 × 3.
    let model = read_file(&tiny::file(), &Options::new().dim("batch", 2));
    let work = model.operator_work.iter();
    let counts: Vec<[u64; 3]> = work
        .map(|of| [of.multiply_adds, of.elements, of.constant_bytes])
        .collect();
    // Floats: filters for 3 and for 4 channels.
    let result = 2 * 4 * 8 * 8;
    let expected = [
        [result * 3 * 9, result, 4 * 4 * 3 * 9],
        [0, result, 0],
        [result * 4 * 9, result, 4 * 4 * 4 * 9],
        [0, result, 0],
    ];
    assert_eq!(counts, expected);
    assert!(model.operator_work.iter().all(|of| of.is_repeatable));
    assert!(model.variables.is_empty());
}

#[test]
fn what_draws_random_numbers_is_not_repeatable() {
    let nodes = vec![
        node("RandomUniformLike", &["x"], &["r"], "draw"),
        node("Add", &["x", "r"], &["y"], "add"),
        of_domain("com.example", node("Add", &["x", "y"], &["z"], "other")),
    ];
    let sized = |name| value(name, Float, &["4"]);
    let model = read(graph(nodes, vec![sized("x")], vec![sized("z")]));
    let repeatable: Vec<bool> = model
        .operator_work
        .iter()
        .map(|w| w.is_repeatable)
        .collect();
    assert_eq!(repeatable, [false, true, false]);
    assert_eq!(model.operator_work[2].operations(), 4);
}
