//! The verbs.
//!
//! Stands on the files of their arguments. A new verb is a variant of [`Command`].

#![forbid(unsafe_code)]

use clap::{Parser, Subcommand};

#[cfg(all(feature = "engine", target_os = "linux"))]
use super::run::RunArgs;
#[cfg(not(all(feature = "engine", target_os = "linux")))]
use super::run_without_engine::RunArgs;
use super::{
    check::CheckArgs, compare::CompareArgs, demo::DemoArgs, plan::PlanArgs, share::ShareArgs,
};

/// Memory plans for programs whose allocations are known ahead of time.
///
/// OrionRT learns when each tensor of a model is alive and places all of them in one region with a
/// peak memory as low as it can find.
#[derive(Debug, Parser)]
#[command(name = "orionrt", version, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "\
Examples:
  orionrt demo                                   see it run; needs no file
  orionrt plan model.onnx                        how much memory does the model need?
  orionrt plan model.onnx --output plan.json     keep the plan, to load it at run time
  orionrt check plan.json                        is it a valid plan?
  orionrt compare buffers.csv                    which strategy does best?
  orionrt share a.onnx b.onnx                    how much do they need in one arena?
  orionrt run model.onnx                         how fast is it, with its memory planned?

Exit status: 0 success, 1 bad input or plan, 2 wrong usage, 3 capacity exceeded.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Plan a model (ONNX, TensorFlow Lite) or a CSV file of lifetimes
    Plan(PlanArgs),
    /// Verify a plan: no overlaps, every offset aligned
    Check(CheckArgs),
    /// Run every strategy and show the peak that each reaches
    Compare(CompareArgs),
    /// Plan several models into one arena, sharing bytes between those that never run together
    Share(ShareArgs),
    /// Run an ONNX model on the system's heap, on OrionRT's heap and on planned memory (feature
    /// `engine`)
    Run(RunArgs),
    /// Run three networks with their tensors in planned slots and on the heap
    Demo(DemoArgs),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clap_finds_no_contradiction_in_the_arguments() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
    }
}
