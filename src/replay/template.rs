//! The requests that a recording leads to expect, in order, and an index to find one by its size.
//!
//! A [`Template`] is what a lane asked for when it was recorded; an [`Expected`] is one request of
//! it, with the block that the plan has for it. The index is sorted by size, alignment and
//! position, so each search is a binary search.
//!
//! Invariant: nothing here changes after it was made.

#![forbid(unsafe_code)]

use alloc::{boxed::Box, vec::Vec};
use core::{alloc::Layout, ops::RangeInclusive};

use super::{
    factors::{Factors, KNOWN},
    trace::Request,
};
#[cfg(test)]
use orionrt_sys::sync::atomic::{AtomicU64, Ordering};

/// A recorded request, and what became of it in the plan.
#[derive(Clone, Copy, Debug)]
pub(super) struct Expected {
    size: usize,
    /// 0, which no request has, if it does not fit.
    alignment: u32,
    /// The number of its block in the plan, or [`NO_BLOCK`].
    block: u32,
}

/// How many requests before and behind a position are around it.
const AROUND: usize = 32;
const NO_BLOCK: u32 = u32::MAX;
const _: () = assert!(size_of::<Expected>() <= 16);

/// The requests that a lane is expected to make, in order.
#[derive(Debug)]
pub(super) struct Template {
    expected: Box<[Expected]>,
    /// Positions, sorted by size and alignment and then by position.
    index: Box<[u32]>,
    /// Comparisons of all searches so far: their work.
    #[cfg(test)]
    pub(super) comparisons: AtomicU64,
}

impl Template {
    /// The template of requests whose plan has one block for each that is planned, in order, from
    /// the block of number `first` on.
    pub(super) fn new(requests: &[Request], first: u32) -> Self {
        let mut blocks = first;
        let expected = requests.iter().map(|request| {
            let block = request.is_planned().then_some(blocks);
            blocks += u32::from(block.is_some());
            Expected::new(request.size, request.alignment, block)
        });
        Self::of(expected.collect())
    }

    /// The template of these requests.
    pub(super) fn of(expected: Box<[Expected]>) -> Self {
        let mut index: Vec<u32> = (0..expected.len() as u32).collect();
        index.sort_unstable_by_key(|&i| (expected[i as usize].layout(), i));
        Self {
            index: index.into_boxed_slice(),
            expected,
            #[cfg(test)]
            comparisons: AtomicU64::default(),
        }
    }

    /// The number of requests.
    pub(super) fn len(&self) -> usize {
        self.expected.len()
    }

    /// The requests, in order.
    pub(super) fn expected(&self) -> &[Expected] {
        &self.expected
    }

    /// The positions of all requests like this one, in order.
    #[inline(always)]
    pub(super) fn alike(&self, layout: Layout) -> &[u32] {
        let wanted = (layout.size(), layout.align());
        let key = |&position: &u32| self.expected[position as usize].layout();
        let start = self.index.partition_point(|i| key(i) < wanted);
        let alike = &self.index[start..];
        &alike[..alike.partition_point(|i| key(i) == wanted)]
    }

    /// The request at a position, if it is like this one: of its size and alignment.
    #[inline]
    pub(super) fn at(&self, position: usize, layout: Layout) -> Option<Expected> {
        let expected = *self.expected.get(position)?;
        let is_it = expected.layout() == (layout.size(), layout.align());
        is_it.then_some(expected)
    }

    /// The request at a position, if one like this, or one that is larger or more strictly aligned,
    /// can be made in its place.
    #[inline]
    pub(super) fn fitting(&self, position: usize, layout: Layout) -> Option<Expected> {
        let expected = *self.expected.get(position)?;
        let (size, alignment) = expected.layout();
        (layout.size() <= size && layout.align() <= alignment).then_some(expected)
    }

    /// The requests around a position: those before it, whose blocks are often free again, and then
    /// those behind it.
    pub(super) fn around(&self, position: usize) -> impl Iterator<Item = &Expected> {
        let ahead = self.expected.get(position..).unwrap_or_default();
        let before = self.expected.get(..position).unwrap_or(&self.expected);
        let before = before.iter().rev().take(AROUND);
        before.chain(ahead.iter().take(AROUND))
    }

    /// What a request of a smaller shape may have been recorded as: itself, and for each known
    /// factor the recorded size that is nearest to the expected one. All of them are at least as
    /// large and as strictly aligned as the request.
    pub(super) fn readings(&self, layout: Layout, factors: &Factors) -> Readings {
        let mut readings = [None; READINGS];
        readings[0] = Some(layout);
        let scaled = factors.expected(layout.size());
        for (reading, (likely, range)) in readings[1..].iter_mut().zip(scaled) {
            *reading = self.nearest(likely, range, layout);
        }
        readings
    }

    /// Of the recorded sizes in a range, the one nearest to `likely`, if `layout` fits there.
    fn nearest(
        &self,
        likely: usize,
        range: RangeInclusive<usize>,
        layout: Layout,
    ) -> Option<Layout> {
        let recorded = |&i: &u32| self.expected[i as usize].layout();
        let wanted = (likely, layout.align());
        let above = self.index.partition_point(|i| recorded(i) < wanted);
        let around = [above.checked_sub(1), Some(above)].into_iter().flatten();
        let fits = |&(size, alignment): &(usize, usize)| {
            range.contains(&size) && layout.size() <= size && layout.align() <= alignment
        };
        let around = around.filter_map(|i| self.index.get(i).map(recorded));
        let nearest = around
            .filter(fits)
            .min_by_key(|(size, _)| size.abs_diff(likely));
        let (size, alignment) = nearest?;
        Layout::from_size_align(size, alignment).ok()
    }

    /// The first such request from a position on, with its position.
    pub(super) fn search(&self, from: usize, layout: Layout) -> Option<(usize, Expected)> {
        let wanted = (layout.size(), layout.align(), from);
        let key = |&i: &u32| {
            #[cfg(test)]
            self.comparisons.fetch_add(1, Ordering::Relaxed);
            let (size, alignment) = self.expected[i as usize].layout();
            (size, alignment, i as usize)
        };
        let first = self.index.partition_point(|i| key(i) < wanted);
        let position = *self.index.get(first)? as usize;
        Some((position, self.at(position, layout)?))
    }
}

/// Layouts that a request may have been recorded with.
pub(super) type Readings = [Option<Layout>; READINGS];
const READINGS: usize = 1 + KNOWN;

impl Expected {
    /// A request of so many bytes, which has the block of this number or is not planned.
    pub(super) fn new(size: usize, alignment: usize, block: Option<u32>) -> Self {
        Self {
            size,
            alignment: u32::try_from(alignment).unwrap_or(0),
            block: block.unwrap_or(NO_BLOCK),
        }
    }

    /// Its size and alignment.
    #[inline]
    pub(super) fn layout(&self) -> (usize, usize) {
        (self.size, self.alignment as usize)
    }

    /// Its size.
    #[inline]
    pub(super) fn size(&self) -> usize {
        self.size
    }

    /// The number of its block in the plan; `None` if it outlives the iteration.
    #[inline]
    pub(super) fn block(&self) -> Option<u32> {
        (self.block != NO_BLOCK).then_some(self.block)
    }
}
