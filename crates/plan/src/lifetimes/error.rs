//! Why lifetimes were refused.
//!
//! Stands on [`TensorId`]. A [`LifetimesError`] names the row; a [`LifetimeMistake`] says what is
//! wrong with it, a [`GapMistake`] what is wrong with its gaps, a [`WindowMistake`] with its
//! windows, and a [`ViewMistake`] what is wrong with its place within another row.

use alloc::string::String;
use core::{error::Error, fmt, ops::Range};

use super::window_mistake::WindowMistake;
use crate::ids::TensorId;

/// A row that [`Lifetimes`](crate::Lifetimes) refused.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LifetimesError {
    /// The position of the row, counted from 0.
    pub row: usize,
    /// The row's id.
    pub id: String,
    /// What is wrong with the row.
    pub mistake: LifetimeMistake,
}

/// What can be wrong with a row of [`Lifetimes`](crate::Lifetimes).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LifetimeMistake {
    /// `lower` is above `upper`.
    EndsBeforeStart {
        /// The first step.
        lower: i64,
        /// The end, exclusive.
        upper: i64,
    },
    /// The alignment is not a power of two up to 2⁶².
    BadAlignment {
        /// The alignment in bytes.
        alignment: u64,
    },
    /// The sizes up to this row, each rounded up to its alignment, reach 2⁶³ bytes.
    SizeOverflow {
        /// The row's size in bytes.
        size: u64,
        /// The row's alignment in bytes.
        alignment: u64,
    },
    /// The fixed offset is not a multiple of the row's alignment.
    FixedMisaligned {
        /// The offset in bytes.
        offset: u64,
        /// The alignment in bytes.
        alignment: u64,
    },
    /// At its fixed offset the row would end at 2⁶³ bytes or above.
    FixedOutOfRange {
        /// The offset in bytes.
        offset: u64,
        /// The row's size in bytes.
        size: u64,
    },
    /// The row cannot have these gaps.
    Gap(GapMistake),
    /// The row cannot have these windows.
    Window(WindowMistake),
    /// The row cannot lie within another one as declared.
    View(ViewMistake),
    /// An earlier row has the same id.
    DuplicateId {
        /// The position of that row, counted from 0.
        first: usize,
    },
    /// There are more rows than ids can number.
    TooMany,
}

/// What can be wrong with the gaps of a row.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum GapMistake {
    /// A gap has no steps.
    Empty {
        /// The gap.
        gap: Range<i64>,
    },
    /// A gap has steps that the lifetime has not.
    OutsideLifetime {
        /// The gap.
        gap: Range<i64>,
        /// The lifetime.
        steps: Range<i64>,
    },
    /// Two gaps have a step in common.
    Overlap {
        /// The gaps.
        gaps: [Range<i64>; 2],
    },
}

/// What can be wrong with a tensor that lies within another one, its root.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ViewMistake {
    /// The root does not exist.
    UnknownRoot {
        /// The root that was named.
        root: TensorId,
    },
    /// The root itself lies within another tensor.
    RootIsView {
        /// The root that was named.
        root: TensorId,
    },
    /// The tensor ends outside its root.
    OutOfBounds {
        /// Where in the root the tensor begins, in bytes.
        offset: u64,
        /// The tensor's size in bytes.
        size: u64,
        /// The root's size in bytes.
        root_size: u64,
    },
    /// The alignment of the root does not ensure that of the tensor.
    Misaligned {
        /// Where in the root the tensor begins, in bytes.
        offset: u64,
        /// The tensor's alignment in bytes.
        alignment: u64,
        /// The root's alignment in bytes.
        root_alignment: u64,
    },
    /// The tensor is alive at a step at which its root is not.
    OutlivesRoot {
        /// The tensor's lifetime.
        steps: Range<i64>,
        /// The root's lifetime.
        root_steps: Range<i64>,
    },
    /// The tensor is alive in a gap of its root.
    AliveInGap {
        /// The root.
        root: TensorId,
        /// Steps at which the tensor is alive, but its root not at all of them.
        steps: Range<i64>,
    },
    /// The tensor needs bytes of its root that are not needed in the windows of the root.
    OutsideWindows {
        /// The root.
        root: TensorId,
        /// Steps at which the root does not need all of these bytes.
        steps: Range<i64>,
        /// The bytes that the tensor needs, counted from the start of the root.
        bytes: Range<u64>,
    },
    /// The tensor has a fixed offset, which only a root can have.
    Fixed {
        /// That offset in bytes.
        offset: u64,
    },
}

