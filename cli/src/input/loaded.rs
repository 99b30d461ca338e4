//! Lifetimes as they were loaded, and the facts about the file that they come from.
//!
//! Stands on the library. Invariant: the load time is that of reading and analysing alone, so that
//! planning can be told apart from it.

#![forbid(unsafe_code)]

use std::{collections::BTreeMap, time::Duration};

use orionrt::Lifetimes;

use crate::args::Aliasing;

/// Lifetimes and the facts about their file.
#[derive(Debug)]
pub(crate) struct Input {
    pub(crate) lifetimes: Lifetimes,
    /// The least alignment of every offset, in bytes.
    pub(crate) alignment: u64,
    pub(crate) origin: Origin,
    pub(crate) load_time: Duration,
    /// The peak of the process's resident memory until now, if the system tells it.
    pub(crate) peak_rss_bytes: Option<u64>,
}

/// The kind of file that lifetimes come from.
#[derive(Debug)]
pub(crate) enum Origin {
    /// The text, whose columns a plan keeps.
    Csv(Vec<u8>),
    Onnx(ModelFacts),
}

/// The facts about an ONNX model.
#[derive(Debug)]
pub(crate) struct ModelFacts {
    pub(crate) nodes: usize,
    pub(crate) operators: usize,
    pub(crate) weights_bytes: u64,
    /// Symbolic dimensions that were not given, with the sizes assumed for them.
    pub(crate) assumed: BTreeMap<String, usize>,
    /// The result of the search for another order of the operators, if there was one.
    pub(crate) order: Option<OrderFacts>,
    /// Which tensors may share the bytes of others.
    pub(crate) aliasing: Aliasing,
    /// How many do, if any may.
    pub(crate) aliased: Option<AliasingFacts>,
}

/// What it changes that tensors lie within others.
#[derive(Debug)]
pub(crate) struct AliasingFacts {
    /// The peak load if every tensor had its own bytes.
    pub(crate) load_without: u64,
    /// The number of tensors that lie within others.
    pub(crate) tensors: usize,
}

/// The result of the search for an order with a lower peak load.
#[derive(Debug)]
pub(crate) struct OrderFacts {
    /// The peak load in the model's own order.
    pub(crate) load_before: u64,
    /// The peak load in the order that is planned.
    pub(crate) load_after: u64,
    /// Whether no order has a lower peak load.
    pub(crate) is_optimal: bool,
    /// The operators in that order.
    pub(crate) operators: Vec<String>,
}
