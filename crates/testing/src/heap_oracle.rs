//! The live blocks of a `GlobalAlloc` as ranges of addresses, and what must be true of them: they
//! are aligned, no two share a byte, each keeps what was written to it, a zeroed one is zero, and
//! memory is refused only where that is right.
//!
//! A block holds words that follow from its tag and their places: all words of a small one; of a
//! larger one the first, the last and a few in between; of one in 32 also a word of every page. So
//! a step costs about the same whatever its size. Blocks that overlap are found by their ranges,
//! also where nothing was written; [`crate::blocks`] finds them by contents alone.

use std::{
    alloc::{GlobalAlloc, Layout},
    collections::BTreeMap,
    slice,
};

use crate::random::mix;

/// The allocator that is judged.
pub trait Subject: GlobalAlloc {
    /// Gives free memory back to the system.
    fn purge(&self) {}

    /// Whether null is a right answer for this layout while `live` bytes are in use.
    fn may_refuse(&self, layout: Layout, live: usize) -> bool {
        let _ = (layout, live);
        false
    }

    /// Compares the subject's own counts with the oracle's.
    fn check_totals(&self, totals: Totals) {
        let _ = totals;
    }
}

/// What the oracle has counted.
#[derive(Clone, Copy, Debug)]
pub struct Totals {
    /// Live blocks.
    pub blocks: u64,
    /// The bytes that live blocks were asked for with.
    pub bytes: usize,
    /// How often memory was refused.
    pub refused: u64,
}

/// The size of a page, or less.
const PAGE: usize = 4096;
/// Blocks up to this size have all of their words written.
const SMALL: usize = 64;
/// How many words between the first and the last are written in a larger block.
const BETWEEN: u64 = 6;
/// Zeroed blocks up to this size are read whole; of most larger ones, parts are.
const READ_WHOLE: usize = 64 << 10;
/// One block in so many has a word in every page, or is read whole.
const THOROUGH: u64 = 32;

#[derive(Clone, Copy)]
struct Live {
    start: *mut u8,
    layout: Layout,
    tag: u64,
}

/// The live blocks of a subject.
pub struct HeapOracle<'s, S> {
    subject: &'s S,
    live: Vec<Live>,
    /// The end of the block that starts at the key.
    ends: BTreeMap<usize, usize>,
    bytes: usize,
    tags: u64,
    refused: u64,
}

// SAFETY: the blocks' bytes are the oracle's alone.
unsafe impl<S: Sync> Send for HeapOracle<'_, S> {}

impl<'s, S: Subject> HeapOracle<'s, S> {
    /// An oracle of a subject whose blocks, if it has any, are none of the oracle's.
    pub fn new(subject: &'s S) -> Self {
        Self {
            subject,
            live: Vec::new(),
            ends: BTreeMap::new(),
            bytes: 0,
            tags: 0,
            refused: 0,
        }
    }

