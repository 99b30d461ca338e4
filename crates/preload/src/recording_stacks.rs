//! The stacks of a recording: taken without allocating, and told apart by a table of
//! [numbers](StackNumbers). Who has a new number writes the stack to the recording. When the table
//! is full, events have no stack.
//!
//! A process keeps its table to its end, and a child of it begins with the same one, emptied.
//!
//! Invariant: nothing here allocates or locks. A number is new once in a process, and is that of
//! one stack.

use core::{
    ptr,
    sync::atomic::{AtomicPtr, AtomicU64, Ordering},
};

use orionrt_recording::{StackHash, StackNumbers};
use orionrt_sys::{
    mapping::{Mapping, PAGE},
    process::warn,
};

use crate::{
    recording_calls::clear,
    settings::{record_stacks, record_target},
};

/// The most frames of a stack.
const MOST_FRAMES: usize = 64;
/// The words of the table of numbers, with its places, a power of two.
const WORDS: usize = StackNumbers::words_for(1 << 20);

/// The table, whose memory stays; null until a recording with stacks begins.
static TABLE: AtomicPtr<AtomicU64> = AtomicPtr::new(ptr::null_mut());

/// A stack of the calling thread.
pub(crate) struct CallStack {
    frames: [usize; MOST_FRAMES],
    len: usize,
    pub(crate) number: u32,
    /// Whether the recording does not have it yet.
    pub(crate) is_new: bool,
}

impl CallStack {
    /// The stack of the calls that led here; `None` without stacks, or if there are too many. Asked
    /// for by who has a chunk of this process's recording, and so not before [`begin`] has emptied
    /// the table of a parent.
    #[inline(never)]
    pub(crate) fn here() -> Option<Self> {
        let numbers = numbers()?;
        let mut stack = Self {
            frames: [0; MOST_FRAMES],
            len: 0,
            number: 0,
            is_new: false,
        };
        stack.len = orionrt_stack::capture(&mut stack.frames);
        let (number, is_new) = numbers.number_of(StackHash::of(stack.frames()))?;
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
        if let Some(numbers) = numbers() {
            numbers.give_up(self.number);
        }
    }
}

/// Begins anew, for the recording of this process. Called by one thread, while no other one has a
/// recording.
pub(crate) fn begin() {
    let inherited = words();
    if !record_stacks() {
        TABLE.store(ptr::null_mut(), Ordering::Relaxed);
        return;
    }
    match inherited {
        // That of the process that this one is a child of, which closes it.
        // SAFETY: whole pages of a private mapping, from `new_table`, whose words are atomics.
        Some(words) => unsafe { clear(words) },
        None => match new_table() {
            Some(table) => TABLE.store(table, Ordering::Release),
            None => return refused(),
        },
    }
    if let Some(numbers) = numbers() {
        numbers.open();
    }
}

/// Memory for the table, which is kept to the end of the process.
fn new_table() -> Option<*mut AtomicU64> {
    let bytes = (WORDS * 8).next_multiple_of(PAGE);
    let memory = Mapping::reserve(bytes, 8).ok()?;
    memory.commit(0..bytes).ok()?;
    let table = memory.base().as_ptr().cast();
    core::mem::forget(memory);
    Some(table)
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
    numbers().is_some_and(|numbers| numbers.is_open())
}

/// Whether this many stacks are a reason to look which modules there are: a power of two.
pub(crate) fn is_time_for_modules() -> bool {
    numbers().is_some_and(|numbers| numbers.len().is_power_of_two())
}

/// Whether there are stacks in this recording.
pub(crate) fn has_stacks() -> bool {
    numbers().is_some_and(|numbers| !numbers.is_empty())
}

#[inline]
fn numbers() -> Option<StackNumbers<'static>> {
    StackNumbers::over(words()?)
}

#[inline]
fn words() -> Option<&'static [AtomicU64]> {
    let table = TABLE.load(Ordering::Acquire);
    if table.is_null() {
        return None;
    }
    // SAFETY: so many words of a mapping that `begin` keeps; zeros are atomics.
    Some(unsafe { core::slice::from_raw_parts(table, WORDS) })
}
