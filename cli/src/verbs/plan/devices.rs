//! Lifetimes of several devices: a plan of each memory for itself.
//!
//! Stands on [`search`](super::search) and [`page`](crate::page). Options that are about one plan
//! are refused. Invariant: files are written only if the plan of every device is within the
//! capacity; the offsets in CSV are those of all devices, in the order of the input.

#![forbid(unsafe_code)]

use std::{ops::Not, path::Path};

use orionrt::{Plan, files::PlanSource, planner::Cancel};
use serde::Serialize;

use super::{
    files::files,
    search::{EarlierPlans, Found, search},
    source, usage, why,
};
use crate::{
    args::{PlanArgs, PlanFormat},
    failure::Failure,
    figures::{self, PlanJson},
    format::{self, Lines},
    input::{Device, Input},
    output,
    page::{self, Page, PageMap},
    staging::{Staged, stage},
};

/// A device, its lifetimes, and what was found for them.
struct Planned<'i> {
    device: &'i Device,
    input: &'i Input,
    found: Found,
}

/// Plans each of these inputs, which are the devices of one file.
pub(super) fn plan(args: &PlanArgs, inputs: &[Input], cancel: &Cancel) -> Result<(), Failure> {
    refuse(args, inputs.len())?;
    let mut all = Vec::new();
    for input in inputs {
        if let Some(device) = &input.device {
            all.push(Planned {
                device,
                input,
                found: search(args, input, &EarlierPlans::default(), cancel)?,
            });
        }
    }
    let fits = all.iter().all(|one| one.found.failure.is_none());
    if fits {
        write(args, &all)?;
    }
    match args.json {
        true => output::print_json(&json(args, &all))?,
        false => output::print(&text(args, &all, fits))?,
    }
    let failure = all.into_iter().find_map(|one| {
        let title = one.device.title();
        one.found.failure.map(|failure| of_device(&title, failure))
    });
    failure.map_or(Ok(()), Err)
}

/// A failure to keep within the capacity that names the device.
fn of_device(title: &str, failure: Failure) -> Failure {
    match failure {
        Failure::Capacity {
            path,
            reached,
            unwritten,
        } => Failure::Capacity {
            path,
            reached: format!("{title}: {reached}"),
            unwritten,
        },
        other => other,
    }
}

/// Fails if there is an option that is about one plan.
fn refuse(args: &PlanArgs, devices: usize) -> Result<(), Failure> {
    let output = args.output.as_ref();
    let is_other = output.is_some_and(|file| file.format != PlanFormat::Csv);
    let options = [
        (args.max_region.is_some(), "--max-region"),
        (!args.pools.is_empty(), "--pool"),
        (args.keep.is_some(), "--keep"),
        (args.start_from.is_some(), "--start-from"),
        (args.svg.is_some(), "--svg"),
        (args.perfetto.is_some(), "--perfetto"),
        (args.snapshot.is_some(), "--snapshot"),
        (is_other, "--output of another form than .csv"),
    ];
    let given = options.into_iter().find(|(is_given, _)| *is_given);
    given.map_or(Ok(()), |(_, option)| {
        Err(Failure::Usage(format!(
            "{option} is for the plan of one memory: '{}' has tensors of {devices} devices, \
             expected --device DEVICE, too",
            args.source.input.display()
        )))
    })
}

fn write(args: &PlanArgs, all: &[Planned]) -> Result<(), Failure> {
    let mut staged = Vec::new();
    let first = all.first().map(|one| one.device);
    if let (Some(file), Some(device)) = (&args.output, first) {
        let offsets = offsets(all);
        staged.push(stage(&file.path, |output| {
            device.all.write_with_offsets(&offsets, output)
        })?);
    }
    if let Some(path) = &args.html {
        staged.push(write_page(args, all, path)?);
    }
    let plans = all.iter().map(|one| (&*one.device.name, &one.found.plan));
    staged.extend(source::write(args, &PlanSource::of_devices(plans))?);
    staged.into_iter().try_for_each(Staged::commit)
}

