//! Weights as tensors of the graph.

use super::draft::{Draft, branches, listing, node};
use crate::model::Model;
use crate::options::Options;
use crate::program::AliasKind;

fn with_weights(draft: &Draft, alignment: u64) -> Model {
    let options = Options::new().alignment(alignment).weight_tensors(true);
    draft.assembled(&options).expect("a valid program")
}

fn names(model: &Model) -> Vec<&str> {
    let tensors = model.weights.iter();
    let tensors = tensors.map(|&id| model.graph.tensor(id).expect("a tensor of the graph"));
    tensors.map(|tensor| tensor.name()).collect()
}

/// Two layers with a weight each and one that both read; `wide` is computed from a constant.
fn layers() -> Draft {
    let mut draft = Draft::default();
    let x = draft.input("x", 8);
    let [w, v, both] =
        [("w", 100), ("v", 20), ("both", 4)].map(|(name, bytes)| draft.constant(name, bytes));
    let wide = draft.computed("wide", 400);
    let source = draft.constant("source", 50);
    let open = draft.constant("open", 0);
    let [y, z] = ["y", "z"].map(|name| draft.tensor(name, 8));
    draft
        .add(node("Tile", &[source], &[wide]))
        .add(node("Mul", &[x, w, both, open], &[y]))
        .add(node("Add", &[both, v, y, wide], &[z]));
    draft.output(z);
    draft
}

#[test]
fn each_constant_that_an_operator_reads_is_an_input_once() {
    let draft = layers();
    let model = with_weights(&draft, 1);
    // `wide` has been computed from `source`, which is a weight that no operator reads.
    assert_eq!(
        listing(&model),
        ["Mul: x w both -> y", "Add: both v y wide -> z"]
    );
    assert_eq!(names(&model), ["w", "both", "v", "wide"]);
    let graph = &model.graph;
    assert!(model.weights.iter().all(|id| graph.inputs().contains(id)));
    assert_eq!(graph.inputs().len(), 5);
    let layout = graph.tensor(model.weights[0]).unwrap().layout();
    // An element may need 8 bytes.
    assert_eq!((layout.size(), layout.align()), (100, 8));
    assert_eq!(graph.tensors().len(), model.tensor_types.len());
    assert_eq!(model.tensor_types[model.weights[0].index()].dims, [100]);
    assert_eq!(
        (model.weights_bytes, model.computed_constants_bytes),
        (174, 400)
    );
    let layout = |alignment| {
        let model = with_weights(&draft, alignment);
        model.graph.tensor(model.weights[2]).unwrap().layout()
    };
    assert_eq!((layout(64).size(), layout(64).align()), (20, 64));
}

#[test]
fn without_the_option_weights_are_outside() {
    let draft = layers();
    let [without, with] = [draft.model(), with_weights(&draft, 1)];
    assert_eq!(listing(&without), ["Mul: x -> y", "Add: y -> z"]);
    assert_eq!((without.weights.len(), without.weights_bytes), (0, 174));
    // What an operator reads is counted once, as a constant or as an operand.
    let constants = |model: &Model| {
        let work = model.operator_work.iter();
        work.map(|work| work.constant_bytes).collect::<Vec<u64>>()
    };
    assert_eq!(constants(&without), [104, 424]);
    assert_eq!(constants(&with), [0, 0]);
}

#[test]
fn a_result_is_not_written_over_a_weight() {
    let mut draft = Draft::default();
    let x = draft.input("x", 8);
    let w = draft.constant("w", 8);
    let [y, z] = ["y", "z"].map(|name| draft.tensor(name, 8));
    let add = node("Add", &[x, w], &[y]).alias(y, w, AliasKind::InPlace);
    draft.add(add).add(node("Mul", &[y, w], &[z])).output(z);
    let model = with_weights(&draft, 1);
    let lifetimes = model.graph.lifetimes_with(orionrt_plan::Aliasing::InPlace);
    let y = model.graph.find("y").unwrap();
    assert_eq!(lifetimes.get(y).unwrap().within, None);
}

#[test]
fn weights_of_branches_stay_outside() {
    let mut draft = Draft::default();
    let x = draft.input("x", 8);
    let w = draft.constant("w", 100);
    let [a, y] = ["a", "y"].map(|name| draft.tensor(name, 8));
    let inner = node("Mul", &[x, w], &[a]);
    let control = branches(vec![("then_branch", vec![inner], vec![a])]);
    draft.add(node("If", &[x, w], &[y]).with(control)).output(y);
    let model = with_weights(&draft, 1);
    assert_eq!(names(&model), [""; 0]);
    assert_eq!(listing(&model), listing(&draft.model()));
}
