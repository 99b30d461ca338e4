//! A `ReplayAlloc` inside another one, at the same address: each serves its own iterations only.

use std::alloc::{GlobalAlloc, Layout, System};

use orionrt::{Planner, ReplayAlloc};

/// Strictly aligned, so that the compiler puts it at the start of whatever holds it.
#[repr(align(4096))]
struct Padded(ReplayAlloc<System>);

// SAFETY: the inner allocator's calls, passed on.
unsafe impl GlobalAlloc for Padded {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: the caller's contract, passed on.
        unsafe { self.0.alloc(layout) }
    }

    unsafe fn dealloc(&self, start: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { self.0.dealloc(start, layout) }
    }
}

fn pair(allocator: &impl GlobalAlloc) -> *mut u8 {
    let layout = Layout::new::<[u64; 100]>();
    // SAFETY: the size is not zero, and the block is released with its layout.
    unsafe {
        let start = allocator.alloc(layout);
        start.write_bytes(7, layout.size());
        allocator.dealloc(start, layout);
        start
    }
}

#[test]
fn an_iteration_belongs_to_one_allocator() {
    let outer = ReplayAlloc::new(Padded(ReplayAlloc::new(System)));
    let inner = &outer.inner().0;
    for turn in 0..2 {
        let recording = match turn {
            0 => outer.record(|| pair(&outer)),
            _ => inner.record(|| pair(inner)),
        };
        let (_, recording) = recording.expect("not nested");
        assert_eq!(recording.events().len(), 2);
        let plan = Planner::new().plan(&recording.lifetimes(0).expect("small"));
        let plan = plan.expect("a plan");
        if turn == 0 {
            let mut replay = outer.replay(&recording, &plan).expect("room");
            let run = replay.run(|| (pair(&outer), pair(inner)));
            let ((planned, other), counts) = run.expect("not nested");
            assert_ne!(planned, other);
            assert_eq!((counts.hits, counts.requests()), (1, 1));
        } else {
            let mut replay = inner.replay(&recording, &plan).expect("room");
            // The outer one passes the request on to the inner one, whose iteration it is.
            let (_, counts) = replay.run(|| pair(&outer)).expect("not nested");
            assert_eq!((counts.hits, counts.requests()), (1, 1));
        }
    }
}
