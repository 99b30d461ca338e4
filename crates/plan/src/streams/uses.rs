//! When buffers are used, and which of two comes first.
//!
//! Stands on [`Order`] and [`Table`]. Invariant: of a buffer's users, `lasts` holds those that happen before no other one, at most
//! one a stream; if all of these happen before something, all users do.
//!
//! ```text
//! stream 0   0 ───► 2 ────────► 4       used by 0, 1, 2 and 3: the last of them are 2 and 3. The buffer precedes
//!                               ▲       what is first used by 4, and conflicts with what 5 uses.
//! stream 1     1 ─────► 3 ──────┴─► 5
//! ```
//!
//! The caller is a user too: it fills the graph's inputs before all operators, and reads the outputs after all of them. As in
//! intervals of steps, an input that nobody reads is used by operator 0.

use alloc::vec::Vec;

use super::order::Order;
use crate::table::Table;

/// When buffers are used: the partial order of their uses.
#[derive(Clone, Debug)]
pub(crate) struct Uses {
    order: Order,
    users: Table,
    from_start: Vec<bool>,
    to_end: Vec<bool>,
    lasts: Table,
}

impl Uses {
    /// For each buffer, the operators that use it (its row of `users`), whether the caller fills it before all operators
    /// (`from_start`: a graph input) and whether the caller reads it after all of them (`to_end`: a graph output). A buffer
    /// without any of these is never used.
    ///
    /// The first user, or the caller in its place, happens before all other users of the buffer.
    pub(crate) fn new(
        order: Order,
        users: Table,
        from_start: Vec<bool>,
        to_end: Vec<bool>,
    ) -> Self {
        debug_assert_eq!(users.rows(), from_start.len());
        debug_assert_eq!(users.rows(), to_end.len());
        let mut uses = Self {
            order,
            users,
            from_start,
            to_end,
            lasts: Table::default(),
        };
        let mut lasts = Vec::new();
        for buffer in 0..uses.len() {
            uses.find_lasts(buffer, &mut lasts);
            uses.lasts.push(lasts.drain(..));
        }
        uses
    }

    /// Whether every use of `a` happens before the first use of `b`. An operator that uses both never separates them, nor is
    /// there an order with a buffer that is never used. O(streams).
    pub(crate) fn precedes(&self, a: usize, b: usize) -> bool {
        let Some(first) = self.first(b) else {
            return false;
        };
        let mut lasts = self.lasts.row(a).iter();
        !self.is_kept(a) && lasts.all(|&last| self.order.precedes(last, first))
    }

    /// Whether both are used and neither precedes the other: they may not share bytes. O(streams).
    pub(crate) fn conflicts(&self, a: usize, b: usize) -> bool {
        let used = self.is_used(a) && self.is_used(b);
        used && !self.precedes(a, b) && !self.precedes(b, a)
    }

    /// What happens before what.
    pub(super) fn order(&self) -> &Order {
        &self.order
    }

    /// How many buffers there are.
    pub(super) fn len(&self) -> usize {
        self.users.rows()
    }

    /// Whether anybody uses the buffer.
    pub(super) fn is_used(&self, buffer: usize) -> bool {
        self.from_start[buffer] || self.to_end[buffer] || !self.users.row(buffer).is_empty()
    }

    /// The operators that use a buffer, ascending.
    pub(super) fn users(&self, buffer: usize) -> &[u32] {
        match self.users.row(buffer) {
            [] if self.from_start[buffer] && self.order.len() > 0 => &[0],
            users => users,
        }
    }

    /// The operator before which nobody uses the buffer; none if the caller does, or if it is never used.
    pub(super) fn first(&self, buffer: usize) -> Option<u32> {
        let first = self.users.row(buffer).first();
        first.filter(|_| !self.from_start[buffer]).copied()
    }

    /// Whether the buffer is used when all operators have run: by the caller, or because there is no operator to be its last user.
    pub(super) fn is_kept(&self, buffer: usize) -> bool {
        self.to_end[buffer] || self.users(buffer).is_empty()
    }

