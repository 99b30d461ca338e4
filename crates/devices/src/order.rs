//! Which work of the streams happens before which.
//!
//! The participants are the streams of a device and the host. Each runs its own work in order, and
//! is ordered after work of another one only by waiting for an event of it. [`StreamOrder`] keeps a
//! vector clock for each participant (Mattern, *Virtual time and global states of distributed
//! systems*, 1989), with scalar times for single uses (Flanagan and Freund, *FastTrack*, PLDI
//! 2009). It knows nothing of memory.
//!
//! ```text
//! stream 0   time 1 ──signal──► time 2                 the event is the end of time 1
//!                       │
//! stream 1   time 1 ────┴─wait─────►                   is now after time 1 of stream 0, not time 2
//! ```
//!
//! Invariant: `seen[p]` of a participant is the latest time of `p` all of whose work happens before
//! what the participant does next; a participant's own time is larger than what any other has seen
//! of it.

use core::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A stream of a device, which runs its commands in order, or the host.
///
/// ```
/// use orionrt_devices::StreamId;
/// assert_eq!(StreamId::new(2).to_string(), "stream 2");
/// assert_eq!(StreamId::HOST.to_string(), "the host");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct StreamId(u32);

impl StreamId {
    /// The host, which writes and reads memory of the device as streams do.
    pub const HOST: Self = Self(u32::MAX);

    /// The device's stream of this number, counted from 0. The largest number is the host's.
    #[must_use]
    pub const fn new(index: u32) -> Self {
        Self(index)
    }

    /// The number of the device's stream; `None` for the host.
    #[must_use]
    pub const fn index(self) -> Option<usize> {
        match self {
            Self::HOST => None,
            Self(index) => Some(index as usize),
        }
    }
}

impl fmt::Display for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.index() {
            Some(index) => write!(f, "stream {index}"),
            None => f.write_str("the host"),
        }
    }
}

impl fmt::Debug for StreamId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.index() {
            Some(index) => write!(f, "S{index}"),
            None => f.write_str("HOST"),
        }
    }
}

/// Which work of a device's streams and of the host happens before which. Clones are one order.
///
/// Whoever submits work tells it of each event that is signalled and of each wait, at the place in
/// which these stand among the other commands. It is all that claims on device memory know of
/// time, so a wait that is told here and never made on the device is a race that nobody reports.
///
/// One thread at a time gives a stream commands and tells of them: what another thread signals on
/// the stream between a claim and its command is taken to be behind the command. Threads of the
/// host are one participant, and order themselves.
///
/// ```
/// use orionrt_devices::{StreamId, StreamOrder};
///
/// let order = StreamOrder::new(2);
/// let [copies, kernels] = [0, 1].map(StreamId::new);
/// let copied = order.signal(copies)?;
/// assert!(!order.has_waited(kernels, &copied)?);
/// order.wait(kernels, &copied)?;
/// assert!(order.has_waited(kernels, &copied)?);
/// # Ok::<(), orionrt_devices::OrderError>(())
/// ```
#[derive(Clone)]
pub struct StreamOrder(Arc<Mutex<Vec<Participant>>>);

/// The end of all work that a stream had been given at some moment, for which others can wait.
#[derive(Clone)]
pub struct Event {
    order: StreamOrder,
    stream: StreamId,
    /// What the stream had seen, its own time included.
    clock: Arc<[u64]>,
}

/// One time of one stream: a use of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Moment {
    pub(crate) stream: StreamId,
    participant: usize,
    time: u64,
}

/// What a stream has seen, with its own time.
#[derive(Clone, Debug)]
pub(crate) struct Seen {
    now: Moment,
    clock: Vec<u64>,
}

#[derive(Clone, Debug)]
struct Participant {
    /// From 1 on.
    time: u64,
    /// For each participant, if there is an entry; 0 otherwise.
    seen: Vec<u64>,
}

impl StreamOrder {
    /// The order of a device with so many streams, and of the host; nobody has waited for anybody.
    #[must_use]
    pub fn new(streams: u16) -> Self {
        let participant = Participant {
            time: 1,
            seen: Vec::new(),
        };
        let participants = vec![participant; usize::from(streams) + 1];
        Self(Arc::new(Mutex::new(participants)))
    }

    /// How many streams the device has.
    #[must_use]
    pub fn streams(&self) -> usize {
        self.participants().len() - 1
    }

