//! The heap over an array that stands in for growing memory, judged by the oracle of heaps and by a
//! walk over all of its runs.

use alloc::alloc::{alloc_zeroed, dealloc};
use alloc::{collections::BTreeSet, vec::Vec};
use core::{
    alloc::{GlobalAlloc, Layout},
    cell::RefCell,
};

use orionrt_testing::heap_oracle::{HeapOracle, Subject};
use proptest::prelude::*;

use super::*;

/// The largest alignment that is asked for here, in bytes.
const MOST_ALIGN: usize = 1 << 20;
/// The number of the array's first unit.
const FIRST: u32 = (MOST_ALIGN / UNIT) as u32;
const PAGE_BYTES: usize = PAGE as usize * UNIT;

/// An array of pages.
struct Pages {
    array: *mut u8,
    most: u32,
    grown: u32,
    /// Those that the heap has grown.
    owned: u32,
}

impl Pages {
    fn new(most: u32) -> Self {
        // SAFETY: the size is not zero.
        let array = unsafe { alloc_zeroed(Self::layout(most)) };
        assert!(!array.is_null());
        Self {
            array,
            most,
            grown: 0,
            owned: 0,
        }
    }

    fn layout(most: u32) -> Layout {
        Layout::from_size_align(most as usize * PAGE_BYTES, MOST_ALIGN).unwrap()
    }

    /// Somebody else grows a page, and writes to it.
    fn grow_foreign(&mut self) {
        let page = self.grown as usize * PAGE_BYTES;
        self.grown += 1;
        assert!(self.grown <= self.most);
        // SAFETY: a page of the array, which is nobody's yet.
        unsafe { self.array.add(page).write_bytes(0xff, PAGE_BYTES) };
    }
}

// SAFETY: pages of the array, which is zero, are granted once and stay to its end; the heap alone
// uses those that it has grown.
unsafe impl GrowingMemory for Pages {
    fn end(&self) -> u32 {
        FIRST + self.grown * PAGE
    }

    fn grow(&mut self, pages: u32) -> bool {
        if pages > self.most - self.grown {
            return false;
        }
        self.grown += pages;
        self.owned += pages;
        true
    }

    fn pointer(&self, unit: u32) -> *mut u8 {
        let offset = (unit - FIRST) as usize * UNIT;
        assert!(offset < self.grown as usize * PAGE_BYTES);
        self.array.wrapping_add(offset)
    }

    fn unit(&self, pointer: *mut u8) -> u32 {
        let offset = pointer.addr() - self.array.addr();
        assert!(offset % UNIT == 0 && offset < self.grown as usize * PAGE_BYTES);
        FIRST + (offset / UNIT) as u32
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: allocated with this layout, and the heap goes with it.
        unsafe { dealloc(self.array, Self::layout(self.most)) };
    }
}

/// A heap, and whether it may say that there is no memory.
struct Judged {
    heap: RefCell<GrowingHeap<Pages>>,
    is_scarce: bool,
}

impl Judged {
    fn new(pages: u32, is_scarce: bool) -> Self {
        Self {
            heap: RefCell::new(GrowingHeap::new(Pages::new(pages))),
            is_scarce,
        }
    }

    fn owned(&self) -> u32 {
        self.heap.borrow().memory.owned
    }
}

