//! [`Recorder`]: writes every call to a recording, as the observer of the heap.
//!
//! A thread has a chunk of the recording, claimed by its first event, and a new one when that is
//! full: see [`orionrt_recording`]. A signal handler that allocates while its thread writes an
//! event has a part of its own, as if it were another thread. But what it frees comes back to that
//! thread, whose next allocation then has a time of its own, too.
//!
//! Reading the clock takes as long as allocating. So a small block that comes out of the thread's
//! own cache is recorded at the time of the thread's event before it, which keeps the
//! [order](orionrt_recording#order). At least one event in [`EVENTS_PER_TIME`] has a time of its
//! own.
//!
//! Invariant: nothing here allocates or locks.

use core::{
    cell::{Cell, RefCell},
    mem, ptr,
    sync::atomic::{AtomicBool, Ordering, compiler_fence},
};
use std::thread_local;

use orionrt_alloc::{Observer, heap::HeapStats};
use orionrt_recording::{Chunk, Claim, Event, Kind};

use crate::{
    generation::{generation, is_known_to_be},
    process_recording::{Recording, is_recording, naming, new_thread, recording, since_start},
    recording_modules::each_new_module,
    recording_stacks::{CallStack, are_on, has_stacks, is_time_for_modules},
    thread_word, ticks,
};

/// How many events there are at most between two looks at the system's clock.
const EVENTS_PER_CLOCK: u32 = 256;

/// At least one event of a thread in so many has a time of its own.
const EVENTS_PER_TIME: u32 = 8;

/// The size from which on an allocation has a time of its own, in bytes.
const MOST_UNTIMED: usize = 1024;

/// The alignment of an allocation without a time of its own, in bytes.
const UNTIMED_ALIGNMENT: usize = 16;

/// A thread's part of a recording.
struct Part {
    chunk: Option<Chunk<'static>>,
    /// A chunk that was claimed, but had no memory yet.
    claimed: Option<Claim>,
    /// How many chunks it has had.
    chunks: usize,
    /// The number of the process in whose recording that is.
    generation: usize,
    number: Option<u32>,
    /// How many events there are up to the next look at the clock, and how many there were between
    /// the last two: few at first, so that short recordings have some looks, too.
    until_clock: u32,
    per_clock: u32,
}

/// What a thread writes its events with.
struct OfThread {
    part: RefCell<Part>,
    /// Whether a handler has written events that may be later than the last one of `part`.
    handler_has_written: AtomicBool,
}

thread_local! {
    static OF_THREAD: OfThread = const {
        OfThread {
            part: RefCell::new(Part::NONE),
            handler_has_written: AtomicBool::new(false),
        }
    };
    /// The part of handlers that interrupt the thread while it uses its own one.
    static OF_HANDLERS: Cell<Part> = const { Cell::new(Part::NONE) };
}

// Blocks are released until the very end of a thread: what would be destroyed before is still used.
const _: () = assert!(!mem::needs_drop::<OfThread>() && !mem::needs_drop::<Part>());

impl Part {
    const NONE: Self = Self {
        chunk: None,
        claimed: None,
        chunks: 0,
        generation: 0,
        number: None,
        until_clock: 1,
        per_clock: 1,
    };

    /// Writes an event; returns whether it begins a chunk.
    #[inline]
    fn write(&mut self, event: &Event) -> bool {
        let is_new = self.push(event);
        self.count_to_clock();
        is_new
    }

    #[inline]
    fn count_to_clock(&mut self) {
        self.until_clock -= 1;
        if self.until_clock == 0 {
            self.push_clock();
        }
    }

    /// Sees to it that there is a recording, and that the part is of this process.
    #[cold]
    fn prepare(&mut self, generation: usize) {
        if self.generation != generation {
            *self = Self {
                generation,
                ..Self::NONE
            };
        }
        // The first event of a recording is not before it begins.
        let _ = recording(generation);
    }

    /// Writes an event and the stack of calls that led here; returns whether it begins a chunk.
    #[cold]
    #[inline(never)]
    fn write_with_stack(&mut self, event: &Event) -> bool {
        // A number that is new is lost where its stack cannot be written.
        let begins = self.chunk.is_none();
        if begins && self.begin_chunk().is_none() {
            self.count_lost();
            self.count_to_clock();
            return false;
        }
        let begins_another = match &CallStack::here() {
            Some(stack) => self.write_in_stack(event, stack),
            None => self.write(event),
        };
        begins || begins_another
    }

    /// Writes an event and the stack that it happened in; returns whether it begins a chunk.
    fn write_in_stack(&mut self, event: &Event, stack: &CallStack) -> bool {
        if stack.is_new {
            let added = self.add(|chunk| chunk.push_stack(stack.number, stack.frames()));
            // The chunk was full. The next one may get its memory later; where there is none, the
            // recording has no room for any stack.
            if added.is_none() && self.claimed.is_some() {
                stack.give_up();
                return self.write(event);
            }
            if is_time_for_modules() {
                self.write_modules();
            }
        }
        let is_new = self.add_event(|chunk| chunk.push_in_stack(event, stack.number));
        self.count_to_clock();
        is_new
    }

