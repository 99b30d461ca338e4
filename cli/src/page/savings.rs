//! What would lower the load of a model: other settings of `orionrt plan`, each with the load that
//! is left.
//!
//! Stands on the graph. Invariant: only what saves bytes is listed, and a plan with that setting
//! needs at least the bytes that are stated for it.

#![forbid(unsafe_code)]

use orionrt::Plan;
use serde::Serialize;

use crate::{
    args::{Aliasing, ModelArgs, Order},
    input::ModelGraph,
};

/// A setting that lowers the load, in the header of a document.
#[derive(Debug, PartialEq, Serialize)]
pub(super) struct SavingJson {
    kind: &'static str,
    /// The most bytes alive at once with this setting: no plan needs less.
    load: u64,
    /// By how much less that is than without.
    saves: u64,
    text: &'static str,
}

const VIEWS: &str = "--aliasing views, if the executor can leave results where their operands are";
const IN_PLACE: &str = "--aliasing in-place, if the executor can write results over operands";
const PARTS: &str =
    "--aliasing parts, if the executor can write operands where concatenations have them";
const ORDER: &str = "--order memory, if the executor can run the operators in that order";
const BOTH: &str = "--aliasing in-place --order memory, if the executor can do both";

/// The settings that lower the load of this plan, the one that saves most first; `None` if it has
/// all settings that could be tried.
pub(super) fn savings(
    plan: &Plan,
    model: &ModelGraph,
    args: &ModelArgs,
) -> Option<Vec<SavingJson>> {
    if args.aliasing >= Aliasing::InPlace && args.order != Order::File {
        return None;
    }
    let without = plan.load();
    let aliased = |aliasing| model.graph.lifetimes_with(aliasing).load();
    let reordered = |aliasing| model.graph.reordered_with(aliasing).load_after;
    let (mut found, in_place) = (Vec::new(), orionrt::Aliasing::InPlace);
    let mut add = |kind, text, load: u64| {
        let saves = without.saturating_sub(load);
        if saves > 0 {
            found.push(SavingJson {
                kind,
                load,
                saves,
                text,
            });
        }
    };
    if args.aliasing == Aliasing::Off {
        add("views", VIEWS, aliased(orionrt::Aliasing::Views));
    }
    if args.aliasing < Aliasing::InPlace {
        add("in-place", IN_PLACE, aliased(in_place));
    }
    // In place is asked less of an executor: parts are worth naming if they save more.
    let parts = aliased(orionrt::Aliasing::Parts);
    if args.aliasing < Aliasing::Parts && parts < aliased(in_place) {
        add("parts", PARTS, parts);
    }
    if args.order == Order::File {
        add("order", ORDER, reordered(args.aliasing.into()));
    }
    if args.aliasing < Aliasing::InPlace && args.order == Order::File {
        add("both", BOTH, reordered(in_place));
    }
    found.sort_by_key(|saving| std::cmp::Reverse(saving.saves));
    // Both together are worth naming if they save more than each alone.
    let most_alone = found.iter().filter(|saving| saving.kind != "both");
    let most_alone = most_alone.map(|saving| saving.saves).max().unwrap_or(0);
    found.retain(|saving| saving.kind != "both" || saving.saves > most_alone);
    Some(found)
}
