//! Runs other people's engines on OrionRT's heaps and prints what that did to them.
//!
//! ```text
//! options ─► workloads (models.py) ─► programs, one process for each heap and round ─► tables
//! ```
//!
//! Invariant: rounds are interleaved, each runs all heaps, and the next begins with another one.

// A file uses only files above it in this list.
mod options;
mod workloads;
mod programs;
mod rounds;
mod tables;

use std::{error::Error, process::ExitCode};

use clap::Parser;

use options::Options;

fn main() -> ExitCode {
    match run(&Options::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let workloads = workloads::list(options)?;
    programs::build(options)?;
    let mut results = Vec::new();
    let threads: Vec<_> = options
        .threads
        .iter()
        .map(|threads| threads.get())
        .collect();
    for &threads in &threads {
        for workload in &workloads {
            eprintln!("{} with {threads} threads", workload.name());
            match rounds::measure(workload, threads, options) {
                Ok(result) => results.push(result),
                Err(error) => eprintln!("  left out: {error}"),
            }
        }
    }
    if options.json {
        println!("{}", serde_json::to_string_pretty(&results)?);
    } else {
        tables::print(&results, &threads, options.rounds);
    }
    Ok(())
}
