//! A plan against the model that it is for: whether every tensor of the model has a place of its
//! size, alive for as long as the order needs it.
//!
//! Stands on [`model`](super::model) and [`facts`](super::facts). Invariant: the lifetimes that
//! decide are made from the model anew; those of the plan's file are only compared.

#![forbid(unsafe_code)]

use std::{collections::HashMap, path::Path};

use orionrt::{Aliasing, Lifetimes, Plan};
use orionrt_models::{Options, Unknown};

use super::{facts::ModelJson, model, order::in_order, read::Source};
use crate::{
    args::{DimSize, InputArg},
    failure::Failure,
    figures::Limits,
};

/// Fails unless `plan` is a plan of the model, run in the order and with the sizes that its file
/// states; without such facts, in the order of the model's file. Returns what the model limits.
pub(crate) fn check_against_model(
    path: &Path,
    plan: &Plan,
    facts: Option<&ModelJson>,
    model_path: &Path,
    dims: &[DimSize],
) -> Result<Limits, Failure> {
    let mut facts = facts.cloned().unwrap_or_default();
    let given = dims.iter().map(|dim| (dim.name.clone(), dim.size));
    facts.dims.extend(given);
    let (lifetimes, limits) = lifetimes(path, &facts, plan.alignment(), model_path)?;
    let offsets = offsets(plan, &lifetimes).map_err(|reason| Failure::file(path, reason))?;
    let checked = Plan::new(lifetimes, offsets);
    checked.map(|_| limits).map_err(|error| {
        let model = model_path.display();
        Failure::file(path, format!("not a plan of '{model}': {error}"))
    })
}

/// The lifetimes of the model's tensors, and what limits a claim about their plan.
fn lifetimes(
    plan: &Path,
    facts: &ModelJson,
    alignment: u64,
    path: &Path,
) -> Result<(Lifetimes, Limits), Failure> {
    let source = Source::open(path)?;
    let model = model::read(path, &source, &options(facts, alignment))?;
    let limits = Limits {
        left_out: model.left_out.len(),
        bounds: model.bounds.len(),
    };
    let graph = if facts.order.is_empty() {
        model.graph
    } else {
        let ordered = in_order(&model.graph, &facts.order);
        ordered.map_err(|reason| {
            let model = path.display();
            Failure::file(plan, format!("not a plan of '{model}': {reason}"))
        })?
    };
    let lifetimes = graph.lifetimes_with(match facts.aliasing.as_str() {
        "views" => Aliasing::Views,
        "in-place" => Aliasing::InPlace,
        _ => Aliasing::Off,
    });
    Ok((lifetimes, limits))
}

fn options(facts: &ModelJson, alignment: u64) -> Options {
    let mut options = Options::new().alignment(alignment);
    for (name, size) in &facts.dims {
        options = options.dim(name, *size);
    }
    for input in &facts.inputs {
        // What the writer of the file has read can be read again.
        if let Ok(InputArg { name, value, .. }) = input.parse() {
            options = options.input(name, value);
        }
    }
    if facts.skips_unknown {
        options = options.unknown(Unknown::Skip);
    }
    options
}

/// The plan's offset of each tensor of the model, matched by name. A tensor within another one must
/// lie there in the plan, too, unless the plan leaves such tensors out, as CSV does.
fn offsets(plan: &Plan, lifetimes: &Lifetimes) -> Result<Vec<u64>, String> {
    let planned = plan.lifetimes().iter().zip(plan.offsets());
    let planned: HashMap<&str, (u64, u64)> = planned
        .map(|((_, name, row), &offset)| (name, (row.size, offset)))
        .collect();
    let of = |name: &str, size: u64| match planned.get(name) {
        Some(&(planned, offset)) if planned == size => Ok(offset),
        Some((planned, _)) => Err(format!(
            "tensor '{name}' has {planned} bytes in the plan, but {size} in the model"
        )),
        None => Err(format!(
            "tensor '{name}' of the model has no place in the plan"
        )),
    };
    let mut offsets = vec![0; lifetimes.len()];
    for (id, name, row) in lifetimes.iter() {
        if row.within.is_none() && row.has_bytes() {
            offsets[id.index()] = of(name, row.size)?;
        }
    }
    for (id, name, row) in lifetimes.iter() {
        let Some(within) = row.within else { continue };
        let expected = offsets[within.root.index()] + within.offset;
        let planned = planned.get(name).copied();
        if let Some((size, offset)) = planned.filter(|&planned| planned != (row.size, expected)) {
            return Err(format!(
                "tensor '{name}' has {size} bytes at {offset} in the plan, but in the model {} \
                 bytes at {expected}, within another tensor",
                row.size
            ));
        }
        offsets[id.index()] = expected;
    }
    Ok(offsets)
}
