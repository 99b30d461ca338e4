//! What can go wrong: options that make no allocator, and bytes given back that were not allocated.

use core::fmt;

/// Why a [`Buddy`](crate::Buddy) could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BuddyError {
    /// The block size is not a power of two.
    BadBlockSize {
        /// The block size in bytes.
        block_bytes: usize,
    },
    /// There are not enough words for the bitmaps.
    TooFewWords {
        /// Words given.
        given: usize,
        /// Words needed.
        needed: usize,
    },
    /// There are more blocks than can be numbered.
    TooManyBlocks {
        /// Blocks asked for.
        blocks: usize,
        /// The limit.
        most: usize,
    },
}

impl fmt::Display for BuddyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadBlockSize { block_bytes } => {
                write!(f, "block size {block_bytes} is not a power of two")
            }
            Self::TooFewWords { given, needed } => {
                write!(
                    f,
                    "the bitmaps need {needed} words, but only {given} were given"
                )
            }
            Self::TooManyBlocks { blocks, most } => {
                write!(f, "{blocks} blocks are more than the limit of {most}")
            }
        }
    }
}

impl core::error::Error for BuddyError {}

/// Bytes were given back that are not allocated: a double free, a wrong offset, or a wrong size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct InvalidFree {
    /// The offset given.
    pub offset: usize,
    /// The size given, in bytes.
    pub size: usize,
}

impl fmt::Display for InvalidFree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { offset, size } = self;
        write!(
            f,
            "there is no allocation of {size} bytes at offset {offset} (a double free, or a wrong \
             offset or size)"
        )
    }
}

impl core::error::Error for InvalidFree {}
