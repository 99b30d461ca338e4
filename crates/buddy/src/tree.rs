//! A tree of bitmaps over blocks: which aligned power-of-two runs are free, and where the lowest
//! is.
//!
//! A node has 64 children, and a child of a node of level *l* spans 64ˡ blocks. Every node has a
//! word **whole**: the children that are wholly free. A node of level 0 has nothing else; its
//! children are the blocks. A node above it also has a **height** (one more than its highest free
//! order, 0 for none), and for every order *k* below *6 l* a **mask**: the children that have a
//! free run of order *k* or more.
//!
//! ```text
//! level 1   whole    c0 c1 .. c63    1 = all 64 blocks of the child are free
//!           height
//!           mask 0   c0 c1 .. c63    1 = the child has a free block
//!           mask 1   c0 c1 .. c63    1 = the child has a free run of order 1 (two blocks) or more
//!             ...     │  └────────────┐
//! level 0   whole    b0 b1 .. b63    b64 b65 .. b127            1 = the block is free
//! ```
//!
//! Blocks **split** and **merge** by setting bits: a run of order *k* is free exactly when the bits
//! of both of its halves, buddies of order *k - 1*, are set. A block has a bit and nothing else, so
//! any run of blocks can be taken and given back, whatever its length.
//!
//! Invariants (`validate` checks them):
//! - the masks of a node are nested: mask *k + 1* is a subset of mask *k*, and `whole` is a subset
//!   of all masks. The number of these words in which child *c* is set is the height of *c*;
//! - a child that is wholly free or wholly taken is described by its parent's masks alone. Its own
//!   words may be stale, and are refreshed before a part of it changes. So taking or giving back a
//!   gigabyte touches the masks of a few nodes, not its blocks.
//!
//! Cost: there is a level for every six orders. Each operation follows at most two paths from the
//! root, and looks a few times at each mask of the nodes on them, of which a node has one for each
//! order below its own. No operation walks over blocks or lists, whatever the state;
//! [`work`](super::work) counts this.

use core::ops::Range;

use crate::{
    bits::mask,
    order::{Order, height, runs},
    shape::{Cut, HEIGHT, MASKS, Shape, WHOLE, child_of, child_order, leaf_mask, stride},
    work::{touched, uncounted},
};

/// The tree; all ranges are in blocks.
#[derive(Debug)]
pub(crate) struct Tree<W> {
    pub(crate) shape: Shape,
    pub(crate) words: W,
}

/// How many words a tree over `blocks` blocks needs.
pub(crate) fn words_needed(blocks: usize) -> usize {
    Shape::new(blocks).words
}

impl<W: AsRef<[u64]> + AsMut<[u64]>> Tree<W> {
    /// A tree over blocks `0..managed.end` in which `managed` is free; `words` has at least
    /// `words_needed(managed.end)` words of any content.
    pub(crate) fn new(mut words: W, managed: Range<usize>) -> Self {
        // A node that was never written must not look up to date, so it gets a height that no node
        // has.
        let shape = Shape::new(managed.end);
        for level in 1..shape.levels {
            let end = shape
                .starts
                .get(level + 1)
                .copied()
                .filter(|&next| next > 0);
            let level_words = &mut words.as_mut()[shape.starts[level]..end.unwrap_or(shape.words)];
            for node in level_words.chunks_mut(stride(level)) {
                touched(1);
                node[HEIGHT] = u64::MAX;
            }
        }
        Self::in_zeroed_words(words, managed)
    }

    /// A tree as `new` makes it, in words that are all zero. There a node is up to date as it is,
    /// height 0 with no masks, so that few words are touched.
    pub(crate) fn in_zeroed_words(words: W, managed: Range<usize>) -> Self {
        let shape = Shape::new(managed.end);
        let mut tree = Self { shape, words };
        tree.fill(shape.levels - 1, 0, 0);
        if !managed.is_empty() {
            tree.set::<true>(managed, Level(shape.levels - 1));
        }
        tree
    }

    pub(crate) fn words(&self) -> &W {
        &self.words
    }

    #[inline(always)]
    pub(crate) fn get(&self, index: usize) -> u64 {
        touched(1);
        self.words.as_ref()[index]
    }

