//! The arguments of `orionrt view`.
//!
//! Stands on `plan`, `check`, `source` and `search`.

#![forbid(unsafe_code)]

use std::path::PathBuf;

use clap::Args;

use super::{
    check::CheckArgs, plan::PlanArgs, search::SearchArgs, source::SourceArgs, values::StrategyName,
};

const EXAMPLES: &str = "\
Examples:
  orionrt view model.onnx --dim batch=8        plan it, and look at the plan
  orionrt view plan.json                       look at a plan that was made before
  orionrt view before.json after.json          both on one page, and what moved
  orionrt view plan.json model.onnx --aliasing in-place        a plan beside a new one
  orionrt view plan.json model.onnx --order memory             did another order help?
  orionrt view heap.pb                         the flame graph of a heap profile
  orionrt view plan.html                       open a page that was written before
  orionrt view model.onnx --no-open            write the page and print its path

A plan (.json, or CSV with the column offset) is drawn as it is, and everything else is planned,
all inputs with the same options. Tensors are matched by name.

The page is written to a new folder for temporary files, or where --html says, and opened with the
program that the system has for pages. Where there is none, as in a remote shell, the path is
printed alone.";

const INPUT: &str = "\
A model (ONNX or TensorFlow Lite), a plan (.json or .csv), a CSV file of lifetimes, a memory \
snapshot of PyTorch (pickle or JSON), a recording of heaptrack or of ReplayAlloc, a buffer \
assignment of XLA with its live ranges or a memory space assignment, a heap profile in pprof's \
format, or a page that was written before; '-' reads standard input";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, mut_arg("input", |input| input.index(1).help(INPUT)))]
pub(crate) struct ViewArgs {
    #[command(flatten)]
    pub(crate) source: SourceArgs,

    /// More inputs of these kinds (pages aside), up to five, on the same page
    #[arg(value_name = "OTHER", index = 2)]
    pub(crate) others: Vec<PathBuf>,

    #[command(flatten)]
    pub(crate) search: SearchArgs,

    /// Write the page to this file
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,

    /// Open nothing: print the path of the page
    #[arg(long = "no-open")]
    pub(crate) stays_closed: bool,
}

impl ViewArgs {
    /// What to ask `orionrt plan` for, so that it writes the page.
    pub(crate) fn to_plan_args(&self, page: PathBuf) -> PlanArgs {
        PlanArgs {
            source: self.source.clone(),
            search: self.search.clone(),
            strategy: StrategyName("auto".into()),
            keep: None,
            start_from: None,
            max_region: None,
            pools: Vec::new(),
            capacity: None,
            output: None,
            lists_dims: false,
            svg: None,
            html: Some(page),
            perfetto: None,
            snapshot: None,
            rust: None,
            c_header: None,
            report: false,
            json: false,
        }
    }

    /// What to ask `orionrt check` for, so that it writes the page of a plan.
    pub(crate) fn to_check_args(&self, page: PathBuf) -> CheckArgs {
        CheckArgs {
            plan: self.source.input.clone(),
            model: None,
            how: self.source.model.clone(),
            max_region: None,
            capacity: None,
            html: Some(page),
            json: false,
        }
    }
}
