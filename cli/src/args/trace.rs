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
  orionrt trace orionrt.rec --csv events.csv     every call
  orionrt trace orionrt.rec --pprof calls.pb     who allocated, if recorded with --stacks";

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

    /// Write which stacks had the bytes at the peak, and which allocated them, as a profile in
    /// pprof's format, for `orionrt profile`. The recording must have stacks: see `orionrt record
    /// --stacks`
    #[arg(long, value_name = "FILE")]
    pub(crate) pprof: Option<PathBuf>,

    /// How many functions are shown if the recording has stacks
    #[arg(long, value_name = "N", default_value_t = 10)]
    pub(crate) top: usize,

    /// Open none of the binaries that the recording names
    #[arg(long = "no-binaries")]
    pub(crate) opens_no_binaries: bool,
}
