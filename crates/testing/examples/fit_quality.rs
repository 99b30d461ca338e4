//! Fits graphs into less memory than they need, and writes what the search found: how far it is
//! from the least cost that is possible, for graphs of up to 8 operators, or one JSON object for
//! each graph, for `suites/fit/optimum.py`, which finds the least cost of larger ones.
//!
//! ```text
//! cargo run --release -p orionrt-testing --example fit_quality -- OPERATORS INSTANCES [--json]
//! ```

use std::{env, error::Error, time::Instant};

use orionrt_plan::{Planner, fit::FitError};
use orionrt_testing::{
    fit_chains::{CostedGraph, Kind, costed_graph},
    fit_oracle::least_cost,
    random::Random,
};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let is_json = arguments.iter().any(|argument| argument == "--json");
    let mut numbers = arguments
        .iter()
        .filter_map(|argument| argument.parse().ok());
    let (ops, count) = (numbers.next().unwrap_or(6), numbers.next().unwrap_or(100));
    let mut random = Random(numbers.next().unwrap_or(7) as u64);
    let mut ratios = Vec::new();
    let (mut missed, mut done) = (0, 0);
    while done < count {
        let kind = [Kind::Chain, Kind::Training, Kind::Skips][done % 3];
        let Some(instance) = costed_graph(&mut random, kind, ops) else {
            continue;
        };
        done += 1;
        let begin = Instant::now();
        let fitted = Planner::new().fit(&instance.graph, &instance.fit());
        let seconds = begin.elapsed().as_secs_f64();
        if is_json {
            let found = match &fitted {
                Ok(fitted) => Some((fitted.cost().seconds(), fitted.lower_bound())),
                Err(FitError::Impossible { .. }) => continue,
                Err(_) => None,
            };
            println!("{}", json(kind, &instance, found, seconds));
            continue;
        }
        let Some(least) = least_cost(&instance.graph, instance.capacity, &instance.costs) else {
            continue;
        };
        match fitted {
            Ok(fitted) => {
                let ratio = (fitted.cost().seconds() + 1e-9) / (least as f64 + 1e-9);
                if ratio > 1.05 {
                    let found = Some((fitted.cost().seconds(), least as f64));
                    println!("{ratio:.3} {}", json(kind, &instance, found, seconds));
                }
                ratios.push(ratio);
            }
            Err(_) => {
                missed += 1;
                println!("missed {}", json(kind, &instance, None, seconds));
            }
        }
    }
    ratios.sort_by(f64::total_cmp);
    if let (Some(last), false) = (ratios.len().checked_sub(1), is_json) {
        let at = |part: usize| ratios[last * part / 100];
        let [median, ninety, worst] = [50, 90, 100].map(at);
        let above = ratios.iter().filter(|&&ratio| ratio > 1.0 + 1e-6).count();
        println!(
            "{} fitted, {missed} missed, {above} above the least cost: \
             median {median:.3}, 90 % {ninety:.3}, worst {worst:.3}",
            ratios.len()
        );
    }
    Ok(())
}

/// One line for each graph. All numbers are in the units of the costs.
fn json(kind: Kind, of: &CostedGraph, found: Option<(f64, f64)>, seconds: f64) -> String {
    let sizes = of.graph.tensors().map(|(_, tensor)| tensor.layout().size());
    let ids = |ids: &[orionrt_plan::TensorId]| ids.iter().map(|id| id.index()).collect::<Vec<_>>();
    let ops = of.graph.ops().iter().map(|op| {
        format!(
            r#"{{"reads": {:?}, "writes": {:?}}}"#,
            ids(op.reads()),
            ids(op.writes())
        )
    });
    let or_null = |text: Option<String>| text.unwrap_or_else(|| "null".to_string());
    let costs = &of.costs;
    let slow = costs.slow.map(|(write, read)| format!("[{write}, {read}]"));
    let reruns = costs.reruns.as_ref().map(|reruns| format!("{reruns:?}"));
    let packing = costs.compression.map(|packing| {
        format!(
            "[{}, {}, {}]",
            packing.ratio, packing.compress, packing.expand
        )
    });
    format!(
        concat!(
            r#"{{"kind": "{:?}", "capacity": {}, "sizes": {:?}, "inputs": {:?}, "#,
            r#""outputs": {:?}, "ops": [{}], "slow": {}, "reruns": {}, "packing": {}, "#,
            r#""found": {}, "bound": {}, "seconds": {:.4}}}"#
        ),
        kind,
        of.capacity,
        sizes.collect::<Vec<_>>(),
        ids(of.graph.inputs()),
        ids(of.graph.outputs()),
        ops.collect::<Vec<_>>().join(", "),
        or_null(slow),
        or_null(reruns),
        or_null(packing),
        or_null(found.map(|(cost, _)| cost.to_string())),
        or_null(found.map(|(_, bound)| bound.to_string())),
        seconds,
    )
}
