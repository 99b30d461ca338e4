//! A file of lifetimes: CSV, or idealloc's `.plc`.
//!
//! Stands on the library's forms. Invariant: options that only a model can follow are refused.

#![forbid(unsafe_code)]

use orionrt::Lifetimes;

use super::{
    loaded::Origin,
    read::{Source, has_extension},
};
use crate::{
    args::{Aliasing, Order, SourceArgs, Unknown},
    failure::Failure,
    output,
};

/// Loads a file of lifetimes.
pub(super) fn load(args: &SourceArgs, source: &Source) -> Result<(Lifetimes, Origin), Failure> {
    check_options(args)?;
    let text = source.bytes()?;
    let failed = |error| Failure::file(&args.input, error);
    if has_extension(&args.input, "plc") {
        let lifetimes = Lifetimes::read_plc(&text[..]).map_err(failed)?;
        return Ok((lifetimes, Origin::Rows));
    }
    let (lifetimes, warnings) = Lifetimes::read_csv_with_warnings(&text[..]).map_err(failed)?;
    for warning in warnings {
        output::warn(&args.input, &warning);
    }
    Ok((lifetimes, Origin::Csv(text)))
}

fn check_options(args: &SourceArgs) -> Result<(), Failure> {
    let path = args.input.display();
    let model = &args.model;
    let refused = |option: String, lacks: &str| {
        Failure::Usage(format!(
            "{option} is for models: '{path}' is read as CSV, which has no {lacks}"
        ))
    };
    if let Some(dim) = model.dims.first() {
        return Err(refused(format!("--dim {dim}"), "dimensions"));
    }
    if let Some(input) = model.inputs.first() {
        return Err(refused(format!("--input {}", input.name), "inputs"));
    }
    if model.order != Order::File {
        return Err(refused(
            format!("--order {}", model.order.name()),
            "operators",
        ));
    }
    if model.aliasing != Aliasing::Off {
        return Err(refused(
            format!("--aliasing {}", model.aliasing.name()),
            "operators",
        ));
    }
    if model.unknown != Unknown::Refuse {
        return Err(refused("--unknown skip".into(), "unknown sizes"));
    }
    Ok(())
}
