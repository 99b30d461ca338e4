//! Free runs by their length: bins that are as far apart as the size classes of the heap, and a
//! bitmap of those that are not empty.
//!
//! Runs of fewer than 16 units have a bin for each length; above, each power of two is divided into
//! eight bins. Two words of bits find the first bin from a given one on that has a run, so no
//! search walks over bins: that is the scheme of Masmano et al., *TLSF: a new dynamic memory
//! allocator for real-time systems*, ECRTS 2004, with one bitmap instead of two levels of them.
//!
//! Invariant: the bit of a bin is set exactly if the bin has a head. Units are numbers; what is in
//! a unit is the business of the heap. A bin is a number below 256, so that no index can be out of
//! bounds: a panic would bring the code that formats its message.

#![forbid(unsafe_code)]

use super::memory::MOST_UNITS;

/// The binary logarithm of the number of bins between two powers of two.
const STEP_SHIFT: u32 = 3;

/// The bin of a run of so many units, of which there is at least one.
pub(super) const fn bin_of(units: u32) -> u8 {
    let shift = (units | (1 << STEP_SHIFT)).ilog2() - STEP_SHIFT;
    ((units >> shift) + (shift << STEP_SHIFT)) as u8
}

const _: () = assert!(bin_of(MOST_UNITS - 1) < u8::MAX);

/// The first run of each bin.
pub(super) struct Bins {
    /// 0 where there is none.
    heads: [u32; 256],
    filled: [u64; 4],
}

impl Bins {
    pub(super) const fn new() -> Self {
        Self {
            heads: [0; 256],
            filled: [0; 4],
        }
    }

    /// The first run of a bin; 0 if the bin is empty.
    pub(super) fn head(&self, bin: u8) -> u32 {
        self.heads[usize::from(bin)]
    }

    /// Makes a run the first one of a bin; 0 says that the bin is empty.
    pub(super) fn set_head(&mut self, bin: u8, run: u32) {
        self.heads[usize::from(bin)] = run;
        let (word, bit) = (usize::from(bin >> 6), 1 << (bin & 63));
        if run == 0 {
            self.filled[word] &= !bit;
        } else {
            self.filled[word] |= bit;
        }
    }

    /// The first run of the first bin above this one that is not empty; 0 if there is none.
    pub(super) fn first_above(&self, bin: u8) -> u32 {
        // Shifted twice: the bins above the last one of a word are none of that word.
        let mut bits = !0 << (bin & 63) << 1;
        for (word, filled) in self.filled.iter().enumerate().skip(usize::from(bin >> 6)) {
            let found = filled & bits;
            if found != 0 {
                return self.head((word * 64) as u8 + found.trailing_zeros() as u8);
            }
            bits = !0;
        }
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_are_in_the_order_of_lengths_and_at_most_an_eighth_wide() {
        let mut first = 1;
        for units in 2..1 << 20 {
            match bin_of(units) - bin_of(units - 1) {
                0 => assert!((units - first) * 8 < first, "{first}..={units}"),
                1 => first = units,
                more => panic!("{more} bins between {} and {units}", units - 1),
            }
        }
        assert_eq!([1, 8, 15, 16, 17, 18].map(bin_of), [1, 8, 15, 16, 16, 17]);
    }

    #[test]
    fn the_first_filled_bin_is_found_across_words() {
        let mut bins = Bins::new();
        assert_eq!(bins.first_above(0), 0);
        for bin in [5, 63, 64, 127, 200, 255] {
            bins.set_head(bin, u32::from(bin) + 1000);
        }
        let found = |bins: &Bins, bin: u8| bins.first_above(bin);
        let expected = [
            (0, 1005),
            (5, 1063),
            (62, 1063),
            (63, 1064),
            (64, 1127),
            (127, 1200),
        ];
        for (bin, run) in expected
            .into_iter()
            .chain([(199, 1200), (254, 1255), (255, 0)])
        {
            assert_eq!(found(&bins, bin), run, "{bin}");
        }
        bins.set_head(64, 0);
        assert_eq!((bins.head(64), found(&bins, 63)), (0, 1127));
    }
}
