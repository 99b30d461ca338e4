//! What a verb reads, and how.
//!
//! Stands on `values`. Shared by every verb that plans.

#![forbid(unsafe_code)]

use std::{convert::Infallible, path::PathBuf, str::FromStr};

use clap::{Args, ValueEnum};

use super::values::{Alignment, DimSize, InputArg, OutputInInput, Seconds, bytes};

/// What to read, and how.
#[derive(Clone, Debug, Args)]
pub(crate) struct SourceArgs {
    /// A model (ONNX or TensorFlow Lite), a CSV file of lifetimes, a memory snapshot of PyTorch
    /// (pickle or JSON), a recording of a process, of heaptrack or of ReplayAlloc (JSON), or of XLA
    /// a buffer assignment with its live ranges or a memory space assignment; '-' reads standard
    /// input
    pub(crate) input: PathBuf,

    /// Align every offset to at least this power of two [default: 64 for models and buffer
    /// assignments, 512 for snapshots, 16 for recordings of heaptrack, as XLA's offsets show for
    /// memory space assignments, that of each row or block for CSV and other recordings]
    #[arg(long, value_name = "BYTES")]
    pub(crate) alignment: Option<Alignment>,

    /// Plan this device alone, of a memory snapshot by its number [default: the one with the most
    /// bytes alive at once], of CSV by its name in the column 'device' [default: all, each for
    /// itself]. A model is planned for a device of this machine, such as vulkan:0 of 'orionrt
    /// devices': with its alignment, and within its limits
    #[arg(long, value_name = "DEVICE")]
    pub(crate) device: Option<String>,

    #[command(flatten)]
    pub(crate) part: PartArgs,

    #[command(flatten)]
    pub(crate) model: ModelArgs,
}

/// Which part of the recording of a process is planned.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct PartArgs {
    /// Plan blocks of a process that are alive after this many seconds of its recording
    #[arg(long, value_name = "SECONDS")]
    pub(crate) from: Option<Seconds>,

    /// Plan blocks of a process that began before this many seconds of its recording
    #[arg(long, value_name = "SECONDS")]
    pub(crate) to: Option<Seconds>,

    /// Plan blocks of a process that have at least this many bytes, as 4096 or 4K
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    pub(crate) at_least: Option<u64>,
}

impl PartArgs {
    /// The first option that is given.
    pub(crate) fn given(&self) -> Option<&'static str> {
        let given = [
            ("--from", self.from.is_some()),
            ("--to", self.to.is_some()),
            ("--at-least", self.at_least.is_some()),
        ];
        given
            .iter()
            .find(|(_, is_given)| *is_given)
            .map(|(name, _)| *name)
    }
}

/// How to read a model.
#[derive(Clone, Debug, Args)]
pub(crate) struct ModelArgs {
    /// Set the size of a dimension of a model, such as batch=8, or the upper bound of one that
    /// depends on data; may be repeated
    #[arg(long = "dim", value_name = "NAME=N")]
    pub(crate) dims: Vec<DimSize>,

    /// Fix an input whose value decides a shape, a branch or a number of iterations, such as
    /// axes=0,2 or training=false; may be repeated
    #[arg(long = "input", value_name = "NAME=VALUE")]
    pub(crate) inputs: Vec<InputArg>,

    /// What becomes of tensors whose size is only known when the model runs
    #[arg(long, value_name = "WHAT", default_value = "refuse")]
    pub(crate) unknown: Unknown,

    /// The order in which the operators of a model run: that of the file, one that needs less
    /// memory, or that of a file with the names of the operators, one a line
    #[arg(long, value_name = "file|memory|FILE", default_value = "file")]
    pub(crate) order: Order,

    /// Which tensors of a model may lie within others; needs an executor that supports it
    #[arg(long, value_name = "WHICH", default_value = "off")]
    pub(crate) aliasing: Aliasing,

    /// Let results be written over this input of a model, whose value you do not need afterwards;
    /// 'all' stands for all inputs; needs --aliasing in-place or parts; may be repeated
    #[arg(long = "donate", value_name = "INPUT|all")]
    pub(crate) donated: Vec<String>,

    /// Place an output of a model in the bytes of an input, of which it is the new value, such as
    /// present=past; may be repeated
    #[arg(long = "same", value_name = "OUTPUT=INPUT")]
    pub(crate) same: Vec<OutputInInput>,

    /// Whether the plan is for TensorFlow Lite Micro; the verb says so.
    #[arg(skip)]
    pub(crate) is_for_micro: bool,

    /// Whether the graph is kept, to be drawn; the verb says so.
    #[arg(skip)]
    pub(crate) keeps_graph: bool,

    /// Whether weights are tensors of the graph; the verb says so.
    #[arg(skip)]
    pub(crate) has_weights: bool,

    /// Whether a page is written, which shows columns that nothing else does; the verb says so.
    #[arg(skip)]
    pub(crate) has_page: bool,

    /// Whether tensors are divided among pools, by the column that says what they are worth.
    #[arg(skip)]
    pub(crate) has_pools: bool,
}

impl Default for ModelArgs {
    fn default() -> Self {
        Self {
            dims: Vec::new(),
            inputs: Vec::new(),
            unknown: Unknown::Refuse,
            order: Order::File,
            aliasing: Aliasing::Off,
            donated: Vec::new(),
            same: Vec::new(),
            is_for_micro: false,
            keeps_graph: false,
            has_weights: false,
            has_page: false,
            has_pools: false,
        }
    }
}

/// An order of operators.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// The order of the model's file.
    File,
    /// An order in which less memory is alive at once, never more than in that of the file.
    Memory,
    /// The order that a file lists.
    Given(PathBuf),
}

impl FromStr for Order {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text {
            "file" => Self::File,
            "memory" => Self::Memory,
            file => Self::Given(file.into()),
        })
    }
}

impl Order {
    /// The name in results.
    pub(crate) fn name(&self) -> String {
        match self {
            Self::File => "file".into(),
            Self::Memory => "memory".into(),
            Self::Given(path) => path.display().to_string(),
        }
    }
}

/// What becomes of tensors whose size is not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Unknown {
    /// An error that lists the dimensions to give
    Refuse,
    /// They are left to run time and listed; all others are planned
    Skip,
}

/// Which tensors share the bytes of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum Aliasing {
    /// None: every tensor has its own bytes, which is correct for every executor
    Off,
    /// Views: the result of a reshape or of a contiguous slice is part of its input
    Views,
    /// Views, and results written over an input of their operator that nothing else needs any more
    InPlace,
    /// All of these, and operands of concatenations written where the result has them, unless that
    /// would raise the peak
    Parts,
}

impl Aliasing {
    /// The name on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Views => "views",
            Self::InPlace => "in-place",
            Self::Parts => "parts",
        }
    }
}

impl From<Aliasing> for orionrt::Aliasing {
    fn from(aliasing: Aliasing) -> Self {
        match aliasing {
            Aliasing::Off => Self::Off,
            Aliasing::Views => Self::Views,
            Aliasing::InPlace => Self::InPlace,
            Aliasing::Parts => Self::Parts,
        }
    }
}
