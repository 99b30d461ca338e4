//! Iterations that a session ran plainly, by cause.

#![forbid(unsafe_code)]

use crate::replay::error::ReplayError;

/// Iterations that ran as if there were no session, by cause: neither recorded nor replayed. Every
/// request went to the inner allocator.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct PlainCounts {
    /// There was no memory for the event log, for planning or for the planned region.
    pub no_memory: u64,
    /// There were no addresses for the planned region: it is larger than the range of all regions,
    /// or others fill that range.
    pub no_addresses: u64,
    /// The recorded lifetimes have no plan, or none that can be replayed.
    pub no_plan: u64,
    /// The thread was inside another iteration, of which this one was a part.
    pub nested: u64,
    /// Helpers took part in an iteration on another thread.
    #[deprecated(note = "always 0: such iterations are replayed, without helpers")]
    pub lanes_in_use: u64,
}

impl PlainCounts {
    /// All iterations that ran plainly.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.no_memory + self.no_addresses + self.no_plan + self.nested
    }

    pub(crate) fn count(&mut self, cause: &ReplayError) {
        *match cause {
            ReplayError::Memory(_) => &mut self.no_memory,
            ReplayError::TooLarge { .. } | ReplayError::Full { .. } => &mut self.no_addresses,
            ReplayError::Nested => &mut self.nested,
            // `LanesInUse` is an error of strict sessions, which run nothing plainly.
            _ => &mut self.no_plan,
        } += 1;
    }
}
