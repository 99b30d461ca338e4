//! A staging ring: which bytes of a buffer between host and device are free, in the order of
//! submissions.
//!
//! Arithmetic alone. Positions count all bytes that were ever taken, and never decrease; a position
//! lies at its remainder in the buffer. A range does not go around the end of the buffer: the bytes
//! before the end are skipped, and are given back with it.
//!
//! ```text
//!          tail                    head            taken: tail..head, by submission
//!   ─────────┼── 4 ──┼──── 5 ────┼──┼───────── position
//!                                 └ not submitted yet
//! ```
//!
//! Invariant: `tail <= head <= tail + bytes`; the ends of the submissions grow from `tail` to
//! `head`; what is taken behind the last of them is not submitted yet.

use core::{fmt, ops::Range};
use std::collections::VecDeque;

/// No buffer is larger, and positions in it do not overflow.
const MOST_BYTES: u64 = 1 << 62;

/// Hands out the bytes of a staging buffer in order, and takes them back when the submissions that
/// use them have ended.
///
/// ```
/// use orionrt_devices::{RingError, StagingRing};
///
/// let mut ring = StagingRing::new(1024, 4);
/// assert_eq!(ring.take(600), Ok(0..600));
/// ring.submit(1);
/// assert_eq!(ring.take(400), Ok(600..1000));
/// ring.submit(2);
/// assert_eq!(ring.take(500), Err(RingError::Full { needed: 500, wait_for: 1 }));
/// ring.complete(1); // after a fence of the device, say
/// assert_eq!(ring.take(500), Ok(0..500));
/// ```
#[derive(Clone, Debug)]
pub struct StagingRing {
    bytes: u64,
    alignment: u64,
    head: u64,
    tail: u64,
    /// The number of each submission that has not ended, and where its bytes end.
    submissions: VecDeque<(u64, u64)>,
}

/// Why a staging ring has no bytes to take now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RingError {
    /// More bytes are asked for than the buffer has: they have to be copied piece by piece.
    TooLarge {
        /// The bytes that are asked for.
        needed: u64,
        /// The size of the buffer.
        bytes: u64,
    },
    /// There will be room when a submission has ended.
    Full {
        /// The bytes that are asked for.
        needed: u64,
        /// The number of the submission.
        wait_for: u64,
    },
    /// There will be room when what has been taken is submitted, and has ended.
    NotSubmitted {
        /// The bytes that are asked for.
        needed: u64,
    },
}

impl StagingRing {
    /// A ring of a buffer, whose ranges begin at multiples of an alignment, a power of two. What
    /// the buffer has beyond the last multiple is not used.
    #[must_use]
    pub fn new(bytes: u64, alignment: u64) -> Self {
        let (bytes, alignment) = (bytes.min(MOST_BYTES), alignment.max(1));
        Self {
            bytes: bytes - bytes % alignment,
            alignment,
            head: 0,
            tail: 0,
            submissions: VecDeque::new(),
        }
    }

    /// Takes bytes of the buffer, which belong to the next submission.
    ///
    /// # Errors
    /// There is no room now, or never.
    pub fn take(&mut self, bytes: u64) -> Result<Range<u64>, RingError> {
        let (needed, size) = (bytes, self.bytes);
        let too_large = RingError::TooLarge {
            needed,
            bytes: size,
        };
        let bytes = bytes.checked_next_multiple_of(self.alignment);
        let bytes = bytes.filter(|&bytes| bytes <= size).ok_or(too_large)?;
        if bytes == 0 {
            return Ok(0..0);
        }
        if self.head == self.tail {
            self.start_again();
        }
        let Some(start) = self.start(bytes, self.tail) else {
            return Err(self.full(needed, bytes));
        };
        self.head = start + bytes;
        let offset = start.checked_rem(size).unwrap_or(0);
        Ok(offset..offset + needed)
    }

    /// What was taken since the last submission belongs to the submission of this number. Numbers
    /// grow; one that does not is taken for the last one.
    pub fn submit(&mut self, submission: u64) {
        let (last, end) = self.submissions.back().copied().unwrap_or((0, self.tail));
        match self.submissions.back_mut() {
            _ if end == self.head => {}
            Some(back) if submission <= last => back.1 = self.head,
            _ => self.submissions.push_back((submission, self.head)),
        }
    }

    /// The submission of this number and all before it have ended: their bytes are free.
    pub fn complete(&mut self, submission: u64) {
        while let Some(&(number, end)) = self.submissions.front() {
            if number > submission {
                break;
            }
            self.tail = end;
            self.submissions.pop_front();
        }
    }

    /// How many bytes are taken, with those that are skipped.
    #[must_use]
    pub fn taken(&self) -> u64 {
        self.head - self.tail
    }

    /// Where a range of so many bytes begins, if those before `tail` are free.
    fn start(&self, bytes: u64, tail: u64) -> Option<u64> {
        let to_end = self.bytes - self.head.checked_rem(self.bytes)?;
        let start = match bytes <= to_end {
            true => self.head,
            false => self.head + to_end,
        };
        (start + bytes <= tail + self.bytes).then_some(start)
    }

    /// Which submission has to end before there is room.
    fn full(&self, needed: u64, bytes: u64) -> RingError {
        let has_room =
            |&&(_, end): &&(u64, u64)| end == self.head || self.start(bytes, end).is_some();
        match self.submissions.iter().find(has_room) {
            Some(&(wait_for, _)) => RingError::Full { needed, wait_for },
            None => RingError::NotSubmitted { needed },
        }
    }

    /// An empty ring begins at the first byte, so that all of it is one range.
    fn start_again(&mut self) {
        self.head = 0;
        self.tail = 0;
    }
}

impl fmt::Display for RingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge { needed, bytes } => write!(
                f,
                "{needed} bytes are to be copied at once, and the staging buffer has {bytes}"
            ),
            Self::Full { needed, wait_for } => write!(
                f,
                "the staging buffer has no room for {needed} bytes until submission {wait_for} has \
                 ended"
            ),
            Self::NotSubmitted { needed } => write!(
                f,
                "the staging buffer has no room for {needed} bytes until those that were taken are \
                 submitted"
            ),
        }
    }
}

impl core::error::Error for RingError {}
