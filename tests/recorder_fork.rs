//! `Recorder` in the child of a `fork`: the parent's recording is over there, and leaves no event
//! in the child's own.
//!
//! The recorder is this program's global allocator, so its own work would be recorded, too. There
//! is one test, because a child is a copy of all of it.
#![cfg(target_os = "linux")]

use std::{alloc::System, hint::black_box, panic::catch_unwind};

use orionrt::{Recorder, replay::OverflowPolicy};

#[global_allocator]
static ALLOC: Recorder<System> = Recorder::new(System);

fn start() -> bool {
    ALLOC.start(1000, OverflowPolicy::Newest).expect("memory")
}

/// Whether requests take the path on which events are written, by what the recorder says.
fn seems_to_record() -> bool {
    format!("{ALLOC:?}").contains("is_recording: true")
}

fn child() {
    drop(black_box(Box::new(1_u64)));
    assert!(!seems_to_record(), "the parent's recording ends here");
    assert!(start(), "the parent's recording is none of ours");
    let recording = ALLOC.stop().expect("started above");
    assert_eq!(recording.events(), [], "of the recorder's own");
    assert!(ALLOC.stop().is_none());
}

#[test]
fn the_recording_of_a_parent_leaves_no_trace_in_one_of_the_child() {
    assert!(start() && seems_to_record());
    // SAFETY: the child uses its own thread only, and ends by `_exit`.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        let is_wrong = catch_unwind(child).is_err();
        // SAFETY: ends the child at once.
        unsafe { libc::_exit(is_wrong.into()) }
    }
    let mut status = 0;
    // SAFETY: waits for the child above, and writes to `status` alone.
    let waited = unsafe { libc::waitpid(pid, &raw mut status, 0) };
    assert_eq!(waited, pid, "forked");
    assert_eq!(status, 0, "the child's");
    assert!(ALLOC.stop().is_some_and(|own| !own.events().is_empty()));
}
