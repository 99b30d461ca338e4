//! The arguments of `orionrt demo`.
//!
//! Stands on `clap` and on `capacity`.

#![forbid(unsafe_code)]

use clap::{Args, ValueEnum, builder::RangedU64ValueParser};

use super::capacity::Capacity;

const EXAMPLES: &str = "\
Examples:
  orionrt demo
  orionrt demo --iterations 100                  steadier times
  orionrt demo --json
  orionrt demo --capacity 70%                    in less memory than the peak, for added time
  orionrt demo --capacity 2M --way spill         idle tensors go to a file meanwhile
  orionrt demo --capacity 50% --stream-weights   weights count, and stay in a file";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DemoArgs {
    /// Inferences to time for each network: with planned slots and on the heap, or within the
    /// capacity and without a limit
    #[arg(long, value_name = "N", default_value_t = 10,
          value_parser = RangedU64ValueParser::<u32>::new().range(1..))]
    pub(crate) iterations: u32,

    /// Run each network within this many bytes, such as 2M, or this part of its peak, such as 70%,
    /// and without a limit beside it. A network that needs more runs within the least that is found
    /// to be enough
    #[arg(long, value_name = "BYTES|PERCENT")]
    pub(crate) capacity: Option<Capacity>,

    /// A way to free memory for --capacity; may be repeated (recompute and spill if none is given)
    #[arg(long = "way", value_enum, value_name = "WAY", requires = "capacity")]
    pub(crate) ways: Vec<Way>,

    /// Count weights as tensors, too, and read them from a file when they are needed
    #[arg(long, requires = "capacity")]
    pub(crate) stream_weights: bool,

    /// Print one JSON object instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

impl DemoArgs {
    /// The ways to free memory, each once.
    pub(crate) fn ways(&self) -> Vec<Way> {
        let default = [Way::Recompute, Way::Spill];
        let is_used = |way: &Way| match self.ways.is_empty() {
            true => default.contains(way),
            false => self.ways.contains(way),
        };
        let all = Way::value_variants().iter().copied();
        all.filter(is_used).collect()
    }
}

/// A way to free the memory of tensors that are idle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Way {
    /// Run operators again to have their results back
    Recompute,
    /// Copy tensors to a memory-mapped file, and back
    Spill,
    /// Keep tensors in the arena in compressed form
    Compress,
}

impl Way {
    /// The word for it on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Recompute => "recompute",
            Self::Spill => "spill",
            Self::Compress => "compress",
        }
    }
}
