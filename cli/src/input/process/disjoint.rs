//! Whether a heap gave bytes to two blocks at once, by the addresses in a recording.
//!
//! Stands on `orionrt-recording`. A block that is being resized may have moved already, so its
//! bytes count as free from the call on. Invariant: blocks that are alive at once share no byte, or
//! it is said which two do.

#![forbid(unsafe_code)]

use std::{
    collections::{BTreeMap, HashMap},
    path::Path,
    time::Duration,
};

use orionrt_recording::{Kind, Reader, Recorded};

use super::{error::ProcessError, read::Process};
use crate::{failure::Failure, format};

/// What was checked of a recording.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CheckedBlocks {
    pub(crate) blocks: u64,
    pub(crate) threads: usize,
    /// The most bytes alive at once.
    pub(crate) live_peak: u64,
    /// The events that the file had no room for.
    pub(crate) lost: u64,
    /// Blocks in whose place others began, of a recording that has lost events.
    pub(crate) unseen_ends: u64,
}

/// Checks the addresses in the recording at a path.
pub(crate) fn check_blocks(path: &Path) -> Result<CheckedBlocks, Failure> {
    let process = Process::open(path)?;
    let reader = process.reader(path)?;
    checked(&reader).map_err(|error| Failure::file(path, error))
}

fn checked(reader: &Reader) -> Result<CheckedBlocks, ProcessError> {
    let mut checked = CheckedBlocks {
        threads: reader.threads(),
        lost: reader.header().lost,
        ..CheckedBlocks::default()
    };
    let mut alive = Alive::default();
    for recorded in reader.events() {
        let event = recorded.event;
        match event.kind {
            Kind::Free => drop(alive.remove(event.address)),
            Kind::Resize => {
                let block = alive.remove(event.address);
                alive
                    .resizing
                    .extend(block.map(|block| (recorded.thread, block)));
            }
            Kind::Refused => {
                if let Some((address, block)) = alive.resizing.remove(&recorded.thread) {
                    checked.unseen_ends += alive.insert(address, block, checked.lost)?;
                }
            }
            Kind::Allocate | Kind::Resized => {
                alive.resizing.remove(&recorded.thread);
                if !event.address.is_multiple_of(event.alignment) {
                    return Err(ProcessError::Unaligned {
                        block: text(event.address, Block::new(&recorded)),
                        alignment: event.alignment,
                    });
                }
                let block = Block::new(&recorded);
                checked.blocks += 1;
                checked.unseen_ends += alive.insert(event.address, block, checked.lost)?;
            }
            _ => {}
        }
        checked.live_peak = checked.live_peak.max(alive.bytes);
    }
    Ok(checked)
}

/// A block, without its address.
#[derive(Clone, Copy)]
struct Block {
    size: u64,
    thread: u32,
    from_ns: u64,
}

impl Block {
    fn new(recorded: &Recorded) -> Self {
        Self {
            size: recorded.event.size,
            thread: recorded.thread,
            from_ns: recorded.time_ns,
        }
    }

    /// The end of the block at an address; one without bytes has its address for itself.
    fn end(self, address: u64) -> u64 {
        address.saturating_add(self.size.max(1))
    }
}

/// The blocks that are alive.
#[derive(Default)]
struct Alive {
    blocks: BTreeMap<u64, Block>,
    bytes: u64,
    resizing: HashMap<u32, (u64, Block)>,
}

impl Alive {
    fn remove(&mut self, address: u64) -> Option<(u64, Block)> {
        let block = self.blocks.remove(&address)?;
        self.bytes = self.bytes.saturating_sub(block.size);
        Some((address, block))
    }

    /// A block begins. Where one is alive already that is an error, unless events are lost: then
    /// its end may be one of them. Returns how many blocks ended unseen.
    fn insert(&mut self, address: u64, block: Block, lost: u64) -> Result<u64, ProcessError> {
        let mut unseen = 0;
        let is_there =
            |(&start, other): (&u64, &Block)| (other.end(start) > address).then_some(start);
        while let Some(start) = self
            .blocks
            .range(..block.end(address))
            .next_back()
            .and_then(is_there)
        {
            let other = self.remove(start);
            if let Some((start, other)) = other.filter(|_| lost == 0) {
                return Err(ProcessError::Shared {
                    one: text(address, block),
                    other: text(start, other),
                });
            }
            unseen += 1;
        }
        self.bytes = self.bytes.saturating_add(block.size);
        self.blocks.insert(address, block);
        Ok(unseen)
    }
}

