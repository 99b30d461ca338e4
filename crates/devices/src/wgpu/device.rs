//! A device of wgpu with its only queue: opened by number, or an engine's own.

use core::{any::Any, time::Duration};
use std::{
    panic::{AssertUnwindSafe, catch_unwind, resume_unwind},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use wgpu::{Adapter, DeviceType, Features, Instance, InstanceDescriptor, PollError, PollType};

use super::calls::{Asked, ready, scoped};
use crate::{
    error::DeviceMemoryError,
    label::Label,
    properties::{DeviceKind, DeviceProperties},
};

/// What of each device matters for planning, in the order of their numbers.
///
/// # Errors
/// wgpu finds no device on this machine.
pub fn devices() -> Result<Vec<DeviceProperties>, DeviceMemoryError> {
    let properties = |adapter: &Adapter| of_limits(&adapter.get_info(), &adapter.limits());
    Ok(adapters()?.iter().map(properties).collect())
}

/// Whether a device was lost, for the callback of whoever owns it.
#[derive(Clone, Debug, Default)]
pub struct WgpuLoss(Arc<AtomicBool>);

impl WgpuLoss {
    /// Says that the device is lost: what is asked of it from now on is
    /// [`DeviceMemoryError::Lost`].
    pub fn report(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether the device is known to be lost.
    #[must_use]
    pub fn is_reported(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// A device of wgpu with its queue. A clone is the same device.
///
/// When the driver says that the device is lost while it is waited for, wgpu panics; the panic is
/// caught and becomes [`DeviceMemoryError::Lost`], but the program's panic hook sees it.
#[derive(Clone, Debug)]
pub struct WgpuDevice {
    device: wgpu::Device,
    queue: wgpu::Queue,
    properties: Arc<DeviceProperties>,
    loss: WgpuLoss,
    label: Label,
}

impl WgpuDevice {
    /// Opens a device of this machine by its number in [`devices`], with all that it can do in
    /// buffers' sizes, and with constants for kernels if it has them.
    ///
    /// # Errors
    /// There is no device at all, none of that number, or it cannot be opened.
    pub fn open(index: usize) -> Result<Self, DeviceMemoryError> {
        let adapters = adapters()?;
        let devices = adapters.len();
        let missing = DeviceMemoryError::NoSuchDevice { index, devices };
        let adapter = adapters.into_iter().nth(index).ok_or(missing)?;
        let request = ready(adapter.request_device(&wgpu::DeviceDescriptor {
            label: Some("orionrt"),
            required_features: adapter.features() & Features::IMMEDIATES,
            required_limits: adapter.limits(),
            // One large block has most of the memory: small ones would not be filled.
            memory_hints: wgpu::MemoryHints::MemoryUsage,
            ..Default::default()
        }));
        let refused = |answer| DeviceMemoryError::Refused {
            action: "open a device",
            answer,
        };
        let opened = request.ok_or_else(|| refused("it does not answer at once".to_owned()))?;
        let (device, queue) = opened.map_err(|error| refused(error.to_string()))?;
        let opened = Self::from_engine(device, queue);
        let loss = opened.loss();
        opened
            .device
            .set_device_lost_callback(move |_, _| loss.report());
        Ok(opened)
    }

    /// Takes part in an engine's own device, which must have been made together with this queue.
    /// What is made with the result is of its clones alone: a device that is given twice is two.
    ///
    /// A device has room for one callback when it is lost, and that stays the engine's, which calls
    /// [`WgpuLoss::report`] of [`loss`](Self::loss) in it. Without that, a loss is noticed by the
    /// first transfer or wait that fails.
    #[must_use]
    pub fn from_engine(device: wgpu::Device, queue: wgpu::Queue) -> Self {
        let properties = Arc::new(of_limits(&device.adapter_info(), &device.limits()));
        Self {
            label: Label::of_opened(&properties.name),
            device,
            queue,
            properties,
            loss: WgpuLoss::default(),
        }
    }

    /// What of the device matters for planning.
    #[must_use]
    pub fn properties(&self) -> &DeviceProperties {
        &self.properties
    }

    /// The device itself.
    #[must_use]
    pub fn device(&self) -> &wgpu::Device {
        &self.device
    }

    /// Its queue.
    #[must_use]
    pub fn queue(&self) -> &wgpu::Queue {
        &self.queue
    }

    /// Whether the device was lost, to be told by the callback of an engine that owns it.
    #[must_use]
    pub fn loss(&self) -> WgpuLoss {
        self.loss.clone()
    }

    /// Checks that something is of this device. wgpu numbers the devices of each instance by
    /// itself, so those of two instances may be equal for it.
    pub(super) fn check_own(
        &self,
        other: &Self,
        what: &'static str,
    ) -> Result<(), DeviceMemoryError> {
        match self.label == other.label {
            true => Ok(()),
            false => Err(other.label.given_to(&self.label, what)),
        }
    }

    /// Waits until the device has done all that was submitted to it so far.
    ///
    /// # Errors
    /// [`DeviceMemoryError::Lost`].
    pub fn wait(&self) -> Result<(), DeviceMemoryError> {
        let all = PollType::wait_indefinitely();
        self.poll(all, "finish its work").map(|_| ())
    }

    /// Calls that can fail. wgpu tells the callback of a loss, not the scope.
    pub(super) fn scoped<R>(
        &self,
        asked: Asked,
        call: impl FnOnce() -> R,
    ) -> Result<R, DeviceMemoryError> {
        let result = scoped(&self.device, asked, call);
        match self.loss.is_reported() {
            true => Err(DeviceMemoryError::Lost {
                action: asked.action,
            }),
            false => result,
        }
    }

    /// Waits for a submission, and for the callbacks that follow it: whether it was done in time.
    pub(super) fn wait_for(
        &self,
        submission: &wgpu::SubmissionIndex,
        timeout: Option<Duration>,
        action: &'static str,
    ) -> Result<bool, DeviceMemoryError> {
        let submission_index = Some(submission.clone());
        let wait = PollType::Wait {
            submission_index,
            timeout,
        };
        self.poll(wait, action)
    }

    /// Runs the callbacks of what is done.
    pub(super) fn run_callbacks(&self, action: &'static str) -> Result<(), DeviceMemoryError> {
        self.poll(PollType::Poll, action).map(|_| ())
    }

    /// Runs callbacks and waits, if asked to: whether that ended in time.
    fn poll(&self, poll: PollType, action: &'static str) -> Result<bool, DeviceMemoryError> {
        // wgpu panics where the driver cannot wait: it holds no lock of its own by then.
        let polled = catch_unwind(AssertUnwindSafe(|| self.device.poll(poll)));
        let polled = polled.unwrap_or_else(|panic| match is_of_wgpu(&*panic) {
            true => Err(PollError::WrongSubmissionIndex(0, 0)),
            // That of a callback of the engine.
            false => resume_unwind(panic),
        });
        match polled {
            _ if self.loss.is_reported() => Err(DeviceMemoryError::Lost { action }),
            Ok(_) => Ok(true),
            Err(PollError::Timeout) => Ok(false),
            // A submission that is not known was not accepted: the device was lost before.
            Err(PollError::WrongSubmissionIndex(..)) => {
                self.loss.report();
                Err(DeviceMemoryError::Lost { action })
            }
        }
    }
}

/// Whether wgpu panicked because the driver could not wait.
fn is_of_wgpu(panic: &(dyn Any + Send)) -> bool {
    let text = panic.downcast_ref::<String>();
    text.is_some_and(|text| text.starts_with("Error in Device::poll"))
}

/// All devices that wgpu finds with the backends it was compiled with.
fn adapters() -> Result<Vec<Adapter>, DeviceMemoryError> {
    let none = |reason: &str| DeviceMemoryError::Unavailable {
        backend: "wgpu",
        reason: reason.to_owned(),
    };
    let backends = Instance::enabled_backend_features();
    if backends.is_empty() {
        return Err(none("wgpu was compiled without a backend for this system"));
    }
    let instance = Instance::new(InstanceDescriptor {
        backends,
        flags: wgpu::InstanceFlags::empty(),
        ..InstanceDescriptor::new_without_display_handle()
    });
    match ready(instance.enumerate_adapters(backends)) {
        Some(adapters) if !adapters.is_empty() => Ok(adapters),
        _ => Err(none("there is no driver, or it has no device")),
    }
}

/// What wgpu says of a device. It does not say how much memory there is.
fn of_limits(info: &wgpu::AdapterInfo, limits: &wgpu::Limits) -> DeviceProperties {
    let kind = match info.device_type {
        DeviceType::DiscreteGpu => DeviceKind::Discrete,
        DeviceType::IntegratedGpu => DeviceKind::Integrated,
        DeviceType::VirtualGpu => DeviceKind::Virtual,
        DeviceType::Cpu => DeviceKind::Cpu,
        DeviceType::Other => DeviceKind::Other,
    };
    let mut properties = DeviceProperties::unlimited(info.name.clone(), kind);
    let copies = wgpu::COPY_BUFFER_ALIGNMENT;
    properties.offset_alignment = limits.min_storage_buffer_offset_alignment.into();
    properties.copy_alignment = copies;
    properties.largest_binding = limits.max_storage_buffer_binding_size / copies * copies;
    properties.largest_block = limits.max_buffer_size / copies * copies;
    properties
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn panics_of_others_are_not_taken_for_a_lost_device() {
        let of_wgpu = "Error in Device::poll: Parent device is lost".to_owned();
        assert!(is_of_wgpu(&of_wgpu));
        assert!(!is_of_wgpu(&"a callback fails".to_owned()));
        assert!(!is_of_wgpu(
            &"Error in Device::poll, in a text of another type"
        ));
    }
}
