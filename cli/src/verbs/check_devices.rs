//! `orionrt check` of the plans of several devices.
//!
//! Stands on [`input::load_plans`](crate::input::load_plans), through which the library has
//! accepted the plan of each device. Invariant: what was verified stands beside the verdict.

#![forbid(unsafe_code)]

use orionrt::Plan;
use serde::Serialize;

use crate::{
    args::CheckArgs,
    failure::Failure,
    figures::{self, Limits, PlanJson},
    format::{self, Lines},
    input::DevicePlan,
    output,
    page::{self, Page, PageMap},
    staging::stage,
};

/// What was verified of the plan of each device.
const VERIFIED: [&str; 2] = [
    "no two live tensors of a device share a byte",
    "offsets are aligned",
];
const NOT_VERIFIED: [&str; 1] = ["whether names, sizes and lifetimes are those of a model"];

#[derive(Serialize)]
struct Json<'p> {
    ok: bool,
    devices: Vec<DeviceJson<'p>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    capacity: Option<u64>,
    verified: [&'static str; 2],
    not_verified: [&'static str; 1],
}

#[derive(Serialize)]
struct DeviceJson<'p> {
    device: &'p str,
    #[serde(flatten)]
    plan: PlanJson<'p>,
    alignment: u64,
}

/// Checks the capacity of valid plans, and reports.
pub(super) fn check_devices(args: &CheckArgs, plans: &[DevicePlan]) -> Result<(), Failure> {
    if let Some(model) = &args.model {
        return Err(Failure::Usage(format!(
            "--model {}: '{}' has the plans of {} devices, expected that of one memory",
            model.display(),
            args.plan.display(),
            plans.len()
        )));
    }
    write_page(args, plans)?;
    let is_above = |of: &&DevicePlan| args.capacity.is_some_and(|most| of.plan.peak() > most);
    let above = plans.iter().find(is_above);
    if args.json {
        output::print_json(&json(args, plans, above.is_none()))?;
    } else {
        output::print(&text(args, plans, above.is_none()))?;
    }
    match (above, args.capacity) {
        (Some(of), Some(capacity)) => Err(Failure::Capacity {
            path: args.plan.clone(),
            reached: format!(
                "{}: the plan is valid, but its peak of {} bytes is above the capacity of {} bytes",
                of.device.title(),
                format::thousands(of.plan.peak()),
                format::thousands(capacity)
            ),
            unwritten: Vec::new(),
        }),
        _ => Ok(()),
    }
}

fn json<'p>(args: &CheckArgs, plans: &'p [DevicePlan], ok: bool) -> Json<'p> {
    let device = |of: &'p DevicePlan| DeviceJson {
        device: &of.device.name,
        plan: PlanJson::new(&of.plan),
        alignment: of.plan.alignment(),
    };
    Json {
        ok,
        devices: plans.iter().map(device).collect(),
        capacity: args.capacity,
        verified: VERIFIED,
        not_verified: NOT_VERIFIED,
    }
}

fn text(args: &CheckArgs, plans: &[DevicePlan], ok: bool) -> String {
    let verdict = if ok { "ok" } else { "valid, but too large" };
    let mut lines = Lines::default()
        .title(format!("{}: {verdict}", args.plan.display()))
        .line("devices", format::thousands(plans.len() as u64))
        .line("verified", VERIFIED.join("; "))
        .line("not verified", NOT_VERIFIED.join("; "));
    for DevicePlan { device, plan } in plans {
        let tensors = figures::buffers(plan.lifetimes()) as u64;
        lines = lines
            .title(device.title())
            .line("tensors", format::thousands(tensors))
            .peak(plan, Limits::default());
    }
    lines.finish()
}

/// Writes the page, if one was asked for.
fn write_page(args: &CheckArgs, plans: &[DevicePlan]) -> Result<(), Failure> {
    let Some(path) = &args.html else {
        return Ok(());
    };
    let each = plans.iter();
    let devices: Vec<(String, &Plan)> = each.map(|of| (of.device.title(), &of.plan)).collect();
    let (drawn, note) = page::shown_devices(&devices);
    let maps = drawn.into_iter().map(|place| PageMap {
        memory: place,
        capacity: args.capacity,
        ..PageMap::new(&devices[place].0, devices[place].1)
    });
    let not_verified = NOT_VERIFIED.map(|what| format!("not verified: {what}"));
    let page = Page {
        kind: "check",
        title: &args.plan.file_name().unwrap_or_default().to_string_lossy(),
        notes: not_verified.into_iter().chain(note).collect(),
        maps: maps.collect(),
    };
    stage(path, |file| page::write(&page, file))?.commit()
}
