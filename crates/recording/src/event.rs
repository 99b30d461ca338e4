//! What happened to a block of memory, as one to three words of a recording.
//!
//! ```text
//!   wide     ticks since the start (54 bits) │ log2 of the alignment (6) │ kind (4)
//!            address
//!            size
//!
//!   narrow   ticks since the event before (17) │ address (43), its last four zeros │ kind (4)
//!            size (58) │ log2 of the alignment (6)                  absent from a release
//!
//!   untimed  size (17) │ address (43), its last four zeros │ 15
//! ```
//!
//! Most events are narrow: a release has one word, and an allocation two. Wide is what does not
//! fit: the first event of a chunk, one after a pause, an address that is not of a block. An
//! untimed one is the allocation of a block at a multiple of 16 at the ticks of the event before,
//! in one word.
//!
//! Invariant: an [`Event`] whose ticks are below 2^54 and whose alignment is a power of two is
//! decoded as what was encoded.

/// The bits of the kind, and those of the alignment above them.
const KIND_BITS: u32 = 4;
const ALIGNMENT_BITS: u32 = 6;

/// The most ticks that an event can have: at 4 GHz, 52 days.
const MOST_TICKS: u64 = u64::MAX >> (KIND_BITS + ALIGNMENT_BITS);

/// What is set in the kind of a narrow event.
const NARROW: u64 = 1 << (KIND_BITS - 1);
/// The bits of an address that a narrow event has room for: those of blocks at multiples of 16.
const NARROW_ADDRESS: u64 = ((1 << 47) - 1) & !((1 << KIND_BITS) - 1);
/// Where the ticks of a narrow event begin, and how many ticks are too many for it.
const PASSED_SHIFT: u32 = 47;
const MOST_PASSED: u64 = 1 << (u64::BITS - PASSED_SHIFT);
/// The size that is too large for a narrow event.
const MOST_SIZE: u64 = 1 << (u64::BITS - ALIGNMENT_BITS);

/// What the lowest four bits of an untimed allocation are.
const UNTIMED: u64 = 15;
/// The alignment of the block of one, in bytes, and the size that is too large for it.
const UNTIMED_ALIGNMENT: u64 = 16;
const MOST_UNTIMED_SIZE: u64 = 1 << (u64::BITS - PASSED_SHIFT);

/// What happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Kind {
    /// A block was allocated.
    Allocate = 1,
    /// A block is about to be released. The size is not known.
    Free = 2,
    /// The thread is about to resize a block, to this size.
    Resize = 3,
    /// The thread has resized the block of its last `Resize`: this is where it is now, and its
    /// size.
    Resized = 4,
    /// A request of this size was refused. After a `Resize`, the block is as it was.
    Refused = 5,
    /// The address is the time of the system's clock in nanoseconds at these ticks.
    Clock = 6,
    /// The address is how many bytes the heap has resident, the size how many of them it has in
    /// use.
    Heap = 7,
}

impl Kind {
    /// What it is in a recording.
    const fn number(self) -> u64 {
        self as u64
    }

    /// Whether a narrow event can be of this kind.
    const fn can_be_narrow(self) -> bool {
        matches!(
            self,
            Self::Allocate | Self::Free | Self::Resize | Self::Resized
        )
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
    /// The most words that one has.
    pub(crate) const MOST_WORDS: usize = 3;

    /// Its ticks as they are encoded.
    #[inline]
    pub(crate) fn bounded_ticks(&self) -> u64 {
        self.ticks.min(MOST_TICKS)
    }

    /// Its words and how many they are, after an event with these [ticks](Self::bounded_ticks), or
    /// after 0. Words beyond are zeros.
    #[inline]
    pub(crate) fn encode(&self, before: u64) -> ([u64; Self::MOST_WORDS], usize) {
        let ticks = self.bounded_ticks();
        let alignment = u64::from(self.alignment.trailing_zeros()) & ((1 << ALIGNMENT_BITS) - 1);
        // A clock that ran backwards has passed more than anything.
        let passed = ticks.wrapping_sub(before);
        let is_narrow = passed < MOST_PASSED
            && self.address & !NARROW_ADDRESS == 0
            && self.size < MOST_SIZE
            && self.kind.can_be_narrow();
        if is_narrow {
            let first = passed << PASSED_SHIFT | self.address | NARROW | self.kind.number();
            let second = self.size << ALIGNMENT_BITS | alignment;
            let is_release = matches!(self.kind, Kind::Free);
            if !is_release {
                return ([first, second, 0], 2);
            }
            if second == 0 {
                return ([first, 0, 0], 1);
            }
        }
        let first =
            ticks << (KIND_BITS + ALIGNMENT_BITS) | alignment << KIND_BITS | self.kind.number();
        ([first, self.address, self.size], Self::MOST_WORDS)
    }

    /// The word of a release, if one is enough.
    #[inline]
    pub(crate) fn release_word(ticks: u64, before: u64, address: u64) -> Option<u64> {
        let passed = ticks.wrapping_sub(before);
        let fits = passed < MOST_PASSED && address & !NARROW_ADDRESS == 0;
        let kind = NARROW | Kind::Free.number();
        fits.then_some(passed << PASSED_SHIFT | address | kind)
    }

    /// The word of an untimed allocation, if there can be one.
    #[inline]
    pub(crate) fn untimed_word(address: u64, size: u64) -> Option<u64> {
        let fits = size < MOST_UNTIMED_SIZE && address & !NARROW_ADDRESS == 0;
        fits.then_some(size << PASSED_SHIFT | address | UNTIMED)
    }

    /// The event that begins with these words, and how many of them it has, after an event with
    /// these ticks, or after 0. `None` if there is no such kind.
    #[cfg(not(loom))]
    pub(crate) fn decode(words: [u64; Self::MOST_WORDS], before: u64) -> Option<(Self, usize)> {
        let [first, second, third] = words;
        let alignment = |bits: u64| 1 << (bits & ((1 << ALIGNMENT_BITS) - 1));
        let number = first & ((1 << KIND_BITS) - 1);
        if number == UNTIMED {
            let event = Self {
                ticks: before,
                kind: Kind::Allocate,
                alignment: UNTIMED_ALIGNMENT,
                address: first & NARROW_ADDRESS,
                size: first >> PASSED_SHIFT,
            };
            return Some((event, 1));
        }
        let kind = Kind::numbered(number & !NARROW)?;
        if number & NARROW == 0 {
            let event = Self {
                ticks: first >> (KIND_BITS + ALIGNMENT_BITS),
                kind,
                alignment: alignment(first >> KIND_BITS),
                address: second,
                size: third,
            };
            return Some((event, Self::MOST_WORDS));
        }
        if !kind.can_be_narrow() {
            return None;
        }
        let is_release = matches!(kind, Kind::Free);
        let (second, len) = if is_release { (0, 1) } else { (second, 2) };
        let event = Self {
            ticks: (before + (first >> PASSED_SHIFT)).min(MOST_TICKS),
            kind,
            alignment: alignment(second),
            address: first & NARROW_ADDRESS,
            size: second >> ALIGNMENT_BITS,
        };
        Some((event, len))
    }
}
