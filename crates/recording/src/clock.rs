//! Ticks as nanoseconds.
//!
//! Where ticks are those of the processor's counter, the recording has the system's time at some of
//! them. The first and the last such pair give the counter's frequency.
//!
//! Invariant: the nanoseconds do not fall while the ticks rise.

/// The relation of ticks and nanoseconds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    from: (u64, u64),
    to: (u64, u64),
}

impl Clock {
    /// Of ticks that are nanoseconds.
    pub(crate) fn of_nanoseconds() -> Self {
        Self {
            from: (0, 0),
            to: (1, 1),
        }
    }

    /// Of a counter, from pairs of ticks and nanoseconds; `None` if they do not tell.
    pub(crate) fn of_pairs(pairs: impl Iterator<Item = (u64, u64)> + Clone) -> Option<Self> {
        let (from, to) = (pairs.clone().min()?, pairs.max()?);
        (from.0 < to.0 && from.1 < to.1).then_some(Self { from, to })
    }

    /// The nanoseconds since the recording began.
    pub(crate) fn nanoseconds(&self, ticks: u64) -> u64 {
        let span = u128::from(self.to.1 - self.from.1);
        let nanoseconds = u128::from(ticks) * span / u128::from(self.to.0 - self.from.0);
        u64::try_from(nanoseconds).unwrap_or(u64::MAX)
    }
}
