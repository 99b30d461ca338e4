//! What the report of a key says, and what it advises.
//!
//! Stands on the counts of a [`KeyState`]. Invariant: advice is given only where it concerns a part
//! of the bytes, or of the iterations, that counts.

#![forbid(unsafe_code)]

use alloc::vec::Vec;

use super::{
    key_state::{KeyState, is_much},
    report::{Advice, KeyReport},
};

impl<A> KeyState<'_, A> {
    pub(super) fn report(&self) -> KeyReport {
        KeyReport {
            key: self.key.clone(),
            recorded: self.recorded,
            replayed: self.replayed,
            plain: self.plain,
            plain_cause: self.plain_cause.clone(),
            counts: self.counts,
            last: self.last,
            planned_bytes: self.sizes.planned,
            lower_bound: self.sizes.lower_bound,
            total_bytes: self.sizes.total,
            regions_given_up: self.given_up,
            at_most: self.is_at_most.then_some(self.planned_for),
            advice: self.advice(),
        }
    }

    fn advice(&self) -> Vec<Advice> {
        let unsteady = self.unsteady();
        let warm_up = match unsteady {
            Some(_) => None,
            None => self.warm_up(),
        };
        [
            self.lanes(),
            self.larger(),
            unsteady,
            warm_up,
            self.budget(),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// Whether lanes are missing: judged by the last iteration that was replayed or, before there
    /// is one, recorded.
    fn lanes(&self) -> Option<Advice> {
        let (others, of) = match self.replayed {
            0 => (self.recording.others, self.recording.all()),
            _ => (self.last.other_threads, self.last.all_bytes()),
        };
        if self.recorded == 0 {
            // The plan was loaded.
            return None;
        }
        let (missing, most) = self.recording.lanes_missing();
        let (bytes, of) = match missing {
            0 => (others.bytes, of),
            _ => (self.recording.without_lane, self.recording.all()),
        };
        if missing == 0 && others.threads <= most {
            // There are lanes for all of them.
            return None;
        }
        let (threads, lanes) = match missing {
            0 => (others.threads, most + others.threads),
            _ => (missing, most + missing),
        };
        is_much(bytes, of).then_some(Advice::Lanes {
            threads,
            lanes,
            bytes,
            of,
        })
    }

    /// Whether the key's iterations differ: at least two were others than was recorded before, and
    /// a part of all that counts.
    fn unsteady(&self) -> Option<Advice> {
        let recordings = self.recorded;
        let is_unsteady = self.misfits >= 2 && is_much(self.misfits, self.replayed);
        is_unsteady.then_some(match self.is_at_most {
            true => Advice::UnlikeLargest { recordings },
            false => Advice::Unsteady { recordings },
        })
    }

    /// Whether many iterations were larger than the largest one that was planned before.
    fn larger(&self) -> Option<Advice> {
        let iterations = self.growth.larger;
        let is_often = iterations >= 2 && is_much(iterations, self.replayed);
        (self.is_at_most && is_often).then_some(Advice::Larger { iterations })
    }

    /// Whether the region goes and comes back so often that it costs more than it saves.
    fn budget(&self) -> Option<Advice> {
        let given_up = self.given_up;
        let is_often = given_up >= 2 && is_much(given_up, self.replayed);
        is_often.then_some(Advice::Budget { given_up })
    }

    /// Whether the first iteration kept much that later ones do not ask for.
    fn warm_up(&self) -> Option<Advice> {
        let first = self.first_recording.filter(|_| self.replayed > 0)?;
        // A smaller shape keeps less, too.
        let is_comparable = !self.is_at_most || self.last.bytes.hits >= self.planned_for / 10 * 9;
        let first = is_comparable.then_some(first)?;
        let bytes = first.kept.saturating_sub(self.last.bytes.outliving);
        is_much(bytes, first.all()).then_some(Advice::WarmUp { bytes })
    }
}
