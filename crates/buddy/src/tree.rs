//! A tree of bitmaps over block runs: which aligned power-of-two runs are free, and where the lowest is.
//!
//! A node has 64 children, and a child of a node of level *l* spans `64^l` blocks. Every node has a word
//! **whole**: the children that are free as a whole. For level 0 the children are the blocks, and that is all. Above,
//! it also keeps its **height** (one more than its largest free order, 0 for none) and for every order *k*
//! below *6 l* a **mask**: the children with a free run of order *k* or more.
//!
//! ```text
//! level 1   whole    c0 c1 .. c63    all 64 blocks free
//!           height
//!           mask 0   c0 c1 .. c63    has a free block
//!           mask 1   c0 c1 .. c63    has a free run of order 1 (two blocks), or more
//!             ...     │  └────────────┐
//! level 0   whole    b0 b1 .. b63    b64 b65 .. b127            1 = the block is free
//! ```
//!
//! Blocks **split** and **merge** by setting bits: a run of order *k* is free exactly when the bits of both
//! its halves, buddies of order *k - 1*, are set. Nothing is stored per block beyond its bit, so any run of
//! blocks can be taken and given back, whatever its length.
//!
//! Invariants (`validate` checks them):
//! - the masks of a node are nested: mask *k + 1* is a subset of mask *k*, and `whole` of them all; the number of
//!   these words that hold child *c* is the height of *c*;
//! - a child that is free as a whole, or not free at all, is described by its parent's masks; its
//!   own words may be stale, and are then refreshed before a part of it changes. So taking or giving a
//!   gigabyte touches the masks of a few nodes, not its blocks.
//!
//! Cost: levels = orders / 6; each operation walks at most two paths from the root, and looks a few times at each of the masks
//! on them, of which a level has one for each order below its own. No walk over blocks or lists, whatever the state;
//! [`work`](super::work) counts it.

use core::ops::Range;

use super::{
    order::{Order, bits, height, runs},
    shape::{Cut, HEIGHT, MASKS, Shape, WHOLE, child_of, child_order, leaf_mask, stride},
    work::{free_of_charge, touched},
};

/// The tree; all ranges are in blocks.
#[derive(Debug)]
pub(super) struct Tree<W> {
    pub(super) shape: Shape,
    pub(super) words: W,
}

/// How many words a tree over `blocks` needs.
pub(super) fn words_needed(blocks: usize) -> usize {
    Shape::new(blocks).words
}

impl<W: AsRef<[u64]> + AsMut<[u64]>> Tree<W> {
    /// A tree over blocks `0..managed.end` in which `managed` is free; `words` has at least
    /// `words_needed(managed.end)` words of any content.
    pub(super) fn new(mut words: W, managed: Range<usize>) -> Self {
        // A node that was never written must not look up to date: no node has this height.
        let shape = Shape::new(managed.end);
        for level in 1..shape.levels {
            let end = shape
                .starts
                .get(level + 1)
                .copied()
                .filter(|&next| next > 0);
            let level_words = &mut words.as_mut()[shape.starts[level]..end.unwrap_or(shape.words)];
            for node in level_words.chunks_mut(stride(level)) {
                node[HEIGHT] = u64::MAX;
            }
        }
        Self::in_zeroed_words(words, managed)
    }

    /// Like `new`, in words that are all zero: height 0 and no masks agree, so none need be written.
    pub(super) fn in_zeroed_words(words: W, managed: Range<usize>) -> Self {
        let shape = Shape::new(managed.end);
        let mut tree = Self { shape, words };
        tree.fill(shape.levels - 1, 0, 0);
        if !managed.is_empty() {
            tree.set::<true>(managed, Level(shape.levels - 1));
        }
        tree
    }

    pub(super) fn words(&self) -> &W {
        &self.words
    }

    #[inline(always)]
    pub(super) fn get(&self, index: usize) -> u64 {
        touched(1);
        self.words.as_ref()[index]
    }

    /// One more than the order of the largest free run; 0 when nothing is free.
    pub(super) fn height(&self) -> u32 {
        let root = self.shape.levels - 1;
        height_of(&self.words.as_ref()[self.shape.word(root, 0)..][..stride(root)])
    }