    /// One more than the order of the largest free run; 0 when nothing is free.
    pub(crate) fn height(&self) -> u32 {
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
    pub(crate) fn node_height(&self, level: usize, node: usize) -> u32 {
        let at = self.shape.word(level, node);
        if level == 0 {
            height(self.get(at + WHOLE))
        } else {
            self.get(at + HEIGHT) as u32
        }
    }

    /// The lowest free run of this order, if there is one.
    #[inline]
    pub(crate) fn lowest(&self, order: Order) -> Option<FreeRun> {
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
                return Some(FreeRun::new(level, child));
            }
            let child = Self::first(self.get(at + MASKS + order), node)?;
            if whole >> (child % 64) & 1 == 1 {
                return Some(FreeRun::new(level, child));
            }
            (level, node) = (level - 1, child);
        }
    }

    /// The first child of a node in a word of its children. Only at the root can that word be
    /// empty.
    #[inline]
    fn first(children: u64, node: usize) -> Option<usize> {
        (children != 0).then(|| node * 64 + children.trailing_zeros() as usize)
    }

    /// If every block of a run is free, the level at which to take it. The run is not empty.
    pub(crate) fn is_free(&self, run: Range<usize>) -> Option<Level> {
        self.all::<true>(run)
    }

    /// If every block of a run is taken, the level at which to give it back. The run is not empty.
    pub(crate) fn is_taken(&self, run: Range<usize>) -> Option<Level> {
        self.all::<false>(run)
    }

    /// Takes a run that is free and not empty; a look-up of it has returned `level`.
    pub(crate) fn take(&mut self, run: Range<usize>, level: Level) {
        debug_assert!(uncounted(|| self.is_free(run.clone()).is_some()));
        self.set::<false>(run, level);
    }

    /// Gives back a run that is taken and not empty; a look-up of it has returned `level`. The run
    /// merges with what is free around it.
    pub(crate) fn give(&mut self, run: Range<usize>, level: Level) {
        debug_assert!(uncounted(|| self.is_taken(run.clone()).is_some()));
        self.set::<true>(run, level);
    }

    /// Whether all blocks of a run are free (if `FREE`) or taken (if not). Descends while the run
    /// lies in one child, and returns the level that it has reached.
    #[inline(always)]
    fn all<const FREE: bool>(&self, run: Range<usize>) -> Option<Level> {
        let spread = run.start ^ (run.end - 1);
        let mut level = self.shape.levels - 1;
        while level > 0 && spread >> child_order(level) == 0 {
            match self.child_state(level, child_of(level, run.start)) {
                ChildState::Mixed => level -= 1,
                ChildState::Free => return FREE.then_some(Level(level)),
                ChildState::Taken => return (!FREE).then_some(Level(level)),
            }
        }
        let agrees = match level {
            0 => self.all_in_leaf::<FREE>(run),
            _ => self.all_in::<FREE>(level, run),
        };
        agrees.then_some(Level(level))
    }

    /// Whether all blocks of a run inside one word are free, or taken.
    #[inline(always)]
    fn all_in_leaf<const FREE: bool>(&self, run: Range<usize>) -> bool {
        let mask = leaf_mask(&run);
        let word = self.get(child_of(1, run.start));
        word & mask == if FREE { mask } else { 0 }
    }

    /// Whether all blocks of a run inside one node of this level are free, or taken.
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
            && cut
                .head
                .is_none_or(|part| self.all_in_child::<FREE>(level, part))
            && cut
                .tail
                .is_none_or(|part| self.all_in_child::<FREE>(level, part))
    }

    /// Whether all blocks of a run inside one child of a node of this level are free, or taken.
    #[inline(always)]
    fn all_in_child<const FREE: bool>(&self, level: usize, run: Range<usize>) -> bool {
        match self.child_state(level, child_of(level, run.start)) {
            ChildState::Free => FREE,
            ChildState::Taken => !FREE,
            ChildState::Mixed => self.all_in::<FREE>(level - 1, run),
        }
    }

    /// The state of a child according to the masks of its parent, a node of this level.
    #[inline(always)]
    fn child_state(&self, level: usize, child: usize) -> ChildState {
        let at = self.shape.inner(level, child / 64);
        let bit = 1u64 << (child % 64);
        if self.get(at + WHOLE) & bit != 0 {
            ChildState::Free
        } else if self.get(at + MASKS) & bit == 0 {
            ChildState::Taken
        } else {
            ChildState::Mixed
        }
    }

    /// Makes all blocks of a run free or taken. Goes down from the level at which the run was
    /// looked up to the node in which it spans several children or whole ones, then up again for as
    /// long as heights change.
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

    /// Makes a run inside one node of this level, whose words are up to date, free or taken.
    /// Returns the height of the node before and after.
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
        if let Some(part) = cut.head {
            self.set_in_child::<FREE>(level, part);
        }
        if let Some(part) = cut.tail {
            self.set_in_child::<FREE>(level, part);
        }
        let words = self.node(level, node);
        let after = height_of(words);
        note_height(words, after);
        (before, after)
    }

    /// Makes a run inside one child of a node of this level free or taken.
    #[inline(always)]
    fn set_in_child<const FREE: bool>(&mut self, level: usize, run: Range<usize>) {
        let child = child_of(level, run.start);
        self.refresh_child(level, child);
        let (old, new) = self.set_in::<FREE>(level - 1, run);
        self.child_changed::<FREE>(level, child, old, new);
    }

    /// Makes a run inside one word free or taken. Returns the word's height before and after.
    #[inline(always)]
    fn set_in_leaf<const FREE: bool>(&mut self, run: &Range<usize>) -> (u32, u32) {
        let mask = leaf_mask(run);
        touched(1);
        let word = &mut self.words.as_mut()[child_of(1, run.start)];
        let before = height(*word);
        *word = if FREE { *word | mask } else { *word & !mask };
        (before, height(*word))
    }

    /// Makes a run of whole children of one node of this level free or taken. Returns the height of
    /// the node before and after.
    #[inline(always)]
    fn set_whole<const FREE: bool>(&mut self, level: usize, run: &Range<usize>) -> (u32, u32) {
        let (first, last) = (child_of(level, run.start), child_of(level, run.end - 1));
        let words = self.node(level, first / 64);
        touched(1);
        let before = words[HEIGHT] as u32;
        set_children::<FREE>(words, mask(first & 63..(last & 63) + 1));
        let after = height_of(words);
        note_height(words, after);
        (before, after)
    }

    /// Updates a node of this level after the height of one of its children has changed from `old`
    /// to `new`. Returns the height of the node before and after; the root's is of no use, and
    /// returned as 0.
    ///
    /// A child of height *h* is set in the lowest *h* of the node's masks, and in `whole` if it is
    /// free as a whole, which counts as one more. So the change flips its bit in a few neighbouring
    /// words:
    ///
    /// ```text
    ///            mask 0  mask 1  mask 2  mask 3  mask 4  mask 5  whole        (level 1)
    /// old = 2      1       1       0       0       0       0       0
    /// new = 7      1       1       1       1       1       1       1
    /// flipped                      ^       ^       ^       ^       ^
    /// ```
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
        let masks = child_order(level);
        let bit = 1u64 << (child % 64);
        let (low, high) = if FREE { (old, new) } else { (new, old) };
        let (low, high) = (low as usize, high as usize);
        let mut order = low;
        while order < high.min(masks) {
            // Not an iterator: it would be vectorised, and most changes are by one order.
            touched(1);
            let mask = &mut words[MASKS + order];
            *mask = if FREE { *mask | bit } else { *mask & !bit };
            order += 1;
        }
        touched(1);
        let whole_changed = high > masks;
        if whole_changed {
            words[WHOLE] ^= bit;
        }
        if is_root {
            return (0, 0);
        }
        touched(1);
        let before = words[HEIGHT] as u32;
        // Runs of wholly free children are higher than anything inside a child, so they decide
        // first.
        let after = match words[WHOLE] {
            0 if FREE => before.max(new),
            0 => highest_mask(words, masks.min(before as usize)),
            _ if !whole_changed => return (before, before),
            whole => masks as u32 + height(whole),
        };
        note_height(words, after);
        (before, after)
    }

    /// Brings the words of a child up to date if it is wholly free or wholly taken, which perhaps
    /// only its parent, a node of this level, knows.
    ///
    /// The height of the child tells whether its words are up to date: only in a node of full
    /// height are all masks full, and only in one of height 0 are all masks empty.
    #[inline(always)]
    fn refresh_child(&mut self, level: usize, child: usize) {
        let (full, expected) = match self.child_state(level, child) {
            ChildState::Mixed => return,
            ChildState::Free => (u64::MAX, child_order(level) as u64 + 1),
            ChildState::Taken => (0, 0),
        };
        if level == 1 {
            touched(1);
            self.words.as_mut()[child] = full;
        } else if self.get(self.shape.inner(level - 1, child) + HEIGHT) != expected {
            self.fill(level - 1, child, expected as u32);
        }
    }

    /// Writes all words of a node that is wholly free (`height` is the full height) or wholly taken
    /// (0).
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

