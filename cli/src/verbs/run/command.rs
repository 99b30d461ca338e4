//! The verb `run`: measures what memory costs an ONNX model.
//!
//! Stands on `page` and [`inference`](crate::inference). Invariant: every number was measured in
//! this run; if outputs differ, the exit status says so.

#![forbid(unsafe_code)]

use std::{path::PathBuf, time::Instant};

use super::page;
use crate::{
    args::RunArgs,
    dual_heap::Allocator,
    failure::Failure,
    inference::{
        InferenceError, Results, Runner, measure, measure_here, measure_in_child_processes,
    },
    interrupt, output, progress,
    staging::{Staged, stage},
    target::{Role, check_files},
};

pub(crate) fn run(args: &RunArgs, allocator: &'static Allocator) -> Result<(), Failure> {
    if let Some(mode) = args.peak_of {
        return output::print_json(&measure_here(args, mode, allocator)?);
    }
    check_outputs(args, &[], &[])?;
    let failed = |error: InferenceError| Failure::file(&args.model, error);
    let mut runner = Runner::load(args, allocator)?;
    let saved = args.save.as_ref().filter(|folder| folder.exists());
    let saved = saved.map(|folder| runner.saved_files(folder));
    check_outputs(args, &saved.unwrap_or_default(), runner.weights())?;
    let cancel = interrupt::cancel_on_ctrl_c();
    let limit = args.time_limit.0;
    let start = Instant::now();
    let measured = measure(&mut runner, args.iterations, limit, &cancel).map_err(failed)?;
    let peaks = if measured.interrupted || start.elapsed() >= limit {
        Default::default()
    } else {
        progress::with_spinner("measuring peak memory", || measure_in_child_processes(args))
    };
    write(args, &runner)?;
    if let Some(folder) = &args.save {
        runner.save(folder)?;
    }
    let replayed = runner.replayed();
    let replayed = replayed.ok_or_else(|| failed(InferenceError::Unsteady))?;
    let results = Results {
        args,
        assumed: runner.assumed(),
        measured: &measured,
        peaks,
        replayed: &replayed,
        outputs_equal: runner.difference().is_none(),
    };
    if args.json {
        output::print_json(&results.json())?;
    } else {
        output::print(&results.text())?;
    }
    match runner.difference() {
        None => Ok(()),
        Some(difference) => Err(Failure::file(&args.model, difference)),
    }
}

/// Fails if the recording, the page or one of the saved files can never be written, if two are the
/// same, or if one is the model or has its weights.
fn check_outputs(args: &RunArgs, saved: &[PathBuf], weights: &[PathBuf]) -> Result<(), Failure> {
    let record = args.record.iter().map(|path| ("--record", &**path));
    let html = args.html.iter().map(|path| ("--html", &**path));
    let saved = saved.iter().map(|path| ("--save", &**path));
    let outputs: Vec<Role> = record.chain(html).chain(saved).collect();
    let weights = weights.iter().map(|path| ("the weights", &**path));
    let inputs: Vec<Role> = weights.chain([("the model", &*args.model)]).collect();
    check_files(&outputs, &inputs)
}

/// Writes the recording and the page, as far as they were asked for.
fn write(args: &RunArgs, runner: &Runner) -> Result<(), Failure> {
    let mut staged = Vec::new();
    if let Some(path) = &args.record {
        let recording = runner.recording();
        let recording =
            recording.ok_or_else(|| Failure::file(&args.model, InferenceError::Unsteady))?;
        staged.push(stage(path, |file| recording.write_csv(file))?);
    }
    if let Some(path) = &args.html {
        staged.push(page::write(args, runner, path)?);
    }
    staged.into_iter().try_for_each(Staged::commit)
}
