//! When a key that stands for shapes up to a largest one is recorded again, and which of two
//! recordings it keeps.
//!
//! An iteration that the plan did not serve says that the next one is to be recorded. That one may
//! be of any shape, so the plan stays until there is a better one. A shape that grows by a step
//! each time would be recorded each time: so after the k-th such recording 2^k iterations are
//! replayed before the next one.
//!
//! Invariant: n iterations lead to two and log2 n recordings at most, beside those that are
//! repeated because the event log was too short.

#![forbid(unsafe_code)]

/// What a replayed iteration says of the plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It was served, or says nothing.
    Fits,
    /// It asked for more than was planned.
    Larger,
    /// It asked for as much as was planned, but for something else.
    Unlike,
}

#[derive(Debug, Default)]
pub(super) struct Growth {
    /// Recordings that were made while there was a plan.
    recordings: u32,
    /// Iterations that were replayed since the last one.
    replayed: u64,
    /// Why the next iteration is to be recorded.
    due: Option<Verdict>,
    /// Iterations that asked for more than was planned.
    pub(super) larger: u64,
}

impl Growth {
    /// Counts an iteration that was replayed.
    pub(super) fn add_replayed(&mut self, verdict: Verdict) {
        self.replayed += 1;
        self.larger += u64::from(verdict == Verdict::Larger);
        let patience = 1u64 << self.recordings.min(u64::BITS - 1);
        if verdict != Verdict::Fits && self.replayed >= patience {
            self.due = Some(verdict);
        }
    }

    /// Whether the next iteration is to be recorded.
    pub(super) fn is_due(&self) -> bool {
        self.due.is_some()
    }

    /// The recording that was due is made, or cannot be made now; returns why it was due.
    pub(super) fn end(&mut self) -> Verdict {
        self.recordings = self.recordings.saturating_add(1);
        self.replayed = 0;
        self.due.take().unwrap_or(Verdict::Fits)
    }

    /// Back to the start, but for the counts.
    pub(super) fn forget(&mut self) {
        *self = Self {
            larger: self.larger,
            ..Self::default()
        };
    }
}

impl Verdict {
    /// What an iteration says that asked for so many bytes. `is_other` says that it was not served,
    /// and `was_unlike` that the recorded one was not like what follows. A smaller one says
    /// nothing: others than it are to be served as well.
    pub(super) fn of(asked: u64, planned: u64, is_other: bool, was_unlike: bool) -> Self {
        if is_other && asked > planned {
            Self::Larger
        } else if (is_other || was_unlike) && asked > least(planned) {
            Self::Unlike
        } else {
            Self::Fits
        }
    }

    /// Whether a recording of so many bytes, which was made for this reason, is better than one
    /// that is planned.
    pub(super) fn prefers(self, recorded: u64, planned: u64) -> bool {
        match self {
            Self::Unlike => recorded > least(planned),
            _ => recorded > planned,
        }
    }
}

/// A shape that asks for less is not that of so many bytes.
fn least(bytes: u64) -> u64 {
    bytes - bytes / 4
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Runs iterations of these sizes, of which each that is larger than the plan is not served;
    /// returns the number of recordings and the last plan.
    fn run(sizes: impl IntoIterator<Item = u64>) -> (u32, u64) {
        let mut growth = Growth::default();
        let mut sizes = sizes.into_iter();
        let mut planned = sizes.next().unwrap();
        let mut recordings = 1;
        for size in sizes {
            if growth.is_due() {
                recordings += 1;
                if growth.end().prefers(size, planned) {
                    planned = size;
                }
            } else {
                let is_other = size > planned;
                growth.add_replayed(Verdict::of(size, planned, is_other, false));
            }
        }
        (recordings, planned)
    }

    #[test]
    fn a_shape_that_grows_each_time_is_recorded_ever_less_often() {
        for count in [1u64, 2, 10, 100, 1000, 100_000] {
            let (recordings, planned) = run(1000..1000 + count);
            assert!(recordings <= count.ilog2() + 2, "{recordings} of {count}");
            assert!(planned >= 1000 + count / 2 - 1, "{planned}");
        }
    }

    #[test]
    fn the_plan_stays_when_a_smaller_shape_is_recorded() {
        // The third one is recorded, since the second one is larger.
        assert_eq!(run([100, 200, 50, 100, 100]), (2, 100));
        assert_eq!(run([100, 200, 200, 100, 50]), (2, 200));
        // After two that were replayed, the third recording.
        assert_eq!(run([100, 200, 50, 100, 200, 200, 50]), (3, 200));
    }

    #[test]
    fn only_an_iteration_of_the_planned_shape_is_unlike_it() {
        assert_eq!(Verdict::of(100, 100, true, false), Verdict::Unlike);
        assert_eq!(Verdict::of(100, 100, false, true), Verdict::Unlike);
        assert_eq!(Verdict::of(60, 100, true, true), Verdict::Fits);
        assert_eq!(Verdict::of(101, 100, true, true), Verdict::Larger);
        assert_eq!(Verdict::of(101, 100, false, false), Verdict::Fits);
        assert!(Verdict::Unlike.prefers(80, 100) && !Verdict::Unlike.prefers(70, 100));
        assert!(!Verdict::Larger.prefers(100, 100));
    }

    proptest! {
        #[test]
        fn the_number_of_recordings_is_bounded(
            sizes in prop::collection::vec(1u64..1000, 1..2000),
        ) {
            let count = sizes.len();
            let (recordings, planned) = run(sizes.iter().copied());
            prop_assert!(recordings <= count.ilog2() + 2);
            prop_assert!(sizes[0] <= planned && sizes.contains(&planned));
        }
    }
}
