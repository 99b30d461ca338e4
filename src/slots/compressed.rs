//! The bytes of a tensor in compressed form, in memory of its pool's arena.
//!
//! Stands on slots, whose pool keeps the arena, and on a codec. Bytes are compressed in chunks,
//! each by itself, so a small buffer is all that is needed beside them. A chunk that the codec does
//! not make smaller is stored as it is. Before that, the bytes of a chunk's elements are sorted by
//! their place in the element, as the *shuffle* of Blosc and HDF5 does: neighbours often have the
//! same sign and exponent.
//!
//! ```text
//! tensor   ├── chunk ──┼── chunk ──┼─ chunk ─┤         32 KiB each, the last one shorter
//! arena    ├ block ┤  ├── block ──┤  ├ block ┤         as they are allocated: anywhere
//! ```
//!
//! Invariant: every block is a live allocation of the arena of the slot's pool, with `len` bytes,
//! all of them written by [`Compressed::push`] and by nobody since. `drop` returns each once.

use alloc::vec::Vec;
use core::{alloc::Layout, ptr::NonNull, slice};

use allocator_api2::alloc::Allocator;

use crate::slots::codec::{Compressor, Expander, ParkCodec};
use crate::slots::pool_ref::PoolRef;
use crate::slots::slot::SlotIn;

/// The bytes that are compressed at a time, at most.
const CHUNK: usize = 32 << 10;
/// The largest element whose bytes are sorted.
const WIDEST: usize = 16;

/// Bytes in compressed form.
pub(super) struct Compressed<P: PoolRef> {
    slot: SlotIn<P>,
    codec: ParkCodec,
    blocks: Vec<Block>,
    /// The bytes of all blocks.
    stored: usize,
}

/// A chunk in the arena.
struct Block {
    start: NonNull<u8>,
    /// Never 0.
    len: usize,
    is_compressed: bool,
}

/// Why bytes cannot be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotStored {
    /// There is no memory for so many bytes.
    NoMemory(usize),
    /// They need more bytes than they may.
    TooLarge,
}

/// Why stored bytes cannot be had back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NotExpanded {
    /// There is no memory for so many bytes.
    NoMemory(usize),
    /// The codec cannot decode them, so they are not those that were written.
    Damaged,
}

// SAFETY: blocks are addresses of memory that this value alone uses, like a `Vec` in the arena. The
// slot has the pool that keeps the arena: where that may move to another thread, so may its blocks.
unsafe impl<P: PoolRef + Send> Send for Compressed<P> {}
// SAFETY: as above; a shared value only reads its blocks.
unsafe impl<P: PoolRef + Sync> Sync for Compressed<P> {}

impl<P: PoolRef> Compressed<P> {
    /// Stores the bytes of elements of `element` bytes each in the arena of a slot's pool, in at
    /// most `most` bytes.
    pub(super) fn new(
        slot: SlotIn<P>,
        codec: ParkCodec,
        bytes: &[u8],
        element: usize,
        most: usize,
    ) -> Result<Self, NotStored> {
        let width = sorted_width(element);
        let chunk = chunk_of(width);
        let mut blocks = Vec::new();
        let count = bytes.len().div_ceil(chunk);
        let no_memory = |needed: usize| move |_| NotStored::NoMemory(needed);
        let table = count.saturating_mul(size_of::<Block>());
        (blocks.try_reserve_exact(count)).map_err(no_memory(table))?;
        let longest = chunk.min(bytes.len());
        let largest = codec.largest(longest);
        let mut sorted = zeroed(longest).map_err(no_memory(longest))?;
        let mut packed = zeroed(largest).map_err(no_memory(largest))?;
        let mut all = Self {
            slot,
            codec,
            blocks,
            stored: 0,
        };
        let compressor = Compressor::new(codec);
        let mut compressor = compressor.ok_or(NotStored::NoMemory(longest))?;
        for chunk in bytes.chunks(chunk) {
            let sorted = &mut sorted[..chunk.len()];
            sort(chunk, width, sorted);
            let packed_len = compressor.compress(sorted, &mut packed);
            match packed_len.ok_or(NotStored::NoMemory(largest))? {
                len if len < chunk.len() => all.push(&packed[..len], true, most)?,
                _ => all.push(chunk, false, most)?,
            }
        }
        Ok(all)
    }

