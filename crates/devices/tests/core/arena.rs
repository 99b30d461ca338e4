//! Arenas: exhaustion, and ranges that work of the device may still use.

use std::{
    ops::Range,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
};

use orionrt_devices::{
    DeviceArena, DeviceBlock, DeviceKind, DeviceMemory, DeviceMemoryError, DeviceProperties,
    HostDevice, StreamOrder,
};
use orionrt_plan::{Lifetimes, Planner};
use proptest::prelude::*;

/// A device whose submissions end when a test says so, or when they are waited for.
#[derive(Clone, Default)]
pub struct Progress {
    submitted: Arc<AtomicU64>,
    completed: Arc<AtomicU64>,
    waits: Arc<AtomicU64>,
    is_lost: Arc<AtomicBool>,
    refuses_buffers: Arc<AtomicBool>,
}

impl Progress {
    pub fn submit(&self) {
        self.submitted.fetch_add(1, Ordering::Relaxed);
    }

    pub fn refuse_buffers(&self, refuse: bool) {
        self.refuses_buffers.store(refuse, Ordering::Relaxed);
    }

    fn complete(&self, submission: u64) {
        self.completed.fetch_max(submission, Ordering::Relaxed);
    }

    fn get(&self) -> [u64; 3] {
        [&self.submitted, &self.completed, &self.waits].map(|it| it.load(Ordering::Relaxed))
    }

    fn check(&self, action: &'static str) -> Result<(), DeviceMemoryError> {
        match self.is_lost.load(Ordering::Relaxed) {
            true => Err(DeviceMemoryError::Lost { action }),
            false => Ok(()),
        }
    }
}

pub struct Slow {
    host: HostDevice,
    progress: Progress,
}

impl DeviceMemory for Slow {
    type Buffer = Range<u64>;

    fn properties(&self) -> &DeviceProperties {
        self.host.properties()
    }

    fn bytes(&self) -> u64 {
        self.host.bytes()
    }

    fn buffer(&self, bytes: Range<u64>) -> Result<Self::Buffer, DeviceMemoryError> {
        if self.progress.refuses_buffers.load(Ordering::Relaxed) {
            return Err(DeviceMemoryError::Refused {
                action: "make a buffer",
                answer: "no".to_owned(),
            });
        }
        self.host.buffer(bytes)
    }

    fn submitted(&self) -> u64 {
        self.progress.get()[0]
    }

    fn completed(&self) -> Result<u64, DeviceMemoryError> {
        self.progress.check("say what has ended")?;
        Ok(self.progress.get()[1])
    }

    fn wait_for(&self, submission: u64) -> Result<(), DeviceMemoryError> {
        self.progress.check("wait")?;
        self.progress.waits.fetch_add(1, Ordering::Relaxed);
        self.progress.complete(submission);
        Ok(())
    }
}

/// An arena of so many granules of 256 bytes.
pub fn arena(granules: u64) -> (DeviceArena<Slow>, Progress) {
    arena_of(granules * 256)
}

fn arena_of(bytes: u64) -> (DeviceArena<Slow>, Progress) {
    let progress = Progress::default();
    let host = HostDevice::new(bytes).unwrap();
    let memory = Slow {
        host,
        progress: progress.clone(),
    };
    (DeviceArena::new(memory).unwrap(), progress)
}

#[test]
fn exhaustion_says_what_is_free_and_the_largest_range() {
    let (arena, _) = arena(8);
    let blocks: Vec<_> = (0..8).map(|_| arena.allocate(256).unwrap()).collect();
    assert!(arena.allocate(1).is_err());
    let kept = [0, 3, 7];
    let each = blocks.into_iter().enumerate();
    let kept: Vec<_> = each.filter(|(i, _)| kept.contains(i)).collect();
    let expected = DeviceMemoryError::Exhausted {
        needed: 769,
        free: 5 * 256,
        largest: 3 * 256,
    };
    assert_eq!(arena.allocate(769).unwrap_err(), expected);
    assert_eq!(
        expected.to_string(),
        "the arena has no free range of 769 bytes: 1280 bytes are free, at most 768 of them in one \
         range"
    );
    drop(kept);
    assert_eq!(arena.allocate(8 * 256).unwrap().range(), 0..2048);
    assert_eq!(arena.allocate(0).unwrap().range(), 0..0);
    assert!(arena.allocate(u64::MAX).is_err());
}

