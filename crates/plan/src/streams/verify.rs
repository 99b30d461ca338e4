//! Whether buffers that share bytes come one after the other, by means of its own.
//!
//! Stands on [`Uses`] (who uses what), [`Order`] (its edges) and [`Painted`]; not on clocks, nor on last uses. In the order of
//! their first uses, the buffers paint their bytes, and each must come after those whose paint it covers. Invariant: those are
//! proven to come after whoever painted the same bytes earlier. "Precedes" is transitive, so a few pairs a buffer are proven
//! instead of all that share bytes.
//!
//! ```text
//! bytes    ┌──── a ────┐
//!          └───────────┘                 a before b is proven, and b before c. That a comes before c follows from
//!               ┌──── b ────┐            both: no paint of a is left where c is. Else it would be proven too.
//!               └───────────┘
//!                    ┌──── c ────┐
//!                    └───────────┘
//!          ──── order of first use ───►
//! ```
//!
//! A pair is proven if from every user of the first buffer, edges lead to the first user of the second one: the *target*.
//! Bits of 64 targets at a time are carried back along all edges. Memory is linear.

use alloc::{collections::BTreeMap, vec, vec::Vec};
use core::ops::Range;

use super::{order::Order, paint::Painted, uses::Uses};

/// One for each bit of a mask.
const TARGETS_AT_ONCE: usize = u64::BITS as usize;

/// Two buffers with common bytes, to be proven: every user of `earlier` happens before `target`, the first user of `later`.
struct Succession {
    earlier: usize,
    later: usize,
    target: u32,
}

impl Uses {
    /// Checks bytes against the definition: no two buffers that conflict share any. `bytes[i]` are those of buffer i; one with
    /// an empty range takes no part. O(n log n + (n + edges + uses) × n / 64) with n buffers and operators.
    ///
    /// # Errors
    /// Two buffers that conflict and share bytes, the one that is used first in front.
    pub(crate) fn verify(&self, bytes: &[Range<u64>]) -> Result<(), (usize, usize)> {
        let successions = self.successions(bytes)?;
        let groups: Vec<&[Succession]> = successions
            .chunk_by(|one, next| one.target == next.target)
            .collect();
        for block in groups.chunks(TARGETS_AT_ONCE) {
            self.prove(block)?;
        }
        Ok(())
    }

    /// What is to be proven, with ascending targets. Where the caller is the first or last user, there is nothing to prove.
    fn successions(&self, bytes: &[Range<u64>]) -> Result<Vec<Succession>, (usize, usize)> {
        debug_assert_eq!(bytes.len(), self.len());
        let mut buffers: Vec<usize> = (0..self.len().min(bytes.len())).collect();
        buffers.retain(|&buffer| self.is_used(buffer));
        buffers.sort_by_key(|&buffer| self.first(buffer));
        let mut painted = Painted::default();
        let mut successions = Vec::new();
        let mut impossible = None;
        for later in buffers {
            let first = self.first(later);
            painted.paint(bytes[later].clone(), later as u32, |earlier| {
                let earlier = earlier as usize;
                match first.filter(|_| !self.is_kept(earlier)) {
                    Some(target) => successions.push(Succession {
                        earlier,
                        later,
                        target,
                    }),
                    None => impossible = Some((earlier, later)),
                }
            });
            if let Some(pair) = impossible {
                return Err(pair);
            }
        }
        Ok(successions)
    }

    /// Proves successions that are grouped by target, at most one target for each bit.
    fn prove(&self, block: &[&[Succession]]) -> Result<(), (usize, usize)> {
        let targets: Vec<u32> = block.iter().map(|group| group[0].target).collect();
        let firsts = block.iter().copied().flatten();
        let firsts = firsts.map(|succession| self.users(succession.earlier)[0]);
        let from = firsts.chain([targets[0]]).min().unwrap_or(0);
        let reach = Reach::new(self.order(), from, &targets);
        // What all users of a buffer reach: computed once, since a large buffer is followed by many small ones.
        let mut common = BTreeMap::new();
        for (bit, group) in block.iter().enumerate() {
            for &Succession { earlier, later, .. } in *group {
                let users = self.users(earlier).iter();
                let reached = || users.fold(u64::MAX, |all, &user| all & reach.targets(user));
                if *common.entry(earlier).or_insert_with(reached) & 1 << bit == 0 {
                    return Err((earlier, later));
                }
            }
        }
        Ok(())
    }
}

