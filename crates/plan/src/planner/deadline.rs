//! The moment at which a search ends.
//!
//! Stands on the clock of the standard library. The target `wasm32-unknown-unknown` has none, and
//! asking for the time panics there. Invariant: without a clock there is no deadline, so nothing
//! asks for the time.

use std::time::{Duration, Instant};

/// Whether the target has a clock.
pub(super) const HAS_CLOCK: bool = !cfg!(all(target_family = "wasm", target_os = "unknown"));

/// A moment to come.
#[derive(Clone, Copy, Debug)]
pub(super) struct Deadline(Instant);

impl Deadline {
    /// The moment `limit` from now; `None` if it is too far away, or if there is no clock.
    pub(super) fn after(limit: Duration) -> Option<Self> {
        let now = HAS_CLOCK.then(Instant::now)?;
        now.checked_add(limit).map(Self)
    }

    /// The moment in the middle between now and this one.
    pub(super) fn halfway(self) -> Self {
        let now = Instant::now();
        Self(now + self.0.saturating_duration_since(now) / 2)
    }

    pub(super) fn has_passed(self) -> bool {
        Instant::now() >= self.0
    }
}
