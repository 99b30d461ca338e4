//! A plan in a file.
//!
//! Stands on the library's plan files. Invariant: a plan that is returned has passed
//! [`Plan::new`].

#![forbid(unsafe_code)]

use std::path::Path;

use orionrt::Plan;

use super::{
    facts::ModelJson,
    read::{has_extension, read},
};
use crate::failure::Failure;

/// Reads and checks the plan in a file: JSON if the extension says so, otherwise CSV.
pub(crate) fn load_plan(path: &Path) -> Result<Plan, Failure> {
    let text = read(path)?;
    let plan = if has_extension(path, "json") {
        Plan::read_json(&text[..])
    } else {
        Plan::read_csv(&text[..])
    };
    plan.map_err(|error| Failure::file(path, error))
}

/// A plan with the facts about the model that it is for, if its file has them.
pub(crate) fn load_plan_of_model(path: &Path) -> Result<(Plan, Option<ModelJson>), Failure> {
    if !has_extension(path, "json") {
        return load_plan(path).map(|plan| (plan, None));
    }
    let text = read(path)?;
    let plan = Plan::read_json_for(&text[..]);
    plan.map_err(|error| Failure::file(path, error))
}
