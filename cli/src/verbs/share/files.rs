//! The files that `orionrt share` was asked for.
//!
//! Stands on [`staging`](crate::staging). Invariant: all files are complete before the first of
//! them gets its name, and none replaces an input.

#![forbid(unsafe_code)]

use std::path::PathBuf;

use orionrt::models::SharedPlan;

use super::models::Model;
use crate::{
    args::{Order, ScheduleArg, ShareArgs},
    failure::Failure,
    input::Origin,
    staging::{NewFolder, Staged, stage},
    target::{Role, check_files},
};

/// The files to write.
pub(super) struct Files {
    /// The plan of each model.
    pub(super) each: Vec<PathBuf>,
    /// The plan of all models.
    pub(super) shared: PathBuf,
}

/// The files to write, if any. Fails before the search if one of them can never be written.
pub(super) fn files(args: &ShareArgs, models: &[Model]) -> Result<Option<Files>, Failure> {
    let Some(folder) = &args.output else {
        return Ok(None);
    };
    let in_folder = |name: String| folder.join(name);
    let each = models.iter().map(|m| in_folder(format!("{}.csv", m.name)));
    let files = Files {
        each: each.collect(),
        shared: in_folder("shared.json".into()),
    };
    if !folder.exists() {
        return Ok(Some(files));
    }
    let mut inputs: Vec<Role> = models.iter().map(|m| ("the input", &*m.path)).collect();
    let weights = models.iter().flat_map(|model| model.input.weight_files());
    inputs.extend(weights.map(|path| ("the weights", &**path)));
    if let ScheduleArg::File(path) = &args.schedule {
        inputs.push(("the schedule", path));
    }
    if let Order::Given(path) = &args.source.model.order {
        inputs.push(("the order", path));
    }
    let outputs = files.each.iter().chain([&files.shared]);
    let outputs: Vec<Role> = outputs.map(|path| ("--output", &**path)).collect();
    check_files(&outputs, &inputs)?;
    Ok(Some(files))
}

/// Writes the files, if any.
pub(super) fn write(
    models: &[Model],
    shared: &SharedPlan,
    files: &Option<Files>,
) -> Result<(), Failure> {
    let Some(files) = files else { return Ok(()) };
    let folder = files.shared.parent().map(NewFolder::create).transpose()?;
    let mut staged = Vec::new();
    for ((model, (id, _)), path) in models.iter().zip(shared.models()).zip(&files.each) {
        let Some(plan) = shared.part(id) else {
            continue;
        };
        staged.push(stage(path, |file| match &model.input.origin {
            Origin::Csv(text) => plan.write_csv_like(&text[..], file),
            _ => plan.write_csv(file),
        })?);
    }
    staged.push(stage(&files.shared, |file| shared.plan().write_json(file))?);
    staged.into_iter().try_for_each(Staged::commit)?;
    if let Some(folder) = folder {
        folder.keep();
    }
    Ok(())
}
