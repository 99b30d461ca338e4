//! The slow memory of the demo: a temporary file that is mapped into memory.
//!
//! Stands on `tempfile` and `memmap2`. A [`MappedFile`] is an allocator that grants the mapping as
//! one block, so that a [`TensorPool`](orionrt::TensorPool) can have its region there; where in it
//! each tensor lies is the plan's affair. The system writes pages of the file to the disk and takes
//! them out of memory as it likes.
//!
//! Invariant: the file has no name, so no other process makes it shorter, and every byte of it has
//! been written before it is mapped, so a full disk is an error and no signal later. The block is
//! granted to one owner at a time.

use std::{
    cell::Cell,
    fmt,
    io::{self, Read},
    ptr::NonNull,
};

use allocator_api2::alloc::{AllocError, Allocator, Layout};
use memmap2::MmapRaw;

/// Every mapping begins at a multiple of this many bytes, on every system.
const PAGE: usize = 4096;

/// A temporary file in memory, as one block.
pub struct MappedFile {
    map: MmapRaw,
    is_granted: Cell<bool>,
}

impl MappedFile {
    /// A file of so many bytes, at least one, in the folder for temporary files.
    ///
    /// # Errors
    /// When the system makes no such file, has no room for it, or does not map it.
    pub fn new(bytes: u64) -> io::Result<Self> {
        let mut file = tempfile::tempfile()?;
        io::copy(&mut io::repeat(0).take(bytes.max(1)), &mut file)?;
        Ok(Self {
            map: MmapRaw::map_raw(&file)?,
            is_granted: Cell::new(false),
        })
    }
}

// SAFETY: the block is the mapping, which is readable and writable, stays where it is when this
// value moves, and lasts until it is dropped. `is_granted` keeps a second owner out. There are no
// clones. Growing and shrinking are the trait's own defaults, built from the two methods below.
unsafe impl Allocator for MappedFile {
    fn allocate(&self, layout: Layout) -> Result<NonNull<[u8]>, AllocError> {
        let fits = layout.size() <= self.map.len() && layout.align() <= PAGE;
        let start = NonNull::new(self.map.as_mut_ptr()).filter(|_| fits);
        let start = start.ok_or(AllocError)?;
        if self.is_granted.replace(true) {
            return Err(AllocError);
        }
        Ok(NonNull::slice_from_raw_parts(start, layout.size()))
    }

    unsafe fn deallocate(&self, _: NonNull<u8>, _: Layout) {
        self.is_granted.set(false);
    }
}

impl fmt::Debug for MappedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MappedFile")
            .field("bytes", &self.map.len())
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use allocator_api2::vec::Vec;

    #[test]
    fn one_owner_at_a_time_has_the_bytes_of_the_file() {
        let file = MappedFile::new(10_000).unwrap();
        let mut first: Vec<u32, _> = Vec::new_in(&file);
        first.try_reserve_exact(2_500).unwrap();
        first.extend(0..2_500);
        let mut second: Vec<u8, _> = Vec::new_in(&file);
        assert!(second.try_reserve_exact(1).is_err());
        assert!(first.iter().copied().eq(0..2_500));
        drop(first);
        assert!(second.try_reserve_exact(10_001).is_err());
        assert!(second.try_reserve_exact(10_000).is_ok());
    }

    #[test]
    fn a_refused_request_leaves_the_file_to_the_next_owner() {
        #[repr(align(8192))]
        struct Wide(#[allow(dead_code)] [u8; 8192]);
        let file = MappedFile::new(1 << 14).unwrap();
        let mut wide: Vec<Wide, _> = Vec::new_in(&file);
        assert!(wide.try_reserve_exact(1).is_err());
        let mut bytes: Vec<u8, _> = Vec::new_in(&file);
        assert!(bytes.try_reserve_exact(1).is_ok());
    }
}
