//! An event behind work of a stream, for which any thread can ask and wait.
//!
//! A capture of the stream that another thread begins just before the event is recorded makes the
//! event part of a graph. Nobody can ask for such an event, now or later: its state is
//! [`EventState::Captured`].

#![allow(unsafe_code)]

use std::sync::Arc;

use cudarc::driver::{
    self, CudaContext, DriverError, result,
    sys::{self, CUevent, CUevent_flags_enum, CUresult},
};

use super::{
    capture::{RelaxedCapture, is_captured},
    driver::Asked,
};
use crate::error::DeviceMemoryError;

/// An event behind work of a stream.
#[derive(Debug)]
pub(super) struct RecordedEvent {
    event: CUevent,
    context: Arc<CudaContext>,
}

/// How far a stream is with the work before an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum EventState {
    /// All of it is done.
    Done,
    /// Some of it may still run.
    Pending,
    /// The event is part of a graph, and says nothing of the stream.
    Captured,
}

// SAFETY: the driver's handles of events can be used by every thread in which their context is
// current, which each call sees to; the driver's calls lock what they share.
unsafe impl Send for RecordedEvent {}
// SAFETY: as for `Send`.
unsafe impl Sync for RecordedEvent {}

impl RecordedEvent {
    /// An event behind all that a stream was given; none while the stream is being captured, as it
    /// would be part of the graph.
    pub fn behind(stream: &driver::CudaStream) -> Result<Option<Self>, DriverError> {
        let _relaxed = RelaxedCapture::begin();
        if is_captured(stream)? {
            return Ok(None);
        }
        let event = result::event::create(CUevent_flags_enum::CU_EVENT_DISABLE_TIMING)?;
        let context = Arc::clone(stream.context());
        let recorded = Self { event, context };
        // SAFETY: the event was made just now, in the context of the stream, which is current.
        unsafe { result::event::record(recorded.event, stream.cu_stream()) }?;
        // A capture may have begun before the event was recorded.
        Ok((!is_captured(stream)?).then_some(recorded))
    }

    /// Whether the work before the event is done, without a wait.
    pub fn state(&self) -> Result<EventState, DeviceMemoryError> {
        let asked = Asked::to("ask for an event");
        let _relaxed = RelaxedCapture::begin();
        self.bind(asked)?;
        // SAFETY: the event was recorded, and is destroyed in `Drop` alone.
        let answer = unsafe { sys::cuEventQuery(self.event) };
        state(answer).map_err(|error| asked.answered(error))
    }

    /// Waits until the work before the event is done, unless the event is captured.
    pub fn wait(&self) -> Result<EventState, DeviceMemoryError> {
        let asked = Asked::to("wait for an event");
        let _relaxed = RelaxedCapture::begin();
        self.bind(asked)?;
        // SAFETY: the event was recorded, and is destroyed in `Drop` alone.
        let answer = unsafe { sys::cuEventSynchronize(self.event) };
        state(answer).map_err(|error| asked.answered(error))
    }

    fn bind(&self, asked: Asked) -> Result<(), DeviceMemoryError> {
        // SAFETY: the context lives as long as this.
        let bound = unsafe { result::ctx::set_current(self.context.cu_ctx()) };
        bound.map_err(|error| asked.answered(error))
    }
}

/// What the driver's answer to a question for an event says.
fn state(answer: CUresult) -> Result<EventState, DriverError> {
    match answer {
        CUresult::CUDA_SUCCESS => Ok(EventState::Done),
        CUresult::CUDA_ERROR_NOT_READY => Ok(EventState::Pending),
        CUresult::CUDA_ERROR_CAPTURED_EVENT => Ok(EventState::Captured),
        error => Err(DriverError(error)),
    }
}

impl Drop for RecordedEvent {
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
