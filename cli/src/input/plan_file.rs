//! A plan in a file.
//!
//! Stands on the library's plan files. Invariant: a plan that is returned has passed
//! [`Plan::new`].

#![forbid(unsafe_code)]

use std::path::Path;

use orionrt::{
    Plan,
    files::{FileKind, detect},
};

use super::{
    facts::ModelJson,
    load::Kind,
    read::{Source, has_extension, is_standard_input, read_any},
};
use crate::failure::Failure;

/// Reads and checks the plan in a file: JSON if the extension says so, otherwise CSV.
pub(crate) fn load_plan(path: &Path) -> Result<Plan, Failure> {
    let text = read_any(path)?;
    let plan = if is_json(path, &text) {
        Plan::read_json(&text[..])
    } else {
        Plan::read_csv(&text[..])
    };
    plan.map_err(|error| Failure::file(path, error))
}

/// A plan with the facts about the model that it is for, if its file has them.
pub(crate) fn load_plan_of_model(path: &Path) -> Result<(Plan, Option<ModelJson>), Failure> {
    let text = read_any(path)?;
    let plan = if is_json(path, &text) {
        Plan::read_json_for(&text[..])
    } else {
        Plan::read_csv(&text[..]).map(|plan| (plan, None))
    };
    plan.map_err(|error| Failure::file(path, error))
}

/// Whether a file is a plan: JSON, or CSV with a column of offsets, and by its content nothing that
/// another loader reads.
pub(crate) fn is_plan(path: &Path) -> Result<bool, Failure> {
    let [is_json, is_csv] = ["json", "csv"].map(|ending| has_extension(path, ending));
    if !is_json && !is_csv {
        return Ok(false);
    }
    let source = Source::open(path)?;
    Ok(Kind::of(&source)? == Kind::Csv && (is_json || has_offsets(&source.head()?)))
}

/// Whether the first line of a CSV file names a column of offsets.
fn has_offsets(head: &[u8]) -> bool {
    let line = head.split(|&byte| byte == b'\n').next().unwrap_or_default();
    let mut names = line.split(|&byte| byte == b',').map(<[u8]>::trim_ascii);
    names.any(|name| name == b"offset")
}

/// Whether a plan is read as JSON: by its extension, or on standard input by its content.
fn is_json(path: &Path, text: &[u8]) -> bool {
    has_extension(path, "json") || is_standard_input(path) && detect(text) == FileKind::Json
}