/// Which of a few targets come after each operator, from one operator on.
struct Reach {
    from: u32,
    /// Bit k stands for the target at position k.
    masks: Vec<u64>,
}

impl Reach {
    /// `targets` ascend, and are at most as many as there are bits; none is below `from`. Linear in the operators from there to the
    /// last target, their waits, and the streams.
    fn new(order: &Order, from: u32, targets: &[u32]) -> Self {
        let end = targets.last().map_or(from, |&last| last + 1);
        let mut masks = vec![0u64; (end - from) as usize];
        // What the operator that is next on a stream reaches or is.
        let mut next = vec![0u64; order.width()];
        for op in (from..end).rev() {
            let after = &mut masks[(op - from) as usize];
            let next = &mut next[order.stream(op) as usize];
            *after |= *next;
            let own = targets.binary_search(&op).map_or(0, |bit| 1 << bit);
            *next = *after | own;
            for &wait in order.waits(op).iter().filter(|&&wait| wait >= from) {
                masks[(wait - from) as usize] |= *next;
            }
        }
        Self { from, masks }
    }

    /// The targets that come after `op`, which is not below `from`: none from the last target on.
    fn targets(&self, op: u32) -> u64 {
        let mask = self.masks.get((op - self.from) as usize);
        mask.copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::streams::program::{Oracle, Program, programs, table};
    use crate::table::Table;
    use proptest::prelude::*;

    /// All pairs of buffers that conflict and share bytes.
    fn collisions(oracle: &Oracle, bytes: &[Range<u64>]) -> Vec<(usize, usize)> {
        let mut pairs = Vec::new();
        for a in 0..bytes.len() {
            for b in 0..a {
                let common = bytes[a].start.max(bytes[b].start)..bytes[a].end.min(bytes[b].end);
                if !common.is_empty() && oracle.conflicts(a, b) {
                    pairs.extend([(a, b), (b, a)]);
                }
            }
        }
        pairs
    }

    /// Every buffer at the lowest offset at which it collides with none before it.
    fn first_fit(oracle: &Oracle, sizes: &[u64]) -> Vec<Range<u64>> {
        let mut bytes: Vec<Range<u64>> = Vec::new();
        for (buffer, &size) in sizes.iter().enumerate() {
            let mut others: Vec<_> = (0..buffer)
                .filter(|&other| oracle.conflicts(other, buffer))
                .collect();
            others.sort_by_key(|&other| bytes[other].start);
            let mut start = 0;
            for other in others.into_iter().map(|other| &bytes[other]) {
                if start + size > other.start && start < other.end {
                    start = other.end;
                }
            }
            bytes.push(start..start + size);
        }
        bytes
    }

    fn check(
        program: &Program,
        sizes: &[u64],
        moves: &[(usize, u64, u64)],
    ) -> Result<(), TestCaseError> {
        let (uses, oracle) = (program.uses(), program.oracle());
        let sizes = &sizes[..uses.len()];
        let mut bytes = first_fit(&oracle, sizes);
        prop_assert_eq!(collisions(&oracle, &bytes), []);
        prop_assert_eq!(uses.verify(&bytes), Ok(()));
        for &(buffer, start, size) in moves {
            if let Some(bytes) = bytes.get_mut(buffer) {
                *bytes = start..start + size;
            }
            let collisions = collisions(&oracle, &bytes);
            match uses.verify(&bytes) {
                Ok(()) => prop_assert_eq!(&collisions, &[]),
                Err((a, b)) => {
                    prop_assert!(collisions.contains(&(a, b)), "{} and {}", a, b);
                    prop_assert!(uses.first(a) <= uses.first(b));
                }
            }
        }
        Ok(())
    }

    /// Operators on one stream, or in turn on several that do not wait, each with a buffer of its own.
    fn chain(ops: u32, streams: u32) -> Uses {
        let waits = (0..ops).map(|_| &[][..]).collect::<Vec<_>>();
        let order = Order::new((0..ops).map(|op| op % streams).collect(), table(waits));
        let mut users = Table::default();
        (0..ops).for_each(|op| users.push([op]));
        Uses::new(
            order,
            users,
            vec![false; ops as usize],
            vec![false; ops as usize],
        )
    }

    #[test]
    fn buffers_may_follow_one_another_at_one_place_on_one_stream_alone() {
        for ops in [1, 2, 63, 64, 65, 66, 127, 128, 129, 130, 200] {
            let mut bytes = vec![0..8; ops as usize];
            assert_eq!(chain(ops, 1).verify(&bytes), Ok(()));
            // Each stream has a place of its own; then the last buffer also has a byte of the other stream's.
            (0..ops).for_each(|op| {
                bytes[op as usize] = u64::from(op % 2 * 8)..u64::from(op % 2 * 8 + 8)
            });
            assert_eq!(chain(ops, 2).verify(&bytes), Ok(()));
            if ops > 1 {
                bytes[ops as usize - 1] = 7..9;
                assert!(chain(ops, 2).verify(&bytes).is_err());
            }
        }
    }

    #[test]
    fn an_operator_that_uses_both_separates_nothing() {
        let order = Order::new(vec![0; 3], table([&[], &[], &[]]));
        let users: [&[u32]; 3] = [&[0, 1], &[1, 2], &[1]];
        let uses = Uses::new(order, table(users), vec![false; 3], vec![false; 3]);
        assert_eq!(uses.verify(&[0..8, 8..16, 16..24]), Ok(()));
        assert_eq!(uses.verify(&[0..8, 7..16, 16..24]), Err((0, 1)));
        assert_eq!(uses.verify(&[0..8, 8..16, 8..9]), Err((1, 2)));
    }

    #[test]
    fn what_is_left_of_a_buffer_that_was_painted_over_is_not_forgotten() {
        // 0 is before all, 1 before 2, but not before 3.
        let waits: [&[u32]; 4] = [&[], &[0], &[], &[]];
        let order = Order::new(vec![0, 1, 1, 0], table(waits));
        let users: [&[u32]; 3] = [&[0], &[1], &[2]];
        let uses = Uses::new(order.clone(), table(users), vec![false; 3], vec![false; 3]);
        assert_eq!(uses.verify(&[0..12, 4..8, 0..12]), Ok(()));
        let users: [&[u32]; 3] = [&[0], &[1], &[3]];
        let uses = Uses::new(order, table(users), vec![false; 3], vec![false; 3]);
        assert_eq!(uses.verify(&[0..12, 4..8, 0..4]), Ok(()));
        assert_eq!(uses.verify(&[0..12, 4..8, 8..12]), Ok(()));
        assert_eq!(uses.verify(&[0..12, 4..8, 7..12]), Err((1, 2)));
    }

    #[test]
    fn empty_ranges_and_buffers_that_nobody_uses_take_no_part() {
        let order = Order::new(vec![0, 1], table([&[], &[]]));
        let users: [&[u32]; 3] = [&[0], &[1], &[]];
        let uses = Uses::new(order, table(users), vec![false; 3], vec![false; 3]);
        assert_eq!(uses.verify(&[0..8, 4..4, 0..8]), Ok(()));
        assert_eq!(uses.verify(&[0..8, 7..8, 0..8]), Err((0, 1)));
    }

    proptest! {
        #[test]
        fn what_is_refused_collides_and_what_collides_is_refused(
            program in programs(60),
            sizes in prop::collection::vec(0u64..30, 60),
            moves in prop::collection::vec((0usize..60, 0u64..200, 0u64..30), 0..10),
        ) {
            check(&program, &sizes, &moves)?;
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]
        #[test]
        fn so_it_is_with_more_targets_than_bits(
            program in programs(260),
            sizes in prop::collection::vec(0u64..30, 260),
            moves in prop::collection::vec((0usize..260, 0u64..800, 0u64..30), 0..10),
        ) {
            check(&program, &sizes, &moves)?;
        }
    }
}
