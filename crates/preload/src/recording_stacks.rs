//! The stacks of a recording: taken without allocating, and told apart by a table of hashes.
//!
//! A stack's number is the place of its hash in the table. Whoever puts a hash there writes the
//! stack to the recording. Two stacks of one hash count as one; that a million stacks have two of
//! one hash has a chance of one in forty million. When the table is full, events have no stack.
//!
//! Invariant: nothing here allocates or locks. A number is new once in a process.

use core::{
    ptr,
    sync::atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering},
};

use orionrt_sys::mapping::Mapping;

use crate::settings::record_stacks;

/// The most frames of a stack.
const MOST_FRAMES: usize = 64;
/// How many places the table has, a power of two, and how many of them are tried for a stack.
const PLACES: usize = 1 << 20;
const MOST_TRIES: usize = 64;

/// The hashes, zero where there is none; null until a recording with stacks begins.
static HASHES: AtomicPtr<AtomicU64> = AtomicPtr::new(ptr::null_mut());
/// How many stacks there are.
static COUNT: AtomicUsize = AtomicUsize::new(0);

/// A stack of the calling thread.
pub(crate) struct CallStack {
    frames: [usize; MOST_FRAMES],
    len: usize,
    pub(crate) number: u32,
    /// Whether the recording does not have it yet.
    pub(crate) is_new: bool,
}

impl CallStack {
    /// The stack of the calls that led here; `None` without stacks, or if there are too many.
    #[inline(never)]
    pub(crate) fn here() -> Option<Self> {
        let hashes = hashes()?;
        let mut stack = Self {
            frames: [0; MOST_FRAMES],
            len: 0,
            number: 0,
            is_new: false,
        };
        stack.len = orionrt_stack::capture(&mut stack.frames);
        let (number, is_new) = number_of(hashes, hash(stack.frames()))?;
        (stack.number, stack.is_new) = (number, is_new);
        Some(stack)
    }

    /// The return addresses, innermost first.
    pub(crate) fn frames(&self) -> &[usize] {
        &self.frames[..self.len]
    }
}

/// Begins anew, for the recording of this process. Called by one thread, while no other one has a
/// recording.
pub(crate) fn begin() {
    HASHES.store(ptr::null_mut(), Ordering::Relaxed);
    COUNT.store(0, Ordering::Relaxed);
    if !record_stacks() {
        return;
    }
    let Ok(memory) = Mapping::reserve(PLACES * 8, 8) else {
        return;
    };
    if memory.commit(0..PLACES * 8).is_ok() {
        HASHES.store(memory.base().as_ptr().cast(), Ordering::Release);
        // Other threads use it from now on, to the end of the process.
        core::mem::forget(memory);
    }
}

/// Whether stacks are taken.
#[inline]
pub(crate) fn are_on() -> bool {
    !HASHES.load(Ordering::Relaxed).is_null()
}

/// Whether this many stacks are a reason to look which modules there are: a power of two.
pub(crate) fn is_time_for_modules() -> bool {
    COUNT.load(Ordering::Relaxed).is_power_of_two()
}

/// Whether there are stacks in this recording.
pub(crate) fn has_stacks() -> bool {
    COUNT.load(Ordering::Relaxed) > 0
}

fn hashes() -> Option<&'static [AtomicU64]> {
    let hashes = HASHES.load(Ordering::Acquire);
    if hashes.is_null() {
        return None;
    }
    // SAFETY: so many words of a mapping that `begin` keeps; zeros are atomics.
    Some(unsafe { core::slice::from_raw_parts(hashes, PLACES) })
}

/// The place of a hash, and whether it is new there.
fn number_of(hashes: &[AtomicU64], hash: u64) -> Option<(u32, bool)> {
    for tried in 0..MOST_TRIES {
        let at = (hash as usize).wrapping_add(tried) & (PLACES - 1);
        let found = hashes[at].compare_exchange(0, hash, Ordering::Relaxed, Ordering::Relaxed);
        match found {
            Ok(_) => {
                COUNT.fetch_add(1, Ordering::Relaxed);
                return Some((at as u32, true));
            }
            Err(other) if other == hash => return Some((at as u32, false)),
            Err(_) => {}
        }
    }
    None
}

/// A hash of a stack, never 0: each address is mixed into what was before it by a multiplication
/// whose halves are folded, as in wyhash.
fn hash(frames: &[usize]) -> u64 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let fold = |a: u64, b: u64| {
        let product = u128::from(a) * u128::from(b);
        product as u64 ^ (product >> 64) as u64
    };
    let mixed = frames.iter().fold(ODD, |hash, &frame| {
        fold(hash ^ frame as u64, ODD) ^ hash.rotate_left(23)
    });
    fold(mixed ^ frames.len() as u64, ODD).max(1)
}
