//! The devices of this machine, by the backend that reaches them and their number: `vulkan:0`.
//!
//! Stands on `orionrt-devices`. Invariant: a backend that this program is built without is one that
//! cannot be used, never one without devices.

#![forbid(unsafe_code)]

use std::{fmt, str::FromStr};

use orionrt::{Plan, regions::RegionPlan};
use orionrt_devices::{DeviceKind, DeviceMemoryError, DeviceProperties};

use crate::failure::Failure;

/// What reaches the devices of a machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backend {
    Vulkan,
    Wgpu,
    Cuda,
}

impl Backend {
    pub(crate) const ALL: [Self; 3] = [Self::Vulkan, Self::Wgpu, Self::Cuda];

    /// The name on the command line, and of the feature.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Vulkan => "vulkan",
            Self::Wgpu => "wgpu",
            Self::Cuda => "cuda",
        }
    }

    /// The devices that it reaches.
    pub(crate) fn devices(self) -> Result<Vec<DeviceProperties>, DeviceMemoryError> {
        match self {
            #[cfg(feature = "vulkan")]
            Self::Vulkan => orionrt_devices::vulkan::devices(),
            #[cfg(feature = "wgpu")]
            Self::Wgpu => orionrt_devices::wgpu::devices(),
            #[cfg(feature = "cuda")]
            Self::Cuda => orionrt_devices::cuda::devices(),
            #[allow(unreachable_patterns, reason = "with all features there is no other")]
            missing => Err(DeviceMemoryError::Unavailable {
                backend: missing.name(),
                reason: format!(
                    "this program is built without it; cargo's option --features {} adds it",
                    missing.name()
                ),
            }),
        }
    }
}

/// A device by its backend and its number there, counted from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DeviceName {
    pub(crate) backend: Backend,
    pub(crate) index: usize,
}

impl fmt::Display for DeviceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.backend.name(), self.index)
    }
}

/// A name that is not that of a device with memory of its own.
#[derive(Debug)]
pub(crate) struct NotADevice;

impl FromStr for DeviceName {
    type Err = NotADevice;

    fn from_str(text: &str) -> Result<Self, NotADevice> {
        let (name, index) = text.split_once(':').ok_or(NotADevice)?;
        let mut all = Backend::ALL.into_iter();
        let backend = all.find(|backend| backend.name() == name);
        let index = index
            .bytes()
            .all(|digit| digit.is_ascii_digit())
            .then_some(index);
        let index = index.and_then(|index| index.parse().ok());
        let (backend, index) = backend.zip(index).ok_or(NotADevice)?;
        Ok(Self { backend, index })
    }
}

/// A device that a plan is for.
#[derive(Clone, Debug)]
pub(crate) struct PlannedDevice {
    pub(crate) name: DeviceName,
    pub(crate) properties: DeviceProperties,
}

impl PlannedDevice {
    /// Asks the driver about a device.
    pub(crate) fn find(name: DeviceName) -> Result<Self, Failure> {
        let failure = |error| Failure::DeviceMemory {
            device: name.to_string(),
            error,
        };
        let mut all = name.backend.devices().map_err(failure)?;
        let (index, devices) = (name.index, all.len());
        if index >= devices {
            return Err(failure(DeviceMemoryError::NoSuchDevice { index, devices }));
        }
        let properties = all.swap_remove(index);
        Ok(Self { name, properties })
    }

    /// The failure of a plan that divides tensors among several memories.
    pub(crate) fn is_one_memory(&self) -> Failure {
        let alignment = self.properties.plan_alignment();
        Failure::Usage(format!(
            "--device {}: --pool divides tensors among several memories, and a device is one, \
             expected its alignment alone: --alignment {alignment}",
            self.name
        ))
    }

    /// Fails if a plan cannot be laid into the device's memory.
    pub(crate) fn check(&self, plan: &Plan) -> Result<(), Failure> {
        let checked = self.properties.check(plan);
        self.answer(checked.and_then(|()| self.properties.check_heaps(plan.peak())))
    }

    /// Fails if the regions of a plan cannot each be a block of the device's memory, or are larger
    /// than it together.
    pub(crate) fn check_regions(&self, plan: &RegionPlan) -> Result<(), Failure> {
        let checked = self.properties.check_regions(plan);
        self.answer(checked.and_then(|()| self.properties.check_heaps(plan.total_bytes())))
    }

    fn answer(&self, checked: Result<(), DeviceMemoryError>) -> Result<(), Failure> {
        checked.map_err(|error| Failure::DeviceMemory {
            device: self.name.to_string(),
            error,
        })
    }
}

/// The device by its name here and in the driver.
impl fmt::Display for PlannedDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}, {}", self.name, self.properties.name)
    }
}

/// What sort of processor a device is, for people and programs.
pub(crate) fn kind_name(kind: DeviceKind) -> &'static str {
    match kind {
        DeviceKind::Discrete => "discrete GPU",
        DeviceKind::Integrated => "integrated GPU",
        DeviceKind::Virtual => "virtual GPU",
        DeviceKind::Cpu => "CPU",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use orionrt::{Lifetimes, Planner};
    use orionrt_devices::MemoryHeap;

    use super::*;

    #[test]
    fn a_device_is_a_backend_and_a_number() {
        for backend in Backend::ALL {
            let text = format!("{}:12", backend.name());
            let name: DeviceName = text.parse().expect(&text);
            assert_eq!((name.backend, name.index), (backend, 12));
            assert_eq!(name.to_string(), text);
        }
        let others = [
            "",
            "vulkan",
            "vulkan:",
            ":0",
            "vulkan:-1",
            "vulkan:+1",
            "Vulkan:0",
            "gpu:0",
        ];
        for text in others {
            assert!(text.parse::<DeviceName>().is_err(), "{text}");
        }
        assert!(
            "vulkan:99999999999999999999999"
                .parse::<DeviceName>()
                .is_err()
        );
    }

    #[test]
    fn a_plan_is_refused_by_its_device_with_what_is_needed() {
        let lifetimes = Lifetimes::from_rows([("x", 0, 1, 1024, 64)]).unwrap();
        let plan = Planner::new().plan(&lifetimes).unwrap();
        let mut properties = DeviceProperties::unlimited("small", DeviceKind::Other);
        let check = |properties: &DeviceProperties| {
            let name = "vulkan:3".parse().expect("a name");
            let properties = properties.clone();
            let checked = PlannedDevice { name, properties }.check(&plan);
            checked.map_err(|failure| failure.to_string())
        };
        assert_eq!(check(&properties), Ok(()));
        properties.heaps = [512, 1023]
            .map(|bytes| MemoryHeap {
                bytes,
                budget: None,
                device_local: true,
                host_visible: false,
            })
            .to_vec();
        assert_eq!(
            check(&properties).unwrap_err(),
            "vulkan:3: the device has no memory for a block of 1024 bytes; its heap has 1023 bytes"
        );
        properties.heaps[1].bytes = 1024;
        assert_eq!(check(&properties), Ok(()));
        properties.largest_binding = 1000;
        assert_eq!(
            check(&properties).unwrap_err(),
            "vulkan:3: tensor `x` has 1024 bytes, and a kernel of the device can be given at most \
             1000"
        );
    }
}
