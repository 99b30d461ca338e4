//! The arguments of `orionrt trace`.
//!
//! Stands on `clap`.

#![forbid(unsafe_code)]

use std::path::PathBuf;

use clap::Args;

const EXAMPLES: &str = "\
Examples:
  orionrt trace orionrt.rec                      calls, sizes, lifetimes, the peak
  orionrt trace orionrt.rec --perfetto heap.json the bytes alive over time, for ui.perfetto.dev
  orionrt trace orionrt.rec --csv events.csv     every call";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct TraceArgs {
    /// A recording of a process, as `orionrt record` writes it; '-' reads standard input
    pub(crate) input: PathBuf,

    /// Print one JSON object instead of lines and a table
    #[arg(long)]
    pub(crate) json: bool,

    /// Write every call to this file
    #[arg(long, value_name = "FILE")]
    pub(crate) csv: Option<PathBuf>,

    /// Write the bytes alive and resident over time to this file, for Perfetto
    #[arg(long, value_name = "FILE")]
    pub(crate) perfetto: Option<PathBuf>,
}
