//! What parts of results save, as verbs report it (`--aliasing parts`).
//!
//! Stands on `input`. Invariant: what is reported is what the lifetimes that were kept say, with
//! parts or without.

#![forbid(unsafe_code)]

use orionrt::lifetimes::Uncopied;
use serde::Serialize;

use crate::{
    format,
    input::{Input, Origin, PartsFacts},
};

/// The counts of one model.
#[derive(Serialize)]
pub(crate) struct PartsJson {
    /// Operands that are parts of results of concatenations.
    concatenated: usize,
    /// How many of them are not copied.
    uncopied: usize,
    uncopied_bytes: u64,
}

impl PartsJson {
    pub(crate) fn new(parts: &PartsFacts) -> Self {
        Self {
            concatenated: parts.uncopied.declared,
            uncopied: parts.uncopied.operands,
            uncopied_bytes: parts.uncopied.bytes,
        }
    }
}

/// The counts, and the aliasing that was kept.
#[derive(Serialize)]
pub(crate) struct KeptPartsJson {
    aliasing: &'static str,
    #[serde(flatten)]
    parts: PartsJson,
}

impl KeptPartsJson {
    /// Those of a model for which parts were asked for.
    pub(crate) fn of(input: &Input) -> Option<Self> {
        let Origin::Model(model) = &input.origin else {
            return None;
        };
        Some(Self {
            aliasing: model.aliasing.name(),
            parts: PartsJson::new(model.parts.as_ref()?),
        })
    }
}

/// What parts of results a model has, if they were asked for.
pub(crate) fn facts(input: &Input) -> Option<&PartsFacts> {
    match &input.origin {
        Origin::Model(model) => model.parts.as_ref(),
        _ => None,
    }
}

/// `4 of 6 operands of concatenations are not copied, 7.00 MiB (7,340,032 bytes)`, or why no parts
/// are kept.
pub(crate) fn line(parts: &PartsFacts, why_without: &str) -> String {
    let Uncopied {
        declared, operands, ..
    } = parts.uncopied;
    let of = format!(
        "{} of {}",
        format::thousands(operands as u64),
        format::count(declared as u64, "operand")
    );
    match (parts.is_without, operands) {
        (true, _) => format!("none: {why_without}"),
        (false, 0) => format!("{of} of concatenations can lie within the result"),
        (false, _) => format!(
            "{of} of concatenations are not copied, {}",
            format::bytes(parts.uncopied.bytes)
        ),
    }
}
