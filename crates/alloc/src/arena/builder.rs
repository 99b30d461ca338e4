//! The options of an arena, and the ways to make one from them.
//!
//! [`ArenaBuilder`] checks the options, prepares the memory (bound, advised, locked or resident, as
//! they say), and only then makes the [`Arena`]: an arena always has what was asked for, except for
//! huge pages, which are advice.

use core::ptr::NonNull;

use lock_api::RawMutex;
use orionrt_buddy::BuddyError;
#[cfg(feature = "std")]
use orionrt_sys::mapping::HUGE_PAGE;

#[cfg(feature = "std")]
use super::numa::{Numa, NumaNodes};
use super::{
    allocator::{Arena, DefaultLock},
    error::ArenaError,
    huge_pages::HugePages,
    memory::ArenaMemory,
};

/// A block of one cache line: two allocations never share a line, and the bitmaps stay small.
const DEFAULT_BLOCK_BYTES: usize = 64;
const DEFAULT_CAPACITY: usize = 64 << 20;

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

impl Arena {
    /// The options of a new arena.
    #[must_use]
    pub fn builder() -> ArenaBuilder {
        ArenaBuilder::new()
    }
}

impl ArenaBuilder {
    fn new() -> Self {
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

    /// How many bytes the arena manages, rounded up to whole pages. The number need not be a power
    /// of two. Default: 64 MiB. An arena over memory of the caller has that memory's length
    /// instead.
    #[must_use]
    pub fn capacity(mut self, bytes: usize) -> Self {
        self.capacity = bytes;
        self
    }

    /// The size of a block in bytes, a power of two: every allocation takes a multiple of it, at a
    /// multiple of it. Default: 64.
    #[must_use]
    pub fn block_size(mut self, bytes: usize) -> Self {
        self.block_bytes = bytes;
        self
    }

    /// The alignment of the arena's base address in bytes, a power of two, if it is to be larger
    /// than the default: the capacity rounded up to a power of two, which allows every alignment up
    /// to the capacity.
    #[must_use]
    pub fn base_alignment(mut self, bytes: usize) -> Self {
        self.alignment = bytes;
        self
    }

    /// Page-locks the whole arena: it is resident from the start and never swapped out. If the
    /// limit of locked memory forbids that, building fails and says so; an arena is never silently
    /// unpinned.
    #[must_use]
    pub fn pinned(mut self, yes: bool) -> Self {
        self.pinned = yes;
        self
    }

    /// Advises the system for or against huge pages of 2 MiB: a [`HugePages`], or `true` for
    /// [`HugePages::Always`]. Default: [`HugePages::OnRequest`]. It is only advice: a system
    /// without huge pages, or one that refuses the call, gives the arena ordinary ones.
    #[must_use]
    pub fn huge_pages(mut self, when: impl Into<HugePages>) -> Self {
        self.huge_pages = when.into();
        self
    }

    /// Has all of the arena's memory come from one NUMA node, whichever thread touches it first.
    /// Where that node is the only one, nothing needs to be done; [`Arena::numa`] tells. On
    /// Windows, memory comes from other nodes when that one has none left.
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

    /// Makes the whole arena resident while it is built, so that no later allocation causes page
    /// faults. [`Arena::reserve`] does that for a part. Both fail only where there is no memory.
    #[must_use]
    pub fn prefault(mut self, yes: bool) -> Self {
        self.prefault = yes;
        self
    }

    /// Makes an arena in memory from the operating system. Without [`prefault`](Self::prefault) and
    /// [`pinned`](Self::pinned), memory is committed as it is needed.
    ///
    /// # Errors
    /// When the operating system refuses memory or the page lock, or an option is out of range; see
    /// [`ArenaError`].
    #[cfg(feature = "std")]
    pub fn build(self) -> Result<Arena, ArenaError> {
        self.build_with_lock()
    }

    /// Makes an arena in memory from the operating system, with a lock of your choice; see
    /// [`build`](Self::build).
    ///
    /// ```
    /// use orionrt_alloc::{Arena, arena::RawLock};
    /// let arena = Arena::builder().build_with_lock::<RawLock>()?;
    /// let v = allocator_api2::vec::Vec::<u8, _>::with_capacity_in(10, &arena);
    /// # Ok::<(), orionrt_alloc::arena::ArenaError>(())
    /// ```
    ///
    /// # Errors
    /// Those of [`build`](Self::build).
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
        let mut memory = ArenaMemory::map(self.capacity, self.block_bytes, self.least_align())?;
        let numa = self.bind(&mut memory, NumaNodes::known)?;
        memory.advise_huge(self.huge_pages);
        if self.pinned {
            memory.lock()?;
        } else if self.prefault {
            memory.prefault(usize::MAX)?;
        }
        Ok(Arena::new(memory, self.pinned).with_numa(numa))
    }

