//! The arguments of `orionrt plan`.
//!
//! Stands on `source` and `search`.

#![forbid(unsafe_code)]

use std::path::PathBuf;

use clap::Args;

use super::{
    search::SearchArgs,
    source::SourceArgs,
    values::{PlanFile, PoolArg, StrategyName, bytes, strategy_help},
};

const EXAMPLES: &str = "\
Examples:
  orionrt plan model.onnx --dim batch=8 --dim sequence=128
  orionrt plan buffers.csv --time-limit 10 --threads 4 --output plan.csv
  orionrt plan buffers.csv --capacity 1M && echo it fits
  orionrt plan buffers.csv --max-region 4M                       several regions of limited size
  orionrt plan buffers.csv --pool fast=256K --pool slow          a fast memory and a slow one
  orionrt plan buffers.csv --strategy greedy-size                one strategy alone
  orionrt plan model.onnx --svg plan.svg                         draw a picture of it
  orionrt plan model.onnx --html plan.html                       look at it in a browser
  orionrt plan model.onnx --snapshot viz.pickle                  or with PyTorch's memory_viz
  orionrt plan model.onnx --report                               what is alive when, and at the peak
  orionrt plan snapshot.pickle --html plan.html                  PyTorch's memory, and a plan of it
  orionrt plan recording.zst                                     what heaptrack saw, and a plan

The same plan on every machine:
  orionrt plan buffers.csv --nodes 100000 --output plan.csv
After a change, move only what cannot stay:
  orionrt plan changed.csv --keep plan.csv --output new.csv
Continue an earlier search:
  orionrt plan buffers.csv --start-from plan.csv --time-limit 60 --output plan.csv
Which sizes must be given, and where do they come from?
  orionrt plan model.onnx --dims
Run the operators in the order that this prints:
  orionrt plan model.onnx --order memory --json
Plan for the order of an executor of yours, one operator a line:
  orionrt plan model.onnx --order order.txt
For an executor that can write results over operands:
  orionrt plan model.onnx --aliasing in-place --output plan.json
For one that may also write over inputs, and updates a cache where it is:
  orionrt plan model.onnx --aliasing in-place --donate all --same present.0=past.0
For TensorFlow Lite Micro, which obeys the plan in the copy of the model:
  orionrt plan model.tflite --output planned.tflite
For firmware of your own, without a heap:
  orionrt plan model.tflite --rust plan.rs --c-header plan.h

Sizes are bytes: 4096, 256K, 4M and 1G, in powers of 1024.

A CSV file has the header id,lower,upper,size[,alignment][,gaps][,fixed_offset] and one line for
each buffer. A buffer is alive in the steps lower..upper (upper excluded); sizes are in bytes. The
steps in the column gaps, such as 3-5 7-8, are those at which it needs no bytes. A buffer with a
number in the column fixed_offset is placed there; an empty field leaves the choice to the planner.
The buffers of each device in the column device are planned for themselves, as each has a memory of
its own. The page shows the streams in the column stream; the plan is the same without it.

A memory snapshot is what torch.cuda.memory._dump_snapshot(\"snapshot.pickle\") writes, or the same
as JSON; it is read and never executed. A block is alive from its event alloc to free_completed.
A recording is what 'heaptrack program' writes, with --raw or without. A buffer assignment is what
XLA_FLAGS=--xla_dump_to=DIR writes of one module, as one file: cat
module_0002.jit_f.*-buffer-assignment.txt module_0002.jit_f.*-live-range.txt
A memory space assignment is the table with buffer_id,size,offset,start_time,end_time, alone or
with that of the buffers' names before or after it.

Ctrl-C ends the search, and the result is the best plan found so far; a second Ctrl-C ends the
program.";

/// Options that are about the plan of one region.
const ONE_PLAN: [&str; 11] = [
    "rust",
    "c_header",
    "strategy",
    "capacity",
    "keep",
    "start_from",
    "svg",
    "html",
    "perfetto",
    "snapshot",
    "report",
];

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub(crate) source: SourceArgs,

    #[command(flatten)]
    pub(crate) search: SearchArgs,

    #[arg(long, value_name = "NAME", default_value = "auto", help = strategy_help())]
    pub(crate) strategy: StrategyName,

    /// Leave the buffers of this plan (.csv or .json) where they are; move only what is new,
    /// resized or in the way
    #[arg(long, value_name = "PLAN")]
    pub(crate) keep: Option<PathBuf>,

    /// Begin the search with this plan (.csv or .json): if it still fits, the result is never
    /// above it
    #[arg(long, value_name = "PLAN")]
    pub(crate) start_from: Option<PathBuf>,

    /// Stop at the first plan with at most this peak. If there is none, the answer says which
    /// tensors do not fit together, and the exit status is 3
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    pub(crate) capacity: Option<u64>,

    /// Plan in several regions, as few as possible, none of which has more than this: no tensor is
    /// in two of them
    #[arg(long, value_name = "BYTES", value_parser = bytes, conflicts_with_all = ONE_PLAN)]
    pub(crate) max_region: Option<u64>,

    /// Divide the tensors among memories, given in order of preference, such as --pool fast=256K
    /// --pool slow: within its capacity, each holds those that save most traffic of the ones that
    /// are left. The column weight of CSV says what a tensor is worth
    #[arg(
        long = "pool", value_name = "NAME[=BYTES]",
        conflicts_with_all = ONE_PLAN, conflicts_with = "max_region"
    )]
    pub(crate) pools: Vec<PoolArg>,

    /// Write the plan: .csv has the columns of the input and the offsets; .json has everything,
    /// including the order of the operators and the tensors that lie within others; .tflite is a
    /// copy of the TensorFlow Lite model with the plan in it
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PlanFile>,

    /// Print the dimensions of the model whose sizes can be given, and where they come from; plan
    /// nothing
    #[arg(long = "dims")]
    pub(crate) lists_dims: bool,

    /// Draw the plan: steps to the right, offsets upwards, one rectangle for each tensor
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,

    /// Write a page to look at in a browser, with the plan in it: the map of tensors over time,
    /// what makes the peak, and what would lower it
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,

    /// Write a trace for Perfetto and chrome://tracing: operators, the load, and tensors, with a
    /// microsecond for each step
    #[arg(long, value_name = "FILE")]
    pub(crate) perfetto: Option<PathBuf>,

    /// Write a memory snapshot of PyTorch (a pickle) for its viewer, pytorch.org/memory_viz: the
    /// region is a segment and every tensor a block, with a microsecond for each step
    #[arg(long, value_name = "FILE")]
    pub(crate) snapshot: Option<PathBuf>,

    /// Write the plan as Rust source for programs without a heap, such as firmware: offsets as
    /// constants, and an arena that lends tensors
    #[arg(long, value_name = "FILE")]
    pub(crate) rust: Option<PathBuf>,

    /// Write the plan as a header for C and C++: offsets as macros that begin with the name of the
    /// file
    #[arg(long, value_name = "FILE")]
    pub(crate) c_header: Option<PathBuf>,

    /// Also report memory use over time: what is alive when and at the peak, and what a buddy
    /// arena would need without a plan
    #[arg(long)]
    pub(crate) report: bool,

    /// Print one JSON object instead of text
    #[arg(long)]
    pub(crate) json: bool,
}
