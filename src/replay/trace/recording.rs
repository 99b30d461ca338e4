//! A recording: the requests of one iteration, each with its lifetime.
//!
//! It is made of events alone, whatever they are: a trace may begin late, end early, and lack
//! events. A request whose end cannot be told from them counts as outliving the iteration, and such
//! requests are never planned.
//!
//! ```text
//! event      0         1         2         3         4         5
//!            a = 64    b = 16    a → 256   free b    c = 8     free a
//! request 0  ├──────────── 256 bytes, alive 0..5 ──────────────┤      resizes: one block of the
//! request 1            ├── 16, 1..3 ───────┤                          largest size
//! request 2                                          ├──              outlives the recording
//! ```
//!
//! - Steps are positions in the trace: if a block is released before another one is allocated, its
//!   lifetime ends before the other one's begins.
//! - A block that grows gets the bytes of its largest size from the start; then it grows in place,
//!   and nothing is copied.
//! - The requests of one thread are a *lane*. The first lane is that of the thread that started the
//!   recording, the others are ordered by their first requests. A release by another thread ends a
//!   lifetime like any other.

#![forbid(unsafe_code)]

use alloc::{collections::BTreeMap, format, vec::Vec};
use core::ops::Range;

use super::event::{Event, EventKind};
use orionrt_plan::lifetimes::{Lifetimes, LifetimesError};

/// Requests with a stricter alignment are left to the inner allocator.
pub(crate) const MAX_ALIGNMENT: usize = 2 << 20;

/// One allocation of a recorded iteration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Request {
    /// The bytes asked for at first.
    pub size: usize,
    /// The alignment asked for, in bytes.
    pub alignment: usize,
    /// The most bytes that it was resized to, or `size`.
    pub largest: usize,
    /// The step at which it was asked for: a position in [`Recording::events`].
    pub lower: u64,
    /// The step at which it was released; `None` if it outlived the recording.
    pub upper: Option<u64>,
}

impl Request {
    /// A request at step `lower` that is not resized and outlives the recording.
    #[must_use]
    pub fn new(size: usize, alignment: usize, lower: u64) -> Self {
        Self {
            size,
            alignment,
            largest: size,
            lower,
            upper: None,
        }
    }

    /// Whether the request is planned: it is alive within the recording only, has bytes, and is
    /// aligned to at most 2 MiB.
    #[must_use]
    pub fn is_planned(&self) -> bool {
        self.upper.is_some() && self.largest > 0 && self.alignment <= MAX_ALIGNMENT
    }
}

/// Recorded events, and the requests that they make up.
///
/// ```
/// use std::alloc::System;
/// use orionrt::{Planner, ReplayAlloc};
///
/// #[global_allocator]
/// static ALLOC: ReplayAlloc<System> = ReplayAlloc::new(System);
///
/// let (length, recording) = ALLOC.record(|| {
///     let a = vec![1u8; 1000];
///     drop(a);
///     vec![2u8; 2000].len()
/// })?;
/// assert_eq!((length, recording.requests(0).len()), (2000, 2));
/// let plan = Planner::new().plan(&recording.lifetimes(0)?)?;
/// assert_eq!(plan.peak(), 2000); // never alive together
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    events: Vec<Event>,
    lost: u64,
    threshold: usize,
    lanes: Vec<ThreadRequests>,
}

/// What one thread asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct ThreadRequests {
    thread: u32,
    requests: Vec<Request>,
}

impl Recording {
    /// Makes a recording of events in order. The first lane is that of thread `opener`; `lost` is
    /// the number of missing events.
    #[must_use]
    pub fn new(opener: u32, events: Vec<Event>, lost: u64) -> Self {
        let mut builder = LivenessBuilder::new(opener);
        for (step, event) in events.iter().enumerate() {
            builder.observe(step as u64, event);
        }
        Self {
            lanes: builder.lanes,
            events,
            lost,
            threshold: 0,
        }
    }

    /// This recording as one without requests of fewer bytes than `threshold`.
    pub(crate) fn with_threshold(self, threshold: usize) -> Self {
        Self { threshold, ..self }
    }

    /// The size in bytes below which requests were not recorded: 0 if all were.
    #[must_use]
    pub fn threshold(&self) -> usize {
        self.threshold
    }

    /// The events, in order.
    #[must_use]
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// The number of events that the log had no room for.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// The number of lanes: threads that asked for blocks, and always the one that started the
    /// recording.
    #[must_use]
    pub fn lanes(&self) -> usize {
        self.lanes.len()
    }

    /// The requests of a lane, in order; empty if there is no such lane. Lane 0 is the thread that
    /// started the recording.
    #[must_use]
    pub fn requests(&self, lane: usize) -> &[Request] {
        self.lanes.get(lane).map_or(&[], |lane| &lane.requests)
    }

    /// The thread of a lane.
    #[cfg(feature = "files")]
    pub(crate) fn thread(&self, lane: usize) -> u32 {
        self.lanes.get(lane).map_or(0, |lane| lane.thread)
    }

    /// The lifetimes to plan for a lane: of its requests that [are planned](Request::is_planned),
    /// in order, named `r0`, `r1`, ... by their positions in [`requests`](Self::requests). Steps
    /// are positions in the trace, and sizes the largest of each request. Lane 0 is the thread that
    /// started the recording.
    ///
    /// # Errors
    /// If the sizes add up to 2⁶³ bytes or more.
    pub fn lifetimes(&self, lane: usize) -> Result<Lifetimes, LifetimesError> {
        self.rows(lane, |steps| steps)
    }

