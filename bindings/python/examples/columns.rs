//! Rows planned from Rust, for `benches/columns.py`: prints the seconds from columns of numbers to
//! the plan, and the peak.
//!
//! The folder that it is given has a file for each column: whole numbers of 64 bits.

use std::{fs, io, path::Path, time::Instant};

use orionrt::{Lifetimes, Planner};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let folder = std::env::args_os().nth(1);
    let folder = folder.ok_or("expected the folder with lower, upper and size")?;
    let folder = Path::new(&folder);
    let lower = numbers(&folder.join("lower"), i64::from_le_bytes)?;
    let upper = numbers(&folder.join("upper"), i64::from_le_bytes)?;
    let size = numbers(&folder.join("size"), u64::from_le_bytes)?;
    let start = Instant::now();
    let row = |i: usize| (i.to_string(), lower[i], upper[i], size[i], 1);
    let lifetimes = Lifetimes::from_rows((0..lower.len()).map(row))?;
    let plan = Planner::new().nodes(1).plan(&lifetimes)?;
    println!("{:.6} {}", start.elapsed().as_secs_f64(), plan.peak());
    Ok(())
}

fn numbers<T>(path: &Path, number: impl Fn([u8; 8]) -> T) -> io::Result<Vec<T>> {
    let bytes = fs::read(path)?;
    let (numbers, _) = bytes.as_chunks();
    Ok(numbers.iter().copied().map(number).collect())
}
