//! What is written is what is read, by any number of threads; and no bytes make the reader panic.

use alloc::{vec, vec::Vec};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use proptest::prelude::*;

use super::*;

extern crate std;

fn memory(chunks: usize) -> Vec<AtomicU64> {
    (0..words_for(chunks)).map(|_| AtomicU64::new(0)).collect()
}

fn bytes(memory: &[AtomicU64]) -> Vec<u8> {
    let words = memory.iter().map(|word| word.load(Relaxed));
    words.flat_map(u64::to_ne_bytes).collect()
}

fn event(ticks: u64, kind: Kind, address: u64, size: u64) -> Event {
    Event {
        ticks,
        kind,
        alignment: 16,
        address,
        size,
    }
}

const START: Start = Start {
    process: 12,
    parent: 3,
    started_ns: 99,
    has_counter: false,
    command: b"python3\0-c\0pass\0",
};

/// A thread's end of a recording, which takes a new chunk when one is full.
struct Thread<'a> {
    writer: Writer<'a>,
    number: u32,
    chunks: usize,
    chunk: Option<Chunk<'a>>,
}

impl Thread<'_> {
    fn push(&mut self, event: &Event) {
        if self.chunk.as_mut().is_some_and(|chunk| chunk.push(event)) {
            return;
        }
        let claim = self.writer.claim_after(self.chunks);
        self.chunk = claim.and_then(|claim| self.writer.open(claim, self.number, 0));
        self.chunks += 1;
        if !self.chunk.as_mut().is_some_and(|chunk| chunk.push(event)) {
            self.writer.count_lost(1);
        }
    }
}

#[test]
fn threads_write_at_once_and_every_event_is_read_once_or_counted_as_lost() {
    const THREADS: u32 = 8;
    let each = 3 * EVENTS_PER_CHUNK as u64 + 100;
    // Enough room, and too little.
    for chunks in [5 * THREADS as usize, 9] {
        let memory = memory(chunks);
        let writer = Writer::begin(&memory, &START).expect("room");
        std::thread::scope(|scope| {
            for number in 0..THREADS {
                scope.spawn(move || {
                    let mut thread = Thread {
                        writer,
                        number,
                        chunks: 0,
                        chunk: None,
                    };
                    for at in 0..each {
                        // Wide ones between narrow ones, and pauses.
                        let address = 16 * u64::from(number) + at % 7 / 6;
                        let ticks = at + (at / 100) * (1 << 20);
                        thread.push(&event(ticks, Kind::Allocate, address, at));
                    }
                });
            }
        });
        writer.end();
        let bytes = bytes(&memory);
        let reader = Reader::new(&bytes).expect("a recording");
        let all = u64::from(THREADS) * each;
        assert_eq!(reader.len() as u64 + reader.header().lost, all);
        assert_eq!(reader.header().lost == 0, chunks > 9);
        let mut next = vec![0; THREADS as usize];
        let mut last = 0;
        for recorded in reader.events() {
            let (thread, event) = (recorded.thread as usize, recorded.event);
            assert_eq!(event.address / 16, u64::from(recorded.thread));
            assert_eq!(event.size, next[thread], "of thread {thread}");
            assert!(event.ticks >= last);
            (next[thread], last) = (event.size + 1, event.ticks);
        }
        assert_eq!(next.iter().sum::<u64>() as usize, reader.len());
    }
}

#[test]
fn a_thread_has_small_chunks_before_large_ones_and_the_last_has_what_is_left() {
    let memory = memory(3);
    let writer = Writer::begin(&memory, &START).expect("room");
    let claims = (0..).map_while(|chunks| writer.claim_after(chunks));
    let units: Vec<_> = claims.map(|claim| claim.units).collect();
    assert_eq!(units, [1, 2, 4, 8, 16, 16, 1]);
}

