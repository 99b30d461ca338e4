//! The words of a bitmap: owned, and outside of the memory that the bitmap describes.
//!
//! They lie in a mapping of their own, so that a global allocator needs no other allocator and a
//! huge arena pays only for the bitmaps that it touches, or in a boxed slice. Reading them costs
//! one pointer in either case.
//!
//! Invariant: `start..start + len` are initialised words that `owner` keeps alive and to which
//! nobody else refers.

use alloc::{boxed::Box, vec};
#[cfg(all(feature = "std", not(loom)))]
use core::ops::Range;
use core::ptr::NonNull;

#[cfg(feature = "std")]
use orionrt_sys::mapping::{MapError, Mapping};

#[derive(Debug)]
pub(crate) struct BitmapWords {
    start: NonNull<u64>,
    len: usize,
    owner: Owner,
}

#[derive(Debug)]
enum Owner {
    /// `start` is a boxed slice, which `drop` frees.
    Boxed,
    #[cfg(feature = "std")]
    Mapped {
        #[cfg_attr(
            loom,
            expect(dead_code, reason = "only the heap gives memory of it back")
        )]
        mapping: Mapping,
    },
}

// SAFETY: the words are owned, and `start` is the only pointer through which they are accessed.
unsafe impl Send for BitmapWords {}

impl BitmapWords {
    /// `len` zero words from the program's allocator.
    pub(crate) fn boxed(len: usize) -> Self {
        let words = Box::leak(vec![0u64; len].into_boxed_slice());
        Self {
            start: NonNull::from(words).cast(),
            len,
            owner: Owner::Boxed,
        }
    }

    /// `len` zero words from the operating system, with memory only for those that are touched.
    #[cfg(feature = "std")]
    pub(crate) fn mapped(len: usize) -> Result<Self, MapError> {
        let mapping = Mapping::reserve(len.saturating_mul(size_of::<u64>()), 1)?;
        mapping.commit(0..mapping.len())?;
        Ok(Self {
            start: mapping.base().cast(),
            len,
            owner: Owner::Mapped { mapping },
        })
    }
}

#[cfg(all(feature = "std", not(loom)))]
impl BitmapWords {
    /// Gives the memory of words that are zero back to the system, where it fills whole pages;
    /// `false` if the system refuses.
    pub(crate) fn discard_zeros(&mut self, words: Range<usize>) -> bool {
        debug_assert!(
            self.as_ref()[words.start..words.end.min(self.len)]
                .iter()
                .all(|&word| word == 0)
        );
        let bytes = words.start * size_of::<u64>()..words.end * size_of::<u64>();
        match &self.owner {
            Owner::Boxed => true,
            // SAFETY: these are this value's words, and being zero they lose nothing.
            Owner::Mapped { mapping } => unsafe { mapping.discard(bytes) }.is_ok(),
        }
    }

    /// Makes mapped words that fill pages read-only, to find out who writes them.
    #[cfg(test)]
    pub(crate) fn make_read_only(&self, words: Range<usize>) {
        let bytes = words.start * size_of::<u64>()..words.end * size_of::<u64>();
        if let Owner::Mapped { mapping } = &self.owner {
            // SAFETY: these are this value's words; a test that writes them is to end.
            unsafe { mapping.commit_read_only(bytes) }.expect("pages of the mapping");
        }
    }
}

impl AsRef<[u64]> for BitmapWords {
    #[inline]
    fn as_ref(&self) -> &[u64] {
        // SAFETY: the invariant of the module; `&self` excludes writers (`as_mut`).
        unsafe { NonNull::slice_from_raw_parts(self.start, self.len).as_ref() }
    }
}

impl AsMut<[u64]> for BitmapWords {
    #[inline]
    fn as_mut(&mut self) -> &mut [u64] {
        // SAFETY: the invariant of the module; `&mut self` makes this the only reference.
        unsafe { NonNull::slice_from_raw_parts(self.start, self.len).as_mut() }
    }
}

impl Drop for BitmapWords {
    fn drop(&mut self) {
        if matches!(self.owner, Owner::Boxed) {
            let words = NonNull::slice_from_raw_parts(self.start, self.len);
            // SAFETY: `boxed` leaked exactly this slice, and `drop` runs once.
            drop(unsafe { Box::from_raw(words.as_ptr()) });
        }
    }
}
