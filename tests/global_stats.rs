//! The statistics of `OrionAlloc`: every number after every step of a known program, as fields,
//! JSON and text.
//!
//! The allocators are instances beside the test program's own. They are used from a thread that has
//! a cache of them, and from one that has a cache of another allocator and takes a lock for every
//! call.

use std::{
    alloc::{GlobalAlloc, Layout},
    collections::BTreeSet,
    fmt::Debug,
};

use orionrt::{OrionAlloc, heap::HeapStats};
use orionrt_testing::blocks::{Block, in_thread, layout};
use serde_json::Value;

const PAGE: usize = 4096;
const LARGEST_SMALL: usize = 32 << 10;

/// What the numbers should be computed from.
#[derive(Default)]
struct Expected {
    live: Vec<Layout>,
    /// For each allocation so far, the size of its class; 0 for a large block.
    allocated: Vec<usize>,
}

/// The size of the class that serves a layout; `None` for a large block.
fn class_size(stats: &HeapStats, layout: Layout) -> Option<usize> {
    let size = layout.pad_to_align().size();
    let is_small = size <= LARGEST_SMALL && layout.align() <= PAGE;
    let mut sizes = stats.classes.iter().map(|class| class.size);
    is_small.then(|| sizes.find(|&of| of >= size).unwrap())
}

/// The bytes of a large block, with its guard page in a hardened build.
fn large_size(layout: Layout) -> usize {
    layout.size().next_multiple_of(PAGE) + if cfg!(feature = "hardened") { PAGE } else { 0 }
}

impl Expected {
    fn allocate(&mut self, alloc: &OrionAlloc, layout: Layout) -> Block {
        let block = Block::new(alloc, layout, self.live.len() as u64);
        self.note_allocated(alloc, layout);
        block
    }

    fn note_allocated(&mut self, alloc: &OrionAlloc, layout: Layout) {
        self.live.push(layout);
        let class = class_size(&alloc.stats(), layout);
        self.allocated.push(class.unwrap_or(0));
    }

    fn note_freed(&mut self, layout: Layout) {
        let at = self.live.iter().position(|&live| live == layout);
        self.live.swap_remove(at.unwrap());
    }

    fn free(&mut self, alloc: &OrionAlloc, block: Block) {
        self.note_freed(block.layout());
        block.free(alloc);
    }

    fn resize(&mut self, alloc: &OrionAlloc, block: &mut Block, size: usize) {
        let (old, new) = (block.layout(), layout(size, block.layout().align()));
        block.resize(alloc, size, 0);
        self.note_freed(old);
        let stats = alloc.stats();
        if class_size(&stats, old) == class_size(&stats, new) {
            // It is still the same object.
            self.live.push(new);
        } else {
            self.note_allocated(alloc, new);
        }
    }

    fn check(&self, stats: &HeapStats) {
        self.check_sums(stats);
        self.check_classes(stats);
        let spans: usize = stats.classes.iter().map(|class| class.span_bytes).sum();
        assert_eq!(stats.used_bytes, spans + stats.large_bytes, "{stats}");
        assert!(stats.used_bytes <= stats.peak_bytes && stats.used_bytes <= stats.resident_bytes);
        assert!(stats.resident_bytes <= stats.committed_bytes);
        assert!(stats.committed_bytes <= stats.reserved_bytes);
        assert!(stats.largest_free_bytes <= stats.reserved_bytes - stats.used_bytes);
    }

    fn check_sums(&self, stats: &HeapStats) {
        let large: usize = self
            .live
            .iter()
            .filter(|&&layout| class_size(stats, layout).is_none())
            .map(|&layout| large_size(layout))
            .sum();
        let small: usize = self
            .live
            .iter()
            .filter_map(|&layout| class_size(stats, layout))
            .sum();
        let asked: usize = self.live.iter().map(Layout::size).sum();
        let (allocations, live) = (self.allocated.len() as u64, self.live.len() as u64);
        assert_eq!(stats.allocations, allocations, "{stats}");
        assert_eq!(stats.deallocations, allocations - live, "{stats}");
        assert_eq!(stats.requested_bytes, asked, "{stats}");
        assert_eq!(stats.live_bytes, small + large, "{stats}");
        assert_eq!(stats.large_bytes, large, "{stats}");
    }

