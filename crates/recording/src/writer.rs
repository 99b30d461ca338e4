//! [`Writer`] and [`Chunk`]: what the threads of the recorded process do.
//!
//! Nothing here allocates, locks, panics or waits, so it may be called inside an allocator. The
//! memory is lent; whoever lends it makes a chunk usable before it is opened.
//!
//! Invariant: a chunk has one writer, whoever claimed it. How many words are in use is stored with
//! `Release` after the words of the event, so that what this includes is whole for whoever reads it
//! with `Acquire`, and for a file that outlives its process.

use crate::{
    event::Event,
    item::{LEN_SHIFT, MODULE, MODULE_WORDS, MOST_LEN, NUMBER_SHIFT, OF_NEXT, STACK},
    layout::{
        AT_CAPACITY, AT_CLAIMED, AT_CLOCK, AT_CLOSED, AT_COMMAND_LEN, AT_EXITED, AT_LOST, AT_MAGIC,
        AT_PROCESS, AT_STARTED, AT_THREAD, AT_UNITS, AT_USED, AT_VERSION, CHUNK_WORDS, COMMAND,
        EVENTS, HEADER_WORDS, MAGIC, MOST_COMMAND, MOST_UNITS, UNIT_WORDS, VERSION,
    },
    sync::{AtomicU64, Ordering},
};

/// The number of words of a recording with room for so many chunks of the largest size.
#[must_use]
pub const fn words_for(chunks: usize) -> usize {
    HEADER_WORDS.saturating_add(chunks.saturating_mul(CHUNK_WORDS))
}

/// A chunk that nobody else has, and that is not in use yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The units before it.
    pub(crate) first: usize,
    /// Its own ones.
    pub(crate) units: usize,
}

/// What is known when a recording begins.
#[derive(Clone, Copy, Debug, Default)]
pub struct Start<'a> {
    /// The number of the process.
    pub process: u32,
    /// The number of its parent.
    pub parent: u32,
    /// Nanoseconds since 1970.
    pub started_ns: u64,
    /// Whether the ticks of events are those of the processor's counter; otherwise they are
    /// nanoseconds.
    pub has_counter: bool,
    /// The arguments of the process, each followed by a zero; what is beyond
    /// [`MOST_COMMAND`](crate::MOST_COMMAND) bytes is cut off.
    pub command: &'a [u8],
}

/// The writing end of a recording.
#[derive(Clone, Copy, Debug)]
pub struct Writer<'a> {
    words: &'a [AtomicU64],
}

impl<'a> Writer<'a> {
    /// Writes the header of a recording into memory that is zero; `None` if there is no room for
    /// the smallest chunk.
    #[must_use]
    pub fn begin(words: &'a [AtomicU64], start: &Start) -> Option<Self> {
        let capacity = words.len().checked_sub(HEADER_WORDS)? / UNIT_WORDS;
        if capacity == 0 {
            return None;
        }
        let set = |at: usize, value: u64| words[at].store(value, Ordering::Relaxed);
        set(AT_VERSION, VERSION);
        set(AT_PROCESS, both(start.process, start.parent));
        set(AT_STARTED, start.started_ns);
        set(AT_CLOCK, u64::from(start.has_counter));
        set(AT_CAPACITY, capacity as u64);
        let command = &start.command[..start.command.len().min(MOST_COMMAND)];
        for (at, bytes) in command.chunks(8).enumerate() {
            let mut word = [0; 8];
            word[..bytes.len()].copy_from_slice(bytes);
            set(COMMAND + at, u64::from_ne_bytes(word));
        }
        set(AT_COMMAND_LEN, command.len() as u64);
        // Last, so that a file that has it has the rest.
        words[AT_MAGIC].store(MAGIC, Ordering::Release);
        Some(Self { words })
    }

    /// The recording that memory has, which [`begin`](Self::begin) has written; `None` if it has
    /// none.
    #[must_use]
    pub fn attach(words: &'a [AtomicU64]) -> Option<Self> {
        let has_begun = words.len() >= HEADER_WORDS
            && words[AT_MAGIC].load(Ordering::Acquire) == MAGIC
            && words[AT_VERSION].load(Ordering::Relaxed) == VERSION;
        has_begun.then_some(Self { words })
    }

