//! The models of `orionrt share`, each under a name of its own.
//!
//! Stands on [`input`](crate::input). Invariant: the models of the [`ModelSet`] are those of the
//! list, in its order.

#![forbid(unsafe_code)]

use std::{collections::BTreeSet, path::PathBuf};

use orionrt::{ModelSet, models::SharingError, planner::PlannerError};

use crate::{
    args::{DimSize, ModelArgs, ScheduleArg, ShareArgs, SourceArgs},
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
    if paths.iter().any(|path| input::is_standard_input(path)) {
        let message = "several models are read from files, not from standard input ('-')";
        return Err(Failure::Usage(message.into()));
    }
    let names = unused_names(&paths);
    let dims = dims_of_each(&paths, &names, &args.source.model.dims)?;
    let some_are_models = paths.iter().any(|path| input::is_named_model(path));
    let mut models = Vec::new();
    for ((path, name), dims) in paths.into_iter().zip(names).zip(dims) {
        let mut source = SourceArgs {
            input: path.clone(),
            ..args.source.clone()
        };
        source.model.dims = dims;
        if some_are_models && !input::is_named_model(&path) {
            // The other options are for the models among the files, too.
            source.model = ModelArgs {
                dims: source.model.dims,
                ..ModelArgs::default()
            };
        }
        let input = input::load(&source)?;
        models.push(Model { name, path, input });
    }
    Ok(models)
}

/// The files' names without their extensions, with a number where an earlier file has that name.
fn unused_names(paths: &[PathBuf]) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for path in paths {
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        let numbered = (2..).map(|number| format!("{stem}#{number}"));
        let mut candidates = std::iter::once(stem.to_string()).chain(numbered);
        let unused = candidates.find(|name| !names.contains(name));
        names.push(unused.unwrap_or_default());
    }
    names
}

/// The sizes of dimensions that are for each of the files: `MODEL:NAME=N` for one model, `NAME=N`
/// for all models that have a dimension of that name.
fn dims_of_each(
    paths: &[PathBuf],
    names: &[String],
    given: &[DimSize],
) -> Result<Vec<Vec<DimSize>>, Failure> {
    let mut of_each = vec![Vec::new(); paths.len()];
    if given.is_empty() {
        return Ok(of_each);
    }
    let mut is_used = vec![false; given.len()];
    let mut known = BTreeSet::new();
    for ((path, model), own) in paths.iter().zip(names).zip(&mut of_each) {
        if !input::is_named_model(path) {
            continue;
        }
        let dims = input::dimensions(path)?;
        let has = |name: &str| dims.iter().any(|dim| dim.name == name);
        let mut of_this = Vec::new();
        for (dim, is_used) in given.iter().zip(&mut is_used) {
            let of_model = dim.name.strip_prefix(model.as_str());
            let of_model = of_model.and_then(|rest| rest.strip_prefix(':'));
            let name = of_model.unwrap_or(&dim.name);
            if has(name) {
                *is_used = true;
                let name = name.to_string();
                let found = DimSize { name, ..*dim };
                if of_model.is_some() {
                    of_this.push(found);
                } else {
                    own.push(found);
                }
            }
        }
        // The last counts: what is for this model alone, wherever it was given.
        own.append(&mut of_this);
        known.extend(dims.into_iter().map(|dim| dim.name));
    }
    match given.iter().zip(is_used).find(|(_, is_used)| !is_used) {
        None => Ok(of_each),
        Some((dim, _)) => {
            let known: Vec<String> = known.into_iter().collect();
            Err(Failure::Usage(format!(
                "--dim {dim}: no model has a dimension of that name; they have {}",
                known.join(", ")
            )))
        }
    }
}

/// The models with the alignment that each would be planned with alone; without parts of results
/// where `is_without` says so and there are lifetimes without them.
pub(super) fn model_set(
    models: &[Model],
    is_without: impl Fn(usize) -> bool,
) -> Result<ModelSet, Failure> {
    let mut set = ModelSet::new();
    for (number, Model { name, path, input }) in models.iter().enumerate() {
        let without = input.without_parts().filter(|_| is_without(number));
        let lifetimes = without.unwrap_or(&input.lifetimes);
        let aligned = lifetimes.clone().with_alignment(input.alignment);
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
