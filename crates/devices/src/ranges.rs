//! Which bytes of a block are free: whole granules, and what a block has behind its last whole one.
//!
//! Stands on the buddy allocator, which knows whole granules alone. It is told that the last one is
//! whole, too. Invariant: a range that is lent ends within the block, so bytes that the block lacks
//! of its last granule are never lent.

use core::{alloc::Layout, ops::Range};

use orionrt_buddy::Buddy;

use crate::error::DeviceMemoryError;

/// The bytes of a block, free or lent.
pub(crate) struct Ranges {
    buddy: Buddy<Vec<u64>>,
    /// The size of the block.
    bytes: usize,
}

/// What is free.
#[derive(Clone, Copy, Default)]
pub(crate) struct Free {
    pub(crate) bytes: u64,
    /// The largest range of free bytes.
    pub(crate) largest: u64,
}

impl Ranges {
    /// A block of so many bytes, all of them free, of which multiples of `granule` are lent.
    pub(crate) fn new(bytes: u64, granule: usize) -> Result<Self, DeviceMemoryError> {
        let too_large = |_| DeviceMemoryError::TooLarge {
            needed: bytes,
            largest: usize::MAX as u64 >> 8,
        };
        let size = address(bytes)?;
        let whole = size.checked_next_multiple_of(granule);
        let whole = whole.ok_or(()).map_err(too_large)?;
        let words = zeroed_words(Buddy::<Vec<u64>>::words_for(whole, granule))?;
        let buddy = Buddy::in_zeroed_words(words, granule, 0..whole);
        let buddy = buddy.map_err(|_| too_large(()))?;
        Ok(Self { buddy, bytes: size })
    }

    /// The size of the block.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes as u64
    }

    /// The granule: every range that is lent takes a multiple of it, or the block's last bytes.
    pub(crate) fn granule(&self) -> u64 {
        self.buddy.block_bytes() as u64
    }

    /// Lends a range that is not empty, and returns where it begins.
    pub(crate) fn allocate(&mut self, layout: Layout) -> Option<usize> {
        if layout.size() > self.bytes {
            return None;
        }
        if let Some(offset) = self.buddy.allocate(layout) {
            if layout.size() <= self.bytes - offset {
                return Some(offset);
            }
            self.free(offset, layout);
        }
        self.first_fit(layout)
    }

    /// Lends the first range that is large enough and aligned, where the buddy allocator has found
    /// none: it looks at aligned powers of two.
    #[cold]
    fn first_fit(&mut self, layout: Layout) -> Option<usize> {
        let mut found = None;
        self.buddy.free_runs(|run| {
            let run = run.start..run.end.min(self.bytes);
            let start = run.start.checked_next_multiple_of(layout.align());
            let end = start.and_then(|start| start.checked_add(layout.size()));
            found = start.filter(|_| end.is_some_and(|end| end <= run.end));
            found.is_none()
        });
        let taken = self.buddy.granted(layout.size());
        found.filter(|&offset| self.buddy.take_run(offset, taken))
    }

    /// Takes a range back.
    pub(crate) fn free(&mut self, offset: usize, layout: Layout) {
        let freed = self.buddy.free(offset, layout);
        debug_assert!(freed.is_ok(), "a range is lent once: {freed:?}");
    }

    /// How many bytes of the block a range takes that was lent.
    pub(crate) fn taken(&self, offset: usize, layout: Layout) -> u64 {
        let granted = self.buddy.granted(layout.size());
        (self.bytes - offset).min(granted) as u64
    }

    /// What is free.
    pub(crate) fn free_now(&self) -> Free {
        let mut free = Free::default();
        self.buddy.free_runs(|Range { start, end }| {
            let bytes = (end.min(self.bytes) - start) as u64;
            free.bytes += bytes;
            free.largest = free.largest.max(bytes);
            true
        });
        free
    }
}

/// A number of bytes as one that this program can address.
pub(crate) fn address(bytes: u64) -> Result<usize, DeviceMemoryError> {
    usize::try_from(bytes).map_err(|_| DeviceMemoryError::TooLarge {
        needed: bytes,
        largest: usize::MAX as u64,
    })
}

fn zeroed_words(count: usize) -> Result<Vec<u64>, DeviceMemoryError> {
    let mut words = Vec::new();
    let reserved = words.try_reserve_exact(count);
    reserved.map_err(|_| DeviceMemoryError::NoHostMemory {
        needed: count as u64 * 8,
    })?;
    words.resize(count, 0);
    Ok(words)
}
