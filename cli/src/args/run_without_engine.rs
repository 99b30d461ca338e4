//! The arguments of `orionrt run` in a build without the inference engine, which takes any.
//!
//! Stands on `clap`.

#![forbid(unsafe_code)]

use std::ffi::OsString;

use clap::Args;

const EXAMPLES: &str = "\
Examples:
  orionrt run model.onnx

This build has no inference engine: 'cargo install --path cli --features engine' makes one that has
(Linux only).";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct RunArgs {
    /// An ONNX model and options
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    arguments: Vec<OsString>,
}
