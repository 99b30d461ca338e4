//! The sizes of a model's symbolic dimensions.
//!
//! Stands on tract's model. Which sizes are assumed is the rule of `orionrt-models`, so that a
//! model runs with the sizes that it is planned with; here every size is given. Invariant: once
//! [`bind`] has returned, every dimension of every input that was given a size is a number.

use std::collections::HashMap;

use tract_onnx::prelude::{InferenceModelExt, SymbolValues};
use tract_onnx::tract_hir::infer::Factoid;
use tract_onnx::tract_hir::internal::{InferenceModel, OutletId, ToDim};

use super::error::{EngineError, refused};

/// More dimensions than a tensor of any real model has; tract reserves memory for as many as an
/// axis claims.
pub(super) const MAX_RANK: usize = 1024;

/// Gives every dimension of every input its size.
pub(super) fn bind(
    model: &mut InferenceModel,
    given: &[(String, usize)],
) -> Result<(), EngineError> {
    let given: HashMap<&str, usize> = given.iter().map(|(name, n)| (name.as_str(), *n)).collect();
    let mut values = SymbolValues::default();
    for symbol in model.symbols.all_symbols() {
        let size = given.get(symbol.to_string().as_str());
        if let Some(size) = size.and_then(|&size| i64::try_from(size).ok()) {
            values.set(&symbol, size);
        }
    }
    model.set_symbols(&values.to_dim_map()).map_err(refused)?;
    let inputs: Vec<OutletId> = model.inputs.clone();
    inputs
        .iter()
        .try_for_each(|&input| bind_anonymous(model, input, &given))
}

/// Dimensions without a symbol are called `INPUT.AXIS`.
fn bind_anonymous(
    model: &mut InferenceModel,
    input: OutletId,
    given: &HashMap<&str, usize>,
) -> Result<(), EngineError> {
    let mut fact = model.outlet_fact(input).map_err(refused)?.clone();
    let unknown = fact.shape.dims().enumerate();
    let unknown: Vec<usize> = unknown
        .filter(|(_, dim)| !dim.is_concrete())
        .map(|(axis, _)| axis)
        .collect();
    for axis in unknown {
        let name = format!("{}.{axis}", model.node(input.node).name);
        if let Some(size) = given.get(name.as_str()) {
            fact.shape.set_dim(axis, size.to_dim());
        }
    }
    model.set_outlet_fact(input, fact).map_err(refused)
}
