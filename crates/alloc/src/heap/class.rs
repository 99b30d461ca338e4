//! Size classes: the sizes of small objects, and how many pages a span of each class takes.
//!
//! Sizes up to 128 bytes go in steps of 16; above, each power of two is divided into eight steps,
//! so an object is at most 12.5 % larger than its request. A request's class is read from a table
//! of two kilobytes, of which most programs touch only the first line.
//!
//! Invariant: a size that is a multiple of an alignment, of at most a page, gets a class whose size
//! is a multiple of that alignment, too. Spans start at a page, so objects are aligned if the
//! *size* is rounded up to the alignment first; [`Class::of`] does that in allocation and release
//! alike. The index of every class is below [`CLASSES`]: tables are indexed by it without a check.

#![forbid(unsafe_code)]

use core::{alloc::Layout, num::NonZeroU8};

/// The number of classes.
pub(crate) const CLASSES: usize = 72;
/// The size of the largest class, in bytes.
pub(crate) const LARGEST: usize = 32 << 10;
/// The heap's page, in bytes: spans and large blocks are runs of pages.
pub(crate) const PAGE: usize = 4096;
/// The most pages in a span.
pub(crate) const MOST_SPAN_PAGES: usize = 16;
/// The most objects in a span: the number of bits in its bitmap.
pub(crate) const MOST_OBJECTS: usize = 256;

/// The size of every class is a multiple of this, and so is the offset of every object in its span.
const UNIT: usize = 16;
/// The binary logarithm of the number of classes between two powers of two.
const STEP_SHIFT: u32 = 3;
/// Up to two to this power, classes are [`UNIT`] bytes apart.
const LINEAR: u32 = 7;

/// A size class; the number inside is its index in the order of sizes, plus one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Class(NonZeroU8);

impl Class {
    /// The class of a request; `None` if its size or alignment is too large for any.
    #[inline]
    pub(crate) fn of(layout: Layout) -> Option<Self> {
        Self::of_common(layout).or_else(|| Self::of_aligned(layout))
    }

    /// The class of a request whose alignment every class has; `None` for all others.
    #[inline(always)]
    pub(crate) fn of_common(layout: Layout) -> Option<Self> {
        // Two predicted branches are faster than one on the combined condition.
        if layout.align() > UNIT {
            cold_path();
            return None;
        }
        Self::of_size(layout.size())
    }

    /// The class of a request of so many bytes; `None` if there are too many.
    #[inline(always)]
    pub(crate) fn of_size(bytes: usize) -> Option<Self> {
        if bytes > LARGEST {
            cold_path();
            return None;
        }
        Some(BY_UNITS[bytes.div_ceil(UNIT)])
    }

    #[inline]
    fn of_aligned(layout: Layout) -> Option<Self> {
        let align = layout.align();
        // No overflow: a layout's size rounded up to its alignment fits `isize`.
        let size = (layout.size().max(1) + (align - 1)) & !(align - 1);
        (size <= LARGEST && align <= PAGE).then(|| Self::holding(size))
    }

    /// The smallest class that holds `size` bytes; `size` is in `1..=LARGEST`.
    const fn holding(size: usize) -> Self {
        let last = size - 1;
        let log2 = (last | (1 << LINEAR)).ilog2();
        let step = last >> (log2 - STEP_SHIFT);
        Self::numbered(step + ((log2 - LINEAR) << STEP_SHIFT) as usize)
    }

    /// The class with this index, or the largest one if there are fewer.
    pub(crate) const fn numbered(index: usize) -> Self {
        debug_assert!(index < CLASSES);
        let index = if index < CLASSES { index } else { CLASSES - 1 };
        match NonZeroU8::new(index as u8 + 1) {
            Some(kind) => Self(kind),
            None => Self(NonZeroU8::MIN),
        }
    }

    /// The mark of the class's pages in a zone's side table; never 0.
    #[inline(always)]
    pub(crate) const fn kind(self) -> u8 {
        self.0.get()
    }

    /// The class that has this mark.
    #[inline(always)]
    pub(crate) fn of_kind(kind: u8) -> Option<Self> {
        let kind = NonZeroU8::new(kind)?;
        (usize::from(kind.get()) <= CLASSES).then_some(Self(kind))
    }

    /// All classes, smallest first.
    pub(crate) fn all() -> impl Iterator<Item = Self> {
        (0..CLASSES).map(Self::numbered)
    }

    /// The index of the class, below [`CLASSES`].
    #[inline(always)]
    pub(crate) const fn index(self) -> usize {
        self.0.get() as usize - 1
    }

    /// The size of an object in bytes, a multiple of 16.
    #[inline]
    pub(crate) const fn size(self) -> usize {
        let steps = 1 << STEP_SHIFT;
        let index = self.index();
        if index < 2 * steps {
            return (index + 1) * UNIT;
        }
        let shift = (index - steps) / steps;
        (index % steps + steps + 1) << (shift + 4)
    }

    /// The pages of an object that has them for itself.
    #[cfg(feature = "profile")]
    pub(crate) const fn sampled_pages(self) -> usize {
        self.size().div_ceil(PAGE)
    }

    /// How a span of the class is cut into objects.
    pub(crate) const fn span(self) -> SpanShape {
        SHAPES[self.index()]
    }
}

/// How a span is cut into objects of so many bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SpanShape {
    pub(crate) pages: u8,
    pub(crate) objects: u16,
    size: u32,
    /// `ceil(2^40 / size)`: turns an offset into an object's index by a product and a shift.
    reciprocal: u64,
}

