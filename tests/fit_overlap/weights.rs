//! Weights, which are outside the fast memory at the start, and fetched before their first use.

use orionrt::{
    Aliasing, Graph, GraphBuilder, Planner, TensorId,
    fit::{Fit, FitRule, FitSchedule, Fitted, SlowMemory},
};

use crate::{bytes, seconds};

/// A chain of layers, each with a weight that stays in a file.
fn layers(count: usize) -> (Graph, Vec<TensorId>) {
    let mut g = GraphBuilder::new();
    let mut x = g.tensor("x", bytes(10));
    let mut weights = Vec::new();
    for layer in 0..count {
        let [w, y] = ["w", "y"].map(|name| g.tensor(format!("{name}{layer}"), bytes(10)));
        g.op(format!("layer {layer}")).reads([x, w]).writes([y]);
        weights.push(w);
        x = y;
    }
    (g.output(x).build().expect("layers"), weights)
}

#[test]
fn weights_are_fetched_while_the_layer_before_runs() {
    let (graph, weights) = layers(8);
    let fit = Fit::within(40)
        .slow(SlowMemory::new(0, 10.0))
        .stored(weights);
    let fit = fit.aliasing(Aliasing::Off);
    let planner = Planner::new();
    let fitted = planner.fit(&graph, &fit).expect("it fits");
    let costs = seconds([1.0; 8]);
    let schedule = fitted.schedule();
    let early = schedule.prefetched(&graph, &fit, &costs, &planner);
    let early = early.expect("a schedule that passes the check");
    let told = |schedule: &FitSchedule| {
        let overlap = schedule.overlapped(&graph, &fit, &costs).expect("right");
        let ahead = (0..schedule.steps.len()).map(|step| schedule.operators_ahead(step));
        (overlap.waited_seconds(), ahead.sum::<usize>())
    };
    // Two weights are there from the start. Every second one of the others now comes while the
    // operator before the last one runs.
    assert_eq!((told(schedule), told(&early)), ((5.0, 0), (0.0, 3)));
    let whole = fitted
        .prefetched(&graph, &fit, &costs, &planner)
        .expect("right");
    assert_eq!(whole.schedule(), &early);
    assert_eq!((whole.load(), whole.cost()), (40, fitted.cost()));
    assert!(whole.fast_plan().peak() <= 40);
}

#[test]
fn a_cold_start_has_every_weight_fetched_before_its_first_use() {
    let (graph, weights) = layers(8);
    let fit = Fit::within(40)
        .slow(SlowMemory::new(0, 10.0))
        .stored(weights);
    let fit = fit.aliasing(Aliasing::Off);
    let fitted = |fit: &Fit| Planner::new().fit(&graph, fit).expect("it fits");
    let warm = fitted(&fit);
    let cold = fitted(&fit.clone().cold_start(true));
    // One second for each weight, of which the caller fills two if it may.
    assert_eq!((warm.cost().seconds(), cold.cost().seconds()), (6.0, 8.0));
    assert_eq!((cold.lower_bound(), cold.cost().read_bytes), (8.0, 80));
    let there = |fitted: &Fitted| fitted.schedule().inputs.iter().flatten().count();
    assert_eq!((there(&warm), there(&cold)), (3, 1));
    assert_eq!(cold.schedule().check(&graph, &fit), Ok(()));
    let mistake = warm.schedule().check(&graph, &fit.cold_start(true));
    let mistake = mistake.expect_err("two weights are there");
    assert_eq!(mistake.rule, FitRule::ThereAtStart);
    assert_eq!(
        mistake.to_string(),
        "'w0' is there at the start; expected a fetch before its first use"
    );
}
