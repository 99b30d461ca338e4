//! Arenas on a system that runs out of memory: each system call that an arena makes is refused in
//! turn.
//!
//! Checked, whichever call is refused: there are errors and no panic; contents survive, and zeroed
//! memory is zero; the invariants hold; and once there is memory again, all of the arena can be
//! had.

use alloc::vec::Vec;
use core::alloc::Layout;

use orionrt_sys::mapping::faults;
use orionrt_testing::{arena_blocks::MarkedBlock, machine::skipped};

use super::{Arena, ArenaBuilder, ArenaError};

const MIB: usize = 1 << 20;
/// Committed in several steps.
const CAPACITY: usize = 6 * MIB;

/// An arena with its live blocks, and how many of its operations failed.
struct Run {
    arena: Arena,
    live: Vec<MarkedBlock>,
    failures: usize,
}

impl Run {
    fn allocate(&mut self, size: usize) {
        let mark = self.live.len() as u8 + 1;
        match MarkedBlock::allocate(&self.arena, layout(size), true, mark) {
            Ok(block) => self.live.push(block),
            Err(_) => self.failures += 1,
        }
        self.check();
    }

    /// Grows the newest block.
    fn grow(&mut self, size: usize) {
        let mark = self.live.len() as u8 + 101;
        if let Some(block) = self.live.last_mut() {
            let grown = block.resize(&self.arena, layout(size), false, mark);
            self.failures += usize::from(grown.is_err());
        }
        self.check();
    }

    fn free(&mut self, index: usize) {
        if index < self.live.len() {
            self.live.remove(index).free(&self.arena);
        }
        self.check();
    }

    fn reserve(&mut self, bytes: usize) {
        self.failures += usize::from(self.arena.reserve(bytes).is_err());
        self.check();
    }

    fn purge(&mut self) {
        self.failures += usize::from(self.arena.purge().is_err());
        self.check();
    }

    fn check(&mut self) {
        assert!(self.arena.validate());
        let requested: usize = self.live.iter().map(|block| block.layout().size()).sum();
        let stats = self.arena.stats();
        assert_eq!(stats.requested_bytes, requested);
        assert!(stats.committed_bytes >= stats.live_bytes);
        self.live.iter_mut().for_each(MarkedBlock::check);
    }

    /// All operations of an arena, over several steps of committing.
    fn work(&mut self) {
        self.allocate(100);
        self.allocate(3000);
        self.grow(MIB + 7);
        self.reserve(2 * MIB);
        self.allocate(2 * MIB + 1);
        self.free(1);
        self.purge();
        self.allocate(MIB / 2);
        self.grow(MIB);
        self.reserve(usize::MAX);
        self.free(0);
        self.purge();
    }

    /// Once there is memory again, everything can be given back and allocated as one block.
    fn recover(mut self) {
        self.allocate(64);
        assert!(
            self.live
                .last()
                .is_some_and(|block| block.layout().size() == 64)
        );
        while !self.live.is_empty() {
            self.free(0);
        }
        self.arena.purge().unwrap();
        assert_eq!(self.arena.reserve(CAPACITY), Ok(CAPACITY));
        self.failures = 0;
        self.allocate(CAPACITY);
        assert_eq!((self.live.len(), self.failures), (1, 0));
        self.free(0);
    }
}

/// Builds an arena and works with it while some calls are refused, then recovers. Returns how many
/// calls were made before there was memory again, and whether anything failed.
fn run(builder: &ArenaBuilder, refuse: impl FnOnce()) -> (usize, bool) {
    refuse();
    let arena = match builder.clone().build() {
        Ok(arena) => arena,
        Err(error) => {
            let calls = faults::calls_made();
            faults::refuse_after(None);
            assert!(matches!(error, ArenaError::Memory(_)), "{error}");
            return (calls, true);
        }
    };
    let mut run = Run {
        arena,
        live: Vec::new(),
        failures: 0,
    };
    run.work();
    let outcome = (faults::calls_made(), run.failures > 0);
    faults::refuse_after(None);
    run.recover();
    outcome
}

fn layout(size: usize) -> Layout {
    Layout::from_size_align(size, 64).unwrap()
}

fn refuse_each_call(builder: &ArenaBuilder) {
    let (calls, failed) = run(builder, || faults::refuse_after(None));
    assert!(calls >= 4 && !failed, "{calls}");
    let mut noticed = 0;
    for call in 0.. {
        let (made, failed) = run(builder, || faults::refuse_after(Some(call)));
        noticed += usize::from(failed);
        let (made_with_one, _) = run(builder, || faults::refuse_only(call));
        if made.max(made_with_one) <= call {
            assert!(!failed && call == calls);
            break;
        }
    }
    // Every refusal while building is noticed. Some of the later ones are not: the arena tries
    // again with less.
    assert!(noticed >= 4, "{noticed} of {calls}");
}

fn builder() -> ArenaBuilder {
    Arena::builder().capacity(CAPACITY)
}

#[test]
fn a_plain_arena_survives_every_refusal() {
    refuse_each_call(&builder());
}

#[test]
fn a_prefaulted_arena_survives_every_refusal() {
    refuse_each_call(&builder().prefault(true));
}

#[test]
fn a_pinned_arena_survives_every_refusal() {
    let pinned = builder().pinned(true);
    match pinned.clone().build() {
        Err(ArenaError::Memory(error)) if error.limit().is_some_and(|most| most < 6 << 20) => {
            skipped(error);
        }
        _ => refuse_each_call(&pinned),
    }
}

#[test]
fn an_arena_of_huge_pages_survives_every_refusal() {
    refuse_each_call(&builder().huge_pages(true));
    refuse_each_call(&builder().huge_pages(super::HugePages::Off).prefault(true));
}
