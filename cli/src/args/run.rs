//! The arguments of `orionrt run`.
//!
//! Stands on `values`.

#![forbid(unsafe_code)]

use std::path::PathBuf;

use clap::{Args, ValueEnum, builder::RangedU64ValueParser};
use orionrt::arena::HugePages;

use super::values::{DimSize, MAX_THREADS, Seconds};

const EXAMPLES: &str = "\
Examples:
  orionrt run model.onnx
  orionrt run model.onnx --dim batch=8 --iterations 100 --json
  orionrt run model.onnx --threads 4 --huge-pages off
  orionrt run model.onnx --time-limit 10                         a quick look at a slow model
  orionrt run model.onnx --record trace.csv && orionrt plan trace.csv
  orionrt run model.onnx --html page.html                        the heap's blocks beside the plan

The inputs are pseudo-random numbers from a fixed seed, in the shapes that the model states. The
three allocators take turns in one process, a few inferences each, the first of which is not
counted. All outputs are compared bit by bit; if any differ, the exit status is 1. Peak memory is
measured in a separate process for each allocator.

Ctrl-C ends the measurement, and the result has the iterations so far; a second Ctrl-C ends the
program.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct RunArgs {
    /// An ONNX model, with its weights
    pub(crate) model: PathBuf,

    /// Inferences to time with each allocator, fewer if the time limit ends first
    #[arg(long, value_name = "N", default_value_t = 30,
          value_parser = RangedU64ValueParser::<u32>::new().range(1..))]
    pub(crate) iterations: u32,

    /// End the measurement after this time, once every allocator has run the model; loading the
    /// model is not counted
    #[arg(
        long,
        value_name = "SECONDS",
        default_value = "60",
        allow_negative_numbers = true
    )]
    pub(crate) time_limit: Seconds,

    /// Compute with this many threads
    #[arg(long, value_name = "N", default_value_t = 1,
          value_parser = RangedU64ValueParser::<usize>::new().range(1..=MAX_THREADS))]
    pub(crate) threads: usize,

    /// Set the size of a symbolic dimension of the model, such as batch=8; may be repeated
    #[arg(long = "dim", value_name = "NAME=N")]
    pub(crate) dims: Vec<DimSize>,

    /// When to back the planned memory with huge pages of 2 MiB
    #[arg(long, value_name = "POLICY", default_value = "always")]
    pub(crate) huge_pages: HugePagesName,

    /// Write the recorded lifetimes as a CSV file that `orionrt plan` reads
    #[arg(long, value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,

    /// Write the blocks of the recorded inference as an HTML page: where the heap had them, beside
    /// the plan; it opens in any browser
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,

    /// Write the inputs and outputs into this folder as NumPy files: input-0.npy, output-0.npy, ...
    #[arg(long, value_name = "DIR")]
    pub(crate) save: Option<PathBuf>,

    /// Print one JSON object instead of text
    #[arg(long)]
    pub(crate) json: bool,

    /// Run a few inferences in this mode and print their peak memory; the verb starts itself so
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
    /// The offsets of a plan made from a recording.
    Replay,
}

impl Mode {
    pub(crate) const ALL: [Self; 3] = [Self::System, Self::Orion, Self::Replay];

    /// The name in arguments and results.
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
    /// The name in arguments.
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
    fn every_name_parses_to_its_value() {
        for mode in Mode::ALL {
            assert_eq!(Mode::from_str(mode.name(), false), Ok(mode));
        }
        for policy in HugePagesName::value_variants() {
            assert_eq!(HugePagesName::from_str(policy.name(), false), Ok(*policy));
        }
    }
}
