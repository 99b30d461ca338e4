//! Sessions on a system that runs out of memory: each call that they make is refused in turn.
//!
//! Checked, whichever is refused: errors only, no panic; an iteration that is refused has not run; blocks keep their contents, those that
//! outlive their session too; and when there is memory again, everything works and everything can be taken back.

use alloc::vec::Vec;
use core::alloc::{GlobalAlloc, Layout};
use std::alloc::System;

use super::{ReplayAlloc, ReplayError, Session};
use orionrt_alloc::arena::HugePages;
use orionrt_plan::planner::Planner;
use orionrt_sys::mapping::faults;

type Alloc = ReplayAlloc<System>;

/// A block that is full of its mark.
struct Block {
    start: *mut u8,
    layout: Layout,
    mark: u8,
}

impl Block {
    fn new(alloc: &Alloc, size: usize, mark: u8) -> Self {
        let layout = Layout::from_size_align(size, 64).unwrap();
        // SAFETY: the size is not zero, and the block has that many bytes.
        let start = unsafe {
            let start = alloc.alloc(layout);
            assert!(!start.is_null());
            start.write_bytes(mark, size);
            start
        };
        Self {
            start,
            layout,
            mark,
        }
    }

    fn free(self, alloc: &Alloc) {
        // SAFETY: a live block with its layout.
        unsafe {
            let bytes = core::slice::from_raw_parts(self.start, self.layout.size());
            assert!(bytes.iter().all(|&byte| byte == self.mark));
            alloc.dealloc(self.start, self.layout);
        }
    }
}

/// Three blocks, of which the middle one may be kept.
fn iteration(alloc: &Alloc, kept: Option<&mut Vec<Block>>) {
    let sizes = [100, 3 << 20, 70_000];
    let [first, middle, last] = sizes.map(|size| Block::new(alloc, size, size as u8 | 1));
    first.free(alloc);
    match kept {
        Some(kept) => kept.push(middle),
        None => middle.free(alloc),
    }
    last.free(alloc);
}

fn session(alloc: &Alloc) -> Session<'_, System, u8> {
    alloc.session(Planner::new()).huge_pages(HugePages::Always)
}

/// Some iterations, the third of which keeps a planned block, which is given back after the session's end. Returns how many were refused.
fn life(alloc: &Alloc) -> usize {
    let mut kept = Vec::new();
    let mut refused = 0;
    let mut session = session(alloc);
    for turn in 0..5 {
        let mut has_run = false;
        let run = session.run(turn % 2, || {
            has_run = true;
            iteration(alloc, (turn == 2).then_some(&mut kept));
        });
        assert_eq!(run.is_ok(), has_run);
        match run {
            Ok(()) => {}
            Err(ReplayError::Memory(_)) => {
                refused += 1;
                session.forget(&(turn % 2));
            }
            Err(other) => panic!("{other}"),
        }
    }
    drop(session);
    kept.into_iter().for_each(|block| block.free(alloc));
    alloc.reclaim();
    refused
}

/// All works, and leaves nothing behind.
fn check(alloc: &Alloc) {
    assert_eq!(life(alloc), 0);
    let left = alloc.range().unwrap().kept();
    assert_eq!(left, 0, "regions are left");
}

#[test]
fn a_refused_call_is_an_error_and_no_more() {
    let mut refused = 0;
    for call in 0.. {
        let alloc = Alloc::new(System);
        faults::refuse_only(call);
        refused += life(&alloc);
        let made = faults::calls_made();
        faults::refuse_after(None);
        check(&alloc);
        if made <= call {
            break;
        }
    }
    assert!(refused > 3, "{refused}");
}

#[test]
fn a_system_without_memory_is_an_error_until_it_has_some() {
    let mut refused = 0;
    for calls in 0.. {
        let alloc = Alloc::new(System);
        faults::refuse_after(Some(calls));
        refused += life(&alloc);
        let made = faults::calls_made();
        faults::refuse_after(None);
        check(&alloc);
        if made <= calls {
            break;
        }
    }
    assert!(refused > 10, "{refused}");
}
