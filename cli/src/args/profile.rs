//! The arguments of `orionrt profile`.
//!
//! Stands on `clap`.

#![forbid(unsafe_code)]

use std::path::PathBuf;

use clap::Args;

const EXAMPLES: &str = "\
Examples:
  orionrt profile heap.pb                            who holds the memory?
  orionrt profile heap.pb --type alloc_space         who allocates, whether it is freed or not?
  orionrt profile after.pb --since before.pb         what has grown between two profiles?
  orionrt profile heap.pb --svg heap.svg             a flame graph
  orionrt profile heap.pb --pprof named.pb.gz        with names, for other machines and tools
  orionrt profile heap.pb --folded heap.txt          one line for each stack

A function's own value is of what it allocated itself, its cumulative value also of what it called.
Addresses without functions are named by the binaries that the profile names, if they are on this
machine and have the same build id.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ProfileArgs {
    /// A profile in pprof's format, of OrionRT, Go or others; '-' reads standard input
    #[arg(value_name = "FILE")]
    pub(crate) input: PathBuf,

    /// Show what has changed since this earlier profile
    #[arg(long = "since", value_name = "BEFORE")]
    pub(crate) before: Option<PathBuf>,

    /// What is shown, as inuse_space or alloc_objects; the profile's default, or inuse_space
    #[arg(long = "type", value_name = "TYPE")]
    pub(crate) kind: Option<String>,

    /// How many functions are shown
    #[arg(long, value_name = "N", default_value_t = 20)]
    pub(crate) top: usize,

    /// Keep the frames within the allocator, such as malloc's own
    #[arg(long = "all-frames")]
    pub(crate) keeps_allocator: bool,

    /// Open none of the binaries that the profile names
    #[arg(long = "no-binaries")]
    pub(crate) opens_no_binaries: bool,

    /// Write the stacks, a line for each: its functions, outermost first, and its value
    #[arg(long, value_name = "FILE")]
    pub(crate) folded: Option<PathBuf>,

    /// Draw a flame graph; with --since, red is more than before and blue is less
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,

    /// Write the profile with the names of its functions, in pprof's format
    #[arg(long, value_name = "FILE")]
    pub(crate) pprof: Option<PathBuf>,

    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

impl ProfileArgs {
    /// What to ask for, so that a flame graph of a profile is written.
    pub(crate) fn flame_graph(input: PathBuf, svg: PathBuf) -> Self {
        Self {
            input,
            before: None,
            kind: None,
            top: 20,
            keeps_allocator: false,
            opens_no_binaries: false,
            folded: None,
            svg: Some(svg),
            pprof: None,
            json: false,
        }
    }
}
