//! The time that allocators take for the same work, side by side in one run:
//! `cargo bench --bench allocators` in this folder.
//!
//! At the end it prints a table of medians. On a shared machine, ratios within a row mean more than
//! nanoseconds. With `-- pair` only the groups of that name are measured, and the table has the
//! latest results of the others.

use std::{fs, path::Path, time::Duration};

use criterion::Criterion;
use orionrt_peers::{
    Table, peers,
    workloads::{self, Dyn},
};

/// Does a number of operations and returns the time that they took.
type Work = Box<dyn FnMut(u64) -> Duration>;

/// A row's name, and a function that prepares its work for an allocator.
struct Row(&'static str, fn(Dyn) -> Work);

const ROWS: [Row; 12] = [
    Row("pair of 16 B", |of| {
        Box::new(move |n| workloads::pair(of, 16, n))
    }),
    Row("pair of 64 B", |of| {
        Box::new(move |n| workloads::pair(of, 64, n))
    }),
    Row("pair of 1 KiB", |of| {
        Box::new(move |n| workloads::pair(of, 1 << 10, n))
    }),
    Row("pair of 4 KiB", |of| {
        Box::new(move |n| workloads::pair(of, 4 << 10, n))
    }),
    Row("pair of 1 MiB", |of| {
        Box::new(move |n| workloads::pair(of, 1 << 20, n))
    }),
    Row("churn, 1 thread", |of| Box::new(workloads::churn(of))),
    Row("churn, 2 threads", |of| {
        Box::new(move |n| workloads::churn_in_threads(of, 2, n))
    }),
    Row("tensors", |of| Box::new(workloads::tensors(of))),
    Row("transfer", |of| {
        Box::new(move |n| workloads::transfer(of, n))
    }),
    Row("larson", |of| Box::new(move |n| workloads::larson(of, n))),
    Row("grow 1", |of| Box::new(move |n| workloads::grow(of, 1, n))),
    Row("grow 4", |of| Box::new(move |n| workloads::grow(of, 4, n))),
];

fn measure(criterion: &mut Criterion) {
    for Row(row, start) in ROWS {
        let mut group = criterion.benchmark_group(row);
        for peer in peers() {
            let mut work = start(peer.allocator);
            group.bench_function(peer.name, |bencher| bencher.iter_custom(&mut work));
        }
        group.finish();
    }
}

/// Criterion's median for a workload and allocator in nanoseconds, read from its files; `None` if
/// it has not been measured.
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
    for Row(row, _) in ROWS {
        table.row(row, peers().iter().map(|peer| median(row, peer.name)));
    }
    let is_rival = |name: &str| peers().iter().any(|peer| peer.name == name && !peer.is_own);
    let means = table.relative(is_rival);
    table.row("relative", means);
    println!(
        "\nMedians in ns; `relative`: the geometric mean over the rows of the time divided by \
         that of the best other allocator, OrionRT's excluded.\n"
    );
    println!("{}", table.markdown());
}
