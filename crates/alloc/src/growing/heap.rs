//! The heap itself: taking runs, giving them back, and making the memory longer.
//!
//! Invariant, which `validate` in the tests checks: every unit of the heap belongs to exactly one
//! live block, cached block, free run or table; no free run touches another one; a free run has its
//! length in its first and its last unit, is in the bin of that length, and the table of run ends
//! has exactly these two units set.
//!
//! No function here panics or formats: in WebAssembly the code for messages would be larger than
//! the heap.

use core::{alloc::Layout, mem, ptr};

use super::{
    bins::{Bins, bin_of},
    memory::{GrowingMemory, MOST_UNITS, PAGE, UNIT, units_of, whole_units},
    run_ends::RunEnds,
};

/// Blocks of fewer units than this are cached.
const CACHED: usize = 1024 / UNIT + 1;
/// How many runs of the bin that a length belongs to are looked at. All runs of the bins above are
/// long enough.
const LOOKS: usize = 8;
/// The table of run ends covers a multiple of so many units: 1 MiB of memory, by 8 KiB.
const TABLE_STEP: u32 = 16 * PAGE;

/// What a free run has in its first unit. The last four bytes of its last unit are its length, too.
#[repr(C)]
struct Run {
    next: u32,
    previous: u32,
    units: u32,
}

/// A heap; all of its blocks lie in `memory`.
pub(crate) struct GrowingHeap<M> {
    memory: M,
    /// The first cached block of each length; 0 where there is none.
    cached: [u32; CACHED],
    bins: Bins,
    ends: RunEnds,
    /// Where the page that was grown last ends.
    end: u32,
}

impl<M: GrowingMemory> GrowingHeap<M> {
    /// A heap without memory yet.
    pub(crate) const fn new(memory: M) -> Self {
        Self {
            memory,
            cached: [0; CACHED],
            bins: Bins::new(),
            ends: RunEnds::new(),
            end: 0,
        }
    }

    /// A block for a layout of non-zero size; null if there is no memory for it.
    #[inline]
    pub(crate) fn allocate(&mut self, layout: Layout) -> *mut u8 {
        let (Some(units), Some(align)) = (units_of(layout.size()), units_of(layout.align())) else {
            return ptr::null_mut();
        };
        let block = match self.uncache(units, align) {
            0 => self.take_or_grow(units, align),
            block => block,
        };
        self.address(block)
    }

    /// Takes a block back.
    ///
    /// # Safety
    /// A block of this heap with its layout, which its holder gives up.
    #[inline]
    pub(crate) unsafe fn free(&mut self, pointer: *mut u8, layout: Layout) {
        let (block, units) = (self.memory.unit(pointer), units_in_use(layout));
        match self.cached.get_mut(units as usize) {
            Some(head) => {
                let next = mem::replace(head, block);
                // SAFETY: the first bytes of a block that the caller gave up.
                unsafe { pointer.cast::<u32>().write(next) };
            }
            // SAFETY: the units of a block that the caller gave up.
            None => unsafe { self.give(block, units) },
        }
    }

    /// Resizes a block to a size that is not zero; null, and the block is as it was, if there is no
    /// memory for that.
    ///
    /// # Safety
    /// A block of this heap with its layout; if the answer is not null, its holder gives it up.
    pub(crate) unsafe fn resize(
        &mut self,
        pointer: *mut u8,
        layout: Layout,
        new_size: usize,
    ) -> *mut u8 {
        let (Some(new), Some(align)) = (units_of(new_size), units_of(layout.align())) else {
            return ptr::null_mut();
        };
        let (block, old) = (self.memory.unit(pointer), units_in_use(layout));
        // SAFETY: a live block and its length.
        if unsafe { self.resize_in_place(block, old, new) } {
            return pointer;
        }
        let mut to = match self.uncache(new, align) {
            0 => self.take_free(new, align),
            to => to,
        };
        if to == 0 {
            // SAFETY: a live block and its length, which is less than the new one.
            if unsafe { self.lengthen(block, old, new) } {
                return pointer;
            }
            to = self.take_or_grow(new, align);
        }
        let moved = self.address(to);
        if !moved.is_null() {
            // SAFETY: two blocks of at least this size, the first of which is given up by the
            // caller.
            unsafe {
                ptr::copy_nonoverlapping(pointer, moved, layout.size());
                self.free(pointer, layout);
            }
        }
        moved
    }