    /// The users that happen before no other user. Those of them that are known, from the last one down, suffice to
    /// tell: whoever happens before a user that was left out also happens before the one it was left out for.
    fn find_lasts(&self, buffer: usize, lasts: &mut Vec<u32>) {
        for &user in self.users(buffer).iter().rev() {
            if !lasts.iter().any(|&last| self.order.precedes(user, last)) {
                lasts.push(user);
            }
        }
    }
}

/// The same buffers, used by the same operators in the same order.
impl PartialEq for Uses {
    fn eq(&self, other: &Self) -> bool {
        self.order == other.order
            && self.users == other.users
            && (&self.from_start, &self.to_end) == (&other.from_start, &other.to_end)
    }
}

impl Eq for Uses {}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::streams::program::{Program, programs, table};
    use proptest::prelude::*;

    /// The picture above, with the buffer, what 4 uses and what 5 uses.
    fn picture() -> Uses {
        let waits: [&[u32]; 6] = [&[], &[], &[], &[], &[3], &[]];
        let order = Order::new(vec![0, 1, 0, 1, 0, 1], table(waits));
        let users: [&[u32]; 3] = [&[0, 1, 2, 3], &[4], &[5]];
        Uses::new(
            order,
            table(users),
            vec![true, false, false],
            vec![false; 3],
        )
    }

    #[test]
    fn the_picture_is_as_the_text_says() {
        let uses = picture();
        assert_eq!(uses.lasts.row(0), [2, 3]);
        assert!(uses.precedes(0, 1) && !uses.conflicts(0, 1));
        assert!(!uses.precedes(0, 2) && uses.conflicts(0, 2));
    }

    #[test]
    fn the_caller_comes_first_and_last_and_nothing_precedes_itself() {
        let order = Order::new(vec![0; 3], table([&[], &[], &[]]));
        // Read late, never read, written and read, an output, an input and output, never used.
        let users: [&[u32]; 6] = [&[2], &[], &[1], &[0, 1], &[], &[]];
        let from_start = vec![true, true, false, false, true, false];
        let to_end = vec![false, false, false, true, true, false];
        let uses = Uses::new(order, table(users), from_start, to_end);
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
    fn without_operators_all_that_is_used_conflicts() {
        let order = Order::new(Vec::new(), Table::default());
        let from_start = vec![true, true, false, false];
        let uses = Uses::new(
            order,
            table([&[]; 4]),
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
    fn equal_uses_are_equal() {
        let mut other = picture();
        assert_eq!(picture(), other);
        other.to_end[2] = true;
        assert_ne!(picture(), other);
    }

    proptest! {
        #[test]
        fn conflicts_are_as_the_definition_says(program in programs(60)) {
            let (uses, oracle) = (program.uses(), program.oracle());
            for a in 0..uses.len() {
                for b in 0..uses.len() {
                    prop_assert_eq!(uses.precedes(a, b), oracle.precedes(a, b), "{} precedes {}", a, b);
                    prop_assert_eq!(uses.conflicts(a, b), oracle.conflicts(a, b), "{} and {}", a, b);
                }
            }
        }

        #[test]
        fn what_precedes_is_a_strict_order(program in programs(60)) {
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
                prop_assert_eq!(uses.lasts.row(buffer), &lasts[..]);
                prop_assert!(lasts.len() <= uses.order.width());
            }
        }

        #[test]
        fn with_one_stream_conflicts_are_those_of_intervals(program in programs(60)) {
            let streams = vec![0; program.streams.len()];
            let program = Program { streams, ..program };
            let (uses, end) = (program.uses(), program.streams.len().max(1));
            // As `Graph::lifetimes` has it.
            let interval = |buffer: usize| {
                let users = program.users[buffer].iter().map(|&user| user as usize);
                let lower = users.clone().min().filter(|_| !program.from_start[buffer]).unwrap_or(0);
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
