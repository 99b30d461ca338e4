//! What each verb does: it loads, plans or runs, writes files and prints.
//!
//! Stands on everything above it in the crate; no verb uses another. A new verb is a file or
//! folder here with a function that takes its arguments.

// A file uses only files above it in this list.
mod check;
mod plan;
mod compare;
mod share;
#[cfg(target_os = "linux")]
mod run;
mod demo;

pub(crate) use check::check;
pub(crate) use compare::compare;
pub(crate) use demo::demo;
pub(crate) use plan::plan;
#[cfg(target_os = "linux")]
pub(crate) use run::run;
pub(crate) use share::share;
