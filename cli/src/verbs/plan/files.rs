//! The files that `orionrt plan` was asked for.
//!
//! Stands on [`staging`](crate::staging). Invariant: all files are complete before the first of
//! them gets its name.

#![forbid(unsafe_code)]

use std::path::PathBuf;

use orionrt::{Plan, files::PlanSource};

use super::{page, source};
use crate::{
    args::{Aliasing, Order, PlanArgs, PlanFile, PlanFormat},
    failure::Failure,
    input::{Input, ModelFacts, ModelJson, Origin},
    memory_snapshot, perfetto, picture, progress,
    staging::{Staged, stage},
    target::{Role, check_files},
};

/// The files to write.
pub(super) fn files(args: &PlanArgs) -> Vec<PathBuf> {
    let output = args.output.iter().map(|file| file.path.clone());
    let pictures = pictures(args).into_iter();
    output
        .chain(pictures.map(|(_, path)| path.into()))
        .chain(source::roles(args).map(|(_, path)| path.into()))
        .collect()
}

/// What the plan is drawn into.
fn pictures(args: &PlanArgs) -> Vec<Role<'_>> {
    let svg = args.svg.iter().map(|path| ("--svg", &**path));
    let html = args.html.iter().map(|path| ("--html", &**path));
    let perfetto = args.perfetto.iter().map(|path| ("--perfetto", &**path));
    let snapshot = args.snapshot.iter().map(|path| ("--snapshot", &**path));
    svg.chain(html).chain(perfetto).chain(snapshot).collect()
}

/// Fails if one of the files can never be written, if two are the same, or if one is an input. A
/// plan may take the place of an earlier plan, which it continues.
pub(super) fn check(args: &PlanArgs) -> Result<(), Failure> {
    let plan = args.output.iter().map(|file| ("--output", &*file.path));
    let made: Vec<Role> = pictures(args)
        .into_iter()
        .chain(source::roles(args))
        .collect();
    let mut inputs: Vec<Role> = vec![("the input", &args.source.input)];
    if let Order::Given(path) = &args.source.model.order {
        inputs.push(("the order", path));
    }
    let files: Vec<Role> = plan.chain(made.iter().copied()).collect();
    check_files(&files, &inputs)?;
    let earlier = [&args.keep, &args.start_from].into_iter().flatten();
    let earlier: Vec<Role> = earlier.map(|path| ("the plan", &**path)).collect();
    check_files(&made, &earlier)
}

/// Fails if one of the files would replace the model's weights, which only the model tells of.
pub(super) fn check_weights(args: &PlanArgs, input: &Input) -> Result<(), Failure> {
    let plan = args.output.iter().map(|file| ("--output", &*file.path));
    let files: Vec<Role> = plan
        .chain(pictures(args))
        .chain(source::roles(args))
        .collect();
    let weights = input.weight_files().iter();
    let weights: Vec<Role> = weights.map(|path| ("the weights", &**path)).collect();
    check_files(&files, &weights)
}

/// Fails if the plan is to be written into a copy of the model and that is not possible.
pub(super) fn check_format(args: &PlanArgs, input: &Input) -> Result<(), Failure> {
    let output = args.output.as_ref();
    let Some(file) = output.filter(|file| file.format == PlanFormat::Tflite) else {
        return Ok(());
    };
    let is_tflite = matches!(&input.origin,
        Origin::Model(model) if model.format == orionrt_models::Format::Tflite);
    let (copy, aliasing) = (file.path.display(), args.source.model.aliasing);
    if !is_tflite {
        let input = args.source.input.display();
        return Err(Failure::Usage(format!(
            "--output '{copy}' is for TensorFlow Lite models, which '{input}' is not"
        )));
    }
    if args.source.model.order != Order::File {
        return Err(Failure::Usage(format!(
            "--output '{copy}' needs --order file: TensorFlow Lite Micro runs the operators in the \
             order of the file"
        )));
    }
    if aliasing >= Aliasing::InPlace {
        return Err(Failure::Usage(format!(
            "--output '{copy}' cannot have --aliasing {}: not all operators of TensorFlow Lite \
             Micro may write over their operands",
            aliasing.name()
        )));
    }
    if let Some(same) = args.source.model.same.first() {
        return Err(Failure::Usage(format!(
            "--output '{copy}' cannot have --same {same}: TensorFlow Lite Micro has bytes for each \
             output"
        )));
    }
    Ok(())
}

/// Writes the plan and its picture.
pub(super) fn write(args: &PlanArgs, input: &Input, plan: &Plan) -> Result<(), Failure> {
    let mut staged = Vec::new();
    if let Some(PlanFile { path, format }) = &args.output {
        staged.push(match (format, &input.origin) {
            (PlanFormat::Tflite, Origin::Model(model)) => {
                let copy = tflite_copy(args, model, plan)?;
                stage(path, |file| file.write_all(&copy))?
            }
            (format, origin) => stage(path, |file| match (format, origin) {
                (PlanFormat::Csv, Origin::Csv(table)) => {
                    table.write_with_offsets(plan.offsets(), file)
                }
                (PlanFormat::Csv, _) => plan.write_csv(file),
                (_, Origin::Model(model)) => plan.write_json_for(file, &ModelJson::new(model)),
                (_, _) => plan.write_json(file),
            })?,
        });
    }
    let name = args.source.input.file_name().unwrap_or_default();
    let name = name.to_string_lossy();
    if let Some(path) = &args.svg {
        staged.push(stage(path, |file| picture::write(&name, plan, file))?);
    }
    if let Some(path) = &args.html {
        let message = format!("drawing {}", path.display());
        let write = || page::write(args, input, plan, path);
        staged.push(progress::with_spinner(message, write)?);
    }
    if let Some(path) = &args.perfetto {
        let graph = input.graph();
        staged.push(stage(path, |file| perfetto::write(plan, graph, file))?);
    }
    if let Some(path) = &args.snapshot {
        let graph = input.graph();
        staged.push(stage(path, |file| {
            memory_snapshot::write(plan, graph, file)
        })?);
    }
    let source = PlanSource::of(plan);
    staged.extend(match &input.origin {
        Origin::Model(model) => source::write(args, &source.operators(&model.operators)),
        _ => source::write(args, &source),
    }?);
    staged.into_iter().try_for_each(Staged::commit)
}

/// A copy of the TensorFlow Lite model with the plan in it.
fn tflite_copy(args: &PlanArgs, model: &ModelFacts, plan: &Plan) -> Result<Vec<u8>, Failure> {
    let tensors = plan.lifetimes().iter().zip(plan.offsets());
    let offsets = tensors.map(|((_, name, _), &offset)| (name, offset));
    orionrt_models::with_offline_plan(&model.source.bytes()?, offsets)
        .map_err(|error| Failure::file(&args.source.input, error))
}
