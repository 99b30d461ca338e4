//! Streams and events: work in order, and the order between streams.

use std::sync::Arc;

use cudarc::driver::{self, sys::CUstreamCaptureStatus_enum};

use super::{device::CudaDevice, driver::Asked};
use crate::error::DeviceMemoryError;

/// A stream: what it is asked for is done in that order, and in no order with other streams but
/// that of events. A clone is the same stream.
#[derive(Clone, Debug)]
pub struct CudaStream {
    device: CudaDevice,
    stream: Arc<driver::CudaStream>,
}

/// A point of a stream: all that the stream was asked for before. A clone is the same point.
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
        let device = device.clone();
        Ok(Self { device, stream })
    }

    /// An engine's stream, of the device's context.
    ///
    /// # Errors
    /// The stream is of another context.
    pub fn from_engine(
        device: &CudaDevice,
        stream: Arc<driver::CudaStream>,
    ) -> Result<Self, DeviceMemoryError> {
        if stream.context() != device.context() {
            return Err(DeviceMemoryError::Refused {
                action: "take a stream",
                answer: "it is of another context".to_owned(),
            });
        }
        let device = device.clone();
        Ok(Self { device, stream })
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

    /// The point that the stream has reached when all that it was asked for so far is done.
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

    /// Has the stream wait for a point of another one, before it does what it is asked for next.
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
    /// [`DeviceMemoryError::Lost`], or the stream is being recorded.
    pub fn finish(&self) -> Result<(), DeviceMemoryError> {
        let asked = Asked::to("finish a stream");
        let finished = self.stream.synchronize();
        finished.map_err(|error| asked.answered(error))
    }

    /// Refuses what must not become part of a graph.
    pub(super) fn check_not_recorded(&self, action: &'static str) -> Result<(), DeviceMemoryError> {
        let status = self.stream.capture_status();
        match status.map_err(|error| Asked::to(action).answered(error))? {
            CUstreamCaptureStatus_enum::CU_STREAM_CAPTURE_STATUS_NONE => Ok(()),
            _ => Err(DeviceMemoryError::Refused {
                action,
                answer: "the stream is being recorded, and a graph would use the host's slice \
                         each time it is launched"
                    .to_owned(),
            }),
        }
    }
}

impl CudaEvent {
    /// Whether all before this point is done.
    ///
    /// # Errors
    /// [`DeviceMemoryError::Lost`].
    pub fn is_done(&self) -> Result<bool, DeviceMemoryError> {
        let asked = Asked::to("ask for an event");
        let done = self.event.try_is_complete();
        done.map_err(|error| asked.answered(error))
    }

    /// Waits until all before this point is done.
    ///
    /// # Errors
    /// [`DeviceMemoryError::Lost`].
    pub fn wait(&self) -> Result<(), DeviceMemoryError> {
        let asked = Asked::to("wait for an event");
        let waited = self.event.synchronize();
        waited.map_err(|error| asked.answered(error))
    }
}
