//! A million rows planned from Rust, for `benches/columns.py`: prints the seconds that it takes.

use std::time::Instant;

use orionrt::{Lifetimes, Planner};

const ROWS: i64 = 1_000_000;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let start = Instant::now();
    let row = |i: i64| {
        let (lower, size) = (i / 4, 64 * (1 + i * 7919 % 1000) as u64);
        (i.to_string(), lower, lower + 1 + i % 13, size, 1)
    };
    let lifetimes = Lifetimes::from_rows((0..ROWS).map(row))?;
    let plan = Planner::new().nodes(1).plan(&lifetimes)?;
    println!("{:.3} {}", start.elapsed().as_secs_f64(), plan.peak());
    Ok(())
}