    /// The least alignment of the arena's base address.
    #[cfg(feature = "std")]
    fn least_align(&self) -> usize {
        match self.huge_pages {
            HugePages::Always => self.alignment.max(HUGE_PAGE),
            HugePages::Off | HugePages::OnRequest => self.alignment,
        }
    }

    /// Binds memory that nobody has touched to the node that was asked for.
    #[cfg(feature = "std")]
    fn bind(
        &self,
        memory: &mut ArenaMemory,
        online: impl FnOnce() -> Option<NumaNodes>,
    ) -> Result<Numa, ArenaError> {
        let Some(node) = self.numa_node else {
            return Ok(Numa::Unbound);
        };
        let known = online();
        let online = known.unwrap_or(NumaNodes::NODE_0);
        if known.is_some() && !online.contains(node) {
            return Err(ArenaError::NoSuchNode { node, online });
        }
        if known.is_some_and(NumaNodes::is_single) {
            return Ok(Numa::SingleNode);
        }
        match memory.bind(node, self.least_align()) {
            Ok(()) => Ok(Numa::Bound { node }),
            // A system that neither tells its nodes nor has the call has one.
            Err(error) if known.is_none() && error.is_missing() => match node {
                0 => Ok(Numa::SingleNode),
                _ => Err(ArenaError::NoSuchNode { node, online }),
            },
            Err(error) => Err(ArenaError::CannotBind {
                node,
                online,
                error,
            }),
        }
    }

    /// Makes an arena over memory that is lent for good, which it manages to the last whole block.
    /// The memory may be a `static`, or leaked from another allocator; this needs no operating
    /// system.
    ///
    /// ```
    /// let memory = Vec::leak(vec![0u8; 1 << 16]);
    /// let arena = orionrt_alloc::Arena::builder().build_in(memory)?;
    /// let v = allocator_api2::vec::Vec::<u64, _>::with_capacity_in(100, &arena);
    /// # Ok::<(), orionrt_alloc::arena::ArenaError>(())
    /// ```
    ///
    /// # Errors
    /// When the block size is not a power of two.
    pub fn build_in(self, memory: &'static mut [u8]) -> Result<Arena<DefaultLock>, ArenaError> {
        self.build_in_with_lock(memory)
    }

    /// Makes an arena over memory that is lent for good, with a lock of your choice; see
    /// [`build_in`](Self::build_in).
    ///
    /// # Errors
    /// When the block size is not a power of two.
    pub fn build_in_with_lock<R: RawMutex>(
        self,
        memory: &'static mut [u8],
    ) -> Result<Arena<R>, ArenaError> {
        // SAFETY: an exclusive reference that lasts for ever: valid, and nobody else uses the
        // memory.
        unsafe { self.build_over(NonNull::from(memory)) }
    }

    /// Makes an arena over any memory: the host window of a device buffer, a shared mapping, a part
    /// of a larger buffer. Of the options, only `block_size` matters: the memory is as its owner
    /// made it.
    ///
    /// # Errors
    /// When the block size is not a power of two.
    ///
    /// # Safety
    /// All of `memory` can be read and written from any thread, and nobody else touches it, until
    /// the arena and everything that it handed out are gone. The arena never frees it.
    pub unsafe fn build_over<R: RawMutex>(
        self,
        memory: NonNull<[u8]>,
    ) -> Result<Arena<R>, ArenaError> {
        if !self.block_bytes.is_power_of_two() {
            return Err(ArenaError::BadBlockSize(BuddyError::BadBlockSize {
                block_bytes: self.block_bytes,
            }));
        }
        let (first, len) = (memory.cast(), memory.len());
        // SAFETY: the caller's duty, passed on.
        let memory = unsafe { ArenaMemory::lent(first, len, self.block_bytes) };
        Ok(Arena::new(memory.map_err(ArenaError::BadBlockSize)?, false))
    }
}