    /// The allocator that is judged.
    pub fn subject(&self) -> &'s S {
        self.subject
    }

    /// How many blocks are live.
    pub fn len(&self) -> usize {
        self.live.len()
    }

    /// Whether no block is live.
    pub fn is_empty(&self) -> bool {
        self.live.is_empty()
    }

    /// The bytes that live blocks were asked for with.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// The layout of a live block.
    pub fn layout(&self, index: usize) -> Layout {
        self.live[index].layout
    }

    /// What has been counted.
    pub fn totals(&self) -> Totals {
        Totals {
            blocks: self.live.len() as u64,
            bytes: self.bytes,
            refused: self.refused,
        }
    }

    /// Allocates a block; returns whether there was memory.
    pub fn allocate(&mut self, layout: Layout, zeroed: bool) -> bool {
        // SAFETY: no layout here has size zero.
        let start = unsafe {
            if zeroed {
                self.subject.alloc_zeroed(layout)
            } else {
                self.subject.alloc(layout)
            }
        };
        let Some(live) = self.granted(start, layout) else {
            return false;
        };
        if zeroed {
            live.check_zeroed();
        }
        live.fill();
        self.live.push(live);
        true
    }

    /// Resizes a block; it stays as it is if there is no memory.
    pub fn resize(&mut self, index: usize, size: usize) {
        let old = self.live[index];
        old.check(old.layout.size());
        // The old range is nobody's during the call, so that the new one may be judged alone.
        self.forget(old);
        // SAFETY: a live block with its layout; the size is not zero.
        let start = unsafe { self.subject.realloc(old.start, old.layout, size) };
        let layout = Layout::from_size_align(size, old.layout.align()).expect("a valid layout");
        match self.granted(start, layout) {
            Some(live) => {
                let moved = Live { start, ..old };
                moved.check(old.layout.size().min(size));
                live.fill();
                self.live[index] = live;
            }
            None => {
                old.check(old.layout.size());
                self.note(old);
            }
        }
    }

    /// Checks a block and gives it back; `dirty` first writes what is neither zero nor its tag.
    pub fn free(&mut self, index: usize, dirty: bool) {
        let block = self.live.swap_remove(index);
        self.forget(block);
        block.check(block.layout.size());
        let size = block.layout.size();
        // SAFETY: a live block with its layout, whose bytes nobody reads again; given up here.
        unsafe {
            if dirty {
                block.start.write_bytes(0xff, size.min(READ_WHOLE));
                block.start.add(size - 1).write(0xff);
            }
            self.subject.dealloc(block.start, block.layout);
        }
    }

    /// Checks the contents of a block.
    pub fn check(&self, index: usize) {
        self.live[index].check(usize::MAX);
    }

    /// Checks the contents of all blocks, and the subject's counts.
    pub fn check_all(&self) {
        self.live.iter().for_each(|block| block.check(usize::MAX));
        self.subject.check_totals(self.totals());
    }

    /// Gives all blocks back.
    pub fn free_all(&mut self) {
        (0..self.live.len())
            .rev()
            .for_each(|at| self.free(at, at % 2 == 0));
        assert_eq!(self.bytes, 0);
    }

    /// Checks all blocks and knows them no more: they are leaked, or their heap is dropped whole.
    pub fn forget_all(&mut self) {
        self.check_all();
        self.live.clear();
        self.ends.clear();
        self.bytes = 0;
    }

    /// Judges an answer; notes the block if it is one.
    fn granted(&mut self, start: *mut u8, layout: Layout) -> Option<Live> {
        if start.is_null() {
            let right = self.subject.may_refuse(layout, self.bytes);
            assert!(right, "refused with {} bytes live: {layout:?}", self.bytes);
            self.refused += 1;
            return None;
        }
        assert_eq!(
            start.addr() % layout.align(),
            0,
            "misaligned: {start:p} for {layout:?}"
        );
        self.tags += 1;
        let live = Live {
            start,
            layout,
            tag: self.tags,
        };
        self.note(live);
        Some(live)
    }

    /// Notes a block, which must not share a byte with another.
    fn note(&mut self, block: Live) {
        let (start, end) = block.range();
        let before = self.ends.range(..end).next_back();
        if let Some((&other, &other_end)) = before {
            let apart = other_end <= start;
            assert!(
                apart,
                "{start:#x}..{end:#x} overlaps {other:#x}..{other_end:#x}"
            );
        }
        self.ends.insert(start, end);
        self.bytes += block.layout.size();
    }

    fn forget(&mut self, block: Live) {
        let (start, end) = block.range();
        assert_eq!(self.ends.remove(&start), Some(end));
        self.bytes -= block.layout.size();
    }
}

impl Live {
    fn range(&self) -> (usize, usize) {
        let end = self.start.addr().checked_add(self.layout.size());
        (
            self.start.addr(),
            end.expect("a block ends within the address space"),
        )
    }

    fn is_thorough(&self) -> bool {
        self.tag % THOROUGH == 0
    }

    /// The words that are written, by their numbers.
    fn words(&self) -> impl Iterator<Item = usize> + use<> {
        let Live { layout, tag, .. } = *self;
        let count = layout.size().div_ceil(8);
        let is_small = layout.size() <= SMALL;
        let between = (0..if is_small { 0 } else { BETWEEN })
            .map(move |at| (mix(tag ^ at << 48) % count as u64) as usize);
        let step = match (is_small, self.is_thorough()) {
            (true, _) => 1,
            (_, true) => PAGE / 8,
            _ => count,
        };
        (0..count).step_by(step).chain([count - 1]).chain(between)
    }

    fn fill(&self) {
        for word in self.words() {
            let (at, text) = (word * 8, mix(self.tag ^ word as u64).to_ne_bytes());
            let len = 8.min(self.layout.size() - at);
            // SAFETY: within the block, whose bytes are the oracle's.
            unsafe {
                self.start
                    .add(at)
                    .copy_from_nonoverlapping(text.as_ptr(), len)
            };
        }
    }

    /// Panics unless its first `len` bytes hold what was written.
    fn check(&self, len: usize) {
        let end = self.layout.size().min(len);
        for word in self.words() {
            let at = word * 8;
            if at >= end {
                continue;
            }
            let len = 8.min(end - at);
            // SAFETY: within the block; these bytes were written.
            let found = unsafe { slice::from_raw_parts(self.start.add(at), len) };
            let right = mix(self.tag ^ word as u64).to_ne_bytes();
            let same = found == &right[..len];
            assert!(
                same,
                "overwritten at {at}: {:p}, {:?}",
                self.start, self.layout
            );
        }
    }