    /// Writes the modules that the recording does not have yet.
    fn write_modules(&mut self) {
        each_new_module(|range, path| self.add(|chunk| chunk.push_module(range, path)).is_some());
    }

    /// Adds an event, in a new chunk if it has to be; returns whether the chunk is new.
    #[inline]
    fn push(&mut self, event: &Event) -> bool {
        if self.chunk.as_mut().is_some_and(|chunk| chunk.push(event)) {
            return false;
        }
        self.push_to_new(event)
    }

    #[cold]
    #[inline(never)]
    fn push_to_new(&mut self, event: &Event) -> bool {
        self.add_event(|chunk| chunk.push(event))
    }

    /// As [`add`](Self::add), of an event, which counts as lost if there is no room.
    fn add_event(&mut self, push: impl Fn(&mut Chunk) -> bool) -> bool {
        let added = self.add(push);
        if added.is_none() {
            self.count_lost();
        }
        added.unwrap_or(false)
    }

    /// Counts an event for which there is no room.
    fn count_lost(&self) {
        if let Some(recording) = recording(self.generation) {
            recording.writer.count_lost(1);
        }
    }

    /// Adds something, in a new chunk if it has to be; returns whether the chunk is new, `None` if
    /// there is no room.
    fn add(&mut self, push: impl Fn(&mut Chunk) -> bool) -> Option<bool> {
        if self.chunk.as_mut().is_some_and(&push) {
            return Some(false);
        }
        self.begin_chunk()?;
        self.chunk.as_mut().is_some_and(&push).then_some(true)
    }

    /// Takes a new chunk; `None` if there is no room, or no memory for it yet.
    fn begin_chunk(&mut self) -> Option<()> {
        self.chunk = self.new_chunk(recording(self.generation)?);
        self.chunk.is_some().then_some(())
    }

    fn new_chunk(&mut self, recording: Recording) -> Option<Chunk<'static>> {
        let Recording { writer, file } = recording;
        let claimed = self.claimed.take();
        let claim = claimed.or_else(|| writer.claim_after(self.chunks))?;
        match file.back(&naming()?, writer.chunk(claim)?) {
            Ok(()) => {}
            Err(error) if error.may_pass() => {
                self.claimed = Some(claim);
                return None;
            }
            // The disk is full, and stays so for all that is known.
            Err(_) => {
                writer.close();
                return None;
            }
        }
        let number = self.number.get_or_insert_with(new_thread);
        // SAFETY: a number that every thread has.
        let system = unsafe { libc::syscall(libc::SYS_gettid) };
        let mut chunk = writer.open(claim, *number, u32::try_from(system).unwrap_or(0))?;
        self.chunks += 1;
        chunk.push(&clock_event());
        Some(chunk)
    }

    /// Adds the time of the system's clock.
    #[cold]
    fn push_clock(&mut self) {
        if let Some(chunk) = &mut self.chunk {
            chunk.push(&clock_event());
        }
        self.per_clock = EVENTS_PER_CLOCK.min(2 * self.per_clock);
        self.until_clock = self.per_clock;
    }
}

fn clock_event() -> Event {
    Event {
        ticks: since_start(ticks::now()),
        kind: Kind::Clock,
        alignment: 1,
        address: ticks::nanoseconds(),
        size: 0,
    }
}

/// Writes an allocation of this thread at the time of its event before; `false` if it has to have
/// its own, or may not be written in a [quick](quickly) way.
#[inline(always)]
fn write_untimed(block: *mut u8, bytes: usize) -> bool {
    let (address, size) = (block.addr() as u64, bytes as u64);
    quickly(|part, of_thread| {
        part.until_clock % EVENTS_PER_TIME != 0
            && !of_thread.handler_has_written.load(Ordering::Relaxed)
            && !are_on()
            && (part.chunk.as_mut()).is_some_and(|chunk| chunk.push_untimed(address, size))
    })
}

/// Writes a release of this thread; `false` if that may not be done in a [quick](quickly) way.
#[inline(always)]
fn write_release(ticks: u64, block: *mut u8) -> bool {
    let address = block.addr() as u64;
    quickly(|part, _| {
        let ticks = since_start(ticks);
        (part.chunk.as_mut()).is_some_and(|chunk| chunk.push_release(ticks, address))
    })
}

/// Has `write` write an event into the part of this thread, without a call; `false` if that does
/// not do it, or where [`with_part`] has more to do: before a thread's first event, when it is time
/// to look at the clock, in a child, and in a handler that interrupts this.
#[inline(always)]
fn quickly(write: impl FnOnce(&mut Part, &OfThread) -> bool) -> bool {
    let Some(of_thread) = of_known_thread() else {
        return false;
    };
    let Ok(mut part) = of_thread.part.try_borrow_mut() else {
        return false;
    };
    // A handler sees the borrow during all of what it allows, and only then.
    compiler_fence(Ordering::SeqCst);
    let is_written =
        part.until_clock > 1 && is_known_to_be(part.generation) && write(&mut part, of_thread);
    if is_written {
        part.until_clock -= 1;
    }
    compiler_fence(Ordering::SeqCst);
    is_written
}

