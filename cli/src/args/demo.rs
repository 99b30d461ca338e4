//! The arguments of `orionrt demo`.
//!
//! Stands on `clap`.

#![forbid(unsafe_code)]

use clap::{Args, builder::RangedU64ValueParser};

const EXAMPLES: &str = "\
Examples:
  orionrt demo
  orionrt demo --iterations 100                  steadier times
  orionrt demo --json";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DemoArgs {
    /// Inferences to time for each network, in planned slots and on the heap
    #[arg(long, value_name = "N", default_value_t = 10,
          value_parser = RangedU64ValueParser::<u32>::new().range(1..))]
    pub(crate) iterations: u32,

    /// Print one JSON object instead of text
    #[arg(long)]
    pub(crate) json: bool,
}
