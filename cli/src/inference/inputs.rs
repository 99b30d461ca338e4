//! Pseudo-random values for a model's inputs.
//!
//! Stands on [`random`](crate::random). Invariant: a model has the same inputs in every run and in
//! every process.

#![forbid(unsafe_code)]

use tract_onnx::prelude::{DatumType, SymbolValues, Tensor, TractResult, TypedModel};
use tract_onnx::tract_hir::internal::{TValue, TVec};

use super::error::InferenceError;
use crate::random::{Rng, uniform};

const SEED: u64 = 11;
/// Integers are below this: small enough for indices into almost any tensor.
const INTEGERS: u64 = 4;

/// Floats in -1..1, small non-negative integers and truth values, in the shapes that the model
/// states.
pub(super) fn random_inputs(model: &TypedModel) -> Result<TVec<TValue>, InferenceError> {
    let mut rng = Rng::with_seed(SEED);
    let tract = |error| InferenceError::Model(format!("{error:#}"));
    let inputs = model.inputs.iter().map(|&input| {
        let fact = model.outlet_fact(input).map_err(tract)?;
        let shape = fact
            .shape
            .eval_to_usize(&SymbolValues::default())
            .map_err(tract)?;
        let tensor = tensor(&mut rng, &shape, fact.datum_type).map_err(tract)?;
        let known = tensor.ok_or_else(|| InferenceError::Input {
            name: model.node(input.node).name.clone(),
            datum_type: fact.datum_type,
        })?;
        Ok(known.into())
    });
    inputs.collect()
}

/// `None` for a type without random values.
fn tensor(rng: &mut Rng, shape: &[usize], dt: DatumType) -> TractResult<Option<Tensor>> {
    let count = shape.iter().product();
    let tensor = if dt.is_float() {
        Tensor::from_shape(shape, &uniform(rng, count, 1.0))?
    } else if dt == DatumType::Bool || dt.is_integer() && !dt.is_quantized() {
        let below = if dt == DatumType::Bool { 2 } else { INTEGERS };
        let integers: Vec<i64> = (0..count).map(|_| rng.u64(..below) as i64).collect();
        Tensor::from_shape(shape, &integers)?
    } else {
        return Ok(None);
    };
    Ok(Some(tensor.cast_to_dt(dt)?.into_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(dt: DatumType) -> Option<Tensor> {
        tensor(&mut Rng::with_seed(SEED), &[2, 50], dt).unwrap()
    }

    fn numbers(dt: DatumType) -> Vec<f32> {
        let drawn = drawn(dt).unwrap();
        assert_eq!((drawn.datum_type(), drawn.shape()), (dt, &[2, 50][..]));
        let floats = drawn.cast_to_dt(DatumType::F32).unwrap();
        floats
            .to_plain_array_view::<f32>()
            .unwrap()
            .iter()
            .copied()
            .collect()
    }

    #[test]
    fn every_type_has_values_in_its_range() {
        for dt in [DatumType::F16, DatumType::F32, DatumType::F64] {
            let numbers = numbers(dt);
            assert!(numbers.iter().all(|v| (-1.0..=1.0).contains(v)));
            assert!(numbers.iter().any(|v| v.fract() != 0.0));
        }
        for (dt, values) in [
            (DatumType::I64, &[0.0, 1.0, 2.0, 3.0][..]),
            (DatumType::U8, &[0.0, 1.0, 2.0, 3.0]),
            (DatumType::Bool, &[0.0, 1.0]),
        ] {
            let numbers = numbers(dt);
            assert!(numbers.iter().all(|v| values.contains(v)), "{numbers:?}");
            assert!(values.iter().all(|v| numbers.contains(v)), "{numbers:?}");
        }
        assert!(drawn(DatumType::String).is_none());
    }

    #[test]
    fn values_are_the_same_in_every_run() {
        let bytes = || drawn(DatumType::F32).unwrap().as_bytes().to_vec();
        assert_eq!(bytes(), bytes());
    }
}