    /// A chunk of the largest size that is the caller's alone, or a smaller one if there is no more
    /// room; `None` if there is none left. Its memory has not been written to.
    #[must_use]
    pub fn claim(&self) -> Option<Claim> {
        self.claim_after(MOST_UNITS)
    }

    /// As [`claim`](Self::claim), for a thread that has had so many chunks: the first ones are
    /// small, since many threads have but a few events.
    #[must_use]
    pub fn claim_after(&self, chunks: usize) -> Option<Claim> {
        let capacity = self.words[AT_CAPACITY].load(Ordering::Relaxed);
        if self.words[AT_CLOSED].load(Ordering::Relaxed) != 0 {
            return None;
        }
        let wanted = (1 << chunks.min(8)).min(MOST_UNITS as u64);
        let units = |claimed| wanted.min(capacity.saturating_sub(claimed));
        let claim = |claimed| Some(claimed + units(claimed)).filter(|&after| after > claimed);
        let claimed = &self.words[AT_CLAIMED];
        let before = claimed.fetch_update(Ordering::Relaxed, Ordering::Relaxed, claim);
        before.ok().map(|first| Claim {
            first: first as usize,
            units: units(first) as usize,
        })
    }

    /// Takes a chunk that the caller has claimed into use: the thread has a number, and one that
    /// the system knows it by. `None` if there is no such chunk.
    #[must_use]
    pub fn open(&self, claim: Claim, thread: u32, system_thread: u32) -> Option<Chunk<'a>> {
        let words = self.chunk(claim)?;
        words[AT_UNITS].store(claim.units as u64, Ordering::Relaxed);
        let thread = both(thread.saturating_add(1), system_thread);
        words[AT_THREAD].store(thread, Ordering::Release);
        let (head, words) = words.split_at_checked(EVENTS)?;
        Some(Chunk {
            in_use: &head[AT_USED],
            words,
            used: 0,
            ticks: 0,
        })
    }

    /// The words of a chunk.
    #[must_use]
    pub fn chunk(&self, claim: Claim) -> Option<&'a [AtomicU64]> {
        let start = HEADER_WORDS + claim.first * UNIT_WORDS;
        self.words.get(start..start + claim.units * UNIT_WORDS)
    }

    /// Hands out no more chunks. Those that are in use stay so.
    pub fn close(&self) {
        self.words[AT_CLOSED].store(1, Ordering::Relaxed);
    }

    /// Counts events that are not in the recording.
    pub fn count_lost(&self, events: u64) {
        if events > 0 {
            self.words[AT_LOST].fetch_add(events, Ordering::Relaxed);
        }
    }

    /// Says that the process has come to its end by itself.
    pub fn end(&self) {
        self.words[AT_EXITED].store(1, Ordering::Relaxed);
    }

    /// Gives room that is left away, but for one chunk: threads may go on. `cut` is called with the
    /// bytes that may be in use from now on, and may take the others away; a thread that has just
    /// claimed a chunk there is to find this out before it opens it.
    pub fn trim(&self, cut: impl FnOnce(usize)) {
        let [capacity, claimed] = [AT_CAPACITY, AT_CLAIMED].map(|at| &self.words[at]);
        let most = capacity.load(Ordering::Relaxed);
        // From here on to the last line, nobody gets a chunk.
        let used = claimed.fetch_max(most, Ordering::Relaxed).min(most);
        let kept = most.min(used + MOST_UNITS as u64);
        capacity.store(kept, Ordering::Relaxed);
        cut((HEADER_WORDS + kept as usize * UNIT_WORDS) * 8);
        claimed.store(used, Ordering::Relaxed);
    }
}

fn both(lower: u32, upper: u32) -> u64 {
    u64::from(lower) | u64::from(upper) << 32
}

/// A part of a recording that one thread writes to.
#[derive(Debug)]
pub struct Chunk<'a> {
    /// What says how many words are in use.
    in_use: &'a AtomicU64,
    /// The words for events, and how many are in use.
    words: &'a [AtomicU64],
    used: usize,
    /// Those of the last event.
    ticks: u64,
}