#[test]
fn a_chunk_that_was_claimed_and_not_opened_is_passed_over() {
    let memory = memory(1);
    let writer = Writer::begin(&memory, &START).expect("room");
    let claims = [0, 3, 1].map(|chunks| writer.claim_after(chunks).expect("a chunk"));
    for claim in [claims[0], claims[2]] {
        let mut chunk = writer.open(claim, 0, 0).expect("a chunk");
        assert!(chunk.push(&event(1, Kind::Allocate, 64, claim.units as u64)));
    }
    let bytes = bytes(&memory);
    let reader = Reader::new(&bytes).expect("a recording");
    let sizes: Vec<_> = reader
        .events()
        .map(|recorded| recorded.event.size)
        .collect();
    assert_eq!(sizes, [1, 2]);
}

#[test]
fn a_header_says_which_process_it_is_of() {
    let memory = memory(1);
    let _ = Writer::begin(&memory, &START);
    let bytes = bytes(&memory);
    let reader = Reader::new(&bytes).expect("a recording");
    let header = reader.header();
    assert_eq!((header.process, header.parent), (12, 3));
    assert_eq!((header.started_ns, header.has_exited), (99, false));
    assert_eq!(header.command, ["python3", "-c", "pass"]);
    assert!(reader.is_empty());
    let too_little = &memory[..words_for(0) + 4096 / 8 - 1];
    assert!(Writer::begin(too_little, &START).is_none(), "no room");
}

#[test]
fn a_closed_recording_gives_no_more_chunks() {
    let memory = memory(3);
    let writer = Writer::begin(&memory, &START).expect("room");
    assert_eq!(
        writer.claim(),
        Some(Claim {
            first: 0,
            units: 16
        })
    );
    writer.close();
    assert_eq!(writer.claim(), None);
    // The chunk was claimed and never opened, as when the process is killed in between.
    let bytes = bytes(&memory);
    assert_eq!(Reader::new(&bytes).map(|reader| reader.len()), Ok(0));
    assert_eq!(prefix_len(&bytes), Ok((HEADER_BYTES + CHUNK_BYTES) as u64));
    assert!(Reader::new(&bytes[..HEADER_BYTES + CHUNK_BYTES]).is_ok());
    assert_eq!(
        Reader::new(&bytes[..HEADER_BYTES + CHUNK_BYTES - 1]).err(),
        Some(RecordingError::TooShort {
            bytes: (HEADER_BYTES + CHUNK_BYTES - 1) as u64,
            expected: (HEADER_BYTES + CHUNK_BYTES) as u64,
        })
    );
}

#[test]
fn a_recording_that_is_trimmed_keeps_room_for_one_chunk_more() {
    let memory = memory(5);
    let writer = Writer::begin(&memory, &START).expect("room");
    assert!(writer.claim().is_some());
    let mut kept = 0;
    writer.trim(|bytes| {
        kept = bytes;
        assert_eq!(writer.claim(), None, "while the rest is taken away");
    });
    assert_eq!(kept, HEADER_BYTES + 2 * CHUNK_BYTES);
    let bytes = bytes(&memory[..kept / 8]);
    assert!(Reader::new(&bytes).is_ok());
    let more = Claim {
        first: 16,
        units: 16,
    };
    assert_eq!([writer.claim(), writer.claim()], [Some(more), None]);
}

#[test]
fn ticks_become_nanoseconds_by_the_clock_of_the_system() {
    let memory = memory(1);
    let start = Start {
        has_counter: true,
        ..START
    };
    let writer = Writer::begin(&memory, &start).expect("room");
    let claim = writer.claim().expect("a chunk");
    let mut chunk = writer.open(claim, 0, 0).expect("a chunk");
    for event in [
        event(0, Kind::Clock, 1_000, 0),
        event(3, Kind::Allocate, 64, 1),
        event(3_000, Kind::Clock, 2_000, 0),
        event(6_000, Kind::Free, 64, 1),
    ] {
        assert!(chunk.push(&event));
    }
    let bytes = bytes(&memory);
    let reader = Reader::new(&bytes).expect("a recording");
    let times: Vec<_> = reader.events().map(|recorded| recorded.time_ns).collect();
    assert_eq!(times, [0, 1, 1_000, 2_000]);
}