    fn check_classes(&self, stats: &HeapStats) {
        let mut cached = 0;
        for class in &stats.classes {
            let of = |layout: &&Layout| class_size(stats, **layout) == Some(class.size);
            let allocated = self.allocated.iter().filter(|&&size| size == class.size);
            assert_eq!(class.allocations, allocated.count() as u64, "{class:?}");
            assert_eq!(class.live, self.live.iter().filter(of).count(), "{class:?}");
            let objects = class.live + class.cached + class.free;
            assert!(objects * class.size <= class.span_bytes, "{class:?}");
            assert!(class.span_bytes == 0 || objects > 0, "{class:?}");
            cached += class.cached * class.size;
        }
        assert_eq!(stats.cached_bytes, cached);
    }
}

const SIZES: [usize; 14] = [
    1, 15, 16, 17, 100, 1000, 1024, 1025, 4096, 9000, 32_768, 32_769, 100_000, 3_000_000,
];

/// Allocates, resizes and frees, and checks the numbers after every step.
fn steps(alloc: &OrionAlloc) {
    let mut expected = Expected::default();
    let mut blocks = Vec::new();
    for align in [1, 8, 64, 1024, PAGE, 16 * PAGE] {
        for size in SIZES {
            blocks.push(expected.allocate(alloc, layout(size, align)));
            expected.check(&alloc.stats());
        }
    }
    for round in 0..3 {
        for block in blocks
            .iter_mut()
            .filter(|block| block.layout().align() <= PAGE)
        {
            // Within the class, to another class, and between small and large; but not from large
            // to large.
            let size = block.layout().size();
            let size = [size - size / 40, size * 2, size / 3 + 1][round];
            if size.min(block.layout().size()) <= LARGEST_SMALL {
                expected.resize(alloc, block, size);
                expected.check(&alloc.stats());
            }
        }
    }
    while !blocks.is_empty() {
        let block = blocks.swap_remove(blocks.len() / 2);
        expected.free(alloc, block);
        expected.check(&alloc.stats());
    }
    assert_eq!(alloc.stats().live_bytes, 0);
}

#[test]
fn all_numbers_add_up_in_a_thread_with_a_cache() {
    let alloc = OrionAlloc::new().with_first_zone(1 << 20);
    in_thread(|| steps(&alloc));
    let stats = alloc.stats();
    assert_eq!((stats.caches, stats.failures), (1, 0));
}

#[test]
fn all_numbers_add_up_in_a_thread_with_a_cache_of_another_allocator() {
    let (first, second) = (OrionAlloc::new(), OrionAlloc::new());
    let kept = in_thread(|| {
        let kept = [100, 200].map(|size| Block::new(&first, layout(size, 8), 1));
        steps(&second);
        kept
    });
    assert_eq!((first.stats().caches, second.stats().caches), (1, 0));
    assert_eq!(first.stats().requested_bytes, 300);
    assert_eq!((first.stats().allocations, second.stats().failures), (2, 0));
    kept.into_iter().for_each(|block| block.free(&first));
    assert_eq!(first.stats().live_bytes, 0);
}

#[test]
fn a_resized_large_block_counts_as_one_block() {
    let alloc = OrionAlloc::new();
    let mut block = Block::new(&alloc, layout(100_000, 8), 1);
    for size in [200_000, 5_000_000, 300_000, 40_000] {
        block.resize(&alloc, size, 1);
        let stats = alloc.stats();
        assert_eq!(stats.allocations - stats.deallocations, 1);
        assert_eq!(stats.large_bytes, large_size(block.layout()));
        assert_eq!(stats.requested_bytes, size);
    }
    block.free(&alloc);
    assert_eq!(alloc.stats().used_bytes, 0);
}

