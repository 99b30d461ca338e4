//! The dimensions of a model whose sizes can be given (`--dims`).
//!
//! Stands on [`input`](crate::input). Invariant: every name that is printed is one that `--dim`
//! takes.

#![forbid(unsafe_code)]

use std::fmt::Write;

use orionrt_models::Dimension;
use serde::Serialize;

use crate::{args::PlanArgs, escape::printable, failure::Failure, input, output};

#[derive(Serialize)]
struct Json<'d> {
    dims: Vec<DimJson<'d>>,
}

#[derive(Serialize)]
struct DimJson<'d> {
    name: &'d str,
    places: &'d [String],
    assumed: Option<u64>,
    /// Whether the size depends on data, so that what is given is an upper bound.
    is_bound: bool,
}

/// Prints the dimensions of the model.
pub(super) fn list_dims(args: &PlanArgs) -> Result<(), Failure> {
    let dims = input::dimensions(&args.source.input)?;
    if args.json {
        return output::print_json(&Json {
            dims: dims.iter().map(json).collect(),
        });
    }
    output::print(&text(&args.source.input.display().to_string(), &dims))
}

fn json(dim: &Dimension) -> DimJson<'_> {
    DimJson {
        name: &dim.name,
        places: &dim.places,
        assumed: dim.assumed,
        is_bound: dim.is_bound,
    }
}

fn text(model: &str, dims: &[Dimension]) -> String {
    let model = printable(model);
    if dims.is_empty() {
        return format!("{model}: all dimensions are numbers\n");
    }
    let mut text = format!("{model}\n");
    let names: Vec<_> = dims.iter().map(|dim| printable(&dim.name)).collect();
    let width = names.iter().map(|name| name.chars().count()).max();
    let width = width.unwrap_or(0);
    for (dim, name) in dims.iter().zip(&names) {
        let kind = match (dim.assumed, dim.is_bound) {
            (Some(size), _) => format!("{size} unless given"),
            (None, true) => "an upper bound must be given".into(),
            (None, false) => "must be given".into(),
        };
        // Writing to a string cannot fail.
        let _ = writeln!(
            text,
            "  {name:<width$}  {kind}; in {}",
            printable(&dim.places.join(", "))
        );
    }
    text
}
