//! A device arena: one block of device memory, and which of its ranges are free.
//!
//! Stands on [`DeviceMemory`], which has the block, and on [`Ranges`], which know offsets alone. A
//! range that is given back may still be used by work that the device has been given. It
//! is set aside with the number of the last submission, and is free when that has ended:
//!
//! ```text
//! drop(block) ──► set aside behind submission 7 ──► free ──► allocate
//!                                submission 7 has ended ┘
//! ```
//!
//! Invariant: every byte of the block is free in [`Ranges`], or set aside, or in exactly one
//! [`Reserved`] range. Nobody waits for the device while the lock is held.

use core::{alloc::Layout, fmt, ops::Range};
use std::{
    collections::VecDeque,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use crate::{
    error::DeviceMemoryError,
    memory::DeviceMemory,
    ranges::{Ranges, address},
};

/// The smallest range that is lent, unless the device needs a larger alignment.
const LEAST_GRANULE: usize = 256;
/// A large block is cut into at most so many granules, so that its bitmaps stay below a megabyte.
const MOST_GRANULES: u64 = 1 << 22;

/// One block of a device's memory, of which ranges are lent: to a [`DevicePool`](crate::DevicePool)
/// for a plan, and to [`DeviceBlock`]s for what was not planned. Clones are one arena, which is
/// dropped with the last of them and of the pools and blocks in it.
///
/// ```
/// use orionrt_devices::{DeviceArena, HostDevice};
///
/// let arena = DeviceArena::new(HostDevice::new(1 << 20)?)?;
/// let block = arena.allocate(1000)?;
/// assert_eq!(block.range(), 0..1000);
/// assert_eq!(arena.stats().free_bytes, (1 << 20) - 1024);
/// drop(block);
/// assert_eq!(arena.stats().free_bytes, 1 << 20);
/// # Ok::<(), orionrt_devices::DeviceMemoryError>(())
/// ```
pub struct DeviceArena<M: DeviceMemory>(Arc<Shared<M>>);

struct Shared<M> {
    memory: M,
    state: Mutex<State>,
}

struct State {
    ranges: Ranges,
    /// In the order of their submissions.
    set_aside: VecDeque<SetAside>,
}

#[derive(Clone, Copy)]
struct SetAside {
    offset: usize,
    layout: Layout,
    submission: u64,
}

/// A range of an arena that is not planned, and its buffer. Dropping it gives the range back; the
/// arena lends it again when the work that the device has been given until then has ended. So it is
/// to be kept as long as commands that use it may be submitted.
pub struct DeviceBlock<M: DeviceMemory> {
    buffer: M::Buffer,
    reserved: Reserved<M>,
    bytes: u64,
}

/// A range that is lent, to be given back when this is dropped.
pub(crate) struct Reserved<M: DeviceMemory> {
    arena: DeviceArena<M>,
    offset: usize,
    layout: Layout,
}

/// The answer to an attempt to lend a range.
enum Attempt<M: DeviceMemory> {
    Lent(Reserved<M>),
    /// There may be room when this submission has ended.
    Behind(u64),
}

/// How much of an arena is free. All values are in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeviceArenaStats {
    /// What the arena has: its block.
    pub capacity: u64,
    /// What is free.
    pub free_bytes: u64,
    /// What was given back and may still be used by work of the device.
    pub set_aside: u64,
    /// The largest range that is free.
    pub largest_free: u64,
    /// The granule: every range that is lent takes a multiple of it, or the block's last bytes.
    pub granule: u64,
}

impl<M: DeviceMemory> DeviceArena<M> {
    /// An arena in a block of device memory; all of it is free. A block of
    /// [`plan.peak()`](orionrt_plan::Plan::peak) bytes has room for the plan.
    ///
    /// # Errors
    /// The block is larger than this program can number, or the host has no memory for bitmaps.
    pub fn new(memory: M) -> Result<Self, DeviceMemoryError> {
        let ranges = Ranges::new(memory.bytes(), granule(&memory)?)?;
        let set_aside = VecDeque::new();
        let state = Mutex::new(State { ranges, set_aside });
        Ok(Self(Arc::new(Shared { memory, state })))
    }

    /// The block of device memory.
    #[must_use]
    pub fn memory(&self) -> &M {
        &self.0.memory
    }

    /// A range of at least one byte for what was not planned, aligned as the device's plans are.
    ///
    /// Where only ranges that are set aside would do, it waits for the device. More than the arena
    /// has is refused at once.
    ///
    /// # Errors
    /// There is no such range, the driver refuses a buffer of it, or the device was lost. Where it
    /// would have to wait: the device cannot be waited for now, as with CUDA a stream is being
    /// captured.
    pub fn allocate(&self, bytes: u64) -> Result<DeviceBlock<M>, DeviceMemoryError> {
        let layout = self.memory().properties().layout(bytes.max(1))?;
        let reserved = self.reserve(layout)?;
        let buffer = self.memory().buffer(reserved.range())?;
        Ok(DeviceBlock {
            buffer,
            reserved,
            bytes,
        })
    }

