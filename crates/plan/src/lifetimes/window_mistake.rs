//! Why the windows of a row were refused.
//!
//! Stands on nothing. Every kind carries the numbers that it is about; the row is named by the
//! [`LifetimesError`](super::LifetimesError) around it.

use core::{error::Error, fmt, ops::Range};

/// What can be wrong with the windows of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WindowMistake {
    /// A window has no steps or no bytes.
    Empty {
        /// Its steps.
        steps: Range<i64>,
        /// Its bytes.
        bytes: Range<u64>,
    },
    /// A window has steps that the lifetime has not.
    OutsideLifetime {
        /// Its steps.
        steps: Range<i64>,
        /// The lifetime.
        lifetime: Range<i64>,
    },
    /// A window has bytes that the tensor has not.
    OutsideTensor {
        /// Its bytes.
        bytes: Range<u64>,
        /// The tensor's size in bytes.
        size: u64,
    },
    /// A window has steps of a gap.
    InGap {
        /// The window's steps.
        steps: Range<i64>,
        /// The gap.
        gap: Range<i64>,
    },
    /// The windows cut the lifetime into too many pieces.
    TooMany {
        /// The most pieces that so many windows may make.
        most: usize,
    },
}

impl fmt::Display for WindowMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty { steps, bytes } => write!(
                f,
                "its window of bytes {}..{} in steps {}..{} is empty; both must be lower..upper \
                 with lower < upper",
                bytes.start, bytes.end, steps.start, steps.end
            ),
            Self::OutsideLifetime { steps, lifetime } => write!(
                f,
                "its window in steps {}..{} does not lie within its lifetime {}..{}",
                steps.start, steps.end, lifetime.start, lifetime.end
            ),
            Self::OutsideTensor { bytes, size } => write!(
                f,
                "its window of bytes {}..{} does not lie within its {size} bytes",
                bytes.start, bytes.end
            ),
            Self::InGap { steps, gap } => write!(
                f,
                "its window in steps {}..{} has steps of its gap {}..{}, in which it needs no \
                 bytes",
                steps.start, steps.end, gap.start, gap.end
            ),
            Self::TooMany { most } => write!(
                f,
                "its windows cut it into more than {most} pieces, the most for so many windows"
            ),
        }
    }
}

impl Error for WindowMistake {}
