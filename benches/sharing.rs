//! How long it takes to find what tensors of several models may share.
//!
//! - `all`: every pair of 1,000 tensors of 4 models, in order of bytes: for short lives (nearly
//!   every pair may share), for long lives (many meet), and for models that run ten times in turn.
//!   The `elements` of a row are the pairs;
//! - `best`: 100,000 tensors of 4 models: the best partner of each, and the 1,000 best pairs.
//! - `starts/10k`: a joint plan and what may be shared, for two models of 1,000 tensors that start
//!   10,000 times at regular times; and for 1,000 irregular starts, which are all told apart.
//!
//! `cargo bench --bench sharing` takes a minute and a half.

use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use orionrt::{
    Lifetimes, ModelSet, Planner, Schedule,
    models::{LifetimeAnalyzer, ModelRuns},
};
use orionrt_testing::random::Random;

const MODELS: usize = 4;

/// One tensor is born at each step; most live for some steps, one in eight for up to `longest`.
/// Sizes spread over six powers of ten.
fn lifetimes(count: usize, longest: u64, random: &mut Random) -> Lifetimes {
    let mut below = |end: u64| random.next_u64() % end;
    let rows = (0..count).map(|i| {
        let most = if below(8) == 0 { longest } else { 6 };
        let upper = i as u64 + 1 + below(most);
        let scale = 10u64.pow(below(6) as u32 + 1);
        let size = 1 + below(scale);
        (format!("t{i}"), i as i64, upper as i64, size, 64)
    });
    Lifetimes::from_rows(rows).expect("generated rows are valid")
}

/// `count` tensors in all, in models that run `runs` times, each half a run later than the one
/// before it.
fn analyzer(count: usize, longest: u64, runs: usize) -> LifetimeAnalyzer {
    let (mut analyzer, mut random) = (LifetimeAnalyzer::new(), Random(1));
    let steps = count / MODELS;
    for model in 0..MODELS {
        let lifetimes = lifetimes(steps, longest, &mut random);
        let start = |run: usize| (model * steps / 2 + run * steps * MODELS / 2) as i64;
        let starts = (0..runs).map(start);
        let runs = ModelRuns::new(&lifetimes, starts);
        let added = analyzer.add_model(format!("model {model}"), runs);
        added.expect("the runs do not overlap");
    }
    analyzer
}

fn all(c: &mut Criterion) {
    let mut group = c.benchmark_group("all/1k");
    for (name, longest, runs) in [
        ("short lives", 50, 1),
        ("long lives", 1_000, 1),
        ("ten runs", 50, 10),
    ] {
        let analyzer = analyzer(1_000, longest, runs);
        let pairs = analyzer.find_sharing_opportunities().len();
        group.throughput(Throughput::Elements(pairs as u64));
        group.bench_function(name, |b| b.iter(|| analyzer.find_sharing_opportunities()));
    }
    group.finish();
}

fn best(c: &mut Criterion) {
    let mut group = c.benchmark_group("best/100k");
    group.sample_size(10);
    for (name, longest, runs) in [
        ("short lives", 50, 1),
        ("long lives", 100_000, 1),
        ("ten runs", 50, 10),
    ] {
        let analyzer = analyzer(100_000, longest, runs);
        group.bench_function(format!("partners, {name}"), |b| {
            b.iter(|| analyzer.best_partners());
        });
        group.bench_function(format!("1,000 pairs, {name}"), |b| {
            b.iter(|| analyzer.k_best(1_000));
        });
    }
    group.finish();
}

fn starts(c: &mut Criterion) {
    let mut group = c.benchmark_group("starts");
    group.sample_size(10);
    let (mut set, mut random) = (ModelSet::new(), Random(1));
    for name in ["a", "b"] {
        let lifetimes = lifetimes(1_000, 50, &mut random);
        set.add(name, lifetimes).expect("names differ");
    }
    let regular = |first: i64| -> Vec<i64> { (0..10_000).map(|i| first + 3_000 * i).collect() };
    let mut irregular = || -> Vec<i64> {
        let late = (0..1_000).map(|i| 2_200 * i + (random.next_u64() % 1_000) as i64);
        late.collect()
    };
    let planner = Planner::new().time_limit(Duration::from_secs(1));
    for (name, starts) in [
        ("10k regular", [regular(0), regular(500)]),
        ("1k irregular", [irregular(), irregular()]),
    ] {
        let schedule = Schedule::Starts(starts.into());
        group.bench_function(format!("plan, {name}"), |b| {
            b.iter(|| set.plan(&schedule, &planner).expect("a plan").plan().peak());
        });
        group.bench_function(format!("summary, {name}"), |b| {
            b.iter(|| set.sharing_summary(&schedule, 100).expect("it fits").pairs);
        });
    }
    group.finish();
}

criterion_group!(benches, all, best, starts);
criterion_main!(benches);
