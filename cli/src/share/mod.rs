//! `orionrt share`: several models in one arena.
//!
//! Stands on [`input`](crate::input) and [`output`](crate::output); `schedule` reads who may run beside whom, `show` tells what came of it.
//! Invariant: files get their names only when all of them are complete, and never in the place of an input.

#![forbid(unsafe_code)]

mod schedule;
mod show;

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use orionrt::{
    ModelSet, Schedule,
    models::{SharedPlan, SharingError, SharingSummary},
};

use crate::{
    args::{Aliasing, Order, ShareArgs, SourceArgs, When},
    failure::Failure,
    input::{self, Input, Origin},
    interrupt, output, progress,
};

/// So many tensors are shown with the partner that each could share most with.
const BEST: usize = 100;

pub(crate) fn run(args: &ShareArgs) -> Result<(), Failure> {
    let models = load(args)?;
    let set = set(&models)?;
    let schedule = schedule::read(&args.schedule, &set)?;
    let files = files(args, &models)?;
    let found = search(args, &models, &set, &schedule)?;
    write(&models, &found.shared, &files)?;
    if args.json {
        output::print_json(&show::json(&models, &found))
    } else {
        output::print(&show::text(args, &models, &found, &files))
    }
}

/// A model, and where it is from.
struct Model {
    name: String,
    path: PathBuf,
    input: Input,
}

/// What planning came to.
struct Found {
    shared: SharedPlan,
    summary: SharingSummary,
    time: Duration,
    interrupted: bool,
}

fn load(args: &ShareArgs) -> Result<Vec<Model>, Failure> {
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
            // Meant for the others.
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

/// The file's name without its extension, and a number if other files have that too.
fn unused_name(path: &Path, models: &[Model]) -> String {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let is_unused = |name: &String| models.iter().all(|model| model.name != *name);
    let numbered = (2..).map(|number| format!("{stem}#{number}"));
    let mut names = std::iter::once(stem.to_string()).chain(numbered);
    names.find(is_unused).unwrap_or_default()
}

/// Each model as it would be planned alone: with the alignment that its kind of file has.
fn set(models: &[Model]) -> Result<ModelSet, Failure> {
    let mut set = ModelSet::new();
    for Model { name, path, input } in models {
        let aligned = input.lifetimes.clone().with_alignment(input.alignment);
        let lifetimes = aligned.map_err(|error| Failure::Planning {
            path: path.clone(),
            error: Box::new(orionrt::planner::PlannerError::Lifetimes(error)),
        })?;
        let added = set.add(name, lifetimes);
        added.map_err(|error| failure(models, None, error))?;
    }
    Ok(set)
}

/// The plan of each model, and of all.
struct Files {
    each: Vec<PathBuf>,
    all: PathBuf,
}

/// The files to write, if any; what could never be written is found before the work is done.
fn files(args: &ShareArgs, models: &[Model]) -> Result<Option<Files>, Failure> {
    let Some(folder) = &args.output else {
        return Ok(None);
    };
    let in_folder = |name: String| folder.join(name);
    let files = Files {
        each: models
            .iter()
            .map(|m| in_folder(format!("{}.csv", m.name)))
            .collect(),
        all: in_folder("shared.json".into()),
    };
    if !folder.exists() {
        return Ok(Some(files));
    }
    let inputs = models
        .iter()
        .filter_map(|model| fs::canonicalize(&model.path).ok());
    let inputs: Vec<PathBuf> = inputs.collect();
    for file in files.each.iter().chain([&files.all]) {
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

fn search(
    args: &ShareArgs,
    models: &[Model],
    set: &ModelSet,
    schedule: &Schedule,
) -> Result<Found, Failure> {
    let cancel = interrupt::listen();
    let planner = args.search.planner(1, &cancel);
    let start = Instant::now();
    let tensors: usize = models.iter().map(|model| model.input.lifetimes.len()).sum();
    let message = format!("planning {tensors} tensors of {} models", models.len());
    let failed = |error| failure(models, Some(&args.schedule), error);
    let planned = progress::during(message, || set.plan(schedule, &planner));
    let shared = planned.map_err(failed)?;
    let (time, interrupted) = (start.elapsed(), cancel.is_cancelled());
    Ok(Found {
        summary: set.sharing_summary(schedule, BEST).map_err(failed)?,
        shared,
        time,
        interrupted,
    })
}

/// An error with the file at fault: a model's, the schedule's, or the first one's where it is everybody's.
fn failure(models: &[Model], when: Option<&When>, error: SharingError) -> Failure {
    let of_model = match &error {
        SharingError::Planning { model, .. } => {
            let named = |one: &&Model| Some(&one.name) == model.as_ref();
            models.iter().find(named).or(models.first())
        }
        _ => None,
    };
    let path = match (of_model, when) {
        (Some(model), _) => model.path.clone(),
        (None, Some(When::File(schedule))) => schedule.clone(),
        _ => models
            .first()
            .map(|model| model.path.clone())
            .unwrap_or_default(),
    };
    let error = Box::new(error);
    Failure::Sharing { path, error }
}

/// All files are complete before the first gets its name.
fn write(models: &[Model], shared: &SharedPlan, files: &Option<Files>) -> Result<(), Failure> {
    let Some(files) = files else { return Ok(()) };
    if let Some(folder) = files.all.parent() {
        fs::create_dir_all(folder).map_err(|error| Failure::Write {
            path: folder.into(),
            reason: error.to_string(),
        })?;
    }
    let mut staged = Vec::new();
    for ((model, (id, _)), path) in models.iter().zip(shared.models()).zip(&files.each) {
        let Some(part) = shared.part(id) else {
            continue;
        };
        staged.push(output::stage(path, |file| match &model.input.origin {
            Origin::Csv(text) => part.write_csv_like(&text[..], file),
            Origin::Onnx(_) => part.write_csv(file),
        })?);
    }
    staged.push(output::stage(&files.all, |file| {
        shared.plan().write_json(file)
    })?);
    staged.into_iter().try_for_each(output::Staged::commit)
}