impl Chunk<'_> {
    /// Adds an event; `false` if there may be no room for it.
    #[inline]
    pub fn push(&mut self, event: &Event) -> bool {
        let Some(place) = self.rest().first_chunk::<{ Event::MOST_WORDS }>() else {
            return false;
        };
        let (words, len) = event.encode(self.ticks);
        // All of them, which is cheaper than to ask: what is beyond the event is not in use.
        for (word, value) in place.iter().zip(words) {
            word.store(value, Ordering::Relaxed);
        }
        self.ticks = event.bounded_ticks();
        self.use_words(len);
        true
    }

    /// Adds the release of a block at these ticks, as [`push`](Self::push) does; `false` also if
    /// that takes more than a word, as after a pause.
    #[inline(always)]
    pub fn push_release(&mut self, ticks: u64, address: u64) -> bool {
        let Some(word) = Event::release_word(ticks, self.ticks, address) else {
            return false;
        };
        let is_pushed = self.push_word(word);
        if is_pushed {
            self.ticks = ticks;
        }
        is_pushed
    }

    /// Adds the allocation of a block at a multiple of 16 at the ticks of the event before, in a
    /// word; `false` if the size or the address does not fit into that, or if there is no room.
    ///
    /// See the [crate's documentation](crate#order) for when it may be said to be of that time.
    #[inline(always)]
    pub fn push_untimed(&mut self, address: u64, size: u64) -> bool {
        Event::untimed_word(address, size).is_some_and(|word| self.push_word(word))
    }

    #[inline(always)]
    fn push_word(&mut self, word: u64) -> bool {
        let Some(place) = self.words.get(self.used) else {
            return false;
        };
        place.store(word, Ordering::Relaxed);
        self.use_words(1);
        true
    }

    /// Adds an event that happened in the stack of this number; `false` if there may be no room.
    pub fn push_in_stack(&mut self, event: &Event, stack: u32) -> bool {
        // With room for both: a number is that of the event after it.
        let rest = self.rest();
        if rest.len() <= Event::MOST_WORDS {
            return false;
        }
        rest[0].store(
            OF_NEXT | u64::from(stack) << NUMBER_SHIFT,
            Ordering::Relaxed,
        );
        self.used += 1;
        self.push(event)
    }

    /// Adds a stack under a number, by its return addresses, innermost first; `false` if there is
    /// no room for it.
    pub fn push_stack(&mut self, number: u32, frames: &[usize]) -> bool {
        let frames = &frames[..frames.len().min(MOST_LEN)];
        let first = STACK | u64::from(number) << NUMBER_SHIFT | (frames.len() as u64) << LEN_SHIFT;
        let words = frames.iter().map(|&frame| frame as u64);
        self.push_words(1 + frames.len(), core::iter::once(first).chain(words))
    }

    /// Adds a module: where it begins and ends in memory, the byte of the file that it begins with,
    /// and the path of the file, of which 65,535 bytes count. `false` if there is no room for it.
    pub fn push_module(&mut self, range: [u64; 3], path: &[u8]) -> bool {
        let path = &path[..path.len().min(MOST_LEN)];
        let first = MODULE | (path.len() as u64) << LEN_SHIFT;
        let path_words = path.chunks(8).map(|bytes| {
            let mut word = [0; 8];
            word[..bytes.len()].copy_from_slice(bytes);
            u64::from_ne_bytes(word)
        });
        let words = core::iter::once(first).chain(range).chain(path_words);
        self.push_words(MODULE_WORDS + path.len().div_ceil(8), words)
    }

    fn push_words(&mut self, len: usize, words: impl Iterator<Item = u64>) -> bool {
        let Some(place) = self.rest().get(..len) else {
            return false;
        };
        for (word, value) in place.iter().zip(words) {
            word.store(value, Ordering::Relaxed);
        }
        self.use_words(len);
        true
    }

    /// The words that are not in use yet.
    #[inline]
    fn rest(&self) -> &[AtomicU64] {
        self.words.get(self.used..).unwrap_or_default()
    }

    /// Says that this many more words are in use, which have been written.
    #[inline(always)]
    fn use_words(&mut self, len: usize) {
        self.used += len;
        self.in_use.store(self.used as u64, Ordering::Release);
    }
}
