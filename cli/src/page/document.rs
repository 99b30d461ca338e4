//! A document: a header in JSON and the columns that it describes.
//!
//! ```text
//! "ORPG"  version  bytes of the header  header, filled up to a multiple of 8  columns
//! ```
//!
//! Stands on `map`. Maps of the same calls share a heap profile. Invariant: the columns begin at a
//! multiple of 8.

#![forbid(unsafe_code)]

use std::{io, ptr};

use serde::Serialize;

use super::{
    column::{ALIGNMENT, Columns, TooLarge},
    map::{MapJson, MapSource, map},
    profile::{HeapProfileJson, heap_profile},
    sink::Sink,
    strings::{Strings, StringsJson},
};

const MAGIC: &[u8; 4] = b"ORPG";
const VERSION: u32 = 1;

#[derive(Serialize)]
struct Header<'p> {
    generator: String,
    kind: &'static str,
    title: &'p str,
    notes: &'p [String],
    strings: StringsJson,
    maps: Vec<MapJson>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    profiles: Vec<HeapProfileJson>,
}

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub(crate) enum PageError {
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
    #[error("the header: {0}")]
    Header(#[from] serde_json::Error),
    #[error(transparent)]
    Write(#[from] io::Error),
}

/// Plans as a document. `notes` belong to their figures.
pub(super) fn document<'p>(
    kind: &'static str,
    title: &str,
    notes: &[String],
    sources: impl Iterator<Item = MapSource<'p>>,
) -> Result<Vec<u8>, PageError> {
    let (mut columns, mut strings) = (Columns::default(), Strings::new());
    let mut sink = Sink {
        columns: &mut columns,
        strings: &mut strings,
    };
    let sources: Vec<MapSource> = sources.collect();
    let (profiles, of_maps) = profiles(&sources, &mut sink)?;
    let mut maps = Vec::new();
    for (source, profile) in sources.into_iter().zip(of_maps) {
        maps.push(map(source, profile, &mut sink)?);
    }
    let header = Header {
        generator: format!("orionrt {}", env!("CARGO_PKG_VERSION")),
        kind,
        title,
        notes,
        strings: strings.finish(&mut columns)?,
        maps,
        profiles,
    };
    let header = serde_json::to_vec(&header)?;
    let mut bytes = Vec::with_capacity(header.len() + columns.bytes().len() + 24);
    bytes.extend(MAGIC);
    bytes.extend(VERSION.to_le_bytes());
    bytes.extend((header.len() as u32).to_le_bytes());
    bytes.extend(&header);
    bytes.resize(bytes.len().next_multiple_of(ALIGNMENT), 0);
    bytes.extend(columns.bytes());
    Ok(bytes)
}

/// The heap profiles of all calls, and for each map the number of its own.
fn profiles(
    sources: &[MapSource],
    sink: &mut Sink<'_>,
) -> Result<(Vec<HeapProfileJson>, Vec<Option<usize>>), TooLarge> {
    let mut profiles = Vec::new();
    let mut numbers = vec![None; sources.len()];
    for (index, source) in sources.iter().enumerate() {
        let Some(calls) = source.calls else { continue };
        let has_these = |other: &MapSource| other.calls.is_some_and(|of| ptr::eq(of, calls));
        // The plan comes after what the allocator did.
        if sources[index + 1..].iter().any(has_these) {
            continue;
        }
        let Sink { columns, strings } = &mut *sink;
        let lifetimes = source.plan.lifetimes();
        let Some(profile) = heap_profile(index, calls, lifetimes, columns, strings)? else {
            continue;
        };
        let maps = sources.iter().zip(&mut numbers);
        for (_, number) in maps.filter(|(source, _)| has_these(source)) {
            *number = Some(profiles.len());
        }
        profiles.push(profile);
    }
    Ok((profiles, numbers))
}
