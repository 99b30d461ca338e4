//! What happened to a block of memory, as three words of a recording.
//!
//! ```text
//!   word 0   ticks since the start (54 bits) │ log2 of the alignment (6) │ kind (4)
//!   word 1   address
//!   word 2   size
//! ```
//!
//! Invariant: an [`Event`] whose ticks are below 2^54 and whose alignment is a power of two is
//! decoded as what was encoded.

/// The bits of the kind, and those of the alignment above them.
const KIND_BITS: u32 = 4;
const ALIGNMENT_BITS: u32 = 6;

/// The most ticks that an event can have: at 4 GHz, 52 days.
const MOST_TICKS: u64 = u64::MAX >> (KIND_BITS + ALIGNMENT_BITS);

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// A block was allocated.
    Allocate,
    /// A block is about to be released. The size is not known.
    Free,
    /// The thread is about to resize a block, to this size.
    Resize,
    /// The thread has resized the block of its last `Resize`: this is where it is now, and its
    /// size.
    Resized,
    /// A request of this size was refused. After a `Resize`, the block is as it was.
    Refused,
    /// The address is the time of the system's clock in nanoseconds at these ticks.
    Clock,
    /// The address is how many bytes the heap has resident, the size how many of them it has in
    /// use.
    Heap,
}

impl Kind {
    const fn number(self) -> u64 {
        match self {
            Self::Allocate => 1,
            Self::Free => 2,
            Self::Resize => 3,
            Self::Resized => 4,
            Self::Refused => 5,
            Self::Clock => 6,
            Self::Heap => 7,
        }
    }

    #[cfg(not(loom))]
    const fn numbered(number: u64) -> Option<Self> {
        Some(match number {
            1 => Self::Allocate,
            2 => Self::Free,
            3 => Self::Resize,
            4 => Self::Resized,
            5 => Self::Refused,
            6 => Self::Clock,
            7 => Self::Heap,
            _ => return None,
        })
    }
}

/// An event of a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Event {
    /// The clock's ticks since the recording began; at most 2^54 - 1.
    pub ticks: u64,
    /// What happened.
    pub kind: Kind,
    /// The alignment that was asked for in bytes, a power of two.
    pub alignment: u64,
    /// The address of the block.
    pub address: u64,
    /// The bytes that were asked for.
    pub size: u64,
}

impl Event {
    /// The number of its words.
    pub(crate) const WORDS: usize = 3;

    pub(crate) fn encode(&self) -> [u64; Self::WORDS] {
        let alignment = u64::from(self.alignment.trailing_zeros()) & ((1 << ALIGNMENT_BITS) - 1);
        let ticks = self.ticks.min(MOST_TICKS) << (KIND_BITS + ALIGNMENT_BITS);
        let first = ticks | alignment << KIND_BITS | self.kind.number();
        [first, self.address, self.size]
    }

    /// `None` if there is no such kind.
    #[cfg(not(loom))]
    pub(crate) fn decode([first, address, size]: [u64; Self::WORDS]) -> Option<Self> {
        Some(Self {
            ticks: first >> (KIND_BITS + ALIGNMENT_BITS),
            kind: Kind::numbered(first & ((1 << KIND_BITS) - 1))?,
            alignment: 1 << ((first >> KIND_BITS) & ((1 << ALIGNMENT_BITS) - 1)),
            address,
            size,
        })
    }
}
