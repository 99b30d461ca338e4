//! Streams and events: work in order, and the order between streams.
//!
//! `cudarc` answers a call with an error that another thread has recorded in the context, and does
//! not make the call then. That is right where the caller only learns of a failure. What must have
//! ended when a function returns is therefore waited for by the driver's own call.

#![allow(unsafe_code)]

use std::{sync::Arc, thread, time::Duration};

use cudarc::driver::{
    self, DriverError, result,
    sys::{CUstream, CUstreamCaptureStatus_enum},
};

use super::{
    capture::RelaxedCapture,
    device::CudaDevice,
    driver::{Asked, is_of_capture},
};
use crate::error::DeviceMemoryError;

/// How long the end of another thread's capture is waited for before it is looked for again.
const CAPTURE_INTERVAL: Duration = Duration::from_millis(1);

/// The driver's `CU_STREAM_PER_THREAD`: in each thread, a stream of that thread.
const PER_THREAD: CUstream = 2 as CUstream;

/// A stream: what it is asked for is done in that order, and in no order with other streams but
/// that of events. A clone is the same stream.
#[derive(Clone, Debug)]
pub struct CudaStream {
    device: CudaDevice,
    stream: Arc<driver::CudaStream>,
}

/// An event of a stream, behind all that the stream was asked for before. A clone is the same one.
#[derive(Clone, Debug)]
pub struct CudaEvent {
    event: Arc<driver::CudaEvent>,
}

impl CudaStream {
    /// A new stream, which the default stream does not wait for.
    ///
    /// # Errors
    /// The driver refuses it, or the device is lost.
    pub fn new(device: &CudaDevice) -> Result<Self, DeviceMemoryError> {
        let asked = Asked::to("make a stream");
        let stream = device.context().new_stream();
        let stream = stream.map_err(|error| asked.answered(error))?;
        Ok(Self::of(device, stream))
    }

    /// An engine's stream, of the device's context.
    ///
    /// # Errors
    /// The stream is of another context, or it is the default stream of each thread
    /// (`CU_STREAM_PER_THREAD`): what another thread waits for is another stream then.
    pub fn from_engine(
        device: &CudaDevice,
        stream: Arc<driver::CudaStream>,
    ) -> Result<Self, DeviceMemoryError> {
        device.check_own_context(stream.context(), "a stream")?;
        if stream.cu_stream() == PER_THREAD {
            return Err(DeviceMemoryError::Refused {
                action: "take part in a stream",
                answer: "it is CU_STREAM_PER_THREAD, which is another stream in each thread"
                    .to_owned(),
            });
        }
        Ok(Self::of(device, stream))
    }

    fn of(device: &CudaDevice, stream: Arc<driver::CudaStream>) -> Self {
        device.submissions().know(&stream);
        let device = device.clone();
        Self { device, stream }
    }

    /// The stream itself.
    #[must_use]
    pub fn stream(&self) -> &Arc<driver::CudaStream> {
        &self.stream
    }

    /// The device whose stream this is.
    #[must_use]
    pub fn device(&self) -> &CudaDevice {
        &self.device
    }

    /// Says that an engine has given the stream work of its own which uses buffers, such as kernels
    /// that it launched itself, after they were launched. An arena does not lend the bytes of such
    /// a buffer again before that has ended.
    pub fn note_submission(&self) {
        self.device.submissions().note(Some(&self.stream));
    }

    /// An event that the stream reaches when all that it was asked for so far is done.
    ///
    /// # Errors
    /// The driver refuses it, or the device is lost.
    pub fn signal(&self) -> Result<CudaEvent, DeviceMemoryError> {
        let asked = Asked::to("signal an event");
        let recorded = self.stream.record_event(None);
        let event = recorded.map_err(|error| asked.answered(error))?;
        let event = Arc::new(event);
        Ok(CudaEvent { event })
    }

    /// Has the stream wait for an event of another one, before it does what it is asked for next.
    /// The other one may be a stream of another device. The host does not wait.
    ///
    /// # Errors
    /// The driver refuses it, or the device is lost.
    pub fn wait(&self, event: &CudaEvent) -> Result<(), DeviceMemoryError> {
        let asked = Asked::to("wait for an event");
        let waits = self.stream.wait(&event.event);
        waits.map_err(|error| asked.answered(error))
    }

    /// Waits until the stream has done all that it was asked for.
    ///
    /// # Errors
    /// [`DeviceMemoryError::Lost`], or the stream is being captured.
    pub fn finish(&self) -> Result<(), DeviceMemoryError> {
        let asked = Asked::to("finish a stream");
        let submissions = self.device.submissions();
        let number = submissions.last_number();
        let finished = self.stream.synchronize();
        finished.map_err(|error| asked.answered(error))?;
        submissions.forget_stream(&self.stream, number);
        Ok(())
    }

    /// Waits until the stream has done a transfer that it has accepted: when this returns, also
    /// with an error, the device uses the host's slice no more. The context is current.
    ///
    /// The driver refuses to wait while another thread captures this stream. The wait is repeated
    /// then until the capture has ended. Its error is returned all the same: the transfer may
    /// have become part of that capture, which waiting for it invalidates.
    pub(super) fn finish_transfer(&self) -> Result<(), DriverError> {
        let _relaxed = RelaxedCapture::begin();
        let mut answer = Ok(());
        loop {
            // SAFETY: the stream is one of the context, which is current, and lives.
            let finished = unsafe { result::stream::synchronize(self.stream.cu_stream()) };
            answer = answer.and(finished);
            let finished = finished.or_else(|error| match is_of_capture(error.0) {
                true => Err(error),
                false => result::ctx::synchronize(),
            });
            match finished {
                Err(DriverError(error)) if is_of_capture(error) => thread::sleep(CAPTURE_INTERVAL),
                // Any other refusal of both is of a context that does no work any more.
                _ => return answer,
            }
        }
    }

    /// Refuses what must not become part of a graph.
    pub(super) fn check_not_captured(&self, action: &'static str) -> Result<(), DeviceMemoryError> {
        let status = self.stream.capture_status();
        match status.map_err(|error| Asked::to(action).answered(error))? {
            CUstreamCaptureStatus_enum::CU_STREAM_CAPTURE_STATUS_NONE => Ok(()),
            _ => Err(DeviceMemoryError::Refused {
                action,
                answer: "the stream is being captured, and a graph would use the host's slice \
                         each time it is launched"
                    .to_owned(),
            }),
        }
    }
}

impl CudaEvent {
    /// Whether all before this event is done.
    ///
    /// # Errors
    /// [`DeviceMemoryError::Lost`].
    pub fn is_done(&self) -> Result<bool, DeviceMemoryError> {
        let asked = Asked::to("ask for an event");
        let done = self.event.try_is_complete();
        done.map_err(|error| asked.answered(error))
    }

    /// Waits until all before this event is done.
    ///
    /// # Errors
    /// [`DeviceMemoryError::Lost`].
    pub fn wait(&self) -> Result<(), DeviceMemoryError> {
        let asked = Asked::to("wait for an event");
        let waited = self.event.synchronize();
        waited.map_err(|error| asked.answered(error))
    }
}
