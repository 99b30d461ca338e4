//! What the same tensors take from a buddy arena that knows no plan: their births and deaths, replayed in order of time.
//!
//! Stands on [`orionrt_buddy`], which knows offsets only: nothing is allocated, so gigabytes are replayed as quickly as bytes.
//! The arena is as `Arena` of `orionrt-alloc` with room to spare: the lowest run of whole blocks that fits size and alignment, and
//! at each step what dies is given back before what is born is served, in order of the list.
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
//! `live <= granted <= reach <= peak`. How large the arena was made shows in none of them.

use alloc::{collections::BTreeSet, vec, vec::Vec};
use core::{alloc::Layout, ops::Range};

use crate::lifetimes::{Lifetime, Lifetimes};
use orionrt_buddy::{Buddy, BuddyError};

/// No larger arena is made, in blocks: the bitmaps of this one have 160 MB of addresses.
const MOST_BLOCKS: usize = 1 << 30;

/// Steps at which the same tensors are alive, and what they take from a buddy arena.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuddySection {
    /// The steps, half-open.
    pub steps: Range<i64>,
    /// Bytes that the tensors alive ask for: the load.
    pub live_bytes: u64,
    /// Bytes granted to them: each size rounded up to whole blocks.
    pub granted_bytes: u64,
    /// The end of the topmost grant, in bytes from the start of the arena.
    pub reach: u64,
}

impl BuddySection {
    /// Internal fragmentation: bytes granted that nobody asked for.
    #[must_use]
    pub fn internal_bytes(&self) -> u64 {
        self.granted_bytes - self.live_bytes
    }

    /// External fragmentation: free bytes below the topmost grant.
    #[must_use]
    pub fn external_bytes(&self) -> u64 {
        self.reach - self.granted_bytes
    }

    /// Bytes below the end of the topmost grant that nobody asked for: internal and external fragmentation together.
    #[must_use]
    pub fn wasted_bytes(&self) -> u64 {
        self.reach - self.live_bytes
    }
}

/// The use of a buddy arena over time. Made by [`Lifetimes::simulate_buddy`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BuddyUsage {
    /// From the first birth to the last death: the same steps as the sections of a plan's [`Usage`](crate::plan::Usage).
    pub sections: Vec<BuddySection>,
    /// The size of a block in bytes.
    pub block_bytes: usize,
    /// The highest end of a grant ever, in bytes from the start of the arena: what the tensors take without a plan.
    pub peak: u64,
}

impl BuddyUsage {
    /// The section that wastes the most bytes, the first of several; `None` if nothing is ever alive.
    #[must_use]
    pub fn worst(&self) -> Option<&BuddySection> {
        let most = self.sections.iter().map(BuddySection::wasted_bytes).max()?;
        self.sections.iter().find(|s| s.wasted_bytes() == most)
    }
}

impl Lifetimes {
    /// What these tensors take over time from a buddy arena with blocks of `block_bytes` bytes (64 in an
    /// `Arena` of `orionrt-alloc` unless told otherwise), allocated at birth and given back at death without a plan.
    ///
    /// Fixed offsets mean nothing to an arena. O(n log n), times a few where fragmentation is heavy.
    ///
    /// ```
    /// use orionrt_plan::Lifetimes;
    /// let rows = [("a", 0, 2, 100, 1), ("b", 1, 3, 300, 1), ("c", 2, 4, 1000, 1)];
    /// let usage = Lifetimes::from_rows(rows)?.simulate_buddy(64)?;
    /// // a has bytes 0..128 and b 512..832; c, which needs a run of 1024, goes above both.
    /// let reach: Vec<u64> = usage.sections.iter().map(|s| s.reach).collect();
    /// assert_eq!(reach, [128, 832, 2048, 2048]);
    /// let worst = usage.worst().expect("something is alive");
    /// assert_eq!((worst.steps.clone(), worst.internal_bytes(), worst.external_bytes()), (3..4, 24, 1024));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// [`BuddyError::BadBlockSize`] when `block_bytes` is no power of two, [`BuddyError::TooManyBlocks`] when they would need an arena of
    /// more than 2³⁰ blocks: ask with larger ones then.
    pub fn simulate_buddy(&self, block_bytes: usize) -> Result<BuddyUsage, BuddyError> {
        if !block_bytes.is_power_of_two() {
            return Err(BuddyError::BadBlockSize { block_bytes });
        }
        let load = self.load().div_ceil(block_bytes as u64);
        let mut blocks = load.next_power_of_two();
        loop {
            let model = Model::new(self.rows(), block_bytes, blocks)?;
            if let Some(usage) = model.replay(self) {
                return Ok(usage);
            }
            blocks *= 2;
        }
    }
}

