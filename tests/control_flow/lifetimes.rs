//! What is alive together, against an oracle that runs all paths.

use orionrt::{Aliasing, Graph, Lifetimes, Plan, Planner, TensorId};
use orionrt_testing::{
    donated::{donating, updating},
    flow_graphs::graphs,
    flow_machine::{Address, FlowMachine},
    flow_oracle::{load, meet, moments, of_roots, optimum, traces},
};
use proptest::prelude::*;

const ALL: [Aliasing; 3] = [Aliasing::Off, Aliasing::Views, Aliasing::InPlace];

/// The most traces that a graph may have; others are left out.
const MOST_TRACES: usize = 3000;

/// The traces with up to three iterations of each loop, or two where that gives too many.
fn some_traces(graph: &Graph) -> Option<Vec<Vec<usize>>> {
    let three = traces(graph, 3, MOST_TRACES);
    three.or_else(|| traces(graph, 2, MOST_TRACES))
}

fn sizes(lifetimes: &Lifetimes) -> Vec<u64> {
    let own = |row: &orionrt::lifetimes::Lifetime| if row.within.is_none() { row.size } else { 0 };
    lifetimes.rows().iter().map(own).collect()
}

fn check_plan(
    graph: &Graph,
    lifetimes: &Lifetimes,
    plan: &Plan,
    traces: &[Vec<usize>],
) -> Result<(), TestCaseError> {
    let starts = plan.offsets().iter().map(|&offset| (0, offset));
    let starts: Vec<Address> = starts.collect();
    for trace in traces {
        FlowMachine::new(graph, lifetimes, starts.clone()).run(trace)?;
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig {
        max_global_rejects: 20_000,
        ..ProptestConfig::with_cases(if cfg!(miri) { 2 } else { 200 })
    })]

    #[test]
    fn tensors_conflict_exactly_if_some_path_has_both_alive(
        graph in prop_oneof![graphs(), donating(graphs())],
    ) {
        let traces = some_traces(&graph);
        prop_assume!(traces.is_some());
        let moments = moments(&graph, &traces.unwrap_or_default());
        for aliasing in ALL {
            let lifetimes = graph.lifetimes_with(aliasing);
            let (moments, sizes) = (of_roots(&moments, &lifetimes), sizes(&lifetimes));
            for a in 0..lifetimes.len() {
                for b in 0..a {
                    let [x, y] = [a, b].map(|i| TensorId::new(i as u32));
                    let expected = sizes[a] > 0 && sizes[b] > 0 && meet(&moments, a, b);
                    prop_assert_eq!(lifetimes.conflict(x, y), expected, "{} {}", a, b);
                }
            }
            prop_assert_eq!(lifetimes.load(), load(&moments, &sizes));
        }
    }

    #[test]
    fn values_survive_on_every_path(graph in prop_oneof![graphs(), updating(graphs())]) {
        let traces = traces(&graph, 2, 200);
        prop_assume!(traces.is_some());
        let traces = traces.unwrap_or_default();
        for aliasing in ALL {
            let lifetimes = graph.lifetimes_with(aliasing);
            let rows = lifetimes.rows().iter().enumerate();
            let place = |(i, row): (usize, &orionrt::lifetimes::Lifetime)| {
                row.within.map_or((i, 0), |within| (within.root.index(), within.offset))
            };
            let starts: Vec<Address> = rows.map(place).collect();
            for trace in &traces {
                FlowMachine::new(&graph, &lifetimes, starts.clone()).run(trace)?;
            }
            let plan = Planner::new().nodes(200).plan(&lifetimes).expect("it can be planned");
            check_plan(&graph, &lifetimes, &plan, &traces)?;
        }
    }

    #[test]
    fn small_graphs_get_the_best_plan(graph in graphs()) {
        let traces = some_traces(&graph);
        let lifetimes = graph.lifetimes();
        let rooted = lifetimes.rows().iter().filter(|row| row.occupies());
        prop_assume!(traces.is_some() && rooted.count() <= 7);
        let moments = of_roots(&moments(&graph, &traces.unwrap_or_default()), &lifetimes);
        let plan = Planner::new().plan(&lifetimes).expect("it can be planned");
        prop_assert_eq!(plan.peak(), optimum(&moments, &sizes(&lifetimes)));
    }
}
