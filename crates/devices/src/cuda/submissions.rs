//! What a context was given to do, and how much of it is done.
//!
//! Each kernel and each graph that is launched is a submission, with the next number of its
//! context. Launching costs no event: one is recorded behind the work of a stream when somebody
//! asks for the number of the last submission, as a range does that is given back.
//!
//! ```text
//! stream 0   launch 1 ── launch 3 ──┬─ event     submissions 1 and 3 are done with the event
//! stream 1   launch 2 ──────────────┴─ event     a range that is given back here is behind both
//! ```
//!
//! Invariant: a submission that may still run is one of the list's [`Running`]. An event there was
//! recorded on the stream of its submissions, behind the last of them.

#![allow(unsafe_code)]

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use cudarc::driver::{
    self, CudaContext, DriverError, result,
    sys::{self, CUevent, CUevent_flags_enum, CUresult, CUstreamCaptureStatus_enum},
};

use super::{driver::Asked, relaxed::Relaxed};
use crate::error::DeviceMemoryError;

/// The submissions of each context that is in use, whoever opened it: all who use a context use one
/// list.
static CONTEXTS: Mutex<Vec<Weak<Submissions>>> = Mutex::new(Vec::new());

#[derive(Debug)]
pub(super) struct Submissions {
    context: Arc<CudaContext>,
    list: Mutex<List>,
}

#[derive(Debug, Default)]
struct List {
    /// The number of the last submission; they are counted from 1.
    last: u64,
    /// The last number that somebody asked for: up to here, streams get events.
    asked_for: u64,
    running: Vec<Running>,
}

/// Submissions that may still run: all of the numbers `first..=last` that are of this work.
#[derive(Debug)]
struct Running {
    first: u64,
    last: u64,
    work: Work,
}

#[derive(Clone, Debug)]
enum Work {
    /// Of a stream, without an event so far. If the stream is dropped, there will be none.
    Stream(Weak<driver::CudaStream>),
    /// Of a stream, up to an event.
    Event(Arc<Recorded>),
    /// Of a stream that is not known: the context has to do all its work.
    Context,
}

/// An event behind work of a stream.
#[derive(Debug)]
struct Recorded {
    event: CUevent,
    context: Arc<CudaContext>,
}

// SAFETY: the driver's handles of events can be used by every thread in which their context is
// current, which each call sees to; the driver's calls lock what they share.
unsafe impl Send for Recorded {}
// SAFETY: as for `Send`.
unsafe impl Sync for Recorded {}

impl Submissions {
    /// Those of a context.
    pub fn of(context: &Arc<CudaContext>) -> Arc<Self> {
        let mut contexts = CONTEXTS.lock().unwrap_or_else(PoisonError::into_inner);
        contexts.retain(|known| known.strong_count() > 0);
        let mut known = contexts.iter().filter_map(Weak::upgrade);
        if let Some(known) = known.find(|known| known.context == *context) {
            return known;
        }
        let new = Arc::new(Self {
            context: Arc::clone(context),
            list: Mutex::default(),
        });
        contexts.push(Arc::downgrade(&new));
        new
    }

    /// The context was given work on a stream, or on one that is not known.
    pub fn note(&self, stream: Option<&Arc<driver::CudaStream>>) {
        let work = match stream {
            Some(stream) => Work::Stream(Arc::downgrade(stream)),
            None => Work::Context,
        };
        let mut list = self.list();
        list.last += 1;
        let last = list.last;
        match list.running.iter_mut().find(|it| it.work.is(&work)) {
            Some(running) => running.last = last,
            None => list.running.push(Running {
                first: last,
                last,
                work,
            }),
        }
    }

    /// The number of the last submission. Streams get an event behind what they were given.
    pub fn last(&self) -> u64 {
        let mut list = self.list();
        list.asked_for = list.last;
        list.record_events();
        list.last
    }

    /// The last number up to which all submissions are known to have ended.
    pub fn ended(&self) -> Result<u64, DeviceMemoryError> {
        let mut list = self.list();
        list.record_events();
        list.ended()
    }

    /// Waits until the submissions up to this number have ended: for events of their streams, or
    /// for all work of the context where a stream has none.
    pub fn wait(&self, number: u64) -> Result<(), DeviceMemoryError> {
        let work: Vec<Work> = {
            let mut list = self.list();
            list.asked_for = list.asked_for.max(number);
            list.record_events();
            let awaited = list.running.iter().filter(|it| it.first <= number);
            awaited.map(|it| it.work.clone()).collect()
        };
        for work in work {
            match work {
                Work::Event(event) => event.wait()?,
                Work::Stream(_) | Work::Context => return self.finish(),
            }
        }
        Ok(())
    }