#[test]
fn a_release_comes_before_an_allocation_of_the_same_moment() {
    let memory = memory(2);
    let writer = Writer::begin(&memory, &START).expect("room");
    let mut chunks = [0, 1].map(|thread| {
        let index = writer.claim().expect("a chunk");
        writer.open(index, thread, 0).expect("a chunk")
    });
    chunks[1].push(&event(1, Kind::Allocate, 64, 8));
    chunks[1].push(&event(5, Kind::Free, 64, 0));
    chunks[0].push(&event(5, Kind::Allocate, 64, 9));
    // A clock that ran backwards: the thread's order stays.
    chunks[0].push(&event(2, Kind::Free, 64, 0));
    let bytes = bytes(&memory);
    let reader = Reader::new(&bytes).expect("a recording");
    let order: Vec<_> = reader
        .events()
        .map(|recorded| (recorded.thread, recorded.event.kind, recorded.event.ticks))
        .collect();
    let expected = [
        (1, Kind::Allocate, 1),
        (1, Kind::Free, 5),
        (0, Kind::Allocate, 5),
        (0, Kind::Free, 5),
    ];
    assert_eq!(order, expected);
}

#[test]
fn most_events_are_short() {
    let memory = memory(1);
    let writer = Writer::begin(&memory, &START).expect("room");
    let mut chunk = writer
        .open(writer.claim().expect("a chunk"), 0, 0)
        .expect("a chunk");
    let pairs = (CHUNK_BYTES / 8 - 3 - 3) / 3;
    for at in 0..pairs as u64 {
        assert!(chunk.push(&event(9 * at, Kind::Allocate, 0x7fff_ffff_fff0, 1 << 40)));
        let freed = event(9 * at + 1, Kind::Free, 0x7fff_ffff_fff0, 0);
        assert!(chunk.push(&Event {
            alignment: 1,
            ..freed
        }));
    }
    let bytes = bytes(&memory);
    let reader = Reader::new(&bytes).expect("a recording");
    assert_eq!(reader.len(), 2 * pairs);
}

#[test]
fn an_untimed_allocation_has_the_time_of_the_event_before_in_a_word() {
    let memory = memory(1);
    let writer = Writer::begin(&memory, &START).expect("room");
    let claim = writer.claim_after(0).expect("a chunk");
    let mut chunk = writer.open(claim, 0, 0).expect("a chunk");
    assert!(chunk.push(&event(1 << 20, Kind::Clock, 5, 0)));
    let mut expected = vec![event(1 << 20, Kind::Clock, 5, 0)];
    let highest = (1 << 47) - 16;
    for (at, size) in [(0, 0), (1, (1 << 17) - 1), (2, 100)] {
        assert!(chunk.push_untimed(highest - 16 * at, size));
        expected.push(event(
            (1 << 20) + at,
            Kind::Allocate,
            highest - 16 * at,
            size,
        ));
        let ticks = (1 << 20) + at + 1;
        assert!(chunk.push_release(ticks, highest - 16 * at));
        let freed = event(ticks, Kind::Free, highest - 16 * at, 0);
        expected.push(Event {
            alignment: 1,
            ..freed
        });
    }
    // What does not fit into a word is refused, and leaves nothing behind.
    assert!(!chunk.push_untimed(8, 1) && !chunk.push_untimed(1 << 47, 1));
    assert!(!chunk.push_untimed(16, 1 << 17));
    assert!(
        !chunk.push_release((1 << 20) + (1 << 18), 16),
        "after a pause"
    );
    assert!(
        !chunk.push_release(1 << 20, 16),
        "a clock that ran backwards"
    );
    assert!(!chunk.push_release((1 << 20) + 4, 24));
    let words = 4096 / 8 - 3 - 3 - 6;
    assert!((0..words).all(|_| chunk.push_untimed(16, 1)));
    assert!(!chunk.push_untimed(16, 1), "no room");
    assert!(!chunk.push_release((1 << 20) + 4, 16), "no room");
    let bytes = bytes(&memory);
    let reader = Reader::new(&bytes).expect("a recording");
    let read: Vec<Event> = reader.events().map(|one| one.event).collect();
    assert_eq!(read[..expected.len()], expected);
    assert_eq!(read.len(), expected.len() + words);
}

