//! Any calls of two threads, written as a recording and read again: what was written is read, each
//! thread's events in its order and all of them in the order of their times; what there was no room
//! for is counted.
#![no_main]

use std::sync::atomic::{AtomicU64, Ordering};

use libfuzzer_sys::{
    arbitrary::{self, Arbitrary},
    fuzz_target,
};
use orionrt_recording::{
    Chunk, Event, HEADER_BYTES, Kind, Reader, Start, Writer, prefix_len, words_for,
};

/// The words of a unit, which the smallest chunk has.
const UNIT_WORDS: usize = 512;
const MOST_TICKS: u64 = (1 << 54) - 1;
const KINDS: [Kind; 7] = [
    Kind::Allocate,
    Kind::Free,
    Kind::Resize,
    Kind::Resized,
    Kind::Refused,
    Kind::Clock,
    Kind::Heap,
];

/// An address of a block, or any word.
#[derive(Arbitrary, Debug)]
enum Address {
    Block(u64),
    Any(u64),
}

impl Address {
    fn value(&self) -> u64 {
        match *self {
            Address::Block(number) => number << 20 >> 17 & !15,
            Address::Any(word) => word,
        }
    }
}

/// What a thread does.
#[derive(Arbitrary, Debug)]
enum Call {
    Event(u8, u8, Address, u64),
    Release(Address),
    Untimed(Address, u32),
    InStack(u8, Address, u64, u32),
    Stack(u32, Vec<usize>),
    Module([u64; 3], Vec<u8>),
}

#[derive(Arbitrary, Debug)]
struct Case {
    units: u8,
    /// For each call, which thread makes it, and how many ticks after the one before, by their
    /// base-2 logarithm.
    calls: Vec<(bool, u8, Call)>,
}

/// A thread's end of a recording, and the events that it has written.
struct Thread<'w> {
    writer: Writer<'w>,
    number: u32,
    chunks: usize,
    chunk: Option<Chunk<'w>>,
    events: Vec<(Event, Option<u32>)>,
    lost: u64,
}

impl Thread<'_> {
    /// Writes something, in a new chunk if it has to be; `false` if there is no room.
    fn write(&mut self, now: u64, push: impl Fn(&mut Chunk) -> bool) -> bool {
        if self.chunk.as_mut().is_some_and(&push) {
            return true;
        }
        let claim = self.writer.claim_after(self.chunks);
        self.chunk = claim.and_then(|claim| self.writer.open(claim, self.number, 0));
        self.chunks += 1;
        let Some(chunk) = &mut self.chunk else {
            return false;
        };
        let clock = event(now, Kind::Clock, 0, 7, 0);
        assert!(chunk.push(&clock), "a chunk has room for an event");
        self.events.push((clock, None));
        push(chunk)
    }

    fn write_event(&mut self, event: Event, stack: Option<u32>) {
        let is_written = self.write(event.ticks, |chunk| match stack {
            Some(stack) => chunk.push_in_stack(&event, stack),
            None => chunk.push(&event),
        });
        if is_written {
            self.events.push((event, stack));
        } else {
            self.lost += 1;
            self.writer.count_lost(1);
        }
    }

    /// Writes a release in a word, if there can be one.
    fn release(&mut self, now: u64, address: u64) {
        let freed = event(now, Kind::Free, 0, address, 0);
        match self
            .chunk
            .as_mut()
            .is_some_and(|chunk| chunk.push_release(now, address))
        {
            true => self.events.push((freed, None)),
            false => self.write_event(freed, None),
        }
    }

    /// Writes an allocation at the time of the event before, if it can be.
    fn allocate(&mut self, now: u64, address: u64, size: u64) {
        let before = self.events.last().map_or(0, |(event, _)| event.ticks);
        let untimed = |chunk: &mut Chunk| chunk.push_untimed(address, size);
        match self.chunk.as_mut().is_some_and(untimed) {
            true => self
                .events
                .push((event(before, Kind::Allocate, 4, address, size), None)),
            false => self.write_event(event(now, Kind::Allocate, 4, address, size), None),
        }
    }
}

fn event(ticks: u64, kind: Kind, alignment_log2: u8, address: u64, size: u64) -> Event {
    Event {
        ticks,
        kind,
        alignment: 1 << (alignment_log2 % 64),
        address,
        size,
    }
}

fn kind(number: u8) -> Kind {
    KINDS[usize::from(number) % KINDS.len()]
}

fuzz_target!(|case: Case| {
    let words = words_for(0) + UNIT_WORDS * (1 + usize::from(case.units % 6));
    let memory: Vec<AtomicU64> = (0..words).map(|_| AtomicU64::new(0)).collect();
    let writer = Writer::begin(&memory, &Start::default()).expect("room for a chunk");
    let mut threads = [0, 1].map(|number| Thread {
        writer,
        number,
        chunks: 0,
        chunk: None,
        events: Vec::new(),
        lost: 0,
    });
    let (mut now, mut stacks, mut modules) = (0_u64, Vec::new(), Vec::new());
    for (is_second, passed, call) in &case.calls {
        now = (now + (1 << (passed % 50)) / 2).min(MOST_TICKS);
        let thread = &mut threads[usize::from(*is_second)];
        match call {
            Call::Event(number, alignment, address, size) => {
                let event = event(now, kind(*number), *alignment, address.value(), *size);
                thread.write_event(event, None);
            }
            Call::Release(address) => thread.release(now, address.value()),
            Call::Untimed(address, size) => {
                // Of any order of magnitude.
                let size = size >> (size % 32);
                thread.allocate(now, address.value(), size.into());
            }
            Call::InStack(number, address, size, stack) => {
                let event = event(now, kind(*number), 4, address.value(), *size);
                thread.write_event(event, Some(*stack));
            }
            Call::Stack(number, frames) => {
                if thread.write(now, |chunk| chunk.push_stack(*number, frames)) {
                    let frames: Vec<u64> = frames.iter().map(|&frame| frame as u64).collect();
                    stacks.push((*number, frames));
                }
            }
            Call::Module(range, path) => {
                if thread.write(now, |chunk| chunk.push_module(*range, path)) {
                    modules.push((*range, String::from_utf8_lossy(path).into_owned()));
                }
            }
        }
    }
    let words = memory.iter().map(|word| word.load(Ordering::Relaxed));
    let bytes: Vec<u8> = words.flat_map(u64::to_ne_bytes).collect();
    let used = prefix_len(&bytes[..HEADER_BYTES]).expect("a header") as usize;
    let reader = Reader::new(&bytes[..used]).expect("a recording");

    let read: Vec<_> = reader.events().collect();
    assert_eq!(read.len(), reader.len());
    assert!(read.is_sorted_by_key(|one| one.time_ns));
    for thread in &threads {
        let of_thread = read.iter().filter(|one| one.thread == thread.number);
        let of_thread = of_thread.map(|one| (one.event, one.stack));
        assert!(of_thread.eq(thread.events.iter().copied()));
    }
    let written: usize = threads.iter().map(|thread| thread.events.len()).sum();
    assert_eq!(read.len(), written);
    let lost: u64 = threads.iter().map(|thread| thread.lost).sum();
    assert_eq!(reader.header().lost, lost);

    let mut read: Vec<_> = reader
        .stacks()
        .map(|one| (one.number, one.frames))
        .collect();
    read.sort();
    stacks.sort();
    assert_eq!(read, stacks);
    let read = reader.modules();
    let mut read: Vec<_> = read
        .map(|one| ([one.start, one.end, one.offset], one.path))
        .collect();
    read.sort();
    modules.sort();
    assert_eq!(read, modules);
});
