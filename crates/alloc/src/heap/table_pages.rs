//! Which pages of a zone's tables may be resident: what the metadata of the heap costs, and what of
//! it can go back.
//!
//! It has a bit for each page of the system in the header table and in the kind table, and for each
//! page of leaves in the buddy allocator's tree. Whoever is about to use pages of the zone notes
//! them here; whoever gives a page of a table back takes its bit away. All of it happens under the
//! lock of the page heap.
//!
//! Invariants: a page of a table that was written since it last went back has its bit set; where a
//! page of headers has its bit set, so has the page of their kinds.

#![forbid(unsafe_code)]

use core::ops::Range;

use super::{class::MOST_SPAN_PAGES, span::SpanHeader};
use crate::arena::bitmap_words::BitmapWords;
use orionrt_buddy::bits::{mask_in_word, words_of};
use orionrt_sys::mapping;

/// The zone's pages whose headers lie in one page of the system.
pub(super) const HEADERS: usize = mapping::PAGE / size_of::<SpanHeader>();
/// The zone's pages whose kinds lie in one page of the system.
pub(super) const KINDS: usize = mapping::PAGE;
/// The zone's pages whose leaves in the tree lie in one page of the system: a bit for each.
const LEAVES: usize = mapping::PAGE * 8;
/// Pages of the tree that are resident whatever is used: the ends of its levels.
const TREE_ENDS: usize = 8;

/// A table of a zone, with an entry for each of the zone's pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Table {
    Headers,
    Kinds,
}

impl Table {
    /// The zone's pages whose entries lie in one page of the system.
    pub(super) fn entries(self) -> usize {
        match self {
            Self::Headers => HEADERS,
            Self::Kinds => KINDS,
        }
    }
}

/// The pages of a zone's tables that may be resident.
#[derive(Debug)]
pub(super) struct TablePages {
    /// How many pages the zone has.
    pages: usize,
    /// Pages of the zone whose headers and kinds are all noted: most runs lie among these.
    noted: Range<usize>,
    /// Up to this page of the zone, and from `noted.start` on, all leaves are noted.
    noted_leaves: usize,
    words: BitmapWords,
    headers: Marks,
    kinds: Marks,
    leaves: Marks,
}

/// A bitmap within the words.
#[derive(Debug)]
struct Marks {
    /// Its first word.
    first: usize,
    /// How many bits are set.
    count: usize,
    /// One past the highest bit that was ever set.
    end: usize,
}

impl TablePages {
    /// How many words the tables of a zone of so many pages need.
    pub(super) fn words_for(pages: usize) -> usize {
        [HEADERS, KINDS, LEAVES]
            .map(|entries| mark_words(pages, entries))
            .iter()
            .sum()
    }

    /// No page of any table, in words that are all zero.
    pub(super) fn new(words: BitmapWords, pages: usize) -> Self {
        let kinds = mark_words(pages, HEADERS);
        let leaves = kinds + mark_words(pages, KINDS);
        let [headers, kinds, leaves] = [0, kinds, leaves].map(|first| Marks {
            first,
            count: 0,
            end: 0,
        });
        Self {
            pages,
            noted: 0..0,
            noted_leaves: 0,
            words,
            headers,
            kinds,
            leaves,
        }
    }

    /// An upper bound of the bytes that are resident: of the header and kind tables by their pages,
    /// of the tree, which has `tree` bytes, and of this bitmap at most.
    pub(super) fn resident_bytes(&self, tree: usize) -> usize {
        let (headers, kinds) = (self.headers.count, self.kinds.count);
        let leaves = (2 * self.leaves.count + TREE_ENDS) * mapping::PAGE;
        let bitmap_end = (self.leaves.first + self.leaves.end.div_ceil(64)) * 8;
        let bitmap = bitmap_end.min((headers + kinds + self.leaves.count) * mapping::PAGE);
        (headers + kinds) * mapping::PAGE + leaves.min(tree) + page_up(bitmap)
    }

    /// Notes that pages are about to be used: their entries may be written.
    #[inline(always)]
    pub(super) fn note(&mut self, run: &Range<usize>) {
        let is_noted = run.start >= self.noted.start
            && last_entry(run) < self.noted.end
            && run.end <= self.noted_leaves;
        if !is_noted {
            self.note_outside(run);
        }
    }

    #[inline(never)]
    fn note_outside(&mut self, run: &Range<usize>) {
        let words = self.words.as_ref();
        let (first, last) = (run.start / HEADERS, last_entry(run) / HEADERS);
        let is_noted = self.headers.contains(words, first)
            && (first == last || self.headers.contains(words, last))
            && (run.start / LEAVES == (run.end - 1) / LEAVES
                || self.leaves.contains(words, (run.end - 1) / LEAVES));
        if !is_noted {
            self.note_new(run);
        }
        self.extend_noted(first * HEADERS..(last + 1) * HEADERS);
    }

