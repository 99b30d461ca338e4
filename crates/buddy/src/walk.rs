//! Walks over the whole tree of bitmaps: its free runs in order of address, and a check of its
//! invariants.
//!
//! Stands on [`tree`](super::tree). Nothing here changes the tree, and nothing elsewhere looks at
//! more than a few paths of it.

use core::ops::Range;

use crate::{
    shape::{MASKS, WHOLE, child_order, stride},
    tree::{Tree, height_of},
};

impl<W: AsRef<[u64]> + AsMut<[u64]>> Tree<W> {
    /// Visits the free blocks in order of address, as maximal runs, until `visit` returns false.
    /// The time is linear in the runs, not in the blocks.
    pub(crate) fn free_runs(&self, mut visit: impl FnMut(Range<usize>) -> bool) {
        let mut open = 0..0;
        let mut join = |run: Range<usize>| {
            if run.start == open.end {
                open.end = run.end;
                return true;
            }
            let done = core::mem::replace(&mut open, run);
            done.is_empty() || visit(done)
        };
        if self.visit_free(self.shape.levels - 1, 0, &mut join) && !open.is_empty() {
            visit(open);
        }
    }

    /// Visits the free blocks of a node as runs that are not joined yet; returns whether to go on.
    fn visit_free(
        &self,
        level: usize,
        node: usize,
        visit: &mut dyn FnMut(Range<usize>) -> bool,
    ) -> bool {
        let at = self.shape.word(level, node);
        let whole = self.get(at + WHOLE);
        let mut any = if level == 0 {
            whole
        } else {
            self.get(at + MASKS)
        };
        while any != 0 {
            let child = any.trailing_zeros();
            let below = node * 64 + child as usize;
            // This many children from here on are wholly free: one run.
            let free = (whole >> child).trailing_ones();
            let go_on = if free > 0 {
                let (start, end) = (below, below + free as usize);
                visit(start << child_order(level)..end << child_order(level))
            } else {
                self.visit_free(level - 1, below, visit)
            };
            let seen = child + free.max(1);
            any &= u64::MAX.checked_shl(seen).unwrap_or(0);
            if !go_on {
                return false;
            }
        }
        true
    }

    /// Whether the invariants of [`tree`](super::tree) hold; for tests.
    pub(crate) fn validate(&self) -> bool {
        self.validate_node(self.shape.levels - 1, 0).is_some()
    }

    /// The height of a node, computed from its blocks; `None` if anything stored disagrees with
    /// them.
    fn validate_node(&self, level: usize, node: usize) -> Option<u32> {
        let at = self.shape.word(level, node);
        let words = &self.words.as_ref()[at..at + stride(level)];
        let masks = words.get(MASKS..).unwrap_or(&[]);
        for child in (0..64usize).filter(|_| level > 0) {
            let has = |word: &u64| word >> child & 1 == 1;
            let stored = masks.iter().take_while(|mask| has(mask)).count();
            let whole = has(&words[WHOLE]);
            let nested = !masks[stored..].iter().any(has) && (!whole || stored == masks.len());
            let mixed = stored > 0 && !whole;
            if !nested
                || mixed && self.validate_node(level - 1, node * 64 + child)? as usize != stored
            {
                return None;
            }
        }
        let height = height_of(words);
        let is_root = level + 1 == self.shape.levels;
        (is_root || height == self.node_height(level, node)).then_some(height)
    }
}
