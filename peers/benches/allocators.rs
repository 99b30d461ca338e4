//! The time that allocators take for the same work, beside each other in one run: `cargo bench --bench allocators` in this folder.
//!
//! At the end it prints a table of medians. Ratios within a row mean more than nanoseconds on a shared machine. `-- pair` and
//! the like measure the groups of that name alone, and the table then shows what was measured last for the others.

use std::{fs, path::Path, time::Duration};

use criterion::Criterion;
use orionrt_peers::{
    Table, peers,
    workloads::{self, Dyn},
};

type Workload = fn(Dyn, u64) -> Duration;

/// The rows and their names.
const ROWS: [(&str, Workload); 12] = [
    ("pair of 16 B", |of, n| workloads::pair(of, 16, n)),
    ("pair of 64 B", |of, n| workloads::pair(of, 64, n)),
    ("pair of 1 KiB", |of, n| workloads::pair(of, 1 << 10, n)),
    ("pair of 4 KiB", |of, n| workloads::pair(of, 4 << 10, n)),
    ("pair of 1 MiB", |of, n| workloads::pair(of, 1 << 20, n)),
    ("churn, 1 thread", |of, n| workloads::churn(of, 1, n)),
    ("churn, 2 threads", |of, n| workloads::churn(of, 2, n)),
    ("tensors", workloads::tensors),
    ("hand over", workloads::hand_over),
    ("larson", workloads::larson),
    ("grow 1", |of, n| workloads::grow(of, 1, n)),
    ("grow 4", |of, n| workloads::grow(of, 4, n)),
];

fn measure(criterion: &mut Criterion) {
    for (row, workload) in ROWS {
        let mut group = criterion.benchmark_group(row);
        for peer in peers() {
            group.bench_function(peer.name, |bencher| {
                bencher.iter_custom(|n| workload(peer.allocator, n));
            });
        }
        group.finish();
    }
}

/// Criterion's median of a row and allocator in nanoseconds, from its files; `None` where it has not been measured.
fn median(row: &str, name: &str) -> Option<f64> {
    let folder = |name: &str| name.replace('/', "_");
    let target = std::env::var("CARGO_TARGET_DIR").unwrap_or_else(|_| "target".into());
    let file = Path::new(&target)
        .join("criterion")
        .join(folder(row))
        .join(folder(name))
        .join("new/estimates.json");
    let estimates: serde_json::Value = serde_json::from_slice(&fs::read(file).ok()?).ok()?;
    estimates["median"]["point_estimate"].as_f64()
}

fn main() {
    let mut criterion = Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args();
    measure(&mut criterion);
    criterion.final_summary();
    let mut table = Table::new(peers().iter().map(|peer| peer.name));
    for (row, _) in ROWS {
        table.row(row, peers().iter().map(|peer| median(row, peer.name)));
    }
    let is_rival = |name: &str| peers().iter().any(|peer| peer.name == name && !peer.is_own);
    let means = table.relative(is_rival);
    table.row("relative", means);
    println!(
        "\nMedians in ns; `relative`: the geometric mean of the rows, each relative to the best other allocator that is not OrionRT's.\n"
    );
    println!("{}", table.markdown());
}
