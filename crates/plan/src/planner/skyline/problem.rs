//! What a search never changes: the buffers to place, in classes, and the sections that they cover.
//!
//! Buffers that cover the same sections and may have the same offsets are a *class*: what is placed
//! beside one of them in time is beside all of them. A buffer with a fixed offset is not an item
//! but an *obstacle*. The offsets that a class may have begin at its *base*, mostly 0, and go up in
//! steps of its alignment.
//!
//! Invariants: the items of a class have consecutive numbers, ascending by size, so that *twins*
//! (items of a class with equal sizes) are neighbours; the numbers of classes ascend with their
//! first section, so that the classes which start in a range of sections are a range of numbers.

use alloc::vec::Vec;
use core::ops::Range;

use crate::intervals::union;
use crate::lifetimes::Lifetime;
use crate::planner::gap::align_up;
use crate::planner::sections::Sections;

/// One buffer to place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Item {
    pub(super) size: u64,
    pub(super) class: u32,
    /// Its position among the buffers of the task.
    pub(super) position: u32,
    /// The largest load of the sections that it covers.
    pub(super) peak_load: u64,
}

/// Buffers that cover the same sections and may have the same offsets.
#[derive(Clone, Debug)]
pub(super) struct Class {
    start: u32,
    end: u32,
    first: u32,
    last: u32,
    alignment: u64,
    /// The lowest offset that its items may have.
    pub(super) base: u64,
    /// The bytes of obstacles beside it in time: sorted, disjoint.
    pub(super) obstacles: Vec<Range<u64>>,
}

impl Class {
    /// The sections covered.
    pub(super) fn span(&self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// The numbers of its items.
    pub(super) fn items(&self) -> Range<usize> {
        self.first as usize..self.last as usize
    }

    /// The lowest offset from `from` on that its items may have.
    pub(super) fn lowest_from(&self, from: u64) -> u64 {
        let above_base = from.saturating_sub(self.base);
        align_up(above_base, self.alignment).saturating_add(self.base)
    }

    /// The lowest offset from `from` on that its items may have and at which `size` bytes meet no
    /// obstacle.
    pub(super) fn clear_of_obstacles(&self, from: u64, size: u64) -> u64 {
        let mut offset = self.lowest_from(from);
        for taken in &self.obstacles {
            if taken.start >= offset.saturating_add(size) {
                break;
            }
            offset = offset.max(self.lowest_from(taken.end));
        }
        offset
    }
}

/// The items, classes and obstacles of a search.
#[derive(Debug)]
pub(super) struct SkylineProblem {
    pub(super) items: Vec<Item>,
    pub(super) classes: Vec<Class>,
    pub(super) sections: usize,
    /// The bytes of obstacles in each section: sorted, disjoint.
    pub(super) obstacles: Vec<Vec<Range<u64>>>,
    /// Whether any offset will do for any item: there are no alignments and no obstacles.
    pub(super) is_plain: bool,
    /// The highest end of an obstacle.
    pub(super) fixed_top: u64,
    /// The classes that start in section *s* are `starts[s]..starts[s + 1]`.
    starts: Vec<u32>,
}

impl SkylineProblem {
    pub(super) fn new(buffers: &[Lifetime]) -> Self {
        Self::with_bases(buffers, |_| 0)
    }

    /// A problem in which each buffer, given by position, may lie at its base and above, in steps
    /// of its alignment.
    pub(super) fn with_bases(buffers: &[Lifetime], base: impl Fn(usize) -> u64) -> Self {
        let sections = Sections::new(buffers);
        let peak_loads = sections.peak_loads(buffers);
        let (fixed, mut free): (Vec<usize>, Vec<usize>) =
            (0..buffers.len()).partition(|&i| buffers[i].fixed_offset.is_some());
        free.sort_unstable_by_key(|&i| {
            let (span, b) = (sections.of(i), &buffers[i]);
            (span.start, span.end, b.alignment, base(i), b.size, i)
        });
        let mut problem = Self {
            items: Vec::with_capacity(free.len()),
            classes: Vec::new(),
            sections: sections.count(),
            obstacles: obstacles(buffers, &sections, &fixed),
            is_plain: buffers
                .iter()
                .all(|b| b.alignment == 1 && b.fixed_offset.is_none()),
            fixed_top: 0,
            starts: alloc::vec![0; sections.count() + 1],
        };
        let fixed_tops = fixed.iter().filter_map(|&i| buffers[i].fixed_bytes());
        problem.fixed_top = fixed_tops.map(|bytes| bytes.end).max().unwrap_or(0);
        for i in free {
            problem.push(&buffers[i], base(i), sections.of(i), i, peak_loads[i]);
        }
        for class in &problem.classes {
            problem.starts[class.start as usize + 1] += 1;
        }
        for s in 0..problem.sections {
            problem.starts[s + 1] += problem.starts[s];
        }
        problem
    }

    /// How many pairs of a class and a section that it covers these buffers would make.
    pub(super) fn pairs(buffers: &[Lifetime]) -> usize {
        let sections = Sections::new(buffers);
        let class = |i: usize| {
            (
                sections.of(i).start,
                sections.of(i).end,
                buffers[i].alignment,
            )
        };
        let mut classes: Vec<_> = (0..buffers.len()).map(class).collect();
        classes.sort_unstable();
        classes.dedup();
        classes.iter().map(|(start, end, _)| end - start).sum()
    }

    fn push(
        &mut self,
        buffer: &Lifetime,
        base: u64,
        span: Range<usize>,
        position: usize,
        peak_load: u64,
    ) {
        let number = self.items.len() as u32;
        let same = |class: &Class| {
            let offsets = (class.alignment, class.base);
            class.span() == span && offsets == (buffer.alignment, base)
        };
        match self.classes.last_mut() {
            Some(class) if same(class) => class.last += 1,
            _ => {
                let beside = self.obstacles[span.clone()].iter().flatten().cloned();
                self.classes.push(Class {
                    start: span.start as u32,
                    end: span.end as u32,
                    first: number,
                    last: number + 1,
                    alignment: buffer.alignment,
                    base,
                    obstacles: union(beside.collect()),
                });
            }
        }
        self.items.push(Item {
            size: buffer.size,
            class: self.classes.len() as u32 - 1,
            position: position as u32,
            peak_load,
        });
    }

    /// The class of an item.
    pub(super) fn class_of(&self, item: usize) -> &Class {
        &self.classes[self.items[item].class as usize]
    }

    /// The classes that start in one of these sections.
    pub(super) fn starting_in(&self, sections: Range<usize>) -> Range<usize> {
        self.starts[sections.start] as usize..self.starts[sections.end] as usize
    }

    /// The items of the same class and size as `item`, itself included.
    pub(super) fn twins(&self, item: usize) -> Range<usize> {
        let Range { start, end } = self.class_of(item).items();
        let size = self.items[item].size;
        let before = self.items[start..item].iter().rev();
        let after = self.items[item..end].iter();
        let first = item - before.take_while(|twin| twin.size == size).count();
        first..item + after.take_while(|twin| twin.size == size).count()
    }
}

fn obstacles(buffers: &[Lifetime], sections: &Sections, fixed: &[usize]) -> Vec<Vec<Range<u64>>> {
    let mut obstacles = alloc::vec![Vec::new(); sections.count()];
    for &i in fixed {
        for s in sections.of(i) {
            obstacles[s].extend(buffers[i].fixed_bytes());
        }
    }
    obstacles.into_iter().map(union).collect()
}
