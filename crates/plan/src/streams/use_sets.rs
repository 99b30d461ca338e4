//! Use sets: the operators that use each buffer, and which of two buffers precedes the other.
//!
//! Stands on [`HappensBefore`] and [`Csr`]. Invariant: `last_users` of a buffer are the users that
//! happen before no other user, at most one per stream. If all of these happen before an operator,
//! so do all users.
//!
//! ```text
//! stream 0   0 ───► 2 ────────► 4         Of the users 0, 1, 2 and 3 of a buffer, 2 and 3 are the
//!                               ▲         last. It precedes the buffers that 4 uses first, and
//! stream 1     1 ─────► 3 ──────┴─► 5     conflicts with those that 5 uses.
//! ```
//!
//! The caller is a user too: it fills the graph's inputs before all operators and reads the outputs
//! after all of them. An input that nobody reads counts as used by operator 0, as it does in
//! intervals of steps.

use alloc::vec::Vec;

use super::happens_before::HappensBefore;
use crate::csr::Csr;

/// The users of each buffer, and the relation that orders them.
#[derive(Clone, Debug)]
pub(crate) struct UseSets {
    happens_before: HappensBefore,
    users: Csr,
    from_start: Vec<bool>,
    to_end: Vec<bool>,
    last_users: Csr,
}

impl UseSets {
    /// For each buffer: the operators that use it (its row of `users`), whether the caller fills it
    /// before all operators (`from_start`: a graph input), and whether the caller reads it after
    /// all of them (`to_end`: a graph output). A buffer without any of these is never used.
    ///
    /// Of every buffer, the first user (or the caller that fills it) must happen before all others.
    pub(crate) fn new(
        happens_before: HappensBefore,
        users: Csr,
        from_start: Vec<bool>,
        to_end: Vec<bool>,
    ) -> Self {
        debug_assert_eq!(users.rows(), from_start.len());
        debug_assert_eq!(users.rows(), to_end.len());
        let mut uses = Self {
            happens_before,
            users,
            from_start,
            to_end,
            last_users: Csr::default(),
        };
        let mut lasts = Vec::new();
        for buffer in 0..uses.len() {
            uses.find_last_users(buffer, &mut lasts);
            uses.last_users.push(lasts.drain(..));
        }
        uses
    }

    /// Whether every use of `a` happens before the first use of `b`. False if an operator uses
    /// both, or if one of them is never used. O(streams).
    pub(crate) fn precedes(&self, a: usize, b: usize) -> bool {
        let Some(first) = self.first(b) else {
            return false;
        };
        let mut lasts = self.last_users.row(a).iter();
        !self.is_kept(a) && lasts.all(|&last| self.happens_before.precedes(last, first))
    }

    /// Whether both are used and neither precedes the other, so that they must not share bytes.
    /// O(streams).
    pub(crate) fn conflicts(&self, a: usize, b: usize) -> bool {
        let used = self.is_used(a) && self.is_used(b);
        used && !self.precedes(a, b) && !self.precedes(b, a)
    }

    /// The relation that orders the users.
    pub(super) fn happens_before(&self) -> &HappensBefore {
        &self.happens_before
    }

    /// How many buffers there are.
    pub(super) fn len(&self) -> usize {
        self.users.rows()
    }

    /// Whether the caller or an operator uses the buffer.
    pub(super) fn is_used(&self, buffer: usize) -> bool {
        self.from_start[buffer] || self.to_end[buffer] || !self.users.row(buffer).is_empty()
    }

    /// The operators that use a buffer, ascending.
    pub(super) fn users(&self, buffer: usize) -> &[u32] {
        match self.users.row(buffer) {
            [] if self.from_start[buffer] && self.happens_before.len() > 0 => &[0],
            users => users,
        }
    }

    /// The operator that uses the buffer first; `None` if the caller does, or nobody ever.
    pub(super) fn first(&self, buffer: usize) -> Option<u32> {
        let first = self.users.row(buffer).first();
        first.filter(|_| !self.from_start[buffer]).copied()
    }

    /// Whether the buffer is still used when all operators have run: by the caller, or because no
    /// operator is its last user.
    pub(super) fn is_kept(&self, buffer: usize) -> bool {
        self.to_end[buffer] || self.users(buffer).is_empty()
    }

    /// Finds the users that happen before no other user, from the last submitted one down.
    /// Comparing with those already found suffices: a user that happens before one that was left
    /// out also happens before the one for which that was left out.
    fn find_last_users(&self, buffer: usize, lasts: &mut Vec<u32>) {
        for &user in self.users(buffer).iter().rev() {
            if !lasts
                .iter()
                .any(|&last| self.happens_before.precedes(user, last))
            {
                lasts.push(user);
            }
        }
    }
}

/// Equal use sets are those of equal buffers with equal users under equal relations.
impl PartialEq for UseSets {
    fn eq(&self, other: &Self) -> bool {
        self.happens_before == other.happens_before
            && self.users == other.users
            && (&self.from_start, &self.to_end) == (&other.from_start, &other.to_end)
    }
}

impl Eq for UseSets {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::streams::program::{Program, csr, programs};
    use proptest::prelude::*;

    /// The picture above, with the buffer, what 4 uses and what 5 uses.
    fn picture() -> UseSets {
        let waits: [&[u32]; 6] = [&[], &[], &[], &[], &[3], &[]];
        let relation = HappensBefore::new(vec![0, 1, 0, 1, 0, 1], csr(waits));
        let users: [&[u32]; 3] = [&[0, 1, 2, 3], &[4], &[5]];
        UseSets::new(
            relation,
            csr(users),
            vec![true, false, false],
            vec![false; 3],
        )
    }

