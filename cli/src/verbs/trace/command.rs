//! The verb: reads, writes files, and prints.
//!
//! Stands on the files above it. Invariant: files are complete or not there at all.

#![forbid(unsafe_code)]

use orionrt_pprof::Profile;
use orionrt_recording::Reader;
use serde::Serialize;

use super::{
    counters, events, iterations::Iterations, origins, show, sites::Sites, summary::Summary,
};
use crate::{
    args::TraceArgs,
    failure::Failure,
    heap_profile::{add_names, write_compressed},
    input::Process,
    output, progress,
    staging::{Staged, stage},
    target::{Role, check_files},
};

/// All that is said of a recording.
#[derive(Serialize)]
struct Report<'a> {
    #[serde(flatten)]
    summary: &'a Summary,
    iterations: &'a Iterations,
    #[serde(skip_serializing_if = "Option::is_none")]
    stacks: Option<&'a Sites>,
}

pub(crate) fn trace(args: &TraceArgs) -> Result<(), Failure> {
    let outputs = [
        ("--csv", &args.csv),
        ("--perfetto", &args.perfetto),
        ("--pprof", &args.pprof),
    ];
    let given = outputs
        .iter()
        .filter_map(|(role, path)| Some((*role, path.as_deref()?)));
    let given: Vec<Role> = given.collect();
    check_files(&given, &[("the recording", &args.input)])?;
    let process = Process::open(&args.input)?;
    let reader = process.reader(&args.input)?;
    let message = format!("reading {}", args.input.display());
    let summary = progress::with_spinner(message, || Summary::of(&reader));
    let iterations = progress::with_spinner("looking for iterations", || Iterations::of(&reader));
    let profile = named_profile(args, &reader, &summary);
    let sites = profile.as_ref().map(|profile| Sites::of(profile, args.top));
    let sites = sites.transpose();
    let sites = sites.map_err(|error| Failure::file(&args.input, error))?;
    let mut staged: Vec<Staged> = Vec::new();
    if let Some(path) = &args.csv {
        staged.push(stage(path, |file| events::write(&reader, file))?);
    }
    if let Some(path) = &args.perfetto {
        let end = summary.duration_ns;
        staged.push(stage(path, |file| counters::write(&reader, end, file))?);
    }
    if let Some(path) = &args.pprof {
        let Some(profile) = &profile else {
            return Err(Failure::file(&args.input, NO_STACKS));
        };
        staged.push(stage(path, |file| write_compressed(profile, file))?);
    }
    for file in staged {
        file.commit()?;
    }
    if args.json {
        output::print_json(&Report {
            summary: &summary,
            iterations: &iterations,
            stacks: sites.as_ref(),
        })
    } else {
        let sites = sites.map_or_else(String::new, |sites| sites.text());
        output::print(&(show::text(args, &summary, &iterations) + &sites))
    }
}

const NO_STACKS: &str = "the recording has no stacks; expected one of `orionrt record --stacks`";

/// The stacks as a profile whose addresses are named; `None` if the recording has none.
fn named_profile(args: &TraceArgs, reader: &Reader, summary: &Summary) -> Option<Profile> {
    let mut profile = progress::with_spinner("adding stacks up", || {
        origins::profile(reader, summary.live_peak_steps)
    })?;
    progress::with_spinner("naming addresses", || {
        add_names(&mut profile, !args.opens_no_binaries)
    });
    Some(profile)
}
