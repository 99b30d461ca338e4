//! How an arena comes to be: its options, and the ways in which that can fail.

use alloc::vec::Vec;
use core::{fmt, ptr::NonNull};

use lock_api::RawMutex;

use super::{Arena, DefaultLock, region::Region};
#[cfg(feature = "std")]
use crate::arena::{Numa, NumaNodes, region::RegionError};
use orionrt_buddy::BuddyError;
#[cfg(feature = "std")]
use orionrt_sys::mapping;
#[cfg(feature = "std")]
use orionrt_sys::mapping::MapError;

/// Blocks of one cache line: two allocations never share a line, and no bitmap is large.
const DEFAULT_BLOCK_BYTES: usize = 64;
const DEFAULT_CAPACITY: usize = 64 << 20;

/// Whether the system backs an arena with huge pages of 2 MiB; see [`ArenaBuilder::huge_pages`].
///
/// ```
/// use orionrt_alloc::{arena::HugePages, Arena};
/// let small = Arena::builder().capacity(1 << 20).huge_pages(HugePages::Off).build()?;
/// let large = Arena::builder().capacity(64 << 20).huge_pages(true).build()?;
/// # Ok::<(), orionrt_alloc::arena::ArenaError>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum HugePages {
    /// Never, even where the system uses them for everyone: memory is resident page by page, as it is touched.
    Off,
    /// The system's own policy (`/sys/kernel/mm/transparent_hugepage/enabled`): where that says `madvise`, as most do, none.
    #[default]
    OnRequest,
    /// Wherever the system allows them at all: fewer page faults and TLB misses for large tensors.
    Always,
}

impl From<bool> for HugePages {
    /// True asks for them; false leaves the system its policy.
    fn from(yes: bool) -> Self {
        if yes { Self::Always } else { Self::OnRequest }
    }
}

/// Options of an [`Arena`]; made by [`Arena::builder`].
///
/// ```
/// let arena = orionrt_alloc::Arena::builder().capacity(64 << 20).huge_pages(true).build()?;
/// assert_eq!(arena.capacity(), 64 << 20);
/// # Ok::<(), orionrt_alloc::arena::ArenaError>(())
/// ```
#[derive(Clone, Debug)]
pub struct ArenaBuilder {
    capacity: usize,
    block_bytes: usize,
    alignment: usize,
    pinned: bool,
    huge_pages: HugePages,
    #[cfg(feature = "std")]
    numa_node: Option<u32>,
    prefault: bool,
}

