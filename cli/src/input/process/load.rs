//! A recording of a process as lifetimes.
//!
//! Stands on the files above it. Blocks that are alive after the last event are planned, too: the
//! program has them until then. Invariant: the rows are in the order in which the blocks end, then
//! those that do not.

#![forbid(unsafe_code)]

use std::time::Duration;

use orionrt::{Lifetimes, lifetimes::Lifetime};
use orionrt_recording::{Kind, Reader};

use super::{
    error::ProcessError,
    facts::ProcessFacts,
    follow::{Ended, Follow},
    read::Process,
};
use crate::{
    args::{PartArgs, SourceArgs},
    failure::Failure,
    input::{
        addresses::{Block, history_of_heap},
        read::Source,
    },
};

/// The most blocks of a plan.
pub(super) const MOST_BLOCKS: usize = 1 << 20;

/// Loads a recording.
pub(crate) fn load(
    args: &SourceArgs,
    source: Source,
) -> Result<(Lifetimes, ProcessFacts), Failure> {
    let process = Process::of(&args.input, source)?;
    let reader = process.reader(&args.input)?;
    plan_part(&reader, &args.part, args.model.keeps_graph)
        .map_err(|error| Failure::file(&args.input, error))
}

/// The part of a recording that is planned.
struct Part {
    from_ns: u64,
    to_ns: u64,
    least: u64,
}

impl Part {
    fn new(args: &PartArgs) -> Self {
        let nanoseconds = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        Self {
            from_ns: args.from.map_or(0, |from| nanoseconds(from.0)),
            to_ns: args.to.map_or(u64::MAX, |to| nanoseconds(to.0)),
            least: args.at_least.unwrap_or(1).max(1),
        }
    }

    fn has(&self, ended: &Ended) -> bool {
        let block = ended.block;
        block.size >= self.least && block.from_ns < self.to_ns && ended.to_ns >= self.from_ns
    }
}

/// The blocks of a part, and facts about all of it.
pub(super) fn plan_part(
    reader: &Reader,
    args: &PartArgs,
    is_drawn: bool,
) -> Result<(Lifetimes, ProcessFacts), ProcessError> {
    let (part, header) = (Part::new(args), reader.header());
    let mut facts = ProcessFacts {
        process: header.process,
        command: header.command.clone(),
        lost: header.lost,
        threads: reader.threads(),
        ..ProcessFacts::default()
    };
    let mut follow = Follow::default();
    // By the number of bits of their size, so that a bound can be suggested.
    let (mut planned, mut sizes) = (Vec::new(), [0_u64; 65]);
    let mut add = |ended: Ended, facts: &mut ProcessFacts| {
        if !part.has(&ended) {
            facts.left_out += 1;
            facts.left_out_bytes = facts.left_out_bytes.saturating_add(ended.block.size);
            return;
        }
        sizes[(u64::BITS - ended.block.size.leading_zeros()) as usize] += 1;
        if planned.len() <= MOST_BLOCKS {
            planned.push(ended);
        }
    };
    let mut last_ns = 0;
    for recorded in reader.events() {
        if recorded.event.kind == Kind::Heap {
            facts.heap_peak = facts.heap_peak.max(recorded.event.address);
        }
        for ended in follow.take(&recorded) {
            add(ended, &mut facts);
        }
        facts.live_peak = facts.live_peak.max(follow.live_bytes);
        last_ns = recorded.time_ns;
    }
    let end = follow.steps;
    facts.events = end as u64;
    facts.duration_ms = last_ns / 1_000_000;
    for block in follow.alive() {
        let (upper, to_ns) = (end, last_ns);
        let ended = Ended {
            block,
            upper,
            to_ns,
        };
        facts.alive_after += usize::from(part.has(&ended));
        add(ended, &mut facts);
    }
    if planned.len() > MOST_BLOCKS {
        return Err(too_many(&sizes));
    }
    if planned.is_empty() {
        return Err(ProcessError::Empty);
    }
    facts.blocks = planned.len();
    if is_drawn {
        let blocks: Vec<Block> = planned.iter().map(addressed).collect();
        facts.history = Some(history_of_heap(&blocks, end));
    }
    Ok((lifetimes(&planned)?, facts))
}

pub(super) fn addressed(ended: &Ended) -> Block {
    Block {
        address: ended.block.address,
        size: ended.block.size,
        lower: ended.block.lower,
        upper: ended.upper,
    }
}

fn lifetimes(planned: &[Ended]) -> Result<Lifetimes, ProcessError> {
    let rows = planned.iter().enumerate().map(|(index, ended)| {
        let lifetime = Lifetime::new(ended.block.lower, ended.upper, ended.block.size);
        let lifetime = lifetime.with_alignment(ended.block.alignment);
        (format!("b{index}"), lifetime)
    });
    Ok(Lifetimes::from_named(rows)?)
}

/// The least power of two of which few enough blocks have at least as many bytes.
fn too_many(sizes: &[u64; 65]) -> ProcessError {
    let mut kept = 0;
    let fits = |&bits: &usize| {
        kept += sizes[bits];
        kept <= MOST_BLOCKS as u64
    };
    let least = (1..=64).rev().take_while(fits).last();
    ProcessError::TooMany {
        most: MOST_BLOCKS,
        suggested: 1 << least.map_or(63, |bits| bits - 1),
    }
}