/// `64 bytes at 0x5000, by thread 2 after 1.20 s`
fn text(address: u64, block: Block) -> String {
    let bytes = format::count(block.size, "byte");
    let time = format::duration(Duration::from_nanos(block.from_ns));
    format!(
        "{bytes} at {address:#x}, by thread {} after {time}",
        block.thread
    )
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use orionrt_recording::{Event, Start, Writer, words_for};
    use proptest::prelude::*;

    use super::*;

    fn check(calls: &[(Kind, u64, u64)], lost: u64) -> Result<CheckedBlocks, ProcessError> {
        let memory: Vec<AtomicU64> = (0..words_for(1)).map(|_| AtomicU64::new(0)).collect();
        let writer = Writer::begin(&memory, &Start::default()).expect("room");
        writer.count_lost(lost);
        let claim = writer.claim().expect("a chunk");
        let mut chunk = writer.open(claim, 0, 0).expect("a chunk");
        for (ticks, &(kind, address, size)) in (1..).zip(calls) {
            let alignment = 16;
            assert!(chunk.push(&Event {
                ticks,
                kind,
                alignment,
                address,
                size
            }));
        }
        let words = memory.iter().map(|word| word.load(Ordering::Relaxed));
        let bytes: Vec<u8> = words.flat_map(u64::to_ne_bytes).collect();
        checked(&Reader::new(&bytes).expect("a recording"))
    }

    #[test]
    fn two_blocks_at_one_address_are_named() {
        use Kind::*;
        let calls = [(Allocate, 0x100, 64), (Allocate, 0x130, 16)];
        let error = check(&calls, 0).expect_err("they overlap").to_string();
        for block in ["16 bytes at 0x130", "64 bytes at 0x100"] {
            assert!(error.contains(block), "{error}");
        }
        // The end of the first one may be what was lost.
        assert_eq!(
            check(&calls, 1).map(|found| found.unseen_ends).ok(),
            Some(1)
        );
        let error = check(&[(Allocate, 0x108, 8)], 0).expect_err("it is not aligned");
        assert!(error.to_string().contains("multiple of 16"), "{error}");
    }

    #[test]
    fn a_resized_block_frees_its_bytes_and_has_them_again_if_it_is_refused() {
        use Kind::*;
        let calls = [
            (Allocate, 0x100, 64),
            (Resize, 0x100, 900),
            (Resized, 0x500, 900),
            (Allocate, 0x100, 32),
            (Resize, 0x500, 1 << 50),
            (Refused, 0, 1 << 50),
        ];
        let found = check(&calls, 0).expect("no two overlap");
        assert_eq!((found.blocks, found.live_peak), (3, 932));
        let overlap = [&calls[..], &[(Allocate, 0x800, 8)]].concat();
        assert!(check(&overlap, 0).is_err());
    }

    proptest! {
        /// The oracle marks every 16 bytes.
        #[test]
        fn overlaps_are_those_that_an_oracle_finds(
            calls in proptest::collection::vec((any::<bool>(), 0_u64..40, 0_u64..70), 0..40),
        ) {
            let mut owners: HashMap<u64, u64> = HashMap::new();
            let mut is_fine = true;
            let mut events = Vec::new();
            for (allocates, place, size) in calls {
                let address = 16 * place;
                if !allocates {
                    events.push((Kind::Free, address, 0));
                    owners.retain(|_, owner| *owner != place);
                    continue;
                }
                events.push((Kind::Allocate, address, size));
                for mark in place..place + size.max(1).div_ceil(16) {
                    is_fine &= owners.insert(mark, place).is_none();
                }
                if !is_fine {
                    break;
                }
            }
            prop_assert_eq!(check(&events, 0).is_ok(), is_fine);
        }
    }
}
