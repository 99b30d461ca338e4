//! Lifetimes as they were loaded, and the facts about the file that they come from.
//!
//! Stands on the library. Invariant: the load time is that of reading and analysing alone, so that
//! planning can be told apart from it.

#![forbid(unsafe_code)]

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use orionrt::{Graph, Lifetimes, Plan, TensorId, files::CsvTable, lifetimes::Uncopied};
use orionrt_models::{Body, Format, LeftOut, OperatorWork, TensorType};

#[cfg(target_os = "linux")]
use super::trace::TraceFacts;
use super::{
    calls::Calls,
    devices::Device,
    heaptrack::HeaptrackFacts,
    process::ProcessFacts,
    read::Source,
    snapshot::SnapshotFacts,
    streams::Streams,
    xla::{AlternateFacts, XlaFacts},
};
use crate::{
    args::{Aliasing, Order},
    device_memory::PlannedDevice,
    failure::Failure,
    figures::{self, Limits},
    target::Role,
};

/// Lifetimes and the facts about their file.
#[derive(Debug)]
pub(crate) struct Input {
    /// Whose memory it is, if the file has several.
    pub(crate) device: Option<Device>,
    /// The device of this machine that the plan is for, if one is given.
    pub(crate) planned_for: Option<PlannedDevice>,
    pub(crate) lifetimes: Lifetimes,
    /// The least alignment of every offset, in bytes.
    pub(crate) alignment: u64,
    pub(crate) origin: Origin,
    /// The calls that allocated each row, of a recording that is to be drawn.
    pub(crate) calls: Option<Calls>,
    /// The streams of the rows, if there are several and they are to be drawn.
    pub(crate) streams: Option<Streams>,
    pub(crate) load_time: Duration,
    /// The peak of the process's resident memory until now, if the system tells it.
    pub(crate) peak_rss_bytes: Option<u64>,
}

impl Input {
    /// Fails if a plan cannot be laid into the memory of the device that it is for.
    pub(crate) fn check_device(&self, plan: &Plan) -> Result<(), Failure> {
        let device = self.planned_for.as_ref();
        device.map_or(Ok(()), |device| device.check(plan))
    }

    /// The files beside a model that have its weights.
    pub(crate) fn weight_files(&self) -> &[PathBuf] {
        match &self.origin {
            Origin::Model(model) => &model.weight_files,
            _ => &[],
        }
    }

    /// The files with weights, in the role that a message names.
    pub(crate) fn weight_roles(&self) -> Vec<Role<'_>> {
        let files = self.weight_files().iter();
        files.map(|path| ("the weights", &**path)).collect()
    }

    /// The lifetimes of a model without parts of results, if those to be planned have some.
    pub(crate) fn without_parts(&self) -> Option<&Lifetimes> {
        match &self.origin {
            Origin::Model(model) => model.parts.as_ref()?.without.as_ref(),
            _ => None,
        }
    }

    /// Replaces lifetimes with parts of results by those without, if there are others.
    pub(crate) fn leave_parts_out(&mut self) {
        let Origin::Model(model) = &mut self.origin else {
            return;
        };
        let Some(parts) = &mut model.parts else {
            return;
        };
        if let Some(without) = parts.without.take() {
            (parts.uncopied.operands, parts.uncopied.bytes) = (0, 0);
            parts.is_without = true;
            model.aliasing = Aliasing::InPlace;
            if let Some(aliased) = &mut model.aliased {
                aliased.tensors = without.len() - figures::buffers(&without);
            }
            self.lifetimes = without;
        }
    }

    /// The graph of a model that is to be drawn.
    pub(crate) fn graph(&self) -> Option<&ModelGraph> {
        match &self.origin {
            Origin::Model(model) => model.graph.as_ref(),
            _ => None,
        }
    }

    /// What limits a claim about a plan of these lifetimes.
    pub(crate) fn limits(&self) -> Limits {
        match &self.origin {
            Origin::Model(model) => Limits {
                left_out: model.left_out.len(),
                bounds: model.bounds.len(),
            },
            _ => Limits::default(),
        }
    }
}

/// The kind of file that lifetimes come from.
#[derive(Debug)]
pub(crate) enum Origin {
    /// The table, whose columns a plan keeps.
    Csv(CsvTable),
    /// Rows in a form that has no columns to keep.
    Rows,
    Model(Box<ModelFacts>),
    /// A memory snapshot of PyTorch.
    Snapshot(Box<SnapshotFacts>),
    /// A recording of heaptrack.
    Heaptrack(Box<HeaptrackFacts>),
    /// A recording of `ReplayAlloc`.
    #[cfg(target_os = "linux")]
    Trace(Box<TraceFacts>),
    /// A recording of a process.
    Process(Box<ProcessFacts>),
    /// A buffer assignment of XLA.
    Xla(Box<XlaFacts>),
    /// A memory space assignment of XLA.
    MemorySpaces(Box<AlternateFacts>),
}

