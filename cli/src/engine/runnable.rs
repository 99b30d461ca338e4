//! An ONNX file as a model that tract can run, with its weights.
//!
//! Stands on `checks` and `dims`; everything else is tract's own way: typed, decluttered,
//! optimised. Invariant: every input of a model that is returned has a shape of numbers.

#![forbid(unsafe_code)]

use std::{
    path::{Path, PathBuf},
    sync::Arc,
};

use tract_onnx::prelude::{InferenceModelExt, RunOptions, TypedModel, TypedSimplePlan};

use super::{
    checks, dims,
    error::{EngineError, refused},
    reading::{contained, decode, folder, graph_of, parse},
    weights::weight_files,
};

/// A model that is ready to run.
pub(crate) type Runnable = Arc<TypedSimplePlan>;

/// Reads the model in `path` and prepares it to run with these sizes and options. The files beside
/// it are those that have its weights.
pub(crate) fn load_runnable(
    path: &Path,
    dims: &[(String, usize)],
    options: &RunOptions,
) -> Result<(Runnable, Vec<PathBuf>), EngineError> {
    contained(|| {
        let mut file = decode(path)?;
        let graph = graph_of(&mut file)?;
        checks::check(graph).map_err(|reason| EngineError::Refused { reason })?;
        let weights = weight_files(graph, path.parent().unwrap_or(Path::new("")));
        checks::simplify_dims(graph);
        let mut model = parse(file, folder(path))?;
        dims::bind(&mut model, dims)?;
        let model = model.into_optimized().map_err(refused)?;
        check_inputs(&model)?;
        let model = TypedSimplePlan::new_with_options(model, options).map_err(refused)?;
        Ok((model, weights))
    })
}

fn check_inputs(model: &TypedModel) -> Result<(), EngineError> {
    for (i, input) in model.inputs.iter().enumerate() {
        let fact = model.input_fact(i).map_err(refused)?;
        if fact.shape.as_concrete().is_none() {
            let name = &model.node(input.node).name;
            return Err(EngineError::Refused {
                reason: format!("the shape of its input '{name}' is not known: {fact:?}"),
            });
        }
    }
    Ok(())
}
