//! Which tensors of several models may share bytes, before anything is planned.
//!
//! Stands on `lifetimes`, `schedule` and `sharing_error`. Invariant: models and tensors go by their
//! names, and what is answered of two tensors is what the list of pairs says.

use orionrt::{
    ModelSet,
    models::{ModelTensor, SharingRelation, SharingSummary},
};
use pyo3::{exceptions::PyKeyError, prelude::*};

use crate::{lifetimes::PyLifetimes, schedule::schedule_of, sharing_error::sharing_error};

/// A tensor of a model: the name of the model, and its own.
pub(crate) type Named = (String, String);
/// Two tensors, and how many bytes they may share.
type Pair = (Named, Named, u64);

/// The answer of `sharing`; see `orionrt.Sharing`.
#[pyclass(frozen, module = "orionrt._native")]
pub(crate) struct SharingAnalysis {
    set: ModelSet,
    relation: SharingRelation,
    summary: SharingSummary,
}

impl SharingAnalysis {
    fn named(&self, tensor: ModelTensor) -> Named {
        let model = self.set.iter().nth(tensor.model.index());
        let names = model.and_then(|(_, name, lifetimes)| {
            Some((name.into(), lifetimes.name(tensor.tensor)?.into()))
        });
        names.unwrap_or_default()
    }

    fn find(&self, (model, tensor): &(String, String)) -> PyResult<ModelTensor> {
        let found = self.set.iter().find(|(_, name, _)| name == model);
        let (id, _, lifetimes) = found.ok_or_else(|| PyKeyError::new_err(model.clone()))?;
        let found = lifetimes.find(tensor);
        let tensor = found.ok_or_else(|| PyKeyError::new_err(format!("{model}/{tensor}")))?;
        Ok(ModelTensor { model: id, tensor })
    }
}

#[pymethods]
impl SharingAnalysis {
    /// How many pairs there are.
    #[getter]
    fn pairs(&self) -> u64 {
        self.summary.pairs
    }

    /// Whether there are no more pairs, nor better partners.
    #[getter]
    fn complete(&self) -> bool {
        self.summary.is_complete
    }

    /// How many bytes two tensors may share; 0 if they may not.
    fn bytes(&self, py: Python<'_>, a: Named, b: Named) -> PyResult<u64> {
        let found = self.relation.opportunity(self.find(&a)?, self.find(&b)?);
        let found = found.map_err(|error| sharing_error(py, &error, false))?;
        Ok(found.map_or(0, |pair| pair.bytes))
    }

    /// The pairs with most bytes to share.
    fn largest(&self, py: Python<'_>, most: usize) -> Vec<Pair> {
        py.detach(|| {
            let found = self.relation.k_best(most).into_iter();
            let named = |tensor| self.named(tensor);
            found
                .map(|pair| (named(pair.smaller), named(pair.larger), pair.bytes))
                .collect()
        })
    }

    /// The largest tensors that have a partner, each with its best one.
    fn partners(&self, py: Python<'_>, most: usize) -> Vec<Pair> {
        py.detach(|| {
            let found = self.summary.best.iter().take(most);
            let pairs = found.filter_map(|(tensor, pair)| {
                let partner = pair.partner_of(*tensor)?;
                Some((self.named(*tensor), self.named(partner), pair.bytes))
            });
            pairs.collect()
        })
    }
}

/// Which tensors of models may share bytes; see `orionrt.sharing`.
#[pyfunction]
pub(crate) fn sharing(
    py: Python<'_>,
    models: Vec<(String, Py<PyLifetimes>)>,
    schedule: &Bound<'_, PyAny>,
) -> PyResult<SharingAnalysis> {
    let (set, names) = model_set(py, models)?;
    let schedule = schedule_of(schedule, &names)?;
    let found = py.detach(|| {
        let relation = set.sharing(&schedule)?;
        Ok((relation, set.sharing_summary(&schedule, usize::MAX)?))
    });
    let (relation, summary) = found.map_err(|error| sharing_error(py, &error, false))?;
    Ok(SharingAnalysis {
        set,
        relation,
        summary,
    })
}

/// The models as the library has them, and their names.
pub(crate) fn model_set(
    py: Python<'_>,
    models: Vec<(String, Py<PyLifetimes>)>,
) -> PyResult<(ModelSet, Vec<String>)> {
    let mut set = ModelSet::new();
    for (name, lifetimes) in models {
        let lifetimes = lifetimes.get().lifetimes.as_ref().clone();
        set.add(name, lifetimes)
            .map_err(|error| sharing_error(py, &error, false))?;
    }
    let names = set.iter().map(|(_, name, _)| name.into()).collect();
    Ok((set, names))
}
