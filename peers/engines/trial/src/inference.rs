//! A workload that computes one result from one input in every iteration.
//!
//! Stands on `workload`. Invariant: at most one result exists between iterations, and none after it
//! was discarded.

use crate::workload::{Digest, Workload};

/// A model with its input.
pub trait Forward {
    /// What the model computes.
    type Output;

    /// Computes the result anew.
    ///
    /// # Panics
    /// If the engine refuses to: the model and its input were made for each other.
    fn forward(&self) -> Self::Output;

    /// Adds a result to a hash.
    fn digest(output: &Self::Output, digest: &mut Digest);
}

/// Runs a model, and keeps its last result until that is discarded.
#[derive(Debug)]
pub struct Inference<M: Forward> {
    model: M,
    output: Option<M::Output>,
}

impl<M: Forward> Inference<M> {
    /// Nothing is run yet.
    pub fn new(model: M) -> Self {
        Self {
            model,
            output: None,
        }
    }
}

impl<M: Forward> Workload for Inference<M> {
    fn run(&mut self, _step: usize) {
        self.output = Some(self.model.forward());
    }

    fn digest(&self, digest: &mut Digest) {
        if let Some(output) = &self.output {
            M::digest(output, digest);
        }
    }

    fn discard(&mut self) {
        self.output = None;
    }
}
