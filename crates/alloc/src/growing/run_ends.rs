//! Where free runs begin and end: a bit for each unit, set for the first and the last of a free
//! run.
//!
//! With it, blocks need no headers. Whoever frees a block knows its length, and two bits say
//! whether the unit before and the unit behind belong to free runs; those say themselves how long
//! they are.
//!
//! The table lies in the heap's own memory: 1/128 of what it covers. Invariant: it covers all units
//! of the heap and one on each side, whose bits are clear, and it is nobody else's memory.

use core::ptr;

/// A table in bytes; it covers `units` units from `origin` on.
pub(super) struct RunEnds {
    bytes: *mut u8,
    origin: u32,
    units: u32,
}

impl RunEnds {
    /// A table that covers nothing.
    pub(super) const fn new() -> Self {
        Self {
            bytes: ptr::null_mut(),
            origin: 0,
            units: 0,
        }
    }

    /// The first unit that the table covers, and how many there are.
    pub(super) fn covered(&self) -> (u32, u32) {
        (self.origin, self.units)
    }

    /// How many bits are set.
    #[cfg(test)]
    pub(super) fn count(&self) -> usize {
        let bytes = (0..self.units as usize / 8).map(|at| {
            // SAFETY: within the table.
            unsafe { self.bytes.add(at).read() }
        });
        bytes.map(|byte| byte.count_ones() as usize).sum()
    }

    /// Moves the table to another place, from which on it covers more units. Returns its old place,
    /// which is null if it had none.
    ///
    /// # Safety
    /// `bytes` are `units / 8` zeros in which the table may stay; `units` is a multiple of 8 and no
    /// less than what it covers now. A table that covers something keeps its origin.
    pub(super) unsafe fn move_to(&mut self, bytes: *mut u8, origin: u32, units: u32) -> *mut u8 {
        debug_assert!(units % 8 == 0 && units >= self.units);
        debug_assert!(self.units == 0 || origin == self.origin);
        let old = self.bytes;
        if self.units > 0 {
            // SAFETY: both tables are as long as the caller, and the one before, said; the new one
            // is in bytes that were free or fresh, so not in the old one.
            unsafe { ptr::copy_nonoverlapping(old, bytes, (self.units / 8) as usize) };
        }
        *self = Self {
            bytes,
            origin,
            units,
        };
        old
    }

    /// Whether a free run begins or ends with this unit.
    ///
    /// # Safety
    /// The table covers the unit.
    #[inline]
    pub(super) unsafe fn get(&self, unit: u32) -> bool {
        // SAFETY: the caller's duty.
        let (byte, bit) = unsafe { self.place(unit) };
        // SAFETY: within the table.
        unsafe { *byte & bit != 0 }
    }

    /// Notes that a free run begins or ends with this unit.
    ///
    /// # Safety
    /// That of [`get`](Self::get).
    #[inline]
    pub(super) unsafe fn set(&mut self, unit: u32) {
        // SAFETY: the caller's duty; within the table.
        unsafe {
            let (byte, bit) = self.place(unit);
            *byte |= bit;
        }
    }

    /// Notes that none does.
    ///
    /// # Safety
    /// That of [`get`](Self::get).
    #[inline]
    pub(super) unsafe fn clear(&mut self, unit: u32) {
        // SAFETY: the caller's duty; within the table.
        unsafe {
            let (byte, bit) = self.place(unit);
            *byte &= !bit;
        }
    }

    /// The byte and the bit of a unit.
    ///
    /// # Safety
    /// The table covers the unit.
    #[inline]
    unsafe fn place(&self, unit: u32) -> (*mut u8, u8) {
        let bit = unit.wrapping_sub(self.origin);
        debug_assert!(bit < self.units);
        // SAFETY: within the table, which has a bit for this unit.
        (
            unsafe { self.bytes.add((bit >> 3) as usize) },
            1 << (bit & 7),
        )
    }
}
