//! A vector in a mapping of its own, which needs no other allocator and reports when there is no
//! memory for it.
//!
//! Invariant: the first `len` places of the mapping hold initialised values, which the vector owns.

use core::{marker::PhantomData, ptr::NonNull};

use orionrt_sys::mapping::{Mapping, PAGE};

/// A vector that doubles by moving to a larger mapping.
#[derive(Debug)]
pub(crate) struct MappedVec<T> {
    memory: Option<Mapping>,
    len: usize,
    values: PhantomData<T>,
}

impl<T> MappedVec<T> {
    /// An empty vector, without memory.
    pub(crate) const fn new() -> Self {
        const {
            assert!(size_of::<T>() > 0 && size_of::<T>() <= PAGE && align_of::<T>() <= PAGE);
        }
        Self {
            memory: None,
            len: 0,
            values: PhantomData,
        }
    }

    /// The bytes of its mapping.
    pub(super) fn bytes(&self) -> usize {
        self.memory.as_ref().map_or(0, Mapping::len)
    }

    /// The bytes of the larger mapping that one more value takes; 0 if it takes none. While the
    /// values move, the old mapping is there as well.
    pub(super) fn next_growth(&self) -> usize {
        if (self.len + 1) * size_of::<T>() <= self.bytes() {
            0
        } else {
            (2 * self.bytes()).max(PAGE)
        }
    }

    /// Sees to it that there is room for one more value; `false` if there is no memory.
    pub(super) fn make_room(&mut self) -> bool {
        let growth = self.next_growth();
        growth == 0 || self.grow(growth).is_some()
    }

    #[cold]
    fn grow(&mut self, bytes: usize) -> Option<()> {
        let memory = Mapping::reserve(bytes, PAGE).ok()?;
        memory.commit(0..memory.len()).ok()?;
        // SAFETY: the old values, and at least as much new memory, which belongs to nobody else.
        // The values move: the old mapping goes without dropping them.
        unsafe {
            memory
                .base()
                .cast::<T>()
                .copy_from_nonoverlapping(self.start(), self.len)
        };
        self.memory = Some(memory);
        Some(())
    }

    /// Adds a value; `None`, and the value is dropped, if there is no memory.
    pub(crate) fn push(&mut self, value: T) -> Option<&mut T> {
        if !self.make_room() {
            return None;
        }
        // SAFETY: there is room for one more, and nobody else uses it.
        let place = unsafe { self.start().add(self.len) };
        // SAFETY: as above.
        unsafe { place.write(value) };
        self.len += 1;
        self.last_mut()
    }

    /// Drops all values but the first `len`.
    #[cfg(any(test, feature = "profile"))]
    pub(super) fn truncate(&mut self, len: usize) {
        if len < self.len {
            let dropped: *mut [T] = &raw mut self[len..];
            self.len = len;
            // SAFETY: initialised values, which the vector no longer has.
            unsafe { dropped.drop_in_place() };
        }
    }

    fn start(&self) -> NonNull<T> {
        let base = self.memory.as_ref().map(Mapping::base);
        base.map_or(NonNull::dangling(), NonNull::cast)
    }
}

impl<T> core::ops::Deref for MappedVec<T> {
    type Target = [T];

    #[inline]
    fn deref(&self) -> &[T] {
        // SAFETY: the invariant of the module.
        unsafe { NonNull::slice_from_raw_parts(self.start(), self.len).as_ref() }
    }
}

impl<T> core::ops::DerefMut for MappedVec<T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut [T] {
        // SAFETY: the invariant of the module; `&mut self` makes this the only reference.
        unsafe { NonNull::slice_from_raw_parts(self.start(), self.len).as_mut() }
    }
}

impl<T> Drop for MappedVec<T> {
    fn drop(&mut self) {
        let values: *mut [T] = &raw mut **self;
        // SAFETY: initialised values that nobody uses again.
        unsafe { values.drop_in_place() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::rc::Rc;

    #[test]
    fn values_stay_when_the_vector_grows_and_are_dropped_with_it() {
        let shared = Rc::new(());
        let mut vec = MappedVec::new();
        assert_eq!((vec.bytes(), vec.len()), (0, 0));
        for number in 0..1000usize {
            assert!(vec.push((number, Rc::clone(&shared))).is_some());
        }
        assert!(vec.iter().map(|(number, _)| *number).eq(0..1000));
        assert!(vec.bytes() <= 8 * PAGE);
        assert_eq!(Rc::strong_count(&shared), 1001);
        vec.truncate(2000);
        assert_eq!(vec.len(), 1000);
        vec.truncate(400);
        assert!(vec.iter().map(|(number, _)| *number).eq(0..400));
        assert_eq!(Rc::strong_count(&shared), 401);
        drop(vec);
        assert_eq!(Rc::strong_count(&shared), 1);
    }
}
