//! Tables in Markdown: the plans, memory and page faults, time.
//!
//! Invariant: CPU time is left out where there are too few rounds to say anything.

use orionrt_engines::Heap;

use crate::rounds::{OnHeap, Result};

/// Rounds from which on medians of CPU time are shown.
const ROUNDS: usize = 3;
const MIB: f64 = (1 << 20) as f64;
/// The system counts resident pages in batches per processor, so less than this is noise.
const LEAST_BYTES: f64 = MIB;

/// Prints all tables.
pub(crate) fn print(results: &[Result], rounds: usize) {
    plans(results);
    memory(results);
    faults(results);
    if rounds >= ROUNDS {
        time(results);
    }
    let others: Vec<_> = results.iter().filter(|result| !result.is_equal).collect();
    for result in &others {
        println!("\n{}: the results are NOT the same bits", name(result));
    }
    if others.is_empty() {
        println!("\nAll results have the same bits on all heaps.");
    }
}

fn name(result: &Result) -> String {
    format!("{}, {}", result.workload, result.threads)
}

fn plans(results: &[Result]) {
    head("workload, threads | hits | by bytes | it says | recorded | planned MiB | bound MiB");
    for result in results {
        let (requests, bytes) = result.hit_rates;
        let planned = &result.planned;
        println!(
            "| {} | {} | {} | {} | {} | {:.2} | {:.2} |",
            name(result),
            percent(requests),
            percent(bytes),
            percent(planned.served),
            planned.recorded,
            planned.planned_bytes as f64 / MIB,
            planned.lower_bound as f64 / MIB,
        );
    }
}

fn memory(results: &[Result]) {
    head("workload, threads | system MiB | orion | replay-system | replay-orion");
    for result in results {
        let on = |heap| result.heaps[&heap].most_bytes;
        print!("| {} | {:.1}", name(result), on(Heap::System) / MIB);
        for heap in others() {
            let ratio = at_least(on(heap)) / at_least(on(Heap::System));
            print!(" | {ratio:.2} ({:.1})", on(heap) / MIB);
        }
        println!(" |");
    }
    means(results, |on| at_least(on.most_bytes));
}

/// A figure of memory that is no less than what can be told apart.
fn at_least(bytes: f64) -> f64 {
    bytes.max(LEAST_BYTES)
}

fn faults(results: &[Result]) {
    head("workload, threads | system | orion | replay-system | replay-orion");
    for result in results {
        print!("| {}", name(result));
        for heap in Heap::COMPARED {
            print!(" | {:.1}", result.heaps[&heap].faults);
        }
        println!(" |");
    }
}

fn time(results: &[Result]) {
    head("workload, threads | system ms | orion | replay-system | replay-orion | first call ms");
    for result in results {
        let system = &result.heaps[&Heap::System];
        print!("| {} | {:.3}", name(result), system.cpu_ms);
        for heap in others() {
            print!(" | {:.3}", result.heaps[&heap].cpu_ratio);
        }
        let first = Heap::COMPARED.map(|heap| format!("{:.1}", result.heaps[&heap].first_ms));
        println!(" | {} |", first.join(", "));
    }
    means(results, |on| on.cpu_ratio);
}

/// All heaps but the system's.
fn others() -> impl Iterator<Item = Heap> {
    Heap::COMPARED.into_iter().skip(1)
}

/// A row of geometric means, relative to the system's heap.
fn means(results: &[Result], figure: fn(&OnHeap) -> f64) {
    print!("| geometric mean |");
    for heap in others() {
        let ratios = results.iter().map(|result| {
            let of = |heap| figure(&result.heaps[&heap]);
            (of(heap) / of(Heap::System)).ln()
        });
        print!(
            "| {:.3}",
            (ratios.sum::<f64>() / results.len() as f64).exp()
        );
    }
    println!(" |");
}

fn head(columns: &str) {
    println!("\n| {columns} |");
    println!("| --- |{}", " ---: |".repeat(columns.matches('|').count()));
}

/// A share in percent, rounded down so that 100 means all.
fn percent(share: f64) -> String {
    format!("{:.2} %", (share * 10_000.0).floor() / 100.0)
}
