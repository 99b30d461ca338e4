//! The arguments of `orionrt devices`.
//!
//! Stands on `clap`.

#![forbid(unsafe_code)]

use clap::Args;

const EXAMPLES: &str = "\
Examples:
  orionrt devices                                the devices that this machine has
  orionrt plan model.onnx --device vulkan:0      a plan for the first one

A plan for a device has its alignment: the largest of what kernels, copies and images need.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DevicesArgs {
    /// Print one JSON object instead of text
    #[arg(long)]
    pub(crate) json: bool,
}
