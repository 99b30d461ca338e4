//! What a program does with each part of OrionRT that asks the system for something. Every scenario
//! checks contents as it goes, and counts what was refused to it.

use core::alloc::{GlobalAlloc, Layout};
use std::thread;

use orionrt::{
    Arena, ArenaError, OrionAlloc, Planner, ReplayAlloc, ReplayError,
    arena::{ArenaBuilder, HugePages},
};
use orionrt_testing::arena_blocks::MarkedBlock;

const MIB: usize = 1 << 20;

fn layout(size: usize, align: usize) -> Layout {
    Layout::from_size_align(size, align).expect("valid")
}

/// A block of a global allocator, filled with its mark.
struct Block {
    start: *mut u8,
    layout: Layout,
    mark: u8,
}

// SAFETY: owns its bytes.
unsafe impl Send for Block {}

impl Block {
    /// A block that was zero when it was allocated; `None` if it was refused.
    fn new(alloc: &impl GlobalAlloc, layout: Layout, mark: u8) -> Option<Self> {
        // SAFETY: the size is not zero.
        let start = unsafe { alloc.alloc_zeroed(layout) };
        if start.is_null() {
            return None;
        }
        assert_eq!(start.addr() % layout.align(), 0);
        let block = Self {
            start,
            layout,
            mark: 0,
        };
        block.check();
        // SAFETY: the block has so many bytes.
        unsafe { start.write_bytes(mark, layout.size()) };
        Some(Self { mark, ..block })
    }

    fn check(&self) {
        // SAFETY: the block has so many bytes, all written, and is this value's own.
        let bytes = unsafe { core::slice::from_raw_parts(self.start, self.layout.size()) };
        let expected = [self.mark; 4096];
        let mut chunks = bytes.chunks(4096);
        assert!(chunks.all(|chunk| *chunk == expected[..chunk.len()]));
    }

    /// Resizes the block; returns whether that was granted.
    fn resize(&mut self, alloc: &impl GlobalAlloc, size: usize) -> bool {
        // SAFETY: a live block with its layout; the size is not zero.
        let moved = unsafe { alloc.realloc(self.start, self.layout, size) };
        if moved.is_null() {
            self.check();
            return false;
        }
        let kept = layout(self.layout.size().min(size), self.layout.align());
        (self.start, self.layout) = (moved, kept);
        self.check();
        self.layout = layout(size, kept.align());
        // SAFETY: the block has so many bytes.
        unsafe { moved.write_bytes(self.mark, size) };
        true
    }

    fn free(self, alloc: &impl GlobalAlloc) {
        self.check();
        // SAFETY: a live block with its layout.
        unsafe { alloc.dealloc(self.start, self.layout) };
    }
}

/// The options of arenas, one after the other.
pub fn arenas() -> impl Iterator<Item = ArenaBuilder> {
    let arena = || Arena::builder().capacity(4 * MIB);
    [
        arena(),
        arena().prefault(true),
        arena().pinned(true),
        arena().huge_pages(HugePages::Always),
        arena().huge_pages(HugePages::Off).prefault(true),
        arena().numa_node(0),
    ]
    .into_iter()
}

/// Builds an arena and uses it; returns how many requests were refused.
pub fn use_arena(builder: ArenaBuilder) -> Result<usize, ArenaError> {
    let arena = builder.build()?;
    let mut refused = 0;
    for (mark, size) in (1..).zip([100, 70_000, 3 * MIB / 2]) {
        refused += usize::from(arena.reserve(size).is_err());
        match MarkedBlock::allocate(&arena, layout(size, 64), true, mark) {
            Ok(mut block) => {
                let grown = block.resize(&arena, layout(size * 2, 64), false, mark);
                refused += usize::from(grown.is_err());
                block.check();
                block.free(&arena);
            }
            Err(_) => refused += 1,
        }
        refused += usize::from(arena.purge().is_err());
    }
    assert!(arena.validate());
    assert_eq!(arena.stats().live_bytes, 0);
    Ok(refused)
}

/// Uses a heap from its first use on: grows it, purges it, has blocks move, and starts a thread.
/// Returns how many requests were refused.
pub fn use_heap(alloc: &OrionAlloc, in_thread: impl Fn() + Sync) -> usize {
    let work = || {
        let mut refused = 0;
        for round in 0..2 {
            let sizes = [16, 1000, 30_000, 200_000, MIB];
            let blocks = sizes.map(|size| Block::new(alloc, layout(size, 16), round + 1));
            let mut blocks: Vec<Block> = blocks.into_iter().flatten().collect();
            refused += sizes.len() - blocks.len();
            for block in &mut blocks {
                // Large ones move, and may be remapped.
                let size = block.layout.size();
                refused += usize::from(!block.resize(alloc, 2 * size));
                refused += usize::from(!block.resize(alloc, size / 2));
            }
            blocks.into_iter().for_each(|block| block.free(alloc));
            alloc.purge();
        }
        refused
    };
    let own = work();
    let others = thread::scope(|scope| {
        let thread = scope.spawn(|| {
            in_thread();
            work()
        });
        thread.join().expect("no panic")
    });
    assert_eq!(alloc.stats().live_bytes, 0);
    own + others
}

/// How the memory of a session is backed.
#[derive(Clone, Copy, Debug)]
pub struct Backing {
    pub huge_pages: HugePages,
    pub is_pinned: bool,
}

/// The ways to back the memory of a session.
pub const BACKINGS: [Backing; 3] = [
    Backing {
        huge_pages: HugePages::OnRequest,
        is_pinned: false,
    },
    Backing {
        huge_pages: HugePages::Always,
        is_pinned: false,
    },
    Backing {
        huge_pages: HugePages::Off,
        is_pinned: true,
    },
];

/// Records, plans and replays iterations with a helper; one of their blocks outlives the session.
/// Returns how many iterations were refused, for lack of memory, and how many requests were served
/// from plans.
pub fn use_sessions<A: GlobalAlloc + Sync + 'static>(
    alloc: &ReplayAlloc<A>,
    backing: Backing,
) -> (usize, u64) {
    let iteration = || {
        let block = |size| Block::new(alloc, layout(size, 64), 5).expect("the inner allocator's");
        let [first, second] = [100, 300_000].map(block);
        thread::scope(|scope| {
            scope.spawn(|| block(2000).free(alloc));
        });
        first.free(alloc);
        second
    };
    let mut session = alloc
        .session(Planner::new())
        .threshold(0)
        .lanes(1)
        .events(10_000);
    session = session
        .strict(true)
        .huge_pages(backing.huge_pages)
        .pinned(backing.is_pinned);
    let (mut refused, mut kept) = (0, None);
    for turn in 0..4 {
        let mut has_run = false;
        let outcome = session.run((), || {
            has_run = true;
            iteration()
        });
        assert_eq!(outcome.is_ok(), has_run);
        match outcome {
            Ok(block) if turn == 3 => kept = Some(block),
            Ok(block) => block.free(alloc),
            Err(ReplayError::Memory(_)) => {
                refused += 1;
                session.forget(&());
            }
            Err(other) => panic!("{other}"),
        }
    }
    let hits = session
        .report()
        .keys
        .iter()
        .map(|key| key.counts.hits)
        .sum();
    drop(session);
    if let Some(block) = kept {
        block.free(alloc);
    }
    alloc.reclaim();
    (refused, hits)
}
