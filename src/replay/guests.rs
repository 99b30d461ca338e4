//! Requests that got the block of another one: what only smaller shapes ask for, or what nothing
//! was known of yet.
//!
//! A guest that stays beyond its iteration, such as a table that an engine keeps for each length,
//! would keep the block from its owner. So the blocks of [`Guests`] are noted: where some stay, the
//! plan moves to another region, and does without guests when that has happened some times.
//!
//! Invariant: nothing here is trusted. At most [`NOTED`] blocks are noted in an iteration, by
//! relaxed operations of all of its threads.

#![forbid(unsafe_code)]

use orionrt_sys::sync::atomic::{AtomicU32, Ordering};

const NOTED: usize = 16;
/// A guest takes at least one part in so many of its block.
const LEAST_PART: usize = 16;

#[derive(Debug)]
pub(super) struct Guests {
    /// One plus the number of the block of each guest, or 0.
    blocks: [AtomicU32; NOTED],
    count: AtomicU32,
    are_welcome: bool,
}

impl Guests {
    /// No guests yet; whether there may be some.
    pub(super) fn new(are_welcome: bool) -> Self {
        Self {
            blocks: core::array::from_fn(|_| AtomicU32::new(0)),
            count: AtomicU32::new(0),
            are_welcome,
        }
    }

    /// Whether a request of so many bytes may get the block of one of `expected` bytes. A small one
    /// that stayed would keep too much from others.
    pub(super) fn may_come(&self, asked: usize, expected: usize) -> bool {
        self.are_welcome && asked >= expected / LEAST_PART
    }

    /// A guest has this block, or will try to get it.
    pub(super) fn note(&self, block: u32) {
        let at = self.count.load(Ordering::Relaxed);
        if let Some(noted) = self.blocks.get(at as usize) {
            noted.store(block.wrapping_add(1), Ordering::Relaxed);
            self.count.store(at + 1, Ordering::Relaxed);
        }
    }

    /// The blocks that were noted.
    pub(super) fn blocks(&self) -> impl Iterator<Item = u32> + '_ {
        let noted = self.blocks.iter();
        noted.filter_map(|block| block.load(Ordering::Relaxed).checked_sub(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_guests_are_noted() {
        let guests = Guests::new(true);
        for block in 10..50 {
            guests.note(block);
        }
        assert!(guests.blocks().eq(10..10 + NOTED as u32));
        assert_eq!(Guests::new(true).blocks().count(), 0);
        assert!(guests.may_come(1000, 16_000) && !guests.may_come(900, 16_000));
        assert!(!Guests::new(false).may_come(1000, 16_000));
    }
}
