//! Where the bytes of a recorded process come from, if the recording has stacks: what each stack
//! has at the peak, and what it has allocated in all.
//!
//! Stands on [`Follow`] and on `orionrt-pprof`. Invariant: a byte of the peak counts for one stack,
//! or for none if its event had none.

#![forbid(unsafe_code)]

use std::collections::{BTreeMap, BTreeSet, HashMap};

use orionrt_pprof::{Location, Mapping, Profile, ValueType};
use orionrt_recording::{Kind, Module, Reader};

use crate::input::Follow;

/// What a profile of a recording counts, in this order.
pub(super) const PEAK: usize = 0;
pub(super) const ALLOCATED: usize = 1;
const TYPES: [(&str, &str); 3] = [
    ("peak_space", "bytes"),
    ("alloc_space", "bytes"),
    ("alloc_objects", "count"),
];

/// How many stacks with most bytes, at the peak and in all, keep their frames.
const MOST_STACKS: usize = 4096;

/// What a stack comes to.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    live: u64,
    peak: u64,
    bytes: u64,
    blocks: u64,
}

/// The stacks of a recording as a profile, whose peak is after so many steps; `None` if the
/// recording has no stacks.
pub(super) fn profile(reader: &Reader, peak_steps: i64) -> Option<Profile> {
    let frames: BTreeMap<u32, Vec<u64>> = reader
        .stacks()
        .map(|stack| (stack.number, stack.frames))
        .collect();
    if frames.is_empty() {
        return None;
    }
    let mut profile = Profile::default();
    for (kind, unit) in TYPES {
        let (kind, unit) = (profile.add_text(kind), profile.add_text(unit));
        profile.sample_types.push(ValueType { kind, unit });
    }
    profile.default_kind = profile.sample_types[PEAK].kind;
    profile.time_nanos = i64::try_from(reader.header().started_ns).unwrap_or(0);
    let mut places = Places::new(reader, &mut profile);
    for (number, sums) in largest(sums(reader, peak_steps)) {
        let frames = number.and_then(|number| frames.get(&number));
        let locations: Vec<u32> = frames
            .into_iter()
            .flatten()
            .map(|&address| places.location(&mut profile, address))
            .collect();
        let values = [sums.peak, sums.bytes, sums.blocks];
        let values = values.map(|value| i64::try_from(value).unwrap_or(i64::MAX));
        profile.add_sample(&locations, &values);
    }
    Some(profile)
}

/// The stacks with most bytes; the others count as blocks without a stack.
fn largest(all: BTreeMap<Option<u32>, Sums>) -> BTreeMap<Option<u32>, Sums> {
    let mut kept: BTreeSet<Option<u32>> = BTreeSet::new();
    for bytes in [|sums: &Sums| sums.peak, |sums: &Sums| sums.bytes] {
        let mut order: Vec<(u64, Option<u32>)> = all
            .iter()
            .map(|(&stack, sums)| (bytes(sums), stack))
            .collect();
        order.sort_unstable_by(|a, b| b.cmp(a));
        kept.extend(order.into_iter().take(MOST_STACKS).map(|(_, stack)| stack));
    }
    let mut largest: BTreeMap<Option<u32>, Sums> = BTreeMap::new();
    for (stack, sums) in all {
        let stack = stack.filter(|_| kept.contains(&stack));
        let sum = largest.entry(stack).or_default();
        sum.peak = sum.peak.saturating_add(sums.peak);
        sum.bytes = sum.bytes.saturating_add(sums.bytes);
        sum.blocks += sums.blocks;
    }
    largest
}

/// What each stack comes to, and what has none.
fn sums(reader: &Reader, peak_steps: i64) -> BTreeMap<Option<u32>, Sums> {
    let mut all: BTreeMap<Option<u32>, Sums> = BTreeMap::new();
    // The stack of each block that is alive, by the step at which it began.
    let mut of_blocks: HashMap<i64, Option<u32>> = HashMap::new();
    let mut follow = Follow::default();
    for recorded in reader.events() {
        let (step, event) = (follow.steps, recorded.event);
        for ended in follow.take(&recorded) {
            let stack = of_blocks.remove(&ended.block.lower).flatten();
            let sums = all.entry(stack).or_default();
            sums.live = sums.live.saturating_sub(ended.block.size);
        }
        if matches!(event.kind, Kind::Allocate | Kind::Resized) {
            of_blocks.insert(step, recorded.stack);
            let sums = all.entry(recorded.stack).or_default();
            sums.live = sums.live.saturating_add(event.size);
            sums.bytes = sums.bytes.saturating_add(event.size);
            sums.blocks += 1;
        }
        if follow.steps == peak_steps && step != peak_steps {
            for sums in all.values_mut() {
                sums.peak = sums.live;
            }
        }
    }
    all
}

