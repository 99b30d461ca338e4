//! Starting, stopping and reading the profile of an allocator.
//!
//! Stands on [`collect`](super::collect) and [`pprof`](super::pprof). Invariant: no lock of the
//! heap is held while a hook or a caller's `write` runs.

#![forbid(unsafe_code)]

use std::{collections::BTreeSet, io, time::Duration};

use super::{
    Sampling,
    collect::HeapSamples,
    entries::{Estimates, Profile},
    pprof::{self, Source},
};
use crate::{Malloc, OrionAlloc};

impl OrionAlloc {
    /// [Profiles](crate::profile) this allocator from its first use on.
    ///
    /// Until [`prepare_profile`](Self::prepare_profile) is called, stacks are walked by frame
    /// pointers alone.
    #[must_use]
    pub const fn with_profile(mut self, sampling: Sampling) -> Self {
        self.config.sampling = Some(sampling);
        self
    }

    /// Finds the unwind tables of the program and of the libraries that it has loaded, by which
    /// stacks are walked. [`start_profile`](Self::start_profile) and [`profile`](Self::profile) do
    /// it, too; a program that has loaded more libraries since may call it again.
    pub fn prepare_profile(&self) {
        orionrt_stack::prepare();
    }

    /// Begins to sample, or goes on with other distances; returns whether it does, for which there
    /// may be no memory.
    ///
    /// Other threads follow on their next slow path, that is, when their cache next runs out of
    /// objects or of room, and heaps when they next need pages. What was sampled before stays in
    /// the profile.
    pub fn start_profile(&self, sampling: Sampling) -> bool {
        self.prepare_profile();
        let heap = self.heap_or_create();
        heap.inspect(|heap| heap.set_sampling(Some(sampling)))
            .is_some()
    }

    /// Ends sampling. Blocks that are samples stay so until they are freed, so the profile goes on
    /// to say which of them are live.
    pub fn stop_profile(&self) {
        if let Some(heap) = self.heap() {
            heap.set_sampling(None);
        }
    }

    /// The profile at this moment, of all blocks of this allocator and of its
    /// [heaps](crate::OrionHeap).
    #[must_use]
    pub fn profile(&self) -> Profile {
        self.prepare_profile();
        let samples = self.heap().map(HeapSamples::of);
        samples
            .map(|samples| samples.to_profile())
            .unwrap_or_default()
    }

    /// Writes the profile at this moment as [`Profile::write_pprof`] does, but allocates nothing.
    /// `write` returns whether it could write; returns whether all went well.
    #[must_use]
    pub fn write_profile(&self, write: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        let samples = self.heap().map(HeapSamples::of);
        match &samples {
            Some(samples) => pprof::write(samples, write),
            None => pprof::write(&Profile::default(), write),
        }
    }
}

impl Malloc {
    /// Finds unwind tables; see [`OrionAlloc::prepare_profile`].
    pub fn prepare_profile(&self) {
        self.blocks.prepare_profile();
    }

    /// Begins to sample; see [`OrionAlloc::start_profile`].
    pub fn start_profile(&self, sampling: Sampling) -> bool {
        self.blocks.start_profile(sampling)
    }

    /// Ends sampling; see [`OrionAlloc::stop_profile`].
    pub fn stop_profile(&self) {
        self.blocks.stop_profile();
    }

    /// The profile at this moment.
    #[must_use]
    pub fn profile(&self) -> Profile {
        self.blocks.profile()
    }

    /// Has `hook` called when [`ask_for_profile`](Self::ask_for_profile) was, and every so often if
    /// there is an interval: by a thread that allocates or frees and has to take the slow path. No
    /// lock is held then, but `hook` must not allocate: it is called inside of an allocation.
    pub fn set_profile_hook(&self, hook: fn(), interval: Option<Duration>) {
        if let Some(heap) = self.blocks.heap_or_create() {
            heap.set_profile_hook(hook, interval);
        }
    }

    /// Trims the allocator's own frames: innermost frames in the program or library that contains
    /// `address` are left out of stacks. For a library that is nothing but the allocator.
    pub fn hide_code_around(&self, address: usize) {
        let (heap, code) = (self.blocks.heap_or_create(), pprof::code_around(address));
        if let (Some(heap), Some(code)) = (heap, code) {
            heap.hide_code(code);
        }
    }

    /// Has the hook called soon; may be called in a signal handler.
    pub fn ask_for_profile(&self) {
        if let Some(heap) = self.blocks.heap() {
            heap.ask_for_profile();
        }
    }

    /// Writes the profile at this moment; see [`OrionAlloc::write_profile`].
    #[must_use]
    pub fn write_profile(&self, write: &mut dyn FnMut(&[u8]) -> bool) -> bool {
        self.blocks.write_profile(write)
    }
}

impl Profile {
    /// Writes it in the format of [pprof](https://github.com/google/pprof), uncompressed: protocol
    /// buffers of `profile.proto`.
    ///
    /// Its values are `alloc_objects`, `alloc_space`, `inuse_objects` and `inuse_space`. It has the
    /// programs and libraries that are in memory now, but no names of functions. Comments say which
    /// command this process was started with, how exact the sums are, and how many samples are
    /// missing.
    pub fn write_pprof(&self, mut target: impl io::Write) -> io::Result<()> {
        let mut outcome = Ok(());
        let went_well = pprof::write(self, &mut |bytes| {
            outcome = target.write_all(bytes);
            outcome.is_ok()
        });
        outcome?;
        if went_well {
            target.flush()
        } else {
            Err(io::ErrorKind::OutOfMemory.into())
        }
    }
}

impl Source for Profile {
    fn mean(&self) -> u64 {
        self.mean
    }

    fn lost(&self) -> u64 {
        self.lost
    }

    fn each_stack(&self, visit: &mut dyn FnMut(&Estimates, &[usize])) {
        for entry in &self.entries {
            visit(&entry.estimates, &entry.stack);
        }
    }

    fn each_address(&self, visit: &mut dyn FnMut(usize)) {
        let stacks = self.entries.iter().flat_map(|entry| &entry.stack);
        let addresses: BTreeSet<_> = stacks.copied().collect();
        addresses.into_iter().for_each(visit);
    }
}
