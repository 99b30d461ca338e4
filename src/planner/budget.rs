//! How long a search may go on: until a time, a number of rounds, or a peak that is good enough.

#[cfg(feature = "std")]
use std::time::{Duration, Instant};

/// What ends a search early; checked between rounds.
#[derive(Clone, Debug, Default)]
pub struct Budget {
    #[cfg(feature = "std")]
    deadline: Option<Instant>,
    rounds: Option<u64>,
}

impl Budget {
    /// No end but the goal.
    #[must_use]
    pub fn unlimited() -> Self {
        Self::default()
    }

    /// Ends `limit` from now.
    #[cfg(feature = "std")]
    #[must_use]
    pub fn until(mut self, limit: Duration) -> Self {
        self.deadline = Instant::now().checked_add(limit);
        self
    }

    /// Ends after this many rounds of a search, however long they take: the same plan on any machine.
    #[must_use]
    pub fn rounds(mut self, rounds: u64) -> Self {
        self.rounds = Some(rounds);
        self
    }

    /// Whether a search that has done `rounds` rounds must end.
    #[must_use]
    pub fn is_spent(&self, rounds: u64) -> bool {
        self.rounds.is_some_and(|most| rounds >= most) || self.is_time_up()
    }

    /// Whether the time is up, however many rounds there may still be; for looking inside a round.
    #[must_use]
    pub fn is_time_up(&self) -> bool {
        #[cfg(feature = "std")]
        if let Some(deadline) = self.deadline {
            return Instant::now() >= deadline;
        }
        false
    }
}
