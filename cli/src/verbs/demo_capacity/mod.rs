//! `orionrt demo --capacity`: the networks in less memory than their peak.
//!
//! ```text
//! text    the report for people
//! json    the report as one JSON object
//! ```
//!
//! Stands on [`demo`](crate::demo). Invariant: every number but the estimates was measured in this
//! run, and "the same bits" is printed only if all results had them.

#![forbid(unsafe_code)]

// A file uses only files above it in this list.
mod text;
mod json;
#[cfg(test)]
mod tests;

use crate::{
    args::{Capacity, DemoArgs},
    demo::{Means, MeasuredFit, Network, measure_fitted},
    failure::Failure,
    output, progress,
};

/// Runs the networks within a capacity, and prints what was measured.
pub(super) fn within(
    args: &DemoArgs,
    capacity: Capacity,
    networks: &[Network],
) -> Result<(), Failure> {
    let measured = progress::with_spinner("running three networks in less memory", || {
        measured(args, capacity, networks)
    })?;
    if args.json {
        output::print_json(&json::Json::of(args, capacity, &measured))
    } else {
        output::print(&text::text(args, capacity, &measured))
    }
}

fn measured(
    args: &DemoArgs,
    capacity: Capacity,
    networks: &[Network],
) -> Result<Vec<MeasuredFit>, Failure> {
    let means = Means {
        ways: args.ways(),
        stream_weights: args.stream_weights,
    };
    measure_fitted(networks, capacity, &means, args.iterations)
}
