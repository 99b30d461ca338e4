//! A plan in a file.
//!
//! Stands on the library's plan files. Invariant: a plan that is returned has passed
//! [`Plan::new`].

#![forbid(unsafe_code)]

use std::path::Path;

use orionrt::Plan;

use super::read::{has_extension, read};
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
