//! What the machine has.

#![forbid(unsafe_code)]

use crate::os::{Os, System};

/// The bytes of memory and swap space together; `None` where the system does not tell. Allocates
/// nothing.
///
/// ```
/// if let Some(bytes) = orionrt_sys::machine::memory_and_swap() {
///     assert!(bytes > 1 << 20);
/// }
/// ```
#[must_use]
pub fn memory_and_swap() -> Option<u64> {
    Os::memory_and_swap()
}
