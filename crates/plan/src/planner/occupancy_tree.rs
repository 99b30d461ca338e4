//! Which bytes are taken in which sections: finds the lowest offset that is free throughout a
//! buffer's life.
//!
//! A segment tree over sections. Every node keeps two sets of byte intervals, merged where they
//! touch: those taken in *all* of the node's sections, by buffers that span it, and those taken in
//! *any* of them. A query for sections `a..b` meets O(log sections) nodes. It asks the `any` sets
//! of the nodes inside `a..b` and the `all` sets of their ancestors, and raises one offset through
//! these sets until all of them agree that it is free.
//!
//! ```text
//! offset     all of [0,4)   any of [0,2)   any of [2,3)   query of sections 0..3:
//!    ▲                           █                          start at 0; `any of [0,2)` raises it
//!    │            █              █              ░           to 3, `all of [0,4)` to 5: all agree
//!    │            █              ░              █
//! ```
//!
//! The interference graph, quadratic in size, is never built.

use alloc::{boxed::Box, vec::Vec};
use core::ops::Range;

use super::gap::align_up;
use super::many_intervals::{ManyCursor, ManyIntervals, skip_to};

/// A set with this many intervals is searched by its gaps.
const MANY: usize = 256;

/// Byte intervals in order that neither overlap nor touch.
#[derive(Clone, Debug)]
enum Intervals {
    Few(Vec<Range<u64>>),
    Many(Box<ManyIntervals>),
}

impl Intervals {
    fn is_empty(&self) -> bool {
        matches!(self, Self::Few(taken) if taken.is_empty())
    }

    /// Frees all bytes; keeps the memory of a small set.
    fn clear(&mut self) {
        match self {
            Self::Few(taken) => taken.clear(),
            Self::Many(_) => *self = Self::default(),
        }
    }

    /// Adds an interval, merged with those that it overlaps or touches.
    fn insert(&mut self, new: Range<u64>) {
        match self {
            Self::Few(taken) => {
                insert(taken, new);
                if taken.len() >= MANY {
                    *self = Self::Many(Box::new(ManyIntervals::new(taken)));
                }
            }
            Self::Many(taken) => taken.insert(new),
        }
    }

    /// Whether no byte of these is taken.
    fn is_free(&self, bytes: &Range<u64>) -> bool {
        match self {
            Self::Few(taken) => {
                let next = taken.partition_point(|taken| taken.end <= bytes.start);
                taken.get(next).is_none_or(|taken| taken.start >= bytes.end)
            }
            Self::Many(taken) => taken.is_free(bytes),
        }
    }
}

impl Default for Intervals {
    fn default() -> Self {
        Self::Few(Vec::new())
    }
}

/// Adds an interval to a list, merged with those that it overlaps or touches.
fn insert(taken: &mut Vec<Range<u64>>, mut new: Range<u64>) {
    let first = taken.partition_point(|taken| taken.end < new.start);
    let end = first + taken[first..].partition_point(|taken| taken.start <= new.end);
    if first == end {
        if taken.len() == taken.capacity() {
            // There are millions of these sets: the memory that doubling wastes would cost more
            // than the time that growing more often takes.
            taken.reserve_exact(2 + taken.len() / 4);
        }
        taken.insert(first, new);
        return;
    }
    new.start = new.start.min(taken[first].start);
    new.end = new.end.max(taken[end - 1].end);
    taken[first] = new;
    taken.drain(first + 1..end);
}

/// A cursor that climbs through intervals.
#[derive(Clone, Copy)]
enum GapCursor<'s> {
    /// The intervals before `next` end at or below every offset still to be asked for.
    Few {
        taken: &'s [Range<u64>],
        next: usize,
    },
    Many(ManyCursor<'s>),
}

impl<'s> GapCursor<'s> {
    const EMPTY: Self = Self::Few {
        taken: &[],
        next: 0,
    };

    fn new(set: &'s Intervals) -> Self {
        match set {
            Intervals::Few(taken) => Self::Few { taken, next: 0 },
            Intervals::Many(taken) => Self::Many(ManyCursor::new(taken)),
        }
    }

    /// The lowest multiple of `alignment` from `from` on with `size` free bytes. This is
    /// `gap::first_gap` with a memory: one pass over the intervals serves all calls of a query.
    /// What it looks at is added to `work`.
    fn lowest_free(&mut self, from: u64, size: u64, alignment: u64, work: &mut u64) -> u64 {
        let (taken, next) = match self {
            Self::Few { taken, next } => (*taken, next),
            Self::Many(taken) => return taken.lowest_free(from, size, alignment, work),
        };
        let mut offset = align_up(from, alignment);
        *next = skip_to(offset, taken, *next);
        let begin = *next;
        while let Some(taken) = taken.get(*next) {
            if taken.start >= offset.saturating_add(size) {
                break;
            }
            offset = align_up(taken.end, alignment);
            *next += 1;
        }
        *work += (*next - begin) as u64 + 1;
        offset
    }
}

