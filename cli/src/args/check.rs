//! The arguments of `orionrt check`.
//!
//! Stands on `source` and `values`.

#![forbid(unsafe_code)]

use std::path::PathBuf;

use clap::Args;

use super::{source::ModelArgs, values::bytes};

const EXAMPLES: &str = "\
Examples:
  orionrt check plan.csv
  orionrt check plan.json --capacity 1M && echo it fits
  orionrt check plan.json --model model.onnx     does it fit the model, run in the plan's order?
  orionrt check plan.csv --model model.onnx --order order.txt --aliasing views
  orionrt check plan.json --model model.onnx --html plan.html
  orionrt check planned.tflite                   the plan in the model's own metadata
  orionrt check plans/shared.json                the plan of several models, from 'orionrt share'
  orionrt check plan.csv --model orionrt.rec     the plan of a process's blocks
  orionrt check orionrt.rec                      did the heap give any byte to two blocks at once?

Exit status: 0 valid, 1 not valid or not a plan, 2 wrong usage, 3 valid but above the capacity.";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct CheckArgs {
    /// A plan: .json, CSV with the columns id,lower,upper,size[,alignment][,fixed_offset],offset,
    /// a TensorFlow Lite model with a plan of its own, or the recording of a process
    pub(crate) plan: PathBuf,

    /// The model that the plan is for: check it against the sizes and lifetimes of the model's
    /// tensors, in the order and with the dimensions that the plan states; or the recording of a
    /// process, whose blocks the plan is for
    #[arg(long, value_name = "MODEL|RECORDING")]
    pub(crate) model: Option<PathBuf>,

    /// How to read the model, where the plan does not state it, as in a CSV file.
    #[command(flatten)]
    pub(crate) how: ModelArgs,

    /// Exit with status 3 if the peak is above this, as 4096, 256K or 4M
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    pub(crate) capacity: Option<u64>,

    /// Exit with status 3 if a region of a plan in several regions has more than this
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    pub(crate) max_region: Option<u64>,

    /// Write a page to look at in a browser, with the plan in it; of a plan that is checked against
    /// its model, with the operators, too
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,

    /// Print one JSON object instead of text
    #[arg(long)]
    pub(crate) json: bool,
}
