//! The wrapping allocator: its state, how it records an iteration, and how it lets helpers take
//! part.
//!
//! [`ReplayAlloc`] stands on the inner allocator and on an [`AddressRange`], reserved on first use.
//! What it does with requests is in `serve`, and how it replays a plan in `prepared`.
//!
//! Invariants: the first planned address and the number of planned bytes are stored before any
//! planned block is granted, so whoever holds one has seen them; what is lent to helpers outlives
//! the loan.

use alloc::boxed::Box;
use core::{fmt, ptr};

use super::{
    address_range::AddressRange,
    error::{NotRun, ReplayError},
    iteration::{self, Iteration, Mode, Setting},
    other_threads::OtherThreadCounters,
    planning::recording_of,
    report::RequestCounts,
    trace::{EventLog, OverflowPolicy, Recording},
};
use crate::lend::{Loan, ScopedLend};
use orionrt_sys::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};

/// A global allocator that can record what an iteration allocates, and serve later iterations from
/// a plan.
///
/// It wraps any allocator: `System`, [`OrionAlloc`](crate::OrionAlloc), or another crate's. Outside
/// of iterations every request goes there, after one test of a thread-local and one of a static.
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
/// let mut session = ALLOC.session(Planner::new()); // one plan per key: here the length
/// for _ in 0..10 {
///     let sum = session.run(input.len(), || infer(&input))?;
///     assert_eq!(sum, 500.0);
/// }
/// let counts = session.report().keys[0].counts;
/// assert_eq!((counts.hits, counts.misses.total()), (9 * 2, 0));
/// println!("{}", session.report());
/// # Ok::<(), orionrt::ReplayError>(())
/// ```
///
/// A planned block is valid until it is released, whenever and on whatever thread that is: a buffer
/// that leaves its iteration keeps its bytes, and later iterations find them occupied and use the
/// inner allocator. Releasing what was never granted ends the process with a message.
///
/// The allocator may be used on both sides of a `fork`, whatever other threads do with it at that
/// moment. An iteration that another thread was running stays with the parent, and planned memory
/// is copied like any other. Inside an iteration with lanes, the child goes on without helpers
/// until the next one.
///
/// Dropping a `ReplayAlloc` unmaps planned memory, including blocks that are still in use. (A
/// `#[global_allocator]` is never dropped.)
pub struct ReplayAlloc<A> {
    pub(super) inner: A,
    /// The address at which the range of regions begins, and its length; 0 before there is one.
    pub(super) first_planned: AtomicUsize,
    pub(super) planned_bytes: AtomicUsize,
    /// How many iterations are being recorded: while there are none, no release is logged. In the
    /// child of a `fork` those of other threads never end, so that releases look in vain.
    pub(super) recordings: AtomicUsize,
    range: AtomicPtr<AddressRange>,
    /// The most bytes of address space that the range may have.
    reserved_limit: usize,
    /// The size below which requests of helpers pass by.
    pub(super) helpers_threshold: AtomicUsize,
    /// The size from which on helpers log what they release; above any while they are lent no event
    /// log. A hint that spares them borrowing it in vain.
    pub(super) helpers_log_from: AtomicUsize,
    pub(super) helpers: HelperLend,
    /// What threads ask for that take part in no iteration, while one runs.
    pub(super) others: OtherThreadCounters,
}

/// Whether helper threads take part in an iteration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Helpers {
    /// They are left alone.
    None,
    /// They do, unless they take part in another one already.
    IfFree,
    /// They do, or the iteration is refused.
    Required,
}

impl<A> ReplayAlloc<A> {
    /// Wraps an allocator. Nothing else happens before the first session.
    #[must_use]
    pub const fn new(inner: A) -> Self {
        Self {
            inner,
            first_planned: AtomicUsize::new(0),
            planned_bytes: AtomicUsize::new(0),
            recordings: AtomicUsize::new(0),
            range: AtomicPtr::new(ptr::null_mut()),
            reserved_limit: usize::MAX,
            helpers_threshold: AtomicUsize::new(0),
            helpers_log_from: AtomicUsize::new(usize::MAX),
            helpers: ScopedLend::new(),
            others: OtherThreadCounters::new(),
        }
    }

