//! Streams that are captured: whether one is, and calls in a thread that captures one.
//!
//! The driver refuses to wait for a stream that is captured, and for a context while a stream of it
//! is. The refusal does not leave things as they were: it makes the capture invalid. So the driver
//! is asked whether a stream is captured, which changes nothing, before it is asked to wait.

#![allow(unsafe_code)]

use cudarc::driver::{
    self, DriverError, result,
    sys::{self, CUresult, CUstreamCaptureMode_enum, CUstreamCaptureStatus_enum},
};

use super::driver::is_of_capture;

/// What the driver answers to whoever waits for a stream that is captured.
pub(super) const CAPTURED: DriverError =
    DriverError(CUresult::CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);

/// Lets the thread wait for work and ask for events though it captures a stream, which the driver
/// refuses otherwise: the thread could wait for what it captures. What it was before is restored in
/// `Drop`.
pub(super) struct RelaxedCapture(CUstreamCaptureMode_enum);

impl RelaxedCapture {
    pub fn begin() -> Self {
        let mut mode = CUstreamCaptureMode_enum::CU_STREAM_CAPTURE_MODE_RELAXED;
        exchange(&mut mode);
        Self(mode)
    }
}

impl Drop for RelaxedCapture {
    fn drop(&mut self) {
        exchange(&mut self.0);
    }
}

/// Exchanges what the thread may do while a stream is captured. A refusal changes nothing.
fn exchange(mode: &mut CUstreamCaptureMode_enum) {
    // SAFETY: the driver reads one of its modes, and writes one of them there.
    let _ = unsafe { sys::cuThreadExchangeStreamCaptureMode(mode) };
}

/// Whether a stream is being captured, by this thread or by another one. The legacy default stream
/// counts as captured while a stream is that waits for it.
///
/// The driver is asked itself: `cudarc` would answer with an error that another thread has left in
/// the context, and take it away from the call that it is for.
pub(super) fn is_captured(stream: &driver::CudaStream) -> Result<bool, DriverError> {
    // SAFETY: the context and the stream live as long as `stream`.
    let status = unsafe {
        result::ctx::set_current(stream.context().cu_ctx())?;
        result::stream::is_capturing(stream.cu_stream())
    };
    match status {
        Ok(status) => Ok(status != CUstreamCaptureStatus_enum::CU_STREAM_CAPTURE_STATUS_NONE),
        Err(error) if is_of_capture(error.0) => Ok(true),
        Err(error) => Err(error),
    }
}
