//! What the same tensors take from a buddy arena that has no plan: their births and deaths,
//! simulated in order of time.
//!
//! Stands on [`orionrt_buddy`], which knows offsets only: nothing is allocated, so gigabytes are
//! simulated as quickly as bytes. The arena behaves as `Arena` of `orionrt-alloc` does while it has
//! room to spare: a tensor gets the lowest run of whole blocks that fits its size and alignment. At
//! each step, tensors that die are freed before those that are born are allocated, in order of the
//! list. A tensor keeps its bytes through its gaps, since an allocator would give it others after.
//!
//! ```text
//! bytes  peak ┌──────────────────────────────────────────────── the highest end ever
//!             │           ┌──c──┐  ← reach                      granted = b + c in whole blocks
//!             │           └─────┘                               internal = granted - live
//!             │   ┌─b────────┐     ← free below c: external     external = reach - granted
//!             └───┴──────────┴────────────────────────── step
//! ```
//!
//! Invariant: sections are in order of time, without gaps, from the first birth to the last death;
//! `live <= granted <= reach <= peak`. The size of the arena affects none of these.

use alloc::{collections::BTreeSet, vec, vec::Vec};
use core::{alloc::Layout, ops::Range};

use crate::lifetimes::{Lifetime, Lifetimes};
use orionrt_buddy::{Buddy, BuddyError};

/// The largest arena to simulate, in blocks; its bitmaps take 160 MB of addresses.
const MOST_BLOCKS: usize = 1 << 30;

/// Steps at which the same tensors are alive, and what they take from a buddy arena.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BuddySection {
    /// The steps, half-open.
    pub steps: Range<i64>,
    /// The bytes that the live tensors ask for: the load.
    pub live_bytes: u64,
    /// The bytes granted to the live tensors: each size rounded up to whole blocks.
    pub granted_bytes: u64,
    /// The end of the topmost grant, in bytes from the start of the arena.
    pub reach: u64,
}

impl BuddySection {
    /// Internal fragmentation: granted bytes that no tensor asked for. Those of a tensor in a gap
    /// count here.
    #[must_use]
    pub fn internal_bytes(&self) -> u64 {
        self.granted_bytes - self.live_bytes
    }

    /// External fragmentation: free bytes below the topmost grant.
    #[must_use]
    pub fn external_bytes(&self) -> u64 {
        self.reach - self.granted_bytes
    }

    /// Internal and external fragmentation together: bytes below the end of the topmost grant that
    /// no tensor asked for.
    #[must_use]
    pub fn wasted_bytes(&self) -> u64 {
        self.reach - self.live_bytes
    }
}

/// The use of a buddy arena over time. Made by [`Lifetimes::simulate_buddy`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BuddyUsage {
    /// The sections from the first birth to the last death, with the same steps as those of a
    /// plan's [`Usage`](crate::plan::Usage).
    pub sections: Vec<BuddySection>,
    /// The size of a block in bytes.
    pub block_bytes: usize,
    /// The highest end of any grant, in bytes from the start of the arena: what the tensors take
    /// without a plan.
    pub peak: u64,
}

impl BuddyUsage {
    /// The first of the sections that waste the most bytes; `None` if no tensor is ever alive.
    #[must_use]
    pub fn worst(&self) -> Option<&BuddySection> {
        let most = self.sections.iter().map(BuddySection::wasted_bytes).max()?;
        self.sections.iter().find(|s| s.wasted_bytes() == most)
    }
}

impl Lifetimes {
    /// Simulates a buddy arena with blocks of `block_bytes` bytes in which each tensor is allocated
    /// at its birth and freed at its death, without a plan. An `Arena` of `orionrt-alloc` has
    /// blocks of 64 bytes by default.
    ///
    /// Fixed offsets are ignored. O(n log n), repeated a few times if fragmentation is heavy.
    ///
    /// ```
    /// use orionrt_plan::Lifetimes;
    /// let rows = [("a", 0, 2, 100, 1), ("b", 1, 3, 300, 1), ("c", 2, 4, 1000, 1)];
    /// let usage = Lifetimes::from_rows(rows)?.simulate_buddy(64)?;
    /// // a has bytes 0..128 and b 512..832; c, which needs a run of 1024, goes above both.
    /// let reach: Vec<u64> = usage.sections.iter().map(|s| s.reach).collect();
    /// assert_eq!(reach, [128, 832, 2048, 2048]);
    /// let worst = usage.worst().expect("something is alive");
    /// assert_eq!(worst.steps, 3..4);
    /// assert_eq!((worst.internal_bytes(), worst.external_bytes()), (24, 1024));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`BuddyError::BadBlockSize`] if `block_bytes` is not a power of two;
    /// [`BuddyError::TooManyBlocks`] if the tensors need an arena of more than 2³⁰ blocks, in which
    /// case larger blocks help.
    pub fn simulate_buddy(&self, block_bytes: usize) -> Result<BuddyUsage, BuddyError> {
        if !block_bytes.is_power_of_two() {
            return Err(BuddyError::BadBlockSize { block_bytes });
        }
        let load = self.load().div_ceil(block_bytes as u64);
        let mut blocks = load.next_power_of_two();
        loop {
            let arena = SimulatedArena::new(self.rows(), block_bytes, blocks)?;
            if let Some(usage) = arena.run(self) {
                return Ok(usage);
            }
            blocks *= 2;
        }
    }

