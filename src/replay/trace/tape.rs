//! A tape: events of any thread, in memory that was mapped in advance.
//!
//! [`Tape`] owns a mapping of entries and counts. Writing an event neither allocates nor waits: it takes a number, and
//! writes the entry of that number. When all entries are written, new events are dropped ([`OverflowPolicy::Oldest`]) or take the
//! place of the oldest ([`OverflowPolicy::Newest`]); both are counted.
//!
//! ```text
//! an entry, five words:   stamp │ time │ address │ size │ thread, kind, log₂ alignment
//! ```
//!
//! Invariant: the stamp is 0 in an entry never written, odd while one is written, and `2 × (number + 1)` when the event of that number is
//! complete. An entry is written by the one thread whose compare-exchange made its stamp odd; a thread that finds
//! it odd (a whole round behind another one) drops its event. Words are atomics, so that even then nothing is torn.

use alloc::vec::Vec;
use core::{alloc::Layout, cell::Cell, slice};

use super::event::{Event, EventKind};
use orionrt_sys::clock;
use orionrt_sys::mapping::{MapError, Mapping};
use orionrt_sys::sync::atomic::{AtomicU32, AtomicU64, Ordering};

/// Which events stay when a tape is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OverflowPolicy {
    /// Those from the beginning; later ones are dropped.
    #[default]
    Oldest,
    /// The last ones.
    Newest,
}

/// The number of threads for which there is none.
pub(crate) const NAMELESS: u32 = u32::MAX;

const WORDS: usize = 5;
type Entry = [AtomicU64; WORDS];

#[derive(Debug)]
pub(crate) struct Tape {
    mapping: Mapping,
    capacity: usize,
    keep: OverflowPolicy,
    next: AtomicU64,
}

// SAFETY: the mapping is used through the atomics in it alone.
unsafe impl Sync for Tape {}

impl Tape {
    /// A tape for `capacity` events. Its memory is reserved now and comes as it is written.
    pub(crate) fn new(capacity: usize, keep: OverflowPolicy) -> Result<Self, MapError> {
        let capacity = capacity.max(1);
        // More than can be addressed is refused like any size that is too large.
        let bytes = capacity.saturating_mul(size_of::<Entry>());
        let mapping = Mapping::reserve(bytes, 1)?;
        mapping.commit(0..bytes)?;
        Ok(Self {
            mapping,
            capacity,
            keep,
            next: AtomicU64::new(0),
        })
    }

    /// Writes one event of this thread; drops it where the tape is full.
    pub(crate) fn write(&self, kind: EventKind, start: *mut u8, layout: Layout) {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let position = number % self.capacity as u64;
        if number != position && self.keep == OverflowPolicy::Oldest {
            return;
        }
        let [stamp, time, address, size, rest] = &self.entries()[position as usize];
        let complete = (number + 1) << 1;
        let old = stamp.load(Ordering::Relaxed);
        let is_free = old & 1 == 0
            && old < complete
            && stamp
                .compare_exchange(old, complete | 1, Ordering::Relaxed, Ordering::Relaxed)
                .is_ok();
        if !is_free {
            return;
        }
        time.store(clock::precise().as_nanos() as u64, Ordering::Relaxed);
        address.store(start.addr() as u64, Ordering::Relaxed);
        size.store(layout.size() as u64, Ordering::Relaxed);
        rest.store(packed(kind, layout.align()), Ordering::Relaxed);
        stamp.store(complete, Ordering::Release);
    }

    /// What is on the tape, in order, and how many events are not. For when nobody writes any more.
    pub(crate) fn read(&self) -> (Vec<Event>, u64) {
        let numbers = self.next.load(Ordering::Acquire);
        // Reading the others would make their pages resident.
        let written = numbers.min(self.capacity as u64) as usize;
        let written = self.entries()[..written].iter();
        let mut events: Vec<(u64, Event)> = written.filter_map(unpacked).collect();
        events.sort_unstable_by_key(|(stamp, _)| *stamp);
        let lost = numbers - events.len() as u64;
        (events.into_iter().map(|(_, event)| event).collect(), lost)
    }

    fn entries(&self) -> &[Entry] {
        const { assert!(align_of::<Entry>() <= 4096) };
        // SAFETY: `new` has committed `capacity` entries, which are zero until written; atomics may be shared.
        unsafe { slice::from_raw_parts(self.mapping.base().cast().as_ptr(), self.capacity) }
    }
}

/// Notes both events of a resize, around the resize itself; returns what that returns.
pub(crate) fn note_resize(
    note: impl Fn(EventKind, *mut u8, Layout),
    start: *mut u8,
    old: Layout,
    size: usize,
    resize: impl FnOnce() -> *mut u8,
) -> *mut u8 {
    note(EventKind::Resize, start, old);
    let moved = resize();
    match Layout::from_size_align(size, old.align()) {
        Ok(new) if !moved.is_null() => note(EventKind::Resized, moved, new),
        _ => note(EventKind::Resized, start, old),
    }
    moved
}

