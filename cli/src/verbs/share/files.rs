//! The files that `orionrt share` was asked for.
//!
//! Stands on [`staging`](crate::staging). Invariant: all files are complete before the first of
//! them gets its name, and none replaces an input.

#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};

use orionrt::models::SharedPlan;

use super::{models::Model, page};
use crate::{
    args::{Order, ScheduleArg, ShareArgs},
    failure::Failure,
    input::Origin,
    staging::{NewFolder, Staged, stage},
    target::{Role, check_files},
};

/// The files to write.
#[derive(Default)]
pub(super) struct Files {
    /// The plan of each model.
    pub(super) each: Vec<PathBuf>,
    /// The plan of all models.
    pub(super) shared: Option<PathBuf>,
    pub(super) page: Option<PathBuf>,
}

/// The files to write. Fails before the search if one of them can never be written.
pub(super) fn files(args: &ShareArgs, models: &[Model]) -> Result<Files, Failure> {
    let in_folder = |folder: &Path| {
        let each = models
            .iter()
            .map(|m| folder.join(format!("{}.csv", m.name)));
        (each.collect(), folder.join("shared.json"))
    };
    let mut files = Files {
        page: args.html.clone(),
        ..Files::default()
    };
    if let Some(folder) = &args.output {
        let (each, shared) = in_folder(folder);
        (files.each, files.shared) = (each, Some(shared));
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
    // What is in a new folder takes the place of nothing.
    let is_there = args.output.as_ref().is_some_and(|folder| folder.exists());
    let plans = files.each.iter().chain(&files.shared);
    let plans = plans.filter(|_| is_there).map(|path| ("--output", &**path));
    let page = files.page.iter().map(|path| ("--html", &**path));
    let outputs: Vec<Role> = plans.chain(page).collect();
    check_files(&outputs, &inputs)?;
    Ok(files)
}

/// Writes the files.
pub(super) fn write(models: &[Model], shared: &SharedPlan, files: &Files) -> Result<(), Failure> {
    let mut staged = Vec::new();
    let folder = files.shared.as_ref().and_then(|path| path.parent());
    let folder = folder.map(NewFolder::create).transpose()?;
    for ((model, (id, _)), path) in models.iter().zip(shared.models()).zip(&files.each) {
        let Some(plan) = shared.part(id) else {
            continue;
        };
        staged.push(stage(path, |file| match &model.input.origin {
            Origin::Csv(table) => table.write_with_offsets(plan.offsets(), file),
            _ => plan.write_csv(file),
        })?);
    }
    if let Some(path) = &files.shared {
        staged.push(stage(path, |file| shared.plan().write_json(file))?);
    }
    if let Some(path) = &files.page {
        staged.push(page::write(models, shared, path)?);
    }
    staged.into_iter().try_for_each(Staged::commit)?;
    if let Some(folder) = folder {
        folder.keep();
    }
    Ok(())
}
