//! The arguments of `orionrt compare`.
//!
//! Stands on `source` and `search`.

#![forbid(unsafe_code)]

use clap::Args;

use super::{search::SearchArgs, source::SourceArgs};

const EXAMPLES: &str = "\
Examples:
  orionrt compare model.onnx
  orionrt compare model.onnx --aliasing in-place
  orionrt compare buffers.csv --time-limit 10 --json             at most ten seconds per strategy
  orionrt compare buffers.csv --nodes 100000                     the same peaks on every machine

Ctrl-C ends the current search, and the result has the strategies up to it; a second Ctrl-C ends
the program.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CompareArgs {
    #[command(flatten)]
    pub(crate) source: SourceArgs,

    #[command(flatten)]
    pub(crate) search: SearchArgs,

    /// Print one JSON object instead of a table
    #[arg(long)]
    pub(crate) json: bool,
}
