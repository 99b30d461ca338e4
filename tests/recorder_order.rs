//! A release is written down before the block is given back, and its next owner afterwards, in a recording of a program and of an iteration.
//!
//! That takes two threads and bad luck to see. Here the inner allocator grants a block anew while it is being given back, in the same thread.
#![cfg(target_os = "linux")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
    ptr,
};

use orionrt::{
    Recorder, ReplayAlloc,
    replay::{EventKind, OverflowPolicy, Recording},
};

static RECORDER: Recorder<Hasty> = Recorder::new(Hasty);
static REPLAY: ReplayAlloc<Hasty> = ReplayAlloc::new(Hasty);

/// Asks for a block.
type Ask = fn(Layout) -> *mut u8;

/// Whoever asks for a block while one is given back gets that one.
struct Hasty;

thread_local! {
    /// Who is about to ask.
    static OTHER: Cell<Option<Ask>> = const { Cell::new(None) };
    static SPARE: Cell<*mut u8> = const { Cell::new(ptr::null_mut()) };
}

// SAFETY: a block is `System`'s, or one that was given back a moment ago and is in nobody else's hands.
unsafe impl GlobalAlloc for Hasty {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match SPARE.replace(ptr::null_mut()) {
            // SAFETY: the caller's duty, passed on.
            spare if spare.is_null() => unsafe { System.alloc(layout) },
            spare => spare,
        }
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        match OTHER.take() {
            // SAFETY: the caller's duty, passed on.
            None => unsafe { System.dealloc(start, layout) },
            Some(other) => {
                SPARE.set(start);
                assert_eq!(other(layout), start);
            }
        }
    }

    unsafe fn realloc(&self, start: *mut u8, old: Layout, size: usize) -> *mut u8 {
        let new = Layout::from_size_align(size, old.align()).unwrap();
        // SAFETY: the caller's duty; both blocks have the lesser of the sizes. The old one is given up here.
        unsafe {
            let moved = System.alloc(new);
            ptr::copy_nonoverlapping(start, moved, size.min(old.size()));
            self.dealloc(start, old);
            moved
        }
    }
}

/// A block is given back, and one is resized, and another owner is there at once; all is given back in the end.
fn program(alloc: &'static impl GlobalAlloc, other: Ask) {
    let (small, large) = (Layout::new::<[u64; 4]>(), Layout::new::<[u64; 9]>());
    // SAFETY: sizes are not zero, and blocks are given back with their layouts: the second owner's by the first one's name.
    unsafe {
        let block = alloc.alloc(small);
        OTHER.set(Some(other));
        alloc.dealloc(block, small);
        OTHER.set(Some(other));
        let moved = alloc.realloc(block, small, large.size());
        alloc.dealloc(block, small);
        alloc.dealloc(moved, large);
    }
}

fn assert_in_order(recording: &Recording) {
    use EventKind::{Allocate, Free, Resize, Resized};
    let events = recording.events();
    let kinds: Vec<EventKind> = events.iter().map(|event| event.kind).collect();
    assert_eq!(
        kinds,
        [
            Allocate, Free, Allocate, Resize, Allocate, Resized, Free, Free
        ]
    );
    assert!(
        events[..5]
            .iter()
            .all(|event| event.address == events[0].address)
    );
    let requests = recording.requests().iter();
    let ends: Vec<_> = requests.map(|r| (r.lower, r.upper)).collect();
    assert_eq!(ends, [(0, Some(1)), (2, Some(7)), (4, Some(6))]);
}

#[test]
fn in_a_recording_of_a_program() {
    assert_eq!(RECORDER.start(100, OverflowPolicy::Oldest), Ok(true));
    // SAFETY: no layout here has size zero.
    program(&RECORDER, |layout| unsafe { RECORDER.alloc(layout) });
    assert_in_order(&RECORDER.stop().unwrap());
}

#[test]
fn in_a_recording_of_an_iteration() {
    // SAFETY: as above.
    let iteration = || program(&REPLAY, |layout| unsafe { REPLAY.alloc(layout) });
    assert_in_order(&REPLAY.record(iteration).unwrap());
}