#[derive(Clone, Debug, Default)]
struct Node {
    all: Intervals,
    any: Intervals,
    known: Known,
}

/// What a search has found: below `offset` there is no room for `size` bytes in all sections of a
/// node. Bytes are only taken, not freed, so that stays true.
#[derive(Clone, Copy, Debug)]
struct Known {
    offset: u64,
    size: u64,
    alignment: u64,
}

impl Known {
    /// An offset below which there is no room either for this size and alignment.
    fn least(&self, size: u64, alignment: u64) -> u64 {
        match size >= self.size && alignment >= self.alignment {
            true => self.offset,
            false => 0,
        }
    }

    /// Notes what a search from 0 on has found, unless what is known says more: it holds for
    /// smaller sizes, or up to a much higher offset.
    fn learn(&mut self, offset: u64, size: u64, alignment: u64) {
        let is_wider = size <= self.size && alignment <= self.alignment;
        let is_better = match is_wider {
            true => offset >= self.offset / 2,
            false => offset / 2 > self.offset,
        };
        if is_better {
            *self = Self {
                offset,
                size,
                alignment,
            };
        }
    }
}

impl Default for Known {
    fn default() -> Self {
        Self {
            offset: 0,
            size: u64::MAX,
            alignment: u64::MAX,
        }
    }
}

/// The most nodes that a query meets: on each of at most 33 levels, two inside and two above.
const MOST_NODES: usize = 4 * 33;

/// The bytes taken in each section of time.
#[derive(Clone, Debug)]
pub(super) struct OccupancyTree {
    /// Node 1 is the root, the children of node *i* are *2i* and *2i + 1*, and section *s* is node
    /// `leaves + s`.
    nodes: Vec<Node>,
    leaves: usize,
    /// A power of two of which all offsets are multiples. Bytes are taken up to the next multiple:
    /// nothing can begin before it, and sets that touch are merged.
    granularity: u64,
}

impl OccupancyTree {
    /// Nothing is taken in any section yet. All offsets, asked for or taken, will be multiples of
    /// the granularity.
    pub(super) fn new(sections: usize, granularity: u64) -> Self {
        let leaves = sections.max(1).next_power_of_two();
        Self {
            granularity,
            nodes: alloc::vec![Node::default(); 2 * leaves],
            leaves,
        }
    }

    /// Frees all bytes; keeps the memory of the tree.
    pub(super) fn clear(&mut self) {
        for node in &mut self.nodes {
            node.all.clear();
            node.any.clear();
            node.known = Known::default();
        }
    }

    /// The lowest offset from `from` on at which `size` bytes are free in all of `sections`, which
    /// must not be empty. `from` is a multiple of `alignment`. What it looks at is added to
    /// `work`.
    pub(super) fn lowest_free(
        &mut self,
        sections: Range<usize>,
        from: u64,
        size: u64,
        alignment: u64,
        work: &mut u64,
    ) -> u64 {
        let (mut last, mut count, mut least) = (0, 0, from);
        self.inside(sections.clone(), |node| {
            least = least.max(self.nodes[node].known.least(size, alignment));
            (last, count) = (node, count + 1);
        });
        let offset = self.search(sections, align_up(least, alignment), size, alignment, work);
        if count == 1 && from == 0 {
            self.nodes[last].known.learn(offset, size, alignment);
        }
        offset
    }

    /// What [`lowest_free`](Self::lowest_free) finds, by all sets of the sections' nodes.
    fn search(
        &self,
        sections: Range<usize>,
        from: u64,
        size: u64,
        alignment: u64,
        work: &mut u64,
    ) -> u64 {
        let (mut cursors, mut len) = ([GapCursor::EMPTY; MOST_NODES], 0);
        let mut meet = |set| {
            if !Intervals::is_empty(set) {
                cursors[len] = GapCursor::new(set);
                len += 1;
            }
        };
        self.inside(sections.clone(), |node| meet(&self.nodes[node].any));
        self.above(sections, |node| meet(&self.nodes[node].all));
        let (mut offset, mut agreed) = (from, 0);
        while agreed < len {
            for cursor in &mut cursors[..len] {
                let higher = cursor.lowest_free(offset, size, alignment, work);
                agreed = if higher == offset { agreed + 1 } else { 1 };
                offset = higher;
                if agreed >= len {
                    break;
                }
            }
        }
        offset
    }

