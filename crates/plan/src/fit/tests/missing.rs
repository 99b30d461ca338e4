//! What stands in the way of a schedule: the first, or all of it in one pass.
//!
//! ```text
//! x ─► p ─► q ─► a ─► b ─┬► c ─┬► y     p is idle until c, and q until y
//!      │    └────────────┼─────┘
//!      └─────────────────┘
//! ```

use alloc::vec;
use core::alloc::Layout;

use super::{graph, root};
use crate::fit::{
    Fit, OperatorCosts, SlowMemory,
    choices::{Choice, Choices, Tail, Way},
    emit::{emit, emit_or_all_missing},
    emitter::Missing,
    model::Model,
};
use crate::graph::GraphBuilder;

/// The model; the operators that write `p` and `q` may not be rerun.
fn not_repeatable() -> (Model, [u32; 2]) {
    let names = ["x", "p", "q", "a", "b", "c", "y"];
    let ops: [(&[&str], &str); 6] = [
        (&["x"], "p"),
        (&["p"], "q"),
        (&["q"], "a"),
        (&["a"], "b"),
        (&["b", "p"], "c"),
        (&["c", "q"], "y"),
    ];
    let graph = graph(&names.map(|name| (name, 1)), &ops, "y");
    let costs = [f64::INFINITY, f64::INFINITY, 1.0, 1.0, 1.0, 1.0];
    let costs = OperatorCosts::from_seconds(costs).expect("not negative");
    let model = Model::new(&graph, &costs, &Fit::within(0).recompute(true));
    let roots = ["p", "q"].map(|name| root(&graph, &model, name));
    (model, roots)
}

/// Both are recomputed in their last idle intervals.
fn both_recomputed(model: &Model, roots: [u32; 2]) -> (Choices, [u32; 2]) {
    let mut choices = Choices::new(model);
    let idles = roots.map(|root| {
        let own = model.idles.iter().rposition(|idle| idle.root == root);
        own.expect("it is idle") as u32
    });
    for idle in idles {
        choices.set(idle, Choice::new(Way::Recompute, model.idle(idle).until));
    }
    (choices, idles)
}

#[test]
fn all_that_is_missing_is_found_in_one_pass() {
    let (model, roots) = not_repeatable();
    let (mut choices, [p, q]) = both_recomputed(&model, roots);
    let missing = emit_or_all_missing(&model, &choices).map(|_| ());
    assert_eq!(missing, Err(vec![Missing::Idle(p), Missing::Idle(q)]));
    let first = emit(&model, &choices).map(|_| ());
    assert_eq!(first, Err(Missing::Idle(p)));
    // And that was all.
    choices.keep(&model, p);
    choices.keep(&model, q);
    assert!(emit_or_all_missing(&model, &choices).is_ok());
}

#[test]
fn what_cannot_be_made_again_is_missing_beside_what_cannot_come_back() {
    let (model, roots) = not_repeatable();
    let (mut choices, [p, q]) = both_recomputed(&model, roots);
    choices.keep(&model, q);
    let last = model.ops.len() as u32 - 1;
    choices.tails[roots[0] as usize] = Tail::Again(last);
    let missing = emit_or_all_missing(&model, &choices).map(|_| ());
    let again = Missing::Again(roots[0]);
    assert_eq!(missing, Err(vec![Missing::Idle(p), again]));
}

#[test]
fn what_is_cold_and_only_an_output_arrives_at_the_end() {
    let mut g = GraphBuilder::new();
    let [x, w, y] = ["x", "w", "y"].map(|name| g.tensor(name, Layout::new::<u8>()));
    g.op("only").reads([x]).writes([y]);
    let graph = g.input(w).output(w).output(y).build().expect("a graph");
    let costs = OperatorCosts::from_seconds([1.0]).expect("not negative");
    let fit = Fit::within(3).slow(SlowMemory::new(0, 1.0));
    let model = Model::new(&graph, &costs, &fit.stored([w]).cold_start(true));
    let choices = Choices::new(&model);
    assert!(emit(&model, &choices).is_ok());
    assert!(emit_or_all_missing(&model, &choices).is_ok());
}