    /// The [`lifetimes`](Self::lifetimes) of a lane in nanoseconds, on the clock of the events.
    /// That makes recordings of several models comparable, for a
    /// [`LifetimeAnalyzer`](crate::models::LifetimeAnalyzer). A lifetime ends a nanosecond after
    /// its last event, so what was alive together is so even where the clock did not advance; an
    /// event that is earlier than one before it gets the time of that one.
    ///
    /// ```
    /// use orionrt::{models::LifetimeAnalyzer, replay::{Event, EventKind, Recording}};
    /// let event = |kind, time_ns, address| Event::new(kind, address, 64, 8).at(time_ns);
    /// let recording = |from: u64, address| Recording::new(0, vec![
    ///     event(EventKind::Allocate, from, address), event(EventKind::Free, from + 500, address),
    /// ], 0);
    /// let mut analyzer = LifetimeAnalyzer::new();
    /// analyzer.add_model("first", &recording(1000, 0x10).timed_lifetimes(0)?)?;
    /// // This one starts while the first one runs.
    /// analyzer.add_model("second", &recording(1400, 0x50).timed_lifetimes(0)?)?;
    /// analyzer.add_model("third", &recording(2000, 0x50).timed_lifetimes(0)?)?;
    /// assert_eq!(analyzer.find_sharing_opportunities().len(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`lifetimes`](Self::lifetimes).
    pub fn timed_lifetimes(&self, lane: usize) -> Result<Lifetimes, LifetimesError> {
        // Threads read the clock one by one, so a later event may have an earlier time: the latest
        // so far counts.
        let times = self.events.iter().scan(0, |latest, event| {
            *latest = event.time_ns.min(i64::MAX as u64 - 1).max(*latest);
            Some(*latest as i64)
        });
        let times: Vec<i64> = times.collect();
        let time = |step: i64| {
            let time = usize::try_from(step).ok().and_then(|s| times.get(s));
            time.copied().unwrap_or(0)
        };
        self.rows(lane, |steps| time(steps.start)..time(steps.end) + 1)
    }

    /// The planned requests of a lane, with their steps converted by `form`.
    fn rows(
        &self,
        lane: usize,
        form: impl Fn(Range<i64>) -> Range<i64>,
    ) -> Result<Lifetimes, LifetimesError> {
        let requests = self.requests(lane).iter().enumerate();
        let planned = requests.filter(|(_, request)| request.is_planned());
        Lifetimes::from_rows(planned.map(|(i, request)| {
            let upper = request.upper.unwrap_or(request.lower);
            let (size, alignment) = (request.largest as u64, request.alignment as u64);
            let Range { start, end } = form(request.lower as i64..upper as i64);
            (format!("r{i}"), start, end, size, alignment)
        }))
    }
}

/// A request: its lane and its position there.
type RequestPosition = (usize, usize);

/// Finds the requests of a trace and their lifetimes, event by event.
struct LivenessBuilder {
    lanes: Vec<ThreadRequests>,
    lane_of: BTreeMap<u32, usize>,
    /// The requests whose blocks are alive, by address.
    live: BTreeMap<usize, RequestPosition>,
    /// The requests that threads are about to resize.
    resizing: BTreeMap<u32, RequestPosition>,
}

impl LivenessBuilder {
    fn new(opener: u32) -> Self {
        Self {
            lanes: alloc::vec![ThreadRequests {
                thread: opener,
                requests: Vec::new(),
            }],
            lane_of: [(opener, 0)].into(),
            live: BTreeMap::new(),
            resizing: BTreeMap::new(),
        }
    }

    fn observe(&mut self, step: u64, event: &Event) {
        match event.kind {
            EventKind::Allocate => self.allocate(step, event),
            EventKind::Free => {
                if let Some((lane, i)) = self.live.remove(&event.address) {
                    self.lanes[lane].requests[i].upper = Some(step);
                }
            }
            EventKind::Resize => {
                // The trace lacks the end of the thread's last resize, if one is still open.
                self.resizing.remove(&event.thread);
                if let Some(request) = self.live.remove(&event.address) {
                    self.resizing.insert(event.thread, request);
                }
            }
            EventKind::Resized => match self.resizing.remove(&event.thread) {
                Some((lane, i)) => {
                    let request = &mut self.lanes[lane].requests[i];
                    request.largest = request.largest.max(event.size);
                    self.live.insert(event.address, (lane, i));
                }
                // A block from before the recording has this address now. Whatever was there is
                // gone, and the trace lacks its release.
                None => {
                    self.live.remove(&event.address);
                }
            },
        }
    }

    fn allocate(&mut self, step: u64, event: &Event) {
        let next = self.lanes.len();
        let lane = *self.lane_of.entry(event.thread).or_insert(next);
        if lane == next {
            self.lanes.push(ThreadRequests {
                thread: event.thread,
                requests: Vec::new(),
            });
        }
        let requests = &mut self.lanes[lane].requests;
        // If a block is still alive at this address, the trace lacks its release: its end is
        // unknown, so it is not planned.
        self.live.insert(event.address, (lane, requests.len()));
        requests.push(Request::new(event.size, event.alignment, step));
    }
}
