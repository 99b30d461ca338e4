//! Which recorded request of a helper a request is: one that no other helper has made yet in this
//! iteration, near to where the work is.
//!
//! Which helper does which part of the work differs from iteration to iteration. So a helper
//! follows the requests of *one* recorded thread of a [`TeamTemplate`] for as long as its own are
//! like them; and whatever else it asks for, such as all that tasks need, is looked for by size and
//! alignment. A [`Cursor`] is where one helper is, and the *front* is how far all of them are.
//!
//! Candidates come in this order: the next request of the recorded thread; of those of the same
//! size and alignment, its own ahead; any that are not taken in this iteration near the front, the
//! earliest first, so that none stays behind for tasks of a later section; and those that are
//! taken, whose bytes may be free again. A request of a task gets any block of its pool that is
//! free. The caller claims the bytes of one after the other.
//!
//! Invariant: nothing here is trusted. A wrong guess costs a miss; claims make sure that no byte
//! has two owners. So all atomic operations are relaxed.

#![forbid(unsafe_code)]

use alloc::boxed::Box;
use core::alloc::Layout;

use super::{team_template::TeamTemplate, template::Expected};
use orionrt_sys::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// How far from where a thread is expected the first search looks; a search that finds nothing
/// doubles it for the next one.
const NEAR: u32 = 256;
/// How many requests are looked at in a search, and how many candidates of a kind are tried.
const LOOKED_AT: usize = 1024;
const TRIES: usize = 16;
/// How many requests of a pool are looked at in each direction for a free block.
const MATES: usize = 64;
/// A search looks no further than `NEAR` doubled so often.
const MOST_LOST: u32 = 10;
/// The position of no request.
pub(super) const NOWHERE: u32 = u32::MAX;

/// Which requests of a template an iteration has made.
#[derive(Debug)]
pub(super) struct Taken(Box<[AtomicU64]>);

/// Where a helper is in the template.
#[derive(Debug)]
pub(super) struct Cursor {
    /// The position of its last request near the front, or [`NOWHERE`].
    last_near: AtomicU32,
    /// The position of its last request that was of no task, or [`NOWHERE`].
    last_own: AtomicU32,
    /// How many searches in a row have found nothing.
    lost: AtomicU32,
}

/// What became of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Match<T> {
    /// It got these planned bytes.
    Claimed(T),
    /// It outlives its iteration.
    Outliving,
    /// It is the request that has this block, as it seems, but those bytes are in use.
    Occupied(u32),
    /// All requests like it nearby are taken, and their bytes are in use; this is one of them.
    Exhausted(u32),
    /// None nearby is like it.
    Unmatched,
}

impl Taken {
    pub(super) fn new(requests: usize) -> Self {
        let words = (0..requests.div_ceil(64)).map(|_| AtomicU64::new(0));
        Self(words.collect())
    }

    /// Back to the start of an iteration.
    pub(super) fn clear(&self) {
        for word in &self.0 {
            word.store(0, Ordering::Relaxed);
        }
    }

    pub(super) fn contains(&self, position: u32) -> bool {
        let word = self.0[position as usize / 64].load(Ordering::Relaxed);
        word >> (position % 64) & 1 == 1
    }

    /// Takes the request at a position; `false` if another one was faster.
    fn insert(&self, position: u32) -> bool {
        let bit = 1 << (position % 64);
        self.0[position as usize / 64].fetch_or(bit, Ordering::Relaxed) & bit == 0
    }
}

impl Cursor {
    pub(super) fn new() -> Self {
        Self {
            last_near: AtomicU32::new(NOWHERE),
            last_own: AtomicU32::new(NOWHERE),
            lost: AtomicU32::new(0),
        }
    }

    /// Back to the start of an iteration.
    pub(super) fn rewind(&self) {
        self.last_near.store(NOWHERE, Ordering::Relaxed);
        self.last_own.store(NOWHERE, Ordering::Relaxed);
        self.lost.store(0, Ordering::Relaxed);
    }

