//! A release is logged before the block is released, and the next grant of its address afterwards,
//! both in a recording of a program and in one of an iteration.
//!
//! With threads it would take bad luck to see a wrong order. Here the inner allocator grants a
//! block again while it is being released, on the same thread.

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

/// Whoever asks for a block while one is being released gets that one.
struct Hasty;

thread_local! {
    /// What asks for a block during the next release.
    static OTHER: Cell<Option<Ask>> = const { Cell::new(None) };
    static SPARE: Cell<*mut u8> = const { Cell::new(ptr::null_mut()) };
}

// SAFETY: a block is `System`'s, or one that was released a moment ago and that nobody else has.
unsafe impl GlobalAlloc for Hasty {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        match SPARE.replace(ptr::null_mut()) {
            // SAFETY: the caller's contract, passed on.
            spare if spare.is_null() => unsafe { System.alloc(layout) },
            spare => spare,
        }
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        match OTHER.take() {
            // SAFETY: the caller's contract, passed on.
            None => unsafe { System.dealloc(start, layout) },
            Some(other) => {
                SPARE.set(start);
                assert_eq!(other(layout), start);
            }
        }
    }

    unsafe fn realloc(&self, start: *mut u8, old: Layout, size: usize) -> *mut u8 {
        let new = Layout::from_size_align(size, old.align()).unwrap();
        // SAFETY: the caller's contract; both blocks have the lesser of the sizes, and the old one
        // is released here.
        unsafe {
            let moved = System.alloc(new);
            ptr::copy_nonoverlapping(start, moved, size.min(old.size()));
            self.dealloc(start, old);
            moved
        }
    }
}

/// Releases a block and resizes one; each time another owner gets the address at once.
fn program(alloc: &'static impl GlobalAlloc, other: Ask) {
    let (small, large) = (Layout::new::<[u64; 4]>(), Layout::new::<[u64; 9]>());
    // SAFETY: sizes are not zero, and blocks are released with their layouts; the second owner's
    // block has the address of the first one's.
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
    let requests = recording.requests(0).iter();
    let ends: Vec<_> = requests.map(|r| (r.lower, r.upper)).collect();
    assert_eq!(ends, [(0, Some(1)), (2, Some(7)), (4, Some(6))]);
}

#[test]
fn a_recorded_program_logs_a_release_before_the_next_grant_of_its_address() {
    assert_eq!(RECORDER.start(100, OverflowPolicy::Oldest), Ok(true));
    // SAFETY: no layout here has size zero.
    program(&RECORDER, |layout| unsafe { RECORDER.alloc(layout) });
    assert_in_order(&RECORDER.stop().unwrap());
}

#[test]
fn a_recorded_iteration_logs_a_release_before_the_next_grant_of_its_address() {
    // SAFETY: as above.
    let iteration = || program(&REPLAY, |layout| unsafe { REPLAY.alloc(layout) });
    assert_in_order(&REPLAY.record(iteration).unwrap().1);
}
