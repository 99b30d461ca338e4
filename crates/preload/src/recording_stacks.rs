//! The stacks of a recording: taken without allocating, and told apart by a table of hashes.
//!
//! A stack's number is the place of its hash in the table. Whoever puts a hash there writes the
//! stack to the recording. Two stacks of one hash count as one; that a million stacks have two of
//! one hash has a chance of one in forty million. When the table is full, events have no stack.
//!
//! A process keeps its table to its end, and a child of it begins with the same one, emptied.
//!
//! Invariant: nothing here allocates or locks. A number is new once in a process, and is that of
//! one stack.

use core::{
    ptr,
    sync::atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering},
};

use orionrt_sys::{mapping::Mapping, process::warn};

use crate::{
    recording_calls::clear,
    settings::{record_stacks, record_target},
};

/// The most frames of a stack.
const MOST_FRAMES: usize = 64;
/// How many places the table has, a power of two, and how many of them are tried for a stack.
const PLACES: usize = 1 << 20;
const MOST_TRIES: usize = 64;
/// What a place has whose number was given up: no stack's hash.
const GIVEN_UP: u64 = 1;

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

    /// Gives up the number of a new stack that could not be written: when it comes again, it is new
    /// again, by another number.
    pub(crate) fn give_up(&self) {
        if let Some(place) = hashes().and_then(|hashes| hashes.get(self.number as usize)) {
            place.store(GIVEN_UP, Ordering::Relaxed);
        }
    }
}

/// Begins anew, for the recording of this process. Called by one thread, while no other one has a
/// recording.
pub(crate) fn begin() {
    let inherited = hashes();
    HASHES.store(ptr::null_mut(), Ordering::Relaxed);
    COUNT.store(0, Ordering::Relaxed);
    if !record_stacks() {
        return;
    }
    // Those of the process that this one is a child of. They stay mapped: a thread that has them
    // may still be at work.
    if let Some(hashes) = inherited {
        clear(hashes);
    }
    match inherited
        .map(|hashes| hashes.as_ptr().cast_mut())
        .or_else(new_table)
    {
        Some(hashes) => HASHES.store(hashes, Ordering::Release),
        None => refused(),
    }
}

/// Memory for the hashes, which is kept to the end of the process.
fn new_table() -> Option<*mut AtomicU64> {
    let memory = Mapping::reserve(PLACES * 8, 8).ok()?;
    memory.commit(0..PLACES * 8).ok()?;
    let hashes = memory.base().as_ptr().cast();
    core::mem::forget(memory);
    Some(hashes)
}

/// Says on standard error that the recording has no stacks.
#[cold]
fn refused() {
    let target = record_target().and_then(|target| core::str::from_utf8(target).ok());
    let target = target.unwrap_or("(not UTF-8)");
    warn(&["orionrt: no stacks in ", target, ": no memory\n"]);
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
        // A stack that is known is found without a write, which other processors would wait for.
        let mut found = hashes[at].load(Ordering::Relaxed);
        if found == 0 {
            let put = hashes[at].compare_exchange(0, hash, Ordering::Relaxed, Ordering::Relaxed);
            let Err(other) = put else {
                COUNT.fetch_add(1, Ordering::Relaxed);
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

/// A hash of a stack, above [`GIVEN_UP`]: each address is mixed into what was before it by a
/// multiplication whose halves are folded, as in wyhash.
fn hash(frames: &[usize]) -> u64 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let fold = |a: u64, b: u64| {
        let product = u128::from(a) * u128::from(b);
        product as u64 ^ (product >> 64) as u64
    };
    let mixed = frames.iter().fold(ODD, |hash, &frame| {
        fold(hash ^ frame as u64, ODD) ^ hash.rotate_left(23)
    });
    fold(mixed ^ frames.len() as u64, ODD).max(GIVEN_UP + 1)
}