    /// Stores a chunk.
    fn push(&mut self, bytes: &[u8], is_compressed: bool, most: usize) -> Result<(), NotStored> {
        let len = bytes.len();
        if len > most.saturating_sub(self.stored) {
            return Err(NotStored::TooLarge);
        }
        let no_memory = NotStored::NoMemory(len);
        let layout = Layout::array::<u8>(len).map_err(|_| no_memory)?;
        let arena = self.slot.pool().arena();
        let start: NonNull<u8> = arena.allocate(layout).map_err(|_| no_memory)?.cast();
        // SAFETY: just granted for `len` bytes, so it is apart from `bytes`, which has as many.
        unsafe { start.copy_from_nonoverlapping(NonNull::from(bytes).cast(), len) };
        self.stored += len;
        self.blocks.push(Block {
            start,
            len,
            is_compressed,
        });
        Ok(())
    }

    /// The slot of the tensor.
    pub(super) fn slot(&self) -> &SlotIn<P> {
        &self.slot
    }

    /// How many bytes are stored.
    pub(super) fn stored(&self) -> usize {
        self.stored
    }

    /// Writes the bytes to `bytes`, which has as many as were stored, of elements as large.
    pub(super) fn expand(&self, bytes: &mut [u8], element: usize) -> Result<(), NotExpanded> {
        let width = sorted_width(element);
        let chunk = chunk_of(width);
        let longest = chunk.min(bytes.len());
        let mut sorted = zeroed(longest).map_err(|_| NotExpanded::NoMemory(longest))?;
        let expander = Expander::new(self.codec);
        let mut expander = expander.ok_or(NotExpanded::NoMemory(longest))?;
        for (chunk, block) in bytes.chunks_mut(chunk).zip(&self.blocks) {
            // SAFETY: a live allocation of `len` bytes, all written (invariant of this file).
            let stored = unsafe { slice::from_raw_parts(block.start.as_ptr(), block.len) };
            if !block.is_compressed {
                chunk.copy_from_slice(stored);
                continue;
            }
            let sorted = &mut sorted[..chunk.len()];
            if expander.expand(stored, sorted) != Some(chunk.len()) {
                return Err(NotExpanded::Damaged);
            }
            unsort(sorted, width, chunk);
        }
        Ok(())
    }
}

impl<P: PoolRef> Drop for Compressed<P> {
    fn drop(&mut self) {
        let arena = self.slot.pool().arena();
        for block in &self.blocks {
            // SAFETY: allocated by `push` from this arena with this layout (`push` has checked it),
            // and nobody has it any more: all borrows of it have ended within `expand`.
            unsafe {
                let layout = Layout::from_size_align_unchecked(block.len, 1);
                arena.deallocate(block.start, layout);
            }
        }
    }
}

/// The bytes of an element, if they are sorted; else 1.
fn sorted_width(element: usize) -> usize {
    if (1..=WIDEST).contains(&element) {
        element
    } else {
        1
    }
}

/// The bytes of a chunk: a whole number of elements.
fn chunk_of(width: usize) -> usize {
    CHUNK - CHUNK % width
}

fn zeroed(len: usize) -> Result<Vec<u8>, alloc::collections::TryReserveError> {
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(len)?;
    bytes.resize(len, 0);
    Ok(bytes)
}

/// Sorts the bytes of elements: the first ones of all elements, then the second ones, ... What is
/// left of an element at the end stays where it is.
fn sort(bytes: &[u8], width: usize, sorted: &mut [u8]) {
    let count = bytes.len() / width;
    for place in 0..width {
        let of_place = bytes[place.min(bytes.len())..].iter().step_by(width);
        let to = &mut sorted[place * count..][..count];
        to.iter_mut()
            .zip(of_place)
            .for_each(|(to, &byte)| *to = byte);
    }
    sorted[count * width..].copy_from_slice(&bytes[count * width..]);
}

/// Undoes [`sort`].
fn unsort(sorted: &[u8], width: usize, bytes: &mut [u8]) {
    let count = bytes.len() / width;
    for place in 0..width {
        let from = &sorted[place * count..][..count];
        let of_place = bytes.iter_mut().skip(place).step_by(width);
        of_place.zip(from).for_each(|(to, &byte)| *to = byte);
    }
    bytes[count * width..].copy_from_slice(&sorted[count * width..]);
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn bytes_are_sorted_by_their_place_in_the_element() {
        let mut sorted = [0; 7];
        sort(&[1, 2, 3, 4, 5, 6, 7], 3, &mut sorted);
        assert_eq!(sorted, [1, 4, 2, 5, 3, 6, 7]);
    }

    proptest! {
        #[test]
        fn sorting_can_be_undone(bytes: Vec<u8>, width in 1..=WIDEST) {
            let (mut sorted, mut back) = (bytes.clone(), bytes.clone());
            back.fill(0);
            sort(&bytes, width, &mut sorted);
            unsort(&sorted, width, &mut back);
            prop_assert_eq!(back, bytes);
        }
    }
}