    /// Waits until the context has done all that it was given so far.
    pub fn finish(&self) -> Result<(), DeviceMemoryError> {
        let asked = Asked::to("finish its work");
        let number = self.list().last;
        let finished = self.context.synchronize();
        finished.map_err(|error| asked.answered(error))?;
        self.list().forget_until(number);
        Ok(())
    }

    /// The list. A thread that panicked while it held the lock had changed nothing, or all.
    fn list(&self) -> MutexGuard<'_, List> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl List {
    /// Gives an event to each stream whose work was asked for. Where that cannot be done now, as
    /// the stream is being captured or the driver refuses it, it is tried again later.
    fn record_events(&mut self) {
        let asked_for = self.asked_for;
        let asked = self.running.iter_mut().filter(|it| it.first <= asked_for);
        for running in asked {
            let Work::Stream(stream) = &running.work else {
                continue;
            };
            let recorded = stream.upgrade().map(|stream| Recorded::behind(&stream));
            if let Some(Ok(Some(event))) = recorded {
                running.work = Work::Event(Arc::new(event));
            }
        }
    }

    /// Forgets the work that has ended.
    fn ended(&mut self) -> Result<u64, DeviceMemoryError> {
        let mut answer = Ok(());
        self.running.retain(|running| match &running.work {
            Work::Event(event) if answer.is_ok() => match event.is_done() {
                Ok(is_done) => !is_done,
                Err(error) => {
                    answer = Err(error);
                    true
                }
            },
            _ => true,
        });
        answer?;
        let running = self.running.iter().map(|running| running.first - 1);
        Ok(running.min().unwrap_or(self.last))
    }

    /// Forgets all work up to a number.
    fn forget_until(&mut self, number: u64) {
        self.running.retain_mut(|running| {
            running.first = running.first.max(number + 1);
            running.first <= running.last
        });
    }
}

impl Work {
    /// Whether more of this work can be added to the other: no event is behind it yet.
    fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Stream(one), Self::Stream(other)) => Weak::ptr_eq(one, other),
            (Self::Context, Self::Context) => true,
            _ => false,
        }
    }
}

impl Recorded {
    /// An event behind all that a stream was given; none while the stream is being captured, as it
    /// would be part of the graph.
    ///
    /// The driver is asked itself: `cudarc` would answer with an error that another thread has left
    /// in the context, and take it away from the call that it is for.
    fn behind(stream: &Arc<driver::CudaStream>) -> Result<Option<Self>, DriverError> {
        let _relaxed = Relaxed::begin();
        let context = Arc::clone(stream.context());
        // SAFETY: the context and the stream live as long as `stream`.
        let status = unsafe {
            result::ctx::set_current(context.cu_ctx())?;
            result::stream::is_capturing(stream.cu_stream())?
        };
        if status != CUstreamCaptureStatus_enum::CU_STREAM_CAPTURE_STATUS_NONE {
            return Ok(None);
        }
        let event = result::event::create(CUevent_flags_enum::CU_EVENT_DISABLE_TIMING)?;
        let recorded = Self { event, context };
        // SAFETY: the event was made just now, in the context of the stream.
        unsafe { result::event::record(recorded.event, stream.cu_stream()) }?;
        Ok(Some(recorded))
    }

    fn is_done(&self) -> Result<bool, DeviceMemoryError> {
        let asked = Asked::to("ask for an event");
        let _relaxed = Relaxed::begin();
        self.bind(asked)?;
        // SAFETY: the event was recorded, and is destroyed in `Drop` alone.
        match unsafe { sys::cuEventQuery(self.event) } {
            CUresult::CUDA_SUCCESS => Ok(true),
            CUresult::CUDA_ERROR_NOT_READY => Ok(false),
            error => Err(asked.answered(DriverError(error))),
        }
    }

    fn wait(&self) -> Result<(), DeviceMemoryError> {
        let asked = Asked::to("wait for an event");
        let _relaxed = Relaxed::begin();
        self.bind(asked)?;
        // SAFETY: the event was recorded, and is destroyed in `Drop` alone.
        let waited = unsafe { result::event::synchronize(self.event) };
        waited.map_err(|error| asked.answered(error))
    }

    fn bind(&self, asked: Asked) -> Result<(), DeviceMemoryError> {
        // SAFETY: the context lives as long as this.
        let bound = unsafe { result::ctx::set_current(self.context.cu_ctx()) };
        bound.map_err(|error| asked.answered(error))
    }
}

impl Drop for Recorded {
    fn drop(&mut self) {
        // SAFETY: the context lives as long as this; the event was made there, and nobody else
        // destroys it. The driver keeps it until its stream has reached it.
        let destroyed = unsafe {
            result::ctx::set_current(self.context.cu_ctx())
                .and_then(|()| result::event::destroy(self.event))
        };
        self.context.record_err(destroyed);
    }
}
