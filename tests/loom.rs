//! Interleavings of the parts that threads share, by loom:
//! `RUSTFLAGS="--cfg loom" cargo test --release --test loom --test loom_lend --test loom_team`.
//! Loans are in `loom_lend.rs`, and helpers of an iteration in `loom_team.rs`.
//!
//! Whoever is granted segments, or holds a lock, also writes to cells that stand for the memory.
//! Loom fails the model if two threads use one cell at a time, or if one sees what the other wrote
//! without having synchronised with it. So a weaker ordering in `claims.rs`, `sync.rs`, `bell.rs`
//! or `purger_state.rs` fails here, and not only a logical error.
#![cfg(loom)]

use loom::{
    cell::UnsafeCell,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    thread,
};
use orionrt::model::{
    Bell, Claims, FreePages, Locked, OneSpan, PurgerState, SegmentRange, WatchedPages,
};

/// The bytes of each segment.
struct Segments {
    claims: Claims,
    cells: Vec<UnsafeCell<u32>>,
}

impl Segments {
    fn new(count: u32) -> Self {
        Self {
            claims: Claims::new(count),
            cells: (0..count).map(|_| UnsafeCell::new(0)).collect(),
        }
    }

    /// Claims the segments, writes to the cells in `touch`, and releases them; returns whether the
    /// claim was granted.
    fn use_once(&self, start: u32, end: u32, touch: &[u32]) -> bool {
        let range = SegmentRange::new(start, end);
        if !self.claims.try_claim(range) {
            return false;
        }
        for &segment in touch {
            // SAFETY: the claim makes this thread the only user of the cell; loom checks just that.
            self.cells[segment as usize].with_mut(|value| unsafe { *value += 1 });
        }
        self.claims.release(range);
        true
    }
}

#[test]
fn overlapping_claims_exclude_each_other() {
    loom::model(|| {
        let segments = Arc::new(Segments::new(3));
        let other = Arc::clone(&segments);
        let thread = thread::spawn(move || other.use_once(0, 2, &[0, 1]));
        let own = segments.use_once(1, 3, &[1, 2]);
        let others = thread.join().unwrap();
        assert!(own || others);
        assert!(segments.use_once(0, 3, &[0, 1, 2]));
    });
}

#[test]
fn claims_of_several_words_are_all_or_nothing() {
    loom::model(|| {
        let segments = Arc::new(Segments::new(130));
        let other = Arc::clone(&segments);
        let thread = thread::spawn(move || other.use_once(60, 130, &[60, 70, 129]));
        segments.use_once(0, 66, &[0, 60, 65]);
        thread.join().unwrap();
        assert!(segments.use_once(0, 130, &[0, 60, 70, 129]));
    });
}

#[test]
fn claims_that_do_not_overlap_never_disturb_each_other() {
    loom::model(|| {
        let segments = Arc::new(Segments::new(4));
        let other = Arc::clone(&segments);
        let thread =
            thread::spawn(move || other.use_once(0, 2, &[0]) && other.use_once(0, 2, &[1]));
        assert!(segments.use_once(2, 4, &[2, 3]));
        assert!(thread.join().unwrap());
    });
}

#[test]
fn the_lock_admits_one_thread_at_a_time() {
    loom::model(|| {
        let value = Arc::new(Locked::new(0));
        let threads: Vec<_> = (0..2)
            .map(|_| {
                let value = Arc::clone(&value);
                thread::spawn(move || value.with(|value| *value += 1))
            })
            .collect();
        for thread in threads {
            thread.join().unwrap();
        }
        assert_eq!(value.with(|value| *value), 2);
    });
}

/// Two threads allocate for the first time at once: `OrionAlloc` makes the state behind its lock
/// once, and both threads see it complete.
#[test]
fn the_first_use_happens_once() {
    loom::model(|| {
        let regions: Arc<Locked<(Option<u32>, u32)>> = Arc::new(Locked::new((None, 0)));
        let first_use = |regions: &Locked<(Option<u32>, u32)>| {
            regions.with(|(region, made)| {
                *region.get_or_insert_with(|| {
                    *made += 1;
                    42
                })
            })
        };
        let other = Arc::clone(&regions);
        let thread = thread::spawn(move || first_use(&other));
        assert_eq!(first_use(&regions), 42);
        assert_eq!(thread.join().unwrap(), 42);
        assert_eq!(regions.with(|(_, made)| *made), 1);
    });
}

/// Stands for the memory of objects or pages: a cell for each.
fn cells(count: usize) -> Vec<UnsafeCell<u32>> {
    (0..count).map(|_| UnsafeCell::new(0)).collect()
}

fn use_cell(cell: &UnsafeCell<u32>) {
    // SAFETY: the caller holds the object or page that the cell stands for; loom checks just that.
    cell.with_mut(|value| unsafe { *value += 1 });
}