#[test]
fn a_range_is_set_aside_until_the_last_submission_has_ended() {
    let (arena, progress) = arena(4);
    let first = arena.allocate(512).unwrap();
    progress.submit();
    drop(first);
    let stats = arena.stats();
    assert_eq!((stats.free_bytes, stats.set_aside), (512, 512));
    let second = arena.allocate(512).unwrap();
    assert_eq!((second.range(), progress.get()), (512..1024, [1, 0, 0]));
    drop(second);
    progress.submit();
    // There is no other room: it waits for the oldest submission alone.
    let third = arena.allocate(1024).unwrap();
    assert_eq!((third.range(), progress.get()), (0..1024, [2, 1, 1]));
    drop(third);
    progress.complete(2);
    assert_eq!(arena.stats().set_aside, 1024);
    assert_eq!(arena.allocate(1).unwrap().range(), 0..1);
    assert_eq!(progress.get(), [2, 2, 1]);
}

#[test]
fn a_lost_device_is_an_error_and_gives_no_range_back() {
    let (arena, progress) = arena(4);
    let block = arena.allocate(1024).unwrap();
    progress.submit();
    progress.is_lost.store(true, Ordering::Relaxed);
    drop(block);
    let action = "say what has ended";
    assert_eq!(
        arena.allocate(1).unwrap_err(),
        DeviceMemoryError::Lost { action }
    );
    assert_eq!(arena.stats().set_aside, 1024);
}

#[test]
fn a_refused_buffer_leaves_the_range_free() {
    let (arena, progress) = arena(4);
    progress.refuse_buffers(true);
    assert!(arena.allocate(1024).is_err());
    assert_eq!(arena.stats().free_bytes, 1024);
}

#[test]
fn granules_follow_the_alignment_and_the_size() {
    let mut properties = DeviceProperties::unlimited("wide", DeviceKind::Other);
    properties.offset_alignment = 64;
    properties.buffer_image_granularity = 1024;
    properties.copy_alignment = 4;
    let device = HostDevice::with_properties(4096 + 100, properties).unwrap();
    let arena = DeviceArena::new(device).unwrap();
    assert_eq!(
        (arena.stats().granule, arena.stats().capacity),
        (1024, 4196)
    );
    let blocks = [1, 5].map(|bytes| arena.allocate(bytes).unwrap());
    assert_eq!(
        blocks
            .each_ref()
            .map(|it| (it.range(), it.buffer().clone())),
        [(0..1, 0..4), (1024..1029, 1024..1032)]
    );
}

/// A block of any size, of which nothing is touched.
struct Huge(DeviceProperties, u64);

impl DeviceMemory for Huge {
    type Buffer = ();

    fn properties(&self) -> &DeviceProperties {
        &self.0
    }

    fn bytes(&self) -> u64 {
        self.1
    }

    fn buffer(&self, _: Range<u64>) -> Result<(), DeviceMemoryError> {
        Ok(())
    }
}

#[test]
#[cfg(target_pointer_width = "64")]
fn a_huge_block_is_cut_into_larger_granules() {
    let properties = DeviceProperties::unlimited("huge", DeviceKind::Other);
    let arena = DeviceArena::new(Huge(properties, 1 << 50)).unwrap();
    assert_eq!(arena.stats().granule, 1 << 28);
    assert_eq!(arena.allocate(1 << 50).unwrap().range(), 0..1 << 50);
}

#[test]
fn more_than_the_arena_has_is_refused_without_a_wait() {
    let (arena, progress) = arena(4);
    let block = arena.allocate(512).unwrap();
    progress.submit();
    drop(block);
    let (needed, free, largest) = (1025, 512, 512);
    let refused = DeviceMemoryError::Exhausted {
        needed,
        free,
        largest,
    };
    assert_eq!(arena.allocate(needed).unwrap_err(), refused);
    assert_eq!(progress.get(), [1, 0, 0]);
}

