//! How much of a model's traffic a fast pool serves: by `Planner::plan_pools`, by the rule "largest
//! traffic first", and at most.
//!
//! ```text
//! cargo run --release -p orionrt-models --example pools -- FILE...
//! ```
//!
//! A file is a model, whose operators say what they read and write, or CSV of lifetimes: then each
//! tensor counts as written and read once. The pool has a share of the peak of a plan in one memory
//! (64-byte alignment). The table has per cent of the traffic: ours / largest first / a bound that
//! no choice exceeds. The last line counts where we are below the rule.

use std::{error::Error, fs::File, path::Path};

use orionrt_models::{Options, load};
use orionrt_plan::{
    Aliasing, Lifetimes, Planner,
    pools::{Pool, traffic},
};
use orionrt_testing::pool_choices::{largest_first, most_traffic};

/// The capacities, in per cent of the peak.
const SHARES: [u64; 5] = [10, 30, 50, 70, 90];
const ALIGNMENT: u64 = 64;
/// A limit of nodes instead of time, so that the table is the same on every machine.
const NODES: u64 = 1_000_000;

fn main() -> Result<(), Box<dyn Error>> {
    println!("| model | tensors | 10 % | 30 % | 50 % | 70 % | 90 % |");
    println!("| --- | ---: | ---: | ---: | ---: | ---: | ---: |");
    let mut all = Vec::new();
    for file in std::env::args().skip(1) {
        let path = Path::new(&file);
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let (lifetimes, traffic) = read(path).map_err(|error| format!("{file}: {error}"))?;
        let cells = SHARES.map(|share| Cell::of(&lifetimes, &traffic, share));
        let [a, b, c, d, e] = [0, 1, 2, 3, 4].map(|i| match &cells[i] {
            Ok(cell) => cell.text(),
            Err(error) => error.clone(),
        });
        let tensors = lifetimes.rows().iter().filter(|row| row.occupies()).count();
        println!("| {name} | {tensors} | {a} | {b} | {c} | {d} | {e} |");
        all.extend(cells.into_iter().flatten());
    }
    let below = all.iter().filter(|cell| cell.ours < cell.largest).count();
    let best = all.iter().filter(|cell| cell.is_best).count();
    let mean = |of: fn(&Cell) -> f64| all.iter().map(of).sum::<f64>() / all.len().max(1) as f64;
    println!(
        "{} choices, {best} proven best, {below} below the rule",
        all.len()
    );
    println!(
        "on average {:.2} % of the bound, the rule {:.2} %",
        mean(|cell| cell.of_bound(cell.ours)),
        mean(|cell| cell.of_bound(cell.largest)),
    );
    Ok(())
}

/// Lifetimes aligned to 64 bytes, and the traffic of each tensor.
fn read(path: &Path) -> Result<(Lifetimes, Vec<u64>), Box<dyn Error>> {
    let (lifetimes, traffic) = if path.extension().is_some_and(|extension| extension == "csv") {
        let lifetimes = Lifetimes::read_csv(File::open(path)?)?;
        let twice = lifetimes.rows().iter().map(|row| 2 * row.size).collect();
        (lifetimes, twice)
    } else {
        let graph = load(path, &Options::new())?.graph;
        let lifetimes = graph.lifetimes_with(Aliasing::Off);
        let traffic = traffic(&graph, &lifetimes);
        (lifetimes, traffic)
    };
    Ok((lifetimes.with_alignment(ALIGNMENT)?, traffic))
}

/// What is served of the traffic with one capacity, in bytes.
struct Cell {
    total: u64,
    ours: u64,
    largest: u64,
    bound: u64,
    is_best: bool,
}

impl Cell {
    fn of(lifetimes: &Lifetimes, traffic: &[u64], share: u64) -> Result<Self, String> {
        let planner = Planner::new().nodes(NODES);
        let peak = planner
            .plan(lifetimes)
            .map_err(|error| error.to_string())?
            .peak();
        let capacity = peak * share / 100;
        let pools = [Pool::new("fast").with_capacity(capacity), Pool::new("slow")];
        let plans = planner.plan_pools(lifetimes, traffic, &pools);
        let plans = plans.map_err(|error| error.to_string())?;
        let fast = &plans.pools()[0];
        Ok(Self {
            total: plans.total_traffic(),
            ours: fast.traffic,
            largest: largest_first(lifetimes, traffic, capacity),
            bound: most_traffic(lifetimes, traffic, capacity).min(plans.total_traffic()),
            is_best: fast.is_best,
        })
    }

    fn of_bound(&self, served: u64) -> f64 {
        100.0 * served as f64 / self.bound.max(1) as f64
    }

    /// `47.1 / 44.0 / 48.2`, with the sign of a proof behind the first number.
    fn text(&self) -> String {
        let share = |served: u64| 100.0 * served as f64 / self.total.max(1) as f64;
        let proof = if self.is_best { "*" } else { "" };
        let [ours, largest, bound] = [self.ours, self.largest, self.bound].map(share);
        format!("{ours:.1}{proof} / {largest:.1} / {bound:.1}")
    }
}
