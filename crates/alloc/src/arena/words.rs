//! The words in which an arena's buddy allocator keeps its bitmaps: owned, and outside the managed memory.
//!
//! Reading them costs one pointer whatever owns them: a mapping of their own (so that a global allocator
//! needs no other allocator, and a huge arena pays for the bitmaps that it touches), or a boxed slice.
//!
//! Invariant: `start..start + len` are initialised words that `owner` keeps alive and nobody else refers to.

use alloc::{boxed::Box, vec};
use core::ptr::NonNull;

#[cfg(feature = "std")]
use orionrt_sys::mapping::{MapError, Mapping};

#[derive(Debug)]
pub(crate) struct Words {
    start: NonNull<u64>,
    len: usize,
    owner: Owner,
}

#[derive(Debug)]
enum Owner {
    /// A boxed slice, given up to `start` and taken back in `drop`.
    Boxed,
    #[cfg(feature = "std")]
    Mapped { _mapping: Mapping },
}

// SAFETY: the words are owned, and `start` is the only pointer through which they are accessed.
unsafe impl Send for Words {}

impl Words {
    /// `len` zero words from the program's allocator.
    pub(crate) fn boxed(len: usize) -> Self {
        let words = Box::leak(vec![0u64; len].into_boxed_slice());
        Self {
            start: NonNull::from(words).cast(),
            len,
            owner: Owner::Boxed,
        }
    }

    /// `len` zero words from the operating system; pages come when touched.
    #[cfg(feature = "std")]
    pub(crate) fn mapped(len: usize) -> Result<Self, MapError> {
        let mapping = Mapping::reserve(len.saturating_mul(size_of::<u64>()), 1)?;
        mapping.commit(0..mapping.len())?;
        Ok(Self {
            start: mapping.base().cast(),
            len,
            owner: Owner::Mapped { _mapping: mapping },
        })
    }
}

impl AsRef<[u64]> for Words {
    #[inline]
    fn as_ref(&self) -> &[u64] {
        // SAFETY: the invariant of the module; `&self` keeps writers (`as_mut`) away.
        unsafe { NonNull::slice_from_raw_parts(self.start, self.len).as_ref() }
    }
}

impl AsMut<[u64]> for Words {
    #[inline]
    fn as_mut(&mut self) -> &mut [u64] {
        // SAFETY: the invariant of the module; `&mut self` makes this the only reference.
        unsafe { NonNull::slice_from_raw_parts(self.start, self.len).as_mut() }
    }
}

impl Drop for Words {
    fn drop(&mut self) {
        if matches!(self.owner, Owner::Boxed) {
            let words = NonNull::slice_from_raw_parts(self.start, self.len);
            // SAFETY: `boxed` leaked exactly this slice, and `drop` runs once.
            drop(unsafe { Box::from_raw(words.as_ptr()) });
        }
    }
}