#[cfg(all(test, feature = "std"))]
mod tests {
    use core::alloc::Layout;

    use super::*;
    use orionrt_sys::mapping::{
        MapCall,
        faults::{self, Call, Refusal},
    };
    use orionrt_testing::machine::skipped;

    fn nodes(list: &str) -> impl FnOnce() -> Option<NumaNodes> {
        move || Some(NumaNodes::parse(list).unwrap())
    }

    #[test]
    fn memory_is_bound_where_there_are_several_nodes() {
        let mut memory = ArenaMemory::map(1 << 20, 64, 1).unwrap();
        let builder = || Arena::builder().numa_node(0);
        assert_eq!(
            Arena::builder().bind(&mut memory, nodes("0-1")),
            Ok(Numa::Unbound)
        );
        faults::refuse_after(Some(0));
        assert_eq!(
            builder().bind(&mut memory, nodes("0")),
            Ok(Numa::SingleNode)
        );
        let refused = builder().bind(&mut memory, nodes("0,2")).unwrap_err();
        faults::refuse_after(None);
        match builder().bind(&mut memory, nodes("0-1")) {
            Ok(bound) => assert_eq!(bound, Numa::Bound { node: 0 }),
            Err(ArenaError::CannotBind { error, .. }) => {
                // EPERM in a container that forbids the call, ENOSYS in a kernel that lacks it.
                let is_refused = matches!(error.raw_os_error(), Some(1 | 38));
                assert!(is_refused || error.is_unsupported(), "{error}");
                skipped(error);
            }
            Err(error) => panic!("{error}"),
        }
        let ArenaError::CannotBind { node: 0, error, .. } = refused else {
            panic!("{refused}");
        };
        assert_eq!((error.call(), error.bytes()), (MapCall::Bind, 1 << 20));
        assert!(refused.to_string().contains("node 0 (online are 0,2)"));
        // It may have other addresses now.
        let granted = memory.allocate(Layout::new::<u64>()).unwrap();
        assert_eq!(granted.start, memory.first());
        // SAFETY: a block of eight bytes, at the start of aligned memory.
        unsafe { granted.start.cast::<u64>().write(1) };
    }

    /// Where `/sys` is hidden, the kernel is asked: it is the call that tells whether there is a
    /// node.
    #[test]
    fn memory_is_bound_where_the_system_does_not_tell_its_nodes() {
        let mut memory = ArenaMemory::map(1 << 20, 64, 1).unwrap();
        let mut bind = |node, error_number| {
            faults::refuse(Refusal::of(Call::Bind).with_error_number(error_number));
            let bound = Arena::builder().numa_node(node).bind(&mut memory, || None);
            faults::refuse_after(None);
            bound
        };
        const EPERM: i32 = 1;
        // Of Linux, FreeBSD and macOS, and Windows.
        const ENOSYS: i32 = if cfg!(target_os = "linux") {
            38
        } else if cfg!(windows) {
            120
        } else {
            78
        };
        assert_eq!(bind(0, ENOSYS), Ok(Numa::SingleNode));
        let refused = [bind(1, ENOSYS), bind(0, EPERM)].map(Result::unwrap_err);
        assert!(matches!(refused[0], ArenaError::NoSuchNode { node: 1, .. }));
        assert!(matches!(refused[1], ArenaError::CannotBind { node: 0, .. }));
    }

    #[test]
    fn the_error_for_a_missing_node_lists_the_nodes_that_exist() {
        let mut memory = ArenaMemory::map(1 << 20, 64, 1).unwrap();
        let error = Arena::builder()
            .numa_node(3)
            .bind(&mut memory, nodes("0-1"));
        let text = error.unwrap_err().to_string();
        assert_eq!(text, "there is no NUMA node 3: online are 0-1");
    }
}
