//! Better plans for a session's keys, searched for between iterations.
//!
//! Invariant: blocks of a key move only while none of them is in use.

#![forbid(unsafe_code)]

use alloc::vec::Vec;
use core::{cmp::Reverse, mem};
use std::time::{Duration, Instant};

use super::{
    key_plan::PlanSizes,
    key_state::{Stage, Wait},
    planning::ensure_memory_to_plan,
    session::Session,
};

impl<A, K> Session<'_, A, K> {
    /// Searches for better plans of the keys whose plans are above their lower bounds, for so long
    /// in all; returns by how many bytes their regions get smaller. The session keeps what that
    /// takes if it [is told to](Self::improvable), for plans that it made itself.
    ///
    /// A session plans within milliseconds, which suffices for most recordings. Whenever the
    /// program has time between two iterations, this goes on from the plans there are, with other
    /// random choices each time. The keys share the time. One whose blocks are still in use is left
    /// for another time.
    ///
    /// ```
    /// # use std::{alloc::System, time::Duration};
    /// # use orionrt::{Planner, ReplayAlloc};
    /// # static ALLOC: ReplayAlloc<System> = ReplayAlloc::new(System);
    /// # let infer = || ();
    /// let mut session = ALLOC.session(Planner::new()).improvable(true);
    /// session.run("batch 1", infer)?;
    /// let saved = session.improve(Duration::from_secs(1));
    /// println!("{saved} bytes less");
    /// # Ok::<(), orionrt::ReplayError>(())
    /// ```
    pub fn improve(&mut self, limit: Duration) -> u64 {
        let start = Instant::now();
        let mut keys: Vec<usize> = (0..self.states.len())
            .filter(|&key| self.states[key].is_improvable())
            .collect();
        if keys.is_empty() {
            return 0;
        }
        // Where there is most to gain comes first; what a key does not use is left for the others.
        keys.sort_by_key(|&key| Reverse(self.states[key].gap()));
        let mut saved = 0;
        for (done, &key) in keys.iter().enumerate() {
            let left = limit.saturating_sub(start.elapsed());
            let share = left / (keys.len() - done) as u32;
            if !share.is_zero() {
                saved += self.improve_key(key, share);
            }
        }
        (self.purge)(self.allocator.inner());
        self.trim();
        saved
    }

    /// Searches for a better plan of the key at `index`.
    fn improve_key(&mut self, index: usize, limit: Duration) -> u64 {
        let Stage::Planned(planned) = &mut self.states[index].stage else {
            return 0;
        };
        let (facts, replay) = (&mut planned.facts, &mut planned.replay);
        if !self.regions.is_free(replay.region()) {
            return 0;
        }
        let Some(unfinished) = &mut facts.unfinished else {
            return 0;
        };
        if ensure_memory_to_plan(2 * unfinished.len()).is_err() {
            return 0;
        }
        let original = facts.source.as_ref().map(|source| &source.plan);
        let Some(found) = unfinished.search(&self.planner, limit, original) else {
            return 0;
        };
        if found.plan.peak() < facts.sizes.planned && !replay.move_blocks(found.map) {
            return 0;
        }
        let before = mem::replace(&mut facts.sizes, PlanSizes::of(&found.plan)).planned;
        let saved = before.saturating_sub(facts.sizes.planned);
        if found.plan.is_optimal() {
            facts.unfinished = None;
        }
        if let (Some(source), true) = (&mut facts.source, saved > 0) {
            source.plan = found.plan;
        }
        self.states[index].add_improved();
        if saved > 0 {
            // Without memory, it waits.
            let _ = self.open(index, Wait::AsRecorded);
        }
        saved
    }
}
