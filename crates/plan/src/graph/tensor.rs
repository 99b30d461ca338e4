//! Tensors and devices as a graph declares them.
//!
//! Stands on [`DeviceId`]. Plain values; `build` checks them.

use alloc::string::String;
use core::alloc::Layout;

use crate::ids::DeviceId;

/// A tensor as the graph knows it: a name and the bytes it needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tensor {
    pub(super) name: String,
    pub(super) layout: Layout,
    pub(super) device: DeviceId,
}

impl Tensor {
    /// The name given to [`GraphBuilder::tensor`](super::GraphBuilder::tensor).
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Size and alignment in bytes.
    #[must_use]
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// The device in whose memory the tensor lies.
    #[must_use]
    pub fn device(&self) -> DeviceId {
        self.device
    }
}

/// A device as the graph knows it: a name and the alignment that its memory demands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Device {
    pub(super) name: String,
    pub(super) alignment: u64,
}

impl Device {
    /// The name given to [`GraphBuilder::device`](super::GraphBuilder::device); "host" for the
    /// host.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The least alignment of a tensor on this device, in bytes.
    #[must_use]
    pub fn alignment(&self) -> u64 {
        self.alignment
    }
}