    /// The address of a block; null for 0.
    #[inline]
    fn address(&self, block: u32) -> *mut u8 {
        if block == 0 {
            return ptr::null_mut();
        }
        self.memory.pointer(block)
    }

    /// A cached block of this length; 0 if there is none, or it would have to be aligned.
    #[inline]
    fn uncache(&mut self, units: u32, align: u32) -> u32 {
        match self.cached.get_mut(units as usize) {
            Some(head) if *head != 0 && align <= 1 => {
                let block = *head;
                // SAFETY: the first bytes of a cached block, which are the number of the next one.
                *head = unsafe { self.memory.pointer(block).cast::<u32>().read() };
                block
            }
            _ => 0,
        }
    }

    /// A block from the free runs or from new memory; 0 if there is none.
    #[inline(never)]
    fn take_or_grow(&mut self, units: u32, align: u32) -> u32 {
        let block = self.take_free(units, align);
        if block != 0 {
            return block;
        }
        match self.grow(units + (align - 1)) {
            0 => 0,
            // SAFETY: a free run of at least this length. It is taken without a search, which may
            // miss it: it may have kept its place behind others of its bin.
            run => unsafe { self.take_from(run, units, align) },
        }
    }

    /// A block from the free runs, of which cached blocks become part if that is needed; 0 if there
    /// is none.
    #[inline(never)]
    fn take_free(&mut self, units: u32, align: u32) -> u32 {
        match self.take(units, align) {
            0 => {
                self.flush();
                self.take(units, align)
            }
            block => block,
        }
    }

    /// Gives all cached blocks back to the free runs.
    fn flush(&mut self) {
        for units in 0..CACHED {
            let mut block = mem::take(&mut self.cached[units]);
            while block != 0 {
                // SAFETY: a cached block begins with the number of the next one, and has so many
                // units, which are nobody's.
                unsafe {
                    let next = self.memory.pointer(block).cast::<u32>().read();
                    self.give(block, units as u32);
                    block = next;
                }
            }
        }
    }

    /// Takes a block out of a free run; 0 if no run that is long enough was found.
    #[inline(never)]
    fn take(&mut self, units: u32, align: u32) -> u32 {
        match self.find(units + (align - 1)) {
            0 => 0,
            // SAFETY: a free run of at least as many units as were looked for.
            run => unsafe { self.take_from(run, units, align) },
        }
    }

    /// Takes a block out of this free run.
    ///
    /// # Safety
    /// A free run of at least `units + align - 1` units.
    #[inline(never)]
    unsafe fn take_from(&mut self, run: u32, units: u32, align: u32) -> u32 {
        // SAFETY: the block lies within the run, and what is left on both sides of it has live
        // units beside it.
        unsafe {
            let found = (*self.run(run)).units;
            let block = (run + (align - 1)) & !(align - 1);
            let rest = run + found - (block + units);
            if block == run {
                self.change(run, found, run + units, rest);
            } else {
                self.change(run, found, run, block - run);
                self.insert(block + units, rest);
            }
            block
        }
    }

    /// A free run of at least so many units; 0 if none was found.
    fn find(&self, units: u32) -> u32 {
        let bin = bin_of(units);
        let mut run = self.bins.head(bin);
        for _ in 0..LOOKS {
            if run == 0 {
                break;
            }
            // SAFETY: a free run.
            let Run {
                next, units: found, ..
            } = unsafe { self.run(run).read() };
            if found >= units {
                return run;
            }
            run = next;
        }
        self.bins.first_above(bin)
    }

    /// Gives units back, which merge with the free runs on both sides.
    ///
    /// # Safety
    /// Units of this heap that are in no free run, and nobody's.
    #[inline(never)]
    unsafe fn give(&mut self, start: u32, mut units: u32) {
        let end = start + units;
        // SAFETY: the table covers all units of the heap and one on each side. A unit beside a run
        // that is not free is the first or the last of its own, so that a set bit means a free run
        // that begins, or ends, with it.
        unsafe {
            let behind = self.free_behind(end);
            units += behind;
            if self.ends.get(start - 1) {
                if behind > 0 {
                    self.remove(end);
                }
                let before = self.length_at_end(start - 1).read();
                self.change(start - before, before, start - before, before + units);
            } else if behind > 0 {
                self.change(end, behind, start, units);
            } else {
                self.insert(start, units);
            }
        }
    }