#[test]
fn a_resize_between_small_and_large_counts_as_a_release_and_an_allocation() {
    let alloc = OrionAlloc::new();
    let mut block = Block::new(&alloc, layout(LARGEST_SMALL + 1, 8), 1);
    for (done, size) in [(1, LARGEST_SMALL), (2, 2 * LARGEST_SMALL), (3, 28 << 10)] {
        block.resize(&alloc, size, 1);
        let stats = alloc.stats();
        assert_eq!(
            (stats.allocations, stats.deallocations),
            (done + 1, done),
            "{stats}"
        );
    }
    block.free(&alloc);
}

#[test]
fn blocks_freed_by_other_threads_count_once() {
    let alloc = OrionAlloc::new();
    let blocks: Vec<_> = in_thread(|| {
        (0..1000)
            .map(|tag| Block::new(&alloc, layout(1 + tag % 300, 8), tag as u64))
            .collect()
    });
    let asked: usize = blocks.iter().map(|block| block.layout().size()).sum();
    let stats = alloc.stats();
    assert_eq!((stats.allocations, stats.requested_bytes), (1000, asked));
    let kept = in_thread(|| {
        let mut blocks = blocks;
        let kept = blocks.pop().unwrap();
        blocks.into_iter().for_each(|block| block.free(&alloc));
        kept
    });
    let stats = alloc.stats();
    assert_eq!((stats.allocations, stats.deallocations), (1000, 999));
    assert_eq!(stats.requested_bytes, kept.layout().size());
    kept.free(&alloc);
}

#[test]
fn failures_are_counted_and_the_peak_stays() {
    let alloc = OrionAlloc::new();
    let block = Block::new(&alloc, layout(3 << 20, 8), 1);
    block.free(&alloc);
    for refused in 1..4 {
        // SAFETY: the size is not zero.
        assert!(unsafe { alloc.alloc(layout(isize::MAX as usize - 4095, 8)) }.is_null());
        assert_eq!(alloc.stats().failures, refused);
    }
    alloc.purge();
    let stats = alloc.stats();
    let peak = large_size(layout(3 << 20, 8));
    assert_eq!((stats.allocations, stats.peak_bytes), (1, peak));
    assert_eq!(stats.used_bytes, 0);
    assert_eq!(stats.resident_bytes, stats.metadata_bytes);
}

