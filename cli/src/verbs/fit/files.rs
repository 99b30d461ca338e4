//! The files that `orionrt fit` was asked for.
//!
//! Stands on [`staging`](crate::staging). Invariant: a file is complete before it gets its name,
//! and replaces nothing that is read.

#![forbid(unsafe_code)]

use std::path::PathBuf;

use super::{asked::Asked, curve_picture, schedule::ScheduleOf};
use crate::{
    args::{FitArgs, Order, PlanFile, PlanFormat},
    failure::Failure,
    input::Input,
    staging::stage,
    target::{Role, check_files},
};

/// The files to write, by their options.
fn roles(args: &FitArgs) -> Vec<Role<'_>> {
    let output = args.output.iter().map(|file| ("--output", &*file.path));
    let svg = args.svg.iter().map(|path| ("--svg", &**path));
    output.chain(svg).collect()
}

/// The files to write.
pub(super) fn files(args: &FitArgs) -> Vec<PathBuf> {
    let roles = roles(args).into_iter();
    roles.map(|(_, path)| path.into()).collect()
}

/// Fails if one of the files can never be written, or would replace what is read.
pub(super) fn check(args: &FitArgs) -> Result<(), Failure> {
    if let Some(PlanFile { path, format }) = &args.output
        && *format == PlanFormat::Tflite
    {
        let path = path.display();
        return Err(Failure::Usage(format!(
            "--output '{path}' is for a plan, expected .json or .csv for a schedule"
        )));
    }
    if let Some(same) = args.model.same.first() {
        return Err(Failure::Usage(format!(
            "--same {same} is for plans: in a schedule, outputs have bytes of their own"
        )));
    }
    // `clap` lets an option pass whose other half is in conflict with a third one.
    if let (Some(path), None) = (&args.svg, args.curve) {
        let path = path.display();
        return Err(Failure::Usage(format!(
            "--svg '{path}' draws a curve, expected --curve"
        )));
    }
    let mut inputs: Vec<Role> = vec![("the input", &args.input)];
    if let Order::Given(path) = &args.model.order {
        inputs.push(("the order", path));
    }
    inputs.extend(args.costs.iter().map(|path| ("the costs", &**path)));
    check_files(&roles(args), &inputs)
}

/// Fails if one of the files would replace the model's weights, which only the model tells of.
pub(super) fn check_weights(args: &FitArgs, input: &Input) -> Result<(), Failure> {
    check_files(&roles(args), &input.weight_roles())
}

/// Writes the schedule.
pub(super) fn write_schedule(args: &FitArgs, schedule: &ScheduleOf<'_>) -> Result<(), Failure> {
    let Some(PlanFile { path, format }) = &args.output else {
        return Ok(());
    };
    let staged = stage(path, |file| match format {
        PlanFormat::Csv => schedule.write_csv(file).map_err(|error| error.to_string()),
        _ => schedule.write_json(file).map_err(|error| error.to_string()),
    });
    staged?.commit()
}

/// Draws the curve.
pub(super) fn write_picture(
    asked: &Asked<'_>,
    points: &[curve_picture::Drawn],
) -> Result<(), Failure> {
    let Some(path) = &asked.args.svg else {
        return Ok(());
    };
    let name = asked.args.input.file_name().unwrap_or_default();
    let (name, peak) = (name.to_string_lossy(), asked.before.peak());
    let staged = stage(path, |file| curve_picture::write(&name, peak, points, file));
    staged?.commit()
}