    /// Resizes a block where it is, if what is behind it allows that.
    ///
    /// # Safety
    /// A live block and its length; if this returns `true`, its holder gives up what is beyond the
    /// new length.
    unsafe fn resize_in_place(&mut self, block: u32, old: u32, new: u32) -> bool {
        let (old_end, new_end) = (block + old, block + new);
        // SAFETY: what the holder gives up; or the free run behind the block, of which as many
        // units are taken as it has. The table covers one unit behind the heap.
        unsafe {
            if new <= old {
                if new < old {
                    self.give(new_end, old - new);
                }
                return true;
            }
            let behind = self.free_behind(old_end);
            if behind < new - old {
                return false;
            }
            self.change(old_end, behind, new_end, behind - (new - old));
        }
        true
    }

    /// Resizes a block at the end of the memory where it is, by making the memory longer.
    ///
    /// # Safety
    /// A live block and its length, which is less than the new one.
    unsafe fn lengthen(&mut self, block: u32, old: u32, new: u32) -> bool {
        let end = block + old;
        // SAFETY: `end` is the unit behind a live block; the block is as the caller says.
        unsafe {
            // Room that was cached a moment ago.
            if self.resize_in_place(block, old, new) {
                return true;
            }
            let is_last = end + self.free_behind(end) == self.end && self.end == self.memory.end();
            is_last && self.grow(new - old) != 0 && self.resize_in_place(block, old, new)
        }
    }

    /// The length of the free run that begins behind a run that is not free; 0 if none does.
    ///
    /// # Safety
    /// `end` is the unit behind a run that is not free.
    unsafe fn free_behind(&self, end: u32) -> u32 {
        // SAFETY: the table covers this unit; a set bit means a free run that begins with it.
        unsafe {
            if self.ends.get(end) {
                (*self.run(end)).units
            } else {
                0
            }
        }
    }

    /// Makes the memory longer, so that its last free run has at least so many units. Returns that
    /// run; 0 if there is not as much memory.
    fn grow(&mut self, units: u32) -> u32 {
        let start = self.memory.end();
        // Unit 0 is nobody's.
        let first = start.max(1);
        let (origin, covered) = match self.ends.covered() {
            (_, 0) => (first - 1, 0),
            covered => covered,
        };
        let missing = units.saturating_sub(self.free_at(start)) + (first - start);
        let table = larger_table(covered, start - origin + missing);
        let pages = (missing + table / TABLE_UNIT).div_ceil(PAGE);
        if !self.memory.grow(pages) {
            return 0;
        }
        self.end = start + pages * PAGE;
        let mut fresh = first..self.end;
        if table > 0 {
            // The first table begins the memory, and later ones end it: a block that grows with
            // the memory has to stay beside what is fresh.
            let place = match covered {
                0 => mem::replace(&mut fresh.start, first + table / TABLE_UNIT),
                _ => {
                    fresh.end -= table / TABLE_UNIT;
                    fresh.end
                }
            };
            // SAFETY: fresh memory, which is zero; `larger_table` has added its length to what is
            // covered.
            let old = unsafe { self.ends.move_to(self.memory.pointer(place), origin, table) };
            if covered > 0 {
                // SAFETY: the bytes of the table before, whose contents have been copied.
                unsafe { self.give(self.memory.unit(old), covered / TABLE_UNIT) };
            }
        }
        // SAFETY: fresh memory, that of the table excepted. The free run that it is part of now, or
        // that it follows where nothing is fresh, ends with its last unit.
        unsafe {
            self.give(fresh.start, fresh.end - fresh.start);
            fresh.end - self.length_at_end(fresh.end - 1).read()
        }
    }

    /// The length of the free run that ends where the memory does; 0 if none does, or somebody else
    /// has made the memory longer since.
    fn free_at(&self, end: u32) -> u32 {
        if end != self.end || end == 0 {
            return 0;
        }
        // SAFETY: the last unit of the heap; a set bit means a free run that ends with it.
        unsafe {
            if self.ends.get(end - 1) {
                self.length_at_end(end - 1).read()
            } else {
                0
            }
        }
    }

