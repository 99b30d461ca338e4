//! The costs of operators by name, and the costs of schedules step by step.

use orionrt::{
    GraphBuilder, Planner, TensorId,
    fit::{CostError, FitAction, FitCost, FitSchedule, OperatorCosts, SlowMemory},
};
use orionrt_testing::fit_instances::{FitInstance, fit_instances};
use proptest::prelude::*;

use crate::bytes;

#[test]
fn a_table_has_costs_by_name() {
    let mut g = GraphBuilder::new();
    let [x, y, z] = ["x", "y", "z"].map(|name| g.tensor(name, bytes(10)));
    g.op("relu").reads([x]).writes([y]);
    g.op("relu").reads([y]).writes([z]);
    g.op("conv").reads([z]);
    let graph = g.build().expect("a chain");
    let costs = || OperatorCosts::from_seconds([1.0, 2.0, 3.0]).expect("positive numbers");
    let with = |table: &[(&str, f64)]| costs().with_named(&graph, table.iter().copied());
    let seconds = |table| with(table).expect("names of operators").seconds().to_vec();
    assert_eq!(seconds(&[]), [1.0, 2.0, 3.0]);
    assert_eq!(seconds(&[("conv", 0.5)]), [1.0, 2.0, 0.5]);
    assert_eq!(
        seconds(&[("relu", f64::INFINITY)]),
        [f64::INFINITY, f64::INFINITY, 3.0]
    );
    let name = || "relu".to_string();
    let error = with(&[("relu", 1.0), ("relu", 1.0)]).unwrap_err();
    assert_eq!(error, CostError::Repeated { name: name() });
    let error = with(&[("relu", -1.0)]).unwrap_err();
    let seconds = -1.0;
    assert_eq!(
        error,
        CostError::Seconds {
            name: name(),
            seconds
        }
    );
    assert!(with(&[("relu", f64::NAN)]).is_err());
    let error = with(&[("Relu", 1.0)]).unwrap_err();
    let name = "Relu".to_string();
    assert_eq!(error, CostError::UnknownOperator { name });
    assert!(OperatorCosts::from_flops([1.0], -1.0).is_none());
    let flops = OperatorCosts::from_flops([10.0, f64::INFINITY], 5.0).expect("positive");
    assert_eq!(flops.seconds(), [2.0, f64::INFINITY]);
}

/// The added time of a schedule, step by step.
fn cost_of(instance: &FitInstance, schedule: &FitSchedule) -> FitCost {
    let size = |id: TensorId| instance.graph.tensor(id).map_or(0, |it| it.layout().size());
    let speeds = |slow: SlowMemory| (slow.write_bytes_per_second, slow.read_bytes_per_second);
    let (write, read) = instance.slow.map_or((1.0, 1.0), speeds);
    let mut cost = FitCost::default();
    for step in &schedule.steps {
        match step.action {
            FitAction::Rerun(op) => {
                cost.reruns += 1;
                cost.rerun_seconds += instance.costs.seconds()[op.index()];
            }
            FitAction::Compress(tensor) => {
                let codec = instance.compression.codec(tensor).expect("it has a codec");
                cost.compressed_bytes += size(tensor) as u64;
                cost.compress_seconds += size(tensor) as f64 / codec.compress_bytes_per_second;
            }
            FitAction::Expand(tensor) => {
                let codec = instance.compression.codec(tensor).expect("it has a codec");
                cost.expanded_bytes += size(tensor) as u64;
                cost.expand_seconds += size(tensor) as f64 / codec.expand_bytes_per_second;
            }
            FitAction::Spill(tensor) => {
                cost.written_bytes += size(tensor) as u64;
                cost.spill_seconds += size(tensor) as f64 / write;
            }
            FitAction::Fetch(tensor) => {
                cost.read_bytes += size(tensor) as u64;
                cost.fetch_seconds += size(tensor) as f64 / read;
            }
            _ => {}
        }
    }
    cost
}

/// Whether two numbers of seconds are the same but for rounding.
fn is_near(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * (1.0 + a.abs())
}

proptest! {
    #[test]
    fn costs_are_those_of_the_steps(instance in fit_instances()) {
        let Ok(fitted) = Planner::new().fit(&instance.graph, &instance.fit) else { return Ok(()) };
        let (found, expected) = (fitted.cost(), cost_of(&instance, fitted.schedule()));
        prop_assert_eq!(found.written_bytes, expected.written_bytes);
        prop_assert_eq!(found.read_bytes, expected.read_bytes);
        prop_assert_eq!(found.reruns, expected.reruns);
        prop_assert_eq!(found.compressed_bytes, expected.compressed_bytes);
        prop_assert_eq!(found.expanded_bytes, expected.expanded_bytes);
        prop_assert!(is_near(found.compress_seconds, expected.compress_seconds));
        prop_assert!(is_near(found.expand_seconds, expected.expand_seconds));
        prop_assert!(is_near(found.spill_seconds, expected.spill_seconds));
        prop_assert!(is_near(found.fetch_seconds, expected.fetch_seconds));
        prop_assert!(is_near(found.rerun_seconds, expected.rerun_seconds));
    }
}
