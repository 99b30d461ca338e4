//! Why lifetimes were refused.

use alloc::string::String;
use core::{fmt, ops::Range};

use crate::ids::TensorId;

/// A row that [`Lifetimes`](crate::Lifetimes) refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LifetimesError {
    /// The position of the row, counted from 0.
    pub row: usize,
    /// Its id.
    pub id: String,
    /// What is wrong with it.
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
    /// An alignment that is no power of two.
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
    /// A fixed offset that is no multiple of the row's alignment.
    FixedMisaligned {
        /// The offset in bytes.
        offset: u64,
        /// The alignment in bytes.
        alignment: u64,
    },
    /// A fixed offset at which the row ends at 2⁶³ bytes or above.
    FixedOutOfRange {
        /// The offset in bytes.
        offset: u64,
        /// The row's size in bytes.
        size: u64,
    },
    /// A tensor within another one that cannot be there.
    View(ViewMistake),
    /// An earlier row has the same id.
    DuplicateId {
        /// The position of that row, counted from 0.
        first: usize,
    },
    /// More rows than ids can be numbered.
    TooMany,
}

/// What can be wrong with a tensor that lies within another one, its root.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ViewMistake {
    /// There is no such tensor.
    UnknownRoot {
        /// The root named.
        root: TensorId,
    },
    /// The root lies within another one itself.
    RootIsView {
        /// The root named.
        root: TensorId,
    },
    /// It ends outside of the root.
    OutOfBounds {
        /// Where in the root it begins, in bytes.
        offset: u64,
        /// Its size in bytes.
        size: u64,
        /// The root's size in bytes.
        root: u64,
    },
    /// It is not aligned wherever the root is.
    Misaligned {
        /// Where in the root it begins, in bytes.
        offset: u64,
        /// Its alignment in bytes.
        alignment: u64,
        /// The root's alignment in bytes.
        root: u64,
    },
    /// It is alive when the root is not.
    OutlivesRoot {
        /// Its lifetime.
        steps: Range<i64>,
        /// The root's lifetime.
        root: Range<i64>,
    },
    /// Its offset is fixed; only a root's can be.
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
                "it lies within buffer {root}, which lies within another one; name the one with bytes of its own"
            ),
            Self::OutOfBounds { offset, size, root } => write!(
                f,
                "{size} bytes from byte {offset} on do not lie within the {root} bytes of its root"
            ),
            Self::Misaligned {
                offset,
                alignment,
                root,
            } => write!(
                f,
                "byte {offset} of a root that is aligned to {root} bytes is not always aligned to {alignment}"
            ),
            Self::OutlivesRoot { steps, root } => write!(
                f,
                "it is alive in steps {}..{}, its root only in {}..{}",
                steps.start, steps.end, root.start, root.end
            ),
            Self::Fixed { offset } => write!(
                f,
                "it is fixed at offset {offset} and lies within another one; fix that one"
            ),
        }
    }
}

impl fmt::Display for LifetimeMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EndsBeforeStart { lower, upper } => write!(
                f,
                "lower {lower} is above upper {upper}; a lifetime is lower..upper with lower <= upper"
            ),
            Self::BadAlignment { alignment } => write!(
                f,
                "alignment {alignment} is not a power of two (1, 2, 4, ...)"
            ),
            Self::SizeOverflow { size, alignment } => write!(
                f,
                "with size {size} at alignment {alignment} the sizes reach 2^63 bytes together; they must stay below"
            ),
            Self::FixedMisaligned { offset, alignment } => write!(
                f,
                "fixed offset {offset} is no multiple of the alignment {alignment}"
            ),
            Self::FixedOutOfRange { offset, size } => write!(
                f,
                "at fixed offset {offset} its {size} bytes end at 2^63 bytes or above; they must end below"
            ),
            Self::View(mistake) => write!(f, "{mistake}"),
            Self::DuplicateId { first } => write!(
                f,
                "the id was used before, by buffer {first} (counted from 0); ids must be unique"
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

impl core::error::Error for LifetimesError {}