impl ArenaBuilder {
    pub(super) fn new() -> Self {
        Self {
            capacity: DEFAULT_CAPACITY,
            block_bytes: DEFAULT_BLOCK_BYTES,
            alignment: 1,
            pinned: false,
            huge_pages: HugePages::OnRequest,
            #[cfg(feature = "std")]
            numa_node: None,
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
        self.block_bytes = bytes;
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

    /// Advises the system on huge pages of 2 MiB for the arena: [`HugePages`], or true for [`HugePages::Always`]. Default:
    /// [`HugePages::OnRequest`].
    #[must_use]
    pub fn huge_pages(mut self, when: impl Into<HugePages>) -> Self {
        self.huge_pages = when.into();
        self
    }

    /// Has all of the arena's memory come from one NUMA node, whichever thread touches it first. Where that node is the only one,
    /// nothing need be done; [`Arena::numa`] says what was.
    ///
    /// ```
    /// use orionrt_alloc::{arena::Numa, Arena};
    /// let arena = Arena::builder().capacity(1 << 20).numa_node(0).build()?;
    /// match arena.numa() {
    ///     Numa::Bound { node } => println!("all memory comes from node {node}"),
    ///     Numa::SingleNode => println!("this machine has one node"),
    ///     _ => unreachable!("a node was asked for"),
    /// }
    /// # Ok::<(), orionrt_alloc::arena::ArenaError>(())
    /// ```
    #[cfg(feature = "std")]
    #[must_use]
    pub fn numa_node(mut self, node: u32) -> Self {
        self.numa_node = Some(node);
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
    #[cfg(feature = "std")]
    pub fn build(self) -> Result<Arena, ArenaError> {
        self.build_with_lock()
    }

    /// Like [`build`](Self::build), with a lock of your choice.
    ///
    /// ```
    /// let arena = orionrt_alloc::Arena::builder().build_with_lock::<orionrt_sys::sync::RawLock>()?;
    /// let v = allocator_api2::vec::Vec::<u8, _>::with_capacity_in(10, &arena);
    /// # Ok::<(), orionrt_alloc::arena::ArenaError>(())
    /// ```
    ///
    /// # Errors
    /// As [`build`](Self::build).
    #[cfg(feature = "std")]
    pub fn build_with_lock<R: RawMutex>(self) -> Result<Arena<R>, ArenaError> {
        if !self.alignment.is_power_of_two() {
            return Err(ArenaError::BadAlignment {
                alignment: self.alignment,
            });
        }
        if !self.block_bytes.is_power_of_two() {
            return Err(ArenaError::BadBlockSize(BuddyError::BadBlockSize {
                block_bytes: self.block_bytes,
            }));
        }
        let huge = match self.huge_pages {
            HugePages::Always => mapping::HUGE_PAGE,
            HugePages::Off | HugePages::OnRequest => 1,
        };
        let mut region = Region::map(self.capacity, self.block_bytes, self.alignment.max(huge))?;
        let numa = self.bind(&region, NumaNodes::online)?;
        region.advise_huge(self.huge_pages)?;
        if self.pinned {
            region.lock()?;
        } else if self.prefault {
            region.prefault(usize::MAX)?;
        }
        Ok(Arena::over(region, self.pinned).with_numa(numa))
    }

    /// Binds the memory of a region that nobody has touched to the node that was asked for.
    #[cfg(feature = "std")]
    fn bind(
        &self,
        region: &Region,
        online: impl FnOnce() -> NumaNodes,
    ) -> Result<Numa, ArenaError> {
        let Some(node) = self.numa_node else {
            return Ok(Numa::Unbound);
        };
        let online = online();
        if !online.contains(node) {
            return Err(ArenaError::NoSuchNode { node, online });
        }
        if online.is_single() {
            return Ok(Numa::SingleNode);
        }
        let refused = |error| ArenaError::CannotBind {
            node,
            online,
            error,
        };
        region.bind(node).map_err(refused)?;
        Ok(Numa::Bound { node })
    }

    /// An arena over lent memory, which it manages to the last whole block.
    ///
    /// ```
    /// let memory = Vec::leak(vec![0u8; 1 << 16]);
    /// let arena = orionrt_alloc::Arena::builder().build_in(memory)?;
    /// let v = allocator_api2::vec::Vec::<u64, _>::with_capacity_in(100, &arena);
    /// # Ok::<(), orionrt_alloc::arena::ArenaError>(())
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
    /// `pinned`, `huge_pages`, `numa_node` and `prefault` are the owner's affair here and are ignored.
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
        if !self.block_bytes.is_power_of_two() {
            return Err(ArenaError::BadBlockSize(BuddyError::BadBlockSize {
                block_bytes: self.block_bytes,
            }));
        }
        // SAFETY: the caller's duty, passed on.
        let region = unsafe { Region::lent(memory.cast(), memory.len(), self.block_bytes) };
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
    #[cfg(feature = "std")]
    Memory(MapError),
    /// The NUMA node that was asked for is not there.
    #[cfg(feature = "std")]
    NoSuchNode {
        /// The node.
        node: u32,
        /// The nodes that there are.
        online: NumaNodes,
    },
    /// The operating system refused to bind memory to a NUMA node.
    #[cfg(feature = "std")]
    CannotBind {
        /// The node.
        node: u32,
        /// The nodes that there are.
        online: NumaNodes,
        /// What the operating system said.
        error: MapError,
    },
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
            #[cfg(feature = "std")]
            Self::Memory(error) => write!(f, "no memory for the arena: {error}"),
            #[cfg(feature = "std")]
            Self::NoSuchNode { node, online } => {
                write!(f, "there is no NUMA node {node}: online are {online}")
            }
            #[cfg(feature = "std")]
            Self::CannotBind {
                node,
                online,
                error,
            } => write!(
                f,
                "the arena's memory cannot come from NUMA node {node} (online are {online}): {error}. In a container, \
                 the call may need CAP_SYS_NICE or another seccomp profile, and the node be among its cpuset.mems"
            ),
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

#[cfg(feature = "std")]
impl From<RegionError> for ArenaError {
    fn from(error: RegionError) -> Self {
        match error {
            RegionError::Map(error) => Self::Memory(error),
            RegionError::Buddy(error) => Self::BadBlockSize(error),
        }
    }
}

#[cfg(feature = "std")]
impl From<MapError> for ArenaError {
    fn from(error: MapError) -> Self {
        Self::Memory(error)
    }
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use super::*;
    use orionrt_sys::mapping::{MapCall, faults};

    fn nodes(list: &str) -> impl FnOnce() -> NumaNodes {
        move || NumaNodes::parse(list).unwrap()
    }

    #[test]
    fn memory_is_bound_where_there_is_a_choice() {
        let region = Region::map(1 << 20, 64, 1).unwrap();
        let builder = || Arena::builder().numa_node(0);
        assert_eq!(
            Arena::builder().bind(&region, nodes("0-1")),
            Ok(Numa::Unbound)
        );
        faults::refuse_after(Some(0));
        assert_eq!(builder().bind(&region, nodes("0")), Ok(Numa::SingleNode));
        let refused = builder().bind(&region, nodes("0,2")).unwrap_err();
        faults::refuse_after(None);
        match builder().bind(&region, nodes("0-1")) {
            Ok(bound) => assert_eq!(bound, Numa::Bound { node: 0 }),
            Err(error) => assert!(matches!(error, ArenaError::CannotBind { .. })),
        }
        let ArenaError::CannotBind { node: 0, error, .. } = refused else {
            panic!("{refused}");
        };
        assert_eq!((error.call(), error.bytes()), (MapCall::Bind, 1 << 20));
        assert!(refused.to_string().contains("node 0 (online are 0,2)"));
    }

    #[test]
    fn a_missing_node_is_named_with_those_that_there_are() {
        let region = Region::map(1 << 20, 64, 1).unwrap();
        let error = Arena::builder().numa_node(3).bind(&region, nodes("0-1"));
        let text = error.unwrap_err().to_string();
        assert_eq!(text, "there is no NUMA node 3: online are 0-1");
    }
}
