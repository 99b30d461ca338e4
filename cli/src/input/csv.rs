//! A CSV file of lifetimes.
//!
//! Stands on the library's CSV form. Invariant: options that only a model can follow are refused.

#![forbid(unsafe_code)]

use std::path::Path;

use orionrt::Lifetimes;

use super::{
    loaded::Origin,
    read::{has_extension, read},
};
use crate::{
    args::{Aliasing, Order, SourceArgs},
    failure::Failure,
};

/// Loads a CSV file of lifetimes.
pub(super) fn load(source: &SourceArgs) -> Result<(Lifetimes, Origin), Failure> {
    check_options(source)?;
    let path = &source.input;
    let text = read(path)?;
    let lifetimes = Lifetimes::read_csv(&text[..])
        .map_err(|error| Failure::file(path, format!("{error}{}", hint(path))))?;
    Ok((lifetimes, Origin::Csv(text)))
}

fn check_options(source: &SourceArgs) -> Result<(), Failure> {
    let path = source.input.display();
    if let Some(dim) = source.dims.first() {
        return Err(Failure::Usage(format!(
            "--dim {}={} is for ONNX models: '{path}' is read as CSV, which has no dimensions",
            dim.name, dim.size,
        )));
    }
    let needs_operators = |option: String| {
        Failure::Usage(format!(
            "{option} is for ONNX models: '{path}' is read as CSV, which has no operators"
        ))
    };
    if source.order == Order::Memory {
        return Err(needs_operators("--order memory".into()));
    }
    if source.aliasing != Aliasing::Off {
        return Err(needs_operators(format!(
            "--aliasing {}",
            source.aliasing.name()
        )));
    }
    Ok(())
}

/// A file without the extension .csv may be meant as a model.
fn hint(path: &Path) -> &'static str {
    if has_extension(path, "csv") {
        ""
    } else {
        " (a file whose name does not end in .onnx is read as CSV)"
    }
}
