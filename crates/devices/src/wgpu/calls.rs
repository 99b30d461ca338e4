//! Calls of wgpu whose errors are values: error scopes around them, and futures that are ready at
//! once.
//!
//! Without a scope wgpu panics at an error. Invariant: every call that can fail runs in
//! [`scoped`], or gives its error back itself.

use core::{
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
};

use wgpu::{Device, Error, ErrorFilter};

use crate::error::DeviceMemoryError;

/// What wgpu is asked for, as errors name it.
#[derive(Clone, Copy)]
pub(super) struct Asked {
    /// What it is asked to do: `make a block`.
    pub action: &'static str,
    /// How much of the device's memory that takes, if it is more than a little.
    pub bytes: Option<u64>,
}

impl Asked {
    /// Something that takes hardly any of the device's memory.
    pub fn to(action: &'static str) -> Self {
        let bytes = None;
        Self { action, bytes }
    }

    fn refused(self, error: &Error) -> DeviceMemoryError {
        match (error, self.bytes) {
            (Error::OutOfMemory { .. }, Some(needed)) => {
                DeviceMemoryError::OutOfMemory { needed, heap: None }
            }
            _ => DeviceMemoryError::Refused {
                action: self.action,
                answer: error.to_string(),
            },
        }
    }
}

/// Runs a call of wgpu, and gives back its first error. Scopes belong to a thread, so an engine's
/// other threads are not disturbed.
pub(super) fn scoped<R>(
    device: &Device,
    asked: Asked,
    call: impl FnOnce() -> R,
) -> Result<R, DeviceMemoryError> {
    let scopes = [
        ErrorFilter::Internal,
        ErrorFilter::Validation,
        ErrorFilter::OutOfMemory,
    ]
    .map(|filter| device.push_error_scope(filter));
    let result = call();
    // The scope that was opened last is closed first.
    let errors = scopes.into_iter().rev().map(|scope| ready(scope.pop()));
    let first = errors.fold(None, |first, error| first.or(error.flatten()));
    first.map_or(Ok(result), |error| Err(asked.refused(&error)))
}

/// The value of a future that is ready, as all of wgpu's are outside of browsers.
pub(super) fn ready<F: Future>(future: F) -> Option<F::Output> {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => Some(value),
        Poll::Pending => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn out_of_memory() -> Error {
        let source = Box::new(std::io::Error::other("full"));
        Error::OutOfMemory { source }
    }

    #[test]
    fn memory_that_is_not_there_is_named() {
        let asked = Asked {
            action: "make a block",
            bytes: Some(4096),
        };
        let (needed, heap) = (4096, None);
        let named = DeviceMemoryError::OutOfMemory { needed, heap };
        assert_eq!(asked.refused(&out_of_memory()), named);
        let small = Asked::to("record a dispatch").refused(&out_of_memory());
        assert_eq!(
            small.to_string(),
            "the driver refused to record a dispatch: Out of Memory"
        );
    }

    #[test]
    fn a_future_that_is_not_ready_has_no_value() {
        assert_eq!(ready(async { 7 }), Some(7));
        assert_eq!(ready(core::future::pending::<u8>()), None);
    }
}
