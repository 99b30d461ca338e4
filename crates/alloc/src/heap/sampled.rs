//! Blocks that a profile samples: what is allocated for them, and what happens when they go.
//!
//! A small object that is sampled is a run of pages of its own, of a kind that is no class's. So
//! the thread's cache does not take it back, and the slow path of release, which knows that kind,
//! finds the sample in the entry of its page: nobody has to ask at every release. Some of these
//! pages are kept for the next sample. A large block is allocated in the same way whether it is
//! sampled or not; its entry has the sample's number.
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
    sample_table::{SampleNumber, SampleTable},
    sampling::{Drawn, Sampling},
    span::SpanHeader,
    thread_stack::{Captured, capture_once},
    zone_map::{KIND_NONE, KIND_SAMPLED, ZoneMap},
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
        if sampling.is_none() {
            self.free_spare_pages();
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
    #[inline(always)]
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
    #[inline(always)]
    fn allocate_sampled(
        &'static self,
        class: Class,
        bytes: usize,
        mean: u64,
    ) -> Option<NonNull<u8>> {
        let run = self.sampled_run(class)?;
        let object = self.open_sampled(&run, class, bytes, mean);
        if object.is_none() {
            self.free_pages(&run);
        }
        object
    }

    /// Pages for a sampled object: those of one that was freed, if some are kept.
    #[inline(always)]
    pub(super) fn sampled_run(&'static self, class: Class) -> Option<PageRun<'static>> {
        let pages = class.sampled_pages();
        let spare = self.samples.with(|samples| samples.spare_pages.take(pages));
        spare.or_else(|| self.allocate_sampled_pages(pages))
    }

    /// Keeps the pages of a sampled object that was freed; `false` if they are to go back.
    pub(super) fn keep_sampled_run(&'static self, run: &PageRun<'static>) -> bool {
        self.samples.with(|samples| self.keep_run_in(samples, run))
    }

    /// As [`keep_sampled_run`](Self::keep_sampled_run), under the lock of the samples: whoever ends
    /// the profile has that lock afterwards, and frees what is kept.
    #[inline(always)]
    fn keep_run_in(&self, samples: &mut SampleTable, run: &PageRun<'static>) -> bool {
        let is_kept = self.sampler.mean() != 0 && samples.spare_pages.keep(run);
        if is_kept {
            tell_free(run);
        }
        is_kept
    }

    /// Allocates pages for a sampled object from the page heap.
    #[cold]
    fn allocate_sampled_pages(&'static self, pages: usize) -> Option<PageRun<'static>> {
        let request = PageRequest::block(pages, PAGE);
        // Not by way of `allocate_pages`: where memory is scarce, a sample is what is spared.
        let run = self
            .pages
            .with(|pages| pages.allocate(request, &self.registry));
        let Ok(run) = run.map(|new| new.run) else {
            self.samples.with(|samples| samples.note_lost());
            return None;
        };
        tell_free(&run);
        Some(run)
    }

    /// Makes pages, which the caller has allocated, a sampled object; `None` if its sample has no
    /// place.
    #[inline(always)]
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
        let sample = self.add_sample(start, bytes, Drawn::Object(class, mean))?;
        // SAFETY: the pages are the caller's, and so are their entries.
        unsafe { SpanHeader::open_sampled(entry, class, sample) };
        run.map.set_kind(first..first + 1, KIND_SAMPLED);
        Some(start)
    }

    /// Adds a sample of this thread's stack.
    #[inline]
    pub(super) fn add_sample(
        &'static self,
        start: NonNull<u8>,
        bytes: usize,
        drawn: Drawn,
    ) -> Option<SampleNumber> {
        let add = |stack: Captured<'_>| self.add_sample_of(&stack, start, bytes, drawn);
        match local::cache_of(self) {
            Some(cache) => cache.stack.capture(add),
            None => capture_once(add),
        }
    }

    /// Adds a sample of a stack.
    #[inline]
    fn add_sample_of(
        &'static self,
        stack: &Captured<'_>,
        start: NonNull<u8>,
        bytes: usize,
        drawn: Drawn,
    ) -> Option<SampleNumber> {
        let address = start.addr().get();
        let (added, growth) = self.samples.with(|samples| {
            let number = stack
                .number()
                .or_else(|| samples.stack_number(self.without_hidden(stack.addresses)));
            stack.set_number(number);
            let probability = samples.probabilities.of(drawn);
            let added = number.and_then(|number| samples.add(number, address, bytes, probability));
            match (added, drawn) {
                (None, _) => samples.note_lost(),
                (Some(_), Drawn::Object(class, _)) => samples.note_object(class),
                (Some(_), Drawn::Large(..) | Drawn::Owned(..)) => {}
            }
            (added, samples.growth())
        });
        if growth > 0 {
            self.pages.with(|pages| pages.note_tables(growth));
        }
        added
    }

    /// The part of a stack behind the frames in hidden code, but at least the outermost frame.
    fn without_hidden<'s>(&self, stack: &'s [usize]) -> &'s [usize] {
        let [start, end] = self.hidden_code.each_ref().map(|end| end.load(Relaxed));
        let is_hidden = |address: &usize| (start..end).contains(address);
        let hidden = stack
            .iter()
            .take_while(|address| is_hidden(address))
            .count();
        &stack[hidden.min(stack.len().saturating_sub(1))..]
    }

    /// Leaves the functions of this code out of stacks from now on.
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
            let sample = self.add_sample(start, bytes, Drawn::Large(bytes, mean));
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

    /// The class and the sample of the sampled object that starts at an address, in a page that is
    /// the one with this number of a zone.
    fn sampled_in(
        (map, page): (&'static ZoneMap, usize),
        start: *mut u8,
    ) -> Option<(Class, SampleNumber)> {
        if map.kind(page) != KIND_SAMPLED || map.start(page).as_ptr() != start {
            return None;
        }
        // SAFETY: the entry of a page of this kind is that of a sampled object, and is not written
        // before the object is given up.
        unsafe {
            let entry = map.header(page);
            Some((SpanHeader::sampled_class(entry)?, SpanHeader::sample(entry)))
        }
    }

    /// The class of the sampled object that starts at an address, in this page.
    pub(super) fn sampled_class_in(
        page: (&'static ZoneMap, usize),
        start: *mut u8,
    ) -> Option<Class> {
        Self::sampled_in(page, start).map(|(class, _)| class)
    }

    /// The class of the sampled object that starts at an address.
    pub(super) fn sampled_class(&'static self, start: *mut u8) -> Option<Class> {
        Self::sampled_class_in(self.registry.find(start)?, start)
    }

    /// Releases a small object in this page that may be a sampled one.
    #[inline(always)]
    pub(super) fn release_sampled(
        &'static self,
        class: Class,
        (map, page): (&'static ZoneMap, usize),
        start: *mut u8,
    ) -> Result<(), InvalidFree> {
        let (_, sample) = Self::sampled_in((map, page), start)
            .filter(|(is, _)| *is == class)
            .ok_or(InvalidFree::at(start))?;
        // If two threads free one object, the second finds the kind changed.
        if !map.replace_kind(page, KIND_SAMPLED, KIND_NONE) {
            return Err(InvalidFree::at(start));
        }
        let run = PageRun::block(map, page..page + class.sampled_pages());
        let is_kept = self.samples.with(|samples| {
            samples.remove(sample);
            samples.note_object_freed(class);
            self.keep_run_in(samples, &run)
        });
        if !is_kept {
            self.free_pages(&run);
        }
        Ok(())
    }

    /// Frees the pages that are kept for sampled objects; returns whether there were any. The
    /// caller holds no lock but that of one depot.
    pub(super) fn free_spare_pages(&'static self) -> bool {
        let mut found = false;
        while let Some(run) = self.samples.with(|samples| samples.spare_pages.take_any()) {
            self.free_pages(&run);
            found = true;
        }
        found
    }

    /// Notes that a small block stays where it is, in its class, but has another size.
    pub(crate) fn note_sample_resized(&'static self, start: *mut u8, bytes: usize) {
        if self.sampler.epoch() == 0 {
            return;
        }
        let page = self.registry.find(start);
        if let Some((_, sample)) = page.and_then(|page| Self::sampled_in(page, start)) {
            self.samples.with(|samples| samples.resize(sample, bytes));
        }
    }
}
