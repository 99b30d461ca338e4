//! A recording of heaptrack as lifetimes.
//!
//! Stands on the files above it. Invariant: the rows are the blocks in the order of their
//! allocation, and the facts are of the same blocks.

#![forbid(unsafe_code)]

use orionrt::{Lifetimes, lifetimes::Lifetime};

use super::{
    calls::Stacks,
    error::HeaptrackError,
    facts::HeaptrackFacts,
    fields::Fields,
    record::{Form, Record},
    replay::{Block, Replay},
    sites::Sites,
    text::{Lines, is_compressed},
};
use crate::{
    args::SourceArgs,
    failure::Failure,
    input::{addresses, calls::Calls},
};

/// The alignment of blocks, unless the user gives one: that of `malloc` on 64-bit systems.
pub(crate) const ALIGNMENT: u64 = 16;

/// The most letters of the command that are kept.
const COMMAND: usize = 200;

/// Whether a file that begins with these bytes is a recording: compressed, or with the version in
/// its first line.
pub(crate) fn looks_like_heaptrack(head: &[u8]) -> bool {
    let first = head.split(|&byte| byte == b'\n').next().unwrap_or(head);
    let is_version = first.strip_prefix(b"v ").is_some_and(|fields| {
        let is_field = |byte: &u8| byte.is_ascii_hexdigit() || *byte == b' ';
        !fields.is_empty() && fields.len() < head.len() && fields.iter().all(is_field)
    });
    is_compressed(head) || is_version
}

/// Loads a recording.
pub(crate) fn load(
    args: &SourceArgs,
    bytes: &[u8],
) -> Result<(Lifetimes, HeaptrackFacts, Option<Calls>), Failure> {
    read(bytes, args.model.keeps_graph).map_err(|error| Failure::file(&args.input, error))
}

/// Reads a recording, and the stacks and addresses of its blocks if it is to be drawn.
pub(super) fn read(
    bytes: &[u8],
    is_drawn: bool,
) -> Result<(Lifetimes, HeaptrackFacts, Option<Calls>), HeaptrackError> {
    let recording = follow(bytes, is_drawn)?;
    let mut sites = recording.sites;
    let (blocks, mut facts) = recording.replay.finish();
    facts.has_addresses = recording.form.has_addresses();
    if blocks.is_empty() {
        return Err(HeaptrackError::Empty);
    }
    if is_drawn && facts.has_addresses {
        let blocks = addressed(&blocks);
        facts.history = Some(addresses::history_of_heap(&blocks, facts.events as i64 + 1));
    }
    let lifetimes = lifetimes(&mut sites, &blocks)?;
    let stacks = recording.stacks.as_ref();
    let calls = stacks.and_then(|stacks| stacks.calls(&sites, &blocks, facts.events as i64));
    Ok((lifetimes, facts, calls))
}

/// Reads all lines.
pub(super) fn follow(bytes: &[u8], is_drawn: bool) -> Result<Recording, HeaptrackError> {
    let mut recording = Recording {
        stacks: is_drawn.then(Stacks::default),
        ..Recording::default()
    };
    let mut lines = Lines::of(bytes);
    while let Some((number, line)) = lines.next()? {
        let record = recording.form.read(number, line)?;
        recording.follow(&Fields::of(number, line), record)?;
    }
    Ok(recording)
}

/// The lifetimes of blocks, named by who allocated them.
pub(super) fn lifetimes(sites: &mut Sites, blocks: &[Block]) -> Result<Lifetimes, HeaptrackError> {
    let rows = blocks.iter().map(|block| {
        let lifetime = Lifetime::new(block.lower, block.upper, block.size);
        (sites.name(block.stack), lifetime)
    });
    Ok(Lifetimes::from_named(rows)?)
}

/// The blocks where they were.
pub(super) fn addressed(blocks: &[Block]) -> Vec<addresses::Block> {
    let blocks = blocks.iter().map(|block| addresses::Block {
        address: block.address,
        size: block.size,
        lower: block.lower,
        upper: block.upper,
    });
    blocks.collect()
}

/// What the lines so far came to.
#[derive(Default)]
pub(super) struct Recording {
    pub(super) form: Form,
    pub(super) sites: Sites,
    pub(super) replay: Replay,
    /// The stacks, if they are to be kept.
    stacks: Option<Stacks>,
    page_size: u64,
}

impl Recording {
    fn follow(&mut self, fields: &Fields, record: Record) -> Result<(), HeaptrackError> {
        let (sites, replay) = (&mut self.sites, &mut self.replay);
        let has_addresses = self.form.has_addresses();
        match record {
            Record::Version(_) | Record::Other => {}
            Record::Command(command) => {
                let command = String::from_utf8_lossy(command);
                replay.facts().command = command.chars().take(COMMAND).collect();
            }
            Record::Time(milliseconds) => replay.set_time(milliseconds),
            Record::PageSize(bytes) => self.page_size = bytes,
            Record::Resident(pages) => {
                let bytes = pages.saturating_mul(self.page_size);
                let peak = &mut replay.facts().resident_peak;
                *peak = (*peak).max(Some(bytes));
            }
            Record::Text(text) => sites.add_text(fields, text)?,
            Record::Program(path) => sites.set_program(path),
            Record::Module(module) => sites.add_module(fields, module.as_ref())?,
            Record::Instruction(instruction) => {
                sites.add_instruction(fields, &instruction)?;
                if let Some(stacks) = &mut self.stacks {
                    stacks.add_instruction(fields, sites, &instruction)?;
                }
            }
            Record::Stack {
                instruction,
                parent,
            } => {
                sites.add_stack(fields, instruction, parent, has_addresses)?;
                if let Some(stacks) = &mut self.stacks {
                    stacks.add_stack(sites, instruction, parent, has_addresses);
                }
            }
            Record::Kind { size, stack } => replay.add_kind(fields, size, stack)?,
            Record::AllocKind(kind) => replay.alloc_kind(fields, kind)?,
            Record::FreeKind(kind) => replay.free_kind(fields, kind)?,
            Record::AllocAt {
                size,
                stack,
                address,
            } => replay.alloc_at(fields, address, size, stack)?,
            Record::FreeAt(address) => replay.free_at(address),
        }
        Ok(())
    }
}