#[test]
fn stacks_and_modules_stand_between_events() {
    let memory = memory(1);
    let writer = Writer::begin(&memory, &START).expect("room");
    let mut chunk = writer
        .open(writer.claim().expect("a chunk"), 0, 0)
        .expect("a chunk");
    let events = [
        event(1, Kind::Allocate, 64, 8),
        event(7, Kind::Allocate, 96, 9),
    ];
    assert!(chunk.push_stack(5, &[0x1234, 0x5678]));
    assert!(chunk.push_in_stack(&events[0], 5));
    assert!(chunk.push_module([0x1000, 0x9000, 0x40], b"/lib/libone.so"));
    assert!(chunk.push(&events[1]));
    assert!(!chunk.push_stack(6, &[1; CHUNK_BYTES / 8]), "no room");
    let bytes = bytes(&memory);
    let reader = Reader::new(&bytes).expect("a recording");
    let read: Vec<_> = reader.events().map(|one| (one.event, one.stack)).collect();
    assert_eq!(read, [(events[0], Some(5)), (events[1], None)]);
    assert_eq!(reader.len(), 2);
    let stacks: Vec<Stack> = reader.stacks().collect();
    let frames = vec![0x1234, 0x5678];
    assert_eq!(stacks, [Stack { number: 5, frames }]);
    let module = Module {
        start: 0x1000,
        end: 0x9000,
        offset: 0x40,
        path: "/lib/libone.so".into(),
    };
    assert_eq!(reader.modules().collect::<Vec<_>>(), [module]);
}

#[test]
fn a_recording_of_the_first_version_is_read() {
    let memory = memory(1);
    let writer = Writer::begin(&memory, &START).expect("room");
    let mut chunk = writer
        .open(writer.claim().expect("a chunk"), 0, 0)
        .expect("a chunk");
    // What is not at a multiple of 16 has three words, as everything had.
    let events = [event(1, Kind::Allocate, 65, 8), event(7, Kind::Free, 65, 0)];
    assert!(events.iter().all(|event| chunk.push(event)));
    memory[1].store(1, Relaxed);
    memory[HEADER_BYTES / 8 + 1].store(2, Relaxed);
    let bytes = bytes(&memory);
    let reader = Reader::new(&bytes).expect("a recording");
    let read: Vec<Event> = reader.events().map(|recorded| recorded.event).collect();
    assert_eq!(read, events);
}

#[test]
fn what_is_wrong_is_named() {
    let memory = memory(1);
    let writer = Writer::begin(&memory, &START).expect("room");
    let index = writer.claim().expect("a chunk");
    let mut chunk = writer.open(index, 4, 0).expect("a chunk");
    chunk.push(&event(1, Kind::Allocate, 64, 8));
    let good = bytes(&memory);
    let with = |word: usize, value: u64| {
        let mut bytes = good.clone();
        bytes[word * 8..][..8].copy_from_slice(&value.to_ne_bytes());
        Reader::new(&bytes).err()
    };
    use RecordingError::{
        ByteOrder, Cut, Header, Kind as NoKind, NoThread, NotARecording, Units, Used, Version,
    };
    let first = HEADER_BYTES / 8;
    assert_eq!(with(0, 7), Some(NotARecording));
    assert_eq!(with(1, 4), Some(Version(4)));
    assert_eq!(with(1, 2u64.swap_bytes()), Some(ByteOrder));
    assert!(matches!(with(5, u64::MAX), Some(Header { .. })));
    assert!(matches!(with(9, 1 << 20), Some(Header { .. })));
    assert_eq!(with(first, 0), Some(NoThread { chunk: 0 }));
    let (chunk, event) = (0, 0);
    let (most, words) = (CHUNK_BYTES / 8 - 3, CHUNK_BYTES as u64 / 8 - 2);
    assert_eq!(with(first + 1, words), Some(Used { chunk, words, most }));
    assert_eq!(with(first + 1, 1), Some(Cut { chunk, event }));
    for units in [0, 17] {
        let most = 16;
        assert_eq!(with(first + 2, units), Some(Units { chunk, units, most }));
    }
    // In the first version, what is in use is counted in events of three words.
    let nothing = NoKind {
        chunk,
        event: 1,
        word: 0,
    };
    assert_eq!(with(1, 1), Some(nothing));
    let word = 1 << 4;
    assert_eq!(
        with(first + 3, word),
        Some(RecordingError::Kind { chunk, event, word })
    );
    assert_eq!(with(6, u64::MAX), None, "more claims than chunks");
}

