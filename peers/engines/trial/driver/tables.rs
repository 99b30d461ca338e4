//! Tables in Markdown: the plans, memory and page faults, time. A row is a workload, and a column
//! stands there once for each number of threads.
//!
//! Invariant: CPU time is left out where there are too few rounds to say anything.

use orionrt_engines::Heap;

use crate::rounds::{OnHeap, Result};

/// Rounds from which on medians of CPU time are shown.
const ROUNDS: usize = 3;
const MIB: f64 = (1 << 20) as f64;
/// The system counts resident pages in batches per processor, so less than this is noise.
const LEAST_BYTES: f64 = MIB;

/// Prints all tables; in each, a column for each of `threads`.
pub(crate) fn print(results: &[Result], threads: &[usize], rounds: usize) {
    let grid = Grid::new(results, threads);
    grid.print(&plans());
    grid.print(&memory());
    grid.print(&faults());
    if rounds >= ROUNDS {
        grid.print(&time());
    }
    let others: Vec<_> = results.iter().filter(|result| !result.is_equal).collect();
    for result in &others {
        let Result {
            workload, threads, ..
        } = result;
        println!("\n{workload} with {threads} threads: the results are NOT the same bits");
    }
    if others.is_empty() {
        println!("\nAll results have the same bits on all heaps.");
    }
}

/// Something that is made of a result.
type Of<T> = Box<dyn Fn(&Result) -> T>;

/// What a column shows of a result.
struct Column {
    head: &'static str,
    cell: Of<String>,
    /// A ratio whose geometric mean over all workloads closes the column.
    ratio: Option<Of<f64>>,
}

impl Column {
    fn new(head: &'static str, cell: impl Fn(&Result) -> String + 'static) -> Self {
        Self {
            head,
            cell: Box::new(cell),
            ratio: None,
        }
    }

    fn with_mean(self, ratio: impl Fn(&Result) -> f64 + 'static) -> Self {
        Self {
            ratio: Some(Box::new(ratio)),
            ..self
        }
    }
}

fn plans() -> Vec<Column> {
    vec![
        Column::new("hits", |result| percent(result.hit_rates.0)),
        Column::new("by bytes", |result| percent(result.hit_rates.1)),
        Column::new("it says", |result| percent(result.planned.served)),
        Column::new("recorded", |result| result.planned.recorded.to_string()),
        Column::new("planned MiB", |result| mib(result.planned.planned_bytes)),
        Column::new("bound MiB", |result| mib(result.planned.lower_bound)),
    ]
}

fn memory() -> Vec<Column> {
    let system = Column::new("system MiB", |result| {
        format!("{:.1}", result.heaps[&Heap::System].most_bytes / MIB)
    });
    let others = others().map(|heap| {
        let ratio = move |result: &Result| relative(result, heap, |on| at_least(on.most_bytes));
        let cell = move |result: &Result| {
            let most = result.heaps[&heap].most_bytes / MIB;
            format!("{:.2} ({most:.1})", ratio(result))
        };
        Column::new(heap.name(), cell).with_mean(ratio)
    });
    [system].into_iter().chain(others).collect()
}

fn faults() -> Vec<Column> {
    let column = |heap: Heap| {
        Column::new(heap.name(), move |result| {
            format!("{:.1}", result.heaps[&heap].faults)
        })
    };
    Heap::COMPARED.map(column).into()
}

fn time() -> Vec<Column> {
    let system = Column::new("system ms", |result| {
        format!("{:.3}", result.heaps[&Heap::System].cpu_ms)
    });
    let others = others().map(|heap| {
        let ratio = move |result: &Result| result.heaps[&heap].cpu_ratio;
        let cell = move |result: &Result| {
            let (first, third) = result.heaps[&heap].cpu_quartiles;
            format!("{:.3} ({first:.3} to {third:.3})", ratio(result))
        };
        Column::new(heap.name(), cell).with_mean(ratio)
    });
    let first = Column::new("first call ms", |result| {
        let first = Heap::COMPARED.map(|heap| format!("{:.1}", result.heaps[&heap].first_ms));
        first.join(", ")
    });
    [system].into_iter().chain(others).chain([first]).collect()
}

/// All heaps but the system's.
fn others() -> impl Iterator<Item = Heap> {
    Heap::COMPARED.into_iter().skip(1)
}

/// A figure relative to that on the system's heap.
fn relative(result: &Result, heap: Heap, figure: fn(&OnHeap) -> f64) -> f64 {
    figure(&result.heaps[&heap]) / figure(&result.heaps[&Heap::System])
}

/// A figure of memory that is no less than what can be told apart.
fn at_least(bytes: f64) -> f64 {
    bytes.max(LEAST_BYTES)
}

/// A share in percent, rounded down so that 100 means all.
fn percent(share: f64) -> String {
    format!("{:.2} %", (share * 10_000.0).floor() / 100.0)
}

fn mib(bytes: u64) -> String {
    format!("{:.2}", bytes as f64 / MIB)
}

/// Results by workload and number of threads.
struct Grid<'r> {
    threads: &'r [usize],
    /// A workload's results; one is missing where the workload did not run.
    rows: Vec<(&'r str, Vec<Option<&'r Result>>)>,
}

impl<'r> Grid<'r> {
    fn new(results: &'r [Result], threads: &'r [usize]) -> Self {
        let mut workloads: Vec<&str> = Vec::new();
        for result in results {
            if !workloads.contains(&result.workload.as_str()) {
                workloads.push(&result.workload);
            }
        }
        let find = |workload: &str, threads: usize| {
            let mut results = results.iter();
            results.find(|result| result.workload == workload && result.threads == threads)
        };
        let rows = workloads.into_iter().map(|workload| {
            let results = threads.iter().map(|&threads| find(workload, threads));
            (workload, results.collect())
        });
        Self {
            threads,
            rows: rows.collect(),
        }
    }

    fn print(&self, columns: &[Column]) {
        let heads = columns.iter().flat_map(|column| {
            let head = |&threads: &usize| match self.threads.len() {
                1 => column.head.to_owned(),
                _ => format!("{}, {threads}", column.head),
            };
            self.threads.iter().map(head)
        });
        println!();
        line("workload", heads);
        let rule = "---:".to_owned();
        line("---", vec![rule; columns.len() * self.threads.len()]);
        for (workload, results) in &self.rows {
            let cells = columns.iter().flat_map(|column| {
                let cell = |result: &Option<&Result>| match result {
                    Some(result) => (column.cell)(result),
                    None => "-".to_owned(),
                };
                results.iter().map(cell)
            });
            line(workload, cells);
        }
        if columns.iter().any(|column| column.ratio.is_some()) {
            let columns = columns.iter();
            line(
                "geometric mean",
                columns.flat_map(|column| self.means(column)),
            );
        }
    }

    /// The geometric means of a column, one for each number of threads.
    fn means(&self, column: &Column) -> impl Iterator<Item = String> {
        (0..self.threads.len()).map(|index| {
            let Some(ratio) = &column.ratio else {
                return String::new();
            };
            let results = self.rows.iter().filter_map(|(_, results)| results[index]);
            let logarithms: Vec<_> = results.map(|result| ratio(result).ln()).collect();
            let mean = logarithms.iter().sum::<f64>() / logarithms.len() as f64;
            format!("{:.3}", mean.exp())
        })
    }
}

fn line(first: &str, others: impl IntoIterator<Item = String>) {
    let others: Vec<_> = others.into_iter().collect();
    println!("| {first} | {} |", others.join(" | "));
}
