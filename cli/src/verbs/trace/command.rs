//! The verb: reads, writes files, and prints.
//!
//! Stands on the files above it. Invariant: files are complete or not there at all.

#![forbid(unsafe_code)]

use serde::Serialize;

use super::{counters, events, iterations::Iterations, show, summary::Summary};
use crate::{
    args::TraceArgs,
    failure::Failure,
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
}

pub(crate) fn trace(args: &TraceArgs) -> Result<(), Failure> {
    let outputs = [("--csv", &args.csv), ("--perfetto", &args.perfetto)];
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
    let mut staged: Vec<Staged> = Vec::new();
    if let Some(path) = &args.csv {
        staged.push(stage(path, |file| events::write(&reader, file))?);
    }
    if let Some(path) = &args.perfetto {
        let end = summary.duration_ns;
        staged.push(stage(path, |file| counters::write(&reader, end, file))?);
    }
    for file in staged {
        file.commit()?;
    }
    if args.json {
        let (summary, iterations) = (&summary, &iterations);
        output::print_json(&Report {
            summary,
            iterations,
        })
    } else {
        output::print(&show::text(args, &summary, &iterations))
    }
}
