//! Blocks that a profile samples: what is allocated for them, and what happens when they go.
//!
//! A small object that is sampled is a run of pages of its own, of a kind that is no class's. So
//! the thread's cache does not take it back, and the slow path of release, which knows that kind,
//! finds the sample in the entry of its page: nobody has to ask at every release. A large block is
//! what it would be without a sample; its entry has the sample's number.
//!
//! No lock is held while the stack is walked, and none but that of the samples while they change.
//!
//! Invariant: the entry of a sampled block has the number of its sample, that of any other large
//! block has 0, and both are written only by the block's owner.

use core::{ops::Range, ptr::NonNull, sync::atomic::Ordering::Relaxed, time::Duration};

use super::{
    cache::Cache,
    class::{Class, PAGE},
    heap::Heap,
    invalid_free::InvalidFree,
    local,
    page_run::{PageRequest, PageRun},
    page_supply::tell_free,
    sample_table::{MOST_DEPTH, SampleNumber, SampleTable},
    sampling::{Sampling, probability},
    span::SpanHeader,
    zone_map::{KIND_NONE, KIND_SAMPLED},
};
use orionrt_sys::clock;

impl Heap {
    /// Samples like this from now on, or not at all: this thread at once, others on their next slow
    /// path. Blocks that are sampled already stay so.
    pub(crate) fn set_sampling(&'static self, sampling: Option<Sampling>) {
        self.sampler.set(sampling);
        if let Some(cache) = local::cache_of(self) {
            cache.follow(&self.sampler);
        }
    }

    /// Has a function called on a slow path, every so often if there is an interval.
    pub(crate) fn set_profile_hook(&self, function: fn(), interval: Option<Duration>) {
        self.profile_hook.set(function, interval, clock::coarse());
    }

    /// Has that function called on the next slow path.
    pub(crate) fn ask_for_profile(&self) {
        self.profile_hook.ask();
    }

    /// The bytes from one sample to the next, on average; 0 if there are none.
    pub(crate) fn sampling_mean(&self) -> u64 {
        self.sampler.mean()
    }

    /// Runs `f` on the samples; it must not use the heap.
    pub(crate) fn samples<R>(&self, f: impl FnOnce(&mut SampleTable) -> R) -> R {
        self.samples.with(f)
    }

    /// Allocates the object that the countdown picked as a sample. `None` if there is no memory for
    /// the sample; the caller then pops an ordinary object, if the bin has one.
    #[cold]
    pub(super) fn allocate_due(
        &'static self,
        cache: &Cache,
        class: Class,
        bytes: usize,
    ) -> Option<NonNull<u8>> {
        let (bin, mean) = (cache.bin(class), cache.sampling_mean.get());
        let pops = self.sampler.pops(class.size(), mean);
        let sampled = (mean != 0).then(|| self.allocate_sampled(class, bytes, mean));
        let Some(object) = sampled.flatten() else {
            bin.arm(pops.max(2));
            return None;
        };
        bin.pop_elsewhere(pops);
        cache.count_requested(bytes);
        Some(object)
    }

    /// Allocates a small object, for a thread without a cache, if it is drawn to be sampled.
    pub(super) fn allocate_drawn(&'static self, class: Class, bytes: usize) -> Option<NonNull<u8>> {
        let mean = self.sampler.mean();
        if !self.sampler.draws(class.size(), mean) {
            return None;
        }
        let object = self.allocate_sampled(class, bytes, mean)?;
        self.depot(class).with(|depot| depot.note_direct());
        self.requested.fetch_add(bytes, Relaxed);
        Some(object)
    }

    /// Allocates pages for a sampled object, with its sample.
    fn allocate_sampled(
        &'static self,
        class: Class,
        bytes: usize,
        mean: u64,
    ) -> Option<NonNull<u8>> {
        let request = PageRequest::block(class.sampled_pages(), PAGE);
        // Not by way of `allocate_pages`: where memory is scarce, a sample is what is spared.
        let run = self
            .pages
            .with(|pages| pages.allocate(request, &self.registry));
        let Ok(run) = run.map(|new| new.run) else {
            self.samples.with(|samples| samples.note_lost());
            return None;
        };
        tell_free(&run);
        let object = self.open_sampled(&run, class, bytes, mean);
        if object.is_none() {
            self.free_pages(&run);
        }
        object
    }

    /// Makes pages, which the caller has allocated, a sampled object; `None` if its sample has no
    /// place.
    fn open_sampled(
        &'static self,
        run: &PageRun<'static>,
        class: Class,
        bytes: usize,
        mean: u64,
    ) -> Option<NonNull<u8>> {
        let first = run.pages.start;
        let (start, entry) = (run.map.start(first), run.map.header(first));
        // C does not say when it gives back how much it has asked for.
        let bytes = if bytes == 0 { class.size() } else { bytes };
        let sample = self.add_sample(start, bytes, probability(class.size(), mean))?;
        // SAFETY: the pages are the caller's, and so are their entries.
        unsafe { SpanHeader::open_sampled(entry, class, sample) };
        run.map.set_kind(first..first + 1, KIND_SAMPLED);
        self.depot(class).with(|depot| depot.note_sampled());
        Some(start)
    }

