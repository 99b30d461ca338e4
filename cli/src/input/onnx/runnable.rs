//! An ONNX file as a model that tract can run, with its weights.
//!
//! Stands on `proto` and `dims`, so that a model runs with the same sizes of its dimensions as it
//! is planned with; everything else is tract's own way: typed, decluttered, optimised. Invariant:
//! every input of a model that is returned has a shape of numbers.

#![forbid(unsafe_code)]

use std::{collections::HashSet, path::Path, sync::Arc};

use tract_onnx::prelude::{InferenceModelExt, RunOptions, TypedModel, TypedSimplePlan};

use super::{
    dims::Dims,
    error::{OnnxError, refused},
    proto,
    reading::{contained, decode, folder, graph_of, parse},
};

/// A model that is ready to run.
#[derive(Debug)]
pub(crate) struct Runnable {
    pub(crate) plan: Arc<TypedSimplePlan>,
    /// Symbolic dimensions that were not given, with the sizes assumed for them.
    pub(crate) assumed: Vec<(String, usize)>,
}

/// Reads the model in `path` and prepares it to run with these sizes and options.
pub(crate) fn load_runnable(
    path: &Path,
    dims: &[(String, usize)],
    options: &RunOptions,
) -> Result<Runnable, OnnxError> {
    contained(|| {
        let mut file = decode(path)?;
        let graph = graph_of(&mut file)?;
        proto::check(graph).map_err(|reason| OnnxError::Refused { reason })?;
        proto::simplify_dims(graph);
        let mut model = parse(file, folder(path))?;
        let dims = Dims::bind(&mut model, &HashSet::new(), dims)?;
        let model = model.into_optimized().map_err(refused)?;
        check_inputs(&model)?;
        Ok(Runnable {
            plan: TypedSimplePlan::new_with_options(model, options).map_err(refused)?,
            assumed: dims.assumed,
        })
    })
}

fn check_inputs(model: &TypedModel) -> Result<(), OnnxError> {
    for (i, input) in model.inputs.iter().enumerate() {
        let fact = model.input_fact(i).map_err(refused)?;
        if fact.shape.as_concrete().is_none() {
            let name = &model.node(input.node).name;
            return Err(OnnxError::Refused {
                reason: format!("the shape of its input '{name}' is not known: {fact:?}"),
            });
        }
    }
    Ok(())
}
