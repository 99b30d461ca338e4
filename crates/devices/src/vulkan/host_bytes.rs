//! Bytes of a pinned arena of the host.
//!
//! Invariant: the bytes are the arena's until this is dropped; whoever has them imported into the
//! device keeps this longer than that.

use core::{alloc::Layout, ptr::NonNull};
use std::sync::Arc;

use allocator_api2::alloc::Allocator;
use orionrt_alloc::Arena;

use crate::{error::DeviceMemoryError, pinned::check_pinned};

pub(super) const ACTION: &str = "make memory for transfers in an arena";

/// A block of a pinned arena, given back when this is dropped.
pub(super) struct HostBytes {
    arena: Arc<Arena>,
    start: NonNull<u8>,
    layout: Layout,
}

// SAFETY: the bytes are of this value alone, and the arena can be used by every thread.
unsafe impl Send for HostBytes {}
// SAFETY: nothing but the address can be had through a shared reference.
unsafe impl Sync for HostBytes {}

impl HostBytes {
    /// Takes bytes of an arena, of zeros.
    pub(super) fn new(
        arena: &Arc<Arena>,
        bytes: u64,
        alignment: u64,
    ) -> Result<Self, DeviceMemoryError> {
        let refused = |answer: String| DeviceMemoryError::Refused {
            action: ACTION,
            answer,
        };
        check_pinned(arena, ACTION)?;
        let layout = usize::try_from(bytes)
            .ok()
            .zip(usize::try_from(alignment).ok())
            .and_then(|(bytes, alignment)| Layout::from_size_align(bytes, alignment).ok());
        let allocated =
            layout.and_then(|layout| arena.allocate_zeroed(layout).ok().zip(Some(layout)));
        let (start, layout) = allocated.ok_or_else(|| {
            let free = arena.stats().free_bytes;
            refused(format!(
                "it has no block of {bytes} bytes at a multiple of {alignment}; {free} bytes of it \
                 are free"
            ))
        })?;
        Ok(Self {
            arena: Arc::clone(arena),
            start: start.cast(),
            layout,
        })
    }

    /// The first byte.
    pub(super) fn start(&self) -> NonNull<u8> {
        self.start
    }

    /// How many bytes there are.
    pub(super) fn bytes(&self) -> u64 {
        self.layout.size() as u64
    }
}

impl Drop for HostBytes {
    fn drop(&mut self) {
        // SAFETY: allocated by this arena with this layout, and given back here alone.
        unsafe { self.arena.deallocate(self.start, self.layout) };
    }
}
