//! The arguments of `orionrt record`.
//!
//! Stands on [`with`](super::with) and [`values`](super::values).

#![forbid(unsafe_code)]

use std::path::PathBuf;

use clap::Args;

use super::{values::bytes, with::PreloadedCommand};

const EXAMPLES: &str = "\
Examples:
  orionrt record -- python3 infer.py             every call, in orionrt.rec
  orionrt record -o run.rec --limit 4G -- ./server
  orionrt record --stacks -- ./server            and who allocates
  orionrt trace orionrt.rec                      what is in it
  orionrt plan orionrt.rec --at-least 4096       what would planned memory need?

The command gets OrionRT's heap by LD_PRELOAD, and so do the processes that it starts. Each process
has a file of its own; the others' names end with the numbers of their processes. What a process
did is in its file however it ends. The exit status is that of the command.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct RecordArgs {
    /// The file for the command's own process
    #[arg(short, long, value_name = "FILE", default_value = "orionrt.rec")]
    pub(crate) output: PathBuf,

    /// The most bytes of a file, as 512M or 4G; what it has no room for is counted [default: 1G]
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    pub(crate) limit: Option<u64>,

    /// Record the stack of calls of each allocation, too, which makes the allocation take a
    /// microsecond or more
    #[arg(long)]
    pub(crate) stacks: bool,

    #[command(flatten)]
    pub(crate) preloaded: PreloadedCommand,
}
