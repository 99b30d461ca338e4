//! What the helpers of an iteration are expected to ask for, whichever of them does.
//!
//! The requests of all helpers that were recorded are one [`TeamTemplate`], in the order in which
//! they were made. Those of [tasks](super::tasks) belong to no thread, but to a pool. Each other
//! one is followed by the next one of the same thread, which a helper goes on with for as long as
//! its own requests are like them.
//!
//! ```text
//! recorded    A1  B1  t  A2  t  B2  t  t  A3      threads A and B, and tasks of either
//! next        A2  B2     A3     -         -
//! ```
//!
//! Invariant: what follows a request comes later.

#![forbid(unsafe_code)]

use alloc::{boxed::Box, vec::Vec};

use super::template::Template;

/// What comes after a request of a helper.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Follow {
    /// The request at this position, of the same recorded thread.
    Next(u32),
    /// Nothing that is known.
    Nothing,
    /// Anything: the request is of a task, and has the blocks of the pool of this number.
    Pool(u32),
}

/// The most requests, and pools.
pub(super) const MOST: u32 = POOL - 1;
const POOL: u32 = 1 << 31;
const NOTHING: u32 = POOL - 1;

#[derive(Debug)]
pub(super) struct TeamTemplate {
    template: Template,
    /// What follows each request: a position, [`NOTHING`], or a pool with the bit [`POOL`].
    follow: Box<[u32]>,
    /// The positions of the first requests of recorded threads that are of no task.
    starts: Box<[u32]>,
}

impl TeamTemplate {
    /// A template of at most [`MOST`] requests, and what follows each of them.
    pub(super) fn new(template: Template, follow: &[Follow]) -> Self {
        let is_of_task = |follow: &Follow| matches!(follow, Follow::Pool(_));
        let mut is_start: Vec<bool> = follow.iter().map(|it| !is_of_task(it)).collect();
        for follow in follow {
            if let Follow::Next(position) = *follow {
                is_start[position as usize] = false;
            }
        }
        let starts = (0..).zip(is_start).filter(|(_, is_start)| *is_start);
        let starts: Vec<u32> = starts.map(|(position, _)| position).collect();
        let follow = follow.iter().map(|follow| match *follow {
            Follow::Next(position) => position,
            Follow::Nothing => NOTHING,
            Follow::Pool(pool) => POOL | pool,
        });
        Self {
            template,
            follow: follow.collect(),
            starts: starts.into_boxed_slice(),
        }
    }

    /// The requests, in order.
    pub(super) fn template(&self) -> &Template {
        &self.template
    }

    /// The positions of the first requests of recorded threads that are of no task.
    pub(super) fn starts(&self) -> &[u32] {
        &self.starts
    }

    /// The positions of the requests of the thread whose first one is at `start`.
    #[cfg(feature = "files")]
    pub(super) fn of_thread(&self, start: u32) -> impl Iterator<Item = u32> + '_ {
        core::iter::successors(Some(start), |&position| self.after(position))
    }

    /// The positions of the requests of tasks.
    #[cfg(feature = "files")]
    pub(super) fn of_tasks(&self) -> impl Iterator<Item = u32> + '_ {
        let positions = 0..self.template.len() as u32;
        positions.filter(|&position| self.pool(position).is_some())
    }

    /// The pool of the request at a position, if it is of a task.
    pub(super) fn pool(&self, position: u32) -> Option<u32> {
        let follow = self.follow[position as usize];
        (follow & POOL != 0).then_some(follow & !POOL)
    }

    /// The position of the next request of the same recorded thread.
    pub(super) fn after(&self, position: u32) -> Option<u32> {
        let follow = self.follow.get(position as usize).copied();
        follow.filter(|&follow| follow < NOTHING)
    }
}
