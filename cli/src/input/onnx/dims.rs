//! The sizes of symbolic dimensions, and the bytes of tensors that have them.
//!
//! Stands on tract's model. Owns the rule which dimensions are assumed to be 1 and which the user
//! must give. Invariant: once [`Dims::bind`] has returned, every dimension of every input of known
//! rank is a number.

use std::collections::{BTreeSet, HashMap, HashSet};

use tract_onnx::prelude::{InferenceModelExt, SymbolValues};
use tract_onnx::tract_hir::infer::{Factoid, InferenceFact};
use tract_onnx::tract_hir::internal::{DatumType, InferenceModel, OutletId, TDim, ToDim};

use super::error::{OnnxError, missing_dim, refused};

/// More dimensions than a tensor of any real model has; tract reserves memory for as many as an
/// axis claims.
pub(super) const MAX_RANK: usize = 1024;

/// The type and shape of a tensor of at least one byte, and of no more than a `usize` can count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TypedShape {
    /// The type of the file: tract's own type of sizes counts as `i64`.
    pub(super) element: DatumType,
    pub(super) dims: Vec<usize>,
}

impl TypedShape {
    pub(super) fn bytes(&self) -> usize {
        self.dims.iter().product::<usize>() * self.element.size_of()
    }
}

/// The sizes of symbolic dimensions.
pub(super) struct Dims {
    pub(super) values: SymbolValues,
    pub(super) assumed: Vec<(String, usize)>,
}

impl Dims {
    /// Gives every dimension of every input a size; fails with those that are missing.
    pub(super) fn bind(
        model: &mut InferenceModel,
        weights: &HashSet<String>,
        given: &[(String, usize)],
    ) -> Result<Self, OnnxError> {
        let given: HashMap<&str, usize> =
            given.iter().map(|(name, n)| (name.as_str(), *n)).collect();
        let mut known: BTreeSet<String> = model
            .symbols
            .all_symbols()
            .iter()
            .map(ToString::to_string)
            .collect();
        let mut this = Self {
            values: SymbolValues::default(),
            assumed: Vec::new(),
        };
        let inputs: Vec<OutletId> = model
            .inputs
            .iter()
            .copied()
            .filter(|i| !weights.contains(&model.node(i.node).name))
            .collect();
        this.bind_symbols(model, &inputs, &given);
        model
            .set_symbols(&this.values.to_dim_map())
            .map_err(refused)?;
        for &input in &inputs {
            this.bind_anonymous(model, input, &given, &mut known)?;
        }
        if let Some(name) = given.keys().filter(|name| !known.contains(**name)).min() {
            return Err(OnnxError::UnknownDim {
                name: (*name).into(),
                known: known.into_iter().collect(),
            });
        }
        inputs
            .iter()
            .try_for_each(|&input| check_input(model, input))?;
        Ok(this)
    }

    fn bind_symbols(
        &mut self,
        model: &InferenceModel,
        inputs: &[OutletId],
        given: &HashMap<&str, usize>,
    ) {
        let mut leading = HashSet::new();
        for &input in inputs {
            let dim = model.node(input.node).outputs[input.slot].fact.shape.dim(0);
            leading.extend(
                dim.and_then(|dim| dim.concretize())
                    .iter()
                    .flat_map(TDim::symbols),
            );
        }
        for symbol in model.symbols.all_symbols() {
            let name = symbol.to_string();
            let is_batch = leading.contains(&symbol) || name.to_lowercase().contains("batch");
            let number = given.get(name.as_str()).copied().or(is_batch.then_some(1));
            let Some(value) = number.and_then(|n| i64::try_from(n).ok()) else {
                continue;
            };
            self.values.set(&symbol, value);
            if !given.contains_key(name.as_str()) {
                self.assumed.push((name, 1));
            }
        }
    }

    fn bind_anonymous(
        &mut self,
        model: &mut InferenceModel,
        input: OutletId,
        given: &HashMap<&str, usize>,
        known: &mut BTreeSet<String>,
    ) -> Result<(), OnnxError> {
        let mut fact = model.outlet_fact(input).map_err(refused)?.clone();
        let unknown: Vec<usize> = fact
            .shape
            .dims()
            .enumerate()
            .filter(|(_, d)| !d.is_concrete())
            .map(|(axis, _)| axis)
            .collect();
        for axis in unknown {
            let name = anonymous(model, input, axis);
            let number = given
                .get(name.as_str())
                .copied()
                .or((axis == 0).then_some(1));
            if axis == 0 && !given.contains_key(name.as_str()) {
                self.assumed.push((name.clone(), 1));
            }
            known.insert(name);
            if let Some(number) = number {
                fact.shape.set_dim(axis, number.to_dim());
            }
        }
        model.set_outlet_fact(input, fact).map_err(refused)
    }

    /// The bytes of a tensor of this type and shape; `None` if it is incomplete or overflows.
    pub(super) fn bytes(&self, fact: &InferenceFact) -> Option<usize> {
        let size = element_size(fact.datum_type.concretize()?)?;
        let dims = self.shape(fact)?;
        dims.iter().try_fold(size, |b, &d| b.checked_mul(d))
    }

    /// The shape of a tensor, if all of it is known.
    fn shape(&self, fact: &InferenceFact) -> Option<Vec<usize>> {
        let number = |dim: &TDim| usize::try_from(dim.eval(&self.values).to_i64().ok()?).ok();
        fact.shape.concretize()?.iter().map(number).collect()
    }

    /// The type and shape of a tensor that has bytes.
    pub(super) fn typed_shape(&self, fact: &InferenceFact) -> Option<TypedShape> {
        self.bytes(fact).filter(|&bytes| bytes > 0)?;
        let element = match fact.datum_type.concretize()? {
            DatumType::TDim => DatumType::I64,
            element => element,
        };
        let dims = self.shape(fact)?;
        Some(TypedShape { element, dims })
    }

    /// The elements of a tensor, if they are known.
    pub(super) fn constants(fact: &InferenceFact) -> Option<Vec<i64>> {
        let value = fact.value.concretize()?;
        let value = value.cast_to::<i64>().ok()?;
        let numbers = value.try_as_plain_ram().ok()?;
        Some(numbers.as_slice::<i64>().ok()?.to_vec())
    }
}

/// The name of a dimension of an input that has neither number nor symbol.
fn anonymous(model: &InferenceModel, input: OutletId, axis: usize) -> String {
    format!("{}.{axis}", model.node(input.node).name)
}

/// The bytes of one element; `None` for strings, which have no fixed size.
pub(super) fn element_size(dt: DatumType) -> Option<usize> {
    match dt {
        DatumType::String | DatumType::Blob => None,
        DatumType::TDim => Some(size_of::<i64>()),
        dt => Some(dt.size_of()),
    }
}

/// Fails for an input of known rank with an unknown dimension; names all that are missing.
fn check_input(model: &InferenceModel, input: OutletId) -> Result<(), OnnxError> {
    let fact = model.outlet_fact(input).map_err(refused)?;
    let mut missing = BTreeSet::new();
    for (axis, dim) in fact.shape.dims().enumerate() {
        match dim.concretize() {
            Some(dim) => missing.extend(dim.symbols().iter().map(ToString::to_string)),
            None => drop(missing.insert(anonymous(model, input, axis))),
        }
    }
    let name = model.node(input.node).name.clone();
    if missing.is_empty() {
        Ok(())
    } else {
        Err(missing_dim(name.clone(), name, fact, missing))
    }
}