    /// An event behind all work that the stream has been given up to now.
    ///
    /// # Errors
    /// There is no such stream.
    pub fn signal(&self, stream: StreamId) -> Result<Event, OrderError> {
        let index = self.participant(stream)?;
        let mut all = self.participants();
        let Participant { time, seen } = &mut all[index];
        let mut clock = seen.clone();
        clock.resize(clock.len().max(index + 1), 0);
        clock[index] = *time;
        *time += 1;
        Ok(Event {
            order: self.clone(),
            stream,
            clock: clock.into(),
        })
    }

    /// What the stream is given from now on comes after the event. A stream need not wait for
    /// itself; it may.
    ///
    /// # Errors
    /// There is no such stream, or the event is of another order.
    pub fn wait(&self, stream: StreamId, event: &Event) -> Result<(), OrderError> {
        let index = self.participant(stream)?;
        self.check(event)?;
        let seen = &mut self.participants()[index].seen;
        seen.resize(seen.len().max(event.clock.len()), 0);
        for (seen, &time) in seen.iter_mut().zip(&*event.clock) {
            *seen = time.max(*seen);
        }
        Ok(())
    }

    /// Whether what the stream is given from now on comes after the event: it has waited for it,
    /// or for something that comes after it.
    ///
    /// # Errors
    /// There is no such stream, or the event is of another order.
    pub fn has_waited(&self, stream: StreamId, event: &Event) -> Result<bool, OrderError> {
        self.check(event)?;
        let participant = self.participant(event.stream)?;
        let moment = Moment {
            stream: event.stream,
            participant,
            time: event.clock[participant],
        };
        Ok(self.seen(stream)?.covers(moment))
    }

    /// What a stream has seen up to now.
    pub(crate) fn seen(&self, stream: StreamId) -> Result<Seen, OrderError> {
        let participant = self.participant(stream)?;
        let Participant { time, seen } = self.participants()[participant].clone();
        let now = Moment {
            stream,
            participant,
            time,
        };
        Ok(Seen { now, clock: seen })
    }

    /// Whether the two are one order.
    pub(crate) fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    fn check(&self, event: &Event) -> Result<(), OrderError> {
        match self.is(&event.order) {
            true => Ok(()),
            false => Err(OrderError::OtherOrder {
                stream: event.stream,
            }),
        }
    }

    /// The stream's position in the list: the host is the first.
    fn participant(&self, stream: StreamId) -> Result<usize, OrderError> {
        let streams = self.streams();
        match stream.index() {
            None => Ok(0),
            Some(index) if index < streams => Ok(index + 1),
            Some(_) => Err(OrderError::UnknownStream { stream, streams }),
        }
    }

    /// The participants. A thread that panicked while it held the lock has left them as they were
    /// before or after one of the assignments above, each of which keeps the invariant.
    fn participants(&self) -> MutexGuard<'_, Vec<Participant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Event {
    /// The stream whose work the event is the end of.
    #[must_use]
    pub fn stream(&self) -> StreamId {
        self.stream
    }
}

impl Seen {
    /// The stream's own time.
    pub(crate) fn now(&self) -> Moment {
        self.now
    }

    /// Whether work of that moment happens before what the stream does next.
    pub(crate) fn covers(&self, moment: Moment) -> bool {
        let seen = self.clock.get(moment.participant).copied();
        moment.participant == self.now.participant || seen.unwrap_or(0) >= moment.time
    }
}

impl Moment {
    /// Keeps the latest moment of each stream: the others happen before it.
    pub(crate) fn keep_latest(moments: &mut Vec<Self>) {
        moments
            .sort_unstable_by_key(|moment| (moment.participant, core::cmp::Reverse(moment.time)));
        moments.dedup_by_key(|moment| moment.participant);
    }
}

impl fmt::Debug for StreamOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StreamOrder")
            .field(&self.participants())
            .finish()
    }
}

impl fmt::Debug for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Event")
            .field("stream", &self.stream)
            .field("clock", &self.clock)
            .finish()
    }
}

/// Why streams cannot be ordered as asked.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OrderError {
    /// The device has no such stream.
    UnknownStream {
        /// The stream.
        stream: StreamId,
        /// How many streams the device has.
        streams: usize,
    },
    /// An event was signalled in another order: that of another device, or one of the same device
    /// that was made by itself.
    OtherOrder {
        /// The stream that it was signalled on.
        stream: StreamId,
    },
}

impl fmt::Display for OrderError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownStream { stream, streams } => write!(
                f,
                "there is no {stream}: the device has {streams} streams, counted from 0"
            ),
            Self::OtherOrder { stream } => write!(
                f,
                "an event of {stream} belongs to the order of other streams"
            ),
        }
    }
}

impl core::error::Error for OrderError {}
