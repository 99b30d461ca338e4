//! The messages of a file, as they come: what they name is not looked for yet, since a file may
//! name what comes later.
//!
//! Stands on `wire`, `fields` and `limits`. Invariant: no table has more entries than `limits`
//! says, so no more memory is taken than some ten times what it allows in bytes.

use crate::error::ReadError;
use crate::fields::{line, location, mapping, profile, sample, value_type};
use crate::limits;
use crate::profile::Mapping;
use crate::wire::{Field, Message};

/// A profile of which ids are not resolved yet: where an index belongs, an id stands.
#[derive(Default)]
pub(crate) struct Unresolved {
    pub(crate) sample_types: Vec<[u64; 2]>,
    pub(crate) default_kind: u64,
    pub(crate) dropped_frames: u64,
    pub(crate) kept_frames: u64,
    pub(crate) period_type: Option<[u64; 2]>,
    pub(crate) numbers: Numbers,
    pub(crate) texts: Vec<String>,
    pub(crate) comments: Vec<u64>,
    pub(crate) frames: Vec<u64>,
    /// For each sample, where its frames and its values end.
    pub(crate) ends: Vec<[u32; 2]>,
    pub(crate) values: Vec<i64>,
    pub(crate) mappings: Vec<RawMapping>,
    pub(crate) locations: Vec<RawLocation>,
    pub(crate) lines: Vec<[u64; 2]>,
    pub(crate) functions: Vec<[u64; 6]>,
}

/// The numbers of a profile that name nothing.
#[derive(Default)]
pub(crate) struct Numbers {
    pub(crate) time: u64,
    pub(crate) duration: u64,
    pub(crate) period: u64,
}

/// A mapping, and what it names.
#[derive(Default)]
pub(crate) struct RawMapping {
    pub(crate) id: u64,
    pub(crate) file: u64,
    pub(crate) build_id: u64,
    pub(crate) mapping: Mapping,
}

/// A location, and what it names.
#[derive(Default)]
pub(crate) struct RawLocation {
    pub(crate) id: u64,
    pub(crate) mapping: u64,
    pub(crate) address: u64,
    pub(crate) is_folded: bool,
    /// How many lines there are when its own are.
    pub(crate) lines_end: usize,
}

/// Adds to a list that has room.
fn push<T>(list: &mut Vec<T>, value: T, what: &'static str, limit: usize) -> Result<(), ReadError> {
    if list.len() >= limit {
        return Err(ReadError::TooMany { what, limit });
    }
    list.push(value);
    Ok(())
}

impl Unresolved {
    /// Adds a field of the file.
    pub(crate) fn field(&mut self, field: Field) -> Result<(), ReadError> {
        match field.number {
            profile::SAMPLE_TYPE => {
                let read = read_type(field)?;
                push(&mut self.sample_types, read, "sample types", limits::TYPES)?;
            }
            profile::SAMPLE => self.sample(field.bytes()?)?,
            profile::MAPPING => {
                let read = read_mapping(field.bytes()?)?;
                push(&mut self.mappings, read, "mappings", limits::MAPPINGS)?;
            }
            profile::LOCATION => self.location(field.bytes()?)?,
            profile::FUNCTION => {
                let read = read_numbers::<6>(field.bytes()?)?;
                push(&mut self.functions, read, "functions", limits::FUNCTIONS)?;
            }
            profile::STRING_TABLE => {
                let text = String::from_utf8_lossy(field.bytes()?.bytes).into_owned();
                push(&mut self.texts, text, "texts", limits::TEXTS)?;
            }
            profile::DROP_FRAMES => self.dropped_frames = field.number()?,
            profile::KEEP_FRAMES => self.kept_frames = field.number()?,
            profile::TIME_NANOS => self.numbers.time = field.number()?,
            profile::DURATION_NANOS => self.numbers.duration = field.number()?,
            profile::PERIOD_TYPE => self.period_type = Some(read_type(field)?),
            profile::PERIOD => self.numbers.period = field.number()?,
            profile::COMMENT => {
                let comments = &mut self.comments;
                field.each_number(|text| push(comments, text, "comments", limits::COMMENTS))?;
            }
            profile::DEFAULT_SAMPLE_TYPE => self.default_kind = field.number()?,
            _ => {}
        }
        Ok(())
    }

    fn sample(&mut self, mut message: Message) -> Result<(), ReadError> {
        while let Some(field) = message.next_field()? {
            match field.number {
                sample::LOCATION_ID => {
                    let frames = &mut self.frames;
                    field.each_number(|id| {
                        push(frames, id, "frames in its stacks", limits::FRAMES)
                    })?;
                }
                sample::VALUE => {
                    let values = &mut self.values;
                    let limit = limits::SAMPLES * limits::TYPES;
                    field.each_number(|value| push(values, value as i64, "values", limit))?;
                }
                _ => {}
            }
        }
        let ends = [self.frames.len() as u32, self.values.len() as u32];
        push(&mut self.ends, ends, "samples", limits::SAMPLES)
    }

    fn location(&mut self, mut message: Message) -> Result<(), ReadError> {
        let mut read = RawLocation::default();
        while let Some(field) = message.next_field()? {
            match field.number {
                location::ID => read.id = field.number()?,
                location::MAPPING_ID => read.mapping = field.number()?,
                location::ADDRESS => read.address = field.number()?,
                location::LINE => {
                    let raw = read_numbers::<3>(field.bytes()?)?;
                    let line = [line::FUNCTION_ID, line::LINE].map(|field| raw[field as usize]);
                    push(&mut self.lines, line, "lines", limits::LINES)?;
                }
                location::IS_FOLDED => read.is_folded = field.number()? != 0,
                _ => {}
            }
        }
        read.lines_end = self.lines.len();
        push(&mut self.locations, read, "locations", limits::LOCATIONS)
    }
}

fn read_type(field: Field) -> Result<[u64; 2], ReadError> {
    let raw = read_numbers::<3>(field.bytes()?)?;
    Ok([value_type::TYPE, value_type::UNIT].map(|field| raw[field as usize]))
}

/// The fields 1 to N - 1 of a message that has numbers alone, each at its own index.
fn read_numbers<const N: usize>(mut message: Message) -> Result<[u64; N], ReadError> {
    let mut numbers = [0; N];
    while let Some(field) = message.next_field()? {
        if let Some(number) = usize::try_from(field.number)
            .ok()
            .and_then(|n| numbers.get_mut(n))
        {
            *number = field.number()?;
        }
    }
    Ok(numbers)
}

fn read_mapping(mut message: Message) -> Result<RawMapping, ReadError> {
    let mut read = RawMapping::default();
    while let Some(field) = message.next_field()? {
        match field.number {
            mapping::ID => read.id = field.number()?,
            mapping::MEMORY_START => read.mapping.start = field.number()?,
            mapping::MEMORY_LIMIT => read.mapping.end = field.number()?,
            mapping::FILE_OFFSET => read.mapping.file_offset = field.number()?,
            mapping::FILENAME => read.file = field.number()?,
            mapping::BUILD_ID => read.build_id = field.number()?,
            mapping::HAS_FUNCTIONS => read.mapping.has_functions = field.number()? != 0,
            mapping::HAS_FILENAMES => read.mapping.has_files = field.number()? != 0,
            mapping::HAS_LINE_NUMBERS => read.mapping.has_lines = field.number()? != 0,
            mapping::HAS_INLINE_FRAMES => read.mapping.has_inlined = field.number()? != 0,
            _ => {}
        }
    }
    Ok(read)
}