    /// The former name of [`simulate_buddy`](Self::simulate_buddy).
    ///
    /// # Errors
    /// Those of [`simulate_buddy`](Self::simulate_buddy).
    #[deprecated(since = "0.1.0", note = "renamed to `simulate_buddy`")]
    pub fn in_buddy(&self, block_bytes: usize) -> Result<BuddyUsage, BuddyError> {
        self.simulate_buddy(block_bytes)
    }
}

/// An arena of a given size that consists of offsets only.
struct SimulatedArena<'a> {
    rows: &'a [Lifetime],
    buddy: Buddy<Vec<u64>>,
    /// The offset of each live tensor.
    offsets: Vec<usize>,
    /// The ends of all grants.
    ends: BTreeSet<usize>,
}

impl<'a> SimulatedArena<'a> {
    fn new(rows: &'a [Lifetime], block_bytes: usize, blocks: u64) -> Result<Self, BuddyError> {
        let most = MOST_BLOCKS.min(isize::MAX as usize / block_bytes);
        let blocks = usize::try_from(blocks).unwrap_or(usize::MAX);
        if blocks > most {
            return Err(BuddyError::TooManyBlocks { blocks, most });
        }
        let capacity = blocks * block_bytes;
        let words = vec![0; Buddy::<Vec<u64>>::words_for(capacity, block_bytes)];
        Ok(Self {
            rows,
            buddy: Buddy::in_zeroed_words(words, block_bytes, 0..capacity)?,
            offsets: vec![0; rows.len()],
            ends: BTreeSet::new(),
        })
    }

    /// The use over time; `None` if some tensor would get another place in a larger arena.
    fn run(mut self, lifetimes: &Lifetimes) -> Option<BuddyUsage> {
        let mut sections = Vec::new();
        let (mut live_bytes, mut peak) = (0, 0);
        let mut fits = true;
        lifetimes.sweep(|steps, born, died| {
            if !fits {
                return;
            }
            for &i in died {
                if self.rows[i].upper == steps.start {
                    self.free(i);
                }
                live_bytes -= self.rows[i].size;
            }
            for &i in born {
                if self.rows[i].lower == steps.start {
                    fits &= self.allocate(i).is_some();
                }
                live_bytes += self.rows[i].size;
            }
            if !fits || steps.is_empty() {
                return;
            }
            let reach = self.ends.last().map_or(0, |&end| end as u64);
            peak = reach.max(peak);
            sections.push(BuddySection {
                steps,
                live_bytes,
                granted_bytes: (self.buddy.capacity() - self.buddy.free_bytes()) as u64,
                reach,
            });
        });
        fits.then(|| BuddyUsage {
            sections,
            block_bytes: self.buddy.block_bytes(),
            peak,
        })
    }

    fn allocate(&mut self, i: usize) -> Option<()> {
        let layout = layout(&self.rows[i])?;
        let granted = self.buddy.granted(layout.size());
        let run = granted.max(layout.align()).checked_next_power_of_two()?;
        // Without a free run of this size, the arena would put smaller runs together, at a place
        // that the tensor would not get in a larger arena.
        if run > self.buddy.largest_free() {
            return None;
        }
        let offset = self.buddy.allocate(layout)?;
        self.offsets[i] = offset;
        self.ends.insert(offset + granted);
        Some(())
    }

    fn free(&mut self, i: usize) {
        let Some(layout) = layout(&self.rows[i]) else {
            return;
        };
        let offset = self.offsets[i];
        let freed = self.buddy.free(offset, layout);
        debug_assert_eq!(freed, Ok(()));
        self.ends
            .remove(&(offset + self.buddy.granted(layout.size())));
    }
}

