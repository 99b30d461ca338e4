//! `orionrt check` of a plan in several regions.
//!
//! Stands on [`input::load_plans`](crate::input::load_plans), through which the library has
//! accepted the plan. Invariant: what was verified stands beside the verdict.

#![forbid(unsafe_code)]

use orionrt::regions::RegionPlan;
use serde::Serialize;

use crate::{
    args::CheckArgs,
    failure::Failure,
    figures,
    format::{self, Lines},
    input::NO_LIMIT,
    output,
};

/// What was verified of each region.
const VERIFIED: [&str; 3] = [
    "no two live tensors of a region share a byte",
    "no tensor is in two regions",
    "offsets are aligned",
];
const NOT_VERIFIED: [&str; 1] = ["whether names, sizes and lifetimes are those of a model"];

#[derive(Serialize)]
struct Json<'p> {
    ok: bool,
    buffers: usize,
    total_bytes: u64,
    load: u64,
    /// The size of each region.
    regions: &'p [u64],
    /// The limit that the file states.
    #[serde(skip_serializing_if = "Option::is_none")]
    stated_limit: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max_region: Option<u64>,
    verified: [&'static str; 3],
    not_verified: [&'static str; 1],
}

/// Checks the sizes of the regions of a valid plan, and reports.
pub(super) fn check_regions(args: &CheckArgs, plan: &RegionPlan) -> Result<(), Failure> {
    let others = [
        (args.model.is_some(), "--model"),
        (args.capacity.is_some(), "--capacity"),
        (args.html.is_some(), "--html"),
    ];
    if let Some((_, option)) = others.into_iter().find(|(is_given, _)| *is_given) {
        return Err(Failure::Usage(format!(
            "{option} is for the plan of one memory: '{}' has one in {} regions",
            args.plan.display(),
            plan.sizes().len()
        )));
    }
    let limit = args.max_region;
    let mut sizes = plan.sizes().iter().enumerate();
    let above = sizes.find(|(_, size)| limit.is_some_and(|limit| **size > limit));
    let stated = Some(plan.limit()).filter(|&limit| limit != NO_LIMIT);
    if args.json {
        output::print_json(&Json {
            ok: above.is_none(),
            buffers: figures::buffers(plan.lifetimes()),
            total_bytes: plan.lifetimes().total_bytes(),
            load: plan.lifetimes().load(),
            regions: plan.sizes(),
            stated_limit: stated,
            max_region: limit,
            verified: VERIFIED,
            not_verified: NOT_VERIFIED,
        })?;
    } else {
        output::print(&text(args, plan, stated, above.is_none()))?;
    }
    match (above, limit) {
        (Some((region, &size)), Some(limit)) => Err(Failure::Capacity {
            path: args.plan.clone(),
            reached: format!(
                "the plan is valid, but region {region} of {} bytes is above the limit of {} bytes",
                format::thousands(size),
                format::thousands(limit)
            ),
            unwritten: Vec::new(),
        }),
        _ => Ok(()),
    }
}

fn text(args: &CheckArgs, plan: &RegionPlan, stated: Option<u64>, is_ok: bool) -> String {
    let verdict = match is_ok {
        true => "ok",
        false => "above the limit",
    };
    let tensors = format::thousands(figures::buffers(plan.lifetimes()) as u64);
    let largest = plan.sizes().iter().copied().max().unwrap_or(0);
    let mut lines = Lines::default()
        .title(format!("{}: {verdict}", args.plan.display()))
        .line("tensors", tensors)
        .line("regions", format::thousands(plan.sizes().len() as u64))
        .line("largest", format::bytes(largest));
    if let Some(limit) = stated {
        lines = lines.line("stated limit", format::bytes(limit));
    }
    lines
        .line("verified", VERIFIED.join("; "))
        .line("not verified", NOT_VERIFIED.join("; "))
        .finish()
}