/// Calls `write` with the part of this thread, which is of this process's recording.
#[inline]
fn with_part<R>(write: impl FnOnce(&mut Part) -> R) -> R {
    let write = move |part: &mut Part| {
        let generation = generation();
        if part.generation != generation || part.chunk.is_none() {
            part.prepare(generation);
        }
        write(part)
    };
    let of_thread = of_thread();
    let Ok(mut part) = of_thread.part.try_borrow_mut() else {
        of_thread.handler_has_written.store(true, Ordering::Relaxed);
        return of_handler(write);
    };
    compiler_fence(Ordering::SeqCst);
    let result = write(&mut part);
    compiler_fence(Ordering::SeqCst);
    result
}

/// What this thread writes with, found without a call; `None` before its first event.
#[inline(always)]
fn of_known_thread() -> Option<&'static OfThread> {
    // SAFETY: null, or what `of_thread` has stored in this thread.
    unsafe { thread_word::get().cast::<OfThread>().as_ref() }
}

/// What this thread writes with, which [`of_known_thread`] finds from now on.
fn of_thread() -> &'static OfThread {
    OF_THREAD.with(|of_thread| {
        let of_thread = ptr::from_ref(of_thread);
        thread_word::set(of_thread.cast_mut().cast());
        // SAFETY: a variable without a destructor, which is there to the end of its thread, and
        // which nobody hands to another one.
        unsafe { &*of_thread }
    })
}

/// Writes an event of this thread; returns whether it begins a chunk.
#[inline]
fn write(ticks: u64, kind: Kind, address: *mut u8, size: usize, alignment: usize) -> bool {
    with_part(move |part| part.write(&event(ticks, kind, address, size, alignment)))
}

/// As [`write`], with the stack of the call, if there are stacks in this recording.
#[inline]
fn write_block(ticks: u64, kind: Kind, address: *mut u8, size: usize, alignment: usize) -> bool {
    with_part(move |part| {
        let event = event(ticks, kind, address, size, alignment);
        // Asked when the recording has begun: its first event has a stack, too.
        if are_on() {
            return part.write_with_stack(&event);
        }
        part.write(&event)
    })
}

/// An event since the recording began, which has to be begun.
#[inline]
fn event(ticks: u64, kind: Kind, address: *mut u8, size: usize, alignment: usize) -> Event {
    Event {
        ticks: since_start(ticks),
        kind,
        alignment: alignment as u64,
        address: address.addr() as u64,
        size: size as u64,
    }
}

/// Writes which modules addresses of stacks are in, when the process exits. A process without a
/// recording gets none by that.
pub(crate) fn write_modules() {
    if is_recording() && has_stacks() {
        with_part(Part::write_modules);
    }
}

/// Calls `write` with the part of signal handlers. Another one that interrupts this one begins one
/// more part.
#[cold]
fn of_handler<R>(write: impl FnOnce(&mut Part) -> R) -> R {
    OF_HANDLERS.with(|place| {
        let mut part = place.replace(Part::NONE);
        let result = write(&mut part);
        place.set(part);
        result
    })
}

/// Writes an allocation with its time, and what the heap has if the event begins a chunk.
#[inline(never)]
fn write_allocation(block: *mut u8, bytes: usize, align: usize, stats: &dyn Fn() -> HeapStats) {
    // Before the clock is read: what handlers have written so far is earlier than this event.
    if let Some(of_thread) = of_known_thread() {
        of_thread
            .handler_has_written
            .store(false, Ordering::Relaxed);
    }
    compiler_fence(Ordering::SeqCst);
    let now = ticks::now();
    let kind = if block.is_null() {
        Kind::Refused
    } else {
        Kind::Allocate
    };
    if write_block(now, kind, block, bytes, align) {
        let stats = stats();
        let resident = ptr::without_provenance_mut(stats.resident_bytes);
        write(now, Kind::Heap, resident, stats.used_bytes, 1);
    }
}

/// The observer that records.
pub(crate) struct Recorder;

impl Observer for Recorder {
    fn allocated(&self, block: *mut u8, bytes: usize, align: usize, stats: &dyn Fn() -> HeapStats) {
        write_allocation(block, bytes, align, stats);
    }

    fn reused(&self, block: *mut u8, bytes: usize, align: usize, stats: &dyn Fn() -> HeapStats) {
        if bytes >= MOST_UNTIMED || align != UNTIMED_ALIGNMENT || !write_untimed(block, bytes) {
            write_allocation(block, bytes, align, stats);
        }
    }

    fn frees(&self, block: *mut u8) {
        let now = ticks::now();
        if !write_release(now, block) {
            write(now, Kind::Free, block, 0, 1);
        }
    }

    fn resizes(&self, block: *mut u8, bytes: usize) {
        write(ticks::now(), Kind::Resize, block, bytes, 1);
    }

    fn resized(&self, block: *mut u8, bytes: usize) {
        let kind = if block.is_null() {
            Kind::Refused
        } else {
            Kind::Resized
        };
        write_block(ticks::now(), kind, block, bytes, 1);
    }
}
