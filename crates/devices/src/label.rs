//! What errors call a device: its name, and which of the opened devices it is.
//!
//! A machine may have two devices of one name, and a program may open one twice.

use core::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

use crate::error::DeviceMemoryError;

/// The devices that this program has opened so far, or been given by an engine.
static OPENED: AtomicU64 = AtomicU64::new(0);

/// What errors call an opened device. A clone is of the same device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Label(Arc<str>);

impl Label {
    /// The label of a device of this name that has just been opened.
    pub(crate) fn of_opened(name: &str) -> Self {
        let number = OPENED.fetch_add(1, Ordering::Relaxed) + 1;
        Self(format!("device `{name}` (opened as number {number})").into())
    }

    /// The error for something of this device that was given to another one.
    pub(crate) fn given_to(&self, other: &Self, what: &'static str) -> DeviceMemoryError {
        DeviceMemoryError::OtherDevice {
            what,
            of: self.0.as_ref().into(),
            given_to: other.0.as_ref().into(),
        }
    }
}
