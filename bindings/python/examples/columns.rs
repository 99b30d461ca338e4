//! A million rows planned from Rust, for `benches/columns.py`: prints the seconds from columns of
//! numbers to the plan, and the peak.

use std::time::Instant;

use orionrt::{Lifetimes, Planner};

const ROWS: i64 = 1_000_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let lower: Vec<i64> = (0..ROWS).map(|i| i / 4).collect();
    let upper: Vec<i64> = (0..ROWS).map(|i| i / 4 + 1 + i % 13).collect();
    let size = (0..ROWS).map(|i| 64 * (1 + i * 7919 % 1000) as u64);
    let size: Vec<u64> = size.collect();
    let start = Instant::now();
    let row = |i: usize| (i.to_string(), lower[i], upper[i], size[i], 1);
    let lifetimes = Lifetimes::from_rows((0..lower.len()).map(row))?;
    let plan = Planner::new().nodes(1).plan(&lifetimes)?;
    println!("{:.3} {}", start.elapsed().as_secs_f64(), plan.peak());
    Ok(())
}