/// All fields but limits and classes, by name.
fn fields(stats: &HeapStats) -> [(&'static str, u64); 18] {
    [
        ("allocations", stats.allocations),
        ("deallocations", stats.deallocations),
        ("failures", stats.failures),
        ("failures_over_limit", stats.failures_over_limit),
        ("failures_too_large", stats.failures_too_large),
        ("requested_bytes", stats.requested_bytes as u64),
        ("live_bytes", stats.live_bytes as u64),
        ("large_bytes", stats.large_bytes as u64),
        ("cached_bytes", stats.cached_bytes as u64),
        ("used_bytes", stats.used_bytes as u64),
        ("peak_bytes", stats.peak_bytes as u64),
        ("resident_bytes", stats.resident_bytes as u64),
        ("metadata_bytes", stats.metadata_bytes as u64),
        ("committed_bytes", stats.committed_bytes as u64),
        ("reserved_bytes", stats.reserved_bytes as u64),
        ("largest_free_bytes", stats.largest_free_bytes as u64),
        ("lost_bytes", stats.lost_bytes as u64),
        ("caches", stats.caches as u64),
    ]
}

fn limits(stats: &HeapStats) -> [(&'static str, Option<usize>); 3] {
    [
        ("limit_bytes", stats.limit_bytes),
        ("reserved_limit_bytes", stats.reserved_limit_bytes),
        ("largest_block_bytes", stats.largest_block_bytes),
    ]
}

/// The names of a struct's fields, from its derived `Debug`: an independent list of all of them.
fn field_names(value: &impl Debug) -> BTreeSet<String> {
    let text = format!("{value:#?}");
    let fields = text.lines().filter_map(|line| {
        let (name, _) = line.strip_prefix("    ")?.split_once(": ")?;
        (!name.starts_with(' ')).then(|| name.to_owned())
    });
    fields.collect()
}

fn member_names(json: &Value) -> BTreeSet<String> {
    json.as_object().unwrap().keys().cloned().collect()
}

fn check_json(stats: &HeapStats) {
    let json: Value = serde_json::from_str(&stats.json().to_string()).unwrap();
    assert_eq!(member_names(&json), field_names(stats));
    for (name, value) in fields(stats) {
        assert_eq!(json[name], value, "{name}");
    }
    for (name, limit) in limits(stats) {
        assert_eq!(json[name], Value::from(limit), "{name}");
    }
    let used = stats.classes.iter().filter(|class| class.allocations > 0);
    let classes = json["classes"].as_array().unwrap();
    assert_eq!(classes.len(), used.clone().count());
    for (class, json) in used.zip(classes) {
        assert_eq!(json["size"], class.size);
        assert_eq!(json["allocations"], class.allocations);
        assert_eq!(json["live"], class.live);
        assert_eq!(json["cached"], class.cached);
        assert_eq!(json["free"], class.free);
        assert_eq!(json["span_bytes"], class.span_bytes);
        assert_eq!(member_names(json), field_names(class));
    }
}

fn check_text(stats: &HeapStats) {
    let text = stats.to_string();
    let has = |number: u64| {
        let number = number.to_string();
        let mut words = text.split(|c: char| !c.is_ascii_digit());
        words.any(|word| word == number)
    };
    // The text leaves out the largest free block.
    for (name, value) in fields(stats) {
        let is_shown = name == "largest_free_bytes" || has(value);
        assert!(is_shown, "{name} {value} is not in:\n{text}");
    }
    let rows: Vec<_> = text.lines().skip_while(|l| !l.contains("class")).collect();
    let used = stats.classes.iter().filter(|class| class.allocations > 0);
    assert_eq!(rows.len(), 1 + used.clone().count());
    for (class, row) in used.zip(&rows[1..]) {
        let words: Vec<_> = row.split_whitespace().collect();
        let counts = [class.size, class.allocations as usize, class.live];
        assert_eq!(words[..3], counts.map(|count| count.to_string()), "{row}");
    }
}

#[test]
fn json_and_text_show_the_values_of_all_fields() {
    let alloc = OrionAlloc::new();
    check_json(&alloc.stats());
    check_text(&alloc.stats());
    let blocks: Vec<_> = SIZES
        .into_iter()
        .cycle()
        .take(100)
        .map(|size| Block::new(&alloc, layout(size, 8), 1))
        .collect();
    check_json(&alloc.stats());
    check_text(&alloc.stats());
    for (index, block) in blocks.into_iter().enumerate() {
        block.free(&alloc);
        if index % 20 == 0 {
            check_json(&alloc.stats());
            check_text(&alloc.stats());
        }
    }
}

#[test]
fn fragmentation_is_the_share_lost_to_rounding_and_to_free_objects() {
    let alloc = OrionAlloc::new();
    assert_eq!(alloc.stats().internal_fragmentation(), 0.0);
    assert_eq!(alloc.stats().external_fragmentation(), 0.0);
    let block = Block::new(&alloc, layout(72, 8), 1);
    let stats = alloc.stats();
    assert_eq!((stats.requested_bytes, stats.live_bytes), (72, 80));
    assert!((stats.internal_fragmentation() - 0.1).abs() < 1e-9);
    let free = (stats.used_bytes - 80) as f64 / stats.used_bytes as f64;
    assert!((stats.external_fragmentation() - free).abs() < 1e-9);
    block.free(&alloc);
}

#[test]
fn an_allocator_that_was_never_used_has_no_memory() {
    let alloc = OrionAlloc::new();
    assert_eq!(alloc.purge(), 0);
    assert_eq!(alloc.stats(), HeapStats::default());
}
