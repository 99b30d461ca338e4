//! The time that a schedule adds to the execution, by kind.
//!
//! Stands on nothing. Plain values.

/// The time that a [`FitSchedule`](super::FitSchedule) takes beyond that of running each operator
/// once, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct FitCost {
    /// The bytes that are written to the slow memory.
    pub written_bytes: u64,
    /// The bytes that are read from the slow memory, or from outside both memories.
    pub read_bytes: u64,
    /// The bytes of tensors that are compressed, before they are.
    pub compressed_bytes: u64,
    /// The bytes of tensors that are expanded, after they are.
    pub expanded_bytes: u64,
    /// How many times operators are rerun.
    pub reruns: usize,
    /// The seconds for writing to the slow memory.
    pub spill_seconds: f64,
    /// The seconds for reading from it.
    pub fetch_seconds: f64,
    /// The seconds for compressing.
    pub compress_seconds: f64,
    /// The seconds for expanding.
    pub expand_seconds: f64,
    /// The seconds for operators that are rerun.
    pub rerun_seconds: f64,
}

impl FitCost {
    /// All added seconds together.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        let moves = self.spill_seconds + self.fetch_seconds;
        moves + self.compress_seconds + self.expand_seconds + self.rerun_seconds
    }
}