    /// The words of a node above level 0.
    #[inline(always)]
    fn node(&mut self, level: usize, node: usize) -> &mut [u64] {
        let at = self.shape.inner(level, node);
        &mut self.words.as_mut()[at..at + stride(level)]
    }

    #[inline(always)]
    pub(super) fn node_height(&self, level: usize, node: usize) -> u32 {
        let at = self.shape.word(level, node);
        if level == 0 {
            height(self.get(at + WHOLE))
        } else {
            self.get(at + HEIGHT) as u32
        }
    }

    /// The lowest free run of this order, if there is one; taking it need not start above the found level.
    #[inline]
    pub(super) fn lowest(&self, order: Order) -> Option<Found> {
        let order = order.0 as usize;
        let mut level = self.shape.levels - 1;
        if order > child_order(level + 1) {
            return None;
        }
        let mut node = 0;
        loop {
            let at = self.shape.word(level, node);
            let whole = self.get(at + WHOLE);
            if order >= child_order(level) {
                let starts = runs(whole, (order - child_order(level)) as u32);
                let child = Self::first(starts, node)?;
                return Some(Found::new(level, child));
            }
            let child = Self::first(self.get(at + MASKS + order), node)?;
            if whole >> (child % 64) & 1 == 1 {
                return Some(Found::new(level, child));
            }
            (level, node) = (level - 1, child);
        }
    }

    /// The first child of a node in a word of its children, which is empty at the root alone.
    #[inline]
    fn first(children: u64, node: usize) -> Option<usize> {
        (children != 0).then(|| node * 64 + children.trailing_zeros() as usize)
    }

    /// Whether every block of a run that is not empty is free; if so, the level to take it at.
    pub(super) fn is_free(&self, run: Range<usize>) -> Option<Level> {
        self.all::<true>(run)
    }

    /// Whether no block of a run that is not empty is free; if so, the level to give it back at.
    pub(super) fn is_taken(&self, run: Range<usize>) -> Option<Level> {
        self.all::<false>(run)
    }

    /// Takes a run that is free and not empty, found so at `level`.
    pub(super) fn take(&mut self, run: Range<usize>, level: Level) {
        debug_assert!(free_of_charge(|| self.is_free(run.clone()).is_some()));
        self.set::<false>(run, level);
    }

    /// Gives back a run that is taken and not empty, found so at `level`; it merges with what is free around it.
    pub(super) fn give(&mut self, run: Range<usize>, level: Level) {
        debug_assert!(free_of_charge(|| self.is_taken(run.clone()).is_some()));
        self.set::<true>(run, level);
    }

    /// Whether all blocks of a run are free (or all are taken). Descends while the run lies in one child, and
    /// returns the level that it has reached.
    #[inline(always)]
    fn all<const FREE: bool>(&self, run: Range<usize>) -> Option<Level> {
        let spread = run.start ^ (run.end - 1);
        let mut level = self.shape.levels - 1;
        while level > 0 && spread >> child_order(level) == 0 {
            match self.child_state(level, child_of(level, run.start)) {
                State::Mixed => level -= 1,
                State::Free => return FREE.then_some(Level(level)),
                State::Taken => return (!FREE).then_some(Level(level)),
            }
        }
        let agrees = match level {
            0 => self.all_in_leaf::<FREE>(run),
            _ => self.all_in::<FREE>(level, run),
        };
        agrees.then_some(Level(level))
    }

    /// The same for a run inside one word.
    #[inline(always)]
    fn all_in_leaf<const FREE: bool>(&self, run: Range<usize>) -> bool {
        let mask = leaf_mask(&run);
        let word = self.get(child_of(1, run.start));
        word & mask == if FREE { mask } else { 0 }
    }

