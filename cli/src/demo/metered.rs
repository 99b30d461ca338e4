//! Counts what passes through an allocator: bytes alive, their peak, and requests.
//!
//! Stands on the [`Allocator`] trait alone. Invariant: memory comes from the inner allocator and
//! goes back to it; the meter adds nothing and keeps no pointer. It counts the bytes requested, not
//! those granted.

use std::{cell::Cell, ptr::NonNull, rc::Rc};

use allocator_api2::alloc::{AllocError, Allocator, Layout};

/// An allocator with a meter; clones share the meter.
#[derive(Clone, Debug, Default)]
pub struct Metered<A> {
    inner: A,
    meter: Rc<Meter>,
}

#[derive(Debug, Default)]
struct Meter {
    live: Cell<usize>,
    peak: Cell<usize>,
    allocations: Cell<usize>,
}

impl<A> Metered<A> {
    /// `inner` with a meter that has counted nothing yet.
    pub fn new(inner: A) -> Self {
        Self {
            inner,
            meter: Rc::default(),
        }
    }

    /// Bytes granted and not yet given back.
    pub fn live_bytes(&self) -> usize {
        self.meter.live.get()
    }

    /// The most bytes that were ever alive at once.
    pub fn peak_bytes(&self) -> usize {
        self.meter.peak.get()
    }

    /// How often memory was granted.
    pub fn allocations(&self) -> usize {
        self.meter.allocations.get()
    }
}

impl Meter {
    fn granted(&self, bytes: usize) {
        self.live.set(self.live.get() + bytes);
        self.peak.set(self.peak.get().max(self.live.get()));
        self.allocations.set(self.allocations.get() + 1);
    }

    fn given_back(&self, bytes: usize) {
        self.live.set(self.live.get() - bytes);
    }
}

// SAFETY: every block comes from `inner` and is passed on unchanged, and `inner` is neither
// replaced nor dropped before the last clone, so blocks stay valid as long as `inner` promises. A
// clone holds a clone of `inner`, which may free what the other granted. Growing and shrinking are
// the trait's own defaults, built from the two methods below.
unsafe impl<A: Allocator> Allocator for Metered<A> {
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        let block = self.inner.allocate(layout)?;
        self.meter.granted(layout.size());
        Ok(block)
    }

    unsafe fn deallocate(&self, block: NonNull<u8>, layout: Layout) {
        self.meter.given_back(layout.size());
        // SAFETY: the caller passes a block that `allocate` granted, so `inner` granted it, and a
        // layout that fits it.
        unsafe { self.inner.deallocate(block, layout) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use allocator_api2::{alloc::Global, boxed::Box, vec::Vec};

    #[test]
    fn counts_live_and_peak_bytes_over_all_clones() {
        let meter = Metered::new(Global);
        let first = Box::new_in([0u8; 100], meter.clone());
        let second = Box::new_in([0u8; 50], meter.clone());
        assert_eq!((meter.live_bytes(), meter.peak_bytes()), (150, 150));
        drop(first);
        let third = Box::new_in([0u8; 20], meter.clone());
        assert_eq!(
            (meter.live_bytes(), meter.peak_bytes(), meter.allocations()),
            (70, 150, 3)
        );
        drop((second, third));
        assert_eq!((meter.live_bytes(), meter.peak_bytes()), (0, 150));
    }

    #[test]
    fn a_growing_vec_counts_the_old_and_the_new_block_while_it_moves() {
        let meter = Metered::new(Global);
        let mut values: Vec<u64, _> = Vec::with_capacity_in(2, meter.clone());
        values.extend([1, 2]);
        values.reserve_exact(2);
        values.extend([3, 4]);
        assert_eq!((meter.live_bytes(), meter.peak_bytes()), (32, 48));
        values.truncate(1);
        values.shrink_to_fit();
        assert_eq!((values.as_slice(), meter.live_bytes()), (&[1][..], 8));
    }

    #[test]
    fn a_refused_request_counts_nothing() {
        let meter = Metered::new(Global);
        let mut values: Vec<u8, _> = Vec::new_in(meter.clone());
        assert!(values.try_reserve_exact(isize::MAX as usize).is_err());
        assert_eq!(
            (meter.live_bytes(), meter.peak_bytes(), meter.allocations()),
            (0, 0, 0)
        );
    }
}
