//! The check of a plan: buffers that share bytes must precede one another.
//!
//! Stands on the users in [`UseSets`], the edges in [`HappensBefore`] and [`IntervalMap`], but on
//! neither clocks nor last users, which the planner relied on. In the order of their first uses,
//! the buffers are assigned to their bytes, and each must come after those that it replaces there.
//! Invariant: these in turn have been proven to come after the earlier owners of the same bytes.
//! Since precedence is transitive, a few pairs per buffer are proven instead of all that share
//! bytes.
//!
//! ```text
//!          ┌──── a ────┐
//!          └───────────┘            a before b is proven, and b before c. Both together prove a
//!               ┌──── b ────┐       before c, since none of a's bytes that c has are still a's.
//!               └───────────┘       Where some are, a before c is proven as well.
//!                    ┌──── c ────┐
//!                    └───────────┘
//!          ───── bytes ─────►       (from top to bottom in the order of their first uses)
//! ```
//!
//! A pair is proven if edges lead from every user of the first buffer to the first user of the
//! second one, the *target*. Reachability of 64 targets at a time is carried back along all edges,
//! one bit each. Memory is linear.

use alloc::{collections::BTreeMap, vec, vec::Vec};
use core::ops::Range;

use super::{happens_before::HappensBefore, interval_map::IntervalMap, use_sets::UseSets};

/// One target for each bit of a mask.
const TARGETS_AT_ONCE: usize = u64::BITS as usize;

/// Two buffers with common bytes, and what is to be proven of them: every user of `earlier` happens
/// before `target`, the first user of `later`.
struct Succession {
    earlier: usize,
    later: usize,
    target: u32,
}

impl UseSets {
    /// Checks that no two buffers that conflict share bytes. `bytes[i]` are those of buffer i; a
    /// buffer with an empty range takes no part. O(n log n + (n + edges + uses) × n / 64) with n
    /// buffers and operators.
    ///
    /// # Errors
    /// Two buffers that conflict and share bytes, in the order of their first uses.
    pub(crate) fn verify(&self, bytes: &[Range<u64>]) -> Result<(), (usize, usize)> {
        let successions = self.successions(bytes)?;
        let groups: Vec<&[Succession]> = successions
            .chunk_by(|one, next| one.target == next.target)
            .collect();
        for batch in groups.chunks(TARGETS_AT_ONCE) {
            self.prove(batch)?;
        }
        Ok(())
    }

