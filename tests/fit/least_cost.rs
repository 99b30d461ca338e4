//! Added costs of small graphs beside those of the cheapest of all schedules.

use orionrt::{Planner, fit::FitError};
use orionrt_testing::{
    fit_chains::{CostedGraph, Kind, costed_graph},
    fit_oracle::least_cost,
    random::Random,
};

/// The steps that the search may visit for each of them.
const WORK: u64 = 100_000;

/// How many small graphs are compared.
fn instances() -> usize {
    let asked = std::env::var("ORIONRT_FIT_INSTANCES").ok();
    asked.and_then(|count| count.parse().ok()).unwrap_or(120)
}

#[test]
fn small_graphs_cost_little_more_than_the_cheapest_schedule() {
    let mut random = Random(7);
    let mut ratios = Vec::new();
    let (mut missed, mut attempts) = (0, 0);
    while ratios.len() + missed < instances() {
        attempts += 1;
        assert!(attempts <= 20 * instances(), "few graphs can be fitted");
        let ops = 4 + random.below(4);
        let kind = [Kind::Chain, Kind::Training, Kind::Skips][random.below(3)];
        let Some(instance) = costed_graph(&mut random, kind, ops) else {
            continue;
        };
        let CostedGraph {
            graph,
            capacity,
            costs,
        } = &instance;
        let least = least_cost(graph, *capacity, costs);
        match (Planner::new().fit(graph, &instance.fit().work(WORK)), least) {
            (Ok(fitted), Some(least)) => {
                let seconds = fitted.cost().seconds();
                assert!(fitted.lower_bound() <= least as f64 + 1e-6);
                assert!(seconds + 1e-6 >= least as f64, "{seconds} below {least}");
                ratios.push((seconds + 1e-9) / (least as f64 + 1e-9));
            }
            (Ok(fitted), None) => panic!("nothing fits, and yet {:?}", fitted.cost()),
            (Err(FitError::Impossible { .. }), Some(least)) => panic!("possible at {least}"),
            (Err(_), Some(_)) => missed += 1,
            (Err(_), None) => {}
        }
    }
    ratios.sort_by(f64::total_cmp);
    let (median, worst) = (ratios[ratios.len() / 2], ratios[ratios.len() - 1]);
    let above = |factor| ratios.iter().filter(|&&ratio| ratio > factor).count();
    let counts = (ratios.len(), missed, above(1.0 + 1e-6), above(1.2));
    println!("(fit, missed, above the least cost, 20 % above it): {counts:?}");
    println!("median {median:.4}, worst {worst:.4}");
    assert!(median <= 1.05);
    assert!(above(1.2) + missed <= instances() / 24);
}
