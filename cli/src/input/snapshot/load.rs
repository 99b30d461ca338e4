//! A memory snapshot as lifetimes of one device.
//!
//! Stands on the files above it. Invariant: the rows are the blocks of the device, in the order in
//! which they came to be, and the facts are of the same device.

#![forbid(unsafe_code)]

use std::collections::BTreeMap;

use orionrt::{Lifetimes, lifetimes::Lifetime};

use super::{
    calls::calls,
    document::Document,
    drawn::drawn,
    entries::{Device, devices},
    error::SnapshotError,
    facts::{OtherDevice, SnapshotFacts},
    frames::Names,
    json, pickle,
    reader::Reader,
    replay::{Replay, replay},
};
use crate::{
    args::SourceArgs,
    failure::Failure,
    input::{calls::Calls, options::unknown_device},
};

/// The most devices that are drawn beside the one that is planned: a page shows six maps, of which
/// that one has two.
const MOST_OTHERS: usize = 4;

/// The alignment of a snapshot's blocks, unless the user gives one: that of PyTorch's allocator.
pub(crate) const ALIGNMENT: u64 = 512;

/// Whether a file that begins with these bytes is a snapshot: a pickle, or JSON with the names of
/// its fields.
pub(crate) fn looks_like_snapshot(head: &[u8]) -> bool {
    /// Names of which one is near the beginning of every snapshot.
    const NAMES: [&[u8]; 3] = [b"\"segments\"", b"\"device_traces\"", b"\"total_size\""];
    let has = |name: &[u8]| head.windows(name.len()).any(|part| part == name);
    let is_json = matches!(head.trim_ascii_start(), [b'{' | b'[', ..]);
    pickle::looks_like_pickle(head) || is_json && NAMES.into_iter().any(has)
}

/// Loads the device that the user names, or else the one with the most bytes alive at once.
pub(crate) fn load(
    args: &SourceArgs,
    bytes: &[u8],
) -> Result<(Lifetimes, SnapshotFacts, Option<Calls>), Failure> {
    let failed = |error| Failure::file(&args.input, error);
    let document = read(bytes).map_err(failed)?;
    let reader = Reader::new(&document);
    let devices = devices(&reader).map_err(failed)?;
    let Chosen {
        number,
        device,
        replay,
        mut others,
    } = choose(args, &devices)?;
    let lifetimes = lifetimes(&reader, &replay).map_err(failed)?;
    let calls = match args.model.keeps_graph {
        true => calls(&reader, &replay).map_err(failed)?,
        false => None,
    };
    let mut facts = facts(number, devices.keys().copied().collect(), device, &replay);
    if args.model.keeps_graph {
        facts.drawn = Some(drawn(device, &replay));
        others.retain(|_, replay| !replay.blocks.is_empty());
        facts.with_blocks = others.keys().copied().collect();
        facts.others = largest_of(&reader, &devices, others);
    }
    Ok((lifetimes, facts, calls))
}

/// The device of which lifetimes are made.
pub(super) struct Chosen<'d> {
    number: u64,
    pub(super) device: &'d Device,
    pub(super) replay: Replay,
    /// The replays of the other devices, by their numbers.
    others: BTreeMap<u64, Replay>,
}

/// The device that the user names, or else the one with the most bytes alive at once.
pub(super) fn choose<'d>(
    args: &SourceArgs,
    devices: &'d BTreeMap<u64, Device>,
) -> Result<Chosen<'d>, Failure> {
    let replays = devices.iter();
    let replays = replays.map(|(&number, device)| (number, replay(device)));
    let mut replays: BTreeMap<u64, Replay> = replays.collect();
    let empty = || Failure::file(&args.input, SnapshotError::Empty);
    let number = match &args.device {
        Some(name) => {
            let number = name.parse().ok();
            let number = number.filter(|number| devices.contains_key(number));
            number.ok_or_else(|| unknown_device(args, name, devices.keys()))?
        }
        None => largest(&replays).ok_or_else(empty)?,
    };
    match (devices.get(&number), replays.remove(&number)) {
        (Some(device), Some(replay)) => Ok(Chosen {
            number,
            device,
            replay,
            others: replays,
        }),
        _ => Err(empty()),
    }
}

/// The devices with the most bytes alive at once of those that are left, by their numbers, without
/// those whose blocks cannot be read.
fn largest_of(
    reader: &Reader<'_, '_>,
    devices: &BTreeMap<u64, Device>,
    replays: BTreeMap<u64, Replay>,
) -> Vec<OtherDevice> {
    let mut left: Vec<(u64, Replay)> = replays.into_iter().collect();
    left.sort_by_key(|(_, replay)| std::cmp::Reverse(replay.live_peak));
    left.truncate(MOST_OTHERS);
    left.sort_by_key(|(number, _)| *number);
    let other = |(number, replay): (u64, Replay)| {
        Some(OtherDevice {
            device: number,
            lifetimes: lifetimes(reader, &replay).ok()?,
            drawn: drawn(devices.get(&number)?, &replay),
        })
    };
    left.into_iter().filter_map(other).collect()
}

/// The values of a file.
pub(super) fn read(bytes: &[u8]) -> Result<Document<'_>, SnapshotError> {
    if pickle::looks_like_pickle(bytes) {
        pickle::read(bytes)
    } else {
        json::read(bytes)
    }
}

/// The device with the most bytes alive at once, or reserved if none has blocks; the first of
/// several.
fn largest(replays: &BTreeMap<u64, Replay>) -> Option<u64> {
    let bytes = |replay: &Replay| (replay.live_peak, replay.reserved_peak);
    let largest = replays.iter().rev().max_by_key(|(_, replay)| bytes(replay));
    largest.map(|(&number, _)| number)
}

/// The lifetimes of the blocks of a device.
pub(super) fn lifetimes(
    reader: &Reader<'_, '_>,
    replay: &Replay,
) -> Result<Lifetimes, SnapshotError> {
    let mut names = Names::new(reader);
    let mut rows = Vec::with_capacity(replay.blocks.len());
    for block in &replay.blocks {
        let lifetime = Lifetime::new(block.lower, block.upper, block.size);
        rows.push((names.of(block)?, lifetime));
    }
    Ok(Lifetimes::from_named(rows)?)
}

fn facts(number: u64, devices: Vec<u64>, device: &Device, replay: &Replay) -> SnapshotFacts {
    SnapshotFacts {
        device: number,
        devices,
        events: device.events.len(),
        reserved: device.reserved,
        reserved_peak: replay.reserved_peak,
        live_peak: replay.live_peak,
        alive_before: replay.alive_before,
        alive_after: replay.alive_after,
        drawn: None,
        out_of_memory: replay.out_of_memory.clone(),
        with_blocks: Vec::new(),
        others: Vec::new(),
    }
}
