//! The files that `orionrt share` was asked for.
//!
//! Stands on [`output`](crate::output). Invariant: all files are complete before the first of
//! them gets its name, and none replaces an input.

#![forbid(unsafe_code)]

use std::{fs, path::PathBuf};

use orionrt::models::SharedPlan;

use super::models::Model;
use crate::{args::ShareArgs, failure::Failure, input::Origin, output};

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
    let inputs = models
        .iter()
        .filter_map(|model| fs::canonicalize(&model.path).ok());
    let inputs: Vec<PathBuf> = inputs.collect();
    for file in files.each.iter().chain([&files.shared]) {
        output::check(file)?;
        let is_input = fs::canonicalize(file).is_ok_and(|file| inputs.contains(&file));
        if is_input {
            let file = file.display();
            return Err(Failure::Usage(format!(
                "--output would replace the input '{file}'; name another folder"
            )));
        }
    }
    Ok(Some(files))
}

/// Writes the files, if any.
pub(super) fn write(
    models: &[Model],
    shared: &SharedPlan,
    files: &Option<Files>,
) -> Result<(), Failure> {
    let Some(files) = files else { return Ok(()) };
    if let Some(folder) = files.shared.parent() {
        fs::create_dir_all(folder).map_err(|error| Failure::write(folder, error))?;
    }
    let mut staged = Vec::new();
    for ((model, (id, _)), path) in models.iter().zip(shared.models()).zip(&files.each) {
        let Some(plan) = shared.part(id) else {
            continue;
        };
        staged.push(output::stage(path, |file| match &model.input.origin {
            Origin::Csv(text) => plan.write_csv_like(&text[..], file),
            Origin::Model(_) | Origin::Rows => plan.write_csv(file),
        })?);
    }
    staged.push(output::stage(&files.shared, |file| {
        shared.plan().write_json(file)
    })?);
    staged.into_iter().try_for_each(output::Staged::commit)
}