/// One thread flushes objects and another refills with them, through the transfer cache and through
/// the span: no two threads have an object at once, and what the first wrote is visible to the
/// second.
#[test]
fn objects_change_hands_through_a_depot() {
    loom::model(|| {
        let shared = Arc::new((OneSpan::new(), cells(OneSpan::OBJECTS)));
        let work = |(depot, cells): &(OneSpan, Vec<UnsafeCell<u32>>), through_span: bool| {
            let objects = depot.remove_range(1);
            for &object in &objects {
                use_cell(&cells[object]);
            }
            if !objects.is_empty() {
                depot.insert_range(&objects);
            }
            if through_span {
                depot.flush_transfer_cache();
            }
        };
        let other = Arc::clone(&shared);
        let thread = thread::spawn(move || work(&other, true));
        work(&shared, false);
        thread.join().unwrap();
        assert_eq!(
            shared.0.remove_range(OneSpan::OBJECTS).len(),
            OneSpan::OBJECTS
        );
    });
}

/// A thread ends and flushes all of its objects; the next thread can have all of them.
#[test]
fn a_thread_that_ends_leaves_everything_to_others() {
    loom::model(|| {
        let shared = Arc::new((OneSpan::new(), cells(OneSpan::OBJECTS)));
        let other = Arc::clone(&shared);
        let thread = thread::spawn(move || {
            let cache = other.0.remove_range(OneSpan::OBJECTS);
            cache.iter().for_each(|&object| use_cell(&other.1[object]));
            other.0.insert_range(&cache);
        });
        let early = shared.0.remove_range(OneSpan::OBJECTS);
        early.iter().for_each(|&object| use_cell(&shared.1[object]));
        thread.join().unwrap();
        let late = shared.0.remove_range(OneSpan::OBJECTS);
        late.iter().for_each(|&object| use_cell(&shared.1[object]));
        assert_eq!(early.len() + late.len(), OneSpan::OBJECTS);
    });
}

/// Pages are discarded while another thread allocates: no page is discarded while it is in use, and
/// none is lost.
#[test]
fn a_purge_never_discards_a_page_in_use() {
    loom::model(|| {
        let shared = Arc::new((FreePages::new(2), cells(2)));
        let other = Arc::clone(&shared);
        let thread = thread::spawn(move || {
            other.0.purge(2, |page| use_cell(&other.1[page]));
        });
        if let Some(page) = shared.0.take() {
            use_cell(&shared.1[page]);
            shared.0.give(page);
        }
        thread.join().unwrap();
        assert!(shared.0.take().is_some() && shared.0.take().is_some());
    });
}

#[test]
fn a_ring_is_not_lost_and_shows_what_was_done_before() {
    loom::model(|| {
        let shared = Arc::new((Bell::new(), cells(1)));
        let other = Arc::clone(&shared);
        let thread = thread::spawn(move || {
            use_cell(&other.1[0]);
            other.0.ring();
        });
        while !shared.0.wait(None) {}
        use_cell(&shared.1[0]);
        thread.join().unwrap();
        assert!(!shared.0.wait(None));
    });
}

/// A lost ring would have the purger wait for ever, which loom reports.
#[test]
fn a_purger_that_falls_asleep_is_woken_by_the_next_release() {
    loom::model(|| {
        let pages = Arc::new(WatchedPages::default());
        let other = Arc::clone(&pages);
        let thread = thread::spawn(move || other.watch(1));
        pages.free();
        thread.join().unwrap();
    });
}

/// A ring that does not show the request to end would have the purger wait for ever.
#[test]
fn a_purger_ends_when_it_is_asked_to() {
    loom::model(|| {
        let pages = Arc::new(WatchedPages::default());
        let other = Arc::clone(&pages);
        let thread = thread::spawn(move || other.watch_until_asked());
        pages.free();
        pages.stop();
        let taken = thread.join().unwrap();
        assert_eq!(taken + pages.count(), 1);
    });
}

/// A purger is asked to end, and ends; whoever makes the next one then is not asked anything, and
/// sees what the last one has done.
#[test]
fn a_new_purger_sees_no_request_to_the_last_one() {
    loom::model(|| {
        let shared = Arc::new((PurgerState::default(), cells(1)));
        let other = Arc::clone(&shared);
        let thread = thread::spawn(move || {
            if other.0.begin() {
                assert!(!other.0.is_to_end());
                use_cell(&other.1[0]);
                other.0.end();
            }
        });
        if shared.0.begin() {
            shared.0.ask_to_end();
            use_cell(&shared.1[0]);
            shared.0.end();
        }
        thread.join().unwrap();
    });
}

