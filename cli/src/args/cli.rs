//! The verbs.
//!
//! Stands on the files of their arguments. A new verb is a variant of [`Command`]. Invariant: of
//! the sizes and values that [`Cli::read`] returns, no two are for one name.

#![forbid(unsafe_code)]

use std::{collections::HashSet, ffi::OsString};

use clap::{
    CommandFactory, Parser, Subcommand,
    error::{ContextKind, ContextValue, ErrorKind},
};

#[cfg(all(feature = "engine", target_os = "linux"))]
use super::run::RunArgs;
#[cfg(not(all(feature = "engine", target_os = "linux")))]
use super::run_without_engine::RunArgs;
use super::{
    check::CheckArgs,
    compare::CompareArgs,
    demo::DemoArgs,
    devices::DevicesArgs,
    fit::FitArgs,
    plan::PlanArgs,
    profile::ProfileArgs,
    share::ShareArgs,
    trace::TraceArgs,
    values::{DimSize, InputArg},
    view::ViewArgs,
};
#[cfg(target_os = "linux")]
use super::{record::RecordArgs, with::WithArgs};
use crate::escape::printable;

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
  orionrt fit model.onnx --capacity 4M           what does it cost to need less?
  orionrt view model.onnx                        what makes the peak? look at it in a browser
  orionrt check plan.json                        is it a valid plan?
  orionrt compare buffers.csv                    which strategy does best?
  orionrt share a.onnx b.onnx                    how much do they need in one arena?
  orionrt run model.onnx                         how fast is it, with its memory planned?
  orionrt profile heap.pb                        who holds the memory of a process?
  orionrt with python3 infer.py                  any program, on OrionRT's heap

Exit status: 0 success, 1 bad input or plan, 2 wrong usage, 3 capacity exceeded.";

#[derive(Debug, Subcommand)]
#[allow(clippy::large_enum_variant, reason = "there is one command in a run")]
pub(crate) enum Command {
    /// Plan a model (ONNX, TensorFlow Lite), lifetimes in CSV, or what PyTorch, heaptrack or XLA
    /// recorded of a program's memory
    Plan(PlanArgs),
    /// Fit a model into less memory than its peak, for added time
    Fit(FitArgs),
    /// Look at plans in a browser: of a model or another input, or several beside each other
    View(ViewArgs),
    /// Verify a plan: no overlaps, every offset aligned
    Check(CheckArgs),
    /// Run every strategy and show the peak that each reaches
    Compare(CompareArgs),
    /// Plan several models into one arena, sharing bytes between those that never run together
    Share(ShareArgs),
    /// Run an ONNX model on the system's heap, on OrionRT's heap and on planned memory (feature
    /// `engine`)
    Run(RunArgs),
    /// Run three networks with their tensors in planned slots and on the heap; with --capacity, in
    /// less memory than their peak
    Demo(DemoArgs),
    /// List the devices of this machine, with what matters for planning their memory
    Devices(DevicesArgs),
    /// Look at a heap profile in pprof's format: who holds the memory, and what has changed
    Profile(ProfileArgs),
    /// Run any program on OrionRT's heap, without compiling it again
    #[cfg(target_os = "linux")]
    With(WithArgs),
    /// Run any program and record every call of its allocation functions
    #[cfg(target_os = "linux")]
    Record(RecordArgs),
    /// Show what a recording of a program says: calls, sizes, lifetimes, the peak
    Trace(TraceArgs),
}

impl Cli {
    /// Arguments, the first of which is the name of the program. A message about them has no
    /// characters that change a terminal.
    pub(crate) fn read(args: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let cli = Self::try_parse_from(args).map_err(printable_error)?;
        match cli.command.given_twice() {
            None => Ok(cli),
            Some((option, name)) => {
                let message = format!("{option} gives '{}' twice, expected once", printable(name));
                Err(Self::command().error(ErrorKind::ArgumentConflict, message))
            }
        }
    }
}

impl Command {
    /// An option that gives a size or a value to the same name twice.
    fn given_twice(&self) -> Option<(&'static str, &str)> {
        let (dims, inputs): (&[DimSize], &[InputArg]) = match self {
            Self::Plan(PlanArgs { source, .. })
            | Self::View(ViewArgs { source, .. })
            | Self::Compare(CompareArgs { source, .. })
            | Self::Share(ShareArgs { source, .. }) => (&source.model.dims, &source.model.inputs),
            Self::Fit(FitArgs { model, .. }) => (&model.dims, &model.inputs),
            Self::Check(args) => (&args.how.dims, &args.how.inputs),
            #[cfg(all(feature = "engine", target_os = "linux"))]
            Self::Run(args) => (&args.dims, &[]),
            #[cfg(not(all(feature = "engine", target_os = "linux")))]
            Self::Run(_) => (&[], &[]),
            Self::Demo(_) | Self::Devices(_) | Self::Profile(_) => (&[], &[]),
            #[cfg(target_os = "linux")]
            Self::With(_) | Self::Record(_) => (&[], &[]),
            Self::Trace(_) => (&[], &[]),
        };
        let dim = repeated(dims.iter().map(|dim| &*dim.name)).map(|name| ("--dim", name));
        dim.or_else(|| {
            Some((
                "--input",
                repeated(inputs.iter().map(|input| &*input.name))?,
            ))
        })
    }
}

/// The first name that is there a second time.
fn repeated<'n>(mut names: impl Iterator<Item = &'n str>) -> Option<&'n str> {
    let mut seen = HashSet::new();
    names.find(|name| !seen.insert(*name))
}

/// The error with the arguments that it quotes made printable.
fn printable_error(mut error: clap::Error) -> clap::Error {
    let context: Vec<(ContextKind, ContextValue)> = error
        .context()
        .map(|(kind, value)| (kind, printable_value(value)))
        .collect();
    for (kind, value) in context {
        error.insert(kind, value);
    }
    error
}

fn printable_value(value: &ContextValue) -> ContextValue {
    match value {
        ContextValue::String(text) => ContextValue::String(printable(text).into()),
        ContextValue::Strings(texts) => {
            let texts = texts.iter().map(|text| printable(text).into());
            ContextValue::Strings(texts.collect())
        }
        // Advice, which quotes arguments. Their style is lost.
        ContextValue::StyledStrs(texts) => {
            let texts = texts
                .iter()
                .map(|text| printable(&text.to_string()).into_owned().into());
            ContextValue::StyledStrs(texts.collect())
        }
        // Numbers, and the usage, which is the program's own text.
        value => value.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clap_finds_no_contradiction_in_the_arguments() {
        Cli::command().debug_assert();
    }
}