    /// Extends `noted` by pages whose entries are noted, or replaces it if there is a gap between.
    fn extend_noted(&mut self, pages: Range<usize>) {
        let are_apart = pages.end < self.noted.start || pages.start > self.noted.end;
        self.noted = if are_apart {
            pages
        } else {
            self.noted.start.min(pages.start)..self.noted.end.max(pages.end)
        };
        self.noted_leaves = self.noted.end.next_multiple_of(LEAVES);
    }

    #[cold]
    fn note_new(&mut self, run: &Range<usize>) {
        let (words, last) = (self.words.as_mut(), last_entry(run));
        for page in [run.start, last] {
            self.headers.set(words, page / HEADERS);
            self.kinds.set(words, page / KINDS);
        }
        // The entry of `last`, too, says that the leaves of its page are noted.
        for page in [run.start, last, run.end - 1] {
            self.leaves.set(words, page / LEAVES);
        }
    }

    /// Notes that the kinds of all of these pages are about to be written.
    pub(super) fn note_kinds(&mut self, pages: &Range<usize>) {
        for page in pages.start / KINDS..pages.end.div_ceil(KINDS) {
            self.kinds.set(self.words.as_mut(), page);
        }
    }

    /// Notes that a run of pages now ends before this one.
    pub(super) fn note_border(&mut self, page: usize) {
        for page in [page.saturating_sub(1), page] {
            if page < self.pages {
                self.leaves.set(self.words.as_mut(), page / LEAVES);
            }
        }
    }

    /// The lowest page of a table from page number `from` of it on that may be resident.
    pub(super) fn next(&self, table: Table, from: usize) -> Option<usize> {
        self.marks(table).next(self.words.as_ref(), from)
    }

    /// Notes that the whole pages of headers of `pages` are not resident any more. The last page of
    /// headers may have room for more pages than there are.
    pub(super) fn forget_headers(&mut self, pages: &Range<usize>) {
        let end = if pages.end == self.pages {
            pages.end.div_ceil(HEADERS)
        } else {
            pages.end / HEADERS
        };
        let whole = pages.start.div_ceil(HEADERS)..end;
        self.noted = 0..0;
        self.headers.clear(self.words.as_mut(), whole);
    }

    /// Notes that a page of kinds is not resident any more. The headers of its pages went before.
    pub(super) fn forget_kinds(&mut self, number: usize) {
        self.kinds.clear(self.words.as_mut(), number..number + 1);
    }

    fn marks(&self, table: Table) -> &Marks {
        match table {
            Table::Headers => &self.headers,
            Table::Kinds => &self.kinds,
        }
    }
}

impl Marks {
    #[inline]
    fn contains(&self, words: &[u64], bit: usize) -> bool {
        words[self.first + bit / 64] >> (bit % 64) & 1 != 0
    }

    fn set(&mut self, words: &mut [u64], bit: usize) {
        if !self.contains(words, bit) {
            words[self.first + bit / 64] |= 1 << (bit % 64);
            self.count += 1;
            self.end = self.end.max(bit + 1);
        }
    }

    fn clear(&mut self, words: &mut [u64], bits: Range<usize>) {
        let bits = bits.start..bits.end.min(self.end);
        if bits.is_empty() {
            return;
        }
        for word in words_of(&bits) {
            let set = words[self.first + word] & mask_in_word(&bits, word);
            if set != 0 {
                words[self.first + word] &= !set;
                self.count -= set.count_ones() as usize;
            }
        }
    }

    fn next(&self, words: &[u64], from: usize) -> Option<usize> {
        let bits = from..self.end;
        if self.count == 0 || bits.is_empty() {
            return None;
        }
        words_of(&bits).find_map(|word| {
            let set = words[self.first + word] & mask_in_word(&bits, word);
            (set != 0).then(|| word * 64 + set.trailing_zeros() as usize)
        })
    }
}

/// The last page of a run whose entries may be written. Of runs longer than any span, only the
/// first page has a header.
#[inline]
fn last_entry(run: &Range<usize>) -> usize {
    run.end.min(run.start + MOST_SPAN_PAGES) - 1
}

fn mark_words(pages: usize, entries: usize) -> usize {
    pages.div_ceil(entries).div_ceil(64)
}