// SAFETY: the heap's own contract, which the oracle judges.
unsafe impl GlobalAlloc for Judged {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        self.heap.borrow_mut().allocate(layout)
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's duty.
        unsafe { self.heap.borrow_mut().free(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, new_size: usize) -> *mut u8 {
        // SAFETY: the caller's duty.
        unsafe { self.heap.borrow_mut().resize(block, layout, new_size) }
    }
}

impl Subject for Judged {
    fn may_refuse(&self, layout: Layout, live: usize) -> bool {
        let most = self.heap.borrow().memory.most as usize * PAGE_BYTES;
        self.is_scarce && live + layout.size() + layout.align() > most / 3
    }
}

/// Runs, each by its first unit and its length.
type Runs = Vec<(u32, u32)>;

/// The free runs of a heap, and its cached blocks.
fn runs(heap: &GrowingHeap<Pages>) -> (Runs, Runs) {
    let (mut free, mut cached) = (Vec::new(), Vec::new());
    for bin in 0..=u8::MAX {
        let (mut run, mut before) = (heap.bins.head(bin), 0);
        while run != 0 {
            // SAFETY: a free run.
            let read = unsafe { heap.run(run).read() };
            // SAFETY: the last unit of a free run.
            let at_end = unsafe { heap.length_at_end(run + read.units - 1).read() };
            assert_eq!((read.previous, bin_of(read.units)), (before, bin));
            assert_eq!(at_end, read.units);
            free.push((run, read.units));
            (before, run) = (run, read.next);
        }
    }
    for (units, &head) in heap.cached.iter().enumerate() {
        let mut block = head;
        while block != 0 {
            cached.push((block, units as u32));
            // SAFETY: the first bytes of a cached block.
            block = unsafe { heap.memory.pointer(block).cast::<u32>().read() };
        }
    }
    (free, cached)
}

/// Checks the invariant of a heap whose live blocks have so many units; returns how many free runs
/// it has.
fn validate(heap: &GrowingHeap<Pages>, live: usize) -> usize {
    let (free, cached) = runs(heap);
    let mut all: Vec<_> = free.iter().chain(&cached).copied().collect();
    all.sort_unstable();
    for pair in all.windows(2) {
        assert!(pair[0].0 + pair[0].1 <= pair[1].0, "{pair:?} overlap");
    }
    let starts: BTreeSet<u32> = free.iter().map(|&(start, _)| start).collect();
    for &(start, units) in &free {
        assert!(!starts.contains(&(start + units)), "runs that touch");
    }
    let last = free.iter().map(|&(start, units)| start + units - 1);
    let marked: BTreeSet<u32> = last.chain(starts.iter().copied()).collect();
    let (origin, covered) = heap.ends.covered();
    for &unit in &marked {
        assert!((origin..origin + covered).contains(&unit));
        // SAFETY: covered.
        assert!(unsafe { heap.ends.get(unit) }, "unit {unit}");
    }
    assert_eq!(heap.ends.count(), marked.len());
    let known: u32 = all.iter().map(|&(_, units)| units).sum();
    let owned = heap.memory.owned * PAGE;
    assert_eq!(
        known as usize + live + (covered / TABLE_UNIT) as usize,
        owned as usize
    );
    free.len()
}

/// Checks the invariant of the oracle's heap.
fn checked(oracle: &HeapOracle<Judged>) -> usize {
    let units = |at| whole_units(oracle.layout(at).size());
    let live = (0..oracle.len()).map(units).sum();
    oracle.check_all();
    validate(&oracle.subject().heap.borrow(), live)
}

#[derive(Clone, Debug)]
enum Step {
    Allocate {
        size: usize,
        align: u32,
        is_zeroed: bool,
    },
    Resize(usize, usize),
    Free(usize),
    /// Somebody else makes the memory longer.
    Foreign,
}

fn sizes() -> impl Strategy<Value = usize> {
    prop_oneof![
        4 => 1..200usize,
        2 => 1..2000usize,
        1 => 1..40_000usize,
        1 => 60_000..300_000usize,
        1 => 1 << 20..5usize << 18,
    ]
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let aligns = prop_oneof![6 => 0..5u32, 1 => 5..17u32];
    let step = prop_oneof![
        8 => (sizes(), aligns, any::<bool>())
            .prop_map(|(size, align, is_zeroed)| Step::Allocate { size, align, is_zeroed }),
        4 => (any::<usize>(), sizes()).prop_map(|(at, size)| Step::Resize(at, size)),
        6 => any::<usize>().prop_map(Step::Free),
        1 => Just(Step::Foreign),
    ];
    proptest::collection::vec(step, 1..200)
}

/// Takes the steps; each must leave the heap as it has to be.
fn run(judged: &Judged, steps: &[Step]) {
    let mut oracle = HeapOracle::new(judged);
    for (number, step) in steps.iter().enumerate() {
        if number % 32 == 31 {
            checked(&oracle);
        }
        match *step {
            Step::Allocate {
                size,
                align,
                is_zeroed,
            } => {
                let layout = Layout::from_size_align(size, 1 << align).unwrap();
                oracle.allocate(layout, is_zeroed);
            }
            Step::Resize(at, size) if !oracle.is_empty() => {
                oracle.resize(at % oracle.len(), size);
            }
            Step::Free(at) if !oracle.is_empty() => oracle.free(at % oracle.len(), true),
            Step::Foreign if !judged.is_scarce => judged.heap.borrow_mut().memory.grow_foreign(),
            _ => {}
        }
    }
    checked(&oracle);
    oracle.free_all();
    judged.heap.borrow_mut().flush();
    let runs = checked(&oracle);
    if judged.is_scarce && judged.owned() > 0 {
        // All in one, but for the table.
        assert!(runs <= 2, "{runs} free runs in an empty heap");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn blocks_are_apart_and_keep_their_contents(steps in steps()) {
        run(&Judged::new(1200, false), &steps);
    }

    #[test]
    fn without_memory_the_answer_is_null_and_blocks_stay(steps in steps()) {
        run(&Judged::new(12, true), &steps);
    }
}

fn layout(size: usize, align: usize) -> Layout {
    Layout::from_size_align(size, align).unwrap()
}

#[test]
fn memory_of_one_length_serves_all_others_before_more_is_grown() {
    let judged = Judged::new(64, false);
    let mut oracle = HeapOracle::new(&judged);
    let mut pages = 0;
    for round in 0..3 {
        // Small blocks are cached, 1 MiB of each length in turn; then a block of half of that.
        for size in [16, 48, 400, 500, 1000, 30_000] {
            (0..(1 << 20) / size).for_each(|_| assert!(oracle.allocate(layout(size, 8), false)));
            oracle.free_all();
        }
        oracle.allocate(layout(1 << 19, 8), false);
        oracle.free_all();
        if round == 0 {
            pages = judged.owned();
            assert!(pages <= 18, "{pages} pages for 16 of blocks");
        }
    }
    assert_eq!(judged.owned(), pages);
}

#[test]
fn the_last_block_grows_with_the_memory_and_is_not_copied() {
    let judged = Judged::new(64, false);
    let mut heap = judged.heap.borrow_mut();
    let mut size = 1000;
    let block = heap.allocate(layout(size, 8));
    // Beyond 15 pages there is a table behind it.
    while size * 3 / 2 < 14 * PAGE_BYTES {
        // SAFETY: a live block with its layout.
        let grown = unsafe { heap.resize(block, layout(size, 8), size * 3 / 2) };
        assert_eq!(grown, block, "moved at {size} bytes");
        size = size * 3 / 2;
        assert!(heap.memory.owned as usize <= size / PAGE_BYTES + 2);
    }
}

#[test]
fn a_refused_block_costs_nothing() {
    let judged = Judged::new(8, true);
    let mut oracle = HeapOracle::new(&judged);
    assert!(oracle.allocate(layout(5 * PAGE_BYTES, 16), false));
    let owned = judged.owned();
    for size in [
        4 * PAGE_BYTES,
        isize::MAX as usize / 2,
        isize::MAX as usize - 15,
    ] {
        if let Ok(layout) = Layout::from_size_align(size, 16) {
            assert!(!oracle.allocate(layout, false));
        }
    }
    oracle.resize(0, 9 * PAGE_BYTES);
    assert_eq!(oracle.layout(0).size(), 5 * PAGE_BYTES);
    assert_eq!(judged.owned(), owned);
    oracle.resize(0, 7 * PAGE_BYTES);
    assert_eq!(oracle.layout(0).size(), 7 * PAGE_BYTES);
    checked(&oracle);
}

#[test]
fn memory_that_was_grown_for_a_block_is_found_behind_others_of_its_bin() {
    const UNITS: u32 = 65_600;
    let judged = Judged::new(300, false);
    let mut heap = judged.heap.borrow_mut();
    let units = |units: u32| layout(units as usize * UNIT, UNIT);
    // Room for 17 blocks in one run, and a table for them before it; then 16 of the blocks.
    let all = heap.allocate(units(17 * UNITS));
    // SAFETY: a live block with its layout.
    unsafe { heap.free(all, units(17 * UNITS)) };
    let blocks: Vec<*mut u8> = (0..16).map(|_| heap.allocate(units(UNITS))).collect();
    // What is left at the end has become a run of its bin before these blocks do.
    for &block in blocks.iter().step_by(2) {
        // SAFETY: a live block with its layout.
        unsafe { heap.free(block, units(UNITS)) };
    }
    let last = heap.free_at(heap.end);
    assert_eq!(
        bin_of(last + PAGE),
        bin_of(UNITS),
        "{last} units at the end"
    );
    assert!(last >= UNITS);
    let owned = heap.memory.owned;
    let long = heap.allocate(units(last + 1));
    assert!(!long.is_null());
    assert_eq!(heap.memory.owned, owned + 1);
    drop(heap);
    validate(&judged.heap.borrow(), (8 * UNITS + last + 1) as usize);
}

#[test]
fn aligned_blocks_leave_no_bytes_behind() {
    let judged = Judged::new(256, false);
    let mut oracle = HeapOracle::new(&judged);
    for round in 0..20 {
        for shift in 0..=20 {
            assert!(oracle.allocate(layout(24 << (shift % 7), 1 << shift), round % 2 == 0));
        }
        checked(&oracle);
        oracle.free_all();
    }
    assert!(judged.owned() <= 80, "{} pages", judged.owned());
    judged.heap.borrow_mut().flush();
    assert!(checked(&oracle) <= 3);
}
