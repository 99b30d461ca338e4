//! The models of `orionrt share`, each under a name of its own.
//!
//! Stands on [`input`](crate::input). Invariant: the models of the [`ModelSet`] are those of the
//! list, in its order.

#![forbid(unsafe_code)]

use std::path::{Path, PathBuf};

use orionrt::{ModelSet, models::SharingError, planner::PlannerError};

use crate::{
    args::{Aliasing, Order, ScheduleArg, ShareArgs, SourceArgs},
    failure::Failure,
    input::{self, Input},
};

/// A model and the file that it comes from.
pub(super) struct Model {
    pub(super) name: String,
    pub(super) path: PathBuf,
    pub(super) input: Input,
}

pub(super) fn load(args: &ShareArgs) -> Result<Vec<Model>, Failure> {
    let first = [args.source.input.clone()];
    let paths: Vec<PathBuf> = first.into_iter().chain(args.others.clone()).collect();
    let some_are_onnx = paths.iter().any(|path| input::is_onnx(path));
    let mut models: Vec<Model> = Vec::new();
    for path in paths {
        let mut source = SourceArgs {
            input: path.clone(),
            ..args.source.clone()
        };
        if some_are_onnx && !input::is_onnx(&path) {
            // These options are for the ONNX models among the files.
            source.dims.clear();
            source.order = Order::Keep;
            source.aliasing = Aliasing::Off;
        }
        let name = unused_name(&path, &models);
        let input = input::load(&source)?;
        models.push(Model { name, path, input });
    }
    Ok(models)
}

/// The file's name without its extension, with a number if an earlier model has that name.
fn unused_name(path: &Path, models: &[Model]) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let is_unused = |name: &String| models.iter().all(|model| model.name != *name);
    let numbered = (2..).map(|number| format!("{stem}#{number}"));
    let mut names = std::iter::once(stem.to_string()).chain(numbered);
    names.find(is_unused).unwrap_or_default()
}

/// The models with the alignment that each would be planned with alone.
pub(super) fn model_set(models: &[Model]) -> Result<ModelSet, Failure> {
    let mut set = ModelSet::new();
    for Model { name, path, input } in models {
        let aligned = input.lifetimes.clone().with_alignment(input.alignment);
        let lifetimes =
            aligned.map_err(|error| Failure::file(path, PlannerError::Lifetimes(error)))?;
        let added = set.add(name, lifetimes);
        added.map_err(|error| failure(models, None, error))?;
    }
    Ok(set)
}

/// The error with the file at fault: that of a model or of the schedule, and the first model's if
/// the error is not about one of them.
pub(super) fn failure(
    models: &[Model],
    schedule: Option<&ScheduleArg>,
    error: SharingError,
) -> Failure {
    let of_model = match &error {
        SharingError::Planning { model, .. } => {
            let is_named = |one: &&Model| Some(&one.name) == model.as_ref();
            models.iter().find(is_named).or(models.first())
        }
        _ => None,
    };
    let path = match (of_model, schedule) {
        (Some(model), _) => model.path.clone(),
        (None, Some(ScheduleArg::File(schedule))) => schedule.clone(),
        _ => models
            .first()
            .map(|model| model.path.clone())
            .unwrap_or_default(),
    };
    Failure::file(&path, error)
}