    /// The position of its thread's last request near the front, if it has made one.
    pub(super) fn last_near(&self) -> Option<u32> {
        let last = self.last_near.load(Ordering::Relaxed);
        (last != NOWHERE).then_some(last)
    }

    /// The thread has made the request at a position, which is of no task if it `is_own`.
    fn go_on(&self, position: u32, is_near: bool, is_own: bool) {
        if is_near {
            self.last_near.store(position, Ordering::Relaxed);
        }
        if is_own {
            self.last_own.store(position, Ordering::Relaxed);
        }
        self.lost.store(0, Ordering::Relaxed);
    }

    /// Whether the last request that was of no task was near the front.
    fn is_near(&self) -> bool {
        self.last_near.load(Ordering::Relaxed) == self.last_own.load(Ordering::Relaxed)
    }

    /// The position of its thread's last request that was of no task, or [`NOWHERE`].
    pub(super) fn last_own(&self) -> u32 {
        self.last_own.load(Ordering::Relaxed)
    }

    /// A search has found nothing.
    pub(super) fn lose_the_way(&self) {
        let lost = self.lost.load(Ordering::Relaxed);
        self.lost.store(lost.saturating_add(1), Ordering::Relaxed);
    }

    /// How far the next search looks.
    fn reach(&self) -> u32 {
        NEAR << self.lost.load(Ordering::Relaxed).min(MOST_LOST)
    }
}

/// A request on its way: what it asks for, and how the bytes of a block are claimed.
pub(super) struct Search<'t, C> {
    pub(super) of: &'t TeamTemplate,
    pub(super) taken: &'t Taken,
    pub(super) layout: Layout,
    pub(super) claim: C,
}

