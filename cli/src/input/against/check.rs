//! The check of a plan against its model.
//!
//! Stands on `stated` and `places`, and on `Plan::new`, which shares nothing with the planner.
//! Invariant: a plan that passes is one of the model's lifetimes, made anew.

use std::path::Path;

use orionrt::{Graph, Lifetimes, Plan};

use super::{
    super::{
        donated::with_donated,
        facts::ModelJson,
        loaded::ModelGraph,
        model,
        order::{in_order, in_order_of},
        read::Source,
    },
    places,
    stated::{arguments, check_facts, complete},
};
use crate::{
    args::{ModelArgs, Order},
    failure::Failure,
    figures::Limits,
};

/// What of a plan was verified against a model.
#[derive(Debug)]
pub(crate) struct Verified {
    /// The plan of the model's own lifetimes. What the file says of lifetimes, which may be longer
    /// than they need be, supports no claim.
    pub(crate) plan: Plan,
    /// What limits a claim about the plan.
    pub(crate) limits: Limits,
    /// The operators of the model.
    pub(crate) operators: usize,
    /// The tensors with places of their own.
    pub(crate) tensors: usize,
    /// The tensors that lie within others.
    pub(crate) within: usize,
    /// The alignment in bytes that every offset has at least.
    pub(crate) alignment: u64,
    /// The graph of the model, if it is to be drawn.
    pub(crate) graph: Option<ModelGraph>,
}

/// Fails unless `plan` is a plan of the model, run in the order and with the sizes that its file
/// states; without such facts, as the user says, by default in the order of the model's file.
pub(crate) fn check_against_model(
    path: &Path,
    plan: &Plan,
    facts: Option<&ModelJson>,
    model_path: &Path,
    given: &ModelArgs,
) -> Result<Verified, Failure> {
    let is_not = |reason: String| {
        let model = model_path.display();
        Failure::file(path, format!("not a plan of '{model}': {reason}"))
    };
    let mut args = arguments(facts, given)?;
    if let Some(facts) = facts {
        complete(&mut args, facts).map_err(is_not)?;
    }
    let source = Source::open(model_path)?;
    // A table need not state how offsets are aligned; elements need it all the same.
    let alignment = facts.map_or(1, |_| plan.alignment());
    let read = model::read(model_path, &source, &model::options(&args, alignment));
    // What does not fit the model is the plan's mistake if the plan states it.
    let mut model = read.map_err(|failure| match failure {
        Failure::Usage(reason) if facts.is_some() && given.dims.is_empty() => is_not(reason),
        failure => failure,
    })?;
    model.graph = with_donated(model.graph, &args).map_err(|failure| match failure {
        Failure::Usage(reason) if facts.is_some() => is_not(reason),
        failure => failure,
    })?;
    if let Some(facts) = facts {
        check_facts(facts, &model).map_err(is_not)?;
    }
    let graph = ordered(&model.graph, facts, &args).map_err(|failure| match failure {
        Reordering::Stated(reason) => is_not(reason),
        Reordering::Given(failure) => failure,
    })?;
    let lifetimes = graph.lifetimes_with(args.aliasing.into());
    let offsets = places::offsets(plan, &lifetimes, facts.is_none()).map_err(is_not)?;
    let rows = lifetimes.rows().iter();
    let within = rows.filter(|row| row.within.is_some()).count();
    let checked = Plan::new(lifetimes, offsets).map_err(|error| is_not(error.to_string()))?;
    let operators = graph.ops().len();
    Ok(Verified {
        limits: Limits {
            left_out: model.left_out.len(),
            bounds: model.bounds.len(),
        },
        operators,
        tensors: checked.len() - within,
        within,
        alignment: alignment_of(checked.lifetimes()),
        graph: given.keeps_graph.then(|| model::model_graph(&model, graph)),
        plan: checked,
    })
}

/// The alignment in bytes that all tensors need at least.
fn alignment_of(lifetimes: &Lifetimes) -> u64 {
    let rows = lifetimes.rows().iter().filter(|row| row.has_bytes());
    rows.map(|row| row.alignment).min().unwrap_or(1)
}

/// Why there is no such order.
enum Reordering {
    /// The plan states it.
    Stated(String),
    /// The user gave it.
    Given(Failure),
}

/// The graph in the order of the plan.
fn ordered(
    graph: &Graph,
    facts: Option<&ModelJson>,
    args: &ModelArgs,
) -> Result<Graph, Reordering> {
    match (facts, &args.order) {
        (Some(facts), _) => in_order(graph, &facts.order).map_err(Reordering::Stated),
        (None, Order::File) => Ok(graph.clone()),
        (None, Order::Memory) => Ok(graph.reordered_with(args.aliasing.into()).graph),
        (None, Order::Given(order)) => in_order_of(graph, order).map_err(Reordering::Given),
    }
}
