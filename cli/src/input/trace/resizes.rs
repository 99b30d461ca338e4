//! The places and sizes of blocks that are resized.
//!
//! Stands on the library's recordings and on [`Block`]. A block has a row for each place and size
//! that it had. While a thread resizes it, from one event to a later one, it is where it was,
//! unless another block takes its bytes meanwhile.
//!
//! ```text
//! event     0         1         2         3         4
//!           a = 64    b = 16    a → 256   done      free a      alive: 0 to 3, then 3 to 4
//! r0        ├── 64, at its first address ─┤
//! r0 resized 1                            ├── 256 ──┤
//! ```
//!
//! Invariant: the rows of a block follow one another, from the step of its request to that of its
//! end.

#![forbid(unsafe_code)]

use std::collections::{BTreeMap, HashMap};

use orionrt::replay::{Event, EventKind, Recording};

use crate::input::addresses::Block;

/// A block that is alive, at the place and with the size that it has now.
struct Open {
    label: String,
    /// How often it was resized.
    resizes: usize,
    address: usize,
    size: usize,
    lower: usize,
}

impl Open {
    fn end(&self, upper: usize) -> (String, Block) {
        let name = match self.resizes {
            0 => self.label.clone(),
            count => format!("{} resized {count}", self.label),
        };
        let block = Block {
            address: self.address as u64,
            size: self.size as u64,
            lower: self.lower as i64,
            upper: upper as i64,
        };
        (name, block)
    }
}

/// The blocks that threads resize.
#[derive(Default)]
struct Resizing {
    /// Each with the step at which another block took bytes of it, if one did.
    of_thread: HashMap<u32, (Open, Option<usize>)>,
    /// The threads by the addresses of blocks of which no bytes were taken.
    threads: BTreeMap<usize, u32>,
}

impl Resizing {
    fn begin(&mut self, thread: u32, open: Open) {
        self.threads.insert(open.address, thread);
        self.of_thread.insert(thread, (open, None));
    }

    /// The block that a thread resizes, which is no longer in here.
    fn end(&mut self, thread: u32) -> Option<(Open, Option<usize>)> {
        let (open, taken) = self.of_thread.remove(&thread)?;
        if self.threads.get(&open.address) == Some(&thread) {
            self.threads.remove(&open.address);
        }
        Some((open, taken))
    }

    /// Another block gets these bytes.
    fn take(&mut self, address: usize, size: usize, step: usize) {
        let end = address.saturating_add(size.max(1));
        while let Some((&at, &thread)) = self.threads.range(..end).next_back() {
            if let Some((open, taken)) = self.of_thread.get_mut(&thread) {
                if at.saturating_add(open.size.max(1)) <= address {
                    break;
                }
                *taken = Some(step);
            }
            self.threads.remove(&at);
        }
    }
}

/// The places of all requests that have a label, by the steps at which they begin, in the order in
/// which they came to be.
pub(super) fn follow(
    recording: &Recording,
    mut labels: HashMap<usize, String>,
) -> (Vec<String>, Vec<Block>) {
    let mut live: HashMap<usize, Open> = HashMap::new();
    let mut resizing = Resizing::default();
    let mut ended: Vec<(String, Block)> = Vec::new();
    for (step, event) in recording.events().iter().enumerate() {
        let Event { address, size, .. } = *event;
        match event.kind {
            EventKind::Allocate => {
                live.remove(&address);
                resizing.take(address, size, step);
                if let Some(label) = labels.remove(&step) {
                    let open = Open {
                        label,
                        resizes: 0,
                        address,
                        size,
                        lower: step,
                    };
                    live.insert(address, open);
                }
            }
            EventKind::Free => ended.extend(live.remove(&address).map(|open| open.end(step))),
            EventKind::Resize => {
                // The trace lacks the end of the thread's last resize, if one is still open.
                resizing.end(event.thread);
                if let Some(open) = live.remove(&address) {
                    resizing.begin(event.thread, open);
                }
            }
            EventKind::Resized => {
                live.remove(&address);
                let resized = resizing.end(event.thread);
                resizing.take(address, size, step);
                if let Some((open, taken)) = resized {
                    let (old, open) = resized_to(open, taken, address, size, step);
                    ended.extend(old);
                    live.insert(address, open);
                }
            }
            _ => {}
        }
    }
    ended.sort_by_key(|(_, block)| block.lower);
    ended.into_iter().unzip()
}

