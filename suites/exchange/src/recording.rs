//! A recording of two threads, with a stack and the file that its addresses are in.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use orionrt_recording::{Event, Kind, Reader, RecordingError, Start, Writer, words_for};

pub(crate) const NAME: &str = "program.recording";

const START: Start = Start {
    process: 12,
    parent: 3,
    started_ns: 1 << 60,
    has_counter: false,
    command: b"python3\0-c\0pass\0",
};

const FRAMES: [usize; 3] = [0x1000, 0x7fff_1234, 1];
const PATH: &str = "/usr/bin/python3";

/// Where all blocks are, and the size of those that are allocated without a time of their own.
const ADDRESS: u64 = 0x7fff_1234_5670;
const UNTIMED_SIZE: u64 = 24;

/// The number of a thread, its events in a stack, and when it has released a block in a word and
/// allocated one without a time of its own.
const THREADS: [(u32, [Event; 2], u64); 2] = [
    (
        7,
        [event(5, Kind::Allocate), event(1 << 40, Kind::Free)],
        (1 << 40) + 3,
    ),
    (8, [event(6, Kind::Resize), event(9, Kind::Resized)], 12),
];

const fn event(ticks: u64, kind: Kind) -> Event {
    Event {
        ticks,
        kind,
        alignment: 16,
        address: ADDRESS,
        size: 0,
    }
}

pub(crate) fn bytes() -> Vec<u8> {
    let memory: Vec<AtomicU64> = (0..words_for(2)).map(|_| AtomicU64::new(0)).collect();
    let writer = Writer::begin(&memory, &START).expect("there is room");
    for (number, events, later) in THREADS {
        let claim = writer.claim().expect("a chunk");
        let mut chunk = writer.open(claim, number, 0).expect("a chunk");
        assert!(chunk.push_module([1, u64::MAX, 4096], PATH.as_bytes()));
        assert!(chunk.push_stack(number, &FRAMES));
        assert!(
            events
                .iter()
                .all(|event| chunk.push_in_stack(event, number))
        );
        assert!(chunk.push_release(later, ADDRESS));
        assert!(chunk.push_untimed(ADDRESS, UNTIMED_SIZE));
    }
    let words = memory.iter().map(|word| word.load(Relaxed));
    words.flat_map(u64::to_ne_bytes).collect()
}

/// Which byte order a recording has. One of this machine's order is compared with its own.
pub(crate) fn byte_order(bytes: &[u8]) -> &'static str {
    let reader = match Reader::new(bytes) {
        Err(RecordingError::ByteOrder) => return "other",
        reader => reader.expect("a recording"),
    };
    let of_event = |thread, event: Event| {
        let Event { ticks, kind, .. } = event;
        (ticks, thread, kind, event.address, event.size)
    };
    let all = THREADS.into_iter().flat_map(|(thread, events, later)| {
        let untimed = Event {
            size: UNTIMED_SIZE,
            ..event(later, Kind::Allocate)
        };
        let each = events
            .into_iter()
            .chain([event(later, Kind::Free), untimed]);
        each.map(move |event| of_event(thread, event))
    });
    let mut expected: Vec<_> = all.collect();
    expected.sort_by_key(|event| event.0);
    let read = reader.events();
    let mut in_stacks = read.clone().filter(|read| read.stack.is_some());
    assert!(in_stacks.clone().count() == 4);
    assert!(in_stacks.all(|read| read.stack == Some(read.thread)));
    let read: Vec<_> = read.map(|read| of_event(read.thread, read.event)).collect();
    assert_eq!(read, expected);
    assert!(
        reader
            .stacks()
            .all(|stack| stack.frames == FRAMES.map(|frame| frame as u64))
    );
    assert!(reader.modules().all(|module| module.path == PATH));
    assert_eq!((reader.stacks().count(), reader.modules().count()), (2, 2));
    assert_eq!(reader.header().command, ["python3", "-c", "pass"]);
    "same"
}