    /// The same for a run inside one node of this level.
    fn all_in<const FREE: bool>(&self, level: usize, run: Range<usize>) -> bool {
        if level == 0 {
            return self.all_in_leaf::<FREE>(run);
        }
        let at = self.shape.inner(level, child_of(level + 1, run.start));
        let (any, whole) = (self.get(at + MASKS), self.get(at + WHOLE));
        let cut = Cut::new(level, run);
        let agrees = match cut.inner {
            Some(mask) if FREE => whole & mask == mask,
            Some(mask) => any & mask == 0,
            None => true,
        };
        agrees
            && cut.edges.into_iter().flatten().all(|part| {
                match self.child_state(level, child_of(level, part.start)) {
                    State::Free => FREE,
                    State::Taken => !FREE,
                    State::Mixed => self.all_in::<FREE>(level - 1, part),
                }
            })
    }

    /// What the masks of its parent, a node of this level, say of a child.
    #[inline(always)]
    fn child_state(&self, level: usize, child: usize) -> State {
        let at = self.shape.inner(level, child / 64);
        let bit = 1u64 << (child % 64);
        if self.get(at + WHOLE) & bit != 0 {
            State::Free
        } else if self.get(at + MASKS) & bit == 0 {
            State::Taken
        } else {
            State::Mixed
        }
    }

    /// Makes all blocks of a run free or taken: from the level at which it was looked up down to the node in
    /// which it spans several children or whole ones, then up again for as long as heights change.
    #[inline(always)]
    fn set<const FREE: bool>(&mut self, run: Range<usize>, Level(mut level): Level) {
        let top = self.shape.levels - 1;
        let spread = run.start ^ (run.end - 1);
        while level > 0 && (spread | run.len()) >> child_order(level) == 0 {
            self.refresh_child(level, child_of(level, run.start));
            level -= 1;
        }
        let (mut old, mut new) = if level == 0 {
            self.set_in_leaf::<FREE>(&run)
        } else if (run.start | run.end) & ((1 << child_order(level)) - 1) == 0
            && spread >> child_order(level + 1) == 0
        {
            self.set_whole::<FREE>(level, &run)
        } else {
            self.set_in::<FREE>(level, run.clone())
        };
        while level < top && old != new {
            level += 1;
            (old, new) = self.child_changed::<FREE>(level, child_of(level, run.start), old, new);
        }
    }

    /// Sets a run inside one node of this level, whose words are up to date; returns the node's height
    /// before and after.
    fn set_in<const FREE: bool>(&mut self, level: usize, run: Range<usize>) -> (u32, u32) {
        if level == 0 {
            return self.set_in_leaf::<FREE>(&run);
        }
        let node = child_of(level + 1, run.start);
        let before = self.node_height(level, node);
        let cut = Cut::new(level, run);
        if let Some(mask) = cut.inner {
            set_children::<FREE>(self.node(level, node), mask);
        }
        for part in cut.edges.into_iter().flatten() {
            let child = child_of(level, part.start);
            self.refresh_child(level, child);
            let (old, new) = self.set_in::<FREE>(level - 1, part);
            self.child_changed::<FREE>(level, child, old, new);
        }
        let words = self.node(level, node);
        let after = height_of(words);
        note_height(words, after);
        (before, after)
    }

    /// The same for a run inside one word.
    #[inline(always)]
    fn set_in_leaf<const FREE: bool>(&mut self, run: &Range<usize>) -> (u32, u32) {
        let mask = leaf_mask(run);
        touched(1);
        let word = &mut self.words.as_mut()[child_of(1, run.start)];
        let before = height(*word);
        *word = if FREE { *word | mask } else { *word & !mask };
        (before, height(*word))
    }

    /// The same for a run of whole children.
    #[inline(always)]
    fn set_whole<const FREE: bool>(&mut self, level: usize, run: &Range<usize>) -> (u32, u32) {
        let (first, last) = (child_of(level, run.start), child_of(level, run.end - 1));
        let words = self.node(level, first / 64);
        touched(1);
        let before = words[HEIGHT] as u32;
        set_children::<FREE>(words, bits(first & 63, (last & 63) + 1));
        let after = height_of(words);
        note_height(words, after);
        (before, after)
    }

