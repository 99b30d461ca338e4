//! The set against a list of all pages.

use super::super::chunked_words::GROUP;
use super::*;
use orionrt_sys::mapping;
use proptest::prelude::*;
use std::vec;

fn set_of(pages: usize) -> PageSet {
    PageSet::new(BitmapWords::boxed(PageSet::words_for(pages)), pages)
}

#[test]
fn the_highest_run_is_found_across_words() {
    let mut pages = set_of(512);
    assert_eq!(pages.highest(10), None);
    pages.insert(3..5);
    pages.insert(60..200);
    assert_eq!(pages.highest(1000), Some(60..200));
    assert_eq!(pages.highest(10), Some(190..200));
    assert_eq!(
        pages.remove(100..300),
        Removed {
            count: 100,
            end: 100
        }
    );
    assert_eq!(pages.highest(1000), Some(60..100));
    pages.remove(60..100);
    assert_eq!(pages.highest(1), Some(4..5));
    assert_eq!(pages.count(), 2);
}

/// Gives all words that are zero back.
fn discard_all(pages: &mut PageSet) {
    let mut from = 0;
    while let Some(next) = pages.discard_zeros(from) {
        from = next;
    }
}

#[test]
fn zeros_are_discarded_one_group_at_a_time() {
    let mut pages = set_of(MANY);
    for at in [5, GROUP * CHUNK + 5] {
        pages.insert(at..at + 1);
        pages.remove(at..at + 1);
    }
    assert_eq!(
        (pages.words.written_groups(), pages.discard_zeros(0)),
        (2, Some(1))
    );
    assert_eq!(
        (pages.words.written_groups(), pages.discard_zeros(1)),
        (1, Some(2))
    );
    assert_eq!(
        (pages.words.written_groups(), pages.discard_zeros(2)),
        (0, None)
    );
}

/// A set of 2^32 pages, 16 TiB: its bitmap has half a gigabyte.
#[cfg(target_pointer_width = "64")]
#[test]
fn a_huge_run_writes_the_words_of_its_ends_only() {
    let all = 1 << 32;
    let words = BitmapWords::mapped(PageSet::words_for(all)).unwrap();
    let mut pages = PageSet::new(words, all);
    pages.insert(5..all - 70);
    assert_eq!(pages.highest(usize::MAX), Some(5..all - 70));
    assert!(pages.resident_bytes() <= 1 << 20, "{pages:?}");
    let removed = pages.remove(0..all);
    assert_eq!((removed.count, removed.end), (all - 75, all - 70));
    assert_eq!((pages.count(), pages.highest(1)), (0, None));
    discard_all(&mut pages);
    assert_eq!(pages.words.written_groups(), 0);
}

/// What a set of all pages below some number is compared with.
struct List(Vec<bool>);

impl List {
    fn remove(&mut self, range: Range<usize>) -> Removed {
        let list = &mut self.0;
        let count = range.clone().filter(|&i| list[i]).count();
        let end = range.clone().rev().find(|&i| list[i]);
        let end = end.map_or(0, |i| i + 1 - range.start);
        list[range].fill(false);
        Removed { count, end }
    }

    /// Adds a range if nothing of it is there; returns whether it did.
    fn insert(&mut self, range: Range<usize>) -> bool {
        let is_new = range.clone().all(|i| !self.0[i]);
        if is_new {
            self.0[range].fill(true);
        }
        is_new
    }

    fn highest(&self, most: usize) -> Option<Range<usize>> {
        let end = self.0.iter().rposition(|&set| set)? + 1;
        let start = (0..end).rev().find(|&i| !self.0[i]).map_or(0, |i| i + 1);
        Some(start.max(end.saturating_sub(most))..end)
    }
}

/// A place near the borders of words, chunks and groups, or anywhere.
fn place(end: usize) -> impl Strategy<Value = usize> {
    let near = (0..end / CHUNK, 0usize..5).prop_map(|(chunk, at)| chunk * CHUNK + at);
    prop_oneof![
        near.clone(),
        near.prop_map(|at| at.saturating_sub(3)),
        0..end
    ]
}

const MANY: usize = 9 * CHUNK;

proptest! {
    #[test]
    fn a_page_set_agrees_with_a_list(
        steps in prop::collection::vec((0usize..300, 1usize..150, any::<bool>()), 1..40),
        most in 1usize..200,
    ) {
        let mut pages = set_of(512);
        let mut list = List(vec![false; 512]);
        for (start, len, set) in steps {
            let range = start..start + len;
            if !set {
                let counted = pages.count_in(range.clone());
                let removed = pages.remove(range.clone());
                prop_assert_eq!(counted, removed.count);
                prop_assert_eq!(removed, list.remove(range));
            } else if list.insert(range.clone()) {
                pages.insert(range.clone());
            }
            prop_assert_eq!(pages.highest(most), list.highest(most));
        }
    }

}

/// The list is slow.
const CASES: u32 = if cfg!(debug_assertions) { 64 } else { 1024 };

proptest! {
    #![proptest_config(ProptestConfig::with_cases(CASES))]

    #[test]
    fn so_does_one_of_many_chunks(
        steps in prop::collection::vec(
            (place(MANY), place(MANY), 0..5),
            1..12,
        ),
        most in prop_oneof![1usize..200, 1..MANY, Just(usize::MAX)],
    ) {
        let mut pages = set_of(MANY);
        let mut list = List(vec![false; MANY]);
        for (a, b, step) in steps {
            let range = a.min(b)..a.max(b) + 1;
            match step {
                0 | 1 => {
                    let counted = pages.count_in(range.clone());
                    let removed = pages.remove(range.clone());
                    prop_assert_eq!(counted, removed.count);
                    prop_assert_eq!(removed, list.remove(range));
                }
                2 => discard_all(&mut pages),
                _ if list.insert(range.clone()) => pages.insert(range),
                _ => {}
            }
            prop_assert_eq!(pages.highest(most), list.highest(most));
        }
        prop_assert_eq!(pages.count(), list.0.iter().filter(|&&set| set).count());
        // What is in the set can be taken out in runs, as a purge does.
        let most = most.max(CHUNK / 2);
        while let Some(run) = pages.highest(most) {
            prop_assert_eq!(list.highest(most), Some(run.clone()));
            let removed = pages.remove(run.clone());
            prop_assert_eq!((removed.count, removed.end), (run.len(), run.len()));
            list.remove(run);
        }
        discard_all(&mut pages);
        prop_assert_eq!((pages.words.written_groups(), list.highest(1)), (0, None));
    }
}

#[test]
fn removing_pages_that_never_were_in_the_set_writes_nothing() {
    let end = 1 << 26;
    let words = PageSet::words_for(end);
    let (bitmap, group) = (words - end / 64, GROUP * CHUNK / 64);
    let words = BitmapWords::mapped(words).unwrap();
    // To write there would end the process: to whole pages of the system, all but the last group.
    let (page, last) = (mapping::PAGE / 8, bitmap + end / 64 - group);
    words.make_read_only(bitmap.next_multiple_of(page)..last / page * page);
    let mut pages = PageSet::new(words, end);
    pages.insert(end - 1..end);
    for group in (0..end - GROUP * CHUNK).step_by(GROUP * CHUNK) {
        for run in [100..200, CHUNK - 10..CHUNK + 10, 7..8] {
            let run = group + run.start..group + run.end;
            assert_eq!(pages.remove(run), Removed::default());
        }
    }
}