#[test]
fn memory_is_reclaimed_only_after_its_last_owner_has_released_it() {
    loom::model(|| {
        let segments = Arc::new(Segments::new(3));
        let (escaped, other) = (SegmentRange::new(0, 2), SegmentRange::new(2, 3));
        assert!(segments.claims.try_claim(escaped));
        assert!(segments.claims.try_claim(other));
        let holder = Arc::clone(&segments);
        let thread = thread::spawn(move || {
            // SAFETY: claimed, and handed to this thread; loom checks it.
            holder.cells[1].with_mut(|value| unsafe { *value += 1 });
            holder.claims.release(escaped);
        });
        segments.claims.release(other);
        // Nobody claims any more: the region is retired, and closed once it is free.
        let all = SegmentRange::new(0, 3);
        if segments.claims.try_claim(all) {
            for cell in &segments.cells {
                // SAFETY: loom checks that nobody else uses it.
                cell.with_mut(|value| unsafe { *value = 0 });
            }
            segments.claims.release(all);
        }
        thread.join().unwrap();
        assert!(segments.claims.try_claim(all));
    });
}

/// Two regions that take turns at the same bytes, and a table that says whose they are now.
struct TurnTaking {
    /// The second region's claims; those of the first are the segments' own.
    second: Claims,
    first: Segments,
    /// The number of the region that has the bytes.
    table: AtomicUsize,
}

/// A region is closed by claiming all of it, and another one is opened at the same bytes by
/// releasing its claims: a thread that was granted bytes of the one before has finished with them,
/// and whoever is granted bytes of the new one finds it in the table.
#[test]
fn a_region_is_opened_only_after_the_one_before_is_free() {
    loom::model(|| {
        let all = SegmentRange::new(0, 2);
        let regions = Arc::new(TurnTaking {
            second: Claims::new(2),
            first: Segments::new(2),
            table: AtomicUsize::new(1),
        });
        // It is closed at first.
        assert!(regions.second.try_claim(all));
        let kept = SegmentRange::new(0, 1);
        assert!(regions.first.claims.try_claim(kept));
        let holder = Arc::clone(&regions);
        let owner_of_kept = thread::spawn(move || {
            // SAFETY: claimed, and handed to this thread; loom checks it.
            holder.first.cells[0].with_mut(|value| unsafe { *value += 1 });
            assert_eq!(holder.table.load(Ordering::Relaxed), 1);
            holder.first.claims.release(kept);
        });
        let helper = Arc::clone(&regions);
        let helper = thread::spawn(move || {
            if helper.second.try_claim(kept) {
                // SAFETY: as above.
                helper.first.cells[0].with_mut(|value| unsafe { *value += 1 });
                assert_eq!(helper.table.load(Ordering::Relaxed), 2);
                helper.second.release(kept);
            }
        });
        if regions.first.claims.try_claim(all) {
            regions.table.store(2, Ordering::Relaxed);
            regions.second.release(all);
        }
        owner_of_kept.join().unwrap();
        helper.join().unwrap();
    });
}

/// Two streams, and an event between them. By the plan, tensor `a` (segments 0 and 1) and tensor
/// `b` (1 and 2) share segment 1: the operator that uses `b` waits for the one that used `a`.
struct Streams {
    segments: Segments,
    event: AtomicBool,
}

const A: (u32, u32) = (0, 2);
const B: (u32, u32) = (1, 3);

impl Streams {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            segments: Segments::new(3),
            event: AtomicBool::new(false),
        })
    }

    /// Claims a tensor's segments, fills each with `value`, checks that they keep it, and releases
    /// them; returns whether the claim was granted.
    fn fill(&self, (start, end): (u32, u32), value: u32) -> bool {
        let range = SegmentRange::new(start, end);
        let cells = &self.segments.cells[start as usize..end as usize];
        let is_granted = self.segments.claims.try_claim(range);
        if is_granted {
            for cell in cells {
                // SAFETY: claimed; loom checks that nobody else uses it.
                cell.with_mut(|bytes| unsafe { *bytes = value });
            }
            thread::yield_now();
            for cell in cells {
                // SAFETY: as above.
                assert_eq!(cell.with(|bytes| unsafe { *bytes }), value);
            }
            self.segments.claims.release(range);
        }
        is_granted
    }
}

/// An operator releases its tensors and then records an event: whoever has waited for the event
/// always finds the bytes free.
#[test]
fn bytes_that_another_stream_has_left_are_free_after_its_event() {
    loom::model(|| {
        let streams = Streams::new();
        let other = Arc::clone(&streams);
        let stream = thread::spawn(move || {
            assert!(other.fill(A, 1));
            other.event.store(true, Ordering::Release);
        });
        while !streams.event.load(Ordering::Acquire) {
            thread::yield_now();
        }
        assert!(streams.fill(B, 2));
        stream.join().unwrap();
    });
}

/// Exclusion does not depend on events. If one does not synchronise, a claim may fail, but a claim
/// that is granted still has the bytes to itself.
#[test]
fn a_claim_that_is_granted_across_streams_needs_no_event() {
    loom::model(|| {
        let streams = Streams::new();
        let other = Arc::clone(&streams);
        let stream = thread::spawn(move || {
            assert!(other.fill(A, 1));
            other.event.store(true, Ordering::Relaxed);
        });
        while !streams.event.load(Ordering::Relaxed) {
            thread::yield_now();
        }
        streams.fill(B, 2);
        stream.join().unwrap();
        assert!(streams.fill((0, 3), 3));
    });
}
