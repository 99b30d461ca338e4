//! How long each strategy takes, and how near to the lower bound it comes, on generated instances.
//!
//! - `layers`: a deep network, each layer's result read by the next and by one much later (a skip connection);
//! - `planted`: a rectangle of time × memory cut into pieces, so that the optimum is known;
//! - `mixed`: short and long lives, small and large sizes, as compilers see them.
//!
//! The peaks are printed once before the times.

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use orionrt::{Lifetimes, Planner};

struct Random(u64);

impl Random {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self
            .0
            .wrapping_mul(6364136223846793005)
            .wrapping_add(1442695040888963407);
        (self.0 >> 33) % limit
    }
}

fn lifetimes(rows: Vec<(i64, i64, u64)>) -> Lifetimes {
    let rows = rows.into_iter().enumerate();
    let rows = rows.map(|(i, (lower, upper, size))| (i.to_string(), lower, upper, size, 64));
    Lifetimes::from_rows(rows).expect("generated rows are valid")
}

fn layers(count: i64) -> Lifetimes {
    let mut random = Random(1);
    let rows = (0..count).map(|i| {
        let until = if i % 5 == 0 {
            i + 2 + random.below(30) as i64
        } else {
            i + 2
        };
        (i, until.min(count), 1 << (10 + random.below(8)))
    });
    lifetimes(rows.collect())
}

fn planted(pieces: usize) -> Lifetimes {
    let mut random = Random(2);
    let mut boxes = vec![(0i64, 1 << 20, 0u64, 1 << 24)];
    while boxes.len() < pieces {
        let index = random.below(boxes.len() as u64) as usize;
        let (start, end, low, high) = boxes[index];
        if random.below(2) == 0 && end - start > 1 {
            let cut = start + 1 + random.below((end - start - 1) as u64) as i64;
            boxes[index] = (start, cut, low, high);
            boxes.push((cut, end, low, high));
        } else if high - low > 128 {
            let cut = low + 64 * (1 + random.below((high - low) / 64 - 1));
            boxes[index] = (start, end, low, cut);
            boxes.push((start, end, cut, high));
        }
    }
    lifetimes(
        boxes
            .into_iter()
            .map(|(start, end, low, high)| (start, end, high - low))
            .collect(),
    )
}

fn mixed(count: i64) -> Lifetimes {
    let mut random = Random(3);
    let rows = (0..count).map(|i| {
        let (longest, largest) = (1 << random.below(9), 1 << (6 + random.below(14)));
        let life = 1 + random.below(longest) as i64;
        (i / 2, i / 2 + life, 64 + random.below(largest))
    });
    lifetimes(rows.collect())
}

fn strategies(c: &mut Criterion) {
    for (name, instance) in [
        ("layers/500", layers(500)),
        ("planted/200", planted(200)),
        ("mixed/10k", mixed(10_000)),
    ] {
        let mut group = c.benchmark_group(name);
        group.sample_size(10);
        for strategy in Planner::strategies() {
            let planner = Planner::new()
                .rounds(10)
                .strategy_named(strategy.name())
                .expect("its own name");
            let plan = planner.plan(&instance).expect("a plan");
            println!(
                "{name} {}: peak / lower bound = {:.4}",
                strategy.name(),
                plan.ratio()
            );
            group.bench_function(BenchmarkId::from_parameter(strategy.name()), |b| {
                b.iter(|| planner.plan(&instance).expect("a plan").peak())
            });
        }
        group.finish();
    }
}

criterion_group!(benches, strategies);
criterion_main!(benches);