fn page_up(bytes: usize) -> usize {
    bytes.next_multiple_of(mapping::PAGE)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use proptest::prelude::*;

    const PAGES: usize = 1 << 24;

    fn table_pages() -> TablePages {
        TablePages::new(BitmapWords::boxed(TablePages::words_for(PAGES)), PAGES)
    }

    #[test]
    fn entries_are_counted_by_the_pages_of_their_tables() {
        let mut tables = table_pages();
        let count = |tables: &TablePages| (tables.headers.count, tables.kinds.count);
        tables.note(&(0..1));
        tables.note(&(3..9));
        assert_eq!(count(&tables), (1, 1));
        tables.note(&(KINDS - 1..KINDS + 3));
        assert_eq!(count(&tables), (3, 2));
        // A huge block has a header in its first page only.
        tables.note(&(2 * KINDS..PAGES));
        assert_eq!(count(&tables), (4, 3));
        assert_eq!(tables.next(Table::Headers, 1), Some(KINDS / HEADERS - 1));
        tables.forget_headers(&(1..PAGES));
        assert_eq!(count(&tables), (1, 3));
        tables.forget_kinds(1);
        assert_eq!(tables.next(Table::Kinds, 1), Some(2));
        assert_eq!(tables.next(Table::Headers, 1), None);
        assert_eq!(tables.next(Table::Headers, 0), Some(0));
    }

    #[test]
    fn a_small_zone_forgets_headers_and_kinds_together() {
        let pages = HEADERS / 2;
        let words = BitmapWords::boxed(TablePages::words_for(pages));
        let mut tables = TablePages::new(words, pages);
        for _ in 0..2 {
            tables.note(&(0..1));
            assert_eq!((tables.headers.count, tables.kinds.count), (1, 1));
            tables.forget_headers(&(0..pages));
            tables.forget_kinds(0);
            assert_eq!((tables.headers.count, tables.kinds.count), (0, 0));
        }
    }

    #[test]
    fn leaves_are_noted_where_the_last_entry_of_a_long_run_lies() {
        let mut tables = table_pages();
        tables.note(&(LEAVES - 1..3 * LEAVES));
        tables.note(&(LEAVES..LEAVES + 1));
        assert_eq!(tables.leaves.count, 3);
    }

    #[test]
    fn the_kinds_of_a_long_run_are_noted_page_by_page() {
        let mut tables = table_pages();
        tables.note(&(KINDS - 1..4 * KINDS + 1));
        assert_eq!(tables.kinds.count, 2);
        tables.note_kinds(&(KINDS - 1..4 * KINDS + 1));
        assert_eq!(tables.kinds.count, 5);
    }

    #[test]
    fn borders_are_noted_up_to_the_end_of_the_zone() {
        let mut tables = table_pages();
        tables.note(&(0..PAGES));
        tables.note_border(PAGES);
        tables.note_border(LEAVES);
        assert_eq!(tables.leaves.count, 3);
        assert!(tables.resident_bytes(usize::MAX) < 40 * mapping::PAGE);
    }

    #[test]
    fn the_leaves_of_a_long_run_are_noted_although_its_entries_are() {
        let mut tables = table_pages();
        tables.note(&(0..1));
        tables.note(&(0..LEAVES + 1));
        assert_eq!(tables.leaves.count, 2);
    }

    proptest! {
        #[test]
        fn noted_pages_agree_with_sets(
            steps in prop::collection::vec(
                (0usize..40, 0usize..HEADERS, 0usize..3, any::<bool>()),
                1..60,
            ),
        ) {
            let mut tables = table_pages();
            let (mut headers, mut kinds, mut leaves) =
                (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
            for (block, offset, size, forget) in steps {
                // Around the borders of pages of headers, kinds and leaves.
                let base = (block % 10) * HEADERS + [0, KINDS, LEAVES, 2 * LEAVES][block / 10];
                if forget {
                    let pages = base..base + (size + 1) * HEADERS;
                    tables.forget_headers(&pages);
                    headers.retain(|page| !(pages.contains(&(page * HEADERS))));
                    continue;
                }
                let start = base + offset;
                let run = start..start + [1, MOST_SPAN_PAGES, LEAVES][size];
                tables.note(&run);
                let last = run.end.min(start + MOST_SPAN_PAGES) - 1;
                for page in [start, last] {
                    headers.insert(page / HEADERS);
                    kinds.insert(page / KINDS);
                }
                leaves.extend([start, last, run.end - 1].map(|page| page / LEAVES));
            }
            let counts = (tables.headers.count, tables.kinds.count, tables.leaves.count);
            prop_assert_eq!(counts, (headers.len(), kinds.len(), leaves.len()));
        }
    }
}
