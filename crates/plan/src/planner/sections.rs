//! Time cut into *sections*, numbered in order, so that only the number of a section matters.
//!
//! A new section begins where a buffer is born after another has died. Within a section all births
//! come before all deaths: between them all buffers of the section are alive together, and at any
//! other moment a subset of them. So two buffers are alive together if and only if they share
//! a section, and the largest load over time is the largest load of a section. (Sections are the
//! maximal cliques of an interval graph, in order of time; Fulkerson and Gross 1965.)
//!
//! ```text
//! step      0     7  9       50          times may be nanoseconds, far apart
//! a         ├────────┤
//! b               ├──────────┤
//! c                  ├───────┤
//! section   │    0   │   1   │           a covers section 0, b covers 0..2, c covers 1
//! ```

use alloc::vec::Vec;
use core::ops::Range;

use super::range_maxima::RangeMaxima;
use crate::lifetimes::Lifetime;

/// The sections of some buffers, and which of them each buffer covers.
#[derive(Clone, Debug)]
pub(super) struct Sections {
    spans: Vec<Range<u32>>,
    count: usize,
}

impl Sections {
    pub(super) fn new(buffers: &[Lifetime]) -> Self {
        let order_by = |time: fn(&Lifetime) -> i64| {
            let mut order: Vec<u32> = (0..buffers.len() as u32).collect();
            order.sort_unstable_by_key(|&i| time(&buffers[i as usize]));
            order
        };
        let (births, deaths) = (order_by(|b| b.lower), order_by(|b| b.upper));
        let mut spans = alloc::vec![0..0; buffers.len()];
        let (mut section, mut died) = (0, 0);
        for born in births {
            let now = buffers[born as usize].lower;
            let before = died;
            while buffers[deaths[died] as usize].upper <= now {
                spans[deaths[died] as usize].end = section + 1;
                died += 1;
            }
            section += u32::from(died > before);
            spans[born as usize].start = section;
        }
        for &dead in &deaths[died..] {
            spans[dead as usize].end = section + 1;
        }
        Self {
            count: if spans.is_empty() {
                0
            } else {
                section as usize + 1
            },
            spans,
        }
    }

    /// The sections that buffer `index` covers: never empty for a buffer that occupies bytes.
    pub(super) fn of(&self, index: usize) -> Range<usize> {
        let Range { start, end } = self.spans[index];
        start as usize..end as usize
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    /// Cuts the sections into runs: where each begins, and the end of the last one. A run is one
    /// section, or several in which at most `most` buffers begin or end but do not cover all of it.
    pub(super) fn runs(&self, most: usize) -> Vec<u32> {
        let count = self.count.max(1);
        // How many buffers begin with a section, and how many end with it.
        let mut changes = alloc::vec![(0u32, 0u32); count];
        for span in &self.spans {
            changes[span.start as usize].0 += 1;
            changes[span.end as usize - 1].1 += 1;
        }
        let (mut starts, mut partial) = (alloc::vec![0], 0);
        for at in 1..count {
            partial += changes[at - 1].1 as usize + changes[at].0 as usize;
            if partial > most {
                starts.push(at as u32);
                partial = 0;
            }
        }
        starts.push(count as u32);
        starts
    }

    /// The bytes alive in each section.
    pub(super) fn loads(&self, buffers: &[Lifetime]) -> Vec<u64> {
        let mut change = alloc::vec![(0u64, 0u64); self.count + 1];
        for (span, buffer) in self.spans.iter().zip(buffers) {
            change[span.start as usize].0 += buffer.size;
            change[span.end as usize].1 += buffer.size;
        }
        let mut load = 0;
        let sections = change.iter().take(self.count);
        let loads = sections.map(|(born, died)| {
            load = load + born - died;
            load
        });
        loads.collect()
    }

    /// For each buffer, the largest load of the sections that it covers. O(n log n).
    pub(super) fn peak_loads(&self, buffers: &[Lifetime]) -> Vec<u64> {
        let maxima = RangeMaxima::new(self.loads(buffers));
        let largest = |index: usize| maxima.largest(self.of(index));
        (0..buffers.len()).map(largest).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_begin_where_a_birth_follows_a_death() {
        let row = |lower, upper| Lifetime {
            lower,
            upper,
            size: 1,
            alignment: 1,
            fixed_offset: None,
            within: None,
        };
        let buffers = [row(0, 9), row(7, 50), row(9, 50), row(3, 5), row(60, 61)];
        let sections = Sections::new(&buffers);
        let spans: Vec<_> = (0..5).map(|i| sections.of(i)).collect();
        assert_eq!(spans, [0..2, 1..3, 2..3, 0..1, 3..4]);
        assert_eq!(sections.count(), 4);
        assert_eq!(sections.loads(&buffers), [2, 2, 2, 1]);
    }

    #[test]
    fn buffers_conflict_if_and_only_if_they_share_a_section() {
        let mut state = 7u64;
        let mut random = move |below: u64| {
            state = state
                .wrapping_mul(6364136223846793005)
                .wrapping_add(1442695040888963407);
            ((state >> 33) % below) as i64
        };
        for _ in 0..200 {
            let rows = (0..12).map(|_| {
                let lower = random(20);
                Lifetime {
                    lower,
                    upper: lower + 1 + random(8),
                    size: 1,
                    alignment: 1,
                    fixed_offset: None,
                    within: None,
                }
            });
            let buffers: Vec<Lifetime> = rows.collect();
            let sections = Sections::new(&buffers);
            for (i, a) in buffers.iter().enumerate() {
                for (j, b) in buffers.iter().enumerate() {
                    let (x, y) = (sections.of(i), sections.of(j));
                    let share = x.start < y.end && y.start < x.end;
                    assert_eq!(share, a.conflicts(b), "{a:?} {x:?} and {b:?} {y:?}");
                }
            }
        }
    }
}
