//! Several streams with the order that claims on tensors follow: what is signalled and waited for
//! on the device is told to the order by the same call.
//!
//! Invariant: the order never says more than the device does. A wait is told when the device has
//! accepted it, and an event of the order is taken before that of the device.

use core::{error::Error, fmt};

use super::{
    device::CudaDevice,
    stream::{CudaEvent, CudaStream},
};
use crate::{
    error::DeviceMemoryError,
    order::{Event, OrderError, StreamId, StreamOrder},
};

/// The streams of a device and the order between them and the host, with which pools are made:
/// their slots are claimed in the order in which the device runs its work.
///
/// ```no_run
/// use orionrt_devices::{
///     DeviceArena, StreamId,
///     cuda::{CudaDevice, CudaMemory, CudaStreams},
/// };
/// use orionrt_plan::{Lifetimes, Planner, TensorId};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let rows = [("a", 0, 1, 1024, 256), ("b", 1, 2, 1024, 256)];
/// let plan = Planner::new().plan(&Lifetimes::from_rows(rows)?)?;
/// let [a, b] = [0, 1].map(TensorId::new);
///
/// let device = CudaDevice::open(0)?;
/// let streams = CudaStreams::new(&device, 2)?;
/// let [copies, kernels] = [0, 1].map(StreamId::new);
/// let arena = DeviceArena::new(CudaMemory::new(&device, plan.peak())?)?;
/// let pool = arena.pool(&plan, streams.order())?;
///
/// let tensor = pool.slot(a, copies)?;
/// arena.memory().upload(streams.stream(copies)?, tensor.buffer(), &[1.0_f32; 256])?;
/// drop(tensor);
/// // `b` has the bytes of `a`, which the other stream may still use.
/// let copied = streams.signal(copies)?;
/// streams.wait(kernels, &copied)?;
/// let tensor = pool.slot(b, kernels)?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
pub struct CudaStreams {
    streams: Vec<CudaStream>,
    order: StreamOrder,
}

/// An event of a stream, or of the host's work, for which others can wait.
#[derive(Clone)]
pub struct CudaSignal {
    /// Nothing for the host: what it has done is done.
    reached: Option<CudaEvent>,
    event: Event,
}

/// Why a stream cannot signal or wait.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CudaStreamsError {
    /// There is no such stream, or the signal is of other streams.
    Order(OrderError),
    /// The driver refuses it, or the device is lost.
    Device(DeviceMemoryError),
}

impl CudaStreams {
    /// So many new streams of a device.
    ///
    /// # Errors
    /// The driver refuses one of them, or the device is lost.
    pub fn new(device: &CudaDevice, streams: u16) -> Result<Self, DeviceMemoryError> {
        let streams = (0..streams).map(|_| CudaStream::new(device));
        let streams: Result<Vec<_>, _> = streams.collect();
        Ok(Self::from_streams(streams?))
    }

    /// Streams that are there already. Work that they were given before is not known to the order.
    #[must_use]
    pub fn from_streams(streams: Vec<CudaStream>) -> Self {
        let count = u16::try_from(streams.len()).unwrap_or(u16::MAX);
        let order = StreamOrder::new(count);
        Self { streams, order }
    }

    /// The order between the streams and the host, to make pools with.
    #[must_use]
    pub fn order(&self) -> &StreamOrder {
        &self.order
    }

    /// A stream, to give it work.
    ///
    /// # Errors
    /// There is no such stream, or it is the host.
    pub fn stream(&self, stream: StreamId) -> Result<&CudaStream, OrderError> {
        let known = stream.index().and_then(|index| self.streams.get(index));
        known.ok_or(OrderError::UnknownStream {
            stream,
            streams: self.order.streams(),
        })
    }

    /// An event behind all work that a stream was given up to now, or that the host has done.
    ///
    /// # Errors
    /// There is no such stream, the driver refuses it, or the device is lost.
    pub fn signal(&self, stream: StreamId) -> Result<CudaSignal, CudaStreamsError> {
        let event = self.order.signal(stream)?;
        let reached = match stream {
            StreamId::HOST => None,
            stream => Some(self.stream(stream)?.signal()?),
        };
        Ok(CudaSignal { reached, event })
    }

    /// What a stream is given from now on comes after the signal. The host waits at once.
    ///
    /// # Errors
    /// There is no such stream, the signal is of other streams, the driver refuses it, or the
    /// device is lost.
    pub fn wait(&self, stream: StreamId, signal: &CudaSignal) -> Result<(), CudaStreamsError> {
        match (&signal.reached, stream) {
            (None, _) => {}
            (Some(event), StreamId::HOST) => event.wait()?,
            (Some(event), stream) => self.stream(stream)?.wait(event)?,
        }
        Ok(self.order.wait(stream, &signal.event)?)
    }
}

impl fmt::Debug for CudaSignal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CudaSignal")
            .field("of_the_host", &self.reached.is_none())
            .finish_non_exhaustive()
    }
}

impl fmt::Display for CudaStreamsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Order(error) => error.fmt(f),
            Self::Device(error) => error.fmt(f),
        }
    }
}

// Displayed as the error inside, so that error's source is this one's, too.
impl Error for CudaStreamsError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Order(error) => error.source(),
            Self::Device(error) => error.source(),
        }
    }
}

impl From<OrderError> for CudaStreamsError {
    fn from(error: OrderError) -> Self {
        Self::Order(error)
    }
}

impl From<DeviceMemoryError> for CudaStreamsError {
    fn from(error: DeviceMemoryError) -> Self {
        Self::Device(error)
    }
}