    /// How much is free.
    #[must_use]
    pub fn stats(&self) -> DeviceArenaStats {
        let state = self.state();
        let aside = state.set_aside.iter();
        let aside = aside.map(|aside| state.ranges.taken(aside.offset, aside.layout));
        let free = state.ranges.free_now();
        DeviceArenaStats {
            capacity: state.ranges.bytes(),
            free_bytes: free.bytes,
            set_aside: aside.sum(),
            largest_free: free.largest,
            granule: state.ranges.granule(),
        }
    }

    /// Lends a range that is not empty.
    pub(crate) fn reserve(&self, layout: Layout) -> Result<Reserved<M>, DeviceMemoryError> {
        loop {
            match self.try_reserve(layout)? {
                Attempt::Lent(reserved) => return Ok(reserved),
                Attempt::Behind(submission) => self.memory().wait_for(submission)?,
            }
        }
    }

    /// Lends a range if there is one without waiting. Otherwise what is set aside is looked at
    /// before anybody else can take it back.
    fn try_reserve(&self, layout: Layout) -> Result<Attempt<M>, DeviceMemoryError> {
        let mut state = self.state();
        state.take_back(self.memory())?;
        if let Some(offset) = state.ranges.allocate(layout) {
            let arena = self.clone();
            return Ok(Attempt::Lent(Reserved {
                arena,
                offset,
                layout,
            }));
        }
        let needed = layout.size() as u64;
        match state.set_aside.front() {
            Some(oldest) if needed <= state.ranges.bytes() => {
                Ok(Attempt::Behind(oldest.submission))
            }
            _ => {
                let free = state.ranges.free_now();
                Err(DeviceMemoryError::Exhausted {
                    needed,
                    free: free.bytes,
                    largest: free.largest,
                })
            }
        }
    }

    /// The state. A thread that panicked while it held the lock was in code of a backend, which is
    /// called before the state is changed.
    fn state(&self) -> MutexGuard<'_, State> {
        let state = self.0.state.lock();
        state.unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Frees the ranges whose submissions have ended.
    fn take_back<M: DeviceMemory>(&mut self, memory: &M) -> Result<(), DeviceMemoryError> {
        if self.set_aside.is_empty() {
            return Ok(());
        }
        let completed = memory.completed()?;
        while let Some(aside) = self.set_aside.front().copied() {
            if aside.submission > completed {
                break;
            }
            self.set_aside.pop_front();
            self.ranges.free(aside.offset, aside.layout);
        }
        Ok(())
    }
}

impl<M: DeviceMemory> Reserved<M> {
    /// The bytes of the block.
    pub(crate) fn range(&self) -> Range<u64> {
        let start = self.offset as u64;
        start..start + self.layout.size() as u64
    }

    pub(crate) fn arena(&self) -> &DeviceArena<M> {
        &self.arena
    }
}

impl<M: DeviceMemory> Drop for Reserved<M> {
    fn drop(&mut self) {
        let memory = self.arena.memory();
        let submission = memory.submitted();
        let has_ended = memory.completed().is_ok_and(|last| last >= submission);
        let aside = SetAside {
            offset: self.offset,
            layout: self.layout,
            submission,
        };
        let mut state = self.arena.state();
        if has_ended {
            return state.ranges.free(aside.offset, aside.layout);
        }
        let behind = |other: &SetAside| other.submission <= submission;
        let at = state.set_aside.partition_point(behind);
        state.set_aside.insert(at, aside);
    }
}

impl<M: DeviceMemory> DeviceBlock<M> {
    /// The range in the form in which kernels are given it: its end is rounded up to what copies
    /// need.
    #[must_use]
    pub fn buffer(&self) -> &M::Buffer {
        &self.buffer
    }

    /// The bytes of the arena's memory that were asked for.
    #[must_use]
    pub fn range(&self) -> Range<u64> {
        let start = self.reserved.range().start;
        start..start + self.bytes
    }

    /// The arena.
    #[must_use]
    pub fn arena(&self) -> &DeviceArena<M> {
        self.reserved.arena()
    }
}

/// The smallest range that is lent.
fn granule<M: DeviceMemory>(memory: &M) -> Result<usize, DeviceMemoryError> {
    let alignment = address(memory.properties().plan_alignment())?;
    let share = address((memory.bytes() / MOST_GRANULES).max(1).next_power_of_two())?;
    Ok(alignment.max(LEAST_GRANULE).max(share))
}

impl<M: DeviceMemory> Clone for DeviceArena<M> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}

impl<M: DeviceMemory> fmt::Debug for DeviceArena<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceArena")
            .field("device", &self.memory().properties().name)
            .field("stats", &self.stats())
            .finish()
    }
}

impl<M: DeviceMemory> fmt::Debug for DeviceBlock<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeviceBlock")
            .field("range", &self.range())
            .finish_non_exhaustive()
    }
}
