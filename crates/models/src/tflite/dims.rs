//! Dimensions without a fixed size: what the user gives for them, what is assumed, what is missing.
//!
//! Stands on `options`, `model` and `error`. Invariant: a dimension is listed once, however often
//! it is asked for.

use std::collections::{BTreeMap, BTreeSet};

use crate::error::{MissingDim, ModelError};
use crate::model::{Dimension, SizeBound};
use crate::options::{Options, Unknown};

/// The dimensions of a model that are not fixed.
#[derive(Debug)]
pub(crate) struct Dims<'o> {
    given: &'o BTreeMap<String, u64>,
    seen: BTreeSet<String>,
    pub(crate) known: Vec<Dimension>,
    pub(crate) assumed: Vec<(String, u64)>,
    pub(crate) bounds: Vec<SizeBound>,
    missing: Vec<MissingDim>,
}

impl<'o> Dims<'o> {
    /// None yet.
    pub(crate) fn new(options: &'o Options) -> Self {
        Self {
            given: &options.dims,
            seen: BTreeSet::new(),
            known: Vec::new(),
            assumed: Vec::new(),
            bounds: Vec::new(),
            missing: Vec::new(),
        }
    }

    /// The size of an axis of an input: as given, or else as the file has it, or else 1 if it is
    /// the leading one, a batch. `None` if it is missing.
    pub(crate) fn of_input(&mut self, tensor: &NamedAxis<'_>, stated: Option<u64>) -> Option<u64> {
        let name = tensor.dimension();
        let assumed = stated.or((tensor.axis == 0).then_some(1));
        let given = self.given.get(&name).copied();
        if self.seen.insert(name.clone()) {
            let place = format!("input '{}', axis {}", tensor.name, tensor.axis);
            let mut dimension = Dimension::new(&name, vec![place]);
            dimension.assumed = assumed;
            self.known.push(dimension);
            match (given, assumed) {
                (Some(_), _) => {}
                (None, Some(size)) => self.assumed.push((name, size)),
                (None, None) => self.missing.push(tensor.missing(false)),
            }
        }
        given.or(assumed)
    }

    /// The size of an axis of a result that follows from nothing that is known. If it depends on
    /// data, what is given is an upper bound.
    pub(crate) fn of_result(&mut self, tensor: &NamedAxis<'_>, is_bound: bool) -> Option<u64> {
        let name = tensor.dimension();
        let given = self.given.get(&name).copied();
        if self.seen.insert(name.clone()) {
            let place = format!("'{}', axis {}", tensor.name, tensor.axis);
            let mut dimension = Dimension::new(&name, vec![place]);
            dimension.is_bound = is_bound;
            self.known.push(dimension);
            match given {
                Some(size) if is_bound => self.bounds.push(SizeBound::new(name, size)),
                Some(_) => {}
                None => self.missing.push(tensor.missing(is_bound)),
            }
        }
        given
    }

    /// The upper bound of a size that grows from one iteration to the next, if it is given.
    pub(crate) fn bound_if_given(&mut self, tensor: &NamedAxis<'_>) -> Option<u64> {
        self.given.get(&tensor.dimension())?;
        self.of_result(tensor, true)
    }

    /// Checks that nothing is missing, and that every name that was given exists.
    pub(crate) fn check(&self, options: &Options) -> Result<(), ModelError> {
        let mut names = self.given.keys();
        let unused = names.find(|&name| !self.seen.contains(name));
        if let Some(name) = unused.filter(|_| options.strict_names) {
            return Err(ModelError::UnknownDim {
                name: name.clone(),
                known: self.known.iter().map(|dim| dim.name.clone()).collect(),
            });
        }
        if options.unknown == Unknown::Refuse && !self.missing.is_empty() {
            let missing = self.missing.clone();
            return Err(ModelError::MissingDims { missing });
        }
        Ok(())
    }
}

/// An axis of a tensor.
#[derive(Debug)]
pub(crate) struct NamedAxis<'a> {
    /// The tensor.
    pub(crate) name: &'a str,
    /// What its dimensions are called by: the tensor, or the operator that writes it.
    pub(crate) prefix: &'a str,
    pub(crate) axis: usize,
    /// The tensor's shape as text.
    pub(crate) shape: &'a str,
}

impl NamedAxis<'_> {
    /// The name by which the dimension is given.
    pub(crate) fn dimension(&self) -> String {
        format!("{}.{}", self.prefix, self.axis)
    }

    fn missing(&self, is_bound: bool) -> MissingDim {
        let place = format!("'{}' {}", self.name, self.shape);
        MissingDim::new(self.dimension(), place, is_bound)
    }
}