    /// Notes a free run, unless it is empty.
    ///
    /// # Safety
    /// Units of this heap that are in no free run, and nobody's; no free run touches them.
    unsafe fn insert(&mut self, start: u32, units: u32) {
        if units == 0 {
            return;
        }
        let bin = bin_of(units);
        let next = self.bins.head(bin);
        self.bins.set_head(bin, start);
        // SAFETY: the units are nobody's, and `next` is a free run.
        unsafe {
            if next != 0 {
                (*self.run(next)).previous = start;
            }
            self.write_run(
                start,
                Run {
                    next,
                    previous: 0,
                    units,
                },
            );
        }
    }

    /// Takes a free run out of its bin.
    ///
    /// # Safety
    /// A free run.
    unsafe fn remove(&mut self, start: u32) {
        // SAFETY: a free run, whose neighbours in the list are free runs, too. The table covers all
        // units of the heap.
        unsafe {
            let Run {
                next,
                previous,
                units,
            } = self.run(start).read();
            if previous == 0 {
                self.bins.set_head(bin_of(units), next);
            } else {
                (*self.run(previous)).next = next;
            }
            if next != 0 {
                (*self.run(next)).previous = previous;
            }
            self.ends.clear(start);
            self.ends.clear(start + units - 1);
        }
    }

    /// Makes a free run another one, of which nothing is left if it is to be empty. It keeps its
    /// place in the list if its bin stays the same, as that of a long run does mostly.
    ///
    /// # Safety
    /// A free run and its length; and what [`insert`](Self::insert) asks for, once it is gone.
    unsafe fn change(&mut self, start: u32, units: u32, new_start: u32, new_units: u32) {
        // SAFETY: a free run, whose neighbours in the list are free runs, too; the units of the new
        // one are nobody's. The table covers all units of the heap.
        unsafe {
            if new_units == 0 || bin_of(new_units) != bin_of(units) {
                self.remove(start);
                self.insert(new_start, new_units);
                return;
            }
            let Run { next, previous, .. } = self.run(start).read();
            self.ends.clear(start);
            self.ends.clear(start + units - 1);
            if new_start != start {
                if previous == 0 {
                    self.bins.set_head(bin_of(new_units), new_start);
                } else {
                    (*self.run(previous)).next = new_start;
                }
                if next != 0 {
                    (*self.run(next)).previous = new_start;
                }
            }
            self.write_run(
                new_start,
                Run {
                    next,
                    previous,
                    units: new_units,
                },
            );
        }
    }

    /// Writes what a free run has in its first and its last unit, and marks both.
    ///
    /// # Safety
    /// The units of the run are nobody's.
    unsafe fn write_run(&mut self, start: u32, run: Run) {
        let last = start + run.units - 1;
        // SAFETY: the caller's duty; the table covers all units of the heap.
        unsafe {
            self.length_at_end(last).write(run.units);
            self.run(start).write(run);
            self.ends.set(start);
            self.ends.set(last);
        }
    }

    /// Where a free run has its list and its length.
    #[inline]
    fn run(&self, start: u32) -> *mut Run {
        self.memory.pointer(start).cast()
    }

    /// Where a free run has its length a second time, by its last unit.
    ///
    /// # Safety
    /// A unit of the heap.
    #[inline]
    unsafe fn length_at_end(&self, last: u32) -> *mut u32 {
        // SAFETY: within the unit.
        unsafe { self.memory.pointer(last).add(UNIT - 4).cast() }
    }
}

/// The units that are covered by one unit of a table.
const TABLE_UNIT: u32 = 8 * UNIT as u32;
const _: () = assert!(size_of::<Run>() + size_of::<u32>() == UNIT && MOST_UNITS % PAGE == 0);

/// How many units a table must cover that has room for `needed` units, the table's own among them,
/// if it covers fewer now; 0 if it suffices as it is.
fn larger_table(covered: u32, needed: u32) -> u32 {
    // A page, since memory grows by whole ones.
    if needed + PAGE < covered {
        return 0;
    }
    // More than the 1/128 that a table takes, a page, and the unit behind the end.
    let least = needed + needed / 64 + 2 * PAGE;
    (covered + covered / 2)
        .max(least)
        .next_multiple_of(TABLE_STEP)
}

/// The units of a live block.
#[inline]
fn units_in_use(layout: Layout) -> u32 {
    // No truncation: `allocate` has granted it.
    whole_units(layout.size()) as u32
}

#[cfg(test)]
mod tests;