/// Any event of the kinds, and often one that is short.
fn any_event() -> impl Strategy<Value = Event> {
    use Kind::*;
    let kinds =
        proptest::sample::select(&[Allocate, Free, Resize, Resized, Refused, Clock, Heap][..]);
    let number = || prop_oneof![any::<u64>(), (0_u64..1 << 44).prop_map(|n| n << 4), Just(0)];
    let ticks = prop_oneof![0_u64..1 << 54, 0_u64..1 << 18];
    let all = (
        ticks,
        kinds,
        prop_oneof![0_u32..64, Just(0)],
        number(),
        number(),
    );
    all.prop_map(|(ticks, kind, alignment, address, size)| Event {
        ticks,
        kind,
        alignment: 1 << alignment,
        address,
        size,
    })
}

proptest! {
    #[test]
    fn events_are_read_as_they_were_written(
        events in proptest::collection::vec(any_event(), 1..40),
    ) {
        let memory = memory(1);
        let writer = Writer::begin(&memory, &START).expect("room");
        let mut chunk = writer.open(writer.claim().expect("a chunk"), 0, 0).expect("a chunk");
        // Ticks that rise by what these events have, a little or a lot.
        let mut ticks: u64 = 0;
        let events: Vec<Event> = events
            .into_iter()
            .map(|event| {
                ticks = (ticks + event.ticks).min((1 << 54) - 1);
                Event { ticks, ..event }
            })
            .collect();
        for event in &events {
            prop_assert!(chunk.push(event));
        }
        let bytes = bytes(&memory);
        let reader = Reader::new(&bytes).expect("a recording");
        prop_assert_eq!(reader.len(), events.len());
        let read: Vec<Event> = reader.events().map(|recorded| recorded.event).collect();
        prop_assert_eq!(read, events);
    }

    #[test]
    fn any_bytes_are_a_recording_or_an_error(
        changes in proptest::collection::vec((0_usize..40, any::<u64>()), 0..6),
        in_chunk in proptest::collection::vec((0_usize..20, any::<u64>()), 0..6),
        len in 0_usize..HEADER_BYTES + 3 * CHUNK_BYTES,
        claimed in 0_u64..70,
    ) {
        let memory = memory(2);
        let _ = Writer::begin(&memory, &START);
        memory[6].store(claimed, Relaxed);
        for (word, value) in changes {
            memory[word].store(value, Relaxed);
        }
        for (word, value) in in_chunk {
            memory[words_for(0) + word].store(value, Relaxed);
        }
        let mut bytes = bytes(&memory);
        bytes.truncate(len);
        if let Ok(reader) = Reader::new(&bytes) {
            prop_assert_eq!(reader.events().count(), reader.len());
            let _ = (reader.stacks().count(), reader.modules().count());
        }
    }

    #[test]
    fn any_words_of_a_chunk_are_items_or_an_error(
        words in proptest::collection::vec(any_first_word(), 64),
        used in 0_usize..=64,
    ) {
        let memory = memory(1);
        let writer = Writer::begin(&memory, &START).expect("room");
        prop_assert!(writer.open(writer.claim().expect("a chunk"), 0, 0).is_some());
        let chunk = &memory[words_for(0)..];
        chunk[1].store(used as u64, Relaxed);
        for (place, word) in chunk[3..].iter().zip(words) {
            place.store(word, Relaxed);
        }
        let bytes = bytes(&memory);
        if let Ok(reader) = Reader::new(&bytes) {
            let events = reader.events().count();
            prop_assert_eq!(events, reader.len());
            let stacks: usize = reader.stacks().map(|stack| 1 + stack.frames.len()).sum();
            let modules = reader.modules().count() * item::MODULE_WORDS;
            prop_assert!(events + stacks + modules <= used);
        }
    }
}

