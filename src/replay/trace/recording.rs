//! A recording: the requests of one iteration, each with its lifetime.
//!
//! Made of events alone, whatever they are: a trace may begin late, end early, and lack events. What cannot be told from it is
//! taken to outlive the iteration, and such requests are never planned.
//!
//! ```text
//! event      0         1         2         3         4         5
//!            a = 64    b = 16    a → 256   free b    c = 8     free a
//! request 0  ├──────────── 256 bytes, alive 0..5 ──────────────┤      a chain of resizes is one block of its largest size
//! request 1            ├── 16, 1..3 ───────┤
//! request 2                                          ├──              outlives
//! ```
//!
//! - Steps are positions in the trace, so lifetimes of one thread end before the next begin just as they did.
//! - A block that grows gets the bytes of its last size from the start: then it grows where it lies, and nothing is copied.
//! - A thread's requests make a *lane*. The first lane is that of the thread that opened the scope, the others are ordered by their first
//!   request. What another thread gives back ends a lifetime like any other event.

#![forbid(unsafe_code)]

use alloc::{collections::BTreeMap, format, vec::Vec};
use core::ops::Range;

use super::event::{Event, EventKind};
use orionrt_plan::lifetimes::{Lifetimes, LifetimesError};

/// Stricter alignments are left to the inner allocator.
pub(crate) const MOST_ALIGNMENT: usize = 2 << 20;

/// One allocation of a recorded iteration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// The bytes asked for at first.
    pub size: usize,
    /// The alignment asked for, in bytes.
    pub alignment: usize,
    /// The most bytes that it was resized to.
    pub largest: usize,
    /// The step at which it was asked for: a position in [`Recording::events`].
    pub lower: u64,
    /// The step at which it was given back; `None` if it outlived the recording.
    pub upper: Option<u64>,
}

impl Request {
    /// Whether it is planned: alive within the recording alone, and neither empty nor aligned to more than 2 MiB.
    #[must_use]
    pub fn is_planned(&self) -> bool {
        self.upper.is_some() && self.largest > 0 && self.alignment <= MOST_ALIGNMENT
    }
}

/// What was recorded: events, and the requests that they make up.
///
/// ```
/// use std::alloc::System;
/// use orionrt::{Planner, ReplayAlloc};
///
/// #[global_allocator]
/// static ALLOC: ReplayAlloc<System> = ReplayAlloc::new(System);
///
/// let recording = ALLOC.record(|| {
///     let a = vec![1u8; 1000];
///     drop(a);
///     vec![2u8; 2000].len()
/// })?;
/// assert_eq!(recording.requests().len(), 2);
/// let plan = Planner::new().plan(&recording.lifetimes()?)?;
/// assert_eq!(plan.peak(), 2000); // never alive together
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recording {
    events: Vec<Event>,
    lost: u64,
    lanes: Vec<Lane>,
}

/// What one thread asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Lane {
    thread: u32,
    requests: Vec<Request>,
}

impl Recording {
    /// Makes a recording of events in order. `opener` is the thread of the first lane; `lost` says how many events are missing.
    #[must_use]
    pub fn new(opener: u32, events: Vec<Event>, lost: u64) -> Self {
        let mut listener = Listener::new(opener);
        for (step, event) in events.iter().enumerate() {
            listener.hear(step as u64, event);
        }
        Self {
            lanes: listener.lanes,
            events,
            lost,
        }
    }

    /// The events, in order.
    #[must_use]
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// How many events the tape had no room for.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// The requests of the thread that opened the scope, in order.
    #[must_use]
    pub fn requests(&self) -> &[Request] {
        self.lane(0)
    }

    /// How many threads asked for blocks, the opening one included in any case.
    #[must_use]
    pub fn lanes(&self) -> usize {
        self.lanes.len()
    }

    /// The requests of a lane, in order; none if there is no such lane.
    #[must_use]
    pub fn lane(&self, lane: usize) -> &[Request] {
        self.lanes.get(lane).map_or(&[], |lane| &lane.requests)
    }

    /// The thread of a lane.
    pub(crate) fn thread(&self, lane: usize) -> u32 {
        self.lanes.get(lane).map_or(0, |lane| lane.thread)
    }

    /// The lifetimes to plan for the thread that opened the scope: of its requests that [are planned](Request::is_planned), in order, named `r0`, `r1`, ...
    /// by their positions. Steps are positions in the trace, sizes the largest of each.
    ///
    /// # Errors
    /// When the sizes reach 2⁶³ bytes together.
    pub fn lifetimes(&self) -> Result<Lifetimes, LifetimesError> {
        self.lane_lifetimes(0)
    }

    /// The same for any lane.
    ///
    /// # Errors
    /// As [`lifetimes`](Self::lifetimes).
    pub fn lane_lifetimes(&self, lane: usize) -> Result<Lifetimes, LifetimesError> {
        self.rows(lane, |steps| steps)
    }

