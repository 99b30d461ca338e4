//! The event log: a ring buffer that any thread writes to, in memory that was mapped in advance.
//!
//! [`EventLog`] owns a mapping of entries and a counter. Writing an event neither allocates nor
//! waits: it takes the next number from the counter, and writes the entry of that number. When all
//! entries are written, new events are dropped ([`OverflowPolicy::Oldest`]) or overwrite the oldest
//! ([`OverflowPolicy::Newest`]); lost events are counted either way.
//!
//! ```text
//! an entry, five words:   stamp │ time │ address │ size │ thread, kind, log₂ alignment
//! ```
//!
//! Invariant: the stamp is 0 in an entry never written, odd while one is being written, and
//! `2 × (number + 1)` once the event of that number is complete. Only the thread whose
//! compare-exchange made the stamp odd writes the entry; a thread that finds it odd (it is a whole
//! round behind or ahead of that one) drops its own event. Words are atomics, so none is ever torn.

use alloc::vec::Vec;
use core::{alloc::Layout, slice};

use super::{
    event::{Event, EventKind},
    thread_number::thread_number,
};
use orionrt_sys::clock;
use orionrt_sys::mapping::{MapError, Mapping};
use orionrt_sys::sync::atomic::{AtomicU64, Ordering};

/// Which events a full log keeps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OverflowPolicy {
    /// The first ones; later events are dropped.
    #[default]
    Oldest,
    /// The last ones; each later event overwrites the oldest.
    Newest,
}

const WORDS: usize = 5;
type Entry = [AtomicU64; WORDS];

#[derive(Debug)]
pub(crate) struct EventLog {
    mapping: Mapping,
    capacity: usize,
    overflow: OverflowPolicy,
    next: AtomicU64,
}

// SAFETY: the mapping is used only through the atomics in it.
unsafe impl Sync for EventLog {}

impl EventLog {
    /// Events that a log has room for unless its user says otherwise.
    pub(crate) const DEFAULT_CAPACITY: usize = 1 << 20;

    /// A log with room for `capacity` events. Its memory is reserved now, and becomes resident as
    /// it is written.
    pub(crate) fn new(capacity: usize, overflow: OverflowPolicy) -> Result<Self, MapError> {
        let capacity = capacity.max(1);
        // A size that cannot be addressed is refused like any other that is too large.
        let bytes = capacity.saturating_mul(size_of::<Entry>());
        let mapping = Mapping::reserve(bytes, 1)?;
        mapping.commit(0..bytes)?;
        Ok(Self {
            mapping,
            capacity,
            overflow,
            next: AtomicU64::new(0),
        })
    }

