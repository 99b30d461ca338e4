//! The wrapping allocator, and how an iteration is recorded and replayed.

use alloc::boxed::Box;
use core::{fmt, ptr};

use super::{
    error::ReplayError,
    lane::{Lane, Lanes},
    matching::Track,
    range::{Backing, Range, SHIFT},
    report::Counts,
    scope::{self, Role, Scope},
    session::Session,
};
use crate::replay::lend::Shared;
use crate::replay::trace::{
    MOST_ALIGNMENT, OverflowPolicy, Recording, Request, Tape, thread_number,
};
use orionrt_alloc::arena::HugePages;
use orionrt_plan::plan::Plan;
use orionrt_plan::planner::Planner;
use orionrt_sys::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};

/// Events that a tape has room for unless told otherwise. Its memory comes as it is written.
pub(super) const EVENTS: usize = 1 << 20;

/// A global allocator that can record what an iteration allocates, and serve later iterations from a plan.
///
/// Wrap any allocator: `System`, [`OrionAlloc`](crate::OrionAlloc), or another crate's. Outside of iterations every request goes there, after one test of a
/// thread-local and one of a static.
///
/// ```
/// use std::alloc::System;
/// use orionrt::{Planner, ReplayAlloc};
///
/// #[global_allocator]
/// static ALLOC: ReplayAlloc<System> = ReplayAlloc::new(System);
///
/// fn infer(input: &[f32]) -> f32 {
///     let squares: Vec<f32> = input.iter().map(|x| x * x).collect();
///     let halves: Vec<f32> = squares.iter().map(|x| x / 2.0).collect();
///     halves.iter().sum()
/// }
///
/// let input = vec![1.0; 1000];
/// let mut session = ALLOC.session(Planner::new());       // plans are kept per key: here the length
/// for _ in 0..10 {
///     let sum = session.run(input.len(), || infer(&input))?;
///     assert_eq!(sum, 500.0);
/// }
/// let report = session.report();
/// assert_eq!((report.keys[0].counts.hits, report.keys[0].counts.misses.total()), (9 * 2, 0));
/// println!("{report}");
/// # Ok::<(), orionrt::ReplayError>(())
/// ```
///
/// A planned block is valid until it is given back, whenever and wherever that is: a buffer that leaves its iteration
/// keeps its bytes, and later iterations find them occupied and use the inner allocator. Giving back what was never granted ends the
/// process with a message.
///
/// It may be used on both sides of a `fork`; an iteration that was under way in another thread is the parent's alone, and planned memory is copied like any
/// other. Do not fork while another thread makes or drops a session: the child may wait for it for ever.
///
/// Dropping an allocator (none that is `#[global_allocator]` is dropped) unmaps planned memory, blocks that are still in use included.
pub struct ReplayAlloc<A> {
    pub(super) inner: A,
    /// The high bits that planned addresses have in common; no address has those from before there is a range.
    pub(super) planned_bits: AtomicUsize,
    pub(super) range: AtomicPtr<Range>,
    /// Whether what is lent to helpers is a tape. A hint: it spares them the way through the gate.
    pub(super) helpers_are_recorded: AtomicBool,
    pub(super) helpers: Shared<Helpers<'static>>,
}

/// What an iteration does with the requests of all other threads.
#[derive(Debug)]
pub(super) enum Helpers<'s> {
    Record(&'s Tape),
    Replay(&'s Lanes<'s>),
}

impl<A> ReplayAlloc<A> {
    /// Wraps an allocator. Nothing else happens before the first session.
    #[must_use]
    pub const fn new(inner: A) -> Self {
        Self {
            inner,
            planned_bits: AtomicUsize::new(usize::MAX),
            range: AtomicPtr::new(ptr::null_mut()),
            helpers_are_recorded: AtomicBool::new(false),
            helpers: Shared::new(),
        }
    }

    /// The wrapped allocator.
    #[must_use]
    pub const fn inner(&self) -> &A {
        &self.inner
    }

