//! `orionrt run`: what memory costs a model of the user's.
//!
//! Stands on [`measure`](super::measure) and [`peak`](super::peak). Invariant: every number was measured in this very run; if outputs
//! differed, the exit status says so.

#![forbid(unsafe_code)]

use super::{
    bench::{Bench, failure},
    error::InferenceError,
    measure::measure,
    peak::{self, Peak},
    report::Results,
};
use crate::{
    Allocator,
    args::{Mode, RunArgs},
    failure::Failure,
    interrupt, output, progress,
};

pub(crate) fn run(args: &RunArgs, allocator: &'static Allocator) -> Result<(), Failure> {
    if let Some(mode) = args.peak_of {
        return output::print_json(&peak::measure(args, mode, allocator)?);
    }
    if let Some(path) = &args.record {
        output::check(path)?;
    }
    let mut bench = Bench::load(args, allocator)?;
    let cancel = interrupt::listen();
    let measured = measure(&mut bench, args.iterations, &cancel);
    let measured = measured.map_err(|error| failure(args, error))?;
    // Who has no patience left has none for this either.
    let peaks = if measured.interrupted {
        Default::default()
    } else {
        peaks(args)
    };
    write(args, &bench)?;
    let replayed = bench.replayed().ok_or_else(|| unsteady(args))?;
    let results = Results {
        args,
        assumed: bench.assumed(),
        measured: &measured,
        peaks,
        replayed: &replayed,
        outputs_equal: bench.difference().is_none(),
    };
    if args.json {
        output::print_json(&results.json())?;
    } else {
        output::print(&results.text())?;
    }
    match bench.difference() {
        None => Ok(()),
        Some(difference) => Err(Failure::Outputs {
            path: args.model.clone(),
            difference,
        }),
    }
}

fn peaks(args: &RunArgs) -> [Peak; Mode::ALL.len()] {
    progress::during("measuring the memory of each", || {
        Mode::ALL.map(|mode| peak::ask(args, mode))
    })
}

fn write(args: &RunArgs, bench: &Bench) -> Result<(), Failure> {
    let Some(path) = &args.record else {
        return Ok(());
    };
    let recording = bench.recording().ok_or_else(|| unsteady(args))?;
    output::stage(path, |file| recording.write_csv(file))?.commit()
}

fn unsteady(args: &RunArgs) -> Failure {
    failure(args, InferenceError::Unsteady)
}
