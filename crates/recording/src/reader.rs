//! [`Reader`]: a recording, checked as a whole, and its events.
//!
//! The bytes may be anybody's. Memory is bounded by the number of units that the bytes have.
//!
//! Invariant: after [`Reader::new`] nothing can be wrong any more.

use alloc::vec::Vec;

use crate::{
    chunks::{Thread, threads},
    clock::Clock,
    error::RecordingError,
    event::Kind,
    header::{Header, require},
    merge::Events,
    stacks::{Module, Stack, modules, stacks},
};

/// The reading end of a recording.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    header: Header,
    threads: Vec<Thread<'a>>,
    clock: Clock,
}

impl<'a> Reader<'a> {
    /// Checks a recording. What the bytes have beyond the chunks in use is ignored.
    ///
    /// # Errors
    /// If the bytes are not a recording, or something in it cannot be; see [`RecordingError`].
    pub fn new(bytes: &'a [u8]) -> Result<Self, RecordingError> {
        let header = Header::read(bytes)?;
        require(
            bytes,
            usize::try_from(header.used_bytes()).unwrap_or(usize::MAX),
        )?;
        let threads = threads(bytes, &header)?;
        let counter = || {
            let events = threads.iter().flat_map(Thread::events);
            let pairs = events.filter(|event| event.kind == Kind::Clock);
            Clock::of_pairs(pairs.map(|event| (event.ticks, event.address)))
        };
        let clock = header.has_counter.then(counter).flatten();
        Ok(Self {
            clock: clock.unwrap_or_else(Clock::of_nanoseconds),
            threads,
            header,
        })
    }

    /// What the recording says of itself.
    #[must_use]
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// How many threads have events.
    #[must_use]
    pub fn threads(&self) -> usize {
        self.threads.len()
    }

    /// The number of events of all threads, those of the clock and of the heap included.
    #[must_use]
    pub fn len(&self) -> usize {
        let chunks = self.threads.iter().flat_map(|thread| &thread.chunks);
        chunks.map(|chunk| chunk.count).sum()
    }

    /// Whether there are no events.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The stacks that events have by their numbers, in no order.
    pub fn stacks(&self) -> impl Iterator<Item = Stack> {
        stacks(&self.threads)
    }

    /// The modules that addresses of stacks are in, in no order; a module may come twice.
    pub fn modules(&self) -> impl Iterator<Item = Module> {
        modules(&self.threads)
    }

    /// The events of all threads, in the order of their times.
    #[must_use]
    pub fn events(&self) -> Events<'_> {
        Events::new(&self.threads, self.clock)
    }
}