    fn check_zeroed(&self) {
        let size = self.layout.size();
        if size <= READ_WHOLE || self.is_thorough() {
            return self.check_zero(0, size);
        }
        let last = (size - 1) / PAGE * PAGE;
        for word in self.words() {
            let page = word * 8 / PAGE * PAGE;
            self.check_zero(page, PAGE.min(size - page));
        }
        self.check_zero(last, size - last);
    }

    fn check_zero(&self, from: usize, len: usize) {
        static ZEROS: [u8; PAGE] = [0; PAGE];
        // SAFETY: within the block, which was allocated zeroed, so initialised.
        let bytes = unsafe { slice::from_raw_parts(self.start.add(from), len) };
        let mut chunks = bytes.chunks(PAGE);
        let zero = chunks.all(|chunk| chunk == &ZEROS[..chunk.len()]);
        assert!(
            zero,
            "not zeroed in {from}..{}: {:?}",
            from + len,
            self.layout
        );
    }
}

#[cfg(test)]
mod tests {
    use std::{
        alloc::System,
        panic::{AssertUnwindSafe, catch_unwind},
        sync::atomic::{AtomicUsize, Ordering::Relaxed},
    };

    use super::*;
    use crate::blocks::layout;

    /// An allocator that makes one mistake, of a kind, with the block that has this number.
    #[derive(Default)]
    struct Wrong {
        kind: &'static str,
        at: usize,
        calls: AtomicUsize,
        last: AtomicUsize,
    }

    impl Subject for Wrong {}

    // SAFETY: not kept where it lies, which is the point; what it answers stays within memory that
    // is never given back.
    unsafe impl GlobalAlloc for Wrong {
        unsafe fn alloc(&self, asked: Layout) -> *mut u8 {
            let larger = layout(asked.size() + 2 * asked.align(), asked.align());
            // SAFETY: the size is not zero.
            let start = unsafe { System.alloc_zeroed(larger) };
            let wrong = self.calls.fetch_add(1, Relaxed) == self.at;
            let last = self.last.swap(start.addr(), Relaxed);
            match self.kind {
                "null" if wrong => std::ptr::null_mut(),
                "misaligned" if wrong => start.wrapping_add(asked.align() / 2),
                "overlaps" if wrong => start.with_addr(last),
                _ => start,
            }
        }

        unsafe fn alloc_zeroed(&self, asked: Layout) -> *mut u8 {
            // SAFETY: the caller's duty, passed on.
            let start = unsafe { self.alloc(asked) };
            if self.kind == "dirty" {
                // SAFETY: within the block.
                unsafe { start.add(asked.size() / 2).write(1) };
            }
            start
        }

        unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}

        unsafe fn realloc(&self, start: *mut u8, old: Layout, size: usize) -> *mut u8 {
            // SAFETY: the size is not zero.
            let moved = unsafe { self.alloc(layout(size, old.align())) };
            if self.kind != "forgets" {
                // SAFETY: both blocks hold so many bytes.
                unsafe { moved.copy_from_nonoverlapping(start, size.min(old.size())) };
            }
            moved
        }
    }

    fn use_all(kind: &'static str) -> std::thread::Result<()> {
        let subject = Wrong {
            kind,
            at: 3,
            ..Wrong::default()
        };
        catch_unwind(AssertUnwindSafe(|| {
            let mut oracle = HeapOracle::new(&subject);
            for size in [10, 1000, 100_000] {
                oracle.allocate(layout(size, 16), false);
                oracle.allocate(layout(size, 32), true);
            }
            oracle.resize(0, 5000);
            oracle.check_all();
            oracle.free_all();
        }))
    }

    #[test]
    fn each_mistake_of_an_allocator_is_noticed() {
        assert!(use_all("none").is_ok());
        for kind in ["null", "misaligned", "overlaps", "dirty", "forgets"] {
            assert!(use_all(kind).is_err(), "{kind}");
        }
    }

    #[test]
    fn a_block_that_another_wrote_to_is_noticed() {
        let mut oracle = HeapOracle::new(&System);
        oracle.allocate(layout(5000, 8), false);
        oracle.check_all();
        // SAFETY: within the block.
        unsafe { oracle.live[0].start.add(4999).write(7) };
        assert!(catch_unwind(AssertUnwindSafe(|| oracle.check_all())).is_err());
    }

    impl Subject for System {}
}