    /// Limits the address space that the regions of all sessions have together, in bytes; it is
    /// rounded up to whole chunks of 2 MiB.
    ///
    /// By default this is twice the memory and swap space of the machine, at most 256 GiB, and at
    /// most a quarter of what the process may have (`ulimit -v`). It is reserved once, with the
    /// first session's first plan, and costs no memory. A key whose plan finds no room in it runs
    /// plainly, which [`KeyReport::plain`](crate::replay::KeyReport::plain) counts.
    ///
    /// ```
    /// use std::alloc::System;
    /// use orionrt::ReplayAlloc;
    ///
    /// #[global_allocator]
    /// static ALLOC: ReplayAlloc<System> = ReplayAlloc::new(System).with_reserved_limit(1 << 30);
    /// # let session = ALLOC.session::<()>(orionrt::Planner::new());
    /// ```
    #[must_use]
    pub const fn with_reserved_limit(mut self, bytes: usize) -> Self {
        self.reserved_limit = bytes;
        self
    }

    /// The wrapped allocator.
    #[must_use]
    pub const fn inner(&self) -> &A {
        &self.inner
    }

    /// Runs an iteration and records what this thread allocates and releases; returns what the
    /// iteration returns, and the recording. What it returns outlives the iteration, so it is not
    /// planned.
    ///
    /// # Errors
    /// If this thread is already inside an iteration, or there is no memory for the event log.
    pub fn record<R>(&self, iteration: impl FnOnce() -> R) -> Result<(R, Recording), ReplayError> {
        if !iteration::is_idle() {
            return Err(ReplayError::Nested);
        }
        let log = EventLog::new(EventLog::DEFAULT_CAPACITY, OverflowPolicy::Oldest)?;
        let setting = Setting {
            session: iteration::session_number(),
            mode: Mode::Record(&log),
            threshold: 0,
        };
        let _recorded = self.announce_recording(&setting);
        let (output, _) = self.run(setting, iteration)?;
        Ok((output, recording_of(&log)))
    }

    /// Runs an iteration of this thread and its helpers; returns its result, and the counts of what
    /// passed by and of what threads asked for that took no part.
    pub(super) fn run_helped<R, F: FnOnce() -> R>(
        &self,
        helpers: Helpers,
        setting: Setting<'_>,
        iteration: F,
    ) -> Result<(R, RequestCounts), NotRun<F>> {
        if !iteration::is_idle() {
            return Err(NotRun::new(ReplayError::Nested, iteration));
        }
        // Before helpers can log anything, and until they no longer do.
        let _recorded = self.announce_recording(&setting);
        let _loan = match self.lend_to_helpers(helpers, &setting) {
            Ok(loan) => loan,
            Err(error) => return Err(NotRun::new(error, iteration)),
        };
        self.run(setting, iteration)
    }

    /// Gives back the memory of regions that no session uses any more, and whose last buffers have
    /// been released meanwhile; returns the bytes of these regions. A session does so, too, when it
    /// needs more memory, and when it is dropped.
    pub fn reclaim(&self) -> usize {
        self.existing_range().map_or(0, AddressRange::reclaim)
    }

    fn run<R, F: FnOnce() -> R>(
        &self,
        setting: Setting<'_>,
        iteration: F,
    ) -> Result<(R, RequestCounts), NotRun<F>> {
        let current = Iteration::new(self.identity(), setting);
        let watch = self.others.watch();
        match iteration::run(&current, iteration) {
            Ok(output) => Ok((
                output,
                RequestCounts {
                    other_threads: watch.counts(),
                    ..current.small_counts()
                },
            )),
            Err(iteration) => Err(NotRun::new(ReplayError::Nested, iteration)),
        }
    }

