//! The arguments of `orionrt fit`.
//!
//! Stands on `source`, `search` and `capacity`. Invariant: the help offers only what the verb
//! takes.

#![forbid(unsafe_code)]

use std::path::PathBuf;

use clap::{Args, builder::RangedU64ValueParser};

use super::{
    capacity::Capacity,
    search::SearchArgs,
    source::{ModelArgs, PartArgs, SourceArgs},
    values::{Alignment, CompressArg, PlanFile, Rate, bytes, operations, speed},
};

const EXAMPLES: &str = "\
Examples:
  orionrt fit model.onnx --capacity 4M                           by operators that run once more
  orionrt fit model.onnx --capacity 70% --slow 32M               or by a second, slower memory
  orionrt fit model.onnx --capacity 4M --slow 32M --slow-speed 1.6GB/s --no-recompute
  orionrt fit model.onnx --capacity 4M --slow 2M --slow-write-speed 10M --slow-read-speed 100M
  orionrt fit model.onnx --capacity 4M --slow 2M --prefetch      fetch while earlier operators run
  orionrt fit model.onnx --capacity 4M --slow 2M --stream-weights   weights count, and are fetched
  orionrt fit model.onnx --capacity 4M --compress 2:500MB/s      or by tensors kept compressed
  orionrt fit model.onnx --capacity 4M --costs times.csv         with times that were measured
  orionrt fit model.onnx --capacity 4M --output schedule.json    keep the schedule, to run it
  orionrt fit model.onnx --curve --slow 1G --svg curve.svg       what would each capacity cost?

Sizes are bytes: 4096, 256K, 4M and 1G (or 4MiB), in powers of 1024. Speeds are bytes in a second:
1.6GB/s or 800M, in powers of 1000.

Added time is that of one step after the other. The line 'overlapped' says what is added if
transfers run beside operators, by an engine for each direction (or one, --slow-half-duplex).

Operators run one after the other; graphs with branches or loops are refused. Without --costs, the
time of an operator is estimated: that of its arithmetic at the rate of --flops or that of its bytes
at the speed of --memory-speed, whichever is longer. A file of costs is CSV with the columns
operator and seconds (or milliseconds, microseconds, nanoseconds), or JSON: {\"conv1\": 0.002, ...},
in seconds. The file names each operator of the model once.

--order memory also tries an order of the operators that needs less memory.

Ctrl-C ends the search, and the result is the best schedule found so far; with --curve, capacities
that are still to be tried are left out. A second Ctrl-C ends the program. --time-limit, --nodes,
--threads and --seed are for the searches for offsets; the search for a schedule looks at no clock,
but does as much work as --work says.";

#[derive(Debug, Args)]
#[command(
    after_help = EXAMPLES,
    // It is taken, to be refused with the reason.
    mut_arg("same", |arg| arg.hide(true)),
)]
pub(crate) struct FitArgs {
    /// A model (ONNX or TensorFlow Lite); '-' reads standard input
    pub(crate) input: PathBuf,

    /// Align every offset to at least this power of two [default: 64]
    #[arg(long, value_name = "BYTES")]
    pub(crate) alignment: Option<Alignment>,

    #[command(flatten)]
    pub(crate) model: ModelArgs,

    #[command(flatten)]
    pub(crate) search: SearchArgs,

    /// The bytes that the tensors may need at once, or a part of the peak, such as 70%. If no
    /// schedule is found, the answer says which capacity is known to work, and the exit status is 3
    #[arg(
        long,
        value_name = "BYTES|PERCENT",
        required_unless_present = "curve",
        conflicts_with = "curve"
    )]
    pub(crate) capacity: Option<Capacity>,

    /// Fit into N capacities from the peak down to the smallest one that works, and say what each
    /// of them costs
    #[arg(
        long, value_name = "N", num_args = 0..=1, require_equals = true,
        default_missing_value = "16",
        value_parser = RangedU64ValueParser::<usize>::new().range(2..=256)
    )]
    pub(crate) curve: Option<usize>,

    /// Allow tensors to be spilled to a slow memory of this size
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    pub(crate) slow: Option<u64>,

    /// The speed at which the slow memory is written and read
    #[arg(
        long, value_name = "SPEED", value_parser = speed, default_value = "1.6GB/s",
        requires = "slow"
    )]
    pub(crate) slow_speed: Rate,

    /// The speed at which the slow memory is written, if it differs
    #[arg(long, value_name = "SPEED", value_parser = speed, requires = "slow")]
    pub(crate) slow_write_speed: Option<Rate>,

    /// The speed at which the slow memory is read, if it differs
    #[arg(long, value_name = "SPEED", value_parser = speed, requires = "slow")]
    pub(crate) slow_read_speed: Option<Rate>,

    /// The slow memory is never written and read at the same time: one engine transfers both ways.
    /// It matters to the time that is overlapped, and to --prefetch
    #[arg(long, requires = "slow")]
    pub(crate) slow_half_duplex: bool,

    /// Count the model's weights as tensors, too, and constants that are computed from others:
    /// they are in the slow memory at the start, where they take no bytes of --slow, and are
    /// fetched when operators need them
    #[arg(long, requires = "slow")]
    pub(crate) stream_weights: bool,

    /// Fetch tensors before earlier operators, as far as the capacity allows, where operators would
    /// otherwise wait for them when transfers run beside operators
    #[arg(long, requires = "slow")]
    pub(crate) prefetch: bool,

    /// Allow idle tensors to be kept compressed, RATIO times smaller, by a codec that compresses
    /// and expands SPEED bytes of tensors in a second (500 MB/s if it is not given). The ratio is
    /// taken as given: nothing is compressed to check it
    #[arg(long, value_name = "RATIO[:SPEED]")]
    pub(crate) compress: Option<CompressArg>,

    /// Never rerun an operator
    #[arg(long)]
    pub(crate) no_recompute: bool,

    /// Limit the search for a schedule to about N visited steps of schedules, and --prefetch to as
    /// many again
    #[arg(long, value_name = "N", default_value_t = 2_000_000)]
    pub(crate) work: u64,

    /// Measured times of the operators (.csv or .json)
    #[arg(long, value_name = "FILE", conflicts_with_all = ["flops", "memory_speed"])]
    pub(crate) costs: Option<PathBuf>,

    /// Estimate times with this many arithmetic operations in a second
    #[arg(long, value_name = "RATE", value_parser = operations, default_value = "20G")]
    pub(crate) flops: Rate,

    /// Estimate times with operators that read and write this many bytes in a second
    #[arg(long, value_name = "SPEED", value_parser = speed, default_value = "10GB/s")]
    pub(crate) memory_speed: Rate,

    /// Write the schedule for an executor (.json or .csv): each step with its operator, its tensors
    /// and where they are
    #[arg(long, value_name = "FILE", conflicts_with = "curve")]
    pub(crate) output: Option<PlanFile>,

    /// Draw the curve: capacities to the right, added time upwards
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,

    /// Print one JSON object instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

impl FitArgs {
    /// The model, as loaders are told of it.
    pub(crate) fn source(&self) -> SourceArgs {
        SourceArgs {
            input: self.input.clone(),
            alignment: self.alignment,
            device: None,
            part: PartArgs::default(),
            model: self.model.clone(),
        }
    }
}
