//! Where the tensors of a network live.
//!
//! Stands on the `Allocator` trait. Invariant: a source is asked once for each tensor with bytes of
//! its own in each run.

#![forbid(unsafe_code)]

use std::{convert::Infallible, error::Error};

use allocator_api2::alloc::{Allocator, Global};
use orionrt::TensorId;

/// Where the tensors of a network live.
pub trait TensorSource {
    /// Grants one tensor its memory.
    type Alloc: Allocator;
    /// Why there is no memory for a tensor.
    type Error: Error + Send + Sync + 'static;

    /// The allocator for one tensor with bytes of its own. It is asked for once in each run, when
    /// the tensor's lifetime begins.
    ///
    /// # Errors
    /// When the source has no memory for this tensor.
    fn allocator(&self, tensor: TensorId) -> Result<Self::Alloc, Self::Error>;
}

/// Every tensor from one allocator, as in programs without a plan.
#[derive(Clone, Copy, Debug, Default)]
pub struct HeapSource<A = Global>(pub A);

impl<A: Allocator + Clone> TensorSource for HeapSource<A> {
    type Alloc = A;
    type Error = Infallible;

    fn allocator(&self, _: TensorId) -> Result<A, Infallible> {
        Ok(self.0.clone())
    }
}