    /// The same as [`lane_lifetimes`](Self::lane_lifetimes) in nanoseconds on the clock of the events: what recordings of several
    /// models have in common, for a [`LifetimeAnalyzer`](crate::models::LifetimeAnalyzer). A lifetime ends a nanosecond after its last event, so that what
    /// was alive together is so even where the clock did not move on; an event earlier than one before it has the time of that one.
    ///
    /// ```
    /// use orionrt::{models::LifetimeAnalyzer, replay::{Event, EventKind, Recording}};
    /// let event = |kind, time_ns, address| Event { kind, time_ns, thread: 1, address, size: 64, alignment: 8 };
    /// let recording = |from: u64, address| Recording::new(1, vec![
    ///     event(EventKind::Allocate, from, address), event(EventKind::Free, from + 500, address),
    /// ], 0);
    /// let mut analyzer = LifetimeAnalyzer::new();
    /// analyzer.add_model("first", &recording(1000, 0x10).timed_lifetimes(0)?)?;
    /// analyzer.add_model("second", &recording(1400, 0x50).timed_lifetimes(0)?)?;  // while the first one runs
    /// analyzer.add_model("third", &recording(2000, 0x50).timed_lifetimes(0)?)?;
    /// assert_eq!(analyzer.find_sharing_opportunities().len(), 2);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`lifetimes`](Self::lifetimes).
    pub fn timed_lifetimes(&self, lane: usize) -> Result<Lifetimes, LifetimesError> {
        // Threads read the clock one by one, so a later event may have an earlier time: the latest so far counts.
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

    /// The planned requests of a lane, their steps in a form of the caller's.
    fn rows(
        &self,
        lane: usize,
        form: impl Fn(Range<i64>) -> Range<i64>,
    ) -> Result<Lifetimes, LifetimesError> {
        let requests = self.lane(lane).iter().enumerate();
        let planned = requests.filter(|(_, request)| request.is_planned());
        Lifetimes::from_rows(planned.map(|(i, request)| {
            let upper = request.upper.unwrap_or(request.lower);
            let (size, alignment) = (request.largest as u64, request.alignment as u64);
            let Range { start, end } = form(request.lower as i64..upper as i64);
            (format!("r{i}"), start, end, size, alignment)
        }))
    }
}

/// A block that is alive: its lane and its position there.
type Holder = (usize, usize);

/// Follows a trace.
struct Listener {
    lanes: Vec<Lane>,
    lane_of: BTreeMap<u32, usize>,
    live: BTreeMap<usize, Holder>,
    /// What threads are about to resize.
    resizing: BTreeMap<u32, Holder>,
}

impl Listener {
    fn new(opener: u32) -> Self {
        Self {
            lanes: alloc::vec![Lane {
                thread: opener,
                requests: Vec::new(),
            }],
            lane_of: [(opener, 0)].into(),
            live: BTreeMap::new(),
            resizing: BTreeMap::new(),
        }
    }

    fn hear(&mut self, step: u64, event: &Event) {
        match event.kind {
            EventKind::Allocate => self.allocated(step, event),
            EventKind::Free => {
                if let Some((lane, i)) = self.live.remove(&event.address) {
                    self.lanes[lane].requests[i].upper = Some(step);
                }
            }
            EventKind::Resize => {
                // What the thread was about to resize before was never heard of again.
                self.resizing.remove(&event.thread);
                if let Some(holder) = self.live.remove(&event.address) {
                    self.resizing.insert(event.thread, holder);
                }
            }
            EventKind::Resized => match self.resizing.remove(&event.thread) {
                Some((lane, i)) => {
                    let request = &mut self.lanes[lane].requests[i];
                    request.largest = request.largest.max(event.size);
                    self.live.insert(event.address, (lane, i));
                }
                // It was there before the recording, and the resize made a block of another size.
                None => self.outliving(event),
            },
        }
    }

    fn allocated(&mut self, step: u64, event: &Event) {
        let next = self.lanes.len();
        let lane = *self.lane_of.entry(event.thread).or_insert(next);
        if lane == next {
            self.lanes.push(Lane {
                thread: event.thread,
                requests: Vec::new(),
            });
        }
        let requests = &mut self.lanes[lane].requests;
        // A block that is alive there still was given back unheard: nobody knows when, so it is not planned.
        self.live.insert(event.address, (lane, requests.len()));
        requests.push(Request {
            size: event.size,
            alignment: event.alignment,
            largest: event.size,
            lower: step,
            upper: None,
        });
    }

    /// A block from before the recording has this address now: whatever was there is gone, unheard.
    fn outliving(&mut self, event: &Event) {
        self.live.remove(&event.address);
    }
}