#[test]
fn the_last_bytes_of_a_block_are_lent() {
    let (arena, _) = arena_of(1000);
    let first = arena.allocate(700).unwrap();
    assert_eq!(arena.stats().free_bytes, 1000 - 768);
    // Behind it there are 232 bytes: less than a granule.
    assert!(arena.allocate(233).is_err());
    let last = arena.allocate(232).unwrap();
    assert_eq!(last.range(), 768..1000);
    assert_eq!(arena.stats().free_bytes, 0);
    drop(first);
    assert_eq!(arena.stats().largest_free, 768);
    drop(last);
    assert_eq!(arena.allocate(1000).unwrap().range(), 0..1000);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    #[cfg(target_pointer_width = "64")]
    fn a_block_of_a_plans_peak_takes_the_plan(
        rows in prop::collection::vec((1..6_i64, 1..6_i64, 1..5000_u64, 0..16_u32), 1..12),
        unit in prop_oneof![Just(1_u64), 1..4_u64, Just(1 << 20), 1..(1_u64 << 24)],
        [offsets, copies, images] in prop::array::uniform3(0..12_u32),
    ) {
        let mut properties = DeviceProperties::unlimited("any", DeviceKind::Other);
        properties.offset_alignment = 1 << offsets;
        properties.copy_alignment = 1 << copies.min(4);
        properties.buffer_image_granularity = 1 << images;
        let alignment = properties.plan_alignment();
        let rows = rows.iter().enumerate().map(|(index, &(start, length, size, align))| {
            let align = alignment.max(1 << align);
            (format!("t{index}"), start, start + length, size * unit, align)
        });
        let rows: Vec<_> = rows.collect();
        let rows = rows.iter().map(|row| (row.0.as_str(), row.1, row.2, row.3, row.4));
        let plan = Planner::new().plan(&Lifetimes::from_rows(rows).unwrap()).unwrap();
        let bytes = plan.peak().next_multiple_of(properties.copy_alignment);
        let arena = DeviceArena::new(Huge(properties.clone(), bytes)).unwrap();
        let pool = arena.pool(&plan, &StreamOrder::new(1)).unwrap();
        prop_assert_eq!(pool.region(), 0..bytes);
        drop(pool);
        prop_assert_eq!(arena.stats().free_bytes, bytes);
        if bytes < 1 << 20 {
            // A device of the host rounds its block itself.
            let host = HostDevice::with_properties(plan.peak(), properties).unwrap();
            DeviceArena::new(host).unwrap().pool(&plan, &StreamOrder::new(1)).unwrap();
        }
    }
}

#[derive(Clone, Copy, Debug)]
enum Action {
    Allocate(u64),
    Free(prop::sample::Index),
    Submit,
    Complete(u64),
}

fn action() -> impl Strategy<Value = Action> {
    prop_oneof![
        4 => (1..900u64).prop_map(Action::Allocate),
        3 => any::<prop::sample::Index>().prop_map(Action::Free),
        1 => Just(Action::Submit),
        1 => (0..3u64).prop_map(Action::Complete),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]
    #[test]
    fn ranges_that_are_lent_or_may_be_used_still_share_no_byte(
        actions in prop::collection::vec(action(), 0..80),
        tail in 0..256_u64,
    ) {
        let whole = 16 * 256 + tail;
        let (arena, progress) = arena_of(whole);
        let mut live: Vec<DeviceBlock<Slow>> = Vec::new();
        // What was given back, and behind which submission.
        let mut aside: Vec<(Range<u64>, u64)> = Vec::new();
        for action in actions {
            let [submitted, completed, waits] = progress.get();
            match action {
                Action::Allocate(bytes) => {
                    let answer = arena.allocate(bytes);
                    // It may have waited, but only where there was no other room.
                    let [_, completed, waited] = progress.get();
                    aside.retain(|it| it.1 > completed);
                    prop_assert!(waited == waits || aside.is_empty() || answer.is_ok());
                    if let Ok(block) = answer {
                        let range = block.range();
                        prop_assert_eq!(range.end - range.start, bytes);
                        prop_assert!(range.end <= whole);
                        let end = range.end.next_multiple_of(256);
                        let others = live.iter().map(|it| it.range());
                        let others = others.chain(aside.iter().map(|it| it.0.clone()));
                        for other in others {
                            let other_end = other.end.next_multiple_of(256);
                            prop_assert!(end <= other.start || other_end <= range.start);
                        }
                        live.push(block);
                    } else {
                        prop_assert_eq!(aside.len(), 0, "it gave up before it had waited");
                    }
                }
                Action::Free(which) if !live.is_empty() => {
                    let block = live.swap_remove(which.index(live.len()));
                    if submitted > completed {
                        aside.push((block.range(), submitted));
                    }
                }
                Action::Submit => progress.submit(),
                Action::Complete(more) => progress.complete(submitted.min(completed + more)),
                Action::Free(_) => {}
            }
            aside.retain(|it| it.1 > progress.get()[1]);
            let rounded = |range: Range<u64>| {
                range.end.next_multiple_of(256).min(whole) - range.start
            };
            let lent: u64 = live.iter().map(|it| rounded(it.range())).sum();
            let stats = arena.stats();
            prop_assert_eq!(stats.capacity - stats.free_bytes - stats.set_aside, lent);
        }
        live.clear();
        progress.complete(u64::MAX);
        prop_assert_eq!(arena.allocate(whole).map(|it| it.range()), Ok(0..whole));
    }
}
