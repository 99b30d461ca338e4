//! The facts about a model that a plan's file and `--json` have: with which sizes, in which order
//! and with which aliasing it is planned, and what is left out.
//!
//! Stands on [`loaded`](super::loaded). Invariant: the facts suffice to make the lifetimes of the
//! plan again from the model's file.

#![forbid(unsafe_code)]

use std::collections::BTreeMap;

use orionrt_models::{LeftOut, LeftOutReason};
use serde::{Deserialize, Serialize};

use super::loaded::ModelFacts;

/// The facts about a model, as JSON has them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct ModelJson {
    /// Which order the plan is for: "file", "memory", or the file that lists it.
    pub(crate) order_of: String,
    /// The operators in that order.
    pub(crate) order: Vec<String>,
    pub(crate) aliasing: String,
    /// Sizes of dimensions that were given.
    pub(crate) dims: BTreeMap<String, u64>,
    /// Inputs that were given, as `NAME=VALUE`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) inputs: Vec<String>,
    #[serde(flatten)]
    pub(crate) given_up: Box<GivenUp>,
    /// Sizes of dimensions that were assumed.
    pub(crate) assumed: BTreeMap<String, u64>,
    /// Upper bounds of dimensions that depend on data.
    pub(crate) bounds: BTreeMap<String, u64>,
    /// Whether tensors of unknown size were left out.
    #[serde(default)]
    pub(crate) skips_unknown: bool,
    pub(crate) left_out: Vec<LeftOutJson>,
}

/// The inputs that the caller gives up, and those that get a new value.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct GivenUp {
    /// Inputs whose bytes the caller gives up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) donated: Vec<String>,
    /// Outputs that have the bytes of inputs, as `OUTPUT=INPUT`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) same: Vec<String>,
}

/// Something that is not in the plan.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LeftOutJson {
    pub(crate) name: String,
    pub(crate) reason: String,
}

impl ModelJson {
    pub(crate) fn new(facts: &ModelFacts) -> Self {
        Self {
            order_of: facts.order.name(),
            order: facts.operators.clone(),
            aliasing: facts.aliasing.name().into(),
            dims: facts.dims.clone(),
            inputs: facts.inputs.clone(),
            given_up: Box::new(GivenUp {
                donated: facts.donated.clone(),
                same: facts.same.clone(),
            }),
            assumed: facts.assumed.clone(),
            bounds: facts.bounds.clone(),
            skips_unknown: facts.skips_unknown,
            left_out: facts.left_out.iter().map(LeftOutJson::new).collect(),
        }
    }
}

impl LeftOutJson {
    fn new(left_out: &LeftOut) -> Self {
        Self {
            name: left_out.name.clone(),
            reason: reason(&left_out.reason),
        }
    }
}

/// Why something is not in the plan, in words.
pub(crate) fn reason(reason: &LeftOutReason) -> String {
    match reason {
        LeftOutReason::NotMemory { kind } => format!("{kind} have no place in a plan"),
        LeftOutReason::UnknownSize { dims } if dims.is_empty() => {
            "its size is only known at run time".into()
        }
        LeftOutReason::UnknownSize { dims } => format!("its size depends on {}", dims.join(", ")),
        LeftOutReason::Branch { reason } => {
            format!("the branch cannot be typed ({reason}): the plan holds where it is not taken")
        }
        LeftOutReason::Body { operator } => format!("the control flow of {operator} is not known"),
        _ => "it is not planned".into(),
    }
}
