//! A memory space assignment as lifetimes in the fast memory.
//!
//! Stands on the tables, and on what buffer assignments need, too: values in the same bytes, and
//! their lifetimes. Invariant: each allocation is a row, in the order of the file.

#![forbid(unsafe_code)]

use std::collections::HashMap;

use orionrt::{Lifetimes, Plan};

use super::tables::{ALLOCATIONS, Allocation, BUFFERS, Tables, read};
use crate::{
    args::SourceArgs,
    failure::Failure,
    input::xla::{
        error::XlaError,
        facts::AlternateFacts,
        lifetimes::lifetimes,
        shared::{Placed, buffers},
    },
};

/// The largest alignment that is taken to be one.
const MOST_ALIGNED: u32 = 12;

/// Whether a file that begins with these bytes is a memory space assignment, or its buffers.
pub(crate) fn looks_like_assignment(head: &[u8]) -> bool {
    head.starts_with(ALLOCATIONS.as_bytes()) || head.starts_with(BUFFERS.as_bytes())
}

/// Loads a memory space tables.
pub(crate) fn load(
    args: &SourceArgs,
    bytes: &[u8],
) -> Result<(Lifetimes, AlternateFacts), Failure> {
    parse(&String::from_utf8_lossy(bytes)).map_err(|error| Failure::file(&args.input, error))
}

pub(super) fn parse(text: &str) -> Result<(Lifetimes, AlternateFacts), XlaError> {
    let tables = read(text)?;
    if !tables.has_allocations {
        return Err(XlaError::NoAllocations);
    }
    let allocations = &tables.allocations;
    if allocations.is_empty() {
        return Err(XlaError::NothingInFastMemory);
    }
    let placed: Vec<Placed> = allocations.iter().map(place).collect();
    let buffers = buffers(&placed);
    let names = names(&tables);
    let lifetimes = lifetimes(names.iter().map(|name| &**name), &placed, &buffers)?;
    let offsets = allocations.iter().map(|one| one.offset);
    let plan = Plan::new(lifetimes.clone(), offsets.clone().collect()).ok();
    let ends = allocations
        .iter()
        .map(|one| one.offset.saturating_add(one.size));
    let facts = AlternateFacts {
        allocations: allocations.len(),
        within: allocations.len() - buffers.len(),
        bytes: ends.max().unwrap_or(0),
        alignment: alignment(offsets),
        is_valid: plan.is_some(),
        offsets: plan.map_or(Vec::new(), |plan| plan.offsets().to_vec()),
    };
    Ok((lifetimes, facts))
}

fn place(allocation: &Allocation) -> Placed {
    Placed {
        range: allocation.range,
        size: allocation.size,
        place: (0, allocation.offset),
        is_phi: false,
    }
}

/// A name for each allocation: that of its buffer, with a number where it has been given before.
fn names(tables: &Tables) -> Vec<String> {
    let mut counts: HashMap<String, usize> = HashMap::new();
    let name = |one: &Allocation| match tables.names.get(&one.buffer) {
        Some(name) => (*name).to_string(),
        None if one.buffer < 0 => format!("scoped allocation {}", one.buffer.unsigned_abs()),
        None => format!("buffer {}", one.buffer),
    };
    let each = tables.allocations.iter().map(|one| {
        let name = name(one);
        let count = counts.entry(name.clone()).or_default();
        *count += 1;
        match *count {
            1 => name,
            count => format!("{name} #{count}"),
        }
    });
    each.collect()
}

/// The largest power of two, up to 4 KiB, that all offsets are multiples of: the file does not say
/// which alignment XLA has.
fn alignment(offsets: impl Iterator<Item = u64>) -> u64 {
    let zeros = offsets.map(u64::trailing_zeros).min();
    1 << zeros.unwrap_or(0).min(MOST_ALIGNED)
}
