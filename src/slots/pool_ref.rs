//! How a slot holds its pool: by reference, or by a share of its ownership.
//!
//! Stands on [`TensorPool`]. The trait is sealed: this module is private, so nobody outside of the
//! crate can implement it. Invariant, on which the unsafe code of slots rests: a [`PoolRef`] and
//! all of its clones give the same pool whenever asked, and that pool lives at least as long as any
//! of them.

#![forbid(unsafe_code)]

use alloc::sync::Arc;

use allocator_api2::alloc::Allocator;

use crate::slots::pool::TensorPool;

/// A reference to a pool, borrowed or shared.
pub trait PoolRef {
    /// What lends the pool its memory.
    type Arena: Allocator;

    /// The pool.
    fn pool(&self) -> &TensorPool<Self::Arena>;
}

impl<A: Allocator> PoolRef for &TensorPool<A> {
    type Arena = A;

    #[inline]
    fn pool(&self) -> &TensorPool<A> {
        self
    }
}

impl<A: Allocator> PoolRef for Arc<TensorPool<A>> {
    type Arena = A;

    #[inline]
    fn pool(&self) -> &TensorPool<A> {
        self
    }
}
