//! Errors of models as exceptions.
//!
//! Stands on `raise` and `errors`. Invariant: a message is the library's own, except where that
//! names an option of the command line.

use orionrt_models::ModelError;
use pyo3::prelude::*;

use crate::{errors::os_error, raise::Exception};

/// Why a file cannot be planned as a model.
pub(crate) fn model_error(py: Python<'_>, error: &ModelError) -> PyErr {
    let raise = |class, message: &str| Exception::new(py, class, message);
    let text = error.to_string();
    match error {
        ModelError::Read { path, source } => os_error(py, path, source),
        ModelError::MissingDims { missing } => {
            let each = missing.iter().map(|dim| {
                let bound = if dim.is_bound { ", an upper bound" } else { "" };
                format!("{} in {}{bound}", dim.name, dim.place)
            });
            let listed: Vec<String> = each.take(MOST_MISSING).collect();
            let first = missing.first().map_or("NAME", |dim| &*dim.name);
            let message = format!(
                "sizes are missing: {}; give them with dims={{'{first}': N}}",
                listed.join("; ")
            );
            let missing = missing
                .iter()
                .map(|dim| (&*dim.name, &*dim.place, dim.is_bound));
            let missing: Vec<(&str, &str, bool)> = missing.collect();
            raise("MissingDimsError", &message)
                .with("missing", missing)
                .error()
        }
        ModelError::UnknownDim { name, known } => {
            let exception = raise("UnknownDimError", &text).with("name", &**name);
            exception.with("known", known.clone()).error()
        }
        ModelError::Input { name, .. } => raise("InputError", &text).with("name", &**name).error(),
        ModelError::Operator { node, operator, .. } => {
            let exception = raise("ModelError", &text).with("node", &**node);
            exception.with("operator", &**operator).error()
        }
        ModelError::Disagreement { tensor, .. } => {
            raise("ModelError", &text).with("tensor", &**tensor).error()
        }
        ModelError::Alignment(alignment) => raise("ModelError", &text)
            .with("alignment", *alignment)
            .error(),
        _ => raise("ModelError", &text).error(),
    }
}

/// The most missing dimensions that a message lists.
const MOST_MISSING: usize = 100;
