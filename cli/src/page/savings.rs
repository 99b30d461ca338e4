//! What would lower the peak of a model: other settings of `orionrt plan`, each with the load that
//! is left.
//!
//! Stands on the graph. Invariant: only what saves bytes is listed, and a plan with that setting
//! needs at least the bytes that are stated for it.

#![forbid(unsafe_code)]

use orionrt::Plan;
use serde::Serialize;

use crate::{
    args::{Aliasing, ModelArgs, Order},
    format,
    input::ModelGraph,
};

/// A setting that lowers the peak, in the header of a document.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct SavingJson {
    kind: &'static str,
    /// The most bytes alive at once with this setting.
    peak: u64,
    saves: u64,
    text: String,
}

impl SavingJson {
    fn new(kind: &'static str, option: &str, needs: &str, load: u64, before: u64) -> Option<Self> {
        let saves = before.checked_sub(load).filter(|&saves| saves > 0)?;
        let [load_text, before] = [load, before].map(format::bytes);
        Some(Self {
            kind,
            peak: load,
            saves,
            text: format!(
                "With {option}, at most {load_text} are alive at once instead of {before}. {needs}"
            ),
        })
    }
}

/// The settings that lower the peak of this plan, the one that saves most first.
pub(super) fn savings(plan: &Plan, model: &ModelGraph, args: &ModelArgs) -> Vec<SavingJson> {
    let load = plan.load();
    let with = |aliasing| model.graph.lifetimes_with(aliasing).load();
    let mut found = Vec::new();
    if args.aliasing == Aliasing::Off {
        let load_with = with(orionrt::Aliasing::Views);
        let needs = "The executor must not copy what is a part of its operand.";
        found.extend(SavingJson::new(
            "views",
            "--aliasing views",
            needs,
            load_with,
            load,
        ));
    }
    if args.aliasing != Aliasing::InPlace {
        let load_with = with(orionrt::Aliasing::InPlace);
        let needs = "The executor must write results over operands that are not needed any more.";
        found.extend(SavingJson::new(
            "in-place",
            "--aliasing in-place",
            needs,
            load_with,
            load,
        ));
    }
    if args.order == Order::File {
        let load_with = model.graph.reordered_with(args.aliasing.into()).load_after;
        let needs = "The executor must run the operators in that order.";
        found.extend(SavingJson::new(
            "order",
            "--order memory",
            needs,
            load_with,
            load,
        ));
    }
    found.sort_by_key(|saving| std::cmp::Reverse(saving.saves));
    found
}