    #[test]
    fn the_buffers_of_the_picture_are_ordered_as_its_text_says() {
        let uses = picture();
        assert_eq!(uses.last_users.row(0), [2, 3]);
        assert!(uses.precedes(0, 1) && !uses.conflicts(0, 1));
        assert!(!uses.precedes(0, 2) && uses.conflicts(0, 2));
    }

    #[test]
    fn the_caller_is_the_first_and_the_last_user_and_no_buffer_precedes_itself() {
        let relation = HappensBefore::new(vec![0; 3], csr([&[], &[], &[]]));
        // Read late, never read, written and read, an output, an input and output, never used.
        let users: [&[u32]; 6] = [&[2], &[], &[1], &[0, 1], &[], &[]];
        let from_start = vec![true, true, false, false, true, false];
        let to_end = vec![false, false, false, true, true, false];
        let uses = UseSets::new(relation, csr(users), from_start, to_end);
        let after = |a| (0..6).filter(|&b| uses.precedes(a, b)).collect::<Vec<_>>();
        assert_eq!(
            [0, 1, 2, 3, 4, 5].map(after),
            [vec![], vec![2], vec![], vec![], vec![], vec![]]
        );
        let apart = |a| {
            (0..6)
                .filter(|&b| !uses.conflicts(a, b))
                .collect::<Vec<_>>()
        };
        assert_eq!(apart(0), [5]);
        assert_eq!(apart(1), [2, 5]);
        assert_eq!(apart(5), [0, 1, 2, 3, 4, 5]);
    }

    #[test]
    fn without_operators_all_buffers_that_are_used_conflict() {
        let relation = HappensBefore::new(Vec::new(), Csr::default());
        let from_start = vec![true, true, false, false];
        let uses = UseSets::new(
            relation,
            csr([&[]; 4]),
            from_start,
            vec![false, true, true, false],
        );
        for (a, b) in [(0, 1), (0, 2), (1, 2)] {
            assert!(uses.conflicts(a, b) && uses.conflicts(b, a));
        }
        assert!((0..4).all(|a| !uses.conflicts(a, 3)));
        assert_eq!(uses.verify(&[0..4, 4..8, 8..12, 0..12]), Ok(()));
        assert_eq!(uses.verify(&[0..5, 4..8, 8..12, 0..12]), Err((0, 1)));
    }

    #[test]
    fn use_sets_of_equal_buffers_are_equal() {
        let mut other = picture();
        assert_eq!(picture(), other);
        other.to_end[2] = true;
        assert_ne!(picture(), other);
    }

    proptest! {
        #[test]
        fn precedence_and_conflicts_are_those_of_the_definition(program in programs(60)) {
            let (uses, oracle) = (program.uses(), program.oracle());
            for a in 0..uses.len() {
                for b in 0..uses.len() {
                    let found = [uses.precedes(a, b), uses.conflicts(a, b)];
                    let expected = [oracle.precedes(a, b), oracle.conflicts(a, b)];
                    prop_assert_eq!(found, expected, "{} and {}", a, b);
                }
            }
        }

        #[test]
        fn precedence_of_buffers_is_a_strict_order(program in programs(60)) {
            let uses = program.uses();
            for a in 0..uses.len() {
                prop_assert!(!uses.precedes(a, a));
                for b in (0..uses.len()).filter(|&b| uses.precedes(a, b)) {
                    for c in (0..uses.len()).filter(|&c| uses.precedes(b, c)) {
                        prop_assert!(uses.precedes(a, c), "{} {} {}", a, b, c);
                    }
                }
            }
        }

        #[test]
        fn the_last_users_are_those_with_no_user_after_them(program in programs(60)) {
            let (uses, reach) = (program.uses(), program.reach());
            for buffer in 0..uses.len() {
                let users = uses.users(buffer);
                let is_last = |a: &u32| users.iter().all(|&b| !reach[*a as usize][b as usize]);
                let lasts: Vec<u32> = users.iter().copied().filter(is_last).collect();
                prop_assert_eq!(uses.last_users.row(buffer), &lasts[..]);
                prop_assert!(lasts.len() <= uses.happens_before.width());
            }
        }

        #[test]
        fn with_one_stream_conflicts_are_those_of_intervals(program in programs(60)) {
            let streams = vec![0; program.streams.len()];
            let program = Program { streams, ..program };
            let (uses, end) = (program.uses(), program.streams.len().max(1));
            // The interval that `Graph::lifetimes` gives the buffer.
            let interval = |buffer: usize| {
                let users = program.users[buffer].iter().map(|&user| user as usize);
                let first = users.clone().min().filter(|_| !program.from_start[buffer]);
                let lower = first.unwrap_or(0);
                let first_end = usize::from(program.from_start[buffer]);
                let upper = users.max().map_or(first_end, |user| user + 1);
                lower..if program.to_end[buffer] { end } else { upper }
            };
            for a in 0..uses.len() {
                for b in 0..uses.len() {
                    let (a_steps, b_steps) = (interval(a), interval(b));
                    let alive = !a_steps.is_empty() && !b_steps.is_empty();
                    let meet = alive && a_steps.start < b_steps.end && b_steps.start < a_steps.end;
                    prop_assert_eq!(uses.conflicts(a, b), meet, "{:?} and {:?}", a_steps, b_steps);
                }
            }
        }
    }
}