    /// A session: runs iterations, records the first of each key, plans it with `planner`, and replays the others. Alignments are those asked for, or the
    /// planner's if that is more.
    #[must_use]
    pub fn session<K>(&self, planner: Planner) -> Session<'_, A, K> {
        Session::new(self, planner)
    }

    /// Runs an iteration and records what this thread asks for and what it gives back. What the iteration returns is dropped when the recording has ended:
    /// it outlives the iteration.
    ///
    /// # Errors
    /// When this thread runs an iteration already, or there is no memory for the tape.
    pub fn record<R>(&self, iteration: impl FnOnce() -> R) -> Result<Recording, ReplayError> {
        Ok(self.record_output(iteration)?.1)
    }

    /// The same, and returns what the iteration returns.
    ///
    /// # Errors
    /// As [`record`](Self::record).
    pub fn record_output<R>(
        &self,
        iteration: impl FnOnce() -> R,
    ) -> Result<(R, Recording), ReplayError> {
        if !scope::is_idle() {
            return Err(ReplayError::Nested);
        }
        self.record_on(Tape::new(EVENTS, OverflowPolicy::Oldest)?, false, iteration)
    }

    /// Records an iteration, of all threads if asked to.
    pub(super) fn record_on<R>(
        &self,
        tape: Tape,
        with_helpers: bool,
        iteration: impl FnOnce() -> R,
    ) -> Result<(R, Recording), ReplayError> {
        if !scope::is_idle() {
            return Err(ReplayError::Nested);
        }
        let helpers = Helpers::Record(&tape);
        let output = {
            let _open = self.open_to_helpers(with_helpers.then_some(&helpers))?;
            self.within(Role::Record(&tape), iteration)?
        };
        let (events, lost) = tape.read();
        Ok((output, Recording::new(thread_number(), events, lost)))
    }

    /// Makes a plan of a recording's first lane ready for replay: its region is reserved, and resident.
    ///
    /// # Errors
    /// When the plan is not one of this recording, or there is no memory for its region.
    pub fn replay(&self, recording: &Recording, plan: &Plan) -> Result<Replay<'_, A>, ReplayError> {
        let plans = core::slice::from_ref(plan);
        self.replay_lanes(recording, plans, Backing::default())
    }

    /// One plan for each lane, from the first on.
    pub(super) fn replay_lanes(
        &self,
        recording: &Recording,
        plans: &[Plan],
        backing: Backing,
    ) -> Result<Replay<'_, A>, ReplayError> {
        let (found, expected) = (plans.len(), recording.lanes());
        if found > expected {
            return Err(ReplayError::OtherCount { found, expected });
        }
        let range = self.range()?;
        let lane = |(lane, plan): (usize, &Plan)| {
            let requests = recording.lane(lane);
            check(requests, plan)?;
            let made = Lane::new(Track::new(requests), range.lend(plan, backing)?);
            Ok((recording.thread(lane), made))
        };
        let lanes = plans.iter().enumerate().map(lane);
        let mut lanes = lanes
            .collect::<Result<alloc::vec::Vec<_>, ReplayError>>()?
            .into_iter();
        let Some((_, own)) = lanes.next() else {
            return Err(ReplayError::OtherCount { found, expected });
        };
        Ok(Replay {
            allocator: self,
            helpers: Lanes::new(lanes),
            own,
        })
    }

    /// Gives the memory of ended sessions back whose last buffers have been given back meanwhile; returns the bytes of their regions. Planning a key does so, too,
    /// and so does dropping a session.
    pub fn reclaim(&self) -> usize {
        self.existing_range().map_or(0, Range::reclaim)
    }

    /// Runs an iteration of this thread's.
    fn within<R>(&self, role: Role<'_>, iteration: impl FnOnce() -> R) -> Result<R, ReplayError> {
        let allocator = self.identity();
        scope::within(&Scope { allocator, role }, iteration).ok_or(ReplayError::Nested)
    }

    /// Has other threads take part until the guard is dropped.
    fn open_to_helpers(&self, helpers: Option<&Helpers<'_>>) -> Result<Closing<'_>, ReplayError> {
        let Some(helpers) = helpers else {
            return Ok(Closing(None));
        };
        let is_tape = matches!(helpers, Helpers::Record(_));
        // SAFETY: only the lifetime differs. What is lent outlives the loan: the guard ends it, and is dropped before.
        let helpers = unsafe { &*ptr::from_ref(helpers).cast::<Helpers<'static>>() };
        // SAFETY: as above; it is a reference already.
        match unsafe { self.helpers.open(helpers) } {
            true => {
                self.helpers_are_recorded.store(is_tape, Ordering::Relaxed);
                Ok(Closing(Some(&self.helpers)))
            }
            false => Err(ReplayError::LanesInUse),
        }
    }

    /// An address that no other allocator has: of a part of this one. (The address of the whole may be that of `inner` too.)
    pub(super) fn identity(&self) -> *const () {
        ptr::from_ref(&self.planned_bits).cast()
    }

    /// The range, reserved now if this is the first use.
    pub(super) fn range(&self) -> Result<&Range, ReplayError> {
        if let Some(range) = self.existing_range() {
            return Ok(self.announce(range));
        }
        let made = Box::into_raw(Box::new(Range::reserve()?));
        let first =
            self.range
                .compare_exchange(ptr::null_mut(), made, Ordering::AcqRel, Ordering::Acquire);
        if first.is_err() {
            // SAFETY: made above, and nobody has seen it: another thread was first.
            drop(unsafe { Box::from_raw(made) });
        }
        // Never `None`: one of the two is there.
        self.existing_range()
            .map(|range| self.announce(range))
            .ok_or(ReplayError::Full { bytes: 0 })
    }

    /// Lets releases know which addresses are planned: before any is granted, by everyone who could be the first.
    fn announce<'r>(&self, range: &'r Range) -> &'r Range {
        let bits = range.base().addr().get() >> SHIFT;
        self.planned_bits.store(bits, Ordering::Relaxed);
        range
    }

    #[inline]
    pub(super) fn existing_range(&self) -> Option<&Range> {
        // SAFETY: null or from a box that `drop` alone takes back.
        unsafe { self.range.load(Ordering::Acquire).as_ref() }
    }
}