    /// What is to be proven, with ascending targets. Fails at a pair for which there is no proof,
    /// since the caller is the last user of the first buffer or the first user of the second.
    fn successions(&self, bytes: &[Range<u64>]) -> Result<Vec<Succession>, (usize, usize)> {
        debug_assert_eq!(bytes.len(), self.len());
        let mut buffers: Vec<usize> = (0..self.len().min(bytes.len())).collect();
        buffers.retain(|&buffer| self.is_used(buffer));
        buffers.sort_by_key(|&buffer| self.first(buffer));
        let mut owners = IntervalMap::default();
        let mut successions = Vec::new();
        let mut impossible = None;
        for later in buffers {
            let first = self.first(later);
            owners.assign(bytes[later].clone(), later as u32, |earlier| {
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
    fn prove(&self, batch: &[&[Succession]]) -> Result<(), (usize, usize)> {
        let targets: Vec<u32> = batch.iter().map(|group| group[0].target).collect();
        let firsts = batch.iter().copied().flatten();
        let firsts = firsts.map(|succession| self.users(succession.earlier)[0]);
        let from = firsts.chain([targets[0]]).min().unwrap_or(0);
        let reach = Reach::new(self.happens_before(), from, &targets);
        // The targets that all users of a buffer reach: computed once per buffer, since many small
        // buffers may follow one large one.
        let mut common = BTreeMap::new();
        for (bit, group) in batch.iter().enumerate() {
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

/// For each operator from one on, which of a few targets it happens before.
struct Reach {
    from: u32,
    /// Bit k stands for the target at position k.
    masks: Vec<u64>,
}

impl Reach {
    /// `targets` ascend from `from` or above, at most one for each bit. Linear in the operators
    /// from there to the last target, their waits, and the streams.
    fn new(relation: &HappensBefore, from: u32, targets: &[u32]) -> Self {
        let end = targets.last().map_or(from, |&last| last + 1);
        let mut masks = vec![0u64; (end - from) as usize];
        // For each stream, the targets that its next operator reaches or is.
        let mut next = vec![0u64; relation.width()];
        for op in (from..end).rev() {
            let after = &mut masks[(op - from) as usize];
            let next = &mut next[relation.stream(op) as usize];
            *after |= *next;
            let own = targets.binary_search(&op).map_or(0, |bit| 1 << bit);
            *next = *after | own;
            for &wait in relation.waits(op).iter().filter(|&&wait| wait >= from) {
                masks[(wait - from) as usize] |= *next;
            }
        }
        Self { from, masks }
    }

    /// The targets that `op` happens before; `op` is not below `from`.
    fn targets(&self, op: u32) -> u64 {
        let mask = self.masks.get((op - self.from) as usize);
        mask.copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::csr::Csr;
    use crate::streams::program::{Oracle, Program, csr, programs};
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

    /// Operators on one stream, or in turn on several that do not wait, each with a buffer of its
    /// own.
    fn chain(ops: u32, streams: u32) -> UseSets {
        let waits = (0..ops).map(|_| &[][..]).collect::<Vec<_>>();
        let relation = HappensBefore::new((0..ops).map(|op| op % streams).collect(), csr(waits));
        let mut users = Csr::default();
        (0..ops).for_each(|op| users.push([op]));
        UseSets::new(
            relation,
            users,
            vec![false; ops as usize],
            vec![false; ops as usize],
        )
    }

    #[test]
    fn buffers_may_reuse_the_same_bytes_on_one_stream_but_not_across_streams() {
        for ops in [1, 2, 63, 64, 65, 66, 127, 128, 129, 130, 200] {
            let mut bytes = vec![0..8; ops as usize];
            assert_eq!(chain(ops, 1).verify(&bytes), Ok(()));
            // Each stream has bytes of its own; then the last buffer takes a byte of the other
            // stream.
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
    fn an_operator_that_uses_two_buffers_does_not_order_them() {
        let relation = HappensBefore::new(vec![0; 3], csr([&[], &[], &[]]));
        let users: [&[u32]; 3] = [&[0, 1], &[1, 2], &[1]];
        let uses = UseSets::new(relation, csr(users), vec![false; 3], vec![false; 3]);
        assert_eq!(uses.verify(&[0..8, 8..16, 16..24]), Ok(()));
        assert_eq!(uses.verify(&[0..8, 7..16, 16..24]), Err((0, 1)));
        assert_eq!(uses.verify(&[0..8, 8..16, 8..9]), Err((1, 2)));
    }

    #[test]
    fn the_remaining_bytes_of_a_buffer_that_was_partly_replaced_are_still_checked() {
        // 0 happens before all others, 1 before 2 but not before 3.
        let waits: [&[u32]; 4] = [&[], &[0], &[], &[]];
        let relation = HappensBefore::new(vec![0, 1, 1, 0], csr(waits));
        let users: [&[u32]; 3] = [&[0], &[1], &[2]];
        let uses = UseSets::new(relation.clone(), csr(users), vec![false; 3], vec![false; 3]);
        assert_eq!(uses.verify(&[0..12, 4..8, 0..12]), Ok(()));
        let users: [&[u32]; 3] = [&[0], &[1], &[3]];
        let uses = UseSets::new(relation, csr(users), vec![false; 3], vec![false; 3]);
        assert_eq!(uses.verify(&[0..12, 4..8, 0..4]), Ok(()));
        assert_eq!(uses.verify(&[0..12, 4..8, 8..12]), Ok(()));
        assert_eq!(uses.verify(&[0..12, 4..8, 7..12]), Err((1, 2)));
    }

    #[test]
    fn empty_ranges_and_buffers_that_nobody_uses_take_no_part() {
        let relation = HappensBefore::new(vec![0, 1], csr([&[], &[]]));
        let users: [&[u32]; 3] = [&[0], &[1], &[]];
        let uses = UseSets::new(relation, csr(users), vec![false; 3], vec![false; 3]);
        assert_eq!(uses.verify(&[0..8, 4..4, 0..8]), Ok(()));
        assert_eq!(uses.verify(&[0..8, 7..8, 0..8]), Err((0, 1)));
    }

    proptest! {
        #[test]
        fn verify_refuses_exactly_the_plans_in_which_conflicting_buffers_share_bytes(
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
        fn verify_refuses_exactly_the_colliding_plans_with_more_targets_than_mask_bits(
            program in programs(260),
            sizes in prop::collection::vec(0u64..30, 260),
            moves in prop::collection::vec((0usize..260, 0u64..800, 0u64..30), 0..10),
        ) {
            check(&program, &sizes, &moves)?;
        }
    }
}
