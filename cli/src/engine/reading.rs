//! Runs tract's reader where its panics and deep recursion do no harm.
//!
//! Stands on [`catch_panics`](crate::catch_panics). Owns the steps from a file to tract's model.

#![forbid(unsafe_code)]

use std::{fs::File, path::Path, thread};

use tract_onnx::pb::{GraphProto, ModelProto};
use tract_onnx::prelude::Framework;
use tract_onnx::tract_hir::internal::{InferenceModel, TractResult};

use super::error::{EngineError, not_onnx, refused};
use crate::catch_panics::catch_panics;

/// Deeply nested files recurse this deep.
const STACK_BYTES: usize = 256 << 20;

/// Does `read` on a thread of its own: panics end with it, unprinted, and a deeply nested file does
/// not overflow the stack.
pub(super) fn contained<T: Send>(
    read: impl FnOnce() -> Result<T, EngineError> + Send,
) -> Result<T, EngineError> {
    let broken = |what: String| EngineError::Refused {
        reason: format!("the reader failed on it ({what})"),
    };
    thread::scope(|scope| {
        let reader = thread::Builder::new()
            .name("onnx-reader".into())
            .stack_size(STACK_BYTES);
        let reader = reader
            .spawn_scoped(scope, || catch_panics(read))
            .map_err(|error| broken(error.to_string()))?;
        let contained = reader.join().unwrap_or_else(|_| Err("no message".into()));
        contained.map_err(broken)?
    })
}

/// The model in `path`, as the file has it.
pub(super) fn decode(path: &Path) -> Result<ModelProto, EngineError> {
    let unreadable = |source| EngineError::Read { source };
    let metadata = File::open(path)
        .and_then(|file| file.metadata())
        .map_err(unreadable)?;
    if !metadata.is_file() {
        return Err(not_onnx("it is not a regular file"));
    }
    if metadata.len() == 0 {
        return Err(not_onnx("the file is empty"));
    }
    decoded(tract_onnx::onnx().proto_model_for_path(path))
}

pub(super) fn decoded(file: TractResult<ModelProto>) -> Result<ModelProto, EngineError> {
    file.map_err(|error| not_onnx(format!("{error:#}")))
}

/// The folder of the files that a model in `path` names.
pub(super) fn folder(path: &Path) -> Option<&str> {
    path.parent().and_then(Path::to_str)
}

pub(super) fn graph_of(file: &mut ModelProto) -> Result<&mut GraphProto, EngineError> {
    let graph = file.graph.as_mut();
    graph.ok_or_else(|| not_onnx("it holds no graph"))
}

/// tract's model of a file.
pub(super) fn parse(file: ModelProto, folder: Option<&str>) -> Result<InferenceModel, EngineError> {
    let parsed = tract_onnx::onnx().parse(&file, folder).map_err(refused)?;
    match parsed.unresolved_inputs.first() {
        None => Ok(parsed.model),
        Some(name) => Err(EngineError::Refused {
            reason: format!("a node reads '{name}', which nothing writes"),
        }),
    }
}
