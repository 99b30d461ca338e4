//! How chunks of bytes are compressed: by LZ4, or by Zstandard.
//!
//! Stands on `lz4_flex`, and with the feature `zstd` on the C library of that name. Each chunk is
//! compressed by itself; what a codec needs is made once for all chunks of a tensor. Invariant:
//! what [`Compressor::compress`] made of a chunk, [`Expander::expand`] of the same codec makes the
//! chunk of again.

use alloc::boxed::Box;

use lz4_flex::block::{
    CompressTable, compress_into_with_table, decompress_into, get_maximum_output_size,
};
#[cfg(feature = "zstd")]
use zstd_safe::{CCtx, DCtx, compress_bound};

/// How the bytes of parked tensors are compressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParkCodec {
    /// LZ4: fast, in safe Rust.
    #[default]
    Lz4,
    /// Zstandard, which takes more time for fewer bytes. While it runs, it takes memory by
    /// `malloc`, past Rust's global allocator: about 1 MiB at level 3, more at higher ones.
    #[cfg(feature = "zstd")]
    Zstd {
        /// From 1 to 22: higher ones take more time for fewer bytes. 0 is 3, the library's default,
        /// and negative ones are faster than 1. Levels beyond are taken as the nearest.
        level: i32,
    },
}

impl ParkCodec {
    /// The most bytes that a chunk may need in compressed form.
    pub(super) fn largest(self, len: usize) -> usize {
        match self {
            Self::Lz4 => get_maximum_output_size(len),
            #[cfg(feature = "zstd")]
            Self::Zstd { .. } => compress_bound(len),
        }
    }
}

/// What compresses chunks.
pub(super) enum Compressor {
    Lz4(Box<CompressTable>),
    #[cfg(feature = "zstd")]
    Zstd(CCtx<'static>, i32),
}

impl Compressor {
    /// `None` if there is no memory.
    pub(super) fn new(codec: ParkCodec) -> Option<Self> {
        match codec {
            ParkCodec::Lz4 => Some(Self::Lz4(Box::new(CompressTable::small()))),
            #[cfg(feature = "zstd")]
            ParkCodec::Zstd { level } => Some(Self::Zstd(CCtx::try_create()?, level)),
        }
    }

    /// Compresses a chunk into `packed`, which has room for the [largest](ParkCodec::largest), and
    /// returns the number of bytes; `None` if the codec has no memory.
    pub(super) fn compress(&mut self, chunk: &[u8], packed: &mut [u8]) -> Option<usize> {
        match self {
            Self::Lz4(table) => compress_into_with_table(chunk, packed, table).ok(),
            #[cfg(feature = "zstd")]
            Self::Zstd(context, level) => context.compress(packed, chunk, *level).ok(),
        }
    }
}

/// What expands chunks.
pub(super) enum Expander {
    Lz4,
    #[cfg(feature = "zstd")]
    Zstd(DCtx<'static>),
}

impl Expander {
    /// `None` if there is no memory.
    pub(super) fn new(codec: ParkCodec) -> Option<Self> {
        match codec {
            ParkCodec::Lz4 => Some(Self::Lz4),
            #[cfg(feature = "zstd")]
            ParkCodec::Zstd { .. } => Some(Self::Zstd(DCtx::try_create()?)),
        }
    }

    /// Expands bytes into a chunk of the length that they were made of, and returns how many they
    /// are; `None` if they are not what the codec has made.
    pub(super) fn expand(&mut self, packed: &[u8], chunk: &mut [u8]) -> Option<usize> {
        match self {
            Self::Lz4 => decompress_into(packed, chunk).ok(),
            #[cfg(feature = "zstd")]
            Self::Zstd(context) => context.decompress(chunk, packed).ok(),
        }
    }
}
