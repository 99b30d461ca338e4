//! Calls that the driver refuses in a thread that captures a stream.

#![allow(unsafe_code)]

use cudarc::driver::sys::{self, CUstreamCaptureMode_enum};

/// Lets the thread wait for work and ask for events though it captures a stream, which the driver
/// refuses otherwise: the thread could wait for what it captures. What it was before is restored in
/// `Drop`.
pub(super) struct Relaxed(CUstreamCaptureMode_enum);

impl Relaxed {
    pub fn begin() -> Self {
        let mut mode = CUstreamCaptureMode_enum::CU_STREAM_CAPTURE_MODE_RELAXED;
        exchange(&mut mode);
        Self(mode)
    }
}

impl Drop for Relaxed {
    fn drop(&mut self) {
        exchange(&mut self.0);
    }
}

/// Exchanges what the thread may do while a stream is captured. A refusal changes nothing.
fn exchange(mode: &mut CUstreamCaptureMode_enum) {
    // SAFETY: the driver reads one of its modes, and writes one of them there.
    let _ = unsafe { sys::cuThreadExchangeStreamCaptureMode(mode) };
}