impl<T, C: Fn(u32) -> Option<T>> Search<'_, C> {
    /// The bytes of the next request of the recorded thread that this cursor follows, if it is this
    /// one.
    #[inline]
    pub(super) fn in_order(&self, cursor: &Cursor) -> Option<Match<T>> {
        let next = self.of.after(cursor.last_own())?;
        self.attempt_next(cursor, next)
    }

    /// Finds the bytes of a request that is not the next one of the recorded thread. `front` is how
    /// far all helpers are.
    pub(super) fn look_around(&self, cursor: &Cursor, front: u32) -> Match<T> {
        let found = self.find_around(cursor, cursor.last_own(), front);
        if let Match::Unmatched = found {
            cursor.lose_the_way();
        }
        found
    }

    /// The request at a position, if it is like this one.
    #[inline]
    fn at(&self, position: u32) -> Option<Expected> {
        self.of.template().at(position as usize, self.layout)
    }

    /// Tries to be the next request of the recorded thread. One that outlives the iteration may be
    /// like those of tasks that come before it, and so is looked for at the front alone.
    #[inline]
    pub(super) fn attempt_next(&self, cursor: &Cursor, position: u32) -> Option<Match<T>> {
        let expected = self.at(position)?;
        expected.block()?;
        if self.taken.contains(position) {
            return None;
        }
        let is_near = cursor.is_near();
        self.attempt(cursor, position, expected, is_near)
    }

    /// Tries to be the request at a position, which may be near the front.
    #[inline]
    fn attempt(
        &self,
        cursor: &Cursor,
        position: u32,
        expected: Expected,
        is_near: bool,
    ) -> Option<Match<T>> {
        let found = match expected.block() {
            // Of several that outlive the iteration, each is taken once.
            None => self.taken.insert(position).then_some(Match::Outliving)?,
            Some(block) => {
                let bytes = (self.claim)(block)?;
                // If another thread took it meanwhile, its claim has failed, or its block is free.
                self.taken.insert(position);
                Match::Claimed(bytes)
            }
        };
        cursor.go_on(position, is_near, self.of.pool(position).is_none());
        Some(found)
    }

    /// Tries to be the request at a position of a pool, by means of any block of that pool. `alike`
    /// are the positions of all requests like this one.
    fn attempt_pool(&self, cursor: &Cursor, position: u32, alike: &[u32]) -> Option<Match<T>> {
        let pool = self.of.pool(position)?;
        let own = alike.partition_point(|&other| other < position);
        let before = alike[..own].iter().rev().take(MATES);
        let behind = alike[own..].iter().skip(1).take(MATES);
        let mates = before.chain(behind);
        let mates = mates.filter(|&&mate| self.of.pool(mate) == Some(pool));
        let blocks = mates.filter_map(|&mate| self.at(mate)?.block());
        let bytes = blocks.into_iter().find_map(&self.claim)?;
        self.taken.insert(position);
        cursor.go_on(position, true, false);
        Some(Match::Claimed(bytes))
    }

    /// Finds the bytes of a request around where its thread and all helpers are.
    #[cold]
    pub(super) fn find_around(&self, cursor: &Cursor, last: u32, front: u32) -> Match<T> {
        let alike = self.of.template().alike(self.layout);
        let within = |from: u32, to: u32| {
            let start = alike.partition_point(|&position| position < from);
            let alike = alike[start..].iter().copied().take(LOOKED_AT);
            alike.take_while(move |&position| position <= to)
        };
        let reach = cursor.reach();
        let near = |center: u32| {
            let from = center.saturating_sub(reach);
            within(from, center.saturating_add(reach))
        };
        let is_taken = |position: &u32| self.taken.contains(*position);
        let is_fresh = |position: &u32| !self.taken.contains(*position);
        let is_planned = |position: &u32| self.at(*position).is_some_and(|it| it.block().is_some());
        let is_own = |position: &u32| self.of.pool(*position).is_none() && is_planned(position);

        let ahead = last.wrapping_add(1);
        let own = within(ahead, ahead.saturating_add(reach));
        let own = own.filter(is_own).filter(is_fresh).take(TRIES);
        let at_front = near(front).filter(is_fresh).take(TRIES);
        // Tasks that the thread hands out where only it is.
        let at_own = (last != NOWHERE).then(|| near(last)).into_iter().flatten();
        let at_own = at_own.filter(is_fresh).take(TRIES);
        let fresh = own.chain(at_front).chain(at_own);
        let occupied = match self.first(cursor, fresh, front, alike) {
            Ok(found) => return found,
            Err(block) => block,
        };
        if last == NOWHERE {
            // The beginning of a thread's work that was recorded at another time.
            let starts = alike.iter().copied().take(LOOKED_AT);
            let starts = starts.filter(|position| self.of.starts().binary_search(position).is_ok());
            let starts = starts.filter(is_fresh).take(TRIES);
            if let Ok(found) = self.first(cursor, starts, front, &[]) {
                return found;
            }
        }
        let used = near(front).filter(is_taken).take(TRIES);
        let exhausted = match self.first(cursor, used, front, &[]) {
            Ok(found) => return found,
            Err(block) => block,
        };
        match (occupied, exhausted) {
            (None, None) => Match::Unmatched,
            (Some(block), _) => Match::Occupied(block),
            (None, Some(block)) => Match::Exhausted(block),
        }
    }

    /// Tries to be one of these requests; or returns the first block that one of them has. `alike`
    /// are the positions of those whose blocks may serve as well, if they are of the same pool.
    pub(super) fn first(
        &self,
        cursor: &Cursor,
        positions: impl Iterator<Item = u32>,
        front: u32,
        alike: &[u32],
    ) -> Result<Match<T>, Option<u32>> {
        let (mut refused, mut full_pool) = (None, None);
        for position in positions {
            let (Some(expected), pool) = (self.at(position), self.of.pool(position)) else {
                continue;
            };
            if pool.is_some() && pool == full_pool {
                continue;
            }
            let is_near = position.abs_diff(front) <= NEAR;
            let found = self.attempt(cursor, position, expected, is_near);
            let found = found.or_else(|| self.attempt_pool(cursor, position, alike));
            if let Some(found) = found {
                return Ok(found);
            }
            if !alike.is_empty() {
                full_pool = pool;
            }
            refused = refused.or(expected.block());
        }
        Err(refused)
    }
}

#[cfg(test)]
mod tests;