/// An arena of a certain size, of which there are offsets alone.
struct Model<'a> {
    rows: &'a [Lifetime],
    buddy: Buddy<Vec<u64>>,
    /// Where each tensor lies that is alive.
    offsets: Vec<usize>,
    /// The ends of all grants.
    ends: BTreeSet<usize>,
}

impl<'a> Model<'a> {
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

    /// The use over time; `None` if a larger arena would have served some tensor otherwise.
    fn replay(mut self, lifetimes: &Lifetimes) -> Option<BuddyUsage> {
        let mut sections = Vec::new();
        let (mut live_bytes, mut peak) = (0, 0);
        let mut fits = true;
        lifetimes.sweep(|steps, born, died| {
            if !fits {
                return;
            }
            for &i in died {
                self.give_back(i);
                live_bytes -= self.rows[i].size;
            }
            for &i in born {
                fits &= self.serve(i).is_some();
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

    fn serve(&mut self, i: usize) -> Option<()> {
        let layout = layout(&self.rows[i])?;
        let granted = self.buddy.granted(layout.size());
        let run = granted.max(layout.align()).checked_next_power_of_two()?;
        // Short of such a run an arena makes do with smaller ones, which lie otherwise in a larger arena.
        if run > self.buddy.largest_free() {
            return None;
        }
        let offset = self.buddy.allocate(layout)?;
        self.offsets[i] = offset;
        self.ends.insert(offset + granted);
        Some(())
    }

    fn give_back(&mut self, i: usize) {
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

/// `None` where addresses are too small for it.
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
    fn what_is_never_alive_or_empty_takes_nothing() {
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
    fn what_dies_is_given_back_before_what_is_born_is_served() {
        let usage = lifetimes(&[(0, 1, 64, 1), (1, 2, 64, 1)]).simulate_buddy(64);
        assert_eq!(usage.unwrap().peak, 64);
    }

    #[test]
    fn blocks_that_are_no_power_of_two_or_too_many_are_refused() {
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

    /// Bytes live, granted and reached at each step, by asking block after block whether it is free.
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
        fn every_step_is_as_the_definition_says(
            rows in prop::collection::vec((-5i64..30, 0i64..12, 0u64..600, 0u32..10), 1..60),
            shift in 0u32..8,
        ) {
            let rows: Vec<_> = rows.iter().map(|&(lower, length, size, align)| (lower, lower + length, size, 1 << align)).collect();
            let lifetimes = lifetimes(&rows);
            let usage = lifetimes.simulate_buddy(1 << shift).unwrap();
            let planned = Planner::new().nodes(0).plan(&lifetimes).unwrap().usage();
            let steps = |s: &BuddySection| s.steps.clone();
            prop_assert!(usage.sections.iter().map(steps).eq(planned.sections.iter().map(|s| s.steps.clone())));
            let (Some(first), Some(last)) = (usage.sections.first(), usage.sections.last()) else {
                return Ok(());
            };
            let expected = by_definition(lifetimes.rows(), 1 << shift, first.steps.start..last.steps.end);
            let found: Vec<_> = usage.sections.iter().flat_map(|s| s.steps.clone().map(|_| (s.live_bytes, s.granted_bytes, s.reach))).collect();
            prop_assert_eq!(&found, &expected);
            prop_assert_eq!(usage.peak, expected.iter().map(|(_, _, reach)| *reach).max().unwrap_or(0));
            let waste = expected.iter().map(|(live, _, reach)| reach - live).max();
            let worst = usage.worst().unwrap();
            prop_assert_eq!(waste, Some(worst.internal_bytes() + worst.external_bytes()));
        }
    }
}
