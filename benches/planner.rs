//! How long each strategy takes, and how near to the lower bound it comes, on the instances of
//! `orionrt_testing`.
//!
//! - `layers`, `training`, `planted`, `planted_loose`, `stream`, `uniform`: every strategy, with a
//!   limit of 50,000 nodes;
//! - `optimum`: how many planted instances, whose optimum is known, the default strategy solves
//!   exactly in a second each;
//! - `hostile`: instances that once took quadratic time. `leaps` has 1.6 million buffers, half of
//!   which leap over the gaps between the others, under a limit of one second; `rising` is the use
//!   over time of a plan of 800,000 buffers whose load rises at every step;
//! - `million`: a million buffers, `greedy-bands` alone, only if the environment variable
//!   `ORIONRT_MILLION` is set.
//!
//! `cargo bench --bench planner` takes some three minutes; `cargo bench --bench planner -- layers`
//! runs one group only. Each ratio is printed after the time.

use std::{
    env,
    time::{Duration, Instant},
};

use criterion::{
    BenchmarkGroup, Criterion, SamplingMode, criterion_group, criterion_main, measurement::WallTime,
};
use orionrt::{Lifetimes, Plan, Planner};
use orionrt_testing::{
    instances::{Row, layers, planted, planted_loose, stream, training, uniform},
    random::Random,
};

const SEED: u64 = 1;
const NODES: u64 = 50_000;

fn lifetimes(rows: Vec<Row>) -> Lifetimes {
    let rows = rows.into_iter();
    let rows = rows.map(|r| (r.id, r.lower, r.upper, r.size, r.alignment));
    Lifetimes::from_rows(rows).expect("generated rows are valid")
}

type Group<'c> = BenchmarkGroup<'c, WallTime>;

/// A group with few samples and resamples: the differences that matter here are large.
fn group<'c>(c: &'c mut Criterion, name: &str) -> Group<'c> {
    let mut group = c.benchmark_group(name);
    group
        .sample_size(10)
        .sampling_mode(SamplingMode::Flat)
        .warm_up_time(Duration::from_millis(100))
        .measurement_time(Duration::from_millis(300))
        .nresamples(10_000);
    group
}

/// Measures the time, then prints the ratio, unless the command line filters this out.
fn measure(c: &mut Group<'_>, name: &str, strategy: &str, instance: &Lifetimes) {
    let planner = Planner::new().nodes(NODES).strategy_named(strategy);
    let planner = planner.expect("its own name");
    let mut ratio = None;
    c.bench_function(strategy, |b| {
        b.iter(|| ratio = Some(planner.plan(instance).expect("a plan").ratio()));
    });
    if let Some(ratio) = ratio {
        println!("{name} {strategy}: peak / lower bound = {ratio:.4}");
    }
}

fn strategies(c: &mut Criterion) {
    for (name, rows) in [
        ("layers/500", layers(500, SEED)),
        ("training/200", training(200, SEED)),
        ("planted/200", planted(200, SEED).0),
        ("planted_loose/100", planted_loose(100, SEED).0),
        ("stream/10k", stream(10_000, 200, SEED)),
        ("uniform/5k", uniform(5_000, 200, SEED)),
    ] {
        let instance = lifetimes(rows);
        let mut group = group(c, name);
        for strategy in Planner::strategies() {
            measure(&mut group, name, strategy.name(), &instance);
        }
        group.finish();
    }
}

fn million(c: &mut Criterion) {
    if env::var_os("ORIONRT_MILLION").is_none() {
        return;
    }
    let instance = lifetimes(stream(1_000_000, 1000, SEED));
    let mut group = group(c, "million");
    measure(&mut group, "million", "greedy-bands", &instance);
    group.finish();
}

/// Of the first half, every other buffer dies at once and leaves a gap between those that live on.
/// The others, born one by one, are all too large for such a gap.
fn leaps(count: i64) -> Lifetimes {
    let half = count / 2;
    let mut random = Random(SEED);
    let rows = (0..count).map(|i| {
        let (lower, upper, size) = match (i < half, i % 2) {
            (true, 0) => (0, 1, 64),
            (true, _) => (0, count, 64),
            (false, _) => (i, i + 2, 65 + random.next_u64() % 64),
        };
        (i.to_string(), lower, upper, size, 1)
    });
    Lifetimes::from_rows(rows).expect("generated rows are valid")
}

/// The plan of buffers that are born one by one and all die together.
fn rising(count: i64) -> Plan {
    let rows = (0..count).map(|i| (i.to_string(), i, count, 64, 64));
    let lifetimes = Lifetimes::from_rows(rows).expect("generated rows are valid");
    let offsets = (0..count as u64).map(|i| 64 * i).collect();
    Plan::new(lifetimes, offsets).expect("it is a stack")
}

fn hostile(c: &mut Criterion) {
    let mut group = group(c, "hostile");
    let instance = leaps(1_600_000);
    let planner = Planner::new().time_limit(Duration::from_secs(1));
    group.bench_function("leaps", |b| {
        b.iter(|| planner.plan(&instance).expect("a plan").peak());
    });
    let plan = rising(800_000);
    group.bench_function("rising", |b| b.iter(|| plan.usage().at_peak.len()));
    group.finish();
}

/// Whether the default strategy finds the optimum of a planted instance within a second.
fn is_solved(pieces: usize, seed: u64) -> bool {
    let (rows, optimum) = planted(pieces, seed);
    let planner = Planner::new().time_limit(Duration::from_secs(1));
    let plan = planner.plan(&lifetimes(rows)).expect("a plan");
    plan.peak() == optimum
}

/// One pass without samples, as the count depends on the time that a search has. Criterion's
/// filters do not see it, so it looks at the arguments itself.
fn optimum(_: &mut Criterion) {
    if !env::args()
        .skip(1)
        .all(|a| ["--bench", "optimum"].contains(&&*a))
    {
        return;
    }
    for pieces in [50, 100, 200, 400] {
        let start = Instant::now();
        let solved = (1..=5).filter(|&seed| is_solved(pieces, seed)).count();
        let took = start.elapsed().as_secs_f64();
        println!("optimum/{pieces}: {solved} of 5 solved exactly, in {took:.2} s");
    }
}

criterion_group!(benches, strategies, hostile, million, optimum);
criterion_main!(benches);