impl fmt::Display for ViewMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownRoot { root } => {
                write!(f, "it lies within buffer {root}, which does not exist")
            }
            Self::RootIsView { root } => write!(
                f,
                "it lies within buffer {root}, which lies within another buffer; \
                 name the one that has bytes of its own"
            ),
            Self::OutOfBounds {
                offset,
                size,
                root_size,
            } => write!(
                f,
                "its {size} bytes from byte {offset} on do not lie within the {root_size} bytes of \
                 its root"
            ),
            Self::Misaligned {
                offset,
                alignment,
                root_alignment,
            } => write!(
                f,
                "byte {offset} of a root that is aligned to {root_alignment} bytes is not always \
                 aligned to {alignment} bytes"
            ),
            Self::OutlivesRoot { steps, root_steps } => write!(
                f,
                "it is alive in steps {}..{}, but its root only in steps {}..{}",
                steps.start, steps.end, root_steps.start, root_steps.end
            ),
            Self::AliveInGap { root, steps } => write!(
                f,
                "it is alive in steps {}..{}, but buffer {root}, which it lies within, has a gap \
                 there",
                steps.start, steps.end
            ),
            Self::OutsideWindows { root, steps, bytes } => write!(
                f,
                "it needs bytes {}..{} of buffer {root}, which it lies within, in steps {}..{}, \
                 but the windows of that one do not have them all",
                bytes.start, bytes.end, steps.start, steps.end
            ),
            Self::Fixed { offset } => write!(
                f,
                "it has the fixed offset {offset} but lies within another buffer; \
                 fix the offset of that one"
            ),
        }
    }
}

impl fmt::Display for GapMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty { gap } => write!(
                f,
                "its gap {}..{} has no steps; a gap is lower..upper with lower < upper",
                gap.start, gap.end
            ),
            Self::OutsideLifetime { gap, steps } => write!(
                f,
                "its gap {}..{} does not lie within its lifetime {}..{}",
                gap.start, gap.end, steps.start, steps.end
            ),
            Self::Overlap { gaps: [a, b] } => write!(
                f,
                "its gaps {}..{} and {}..{} overlap",
                a.start, a.end, b.start, b.end
            ),
        }
    }
}

impl fmt::Display for LifetimeMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EndsBeforeStart { lower, upper } => write!(
                f,
                "lower {lower} is above upper {upper}; \
                 a lifetime is lower..upper with lower <= upper"
            ),
            Self::BadAlignment { alignment } => write!(
                f,
                "alignment {alignment} is not a power of two up to 2^62 (1, 2, 4, ...)"
            ),
            Self::SizeOverflow { size, alignment } => write!(
                f,
                "with its size {size} at alignment {alignment}, the sizes reach 2^63 bytes \
                 together; they must stay below"
            ),
            Self::FixedMisaligned { offset, alignment } => write!(
                f,
                "fixed offset {offset} is not a multiple of the alignment {alignment}"
            ),
            Self::FixedOutOfRange { offset, size } => write!(
                f,
                "at fixed offset {offset} its {size} bytes end at 2^63 bytes or above; \
                 they must end below"
            ),
            Self::Gap(mistake) => write!(f, "{mistake}"),
            Self::Window(mistake) => write!(f, "{mistake}"),
            Self::View(mistake) => write!(f, "{mistake}"),
            Self::DuplicateId { first } => write!(
                f,
                "buffer {first} (counted from 0) has the same id; ids must be unique"
            ),
            Self::TooMany => write!(f, "there are more than {} buffers", u32::MAX),
        }
    }
}

impl fmt::Display for LifetimesError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { row, id, mistake } = self;
        write!(f, "buffer {row} (id '{id}'): {mistake}")
    }
}

impl Error for GapMistake {}

impl Error for ViewMistake {}

impl Error for LifetimeMistake {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Gap(mistake) => Some(mistake),
            Self::Window(mistake) => Some(mistake),
            Self::View(mistake) => Some(mistake),
            _ => None,
        }
    }
}

impl Error for LifetimesError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.mistake)
    }
}
