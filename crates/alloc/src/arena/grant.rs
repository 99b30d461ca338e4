//! Memory that has just been granted, and how much of it is known to be zero.

use core::ptr::NonNull;

use orionrt_sys::checker;

/// Memory that has just been granted. From byte `zero_from` on it is zero already.
#[derive(Clone, Copy, Debug)]
pub(super) struct Grant {
    pub(super) start: NonNull<u8>,
    pub(super) zero_from: usize,
}

impl Grant {
    /// Zeroes bytes `from..to` of the grant, except for those that are zero already.
    ///
    /// # Safety
    /// The grant holds `to` bytes, and they are the caller's.
    pub(super) unsafe fn zero(&self, from: usize, to: usize) {
        let dirty_end = self.zero_from.min(to);
        if from < dirty_end {
            // SAFETY: within the first `to` bytes (caller).
            unsafe { self.start.add(from).write_bytes(0, dirty_end - from) };
        }
        // SAFETY: as above.
        checker::defined(unsafe { self.start.add(from) }, to - from);
    }
}
