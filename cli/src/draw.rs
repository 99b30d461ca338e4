//! Numbers that a seed determines.
//!
//! Stands on nothing. Invariant: one seed gives the same numbers on every machine.

#![forbid(unsafe_code)]

/// SplitMix64 (Steele, Lea, Flood 2014).
#[derive(Debug)]
pub(crate) struct Draw(pub(crate) u64);

impl Draw {
    pub(crate) fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// Uniform in `-bound..bound`: 24 bits are what an `f32` holds exactly.
    pub(crate) fn values(&mut self, count: usize, bound: f32) -> Vec<f32> {
        let unit = |bits: u64| (bits >> 40) as f32 / (1u32 << 23) as f32 - 1.0;
        (0..count).map(|_| bound * unit(self.bits())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn draws_are_splitmix64_and_uniform() {
        let mut draw = Draw(1_234_567);
        assert_eq!(
            [draw.bits(), draw.bits()],
            [6_457_827_717_110_365_317, 3_203_168_211_198_807_973]
        );
        let values = Draw(7).values(10_000, 2.0);
        assert!(values.iter().all(|v| (-2.0..2.0).contains(v)));
        assert!((values.iter().sum::<f32>() / 10_000.0).abs() < 0.05);
        assert_eq!(values, Draw(7).values(10_000, 2.0));
        assert_ne!(values, Draw(8).values(10_000, 2.0));
    }
}
