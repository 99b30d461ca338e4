//! What can be asked for: the verbs, their options, and how each form of argument is read.
//!
//! Stands on `clap`. `cli` lists the verbs; each verb's arguments are in the file of its name, the
//! options that several verbs share in `source` and `search`, and the forms of values in `values`.
//! Invariant: what has been parsed can be used as it is: alignments are powers of two, strategies
//! exist, plan files have a format that can be written. Anything else is wrong usage, exit
//! status 2.

// A file uses only files above it in this list.
mod values;
mod capacity;
mod source;
mod search;
mod plan;
mod fit;
mod check;
mod view;
mod compare;
mod share;
#[cfg(all(feature = "engine", target_os = "linux"))]
mod run;
#[cfg(not(all(feature = "engine", target_os = "linux")))]
mod run_without_engine;
mod demo;
mod devices;
mod profile;
#[cfg(target_os = "linux")]
mod profile_setting;
#[cfg(target_os = "linux")]
mod with;
#[cfg(target_os = "linux")]
mod record;
mod trace;
mod cli;

pub(crate) use capacity::Capacity;
pub(crate) use check::CheckArgs;
pub(crate) use cli::{Cli, Command};
pub(crate) use compare::CompareArgs;
pub(crate) use demo::{Backend, DemoArgs, DemoDevice, Way};
pub(crate) use devices::DevicesArgs;
pub(crate) use fit::FitArgs;
pub(crate) use plan::PlanArgs;
pub(crate) use profile::ProfileArgs;
#[cfg(target_os = "linux")]
pub(crate) use profile_setting::ProfileSetting;
#[cfg(target_os = "linux")]
pub(crate) use record::RecordArgs;
#[cfg(all(feature = "engine", target_os = "linux"))]
pub(crate) use run::{Mode, RunArgs};
pub(crate) use share::{ScheduleArg, ShareArgs};
pub(crate) use source::{Aliasing, ModelArgs, Order, PartArgs, SourceArgs, Unknown};
pub(crate) use trace::TraceArgs;
pub(crate) use values::{DimSize, OutputInInput, PlanFile, PlanFormat, PoolArg};
pub(crate) use view::ViewArgs;
#[cfg(target_os = "linux")]
pub(crate) use with::WithArgs;
