//! The team of an iteration: the helper threads that take part, and where each of them is.
//!
//! A helper finds its [`Member`] by its thread number, and becomes one with its first request. Any
//! of them may make any request of the [`TeamTemplate`]: see `team_matching`.
//!
//! Invariant: a member is used by the one thread that `owner` names for this iteration. Between
//! iterations nobody but the owner of the session uses any: helpers are kept out by the end of a
//! [`ScopedLend`](crate::lend::ScopedLend).

#![forbid(unsafe_code)]

use alloc::boxed::Box;
use core::alloc::Layout;

use super::{
    factors::Fit,
    report::{Outcome, RequestCounts},
    request_counters::RequestCounters,
    team_matching::{Cursor, Match, Search, Taken},
    team_template::TeamTemplate,
    template::Expected,
    trace::{UNNUMBERED, thread_number},
};
use orionrt_sys::sync::atomic::{AtomicU64, Ordering};

/// The most helpers that can take part.
pub(super) const MOST_HELPERS: usize = 64;

#[derive(Debug)]
pub(super) struct Team {
    template: TeamTemplate,
    taken: Taken,
    members: Box<[Member]>,
    /// Requests of threads that are no members, and their bytes.
    refused: AtomicU64,
    refused_bytes: AtomicU64,
    /// The number of the iteration, from 1 on.
    iteration: u32,
}

/// A helper's part. On cache lines of its own.
#[derive(Debug)]
#[repr(align(128))]
pub(super) struct Member {
    /// The iteration and the thread that this is the part of, [`packed`] in one word.
    owner: AtomicU64,
    cursor: Cursor,
    pub(super) counters: RequestCounters,
}

impl Team {
    /// A team with at most so many helpers.
    pub(super) fn new(template: TeamTemplate, helpers: usize) -> Self {
        let members = (0..helpers.min(MOST_HELPERS)).map(|_| Member::new());
        Self {
            taken: Taken::new(template.template().len()),
            template,
            members: members.collect(),
            refused: AtomicU64::new(0),
            refused_bytes: AtomicU64::new(0),
            iteration: 0,
        }
    }

    pub(super) fn template(&self) -> &TeamTemplate {
        &self.template
    }

    /// Begins an iteration, in which nobody takes part yet.
    pub(super) fn begin(&mut self) {
        self.iteration = self.iteration.wrapping_add(1).max(1);
        self.taken.clear();
        for member in &self.members {
            member.cursor.rewind();
        }
    }

    /// The counts of the helpers of this iteration since the last call.
    pub(super) fn take_counts(&mut self) -> RequestCounts {
        let mut all = RequestCounts::default();
        let refused = self.refused.swap(0, Ordering::Relaxed);
        let bytes = self.refused_bytes.swap(0, Ordering::Relaxed);
        all.count(Outcome::Unmatched, refused, bytes);
        let iteration = packed(self.iteration, 0) >> 32;
        let has_joined = |of: &&Member| of.owner.load(Ordering::Relaxed) >> 32 == iteration;
        for member in self.members.iter().filter(has_joined) {
            all += member.counters.take();
        }
        all
    }

    /// The part of this thread, if it takes part already.
    pub(super) fn existing_member(&self) -> Option<&Member> {
        let owner = packed(self.iteration, thread_number());
        let is_own = |member: &&Member| member.owner.load(Ordering::Relaxed) == owner;
        self.members.iter().find(is_own)
    }

    /// The part of this thread, which takes part from now on, if there is room.
    pub(super) fn member(&self) -> Option<&Member> {
        let thread = thread_number();
        let (count, owner) = (self.members.len(), packed(self.iteration, thread));
        if thread == UNNUMBERED || count == 0 {
            return None;
        }
        // From its number on, so that most find theirs at once.
        let (before, from) = self.members.split_at(thread as usize % count);
        from.iter().chain(before).find(|member| {
            let last = member.owner.load(Ordering::Relaxed);
            last == owner || (last >> 32 != owner >> 32 && member.join(last, owner))
        })
    }

    /// Counts a request of a thread that is no member.
    pub(super) fn refuse(&self, layout: Layout) {
        self.refused.fetch_add(1, Ordering::Relaxed);
        let bytes = layout.size() as u64;
        self.refused_bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    /// Finds the bytes of a member's request, which `claim` claims by the number of their block.
    pub(super) fn find<T>(
        &self,
        member: &Member,
        layout: Layout,
        fit: &Fit,
        claim: impl Fn(u32) -> Option<T>,
    ) -> Match<T> {
        let search = Search {
            of: &self.template,
            taken: &self.taken,
            layout,
            claim,
        };
        if let Some(found) = search.in_order(&member.cursor) {
            return found;
        }
        match fit {
            Fit::Exact => search.look_around(&member.cursor, self.front()),
            Fit::AtMost(factors, guests) => {
                search.fit(&member.cursor, self.front(), factors, guests)
            }
        }
    }

    /// The requests around where a member is.
    pub(super) fn around(&self, member: &Member) -> impl Iterator<Item = &Expected> {
        let last = member.cursor.last_near();
        let last = last.unwrap_or_else(|| self.front());
        self.template.template().around(last as usize + 1)
    }

    /// How far the helpers are: the position of the last request of one of them.
    fn front(&self) -> u32 {
        let last = self.members.iter().filter_map(|it| it.cursor.last_near());
        last.max().unwrap_or(0)
    }
}

impl Member {
    fn new() -> Self {
        Self {
            owner: AtomicU64::new(0),
            cursor: Cursor::new(),
            counters: RequestCounters::default(),
        }
    }

    /// Makes this the part of a thread in this iteration, if no other thread is faster.
    fn join(&self, last: u64, owner: u64) -> bool {
        // The owner in an earlier iteration was kept out before this one began.
        self.owner
            .compare_exchange(last, owner, Ordering::Relaxed, Ordering::Relaxed)
            .is_ok()
    }
}

fn packed(iteration: u32, thread: u32) -> u64 {
    u64::from(iteration) << 32 | u64::from(thread)
}
