//! A repeat: a stretch that agrees with itself at a lag, and the iterations that follow from it.
//!
//! Stands on [`gapped_extension`](super::gapped_extension). Invariant: segments ascend in
//! *x* and in *y*, and every *y* is above its *x*.

use alloc::vec::Vec;
use core::ops::Range;

use super::gapped_extension::Segment;

/// A stretch of the sequence that agrees with itself, `lag` requests earlier.
#[derive(Clone, Debug)]
pub(super) struct Repeat {
    pub(super) lag: usize,
    /// What agrees; at least one segment.
    segments: Vec<Segment>,
    /// How many requests differ between one iteration and the next, summed up.
    pub(super) differences: usize,
    /// Where iterations begin, and where the last one ends.
    pub(super) bounds: Vec<usize>,
}

impl Repeat {
    /// The repeat of these segments; `None` if there are none.
    pub(super) fn new(lag: usize, segments: Vec<Segment>, differences: usize) -> Option<Self> {
        let bounds = bounds(&segments)?;
        let repeat = Self {
            lag,
            segments,
            differences,
            bounds,
        };
        Some(repeat)
    }

    /// How many whole iterations there are.
    pub(super) fn count(&self) -> usize {
        self.bounds.len() - 1
    }

    /// The requests of all whole iterations.
    pub(super) fn requests(&self) -> Range<usize> {
        self.bounds[0]..self.bounds[self.count()]
    }

    /// All requests that agree with others, with those of an iteration that is cut off.
    pub(super) fn extent(&self) -> Range<usize> {
        let last = self.segments[self.segments.len() - 1];
        self.bounds[0]..last.y + last.length
    }

    /// Where iterations begin and end if the first one begins at `start`, and none ends after
    /// `limit`.
    pub(super) fn bounds_from(&self, start: usize, limit: usize) -> Vec<usize> {
        let mut bounds = iterate(&self.segments, start);
        bounds.retain(|&at| at <= limit);
        bounds
    }
}

/// Where iterations begin and end; `None` without segments.
fn bounds(segments: &[Segment]) -> Option<Vec<usize>> {
    Some(iterate(segments, segments.first()?.x))
}

/// A position, what it corresponds to, what that corresponds to, and so on.
fn iterate(segments: &[Segment], start: usize) -> Vec<usize> {
    let mut bounds = Vec::from([start]);
    let mut at = start;
    let mut current = 0;
    while let Some(segment) = segments.get(current) {
        let next = segments.get(current + 1);
        if next.is_some_and(|next| next.x <= at) {
            current += 1;
            continue;
        }
        let passed = at.saturating_sub(segment.x);
        // Between two segments nothing corresponds: the next thing that does is what follows.
        let image = match next {
            Some(next) if passed >= segment.length => next.y,
            None if passed > segment.length => break,
            _ => segment.y + passed,
        };
        if image <= at {
            break;
        }
        bounds.push(image);
        at = image;
    }
    bounds
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn segment(x: usize, y: usize, length: usize) -> Segment {
        Segment { x, y, length }
    }

    #[test]
    fn iterations_follow_the_lag() {
        let repeat = Repeat::new(3, Vec::from([segment(2, 5, 10)]), 0).expect("a segment");
        assert_eq!(repeat.bounds, [2, 5, 8, 11, 14]);
        assert_eq!((repeat.count(), repeat.requests()), (4, 2..14));
        assert_eq!(repeat.extent(), 2..15);
        assert_eq!(repeat.bounds_from(3, 15), [3, 6, 9, 12, 15]);
        assert_eq!(repeat.bounds_from(3, 14), [3, 6, 9, 12]);
        assert!(Repeat::new(3, Vec::new(), 0).is_none());
    }

    #[test]
    fn an_insertion_makes_one_iteration_longer() {
        // abcabxcabc: x is inserted at 5.
        let segments = Vec::from([segment(0, 3, 2), segment(2, 6, 3), segment(6, 9, 1)]);
        let repeat = Repeat::new(3, segments, 2).expect("segments");
        assert_eq!(repeat.bounds, [0, 3, 7, 10]);
    }
}
