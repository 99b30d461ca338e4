//! What a plan's file states about its model: how to read the model again, and whether it states
//! what the model then has.
//!
//! Stands on [`facts`](super::super::facts). Invariant: what the plan states and what the user says
//! never contradict each other; a mistake of the plan's is no mistake of the user's.

use std::{collections::BTreeMap, fmt::Debug, path::PathBuf};

use orionrt_models::Model;

use super::super::{facts::ModelJson, model};
use crate::{
    args::{Aliasing, DimSize, ModelArgs, Order, Unknown},
    failure::Failure,
};

/// How to read the model of a plan: as the plan states, or else as the user says.
pub(super) fn arguments(
    facts: Option<&ModelJson>,
    given: &ModelArgs,
) -> Result<ModelArgs, Failure> {
    let Some(facts) = facts else {
        return Ok(given.clone());
    };
    let stated = |option: &str| {
        Failure::Usage(format!(
            "{option} is for plans that do not state it, as in CSV: this one does"
        ))
    };
    if given.order != Order::File {
        return Err(stated("--order"));
    }
    if given.aliasing != Aliasing::Off {
        return Err(stated("--aliasing"));
    }
    if let Some(input) = given.inputs.first() {
        return Err(stated(&format!("--input {}", input.name)));
    }
    if let Some(input) = given.donated.first() {
        return Err(stated(&format!("--donate {input}")));
    }
    if let Some(same) = given.same.first() {
        return Err(stated(&format!("--same {same}")));
    }
    for DimSize { name, size } in &given.dims {
        match facts.dims.get(name) {
            Some(stated) if stated != size => {
                return Err(Failure::Usage(format!(
                    "--dim {name}={size}: the plan is for {name}={stated}"
                )));
            }
            _ => {}
        }
    }
    Ok(ModelArgs {
        dims: dims(&facts.dims, &given.dims),
        inputs: Vec::new(),
        unknown: match facts.skips_unknown {
            true => Unknown::Skip,
            false => given.unknown,
        },
        order: match facts.order_of.as_str() {
            "file" => Order::File,
            other => Order::Given(PathBuf::from(other)),
        },
        aliasing: given.aliasing,
        donated: facts.given_up.donated.clone(),
        same: Vec::new(),
        is_for_micro: false,
        keeps_graph: false,
        has_weights: false,
        has_pools: false,
        has_page: false,
    })
}

/// The dimensions that a plan states, and those that it does not.
fn dims(stated: &BTreeMap<String, u64>, given: &[DimSize]) -> Vec<DimSize> {
    let stated_dims = stated.iter().map(|(name, &size)| DimSize {
        name: name.clone(),
        size,
    });
    let others = given.iter().filter(|dim| !stated.contains_key(&dim.name));
    stated_dims.chain(others.cloned()).collect()
}

/// Completes the arguments with what may be malformed in the plan's file.
pub(super) fn complete(args: &mut ModelArgs, facts: &ModelJson) -> Result<(), String> {
    args.aliasing = match facts.aliasing.as_str() {
        "off" => Aliasing::Off,
        "views" => Aliasing::Views,
        "in-place" => Aliasing::InPlace,
        "parts" => Aliasing::Parts,
        other => {
            return Err(format!(
                "the aliasing '{other}'; expected off, views, in-place or parts"
            ));
        }
    };
    for text in &facts.inputs {
        args.inputs.push(text.parse()?);
    }
    for text in &facts.given_up.same {
        args.same.push(text.parse()?);
    }
    Ok(())
}

/// Checks that the plan states of its model what the model has.
pub(super) fn check_facts(facts: &ModelJson, model: &Model) -> Result<(), String> {
    let assumed: BTreeMap<String, u64> = model.assumed.iter().cloned().collect();
    agree("assumed", &facts.assumed, &assumed)?;
    let bounds = model.bounds.iter();
    let bounds: BTreeMap<String, u64> = bounds.map(|b| (b.name.clone(), b.bound)).collect();
    agree("bounds", &facts.bounds, &bounds)?;
    let names = |mut names: Vec<&str>| {
        names.sort_unstable();
        names.into_iter().map(|n| (n.to_string(), ())).collect()
    };
    let stated: BTreeMap<String, ()> =
        names(facts.left_out.iter().map(|l| l.name.as_str()).collect());
    let has: BTreeMap<String, ()> = names(model.left_out.iter().map(|l| l.name.as_str()).collect());
    agree("left_out", &stated, &has)?;
    if facts.order_of == "file" {
        let of_file = model::names(&model.graph);
        let mut places = facts.order.iter().zip(&of_file).enumerate();
        if let Some((place, (stated, has))) = places.find(|(_, (stated, has))| stated != has) {
            return Err(format!(
                "its order is said to be the file's, but place {} has operator '{stated}'; \
                 expected '{has}'",
                place + 1
            ));
        }
        if facts.order.len() != of_file.len() {
            return Err(format!(
                "its order has {} operators; expected the {} of the model",
                facts.order.len(),
                of_file.len()
            ));
        }
    }
    Ok(())
}

/// Checks that two tables are the same.
fn agree<V: PartialEq + Debug>(
    what: &str,
    stated: &BTreeMap<String, V>,
    has: &BTreeMap<String, V>,
) -> Result<(), String> {
    let value = |of: Option<&V>| match of {
        Some(value) if size_of::<V>() > 0 => format!("{value:?}"),
        Some(_) => "one".into(),
        None => "none".into(),
    };
    let mut names = stated.keys().chain(has.keys());
    match names.find(|name| stated.get(*name) != has.get(*name)) {
        None => Ok(()),
        Some(name) => Err(format!(
            "'{what}' has {} for '{name}'; expected {}, as the model is read with the sizes of \
             the plan",
            value(stated.get(name)),
            value(has.get(name))
        )),
    }
}