fn packed(kind: EventKind, alignment: usize) -> u64 {
    u64::from(thread_number()) << 32
        | u64::from(alignment.trailing_zeros()) << 8
        | match kind {
            EventKind::Allocate => 0,
            EventKind::Free => 1,
            EventKind::Resize => 2,
            EventKind::Resized => 3,
        }
}

/// The event of a complete entry, with its stamp.
fn unpacked([stamp, time, address, size, rest]: &Entry) -> Option<(u64, Event)> {
    let stamp = stamp.load(Ordering::Acquire);
    if stamp == 0 || stamp & 1 == 1 {
        return None;
    }
    let rest = rest.load(Ordering::Relaxed);
    let kind = match rest & 0xff {
        0 => EventKind::Allocate,
        1 => EventKind::Free,
        2 => EventKind::Resize,
        _ => EventKind::Resized,
    };
    let event = Event {
        kind,
        time_ns: time.load(Ordering::Relaxed),
        thread: (rest >> 32) as u32,
        address: address.load(Ordering::Relaxed) as usize,
        size: size.load(Ordering::Relaxed) as usize,
        alignment: 1 << (rest >> 8 & 0xff),
    };
    Some((stamp, event))
}

/// The number of this thread, from 1 on, given on first use. There are enough for any program; should they ever run out, all further
/// threads are [`NAMELESS`].
#[inline]
pub(crate) fn thread_number() -> u32 {
    static NEXT: AtomicU32 = AtomicU32::new(1);
    std::thread_local! {
        static NUMBER: Cell<u32> = const { Cell::new(0) };
    }
    if NUMBER.get() == 0 {
        let next = |next: u32| (next < NAMELESS).then_some(next + 1);
        let number = NEXT.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        NUMBER.set(number.unwrap_or(NAMELESS));
    }
    NUMBER.get()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(tape: &Tape, sizes: core::ops::Range<usize>) {
        for size in sizes {
            let layout = Layout::from_size_align(size, 8).unwrap();
            tape.write(
                EventKind::Allocate,
                core::ptr::without_provenance_mut(size),
                layout,
            );
        }
    }

    fn sizes(tape: &Tape) -> (Vec<usize>, u64) {
        let (events, lost) = tape.read();
        (events.iter().map(|event| event.size).collect(), lost)
    }

    #[test]
    fn a_full_tape_keeps_what_it_was_told_to() {
        for (keep, kept) in [
            (OverflowPolicy::Oldest, [1, 2, 3]),
            (OverflowPolicy::Newest, [5, 6, 7]),
        ] {
            let tape = Tape::new(3, keep).unwrap();
            written(&tape, 1..3);
            assert_eq!(sizes(&tape), (vec![1, 2], 0));
            written(&tape, 3..8);
            assert_eq!(sizes(&tape), (kept.to_vec(), 4), "{keep:?}");
        }
    }

    #[test]
    fn an_event_comes_back_as_it_was_written() {
        let tape = Tape::new(10, OverflowPolicy::Oldest).unwrap();
        let kinds = [
            EventKind::Allocate,
            EventKind::Resize,
            EventKind::Resized,
            EventKind::Free,
        ];
        for (i, kind) in kinds.into_iter().enumerate() {
            let layout = Layout::from_size_align(i << 40, 1 << (i * 10)).unwrap();
            tape.write(kind, core::ptr::without_provenance_mut(4096 * i), layout);
        }
        let (events, _) = tape.read();
        assert!(events.is_sorted_by_key(|event| event.time_ns));
        for (i, event) in events.iter().enumerate() {
            assert_eq!((event.kind, event.thread), (kinds[i], thread_number()));
            assert_eq!((event.address, event.size), (4096 * i, i << 40));
            assert_eq!(event.alignment, 1 << (i * 10));
        }
    }

    #[test]
    fn threads_write_side_by_side_and_every_event_is_there_once() {
        const EACH: usize = 2000;
        for keep in [OverflowPolicy::Oldest, OverflowPolicy::Newest] {
            let tape = Tape::new(3 * EACH, keep).unwrap();
            std::thread::scope(|scope| {
                for thread in 0..4 {
                    let tape = &tape;
                    scope.spawn(move || written(tape, thread * EACH..(thread + 1) * EACH));
                }
            });
            let (mut sizes, lost) = sizes(&tape);
            assert_eq!(sizes.len() as u64 + lost, 4 * EACH as u64);
            assert!(sizes.len() <= 3 * EACH);
            sizes.sort_unstable();
            assert!(sizes.windows(2).all(|pair| pair[0] < pair[1]));
        }
    }

    #[test]
    fn a_tape_that_no_memory_can_hold_is_refused() {
        assert!(Tape::new(usize::MAX, OverflowPolicy::Oldest).is_err());
    }
}
