//! Whether the buffers of a component fit below a peak: all in units, and upside down.
//!
//! Every buffer takes whole units, except that the topmost one may end within its last unit. So a
//! buffer may reach into the topmost unit only if its last bytes end below the peak there. Turned
//! upside down, with the topmost unit at 0, that is a *base* for each buffer, and all others may
//! take their sizes in whole units: this is what the skyline search decides best.
//!
//! ```text
//! peak 80, unit 64              upside down
//! 128 ┄┄┄┄┄┄┄┄┄┄┄┄┄┄┄           2 ┌─a──┐─b──┐      a, of 32 bytes, would end at 96: its base is 1
//!  80 ─────┌────┐── peak        1 └────┘────┘      b, of 16 bytes, ends at 80: its base is 0
//!  64 ┌─a──┤ b  │               0 ───── base of b
//! ```
//!
//! Buffers that find room wherever the others are (*easy* ones) are left out of the search.

use alloc::vec::Vec;
use core::ops::Range;

use super::lattice::Lattice;
use crate::lifetimes::Lifetime;
use crate::planner::budget::Budget;
use crate::planner::gap::first_gap;
use crate::planner::skyline::{ExhaustiveSolver, SearchOutcome};

/// The most buffers that are searched.
const MOST_SEARCHED: usize = 256;

/// The buffers of a component and the peak that they are to be packed below.
#[derive(Debug)]
pub(super) struct Packing {
    buffers: Vec<Lifetime>,
    lattice: Lattice,
    /// The buffers that are searched, in units and upside down.
    searched: Vec<Searched>,
    /// The easy ones, in the order in which they find room.
    easy: Vec<usize>,
    /// The units below the peak, begun ones included.
    height: u64,
    solver: ExhaustiveSolver,
}

/// A buffer in units.
#[derive(Clone, Copy, Debug)]
struct Searched {
    /// Its position in the component.
    position: usize,
    units: u64,
    /// How many offsets it may have, and their distance.
    choices: u64,
    step: u64,
    fixed: Option<u64>,
}

impl Packing {
    /// `None` if a buffer is larger than the peak, or too many would have to be searched: `Err`
    /// then says which outcome that is.
    pub(super) fn new(
        buffers: Vec<Lifetime>,
        lattice: Lattice,
        peak: u64,
        seed: u64,
    ) -> Result<Self, SearchOutcome> {
        let all = buffers.iter().enumerate();
        let all: Option<Vec<Searched>> = all
            .map(|(position, buffer)| Searched::new(position, buffer, lattice, peak))
            .collect();
        let all = all.ok_or(SearchOutcome::Exhausted)?;
        let height = all.iter().map(Searched::highest_end).max().unwrap_or(0);
        let easy = easy(&buffers, &all);
        let is_searched = |one: &&Searched| !easy.contains(&one.position);
        let searched: Vec<Searched> = all.iter().filter(is_searched).copied().collect();
        if searched.len() > MOST_SEARCHED {
            return Err(SearchOutcome::Spent);
        }
        let turned: Vec<Lifetime> = searched
            .iter()
            .map(|one| one.turned(&buffers[one.position], height))
            .collect();
        let base = |i: usize| height - searched[i].highest_end();
        let solver = ExhaustiveSolver::new(&turned, base, seed);
        Ok(Self {
            buffers,
            lattice,
            searched,
            easy,
            height,
            solver,
        })
    }

    /// Looks for offsets below the peak; takes what it visits off `nodes`, and ends when they are
    /// spent.
    pub(super) fn solve(&mut self, nodes: &mut u64, budget: &Budget) -> SearchOutcome {
        if self.searched.is_empty() {
            return SearchOutcome::Fits;
        }
        self.solver.solve(self.height, nodes, budget)
    }

    /// The offset in bytes of each buffer, after they were found to fit.
    pub(super) fn offsets(&self) -> Vec<u64> {
        let fixed = self.buffers.iter().map(|buffer| buffer.fixed_offset);
        let mut offsets: Vec<Option<u64>> = fixed.collect();
        for (i, turned) in self.solver.placed() {
            let Searched {
                position, units, ..
            } = self.searched[i];
            offsets[position] = Some((self.height - turned - units) * self.lattice.unit);
        }
        for &i in &self.easy {
            offsets[i] = Some(self.lowest_free(i, &offsets));
        }
        let placed = offsets.into_iter().map(|offset| offset.unwrap_or(0));
        placed.collect()
    }

    fn lowest_free(&self, of: usize, offsets: &[Option<u64>]) -> u64 {
        let buffer = &self.buffers[of];
        let others = self.buffers.iter().zip(offsets);
        let beside = others.filter(|(other, _)| other.conflicts(buffer));
        let taken = beside.filter_map(|(other, offset)| offset.map(|from| from..from + other.size));
        let mut taken: Vec<Range<u64>> = taken.collect();
        taken.sort_unstable_by_key(|bytes| bytes.start);
        first_gap(&taken, 0, buffer.size, buffer.alignment)
    }
}

impl Searched {
    fn new(position: usize, buffer: &Lifetime, lattice: Lattice, peak: u64) -> Option<Self> {
        let unit = lattice.unit;
        let step = lattice.step(buffer);
        let highest = match buffer.fixed_offset {
            Some(_) => 0,
            None => lattice.highest_offset(buffer, peak)?,
        };
        Some(Self {
            position,
            units: buffer.size.div_ceil(unit),
            choices: highest / step + 1,
            step: step / unit,
            fixed: buffer.fixed_offset.map(|offset| offset / unit),
        })
    }

    /// The highest offset at which it may end, in units.
    fn highest_end(&self) -> u64 {
        let lowest = self.fixed.unwrap_or(0);
        lowest + (self.choices - 1) * self.step + self.units
    }

    /// How many of its choices another buffer takes, wherever that one is.
    fn blocked_by(&self, other: &Self) -> u128 {
        u128::from(other.units + self.units - 1).div_ceil(u128::from(self.step))
    }

    fn turned(&self, buffer: &Lifetime, height: u64) -> Lifetime {
        Lifetime {
            size: self.units,
            alignment: self.step,
            fixed_offset: self.fixed.map(|_| height - self.highest_end()),
            within: None,
            ..*buffer
        }
    }
}

/// The buffers that have more choices than all others that conflict with them, and are not easy
/// themselves, can take. In the order in which they find room: the one found last comes first.
fn easy(buffers: &[Lifetime], all: &[Searched]) -> Vec<usize> {
    let count = buffers.len();
    let conflict = |a: usize, b: usize| a != b && buffers[a].conflicts(&buffers[b]);
    let blocked = |a: usize| {
        let beside = (0..count).filter(|&b| conflict(a, b));
        beside.map(|b| all[a].blocked_by(&all[b])).sum()
    };
    let mut blocked: Vec<u128> = (0..count).map(blocked).collect();
    let is_easy =
        |a: usize, blocked: u128| all[a].fixed.is_none() && u128::from(all[a].choices) > blocked;
    let mut found: Vec<usize> = (0..count).filter(|&a| is_easy(a, blocked[a])).collect();
    let mut next = 0;
    while next < found.len() {
        let gone = found[next];
        next += 1;
        for a in (0..count).filter(|&a| conflict(a, gone)) {
            let before = blocked[a];
            blocked[a] -= all[a].blocked_by(&all[gone]);
            if !is_easy(a, before) && is_easy(a, blocked[a]) {
                found.push(a);
            }
        }
    }
    found.reverse();
    found
}