    /// Has releases look whether they are to be logged, if the iteration is to be recorded.
    fn announce_recording(&self, setting: &Setting<'_>) -> Option<Recorded<'_>> {
        matches!(setting.mode, Mode::Record(_)).then(|| {
            self.recordings.fetch_add(1, Ordering::Relaxed);
            Recorded(&self.recordings)
        })
    }

    /// Has other threads take part until the guard is dropped.
    fn lend_to_helpers(
        &self,
        helpers: Helpers,
        setting: &Setting<'_>,
    ) -> Result<HelperLoan<'_>, ReplayError> {
        if helpers == Helpers::None {
            return Ok(HelperLoan(None));
        }
        let (threshold, logs_from) = (setting.threshold, setting.logs_from());
        // SAFETY: only the lifetime differs. What is lent outlives the loan: the guard ends the
        // loan, and is dropped before it.
        let setting = unsafe { &*ptr::from_ref(setting).cast::<Setting<'static>>() };
        // Before anyone can borrow. A helper that still sees what the last loan had here asks in
        // vain, or passes by.
        let prepare = || {
            self.helpers_threshold.store(threshold, Ordering::Relaxed);
            self.helpers_log_from.store(logs_from, Ordering::Relaxed);
        };
        // SAFETY: as above; it is a shared reference already.
        let Some(loan) = (unsafe { self.helpers.lend_after(setting, prepare) }) else {
            return match helpers {
                Helpers::Required => Err(ReplayError::LanesInUse),
                _ => Ok(HelperLoan(None)),
            };
        };
        Ok(HelperLoan(Some((&self.helpers, loan))))
    }

    /// An address that no other allocator has: that of a field, since `inner` may be at the address
    /// of the whole.
    pub(super) fn identity(&self) -> *const () {
        ptr::from_ref(&self.first_planned).cast()
    }

    /// The address range, reserved now if this is the first use.
    pub(super) fn range(&self) -> Result<&AddressRange, ReplayError> {
        if let Some(range) = self.existing_range() {
            return Ok(self.announce(range));
        }
        let made = Box::into_raw(Box::new(AddressRange::reserve(self.reserved_limit)?));
        let first =
            self.range
                .compare_exchange(ptr::null_mut(), made, Ordering::AcqRel, Ordering::Acquire);
        if first.is_err() {
            // SAFETY: made above, and nobody has seen it: another thread was first.
            drop(unsafe { Box::from_raw(made) });
        }
        // Never `None`: either this thread or another one has stored a range.
        self.existing_range()
            .map(|range| self.announce(range))
            .ok_or(ReplayError::Full { bytes: 0 })
    }

    /// Lets releases know which addresses are planned: before any is granted, by every thread that
    /// may be the first to grant one.
    fn announce<'r>(&self, range: &'r AddressRange) -> &'r AddressRange {
        let first = range.base().addr().get();
        self.first_planned.store(first, Ordering::Relaxed);
        self.planned_bytes.store(range.len(), Ordering::Relaxed);
        range
    }

    #[inline]
    pub(super) fn existing_range(&self) -> Option<&AddressRange> {
        // SAFETY: null, or from a box that only `drop` takes back.
        unsafe { self.range.load(Ordering::Acquire).as_ref() }
    }
}

/// An iteration that is recorded until this is dropped.
struct Recorded<'r>(&'r AtomicUsize);

impl Drop for Recorded<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Ends the loan to helpers when it is dropped.
pub(super) struct HelperLoan<'s>(Option<(&'s HelperLend, Loan<Setting<'static>>)>);

/// How an iteration is lent to helpers.
type HelperLend = ScopedLend<Setting<'static>>;

impl Drop for HelperLoan<'_> {
    fn drop(&mut self) {
        if let Some((helpers, loan)) = self.0.take() {
            helpers.end(loan);
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