/// The facts about a model.
#[derive(Debug)]
pub(crate) struct ModelFacts {
    /// The file, to write a copy of it.
    pub(crate) source: Source,
    pub(crate) format: Format,
    pub(crate) nodes: usize,
    pub(crate) weights_bytes: u64,
    /// How many constants operators read that are computed from others, and their bytes.
    pub(crate) computed_constants: (usize, u64),
    /// The files beside the model that have its weights.
    pub(crate) weight_files: Vec<PathBuf>,
    /// Dimensions that were given, with their sizes.
    pub(crate) dims: BTreeMap<String, u64>,
    /// Inputs that were given, as `NAME=VALUE`.
    pub(crate) inputs: Vec<String>,
    /// Dimensions that were not given, with the sizes assumed for them.
    pub(crate) assumed: BTreeMap<String, u64>,
    /// Dimensions that depend on data, with their upper bounds.
    pub(crate) bounds: BTreeMap<String, u64>,
    /// What is not in the plan.
    pub(crate) left_out: Vec<LeftOut>,
    /// Whether tensors of unknown size were left out instead of refused.
    pub(crate) skips_unknown: bool,
    /// The operators in the order that is planned.
    pub(crate) operators: Vec<String>,
    /// Which order that is.
    pub(crate) order: Order,
    /// The result of the search for another order of the operators, if there was one.
    pub(crate) reordered: Option<OrderFacts>,
    /// Which tensors may share the bytes of others.
    pub(crate) aliasing: Aliasing,
    /// How many do, if any may.
    pub(crate) aliased: Option<AliasingFacts>,
    /// What parts of results save, if there may be any.
    pub(crate) parts: Option<PartsFacts>,
    /// The inputs whose bytes the caller gives up.
    pub(crate) donated: Vec<String>,
    /// The outputs that have the bytes of inputs, as `OUTPUT=INPUT`.
    pub(crate) same: Vec<String>,
    /// The plan that the file itself holds, if it does.
    pub(crate) own_plan: Option<OwnPlan>,
    /// The graph, if it is to be drawn.
    pub(crate) graph: Option<ModelGraph>,
}

/// The graph of a model, and what its file says of operators and tensors.
#[derive(Debug)]
pub(crate) struct ModelGraph {
    /// In the order that is planned.
    pub(crate) graph: Graph,
    /// The types of the operators, in this order.
    pub(crate) operator_types: Vec<String>,
    /// What the operators compute, in this order.
    pub(crate) operator_work: Vec<OperatorWork>,
    /// The tensors that keep their values from one run to the next.
    pub(crate) variables: Vec<TensorId>,
    /// The tensors that are weights, if they are to be in the graph.
    pub(crate) weights: Vec<TensorId>,
    /// The bodies of control flow; a body within another one comes after it.
    pub(crate) bodies: Vec<Body>,
    /// The types and shapes of the tensors, by their numbers.
    pub(crate) tensor_types: Vec<TensorType>,
}

/// A memory plan in a model's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct OwnPlan {
    /// The end of its last tensor, in bytes.
    pub(crate) peak: u64,
    /// The tensors that it places.
    pub(crate) tensors: usize,
    /// Whether no two of them overlap in time and bytes.
    pub(crate) is_valid: bool,
}

/// What it changes that tensors lie within others.
#[derive(Debug)]
pub(crate) struct AliasingFacts {
    /// The peak load if every tensor had its own bytes.
    pub(crate) load_without: u64,
    /// The number of tensors that lie within others.
    pub(crate) tensors: usize,
}

/// Operands of concatenations that lie within the results.
#[derive(Debug)]
pub(crate) struct PartsFacts {
    /// How many are not copied.
    pub(crate) uncopied: Uncopied,
    /// The lifetimes without parts, to be planned, too, if the others have some.
    pub(crate) without: Option<Lifetimes>,
    /// Whether the plan without parts is kept, since it has the lower peak.
    pub(crate) is_without: bool,
}

/// The result of the search for an order with a lower peak load.
#[derive(Debug)]
pub(crate) struct OrderFacts {
    /// The peak load in the order of the file.
    pub(crate) load_before: u64,
    /// The peak load in the order that is planned.
    pub(crate) load_after: u64,
    /// Whether no order has a lower peak load.
    pub(crate) is_optimal: bool,
}
