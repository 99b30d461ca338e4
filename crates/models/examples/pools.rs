//! Says how much of a model's traffic a fast pool serves: by `Planner::plan_pools`, by the rule
//! "largest traffic first", and at most.
//!
//! ```text
//! cargo run --release -p orionrt-models --example pools -- FILE...
//! ```
//!
//! A file is a model, whose operators say which bytes they read and write, or CSV of lifetimes:
//! then each tensor counts as written once and read once. Every tensor has bytes of its own, at
//! multiples of 64. The capacities of the pool are shares of the lowest peak that the planner
//! finds in one memory.
//!
//! The rule goes through the tensors by descending traffic, of equal ones in the order of the file,
//! and keeps each that has a plan within the capacity beside all that were kept before it; the
//! planner looks for each of these plans with 2,000 nodes. The bound lets a pool hold parts of
//! tensors, and asks of loads alone that they fit.
//!
//! The table has per cent of the traffic: `plan_pools` / the rule / the bound. A star says that
//! `plan_pools` has proven its choice to be the best.

use std::{error::Error, ffi::OsStr, fs::File, path::Path};

use orionrt_models::{Options, load};
use orionrt_plan::{
    Aliasing, Lifetimes, Planner,
    planner::PlannerError,
    pools::{Pool, PoolError, traffic},
};
use orionrt_testing::pool_choices::{largest_first, most_traffic};

/// The capacities, in per cent of the peak.
const SHARES: [u64; 5] = [10, 30, 50, 70, 90];
const ALIGNMENT: usize = 64;
/// A limit of nodes instead of time: the table is the same on every machine.
const NODES: u64 = 1_000_000;

fn main() -> Result<(), Box<dyn Error>> {
    let heads = SHARES.map(|share| format!(" {share} % |")).concat();
    println!("| model | tensors |{heads}");
    println!("| --- | ---: |{}", " ---: |".repeat(SHARES.len()));
    let mut all = Vec::new();
    for file in std::env::args().skip(1) {
        let path = Path::new(&file);
        let (lifetimes, traffic) = read(path).map_err(|error| format!("{file}: {error}"))?;
        let cells = cells(&lifetimes, &traffic).map_err(|error| format!("{file}: {error}"))?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy();
        let tensors = lifetimes.rows().iter().filter(|row| row.occupies()).count();
        let texts: String = cells
            .iter()
            .map(|cell| format!(" {} |", cell.text()))
            .collect();
        println!("| {name} | {tensors} |{texts}");
        all.extend(cells);
    }
    println!("\n{}", summary(&all));
    Ok(())
}

/// The lifetimes of a file, and the traffic of each tensor in bytes.
fn read(path: &Path) -> Result<(Lifetimes, Vec<u64>), Box<dyn Error>> {
    if path.extension() == Some(OsStr::new("csv")) {
        let lifetimes = Lifetimes::read_csv(File::open(path)?)?;
        let lifetimes = lifetimes.with_alignment(ALIGNMENT as u64)?;
        let traffic = lifetimes.rows().iter().map(|row| 2 * row.size).collect();
        return Ok((lifetimes, traffic));
    }
    let graph = load(path, &Options::new().alignment(ALIGNMENT as u64))?.graph;
    let lifetimes = graph.lifetimes_with(Aliasing::Off);
    let traffic = traffic(&graph, &lifetimes);
    Ok((lifetimes, traffic))
}

/// What is served with each of the capacities.
fn cells(lifetimes: &Lifetimes, traffic: &[u64]) -> Result<Vec<Cell>, Box<dyn Error>> {
    let planner = Planner::new().nodes(NODES);
    let peak = planner
        .plan(lifetimes)
        .map_err(|error: PlannerError| error.to_string())?
        .peak();
    let cell = |share| Cell::of(&planner, lifetimes, traffic, peak * share / 100);
    let cells: Result<Vec<Cell>, PoolError> = SHARES.into_iter().map(cell).collect();
    Ok(cells?)
}

/// What is served of the traffic with one capacity, in bytes.
struct Cell {
    total: u64,
    ours: u64,
    rule: u64,
    bound: u64,
    is_best: bool,
}

impl Cell {
    fn of(
        planner: &Planner,
        lifetimes: &Lifetimes,
        traffic: &[u64],
        capacity: u64,
    ) -> Result<Self, PoolError> {
        let pools = [Pool::new("fast").with_capacity(capacity), Pool::new("slow")];
        let plans = planner.plan_pools(lifetimes, traffic, &pools)?;
        let fast = &plans.pools()[0];
        let total = plans.total_traffic();
        Ok(Self {
            total,
            ours: fast.traffic,
            rule: largest_first(lifetimes, traffic, capacity),
            bound: most_traffic(lifetimes, traffic, capacity).min(total),
            is_best: fast.is_best,
        })
    }

    /// Per cent of the bound.
    fn of_bound(&self, served: u64) -> f64 {
        match self.bound {
            0 => 100.0,
            bound => 100.0 * served as f64 / bound as f64,
        }
    }

    /// `47.1 / 44.0 / 48.2`, with a star where the first is proven to be the most.
    fn text(&self) -> String {
        let share = |served: u64| 100.0 * served as f64 / self.total.max(1) as f64;
        let proof = if self.is_best { "*" } else { "" };
        let [ours, rule, bound] = [self.ours, self.rule, self.bound].map(share);
        format!("{ours:.1}{proof} / {rule:.1} / {bound:.1}")
    }
}

fn summary(all: &[Cell]) -> String {
    let count = |of: fn(&Cell) -> bool| all.iter().filter(|cell| of(cell)).count();
    let mean = |of: fn(&Cell) -> u64| {
        let sum: f64 = all.iter().map(|cell| cell.of_bound(of(cell))).sum();
        sum / all.len().max(1) as f64
    };
    format!(
        "{} choices: {} serve more than the rule, {} less; {} are proven to be the best. Of the \
         bound, plan_pools serves {:.1} % on average, and the rule {:.1} %.",
        all.len(),
        count(|cell| cell.ours > cell.rule),
        count(|cell| cell.ours < cell.rule),
        count(|cell| cell.is_best),
        mean(|cell| cell.ours),
        mean(|cell| cell.rule),
    )
}
