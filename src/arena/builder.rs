//! How an arena comes to be: its options, and the ways in which that can fail.

use alloc::vec::Vec;
use core::{fmt, ptr::NonNull};

use lock_api::RawMutex;

use super::{Arena, DefaultLock, region::Region};
use crate::buddy::BuddyError;
#[cfg(all(target_os = "linux", feature = "std"))]
use crate::mapping::MapError;
#[cfg(all(target_os = "linux", feature = "std"))]
use crate::{arena::region::RegionError, mapping};

/// Blocks of one cache line: two allocations never share a line, and no bitmap is large.
const DEFAULT_GRAIN: usize = 64;
const DEFAULT_CAPACITY: usize = 64 << 20;

/// Options of an [`Arena`]; made by [`Arena::builder`].
///
/// ```
/// let arena = orionrt::Arena::builder().capacity(64 << 20).huge_pages(true).build()?;
/// assert_eq!(arena.capacity(), 64 << 20);
/// # Ok::<(), orionrt::ArenaError>(())
/// ```
#[derive(Clone, Debug)]
pub struct ArenaBuilder {
    capacity: usize,
    grain: usize,
    alignment: usize,
    pinned: bool,
    huge_pages: bool,
    prefault: bool,
}

impl ArenaBuilder {
    pub(super) fn new() -> Self {
        Self {
            capacity: DEFAULT_CAPACITY,
            grain: DEFAULT_GRAIN,
            alignment: 1,
            pinned: false,
            huge_pages: false,
            prefault: false,
        }
    }

    /// How many bytes the arena manages, rounded up to whole pages. Default 64 MiB. Any number will do, a power of two or not.
    /// Over lent memory the capacity is the memory's.
    #[must_use]
    pub fn capacity(mut self, bytes: usize) -> Self {
        self.capacity = bytes;
        self
    }

    /// The size of a block in bytes, a power of two: every allocation takes a multiple of it, at a multiple of it. Default 64.
    #[must_use]
    pub fn block_size(mut self, bytes: usize) -> Self {
        self.grain = bytes;
        self
    }

    /// The least alignment of the arena's base address in bytes, a power of two. Default: the capacity rounded up
    /// to a power of two, so that every alignment up to the capacity can be had.
    #[must_use]
    pub fn base_alignment(mut self, bytes: usize) -> Self {
        self.alignment = bytes;
        self
    }

    /// Page-locks the whole arena: resident from the start and never swapped out. If the limit of locked memory
    /// refuses, building fails and says so; an arena is never silently unpinned.
    #[must_use]
    pub fn pinned(mut self, yes: bool) -> Self {
        self.pinned = yes;
        self
    }

    /// Advises the system to back the arena with huge pages of 2 MiB: fewer page faults and TLB misses for large tensors.
    #[must_use]
    pub fn huge_pages(mut self, yes: bool) -> Self {
        self.huge_pages = yes;
        self
    }

    /// Makes the whole arena resident while it is built, so that no later allocation faults.
    /// For a part of it, see [`Arena::reserve`].
    #[must_use]
    pub fn prefault(mut self, yes: bool) -> Self {
        self.prefault = yes;
        self
    }

    /// Maps memory and makes the arena. Without [`prefault`](Self::prefault) or [`pinned`](Self::pinned),
    /// memory is committed as it is needed.
    ///
    /// # Errors
    /// When the operating system refuses memory or the page lock, or an option is out of range; see [`ArenaError`].
    #[cfg(all(target_os = "linux", feature = "std"))]
    pub fn build(self) -> Result<Arena, ArenaError> {
        self.build_with_lock()
    }

    /// Like [`build`](Self::build), with a lock of your choice.
    ///
    /// ```
    /// let arena = orionrt::Arena::builder().build_with_lock::<orionrt::RawLock>()?;
    /// let v = allocator_api2::vec::Vec::<u8, _>::with_capacity_in(10, &arena);
    /// # Ok::<(), orionrt::ArenaError>(())
    /// ```
    ///
    /// # Errors
    /// As [`build`](Self::build).
    #[cfg(all(target_os = "linux", feature = "std"))]
    pub fn build_with_lock<R: RawMutex>(self) -> Result<Arena<R>, ArenaError> {
        if !self.alignment.is_power_of_two() {
            return Err(ArenaError::BadAlignment {
                alignment: self.alignment,
            });
        }
        if !self.grain.is_power_of_two() {
            return Err(ArenaError::BadBlockSize(BuddyError::BadGrain {
                grain: self.grain,
            }));
        }
        let huge = if self.huge_pages {
            mapping::HUGE_PAGE
        } else {
            1
        };
        let mut region = Region::map(self.capacity, self.grain, self.alignment.max(huge))?;
        if self.huge_pages {
            region.advise_huge()?;
        }
        if self.pinned {
            region.lock()?;
        } else if self.prefault {
            region.prefault(usize::MAX)?;
        }
        Ok(Arena::over(region, self.pinned))
    }