/// Whether a plan is one of these requests.
fn check(requests: &[Request], plan: &Plan) -> Result<(), ReplayError> {
    let planned = || requests.iter().filter(|request| request.is_planned());
    let (found, expected) = (plan.len(), planned().count());
    if found != expected {
        return Err(ReplayError::OtherCount { found, expected });
    }
    let differs = planned()
        .zip(plan.lifetimes().rows())
        .position(|(request, row)| {
            let upper = request.upper.map(|upper| upper as i64);
            (row.lower, Some(row.upper)) != (request.lower as i64, upper)
                || row.size != request.largest as u64
                || row.alignment < request.alignment as u64
                || row.alignment > MOST_ALIGNMENT as u64
        });
    differs.map_or(Ok(()), |row| Err(ReplayError::OtherPlan { row }))
}

/// Shuts helpers out again.
struct Closing<'s>(Option<&'s Shared<Helpers<'static>>>);

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        if let Some(helpers) = self.0 {
            helpers.close();
        }
    }
}

impl Default for Backing {
    fn default() -> Self {
        Self {
            huge_pages: HugePages::OnRequest,
            is_pinned: false,
        }
    }
}

impl<A> Drop for ReplayAlloc<A> {
    fn drop(&mut self) {
        let range = *self.range.get_mut();
        if !range.is_null() {
            // SAFETY: from a box in `range`; sessions borrow the allocator, so no lease is left.
            drop(unsafe { Box::from_raw(range) });
        }
    }
}

impl<A: fmt::Debug> fmt::Debug for ReplayAlloc<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReplayAlloc")
            .field("inner", &self.inner)
            .finish_non_exhaustive()
    }
}

/// A plan ready for replay: runs iterations with the planned requests in its region.
///
/// ```
/// use std::alloc::System;
/// use orionrt::{Planner, ReplayAlloc};
///
/// #[global_allocator]
/// static ALLOC: ReplayAlloc<System> = ReplayAlloc::new(System);
///
/// let iteration = || vec![1u64; 100].iter().sum::<u64>();
/// let recording = ALLOC.record(iteration)?;
/// let plan = Planner::new().plan(&recording.lifetimes()?)?;
/// let mut replay = ALLOC.replay(&recording, &plan)?;
/// let (sum, counts) = replay.run(iteration)?;
/// assert_eq!((sum, counts.hits, counts.misses.total()), (100, 1, 0));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Replay<'a, A> {
    allocator: &'a ReplayAlloc<A>,
    own: Lane<'a>,
    helpers: Lanes<'a>,
}

impl<A> Replay<'_, A> {
    /// Runs an iteration; returns its result, and what was counted.
    ///
    /// # Errors
    /// When this thread runs an iteration already, or helpers are to take part and another session with lanes is running.
    pub fn run<R>(&mut self, iteration: impl FnOnce() -> R) -> Result<(R, Counts), ReplayError> {
        if !scope::is_idle() {
            return Err(ReplayError::Nested);
        }
        self.own.rewind();
        self.helpers.begin();
        // What an iteration counted that panicked.
        self.take_counts();
        let output = {
            let lanes = Helpers::Replay(&self.helpers);
            let lanes = (!self.helpers.is_empty()).then_some(&lanes);
            let _open = self.allocator.open_to_helpers(lanes)?;
            self.allocator.within(Role::Replay(&self.own), iteration)?
        };
        Ok((output, self.take_counts()))
    }

    /// What was counted since it was last asked.
    fn take_counts(&mut self) -> Counts {
        let mut counts = self.own.take_counts();
        counts += self.helpers.take_counts();
        counts
    }
}

impl<A> fmt::Debug for Replay<'_, A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Replay")
            .field("own", &self.own)
            .field("helpers", &self.helpers)
            .finish_non_exhaustive()
    }
}