impl SpanShape {
    /// The number of the object that begins at this offset from the span's start, if one does.
    #[inline]
    pub(crate) fn object_at(self, offset: usize) -> Option<usize> {
        let object = ((offset as u64).wrapping_mul(self.reciprocal) >> 40) as usize;
        let begins = self.offset_of(object) == offset && object < usize::from(self.objects);
        begins.then_some(object)
    }

    /// The offset of an object from the span's start.
    #[inline]
    pub(crate) fn offset_of(self, object: usize) -> usize {
        object * self.size as usize
    }

    /// The bytes of the span's pages.
    #[inline]
    pub(crate) fn bytes(self) -> usize {
        usize::from(self.pages) * PAGE
    }

    /// The smallest span that wastes at most 1/`TOLERATED` of its pages, else the least wasteful
    /// one of up to [`MOST_SPAN_PAGES`]. Small spans fragment least.
    const fn best(size: usize) -> Self {
        const TOLERATED: usize = 32;
        let (mut best, mut best_waste) = (0, usize::MAX);
        let mut pages = 1;
        while pages <= MOST_SPAN_PAGES {
            let bytes = pages * PAGE;
            let fitting = bytes / size;
            let objects = if fitting < MOST_OBJECTS {
                fitting
            } else {
                MOST_OBJECTS
            };
            if objects > 0 {
                let waste = (bytes - objects * size) * 1024 / bytes;
                if waste < best_waste {
                    (best, best_waste) = (pages, waste);
                }
                if waste * TOLERATED <= 1024 {
                    break;
                }
            }
            pages += 1;
        }
        let fitting = best * PAGE / size;
        Self {
            pages: best as u8,
            size: size as u32,
            objects: if fitting < MOST_OBJECTS {
                fitting
            } else {
                MOST_OBJECTS
            } as u16,
            reciprocal: (1u64 << 40).div_ceil(size as u64),
        }
    }
}

/// The class of every size, by the size in units, rounded up; entry 0 is the same as entry 1. It is
/// a constant because a static of another crate is found through the linker's global offset table.
const BY_UNITS: &[Class; LARGEST / UNIT + 1] = &{
    let mut classes = [Class::numbered(0); LARGEST / UNIT + 1];
    let mut units = 1;
    while units < classes.len() {
        classes[units] = Class::holding(units * UNIT);
        units += 1;
    }
    classes
};

const _: () = {
    let mut index = 0;
    while index < CLASSES {
        let shape = SpanShape::best(Class::numbered(index).size());
        assert!(shape.pages > 0 && shape.pages as usize <= MOST_SPAN_PAGES);
        index += 1;
    }
};

static SHAPES: [SpanShape; CLASSES] = {
    let mut shapes = [SpanShape {
        pages: 0,
        objects: 0,
        size: 0,
        reciprocal: 0,
    }; CLASSES];
    let mut index = 0;
    while index < CLASSES {
        shapes[index] = SpanShape::best(Class::numbered(index).size());
        index += 1;
    }
    shapes
};

/// Tells the compiler that the branch which calls this is seldom taken. The calls leave no code.
#[cold]
#[inline]
pub(super) fn cold_path() {}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(size: usize, align: usize) -> Option<Class> {
        Class::of(Layout::from_size_align(size, align).unwrap())
    }

    #[test]
    fn every_size_gets_the_smallest_class_that_holds_it() {
        for size in 1..=LARGEST {
            let class = of(size, 1).unwrap();
            assert!(class.size() >= size, "{size}");
            if class.index() > 0 {
                assert!(Class::numbered(class.index() - 1).size() < size, "{size}");
            }
        }
        assert_eq!(of(LARGEST, 1).unwrap().index(), CLASSES - 1);
        assert_eq!(of(LARGEST + 1, 1), None);
    }

    #[test]
    fn adjacent_classes_differ_by_at_most_an_eighth_or_16_bytes() {
        for (a, b) in Class::all().zip(Class::all().skip(1)) {
            assert!(b.size() - a.size() <= (a.size() / 8).max(16));
        }
        let powers_of_two = (0..=12).map(|k| 64usize << k);
        for size in powers_of_two.take_while(|&size| size <= LARGEST) {
            assert_eq!(of(size, 1).unwrap().size(), size);
        }
    }

    #[test]
    fn aligned_requests_get_a_multiple_of_their_alignment() {
        for align in (0..=12).map(|k| 1usize << k) {
            for size in (1..=LARGEST).step_by(7).chain([align, LARGEST - align]) {
                let (size, class) = (size.max(1), of(size.max(1), align));
                let is_small = size.next_multiple_of(align) <= LARGEST;
                assert_eq!(class.is_some(), is_small, "{size} {align}");
                if let Some(class) = class {
                    assert_eq!(class.size() % align, 0, "{size} {align}");
                }
            }
        }
        assert_eq!(of(64, 2 * PAGE), None);
    }

    #[test]
    fn spans_waste_little_and_objects_are_found_by_offset() {
        for class in Class::all() {
            let shape = class.span();
            let bytes = shape.pages as usize * PAGE;
            let used = shape.objects as usize * class.size();
            assert!(
                used <= bytes && (bytes - used) * 16 <= bytes,
                "{class:?} {shape:?}"
            );
            for object in 0..shape.objects as usize {
                let begin = object * class.size();
                assert_eq!(shape.object_at(begin), Some(object));
                for inside in [1, class.size() - 1] {
                    assert_eq!(shape.object_at(begin + inside), None);
                }
            }
        }
    }
}
