//! The arguments of `orionrt compare`.
//!
//! Stands on `source` and `search`.

#![forbid(unsafe_code)]

use std::path::PathBuf;

use clap::Args;

use super::{search::SearchArgs, source::SourceArgs};

const EXAMPLES: &str = "\
Examples:
  orionrt compare model.onnx
  orionrt compare model.onnx --aliasing in-place
  orionrt compare buffers.csv --time-limit 10 --json             at most ten seconds per strategy
  orionrt compare buffers.csv --nodes 100000                     the same peaks on every machine
  orionrt compare model.onnx --html page.html                    what the best one does differently

Ctrl-C ends the current search, and the result has the strategies up to it; a second Ctrl-C ends
the program.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CompareArgs {
    #[command(flatten)]
    pub(crate) source: SourceArgs,

    #[command(flatten)]
    pub(crate) search: SearchArgs,

    /// Write a page to look at in a browser: the best plan beside that of greedy-size, or beside
    /// the one with the highest peak where greedy-size is as good, and what lies elsewhere
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,

    /// Print one JSON object instead of a table
    #[arg(long)]
    pub(crate) json: bool,
}