    /// Whether `bytes` are free in all of `sections`. Neither may be empty.
    pub(super) fn is_free(&self, sections: Range<usize>, bytes: Range<u64>) -> bool {
        let mut is_free = true;
        let mut ask = |set: &Intervals| is_free &= set.is_free(&bytes);
        self.inside(sections.clone(), |node| ask(&self.nodes[node].any));
        self.above(sections, |node| ask(&self.nodes[node].all));
        is_free
    }

    /// Takes bytes in all of `sections`.
    pub(super) fn take(&mut self, sections: Range<usize>, bytes: Range<u64>) {
        let bytes = bytes.start..align_up(bytes.end, self.granularity).max(bytes.end);
        let (mut met, mut len) = ([0; MOST_NODES], 0);
        let mut meet = |node| {
            met[len] = node;
            len += 1;
        };
        self.inside(sections.clone(), &mut meet);
        for &node in &met[..len] {
            // No query asks for what spans a leaf: there is nothing below it.
            if node < self.leaves {
                self.nodes[node].all.insert(bytes.clone());
            }
            self.nodes[node].any.insert(bytes.clone());
        }
        let (mut met, mut len) = ([0; MOST_NODES], 0);
        self.above(sections, |node| {
            met[len] = node;
            len += 1;
        });
        for &node in &met[..len] {
            self.nodes[node].any.insert(bytes.clone());
        }
    }

    /// Visits the largest nodes that lie within the sections and together cover them: at most two a
    /// level.
    fn inside(&self, sections: Range<usize>, mut visit: impl FnMut(usize)) {
        let (mut low, mut high) = (self.leaves + sections.start, self.leaves + sections.end);
        while low < high {
            if low % 2 == 1 {
                visit(low);
                low += 1;
            }
            if high % 2 == 1 {
                high -= 1;
                visit(high);
            }
            (low, high) = (low / 2, high / 2);
        }
    }

    /// Visits the nodes that overlap the sections but do not lie within them: the proper ancestors
    /// of the nodes that `inside` visits.
    fn above(&self, sections: Range<usize>, mut visit: impl FnMut(usize)) {
        let (mut low, mut high) = (self.leaves + sections.start, self.leaves + sections.end - 1);
        let mut width = 1;
        let covers = |node: usize, width: usize| {
            let start = (node * width) - self.leaves;
            sections.start <= start && start + width <= sections.end
        };
        while low >= 1 {
            if !covers(low, width) {
                visit(low);
            }
            if high != low && !covers(high, width) {
                visit(high);
            }
            (low, high, width) = (low / 2, high / 2, width * 2);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn intervals_merge_where_they_touch() {
        let mut taken = Vec::new();
        for range in [10..20, 30..40, 20..30, 50..60, 0..5] {
            insert(&mut taken, range);
        }
        assert_eq!(taken, [0..5, 10..40, 50..60]);
        let set = Intervals::Few(taken);
        let lowest_free = |from, size, alignment| {
            let mut cursor = GapCursor::new(&set);
            cursor.lowest_free(from, size, alignment, &mut 0)
        };
        assert_eq!(lowest_free(0, 5, 1), 5);
        assert_eq!(lowest_free(0, 6, 1), 40);
        assert_eq!(lowest_free(0, 4, 16), 64);
        assert_eq!(lowest_free(45, 5, 1), 45);
    }

    #[test]
    fn the_tree_agrees_with_looking_at_every_buffer_placed() {
        let mut state = 1u64;
        let mut random = move |below: u64| {
            state = state
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            (state >> 33) % below
        };
        let trees = [1usize, 2, 3, 7, 8, 13]
            .into_iter()
            .zip([1, 2, 4].into_iter().cycle());
        for (sections, granularity) in trees {
            let mut tree = OccupancyTree::new(sections, granularity);
            let mut taken: Vec<(Range<usize>, Range<u64>)> = Vec::new();
            for _ in 0..60 {
                let start = random(sections as u64) as usize;
                let span = start..start + 1 + random((sections - start) as u64) as usize;
                let (size, alignment) = (1 + random(9), granularity << random(3));
                let from = random(4) * 16;
                let found = tree.lowest_free(span.clone(), from, size, alignment, &mut 0);
                let free = |offset: u64| {
                    taken.iter().all(|(s, b)| {
                        s.end <= span.start
                            || span.end <= s.start
                            || b.end <= offset
                            || offset + size <= b.start
                    })
                };
                let expected = (from..).step_by(alignment as usize).find(|&o| free(o));
                assert_eq!(Some(found), expected);
                tree.take(span.clone(), found..found + size);
                taken.push((span, found..found + size));
            }
        }
    }
}
