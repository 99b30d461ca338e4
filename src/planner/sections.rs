//! Time cut at every birth and death: within a section nothing changes, so its number is all that counts.
//!
//! ```text
//! step      0     7  9       50          times may be nanoseconds, far apart
//! a         ├────────┤
//! b               ├──────────┤
//! section   │  0  │1 │   2   │           a covers sections 0..2, b covers 1..3
//! ```

use alloc::vec::Vec;
use core::ops::Range;

use crate::lifetimes::Lifetime;

/// The sections of some buffers, and which of them each buffer covers.
#[derive(Clone, Debug)]
pub(super) struct Sections {
    spans: Vec<Range<usize>>,
    count: usize,
}

impl Sections {
    pub(super) fn new(buffers: &[Lifetime]) -> Self {
        let mut times: Vec<i64> = buffers.iter().flat_map(|b| [b.lower, b.upper]).collect();
        times.sort_unstable();
        times.dedup();
        let section = |time: i64| times.partition_point(|&t| t < time);
        Self {
            spans: buffers
                .iter()
                .map(|b| section(b.lower)..section(b.upper))
                .collect(),
            count: times.len().saturating_sub(1),
        }
    }

    /// The sections that buffer `index` covers: never empty for a buffer that occupies bytes.
    pub(super) fn of(&self, index: usize) -> Range<usize> {
        self.spans[index].clone()
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// The bytes alive in each section.
    pub(super) fn loads(&self, buffers: &[Lifetime]) -> Vec<u64> {
        let mut change = alloc::vec![(0u64, 0u64); self.count + 1];
        for (span, buffer) in self.spans.iter().zip(buffers) {
            change[span.start].0 += buffer.size;
            change[span.end].1 += buffer.size;
        }
        let mut load = 0;
        let sections = change.iter().take(self.count);
        let loads = sections.map(|(born, died)| {
            load = load + born - died;
            load
        });
        loads.collect()
    }

    /// For each buffer, the largest load of the sections that it covers: how hard the tightest moment of its
    /// life is. O(n log n) with a sparse table.
    pub(super) fn tightest(&self, buffers: &[Lifetime]) -> Vec<u64> {
        let mut table = alloc::vec![self.loads(buffers)];
        let mut width = 1;
        while 2 * width <= self.count {
            let last = &table[table.len() - 1];
            let next = (0..=self.count - 2 * width).map(|i| last[i].max(last[i + width]));
            let next = next.collect();
            table.push(next);
            width *= 2;
        }
        let largest = |span: &Range<usize>| {
            let log = span.len().ilog2() as usize;
            table[log][span.start].max(table[log][span.end - (1 << log)])
        };
        self.spans.iter().map(largest).collect()
    }
}
