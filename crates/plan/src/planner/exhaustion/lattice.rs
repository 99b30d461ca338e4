//! The offsets that are worth trying, as multiples of a *unit*.
//!
//! Let the buffers of a plan fall until each rests on another one, on a fixed one or on 0: then
//! every offset is a sum of sizes, rounded up to alignments again and again. So all offsets are
//! multiples of the least alignment, and of any power of two that divides all sizes and fixed
//! offsets; if all alignments divide all of these, of their greatest common divisor.
//!
//! ```text
//! unit 64    ▒▒▒▒░░░░ ▒▒▒▒▒▒▒▒ ▒▒░░░░░░      sizes 32, 64, 16: each takes one unit, and the last,
//!            0        64       128  144      being topmost, gives a peak of 144
//! ```

use crate::lifetimes::Lifetime;

/// The unit of some buffers' offsets.
#[derive(Clone, Copy, Debug)]
pub(super) struct Lattice {
    /// Bytes.
    pub(super) unit: u64,
    /// Whether every multiple of the unit is aligned for every buffer.
    is_aligned: bool,
}

impl Lattice {
    pub(super) fn of(buffers: &[Lifetime]) -> Self {
        let numbers = buffers
            .iter()
            .flat_map(|b| [b.size, b.fixed_offset.unwrap_or(0)]);
        let divisor = numbers.fold(0, gcd).max(1);
        let alignments = || buffers.iter().map(|b| b.alignment);
        if alignments().all(|alignment| divisor % alignment == 0) {
            return Self {
                unit: divisor,
                is_aligned: true,
            };
        }
        let least = alignments().min().unwrap_or(1);
        Self {
            unit: least.max(1 << divisor.trailing_zeros()),
            is_aligned: false,
        }
    }

    /// The distance in bytes of the offsets that a buffer may have: a multiple of the unit.
    pub(super) fn step(&self, buffer: &Lifetime) -> u64 {
        match self.is_aligned {
            true => self.unit,
            false => self.unit.max(buffer.alignment),
        }
    }

    /// The highest offset at which a buffer ends at or below `peak`; `None` if it is larger.
    pub(super) fn highest_offset(&self, buffer: &Lifetime, peak: u64) -> Option<u64> {
        let step = self.step(buffer);
        Some(peak.checked_sub(buffer.size)? / step * step)
    }

    /// The highest end below `peak` that one of the buffers can have; `None` if there is none.
    pub(super) fn next_peak(&self, buffers: &[Lifetime], peak: u64) -> Option<u64> {
        let movable = buffers.iter().filter(|b| b.fixed_offset.is_none());
        let ends = movable.filter_map(|b| Some(self.highest_offset(b, peak - 1)? + b.size));
        ends.max()
    }
}

fn gcd(a: u64, b: u64) -> u64 {
    match b {
        0 => a,
        _ => gcd(b, a % b),
    }
}