/// A thread of an allocator: the blocks that it has for itself, and its end of the recording.
struct Caching<'a> {
    free: Vec<u64>,
    end: Thread<'a>,
}

impl Caching<'_> {
    /// Allocates a block at this time, of those that all threads share if it has none for itself.
    fn allocate(&mut self, now: u64, shared: &mut Vec<u64>) -> Option<u64> {
        let is_own = !self.free.is_empty();
        if !is_own {
            let taken = shared.len().min(2);
            self.free.extend(shared.drain(..taken));
        }
        let address = self.free.pop()?;
        let untimed = |chunk: &mut Chunk| chunk.push_untimed(address, 8);
        if !is_own || !self.end.chunk.as_mut().is_some_and(untimed) {
            self.end.push(&event(now, Kind::Allocate, address, 8));
        }
        Some(address)
    }

    fn release(&mut self, now: u64, address: u64) {
        let release = |chunk: &mut Chunk| chunk.push_release(now, address);
        if !self.end.chunk.as_mut().is_some_and(release) {
            self.end.push(&event(now, Kind::Free, address, 0));
        }
        self.free.push(address);
    }
}

proptest! {
    /// Threads that hand their blocks to each other, and free ones on by what all of them share:
    /// allocations are untimed where the [crate](crate#order) says that they may be.
    #[test]
    fn no_block_is_given_twice_in_the_order_of_a_recording(
        steps in proptest::collection::vec((0_usize..3, 0_u8..10, any::<u16>()), 1..400),
    ) {
        let memory = memory(1);
        let writer = Writer::begin(&memory, &START).expect("room");
        let mut threads = [0, 1, 2].map(|number| Caching {
            free: Vec::new(),
            end: Thread { writer, number, chunks: 0, chunk: None },
        });
        let mut shared: Vec<u64> = (1..=5).map(|number| number << 4).collect();
        let mut live = Vec::new();
        let mut count = 0;
        for (now, (thread, what, which)) in steps.into_iter().enumerate() {
            let thread = &mut threads[thread];
            match what {
                0..5 => {
                    let got = thread.allocate(now as u64, &mut shared);
                    count += usize::from(got.is_some());
                    live.extend(got);
                }
                5..9 if !live.is_empty() => {
                    let block = live.swap_remove(usize::from(which) % live.len());
                    thread.release(now as u64, block);
                    count += 1;
                }
                _ => shared.append(&mut thread.free),
            }
        }
        let bytes = bytes(&memory);
        let reader = Reader::new(&bytes).expect("a recording");
        let mut given = std::collections::BTreeSet::new();
        for Recorded { event, .. } in reader.events() {
            let is_right = match event.kind {
                Kind::Allocate => given.insert(event.address),
                _ => given.remove(&event.address),
            };
            prop_assert!(is_right, "{:?}", event);
        }
        prop_assert_eq!(reader.len(), count);
        prop_assert_eq!(given, live.into_iter().collect());
    }
}

/// The first word of any item, which may be a short one.
fn any_first_word() -> impl Strategy<Value = u64> {
    let kinds = prop_oneof![
        9 => proptest::sample::select(&[item::OF_NEXT, item::STACK, item::MODULE][..]),
        1 => 0_u64..16,
    ];
    let len = prop_oneof![9 => 0_u64..12, 1 => 0..item::MOST_LEN as u64];
    (kinds, any::<u32>(), len).prop_map(|(kind, number, len)| {
        kind | u64::from(number) << item::NUMBER_SHIFT | len << item::LEN_SHIFT
    })
}
