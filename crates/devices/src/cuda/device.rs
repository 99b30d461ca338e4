//! A device of CUDA in a context: its primary one, opened by number, or an engine's own.

#![allow(unsafe_code)]

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use cudarc::driver::{CudaContext, DriverError, result, sys::CUdevice_attribute_enum};

use super::{
    capture::CAPTURED,
    driver::{Asked, load},
    submissions::Submissions,
};
use crate::{
    error::DeviceMemoryError,
    properties::{DeviceKind, DeviceProperties, MemoryHeap},
};

/// What addresses of the driver's own allocations are multiples of, and more than the widest access
/// of a kernel needs.
const ALIGNMENT: u64 = 256;

/// What of each device matters for planning, in the order of their numbers. No context is made, so
/// what is free of their memory is not known.
///
/// # Errors
/// There is no driver.
pub fn devices() -> Result<Vec<DeviceProperties>, DeviceMemoryError> {
    load()?;
    let asked = Asked::to("list the devices");
    let count = result::device::get_count().map_err(|error| asked.answered(error))?;
    let all = (0..count).map(|ordinal| properties(ordinal, None));
    let all: Result<Vec<_>, _> = all.collect();
    all.map_err(|error| asked.answered(error))
}

/// A device of CUDA in a context. A clone is the same context.
#[derive(Clone, Debug)]
pub struct CudaDevice {
    context: Arc<CudaContext>,
    properties: Arc<DeviceProperties>,
    submissions: Arc<Submissions>,
    allocations: Arc<AtomicU64>,
}

impl CudaDevice {
    /// Opens a device of this machine by its number in [`devices`], in its primary context, which
    /// is that of CUDA's runtime.
    ///
    /// # Errors
    /// There is no driver, no device of this number, or the context cannot be made.
    pub fn open(index: usize) -> Result<Self, DeviceMemoryError> {
        load()?;
        let asked = Asked::to("open a device");
        let count = result::device::get_count().map_err(|error| asked.answered(error))?;
        let devices = usize::try_from(count).unwrap_or(0);
        if index >= devices {
            return Err(DeviceMemoryError::NoSuchDevice { index, devices });
        }
        let context = CudaContext::new(index).map_err(|error| asked.answered(error))?;
        Self::from_engine(context)
    }

    /// Takes part in an engine's own context.
    ///
    /// # Errors
    /// The driver does not have all the functions that are needed, or refuses to describe the
    /// device.
    pub fn from_engine(context: Arc<CudaContext>) -> Result<Self, DeviceMemoryError> {
        load()?;
        let asked = Asked::to("describe a device");
        let described = context.mem_get_info().and_then(|(free, _)| {
            let ordinal = i32::try_from(context.ordinal()).unwrap_or(i32::MAX);
            properties(ordinal, Some(free as u64))
        });
        let properties = Arc::new(described.map_err(|error| asked.answered(error))?);
        Ok(Self {
            submissions: Submissions::of(&context, &properties.name),
            context,
            properties,
            allocations: Arc::default(),
        })
    }

    /// What of the device matters for planning.
    #[must_use]
    pub fn properties(&self) -> &DeviceProperties {
        &self.properties
    }

    /// The context itself.
    #[must_use]
    pub fn context(&self) -> &Arc<CudaContext> {
        &self.context
    }

    /// How often memory of the device was allocated, or was created to be mapped, by this and its
    /// clones. A refusal counts, too. What the driver takes by itself, as for graphs, does not.
    #[must_use]
    pub fn allocations(&self) -> u64 {
        self.allocations.load(Ordering::Relaxed)
    }

    /// Counts an allocation of the device's memory, before the driver is asked for it.
    pub(super) fn note_allocation(&self) {
        self.allocations.fetch_add(1, Ordering::Relaxed);
    }

    /// Waits until the device has done all that this context asked of it so far.
    ///
    /// # Errors
    /// [`DeviceMemoryError::Lost`], or a stream is being captured.
    pub fn finish(&self) -> Result<(), DeviceMemoryError> {
        self.submissions.finish()
    }

