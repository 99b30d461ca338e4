//! What a verb reads, and how.
//!
//! Stands on `values`. Shared by every verb that plans.

#![forbid(unsafe_code)]

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::values::{Alignment, DimSize};

/// What to read, and how.
#[derive(Clone, Debug, Args)]
pub(crate) struct SourceArgs {
    /// An ONNX model (.onnx), or a CSV file of lifetimes
    pub(crate) input: PathBuf,

    /// Align every offset to at least this power of two [default: 64 for ONNX, 1 for CSV]
    #[arg(long, value_name = "BYTES")]
    pub(crate) alignment: Option<Alignment>,

    /// Set the size of a symbolic dimension of an ONNX model, such as batch=8; may be repeated
    #[arg(long = "dim", value_name = "NAME=N")]
    pub(crate) dims: Vec<DimSize>,

    /// The order in which the operators of an ONNX model run
    #[arg(long, value_name = "ORDER", default_value = "keep")]
    pub(crate) order: Order,

    /// Which tensors of an ONNX model may lie within others; needs an executor that supports it
    #[arg(long, value_name = "WHICH", default_value = "off")]
    pub(crate) aliasing: Aliasing,
}

/// An order of operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Order {
    /// The order of the model
    Keep,
    /// An order in which less memory is alive at once, never more than in the model's order
    Memory,
}

/// Which tensors share the bytes of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Aliasing {
    /// None: every tensor has its own bytes, which is correct for every executor
    Off,
    /// Views: the result of a reshape or of a contiguous slice is part of its input
    Views,
    /// Views, and results written over an input of their operator that nothing else needs any more
    InPlace,
}

impl Aliasing {
    /// The name on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Views => "views",
            Self::InPlace => "in-place",
        }
    }
}

impl From<Aliasing> for orionrt::Aliasing {
    fn from(aliasing: Aliasing) -> Self {
        match aliasing {
            Aliasing::Off => Self::Off,
            Aliasing::Views => Self::Views,
            Aliasing::InPlace => Self::InPlace,
        }
    }
}
