//! Arenas of the host that devices may use: their pages stay where they are.

use orionrt_alloc::Arena;

use crate::error::DeviceMemoryError;

/// Checks that an arena is pinned; `action` is what it is to be used for.
pub(crate) fn check_pinned(arena: &Arena, action: &'static str) -> Result<(), DeviceMemoryError> {
    match arena.is_pinned() {
        true => Ok(()),
        false => Err(DeviceMemoryError::Refused {
            action,
            answer: "the arena is not pinned".to_owned(),
        }),
    }
}
