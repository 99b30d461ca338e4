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
//! Stands on [`running`](super::running) for the list of what may still run. All of this is under
//! one mutex for each context. Invariant: what the context was given is in the list before anybody
//! else can ask for the last number.

#![allow(unsafe_code)]

use core::{fmt, mem};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use cudarc::driver::{self, CudaContext, DriverError, result};

use super::{
    capture::{CAPTURED, RelaxedCapture, is_captured},
    driver::{Asked, is_of_capture},
    event::EventState,
    running::{Work, WorkList},
};
use crate::{error::DeviceMemoryError, label::Label};

const FINISH: &str = "finish its work";

/// The submissions of each context that is in use, whoever opened it: all who use a context use one
/// list.
static CONTEXTS: Mutex<Vec<Weak<Submissions>>> = Mutex::new(Vec::new());

/// What a context was given to do, and the streams that it may be given it on.
#[derive(Debug)]
pub(super) struct Submissions {
    context: Arc<CudaContext>,
    /// What errors call the device in this context, whoever opened it.
    label: Label,
    list: Mutex<WorkList>,
    /// The streams of the context that this crate knows, as one of them may be captured.
    streams: Mutex<Vec<Weak<driver::CudaStream>>>,
    /// What is given back when the context has done all its work.
    later: Mutex<Later>,
}

/// Calls that give back what is not used any more but by work of the context.
#[derive(Default)]
struct Later(Vec<Box<dyn FnOnce() -> Result<(), DriverError> + Send>>);

impl Submissions {
    /// The submissions of a context on a device of this name, which are the same ones for all who
    /// use the context.
    pub fn of(context: &Arc<CudaContext>, device: &str) -> Arc<Self> {
        let mut contexts = CONTEXTS.lock().unwrap_or_else(PoisonError::into_inner);
        contexts.retain(|known| known.strong_count() > 0);
        let mut known = contexts.iter().filter_map(Weak::upgrade);
        if let Some(known) = known.find(|known| known.context == *context) {
            return known;
        }
        let new = Arc::new(Self {
            context: Arc::clone(context),
            label: Label::of_opened(device),
            list: Mutex::default(),
            streams: Mutex::default(),
            later: Mutex::default(),
        });
        contexts.push(Arc::downgrade(&new));
        new
    }

    /// What errors call the device in this context.
    pub fn label(&self) -> &Label {
        &self.label
    }

    /// The context has this stream, as long as it lives.
    pub fn know(&self, stream: &Arc<driver::CudaStream>) {
        let mut streams = self.streams();
        streams.retain(|known| known.strong_count() > 0);
        streams.push(Arc::downgrade(stream));
    }

    /// The context was given work on a stream, or on one that is not known.
    pub fn note(&self, stream: Option<&Arc<driver::CudaStream>>) {
        let work = match stream {
            Some(stream) => Work::Stream(Arc::downgrade(stream)),
            None => Work::Context,
        };
        self.list().note(work);
    }

    /// The number of the last submission. Streams get an event behind what they were given.
    pub fn last(&self) -> u64 {
        let mut list = self.list();
        let last = list.last();
        list.ask_for(last);
        last
    }

    /// The last number up to which all submissions are known to have ended.
    pub fn ended(&self) -> Result<u64, DeviceMemoryError> {
        self.list().ended()
    }

    /// Waits until the submissions up to this number have ended: for the events of their streams,
    /// for a stream that has no event, and for all work of the context where a stream is not known.
    ///
    /// # Errors
    /// A stream that would have to be waited for is being captured, or the device is lost.
    pub fn wait(&self, number: u64) -> Result<(), DeviceMemoryError> {
        let work: Vec<Work> = {
            let mut list = self.list();
            list.ask_for(number);
            list.work(number)
        };
        for work in work {
            let stream = match work {
                Work::Event(_, event) if event.wait()? == EventState::Done => continue,
                Work::Event(stream, _) | Work::Stream(stream) => stream.upgrade(),
                Work::Context => None,
            };
            let Some(stream) = stream else {
                return self.finish();
            };
            let finished = self.finish_stream(&stream);
            finished.map_err(|error| answered(Asked::to(FINISH), error))?;
        }
        Ok(())
    }

    /// Waits until the context has done all that it was given so far.
    ///
    /// # Errors
    /// A stream is being captured, or the device is lost.
    pub fn finish(&self) -> Result<(), DeviceMemoryError> {
        let finished = self.finish_context();
        finished.map_err(|error| answered(Asked::to(FINISH), error))
    }

    /// Waits until the context has done all its work. While a stream of it is known to be captured,
    /// the answer is [`CAPTURED`], and the capture stays valid.
    pub fn finish_context(&self) -> Result<(), DriverError> {
        let number = self.last_number();
        let streams = self.streams().clone();
        for stream in streams.iter().filter_map(Weak::upgrade) {
            if is_captured(&stream).unwrap_or(false) {
                return Err(CAPTURED);
            }
        }
        let later = mem::take(&mut self.later().0);
        if let Err(error) = self.context.synchronize() {
            self.later().0.extend(later);
            return Err(error);
        }
        self.list().forget(number, |_| true);
        for give_back in later {
            self.context.record_err(give_back());
        }
        Ok(())
    }

    /// Has something given back when the context has next done all its work. The context is current
    /// then.
    pub fn give_back_later(&self, call: Box<dyn FnOnce() -> Result<(), DriverError> + Send>) {
        self.later().0.push(call);
    }

    /// Waits until a stream has done all its work, also in a thread that captures another one.
    /// While the stream itself is captured, the answer is [`CAPTURED`], and the capture stays
    /// valid.
    pub fn finish_stream(&self, stream: &Arc<driver::CudaStream>) -> Result<(), DriverError> {
        let number = self.last_number();
        let _relaxed = RelaxedCapture::begin();
        if is_captured(stream).unwrap_or(false) {
            return Err(CAPTURED);
        }
        // SAFETY: the stream and the context, which is its own, live.
        unsafe {
            result::ctx::set_current(self.context.cu_ctx())?;
            result::stream::synchronize(stream.cu_stream())?;
        }
        self.forget_stream(stream, number);
        Ok(())
    }

    /// The number of the last submission, to forget what was made before a wait.
    pub fn last_number(&self) -> u64 {
        self.list().last()
    }

    /// A stream has done all its submissions up to a number.
    pub fn forget_stream(&self, stream: &Arc<driver::CudaStream>, number: u64) {
        let stream = Arc::downgrade(stream);
        self.list().forget(number, |work| match work {
            Work::Stream(of) | Work::Event(of, _) => Weak::ptr_eq(of, &stream),
            Work::Context => false,
        });
    }

    /// The list. A thread that panicked while it held the lock had changed nothing, or all.
    fn list(&self) -> MutexGuard<'_, WorkList> {
        self.list.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn later(&self) -> MutexGuard<'_, Later> {
        self.later.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn streams(&self) -> MutexGuard<'_, Vec<Weak<driver::CudaStream>>> {
        self.streams.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Submissions {
    fn drop(&mut self) {
        if self.later().0.is_empty() {
            return;
        }
        // If it cannot be known that the context has done its work, it is leaked.
        let _ = self.finish_context();
    }
}

impl fmt::Debug for Later {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Later").field(&self.0.len()).finish()
    }
}

/// The error for what the driver answered to a wait, or would have answered.
fn answered(asked: Asked, error: DriverError) -> DeviceMemoryError {
    match is_of_capture(error.0) {
        true => DeviceMemoryError::Refused {
            action: asked.action,
            answer: "a stream is being captured".to_owned(),
        },
        false => asked.answered(error),
    }
}