/// Makes whole children of a node free or taken, except for the node's height.
#[inline(always)]
fn set_children<const FREE: bool>(words: &mut [u64], mask: u64) {
    touched(words.len() - 1);
    let set = |word: &mut u64| *word = if FREE { *word | mask } else { *word & !mask };
    set(&mut words[WHOLE]);
    // A node of level *l* has 6 *l* masks. Six at a time need no loop inside, nor the code around a
    // loop that is vectorised for any number of words.
    for masks in words[MASKS..].chunks_exact_mut(child_order(1)) {
        masks.iter_mut().for_each(set);
    }
}

/// The height of a node, computed from its other words.
#[inline(always)]
pub(crate) fn height_of(words: &[u64]) -> u32 {
    touched(1);
    let orders = words.len().saturating_sub(MASKS);
    match words[WHOLE] {
        0 => highest_mask(words, orders),
        whole => orders as u32 + height(whole),
    }
}

/// The height of a node that has no wholly free child, from its masks. Those at and above `orders`
/// are known to be empty.
#[inline(always)]
fn highest_mask(words: &[u64], orders: usize) -> u32 {
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

/// The level that a look-up has reached. Every node on the way down to it is partly free, so its
/// words are up to date, and a change of the same run can start there. Valid until the tree
/// changes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Level(usize);

/// A free run: its first block, and the level at which to take it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FreeRun {
    pub(crate) start: usize,
    pub(crate) level: Level,
}

impl FreeRun {
    #[inline]
    fn new(level: usize, child: usize) -> Self {
        Self {
            start: child << child_order(level),
            level: Level(level),
        }
    }
}

/// What a parent knows of a child.
enum ChildState {
    /// All of its blocks are free.
    Free,
    /// None of its blocks is free.
    Taken,
    /// Some of its blocks are free.
    Mixed,
}