    /// Writes one event of this thread; drops it if the log is full and keeps the oldest.
    pub(crate) fn write(&self, kind: EventKind, start: *mut u8, layout: Layout) {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let position = number % self.capacity as u64;
        if number != position && self.overflow == OverflowPolicy::Oldest {
            return;
        }
        let [stamp, time, address, size, rest] = &self.entries()[position as usize];
        let complete = (number + 1) << 1;
        let old = stamp.load(Ordering::Relaxed);
        // Acquire: the words that whoever completed the entry a round ago has written come before
        // those written here.
        let is_free = old & 1 == 0
            && old < complete
            && stamp
                .compare_exchange(old, complete | 1, Ordering::Acquire, Ordering::Relaxed)
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

    /// The events in the log, in order, and the number of lost ones. To be called when nobody
    /// writes any more.
    pub(crate) fn read(&self) -> (Vec<Event>, u64) {
        let numbers = self.next.load(Ordering::Acquire);
        // Reading the other entries would make their pages resident.
        let written = numbers.min(self.capacity as u64) as usize;
        let written = self.entries()[..written].iter();
        let mut events: Vec<(u64, Event)> = written.filter_map(unpacked).collect();
        events.sort_unstable_by_key(|(stamp, _)| *stamp);
        let lost = numbers - events.len() as u64;
        (events.into_iter().map(|(_, event)| event).collect(), lost)
    }

    /// The number of events in the log.
    pub(crate) fn written(&self) -> usize {
        let numbers = self.next.load(Ordering::Acquire);
        numbers.min(self.capacity as u64) as usize
    }

    /// The number of events that the log had no room for.
    pub(crate) fn lost(&self) -> u64 {
        let numbers = self.next.load(Ordering::Acquire);
        numbers - self.written() as u64
    }

    fn entries(&self) -> &[Entry] {
        const { assert!(align_of::<Entry>() <= 4096) };
        // SAFETY: `new` has committed `capacity` entries, which are zero until written; atomics may
        // be shared.
        unsafe { slice::from_raw_parts(self.mapping.base().cast().as_ptr(), self.capacity) }
    }
}

/// Logs both events of a resize, before and after the resize itself; returns what that returns.
pub(crate) fn log_resize(
    log: impl Fn(EventKind, *mut u8, Layout),
    start: *mut u8,
    old: Layout,
    size: usize,
    resize: impl FnOnce() -> *mut u8,
) -> *mut u8 {
    log(EventKind::Resize, start, old);
    let moved = resize();
    match Layout::from_size_align(size, old.align()) {
        Ok(new) if !moved.is_null() => log(EventKind::Resized, moved, new),
        _ => log(EventKind::Resized, start, old),
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

#[cfg(test)]
mod tests {
    use super::*;

    fn write_sizes(log: &EventLog, sizes: core::ops::Range<usize>) {
        for size in sizes {
            let layout = Layout::from_size_align(size, 8).unwrap();
            let address = core::ptr::without_provenance_mut(size);
            log.write(EventKind::Allocate, address, layout);
        }
    }

    fn sizes(log: &EventLog) -> (Vec<usize>, u64) {
        let (events, lost) = log.read();
        (events.iter().map(|event| event.size).collect(), lost)
    }

    #[test]
    fn a_full_log_keeps_the_oldest_or_the_newest_events() {
        for (overflow, kept) in [
            (OverflowPolicy::Oldest, [1, 2, 3]),
            (OverflowPolicy::Newest, [5, 6, 7]),
        ] {
            let log = EventLog::new(3, overflow).unwrap();
            write_sizes(&log, 1..3);
            assert_eq!(sizes(&log), (vec![1, 2], 0));
            write_sizes(&log, 3..8);
            assert_eq!(sizes(&log), (kept.to_vec(), 4), "{overflow:?}");
        }
    }

    #[test]
    fn an_event_is_read_as_it_was_written() {
        const SHIFT: u32 = usize::BITS / 2 + 8;
        let log = EventLog::new(10, OverflowPolicy::Oldest).unwrap();
        let kinds = [
            EventKind::Allocate,
            EventKind::Resize,
            EventKind::Resized,
            EventKind::Free,
        ];
        for (i, kind) in kinds.into_iter().enumerate() {
            let layout = Layout::from_size_align(i << SHIFT, 1 << (i * 10)).unwrap();
            log.write(kind, core::ptr::without_provenance_mut(4096 * i), layout);
        }
        let (events, _) = log.read();
        assert!(events.is_sorted_by_key(|event| event.time_ns));
        for (i, event) in events.iter().enumerate() {
            assert_eq!((event.kind, event.thread), (kinds[i], thread_number()));
            assert_eq!((event.address, event.size), (4096 * i, i << SHIFT));
            assert_eq!(event.alignment, 1 << (i * 10));
        }
    }

    #[test]
    fn threads_write_at_once_and_no_event_appears_twice() {
        const EACH: usize = 2000;
        for overflow in [OverflowPolicy::Oldest, OverflowPolicy::Newest] {
            let log = EventLog::new(3 * EACH, overflow).unwrap();
            std::thread::scope(|scope| {
                for thread in 0..4 {
                    let log = &log;
                    scope.spawn(move || write_sizes(log, thread * EACH..(thread + 1) * EACH));
                }
            });
            let (mut sizes, lost) = sizes(&log);
            assert_eq!(sizes.len() as u64 + lost, 4 * EACH as u64);
            assert!(sizes.len() <= 3 * EACH);
            sizes.sort_unstable();
            assert!(sizes.windows(2).all(|pair| pair[0] < pair[1]));
        }
    }

    #[test]
    fn a_log_larger_than_any_memory_is_refused() {
        assert!(EventLog::new(usize::MAX, OverflowPolicy::Oldest).is_err());
    }
}
