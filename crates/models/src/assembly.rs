//! A program as a model: its graph, with bodies of control flow in place.
//!
//! Stands on `program` and [`GraphBuilder`](orionrt_plan::GraphBuilder).

use crate::error::ModelError;
use crate::model::{Format, Model};
use crate::options::Options;
use crate::program::Program;

/// The model of a program.
pub(crate) fn assemble(
    program: &Program,
    format: Format,
    options: &Options,
) -> Result<Model, ModelError> {
    let _ = (program, format, options);
    todo!()
}