/// The offsets of all rows of the file.
fn offsets(all: &[Planned]) -> Vec<u64> {
    let rows = || all.iter().flat_map(|one| &one.device.rows);
    let mut offsets = vec![0; rows().count()];
    let placed = all.iter().flat_map(|one| one.found.plan.offsets());
    for (&row, &offset) in rows().zip(placed) {
        offsets[row as usize] = offset;
    }
    offsets
}

fn write_page(args: &PlanArgs, all: &[Planned], path: &Path) -> Result<Staged, Failure> {
    let name = args.source.input.file_name().unwrap_or_default();
    let devices: Vec<(String, &Plan)> = (all.iter())
        .map(|one| (one.device.title(), &one.found.plan))
        .collect();
    let (drawn, note) = page::shown_devices(&devices);
    let maps = drawn.into_iter().map(|place| PageMap {
        memory: place,
        capacity: args.capacity,
        streams: all[place].input.streams.as_ref(),
        ..PageMap::new(&devices[place].0, devices[place].1)
    });
    let page = Page {
        kind: "plan",
        title: &name.to_string_lossy(),
        notes: note.into_iter().collect(),
        maps: maps.collect(),
    };
    stage(path, |file| page::write(&page, file))
}

#[derive(Serialize)]
struct Json<'p> {
    devices: Vec<DeviceJson<'p>>,
    alignment: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    capacity: Option<u64>,
    #[serde(skip_serializing_if = "Not::not")]
    interrupted: bool,
    load_ms: f64,
    load_peak_rss_bytes: Option<u64>,
}

#[derive(Serialize)]
struct DeviceJson<'p> {
    device: &'p str,
    #[serde(flatten)]
    plan: PlanJson<'p>,
    #[serde(skip_serializing_if = "Option::is_none")]
    why_not: Option<why::Json<'p>>,
    elapsed_ms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    report: Option<usage::Json<'p>>,
}

fn json<'p>(args: &PlanArgs, all: &'p [Planned]) -> Json<'p> {
    let input = all.first().map(|one| one.input);
    let device = |one: &'p Planned| DeviceJson {
        device: &one.device.name,
        plan: PlanJson::new(&one.found.plan),
        why_not: (one.found.why.as_ref()).map(|why| why::json(why, &one.found.plan)),
        elapsed_ms: format::milliseconds(one.found.time),
        report: args.report.then(|| usage::json(&one.found.plan)),
    };
    Json {
        devices: all.iter().map(device).collect(),
        alignment: input.map_or(1, |input| input.alignment),
        capacity: args.capacity,
        interrupted: all.iter().any(|one| one.found.interrupted),
        load_ms: input.map_or(0.0, |input| format::milliseconds(input.load_time)),
        load_peak_rss_bytes: input.and_then(|input| input.peak_rss_bytes),
    }
}

fn text(args: &PlanArgs, all: &[Planned], is_written: bool) -> String {
    let count = format::thousands(all.len() as u64);
    let mut lines = Lines::default()
        .title(args.source.input.display().to_string())
        .line("devices", format!("{count}, each planned for itself"));
    if let Some(one) = all.first() {
        lines = lines.line("loaded in", format::duration(one.input.load_time));
    }
    if all.iter().any(|one| one.found.interrupted) {
        lines = lines.line("interrupted", "these are the best plans found until then");
    }
    for file in files(args).iter().filter(|_| is_written) {
        lines = lines.line("written", file.display().to_string());
    }
    for Planned {
        device,
        input,
        found,
    } in all
    {
        let plan = &found.plan;
        let tensors = format::thousands(figures::buffers(plan.lifetimes()) as u64);
        let total = format::bytes(plan.lifetimes().total_bytes());
        let (alignment, seed) = (input.alignment, args.search.seed);
        lines = lines
            .title(device.title())
            .line("tensors", format!("{tensors}, {total} in total"))
            .peak(plan, input.limits())
            .line(
                "strategy",
                format!("{}, alignment {alignment}, seed {seed}", plan.strategy()),
            )
            .line("planned in", format::duration(found.time));
        if let Some(why) = &found.why {
            lines = why::lines(lines, why, plan);
        }
        if args.report {
            lines = lines.block(&usage::text(plan));
        }
    }
    lines.finish()
}