    /// Says that an engine has given the device work of its own which uses buffers, on streams that
    /// this crate does not know. An arena lends the bytes of such a buffer again when the context
    /// was waited for as a whole. Where the stream is known,
    /// [`CudaStream::note_submission`](super::CudaStream::note_submission) is better: the arena
    /// waits for that stream alone then.
    pub fn note_submission(&self) {
        self.submissions.note(None);
    }

    /// What the context was given to do.
    pub(super) fn submissions(&self) -> &Submissions {
        &self.submissions
    }

    /// Checks that something of an engine's is of this device's context.
    pub(super) fn check_own_context(
        &self,
        other: &Arc<CudaContext>,
        what: &'static str,
    ) -> Result<(), DeviceMemoryError> {
        if self.context == *other {
            return Ok(());
        }
        self.check_own(&Self::from_engine(Arc::clone(other))?, what)
    }

    /// Checks that something is of this device's context.
    pub(super) fn check_own(
        &self,
        other: &Self,
        what: &'static str,
    ) -> Result<(), DeviceMemoryError> {
        match self.context == other.context {
            true => Ok(()),
            false => Err(other
                .submissions
                .label()
                .given_to(self.submissions.label(), what)),
        }
    }

    /// Makes the context the calling thread's, before its functions are called.
    pub(super) fn bind(&self, asked: Asked) -> Result<(), DeviceMemoryError> {
        let bound = self.context.bind_to_thread();
        bound.map_err(|error| asked.answered(error))
    }

    /// Gives something back in a `Drop`. What fails is the error of the context's next call, as for
    /// all of `cudarc`; an error that waits for that already keeps nothing from being given back.
    pub(super) fn give_back(&self, call: impl FnOnce() -> Result<(), DriverError>) {
        let earlier = self.context.check_err();
        let given_back = self.context.bind_to_thread().and_then(|()| call());
        self.context.record_err(earlier.and(given_back));
    }

    /// Makes the context the calling thread's in a `Drop`, whatever error waits for the next call.
    pub(super) fn bind_in_drop(&self) -> Result<(), DriverError> {
        // SAFETY: the context lives as long as this.
        unsafe { result::ctx::set_current(self.context.cu_ctx()) }
    }

    /// Gives something back that the device may use, when the context has done all its work. While
    /// a stream is being captured, that is put off until the context is next waited for. If it
    /// cannot be known that the work is done, nothing is given back.
    pub(super) fn give_back_unused(
        &self,
        call: impl FnOnce() -> Result<(), DriverError> + Send + 'static,
    ) {
        self.give_back(|| match self.submissions.finish_context() {
            // This is no error of the context, whose next call may be one of the capture.
            Err(CAPTURED) => {
                self.submissions.give_back_later(Box::new(call));
                Ok(())
            }
            finished => finished.and_then(|()| call()),
        });
    }

    /// What a call asks for that takes this much of the device's memory.
    pub(super) fn asked_for(&self, action: &'static str, needed: u64) -> Asked {
        let heap = self.properties.heaps.first().map_or(0, |heap| heap.bytes);
        Asked {
            action,
            bytes: Some((needed, heap)),
        }
    }
}

fn properties(ordinal: i32, budget: Option<u64>) -> Result<DeviceProperties, DriverError> {
    let device = result::device::get(ordinal)?;
    let attribute = CUdevice_attribute_enum::CU_DEVICE_ATTRIBUTE_INTEGRATED;
    // SAFETY: the driver gave the device's handle just now.
    let (bytes, integrated) = unsafe {
        (
            result::device::total_mem(device)? as u64,
            result::device::get_attribute(device, attribute)? != 0,
        )
    };
    let kind = match integrated {
        true => DeviceKind::Integrated,
        false => DeviceKind::Discrete,
    };
    let mut properties = DeviceProperties::unlimited(result::device::get_name(device)?, kind);
    properties.offset_alignment = ALIGNMENT;
    properties.block_alignment = ALIGNMENT;
    properties.largest_binding = bytes;
    properties.largest_block = bytes;
    properties.heaps = vec![MemoryHeap {
        bytes,
        budget,
        device_local: true,
        host_visible: integrated,
    }];
    Ok(properties)
}