    /// An arena over lent memory, which it manages to the last whole block.
    ///
    /// ```
    /// let memory = Vec::leak(vec![0u8; 1 << 16]);
    /// let arena = orionrt::Arena::builder().build_in(memory)?;
    /// let v = allocator_api2::vec::Vec::<u64, _>::with_capacity_in(100, &arena);
    /// # Ok::<(), orionrt::ArenaError>(())
    /// ```
    ///
    /// # Errors
    /// When the block size is no power of two.
    pub fn build_in(self, memory: &'static mut [u8]) -> Result<Arena<DefaultLock>, ArenaError> {
        self.build_in_with_lock(memory)
    }

    /// Like [`build_in`](Self::build_in), with a lock of your choice.
    ///
    /// # Errors
    /// As [`build_in`](Self::build_in).
    pub fn build_in_with_lock<R: RawMutex>(
        self,
        memory: &'static mut [u8],
    ) -> Result<Arena<R>, ArenaError> {
        // SAFETY: an exclusive reference for ever: valid, and nobody else's.
        unsafe { self.build_over(NonNull::from(memory)) }
    }

    /// An arena over any memory: a device buffer's host window, a shared mapping, a part of a larger buffer.
    /// `pinned`, `huge_pages` and `prefault` are the owner's affair here and are ignored.
    ///
    /// # Errors
    /// When the block size is no power of two.
    ///
    /// # Safety
    /// All of `memory` can be read and written from any thread, and nobody else touches it, until the arena and
    /// everything that it handed out are gone. The arena never frees it.
    pub unsafe fn build_over<R: RawMutex>(
        self,
        memory: NonNull<[u8]>,
    ) -> Result<Arena<R>, ArenaError> {
        if !self.grain.is_power_of_two() {
            return Err(ArenaError::BadBlockSize(BuddyError::BadGrain {
                grain: self.grain,
            }));
        }
        // SAFETY: the caller's duty, passed on.
        let region = unsafe { Region::lent(memory.cast(), memory.len(), self.grain) };
        Ok(Arena::over(
            region.map_err(ArenaError::BadBlockSize)?,
            false,
        ))
    }

    /// An arena in memory from the program's allocator, leaked for good: for platforms on which
    /// [`build`](Self::build) does not exist.
    ///
    /// # Errors
    /// When the block size is no power of two, or the memory cannot be had.
    pub fn build_leaked(self) -> Result<Arena<DefaultLock>, ArenaError> {
        let mut memory = Vec::new();
        let refused = ArenaError::OutOfMemory {
            bytes: self.capacity,
        };
        memory
            .try_reserve_exact(self.capacity)
            .map_err(|_| refused)?;
        memory.resize(self.capacity, 0);
        self.build_in(memory.leak())
    }
}

/// Why an arena could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ArenaError {
    /// The operating system refused memory, or the limit of locked memory refused a pinned arena.
    #[cfg(all(target_os = "linux", feature = "std"))]
    Memory(MapError),
    /// The program's allocator has no memory for [`build_leaked`](ArenaBuilder::build_leaked).
    OutOfMemory {
        /// Bytes asked for.
        bytes: usize,
    },
    /// The block size is no power of two, or so small that the blocks cannot be numbered.
    BadBlockSize(BuddyError),
    /// The base alignment is no power of two.
    BadAlignment {
        /// The alignment in bytes.
        alignment: usize,
    },
}

impl fmt::Display for ArenaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            #[cfg(all(target_os = "linux", feature = "std"))]
            Self::Memory(error) => write!(f, "no memory for the arena: {error}"),
            Self::OutOfMemory { bytes } => {
                write!(
                    f,
                    "the program's allocator cannot lend the arena {bytes} bytes"
                )
            }
            Self::BadBlockSize(error) => write!(f, "the arena's block size is refused: {error}"),
            Self::BadAlignment { alignment } => {
                write!(
                    f,
                    "the arena's base alignment {alignment} is not a power of two"
                )
            }
        }
    }
}

impl core::error::Error for ArenaError {}

#[cfg(all(target_os = "linux", feature = "std"))]
impl From<RegionError> for ArenaError {
    fn from(error: RegionError) -> Self {
        match error {
            RegionError::Map(error) => Self::Memory(error),
            RegionError::Buddy(error) => Self::BadBlockSize(error),
        }
    }
}

#[cfg(all(target_os = "linux", feature = "std"))]
impl From<MapError> for ArenaError {
    fn from(error: MapError) -> Self {
        Self::Memory(error)
    }
}
