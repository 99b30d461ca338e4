//! The graph of the network, for the build script and for firmware that plans it itself.

use core::alloc::{Layout, LayoutError};

use super::{GraphBuilder, TensorId, sizes};

/// The operators, in order.
pub const OPERATORS: [&str; 3] = ["convolve", "pool", "classify"];

/// Adds the tensors and operators; returns the samples, features, pooled features and scores.
///
/// # Errors
/// None: the sizes are small.
pub fn describe(g: &mut GraphBuilder) -> Result<[TensorId; 4], LayoutError> {
    let mut tensor = |name: &str, elements| -> Result<_, LayoutError> {
        Ok(g.tensor(name, Layout::array::<f32>(elements)?))
    };
    let samples = tensor("samples", sizes::SAMPLES)?;
    let features = tensor("features", sizes::FEATURES)?;
    let pooled = tensor("pooled", sizes::POOLED)?;
    let scores = tensor("scores", sizes::CLASSES)?;
    let [convolve, pool, classify] = OPERATORS;
    g.op(convolve).reads([samples]).writes([features]);
    g.op(pool).reads([features]).writes([pooled]);
    g.op(classify).reads([pooled]).writes([scores]);
    Ok([samples, features, pooled, scores])
}