    /// Adds a sample of this thread's stack.
    #[inline(never)]
    fn add_sample(
        &'static self,
        start: NonNull<u8>,
        bytes: usize,
        probability: f64,
    ) -> Option<SampleNumber> {
        let mut stack = [0; MOST_DEPTH];
        let depth = orionrt_stack::capture(&mut stack);
        let stack = self.without_hidden(&stack[..depth.min(MOST_DEPTH)]);
        let address = start.addr().get();
        let (added, growth) = self.samples.with(|samples| {
            let before = samples.bytes();
            let added = samples.add(stack, address, bytes, probability);
            if added.is_none() {
                samples.note_lost();
            }
            (added, samples.bytes() - before)
        });
        if growth > 0 {
            self.pages.with(|pages| pages.note_tables(growth));
        }
        added
    }

    /// The part of a stack that does not lie in hidden code, and the function of that code which
    /// the program has called.
    fn without_hidden<'s>(&self, stack: &'s [usize]) -> &'s [usize] {
        let [start, end] = self.hidden_code.each_ref().map(|end| end.load(Relaxed));
        let is_hidden = |address: &usize| (start..end).contains(address);
        let hidden = stack
            .iter()
            .take_while(|address| is_hidden(address))
            .count();
        &stack[hidden.saturating_sub(1)..]
    }

    /// Leaves the functions of this code out of stacks from now on, but for the one that the
    /// program has called.
    pub(crate) fn hide_code(&self, code: Range<usize>) {
        self.hidden_code[0].store(code.start, Relaxed);
        self.hidden_code[1].store(code.end, Relaxed);
    }

    /// Makes a run of pages, which was to be the only object of a span, a sampled one if that is
    /// drawn.
    pub(super) fn open_if_drawn(
        &'static self,
        run: &PageRun<'static>,
        class: Class,
        bytes: usize,
    ) -> Option<NonNull<u8>> {
        let mean = self.sampler.mean();
        if !self.sampler.draws(class.size(), mean) {
            return None;
        }
        let object = self.open_sampled(run, class, bytes, mean)?;
        self.depot(class).with(|depot| depot.note_direct());
        Some(object)
    }

    /// Samples a new large block if that is drawn.
    pub(super) fn sample_large(
        &'static self,
        run: &PageRun<'static>,
        start: NonNull<u8>,
        bytes: usize,
    ) {
        let mean = self.sampler.mean();
        if self.sampler.draws(bytes, mean) {
            let sample = self.add_sample(start, bytes, probability(bytes, mean));
            let entry = run.map.header(run.pages.start);
            // SAFETY: the block is the caller's, and so is its entry.
            unsafe { SpanHeader::set_sample(entry, sample.unwrap_or(0)) };
        }
    }

    /// Removes the sample of a large block, if it has one.
    pub(super) fn forget_large(&self, run: &PageRun<'static>) {
        let entry = run.map.header(run.pages.start);
        // SAFETY: the block is the caller's, who gives it up; `open_large_at` wrote its entry.
        let sample = unsafe { SpanHeader::sample(entry) };
        if sample != 0 {
            self.samples.with(|samples| samples.remove(sample));
        }
    }

    /// The pages of a sampled object that starts at an address, its class and its sample.
    fn sampled_at(
        &'static self,
        start: *mut u8,
    ) -> Option<(PageRun<'static>, Class, SampleNumber)> {
        let (map, page) = self.registry.find(start)?;
        if map.kind(page) != KIND_SAMPLED || map.start(page).as_ptr() != start {
            return None;
        }
        // SAFETY: the entry of a page of this kind is that of a sampled object, and is not written
        // before the object is given up.
        let (class, sample) = unsafe {
            let entry = map.header(page);
            (SpanHeader::sampled_class(entry)?, SpanHeader::sample(entry))
        };
        let pages = page..page + class.sampled_pages();
        Some((PageRun::block(map, pages), class, sample))
    }

    /// The class of the sampled object that starts at an address.
    pub(super) fn sampled_class(&'static self, start: *mut u8) -> Option<Class> {
        self.sampled_at(start).map(|(_, class, _)| class)
    }

    /// Releases a small object that may be a sampled one.
    pub(super) fn release_sampled(
        &'static self,
        class: Class,
        start: *mut u8,
    ) -> Result<(), InvalidFree> {
        let (run, _, sample) = self
            .sampled_at(start)
            .filter(|(_, is, _)| *is == class)
            .ok_or(InvalidFree::at(start))?;
        // If two threads free one object, the second finds the kind changed.
        if !run
            .map
            .replace_kind(run.pages.start, KIND_SAMPLED, KIND_NONE)
        {
            return Err(InvalidFree::at(start));
        }
        self.samples.with(|samples| samples.remove(sample));
        self.depot(class).with(|depot| depot.note_sample_freed());
        self.free_pages(&run);
        Ok(())
    }

    /// Notes that a small block stays where it is, in its class, but has another size.
    pub(crate) fn note_sample_resized(&'static self, start: *mut u8, bytes: usize) {
        if self.sampler.epoch() == 0 {
            return;
        }
        if let Some((_, _, sample)) = self.sampled_at(start) {
            self.samples.with(|samples| samples.resize(sample, bytes));
        }
    }
}