/// The places in code so far, and the modules that they are in.
struct Places {
    modules: Vec<Module>,
    locations: HashMap<u64, u32>,
}

impl Places {
    /// Adds the modules of a recording to a profile.
    fn new(reader: &Reader, profile: &mut Profile) -> Self {
        let mut modules: Vec<Module> = reader.modules().collect();
        modules.sort_by_key(|module| (module.start, module.end));
        modules.dedup();
        for module in &modules {
            let file = profile.add_text(&*module.path);
            profile.mappings.push(Mapping {
                start: module.start,
                end: module.end,
                file_offset: module.offset,
                file,
                ..Mapping::default()
            });
        }
        Self {
            modules,
            locations: HashMap::new(),
        }
    }

    /// The index of the location of a call, by the address that it returns to.
    fn location(&mut self, profile: &mut Profile, return_address: u64) -> u32 {
        let address = return_address.saturating_sub(1);
        let modules = &self.modules;
        *self.locations.entry(address).or_insert_with(|| {
            let after = modules.partition_point(|module| module.start <= address);
            let before = after.checked_sub(1).filter(|&at| address < modules[at].end);
            profile.locations.push(Location {
                mapping: before.map(|at| at as u32),
                address,
                ..Location::default()
            });
            (profile.locations.len() - 1) as u32
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use orionrt_recording::{Event, Start, Writer, words_for};

    use super::*;

    #[test]
    fn stacks_beyond_the_largest_count_as_none() {
        let all = (0..10_000).map(|stack| {
            let sums = Sums {
                live: 0,
                peak: u64::from(stack == 9_999),
                bytes: u64::from(20_000 - stack),
                blocks: 1,
            };
            (Some(stack), sums)
        });
        let all: BTreeMap<Option<u32>, Sums> = all.collect();
        let total: u64 = all.values().map(|sums| sums.bytes).sum();
        let largest = largest(all);
        assert!(largest.contains_key(&Some(0)) && largest.contains_key(&Some(9_999)));
        assert!((MOST_STACKS..=2 * MOST_STACKS + 1).contains(&largest.len()));
        assert_eq!(largest.values().map(|sums| sums.bytes).sum::<u64>(), total);
        assert_eq!(
            largest.values().map(|sums| sums.blocks).sum::<u64>(),
            10_000
        );
    }

    #[test]
    fn stacks_have_what_was_alive_at_the_peak_and_all_that_they_asked_for() {
        let memory: Vec<AtomicU64> = (0..words_for(1)).map(|_| AtomicU64::new(0)).collect();
        let writer = Writer::begin(&memory, &Start::default()).expect("room");
        let claim = writer.claim().expect("a chunk");
        let mut chunk = writer.open(claim, 0, 0).expect("a chunk");
        assert!(chunk.push_stack(7, &[0x1011, 0x2021]));
        assert!(chunk.push_stack(8, &[0x1031, 0x2021]));
        assert!(chunk.push_module([0x1000, 0x1100, 0x10], b"/lib/one.so"));
        let event = |ticks, kind, address, size| Event {
            ticks,
            kind,
            alignment: 16,
            address,
            size,
        };
        use Kind::{Allocate, Free};
        assert!(chunk.push_in_stack(&event(1, Allocate, 0x100, 100), 7));
        assert!(chunk.push(&event(2, Free, 0x100, 0)));
        assert!(chunk.push_in_stack(&event(3, Allocate, 0x100, 60), 8));
        assert!(chunk.push_in_stack(&event(4, Allocate, 0x200, 70), 7));
        assert!(chunk.push(&event(5, Allocate, 0x300, 5)));
        assert!(chunk.push(&event(6, Free, 0x200, 0)));
        let words = memory.iter().map(|word| word.load(Ordering::Relaxed));
        let bytes: Vec<u8> = words.flat_map(u64::to_ne_bytes).collect();
        let reader = Reader::new(&bytes).expect("a recording");
        let profile = profile(&reader, 5).expect("stacks");
        let samples = profile.samples().map(|sample| {
            let addresses = sample.locations.iter();
            let addresses = addresses.map(|&at| profile.locations[at as usize].address);
            (addresses.collect(), sample.values.to_vec())
        });
        let samples: Vec<(Vec<u64>, Vec<i64>)> = samples.collect();
        let expected = [
            (vec![], vec![5, 5, 1]),
            (vec![0x1010, 0x2020], vec![70, 170, 2]),
            (vec![0x1030, 0x2020], vec![60, 60, 1]),
        ];
        assert_eq!(samples, expected);
        let mappings = profile.locations.iter().map(|one| one.mapping);
        assert_eq!(mappings.collect::<Vec<_>>(), [Some(0), None, Some(0)]);
    }
}