/// A block after it was resized at a step, and its row before that if it is another one.
fn resized_to(
    open: Open,
    taken: Option<usize>,
    address: usize,
    size: usize,
    step: usize,
) -> (Option<(String, Block)>, Open) {
    if taken.is_none() && (open.address, open.size) == (address, size) {
        return (None, open);
    }
    let old = open.end(taken.unwrap_or(step));
    let open = Open {
        resizes: open.resizes + 1,
        address,
        size,
        lower: step,
        ..open
    };
    (Some(old), open)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn recording(events: &[(EventKind, usize, usize, u32)]) -> Recording {
        let events = events.iter().map(|&(kind, address, size, thread)| {
            Event::new(kind, address, size, 8).on_thread(thread)
        });
        Recording::new(1, events.collect(), 0)
    }

    /// The rows of all planned requests, which are named by their first steps.
    fn rows(recording: &Recording) -> Vec<(String, u64, u64, i64, i64)> {
        let lanes = 0..recording.lanes();
        let requests = lanes.flat_map(|lane| recording.requests(lane));
        let planned = requests.filter(|request| request.is_planned());
        let labels = planned.map(|of| (of.lower as usize, format!("s{}", of.lower)));
        let (names, blocks) = follow(recording, labels.collect());
        let rows = names.into_iter().zip(blocks);
        rows.map(|(name, of)| (name, of.address, of.size, of.lower, of.upper))
            .collect()
    }

    fn row(
        name: &str,
        address: u64,
        size: u64,
        lower: i64,
        upper: i64,
    ) -> (String, u64, u64, i64, i64) {
        (name.into(), address, size, lower, upper)
    }

    #[test]
    fn a_block_has_a_row_for_each_place_and_size_that_it_had() {
        use EventKind::{Allocate, Free, Resize, Resized};
        let recording = recording(&[
            (Allocate, 0x1000, 64, 1),
            (Allocate, 0x2000, 16, 1),
            // Moved, then refused, then larger in place.
            (Resize, 0x1000, 64, 1),
            (Resized, 0x3000, 256, 1),
            (Resize, 0x3000, 256, 1),
            (Resized, 0x3000, 256, 1),
            (Resize, 0x3000, 256, 1),
            (Resized, 0x3000, 512, 1),
            (Free, 0x2000, 16, 1),
            (Free, 0x3000, 512, 1),
            // It outlives the inference, so no plan has it.
            (Allocate, 0x4000, 8, 1),
        ]);
        assert_eq!(
            rows(&recording),
            [
                row("s0", 0x1000, 64, 0, 3),
                row("s1", 0x2000, 16, 1, 8),
                row("s0 resized 1", 0x3000, 256, 3, 7),
                row("s0 resized 2", 0x3000, 512, 7, 9),
            ]
        );
    }

    #[test]
    fn a_block_that_is_resized_ends_where_another_one_takes_its_bytes() {
        use EventKind::{Allocate, Free, Resize, Resized};
        // The second block begins within the first one, or below it, or after its last byte.
        for (address, size, upper) in [(0x1010, 8, 2), (0xff0, 17, 2), (0x1040, 8, 3)] {
            let recording = recording(&[
                (Allocate, 0x1000, 64, 1),
                (Resize, 0x1000, 64, 1),
                (Allocate, address, size, 2),
                (Resized, 0x3000, 256, 1),
                (Free, address, size, 2),
                (Free, 0x3000, 256, 1),
            ]);
            assert_eq!(
                rows(&recording),
                [
                    row("s0", 0x1000, 64, 0, upper),
                    row("s2", address as u64, size as u64, 2, 4),
                    row("s0 resized 1", 0x3000, 256, 3, 5),
                ]
            );
        }
    }

    proptest! {
        /// Every planned request has its rows within its own steps, one after the other.
        #[test]
        fn rows_span_the_steps_of_their_requests(
            events in proptest::collection::vec(
                (0_usize..4, 0_usize..6, 1_usize..5000, 1_u32..4),
                0..60,
            ),
        ) {
            let kinds =
                [EventKind::Allocate, EventKind::Free, EventKind::Resize, EventKind::Resized];
            let events: Vec<_> = events
                .into_iter()
                .map(|(kind, address, size, thread)| (kinds[kind], address * 4096, size, thread))
                .collect();
            let recording = recording(&events);
            let mut found = rows(&recording);
            for lane in 0..recording.lanes() {
                for request in recording.requests(lane).iter().filter(|of| of.is_planned()) {
                    let label = format!("s{}", request.lower);
                    let is_own = |row: &(String, u64, u64, i64, i64)| {
                        row.0.split(' ').next() == Some(&*label)
                    };
                    let (own, others): (Vec<_>, Vec<_>) = found.into_iter().partition(is_own);
                    found = others;
                    let upper = request.upper.map(|upper| upper as i64);
                    prop_assert_eq!(own.first().map(|row| row.3), Some(request.lower as i64));
                    prop_assert_eq!(own.last().map(|row| row.4), upper);
                    prop_assert!(own.iter().all(|row| row.3 < row.4), "{:?}", own);
                    prop_assert!(own.is_sorted_by(|a, b| a.4 <= b.3), "{:?}", own);
                    let largest = own.iter().map(|row| row.2).max();
                    prop_assert_eq!(largest, Some(request.largest as u64));
                }
            }
            prop_assert_eq!(found, []);
        }
    }
}
