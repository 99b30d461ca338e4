//! The files that `orionrt plan` was asked for.
//!
//! Stands on [`output`](crate::output). Invariant: all files are complete before the first of
//! them gets its name.

#![forbid(unsafe_code)]

use std::path::PathBuf;

use orionrt::Plan;

use crate::{
    args::{PlanArgs, PlanFile, PlanFormat},
    failure::Failure,
    input::{Input, Origin},
    output, picture,
};

/// The files to write.
pub(super) fn files(args: &PlanArgs) -> Vec<PathBuf> {
    let output = args.output.iter().map(|file| file.path.clone());
    output.chain(args.svg.clone()).collect()
}

/// Fails if one of the files can never be written, or two are the same.
pub(super) fn check(args: &PlanArgs) -> Result<(), Failure> {
    let files = files(args);
    if let [first, second] = &files[..]
        && first == second
    {
        let file = first.display();
        return Err(Failure::Usage(format!(
            "--output and --svg both name '{file}', expected two different files"
        )));
    }
    files.iter().try_for_each(|file| output::check(file))
}

/// Writes the plan and its picture.
pub(super) fn write(args: &PlanArgs, input: &Input, plan: &Plan) -> Result<(), Failure> {
    let mut staged = Vec::new();
    if let Some(PlanFile { path, format }) = &args.output {
        staged.push(output::stage(path, |file| match (format, &input.origin) {
            (PlanFormat::Json, _) => plan.write_json(file),
            (PlanFormat::Csv, Origin::Csv(text)) => plan.write_csv_like(&text[..], file),
            (PlanFormat::Csv, Origin::Onnx(_)) => plan.write_csv(file),
        })?);
    }
    if let Some(path) = &args.svg {
        let name = args.source.input.file_name().unwrap_or_default();
        let name = name.to_string_lossy();
        staged.push(output::stage(path, |file| {
            picture::write(&name, plan, file)
        })?);
    }
    staged.into_iter().try_for_each(output::Staged::commit)
}