    /// Takes note that a child of a node of this level has gone from one height to another: in the masks between the
    /// two, and in the node's own height, which is returned before and after.
    #[inline(always)]
    fn child_changed<const FREE: bool>(
        &mut self,
        level: usize,
        child: usize,
        old: u32,
        new: u32,
    ) -> (u32, u32) {
        let is_root = level + 1 == self.shape.levels;
        let words = self.node(level, child / 64);
        let top = child_order(level);
        let bit = 1u64 << (child % 64);
        let (low, high) = if FREE { (old, new) } else { (new, old) };
        let (low, high) = (low as usize, high as usize);
        let mut order = low;
        while order < high.min(top) {
            // Not an iterator: it would be vectorised, and most changes are by one order.
            touched(1);
            let mask = &mut words[MASKS + order];
            *mask = if FREE { *mask | bit } else { *mask & !bit };
            order += 1;
        }
        touched(1);
        if high > top {
            words[WHOLE] ^= bit;
        }
        if is_root {
            return (0, 0); // nobody reads the root's height on the way
        }
        touched(1);
        let (before, whole) = (words[HEIGHT] as u32, words[WHOLE]);
        let after = if whole != 0 {
            if high <= top {
                return (before, before); // wholly free children decide, and they are the same
            }
            top as u32 + height(whole)
        } else if FREE {
            before.max(new)
        } else {
            tallest(words, top.min(before as usize))
        };
        note_height(words, after);
        (before, after)
    }

    /// Brings a child's own words up to date where its parent, a node of this level, alone knows that it is
    /// wholly free or wholly taken.
    ///
    /// A node that got there by itself is up to date, and its height shows it: only the full height has
    /// all masks full, and only height 0 has all masks empty.
    #[inline(always)]
    fn refresh_child(&mut self, level: usize, child: usize) {
        let (full, expected) = match self.child_state(level, child) {
            State::Mixed => return,
            State::Free => (u64::MAX, child_order(level) as u64 + 1),
            State::Taken => (0, 0),
        };
        if level == 1 {
            touched(1);
            self.words.as_mut()[child] = full;
        } else if self.get(self.shape.inner(level - 1, child) + HEIGHT) != expected {
            self.fill(level - 1, child, expected as u32);
        }
    }

    /// Writes a node out as wholly free (the full height) or wholly taken (height 0).
    #[cold]
    fn fill(&mut self, level: usize, node: usize, height: u32) {
        let at = self.shape.word(level, node);
        let words = &mut self.words.as_mut()[at..at + stride(level)];
        touched(words.len());
        words.fill(if height > 0 { u64::MAX } else { 0 });
        if let Some(stored) = words.get_mut(HEIGHT) {
            *stored = u64::from(height);
        }
    }
}

/// Makes whole children of a node free or taken; its height is left to the caller.
#[inline(always)]
fn set_children<const FREE: bool>(words: &mut [u64], mask: u64) {
    touched(words.len() - 1);
    let (whole, masks) = (WHOLE..=WHOLE, MASKS..words.len());
    for index in whole.chain(masks) {
        let word = &mut words[index];
        *word = if FREE { *word | mask } else { *word & !mask };
    }
}

/// The height of a node from its other words.
#[inline(always)]
pub(super) fn height_of(words: &[u64]) -> u32 {
    touched(1);
    let orders = words.len().saturating_sub(MASKS);
    match words[WHOLE] {
        0 => tallest(words, orders),
        whole => orders as u32 + height(whole),
    }
}

/// The height of a node none of whose children are wholly free, from its masks: those of the lowest `orders` orders, above
/// which they are empty.
#[inline(always)]
fn tallest(words: &[u64], orders: usize) -> u32 {
    let mut height = orders;
    while height > 0 {
        touched(1);
        if words[MASKS + height - 1] != 0 {
            break;
        }
        height -= 1;
    }
    height as u32
}

#[inline(always)]
fn note_height(words: &mut [u64], height: u32) {
    touched(1);
    words[HEIGHT] = u64::from(height);
}

/// The level that a look-up has reached: above it, every child on the way is partly free, so its
/// words are up to date. Good until the tree changes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Level(usize);

/// A free run: its first block, and the level at which it was found.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub(super) start: usize,
    pub(super) level: Level,
}

impl Found {
    fn new(level: usize, child: usize) -> Self {
        Self {
            start: child << child_order(level),
            level: Level(level),
        }
    }
}

/// What a parent knows of a child.
enum State {
    Free,
    Taken,
    Mixed,
}
