//! [`StackNumbers`]: numbers stacks of calls without locks: equal stacks get one number.
//!
//! A stack's number is the place of its hash in a table that is lent. The caller that puts a hash
//! there has to write the stack to the recording. Two stacks of one hash count as one; among a
//! million stacks, two share a hash with a chance of one in 37 million.
//!
//! ```text
//!   place   0      1      2          3             last
//!          ┌──────┬──────┬──────────┬──────┬─────┬───────────────────────────┐
//!   word   │ hash │ 0    │ given up │ hash │ ... │ number of stacks, plus 1  │
//!          └──────┴──────┴──────────┴──────┴─────┴───────────────────────────┘
//!                                                  0: the table is closed
//! ```
//!
//! Nothing here allocates, locks, panics or waits.
//!
//! Invariant: from the time a table is opened, each number is new to one caller, and is that of one
//! hash: a [`StackHash`] is neither 0 nor what a place has that was given up. The last word is
//! stored with `Release` after the places are zeros, so that whoever reads it with `Acquire` finds
//! no hash from before.

use crate::sync::{AtomicU64, Ordering};

/// How many places are tried for a stack.
const MOST_TRIES: usize = 64;
/// What a place has whose number was given up: no stack's hash.
const GIVEN_UP: u64 = 1;

/// The hash of a stack, by which [`StackNumbers`] tells it from others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct StackHash(u64);

impl StackHash {
    /// The hash of a stack by its return addresses: each address is mixed into what was before it
    /// by a multiplication whose halves are folded, as in wyhash (Wang Yi, 2019).
    #[must_use]
    pub fn of(frames: &[usize]) -> Self {
        const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
        let fold = |a: u64, b: u64| {
            let product = u128::from(a) * u128::from(b);
            product as u64 ^ (product >> 64) as u64
        };
        let mixed = frames.iter().fold(ODD, |hash, &frame| {
            fold(hash ^ frame as u64, ODD) ^ hash.rotate_left(23)
        });
        Self::from_bits(fold(mixed ^ frames.len() as u64, ODD))
    }

    /// The hash that another function has made: any 64 bits. Of the three smallest numbers it makes
    /// one.
    #[must_use]
    pub const fn from_bits(bits: u64) -> Self {
        match bits {
            0..=GIVEN_UP => Self(GIVEN_UP + 1),
            bits => Self(bits),
        }
    }
}

/// Numbers of stacks, which threads of a recorded process agree on.
///
/// ```
/// use orionrt_recording::{StackHash, StackNumbers};
/// use std::sync::atomic::AtomicU64;
///
/// let words: [AtomicU64; StackNumbers::words_for(8)] = Default::default();
/// let numbers = StackNumbers::over(&words).expect("eight places");
/// numbers.open();
/// let stack = StackHash::of(&[0x1000, 0x2000]);
/// let (number, is_new) = numbers.number_of(stack).expect("there is room");
/// assert!(is_new);
/// assert_eq!(numbers.number_of(stack), Some((number, false)));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct StackNumbers<'a> {
    places: &'a [AtomicU64],
    /// The number of stacks plus 1; 0 if the table is closed.
    count: &'a AtomicU64,
}

impl<'a> StackNumbers<'a> {
    /// The number of words of a table with so many places.
    #[must_use]
    pub const fn words_for(places: usize) -> usize {
        places + 1
    }

    /// The table in these words, which is closed if they are zeros; `None` if the number of places
    /// is not a power of two.
    #[must_use]
    pub fn over(words: &'a [AtomicU64]) -> Option<Self> {
        let (count, places) = words.split_last()?;
        let has_mask = places.len().is_power_of_two();
        has_mask.then_some(Self { places, count })
    }

    /// Opens a table whose words are zeros.
    pub fn open(&self) {
        self.count.store(1, Ordering::Release);
    }

    /// Whether stacks get numbers.
    #[must_use]
    #[inline]
    pub fn is_open(&self) -> bool {
        self.count.load(Ordering::Relaxed) != 0
    }

    /// How many numbers there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.count.load(Ordering::Relaxed).saturating_sub(1)
    }

    /// Whether there are no numbers.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The number of the stack with this hash, and whether the caller is the first to have it;
    /// `None` if the table is closed, or too full.
    #[must_use]
    pub fn number_of(&self, StackHash(hash): StackHash) -> Option<(u32, bool)> {
        if self.count.load(Ordering::Acquire) == 0 {
            return None;
        }
        for tried in 0..MOST_TRIES.min(self.places.len()) {
            let at = (hash as usize).wrapping_add(tried) & (self.places.len() - 1);
            // A stack that is known is found without a write, which other processors would wait
            // for.
            let mut found = self.places[at].load(Ordering::Relaxed);
            if found == 0 {
                let put =
                    self.places[at].compare_exchange(0, hash, Ordering::Relaxed, Ordering::Relaxed);
                let Err(other) = put else {
                    self.count.fetch_add(1, Ordering::Relaxed);
                    return Some((at as u32, true));
                };
                found = other;
            }
            if found == hash {
                return Some((at as u32, false));
            }
        }
        None
    }

    /// Gives up a number that was new to the caller, who could not write the stack: when that comes
    /// again, it is new again, by another number. Events of other threads that have got the number
    /// in the meantime name a stack that is in no recording.
    pub fn give_up(&self, number: u32) {
        if let Some(place) = self.places.get(number as usize) {
            place.store(GIVEN_UP, Ordering::Relaxed);
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn every_hash_is_new_once_and_none_is_that_of_a_place_that_was_given_up() {
        for bits in [0, GIVEN_UP, GIVEN_UP + 1, u64::MAX] {
            let words: [AtomicU64; StackNumbers::words_for(4)] = Default::default();
            let numbers = StackNumbers::over(&words).expect("four places");
            numbers.open();
            let stack = StackHash::from_bits(bits);
            let (number, is_new) = numbers.number_of(stack).expect("there is room");
            assert!(is_new);
            assert_eq!(numbers.number_of(stack), Some((number, false)), "{bits}");
            numbers.give_up(number);
            let (other, is_new) = numbers.number_of(stack).expect("there is room");
            assert!(is_new && other != number, "{bits}");
            assert_eq!(numbers.len(), 2);
        }
    }
}
