//! What a program does with an allocator, as steps that come from a seed or from a fuzzer's bytes.
//!
//! Any sequence is a right use: a step's index is taken modulo the live blocks, sizes are never
//! zero, and what would hold too much memory frees instead. Alignments go up to 2^32 where the
//! address space is larger than that.

use crate::{
    blocks::layout,
    heap_oracle::{HeapOracle, Subject},
    random::Random,
};

/// A size in bytes. Up to 128 KiB each range from one power of two to the next is as likely as
/// every other; larger ones, up to 128 MiB, are rare.
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[derive(Clone, Copy, Debug)]
pub struct Size {
    log2: u8,
    within: u8,
}

impl Size {
    const USUAL: u8 = 17;
    const LARGE: u8 = 240;

    /// Bytes.
    pub fn bytes(self) -> usize {
        let log2 = match self.log2.checked_sub(Self::LARGE) {
            Some(large) => Self::USUAL + large % 10,
            None => self.log2 % Self::USUAL,
        };
        (1 << log2) + ((usize::from(self.within) << log2) >> 8)
    }

    fn random(random: &mut Random) -> Self {
        let log2 = match random.below(256) {
            0..=199 => random.below(11),
            200..=239 => random.below(17),
            240..=253 => random.below(22),
            _ => random.below(27),
        } as u8;
        let log2 = match log2.checked_sub(Self::USUAL) {
            Some(large) => Self::LARGE + large,
            None => log2,
        };
        Self {
            log2,
            within: random.next_u64() as u8,
        }
    }
}

/// An alignment: mostly at most 16, and each power of two up to 2^32 now and then.
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[derive(Clone, Copy, Debug)]
pub struct Align(u8);

impl Align {
    const STRICT: u8 = 224;
    const LARGEST: u32 = if usize::BITS >= 64 { 32 } else { 24 };

    /// Bytes.
    pub fn bytes(self) -> usize {
        match self.0.checked_sub(Self::STRICT) {
            Some(log2) => 1 << (u32::from(log2) + 1).min(Self::LARGEST),
            None => 1 << (self.0 % 5),
        }
    }

    /// An alignment for a block of this size: large blocks are placed in several ways, so more of
    /// them are strictly aligned.
    fn random(random: &mut Random, size: Size) -> Self {
        let strict = if size.bytes() < 128 << 10 { 32 } else { 2 };
        Self(match random.below(strict * 8) {
            0..8 => Self::STRICT + random.below(32) as u8,
            _ => random.below(5) as u8,
        })
    }
}

/// One step.
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// Allocates a block, zeroed or not.
    Allocate(Size, Align, bool),
    /// Allocates blocks of one size: spans fill, caches overflow.
    AllocateMany(Size, u8),
    /// Frees a block; `true` first overwrites it.
    Free(u16, bool),
    /// Frees as many blocks, from anywhere.
    FreeMany(u16, u8),
    /// Resizes a block to a size.
    Resize(u16, Size),
    /// Resizes a block to so many sixteenths of its size.
    Scale(u16, u8),
    /// Checks what a block holds.
    Check(u16),
    /// Gives free memory back to the system.
    Purge,
    /// Checks all blocks, and the subject's counts.
    CheckAll,
    /// Does as many random steps, from a seed.
    Random(u16, u8),
}

impl Step {
    /// A step of a program that allocates about as often as it frees.
    pub fn random(random: &mut Random) -> Self {
        let index = random.next_u64() as u16;
        match random.below(4096) {
            0 => Self::Purge,
            1 => Self::CheckAll,
            2..=9 => Self::AllocateMany(Size::random(random), random.next_u64() as u8),
            10..=29 => Self::FreeMany(index, random.next_u64() as u8 / 8),
            30..=99 => Self::Check(index),
            100..=1799 => Self::Free(index, random.one_in(4)),
            1800..=2299 => Self::Resize(index, Size::random(random)),
            2300..=2499 => Self::Scale(index, random.next_u64() as u8),
            _ => {
                let size = Size::random(random);
                Self::Allocate(size, Align::random(random, size), random.one_in(4))
            }
        }
    }
}

/// What the steps may hold at a time.
#[derive(Clone, Copy, Debug)]
pub struct Bounds {
    /// Blocks.
    pub blocks: usize,
    /// Bytes of all blocks.
    pub bytes: usize,
}

impl<S: Subject> HeapOracle<'_, S> {
    /// Does a step.
    pub fn step(&mut self, step: Step, bounds: Bounds) {
        match step {
            Step::Allocate(size, align, zeroed) => {
                self.allocate_within(size.bytes(), align.bytes(), zeroed, bounds);
            }
            Step::AllocateMany(size, count) => {
                for _ in 0..count {
                    self.allocate_within(size.bytes(), 1, false, bounds);
                }
            }
            Step::Free(at, dirty) => {
                if let Some(index) = self.index(at) {
                    self.free(index, dirty);
                }
            }
            Step::FreeMany(at, count) => {
                for _ in 0..count {
                    self.step(Step::Free(at, false), bounds);
                }
            }
            Step::Resize(at, size) => self.resize_within(at, |_| size.bytes(), bounds),
            Step::Scale(at, sixteenths) => {
                let factor = usize::from(sixteenths % 64);
                self.resize_within(at, |size| size / 16 * factor + size % 16, bounds);
            }
            Step::Check(at) => self
                .index(at)
                .into_iter()
                .for_each(|index| self.check(index)),
            Step::Purge => self.subject().purge(),
            Step::CheckAll => self.check_all(),
            Step::Random(seed, count) => {
                let mut random = Random(seed.into());
                for _ in 0..u32::from(count) * 8 {
                    // A seed gives no step that has a seed.
                    self.step(Step::random(&mut random), bounds);
                }
            }
        }
    }

    fn index(&self, at: u16) -> Option<usize> {
        (!self.is_empty()).then(|| usize::from(at) % self.len())
    }

    fn allocate_within(&mut self, size: usize, align: usize, zeroed: bool, bounds: Bounds) {
        if self.len() < bounds.blocks && self.bytes() + size <= bounds.bytes {
            self.allocate(layout(size, align), zeroed);
        } else if let Some(index) = self.index(size as u16) {
            self.free(index, zeroed);
        }
    }

    fn resize_within(&mut self, at: u16, to: impl FnOnce(usize) -> usize, bounds: Bounds) {
        let Some(index) = self.index(at) else {
            return;
        };
        let size = to(self.layout(index).size()).max(1);
        if self.bytes() + size <= bounds.bytes {
            self.resize(index, size);
        } else {
            self.free(index, true);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn sizes_and_alignments_reach_every_power_of_two() {
        let sizes: BTreeSet<_> = (0..=255)
            .map(|log2| Size { log2, within: 0 }.bytes().ilog2())
            .collect();
        assert_eq!(sizes, (0..27).collect());
        let aligns: BTreeSet<_> = (0..=255).map(|of| Align(of).bytes().ilog2()).collect();
        assert_eq!(aligns, (0..=Align::LARGEST).collect());
    }
}
