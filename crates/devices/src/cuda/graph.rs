//! Graphs: what a stream was asked for, captured once, launched many times.

#![allow(unsafe_code)]

use core::any::Any;
use std::{fmt, mem};

use cudarc::driver::{
    self, result,
    sys::{CUgraphInstantiate_flags, CUstreamCaptureMode_enum},
};

use super::{capture::CAPTURED, driver::Asked, stream::CudaStream};
use crate::error::DeviceMemoryError;

const CAPTURE: &str = "capture a graph";

/// What a stream was asked for, captured once, to be launched many times. The addresses of a
/// block's buffers never change, so the graph stays valid.
///
/// When it is dropped, it waits until its stream has done what was launched, and gives back what it
/// keeps. If that cannot be waited for, as the stream is being captured or the device is lost, what
/// it keeps is leaked: the device may still use it.
pub struct CudaGraph {
    stream: CudaStream,
    graph: driver::CudaGraph,
    /// Given back after all that was launched is done.
    kept: Vec<Box<dyn Any>>,
    was_launched: bool,
}

/// Ends a capture that was begun, also if it is not completed.
struct Capture<'stream> {
    stream: &'stream CudaStream,
    ended: bool,
}

impl CudaGraph {
    /// Captures what the stream is asked for meanwhile, which is not done yet. The graph keeps what
    /// it is given, such as the kernels and buffers that were captured.
    ///
    /// # Errors
    /// That of `ask`; the stream is being captured already, it was asked for something that
    /// cannot be captured, or for nothing at all.
    pub fn capture(
        stream: &CudaStream,
        kept: Vec<Box<dyn Any>>,
        ask: impl FnOnce(&CudaStream) -> Result<(), DeviceMemoryError>,
    ) -> Result<Self, DeviceMemoryError> {
        let asked = Asked::to(CAPTURE);
        let mode = CUstreamCaptureMode_enum::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;
        let begun = stream.stream().begin_capture(mode);
        begun.map_err(|error| asked.answered(error))?;
        let mut capture = Capture {
            stream,
            ended: false,
        };
        ask(stream)?;
        // An error may be of the context, and the capture not ended: it is ended in `Drop` then.
        let ended = stream.stream().end_capture(CUgraphInstantiate_flags(0));
        let graph = ended.map_err(|error| asked.answered(error))?;
        capture.ended = true;
        let nothing = DeviceMemoryError::Refused {
            action: CAPTURE,
            answer: "the stream was asked for nothing".to_owned(),
        };
        Ok(Self {
            stream: stream.clone(),
            graph: graph.ok_or(nothing)?,
            kept,
            was_launched: false,
        })
    }

    /// Asks the stream for what was captured of it.
    ///
    /// # Errors
    /// The stream is being captured, the driver refuses it, or the device is lost.
    pub fn launch(&mut self) -> Result<(), DeviceMemoryError> {
        self.was_launched = true;
        let launched = self.graph.launch();
        launched.map_err(|error| Asked::to("launch a graph").answered(error))?;
        self.stream.note_submission();
        Ok(())
    }
}

impl Drop for CudaGraph {
    fn drop(&mut self) {
        let kept = mem::take(&mut self.kept);
        if !self.was_launched {
            return;
        }
        // All launches were on this stream. While it is captured, it cannot be waited for.
        let device = self.stream.device();
        let submissions = device.submissions();
        let mut is_done = false;
        device.give_back(|| {
            let finished = submissions.finish_stream(self.stream.stream());
            is_done = finished.is_ok();
            match finished {
                // This is no error of the context, whose next call may be one of the capture.
                Err(CAPTURED) => Ok(()),
                // Its error is that of the next call, though the context may do without.
                Err(_) => {
                    is_done = submissions.finish_context().is_ok();
                    finished
                }
                Ok(()) => Ok(()),
            }
        });
        if !is_done {
            mem::forget(kept);
        }
    }
}

impl fmt::Debug for CudaGraph {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CudaGraph").finish_non_exhaustive()
    }
}

impl Drop for Capture<'_> {
    fn drop(&mut self) {
        if self.ended || self.stream.device().bind_in_drop().is_err() {
            return;
        }
        // SAFETY: the stream is one of the context, which is current, and lives.
        let captured = unsafe { result::stream::end_capture(self.stream.stream().cu_stream()) };
        // What was captured so far is dropped. That it was not valid, or was ended before, is of no
        // other call's interest: the error of `ask` says what has failed.
        if let Some(graph) = captured.ok().filter(|graph| !graph.is_null()) {
            // SAFETY: the driver gave the graph just now, and nobody else has it.
            let destroyed = unsafe { result::graph::destroy(graph) };
            self.stream.device().context().record_err(destroyed);
        }
    }
}
