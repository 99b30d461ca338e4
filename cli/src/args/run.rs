//! What can be asked of `orionrt run`.
//!
//! Stands on `clap`. Invariant: that of [`args`](super).

#![forbid(unsafe_code)]

use std::path::PathBuf;

use clap::{Args, ValueEnum, builder::RangedU64ValueParser};
use orionrt::arena::HugePages;

use super::{DimSize, MOST_THREADS};

const RUN_EXAMPLES: &str = "\
Examples:
  orionrt run model.onnx
  orionrt run model.onnx --dim batch=8 --iterations 100 --json
  orionrt run model.onnx --threads 4 --huge-pages off
  orionrt run model.onnx --record trace.csv && orionrt plan trace.csv

The inputs are made up: numbers from a fixed seed in the shapes that the model states. The three allocators take
turns in one process, a few inferences each, of which the first is not counted. All outputs are compared bit by bit;
if any differ, the exit status is 1. The memory of each is measured in a process of its own.

Ctrl-C ends the measuring, and the iterations until then are the answer; a second one ends the program.";

#[derive(Debug, Args)]
#[command(after_help = RUN_EXAMPLES)]
pub(crate) struct RunArgs {
    /// An ONNX model, with its weights
    pub(crate) model: PathBuf,

    /// Inferences to time with each allocator
    #[arg(long, value_name = "N", default_value_t = 30,
          value_parser = RangedU64ValueParser::<u32>::new().range(1..))]
    pub(crate) iterations: u32,

    /// Compute with this many threads
    #[arg(long, value_name = "N", default_value_t = 1,
          value_parser = RangedU64ValueParser::<usize>::new().range(1..=MOST_THREADS))]
    pub(crate) threads: usize,

    /// The number of a symbolic dimension of the model, such as batch=8; may be repeated
    #[arg(long = "dim", value_name = "NAME=N")]
    pub(crate) dims: Vec<DimSize>,

    /// Whether the planned memory is backed by huge pages of 2 MiB
    #[arg(long, value_name = "POLICY", default_value = "always")]
    pub(crate) huge_pages: HugePagesName,

    /// Write what was recorded as a CSV file of lifetimes, such as `orionrt plan` reads
    #[arg(long, value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,

    /// Print one JSON object instead of text
    #[arg(long)]
    pub(crate) json: bool,

    /// Run a few inferences in this mode, and print how much memory they took: what the verb asks of itself
    #[arg(long, value_name = "MODE", hide = true)]
    pub(crate) peak_of: Option<Mode>,
}

/// Where inference takes its memory from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Mode {
    /// The C library's heap.
    System,
    /// OrionAlloc's heap.
    Orion,
    /// The places of a plan that was made of a recording.
    Replay,
}

impl Mode {
    pub(crate) const ALL: [Self; 3] = [Self::System, Self::Orion, Self::Replay];

    /// As it is written in arguments and results.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Orion => "orion",
            Self::Replay => "replay",
        }
    }
}

/// A policy for huge pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum HugePagesName {
    /// Never
    Off,
    /// As the system does for all programs
    OnRequest,
    /// Wherever the system allows them
    Always,
}

impl HugePagesName {
    /// As it is written in arguments.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::OnRequest => "on-request",
            Self::Always => "always",
        }
    }

    pub(crate) fn policy(self) -> HugePages {
        match self {
            Self::Off => HugePages::Off,
            Self::OnRequest => HugePages::OnRequest,
            Self::Always => HugePages::Always,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_arguments() {
        for mode in Mode::ALL {
            assert_eq!(Mode::from_str(mode.name(), false), Ok(mode));
        }
        for policy in HugePagesName::value_variants() {
            assert_eq!(HugePagesName::from_str(policy.name(), false), Ok(*policy));
        }
    }
}
