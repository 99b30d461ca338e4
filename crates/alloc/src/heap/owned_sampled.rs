//! Blocks of owned heaps that a profile samples.
//!
//! A heap counts the bytes that it gives out down to the next sample, under its own lock. A small
//! object that is sampled is a run of pages of its own, in the heap's list of large blocks, of a
//! kind that no span and no large block has. So nobody asks for a sample at a release, and a heap
//! that is emptied finds its samples among the runs that it gives back. A large block is allocated
//! in the same way whether it is sampled or not.
//!
//! Invariant: the header of a sampled object, and of a large block, has the number of its sample,
//! or 0. That word is read and written by whoever allocates, resizes or releases the block, which
//! one thread at a time may do, and by whoever empties the heap, when nobody has blocks of it.

use core::ptr::NonNull;

use super::{
    class::Class,
    heap::Heap,
    invalid_free::InvalidFree,
    owned::OwnedHeap,
    owned_blocks::open_owned,
    page_run::PageRun,
    sampling::Drawn,
    span::SpanHeader,
    zone_map::{KIND_NONE, KIND_OWNED_SAMPLED, ZoneMap},
};
use orionrt_sys::checker;

impl Heap {
    /// Allocates the object that is due for a sample; `None` if none is, or if there is no memory
    /// for it. The caller tells the memory checker of it, as of any small object.
    #[cold]
    pub(super) fn allocate_owned_due(
        &'static self,
        owner: &OwnedHeap,
        class: Class,
        bytes: usize,
    ) -> Option<NonNull<u8>> {
        let mean = owner
            .spans
            .with(|spans| spans.take_due(class, &self.sampler))?;
        let run = self.sampled_run(class)?;
        let (first, start) = (run.pages.start, run.map.start(run.pages.start));
        let Some(sample) = self.add_sample(start, bytes, Drawn::Owned(class.size(), mean)) else {
            self.free_pages(&run);
            return None;
        };
        let entry = open_owned(&run, 1, owner.id());
        // SAFETY: the object's own entry, which nobody else refers to yet.
        unsafe {
            SpanHeader::open_large(entry, run.pages.len());
            SpanHeader::set_owned_sample(entry, sample);
        }
        owner.spans.with(|spans| {
            // SAFETY: opened just now, for this heap.
            unsafe { spans.add_sampled(class, entry, bytes) };
            run.map.set_kind(first..first + 1, KIND_OWNED_SAMPLED);
        });
        Some(start)
    }

    /// Samples a new large block of an owned heap, whose header is `entry`, if that is drawn.
    pub(super) fn sample_owned_large(
        &'static self,
        entry: NonNull<SpanHeader>,
        start: NonNull<u8>,
        bytes: usize,
    ) {
        let mean = self.sampler.mean();
        if self.sampler.draws(bytes, mean) {
            let sample = self.add_sample(start, bytes, Drawn::Owned(bytes, mean));
            // SAFETY: the block is the caller's, and so is its entry.
            unsafe { SpanHeader::set_owned_sample(entry, sample.unwrap_or(0)) };
        }
    }

    /// Samples a large block, which has another size now, as if it were a new one.
    pub(super) fn sample_owned_again(
        &'static self,
        entry: NonNull<SpanHeader>,
        start: *mut u8,
        bytes: usize,
    ) {
        self.forget_owned_sample(entry);
        if let Some(start) = NonNull::new(start) {
            self.sample_owned_large(entry, start, bytes);
        }
    }

    /// Removes the sample of a run of pages of an owned heap, if it has one.
    pub(super) fn forget_owned_sample(&self, entry: NonNull<SpanHeader>) {
        // SAFETY: the header of a run that is one block, which its owner gives up or resizes.
        let sample = unsafe { SpanHeader::owned_sample(entry) };
        if sample != 0 {
            // SAFETY: as above.
            unsafe { SpanHeader::set_owned_sample(entry, 0) };
            self.samples.with(|samples| samples.remove(sample));
        }
    }

    /// The page of the sampled object of this heap and class that starts at an address.
    fn owned_sampled(
        &'static self,
        owner: &OwnedHeap,
        class: Class,
        start: *mut u8,
    ) -> Option<(&'static ZoneMap, usize)> {
        let (map, page) = self.registry.find(start)?;
        if map.kind(page) != KIND_OWNED_SAMPLED || map.start(page).as_ptr() != start {
            return None;
        }
        let entry = map.header(page);
        // SAFETY: the entry of a page of this kind is the header of a sampled object, and is not
        // written while its owner gives it up or resizes it.
        let is_it = unsafe {
            entry.as_ref().owner() == owner.id()
                && SpanHeader::large_pages(entry) == class.sampled_pages()
        };
        is_it.then_some((map, page))
    }

    /// Releases a sampled object of an owned heap; returns its pages if they are to go back.
    pub(super) fn release_owned_sampled(
        &'static self,
        owner: &OwnedHeap,
        class: Class,
        block: NonNull<u8>,
        bytes: usize,
    ) -> Result<Option<PageRun<'static>>, InvalidFree> {
        let start = block.as_ptr();
        owner.spans.with(|spans| {
            // If two threads free one object, the second finds the kind changed.
            let found = self.owned_sampled(owner, class, start);
            let (map, page) = found.ok_or(InvalidFree::at(start))?;
            #[cfg(feature = "hardened")]
            // SAFETY: an object that the program held until now, and whose pages nobody else gets
            // before the heap is unlocked.
            unsafe {
                super::hardened::fill(block, class, super::hardened::FREED);
            }
            checker::pool_freed(owner.address(), block, bytes);
            map.set_kind(page..page + 1, KIND_NONE);
            // SAFETY: `owned_sampled` found it to be one of this heap.
            unsafe { spans.remove_sampled(class, map.header(page), bytes) };
            self.forget_owned_sample(map.header(page));
            let run = PageRun::block(map, page..page + class.sampled_pages());
            Ok((!self.keep_sampled_run(&run)).then_some(run))
        })
    }

    /// Notes that a small object of an owned heap stays where it is, but has another size; `false`
    /// if it is no sampled one.
    pub(super) fn resize_owned_sampled(
        &'static self,
        owner: &OwnedHeap,
        class: Class,
        start: *mut u8,
        bytes: Option<usize>,
    ) -> bool {
        let Some((map, page)) = self.owned_sampled(owner, class, start) else {
            return false;
        };
        // SAFETY: the header of a sampled object.
        let sample = unsafe { SpanHeader::owned_sample(map.header(page)) };
        if let Some(bytes) = bytes {
            self.samples.with(|samples| samples.resize(sample, bytes));
        }
        true
    }
}