/// The layout of a tensor; `None` if it does not fit into the address space of this machine.
fn layout(row: &Lifetime) -> Option<Layout> {
    let size = usize::try_from(row.size).ok()?;
    let alignment = usize::try_from(row.alignment).ok()?;
    Layout::from_size_align(size, alignment).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::planner::Planner;
    use proptest::prelude::*;

    fn lifetimes(rows: &[(i64, i64, u64, u64)]) -> Lifetimes {
        let rows = rows.iter().enumerate();
        let rows = rows.map(|(i, &(lower, upper, size, alignment))| {
            (i.to_string(), lower, upper, size, alignment)
        });
        Lifetimes::from_rows(rows).unwrap()
    }

    #[test]
    fn tensors_that_are_empty_or_never_alive_take_nothing() {
        let usage = lifetimes(&[(0, 9, 0, 1 << 40), (3, 3, 100, 1)]).simulate_buddy(64);
        let nothing = BuddyUsage {
            sections: Vec::new(),
            block_bytes: 64,
            peak: 0,
        };
        assert_eq!(usage, Ok(nothing.clone()));
        assert_eq!(nothing.worst(), None);
        let usage = lifetimes(&[(0, 9, 0, 64), (0, 2, 1, 1)])
            .simulate_buddy(64)
            .unwrap();
        assert_eq!((usage.sections.len(), usage.peak), (1, 64));
    }

    #[test]
    fn tensors_that_die_make_room_for_those_born_at_the_same_step() {
        let usage = lifetimes(&[(0, 1, 64, 1), (1, 2, 64, 1)]).simulate_buddy(64);
        assert_eq!(usage.unwrap().peak, 64);
    }

    #[cfg(target_pointer_width = "64")]
    #[test]
    fn a_block_size_that_is_not_a_power_of_two_and_too_many_blocks_are_refused() {
        let one = lifetimes(&[(0, 1, 1 << 40, 1)]);
        for block_bytes in [0, 48] {
            assert_eq!(
                one.simulate_buddy(block_bytes),
                Err(BuddyError::BadBlockSize { block_bytes })
            );
        }
        let (blocks, most) = (1 << 34, MOST_BLOCKS);
        let refused = BuddyError::TooManyBlocks { blocks, most };
        assert_eq!(one.simulate_buddy(64), Err(refused));
        assert_eq!(one.simulate_buddy(1024).unwrap().peak, 1 << 40);
    }

    #[test]
    fn sizes_at_the_end_of_the_address_space_are_refused_or_served() {
        let large = lifetimes(&[(0, 1, (1 << 62) + 1, 1)]);
        let halves = lifetimes(&[(0, 1, 1 << 61, 1), (0, 1, 1, 1 << 61)]);
        for shift in 0..usize::BITS {
            assert!(large.simulate_buddy(1 << shift).is_err(), "{shift}");
            let usage = halves.simulate_buddy(1 << shift);
            assert_eq!(usage.is_ok(), (32..=61).contains(&shift), "{shift}");
        }
    }

    /// The live bytes, granted bytes and reach at each step, found by asking block after block
    /// whether it is free.
    fn by_definition(rows: &[Lifetime], block: u64, steps: Range<i64>) -> Vec<(u64, u64, u64)> {
        let mut owner: Vec<Option<usize>> = Vec::new();
        let at = |step: i64| {
            for owned in &mut owner {
                *owned = owned.filter(|&i| rows[i].upper != step);
            }
            for (i, row) in rows.iter().enumerate() {
                if row.lower != step || !row.occupies() {
                    continue;
                }
                let blocks = row.size.div_ceil(block) as usize;
                let run = blocks.max((row.alignment / block) as usize);
                let run = run.next_power_of_two();
                let is_free =
                    |start: &usize| owner.iter().skip(*start).take(run).all(Option::is_none);
                let start = (0..).step_by(run).find(is_free).unwrap();
                owner.resize(owner.len().max(start + run), None);
                owner[start..start + blocks].fill(Some(i));
            }
            let alive = rows
                .iter()
                .filter(|row| row.occupies() && (row.lower..row.upper).contains(&step));
            let reach = owner
                .iter()
                .rposition(Option::is_some)
                .map_or(0, |last| last + 1);
            let granted = owner.iter().flatten().count();
            (
                alive.map(|row| row.size).sum(),
                granted as u64 * block,
                reach as u64 * block,
            )
        };
        steps.map(at).collect()
    }

    proptest! {
        #[test]
        fn every_step_uses_the_bytes_that_the_definition_gives(
            rows in prop::collection::vec((-5i64..30, 0i64..12, 0u64..600, 0u32..10), 1..60),
            shift in 0u32..8,
        ) {
            let rows = rows.iter().map(|&(lower, length, size, align)| {
                (lower, lower + length, size, 1 << align)
            });
            let rows: Vec<_> = rows.collect();
            let lifetimes = lifetimes(&rows);
            let usage = lifetimes.simulate_buddy(1 << shift).unwrap();
            let planned = Planner::new().nodes(0).plan(&lifetimes).unwrap().usage();
            let steps: Vec<_> = usage.sections.iter().map(|s| s.steps.clone()).collect();
            let planned: Vec<_> = planned.sections.iter().map(|s| s.steps.clone()).collect();
            prop_assert_eq!(steps, planned);
            let (Some(first), Some(last)) = (usage.sections.first(), usage.sections.last()) else {
                return Ok(());
            };
            let steps = first.steps.start..last.steps.end;
            let expected = by_definition(lifetimes.rows(), 1 << shift, steps);
            let found = usage.sections.iter().flat_map(|s| {
                s.steps.clone().map(|_| (s.live_bytes, s.granted_bytes, s.reach))
            });
            prop_assert_eq!(&found.collect::<Vec<_>>(), &expected);
            let peak = expected.iter().map(|(_, _, reach)| *reach).max();
            prop_assert_eq!(usage.peak, peak.unwrap_or(0));
            let waste = expected.iter().map(|(live, _, reach)| reach - live).max();
            let worst = usage.worst().unwrap();
            prop_assert_eq!(waste, Some(worst.internal_bytes() + worst.external_bytes()));
        }
    }
}
