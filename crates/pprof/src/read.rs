//! Bytes as a profile.
//!
//! Stands on `wire` and `limits`. References are resolved when everything was read, since a file
//! may name what comes later. Invariant: no more memory is taken than some ten times what
//! `limits` allows in bytes, and each index is within its table.

use std::collections::HashMap;
use std::io::Read;

use flate2::read::MultiGzDecoder;

use crate::error::ReadError;
use crate::fields::{function, line, location, mapping, profile, sample, value_type};
use crate::limits;
use crate::profile::{Function, Line, Location, Mapping, Profile, Text, ValueType};
use crate::wire::{Field, Message};

const GZIP: &[u8] = &[0x1f, 0x8b];

/// Whether a file that begins with these bytes, some hundred at least, is likely to be a profile.
/// For one that begins otherwise than usual the answer is no, though [`Profile::read`] takes it.
pub fn is_profile(head: &[u8]) -> bool {
    let mut begin = [0; 3];
    let is_read = match head.starts_with(GZIP) {
        true => MultiGzDecoder::new(head).read_exact(&mut begin).is_ok(),
        false => (&mut &*head).read_exact(&mut begin).is_ok(),
    };
    // The first sample type, a message of a few bytes, with its kind.
    is_read && begin[0] == 0x0a && (2..16).contains(&begin[1]) && begin[2] == 0x08
}

impl Profile {
    /// Reads a profile, compressed by gzip or not.
    ///
    /// # Errors
    ///
    /// If it is not one, is not consistent, or is larger than profiles are: above 64 MiB without
    /// compression, or with more than 500,000 samples, locations or functions.
    pub fn read(bytes: &[u8]) -> Result<Self, ReadError> {
        let mut decompressed = Vec::new();
        let bytes = if bytes.starts_with(GZIP) {
            let reader = MultiGzDecoder::new(bytes).take(limits::BYTES as u64 + 1);
            let read = { reader }.read_to_end(&mut decompressed);
            read.map_err(|error| ReadError::Gzip(error.to_string()))?;
            &decompressed[..]
        } else {
            bytes
        };
        if bytes.len() > limits::BYTES {
            return Err(ReadError::TooLarge {
                limit: limits::BYTES,
            });
        }
        let mut reader = Reader::default();
        let mut message = Message::new(bytes);
        while let Some(field) = message.next_field()? {
            reader.field(field)?;
        }
        reader.finish()
    }
}

/// A profile of which ids are not resolved yet: where an index belongs, an id stands.
#[derive(Default)]
struct Reader {
    sample_types: Vec<[u64; 2]>,
    default_kind: u64,
    period_type: Option<[u64; 2]>,
    numbers: Numbers,
    texts: Vec<String>,
    comments: Vec<u64>,
    frames: Vec<u64>,
    /// For each sample, where its frames and its values end.
    ends: Vec<[u32; 2]>,
    values: Vec<i64>,
    mappings: Vec<RawMapping>,
    locations: Vec<RawLocation>,
    lines: Vec<[u64; 2]>,
    functions: Vec<[u64; 6]>,
}

#[derive(Default)]
struct Numbers {
    time: u64,
    duration: u64,
    period: u64,
}

#[derive(Default)]
struct RawMapping {
    id: u64,
    file: u64,
    build_id: u64,
    mapping: Mapping,
}

#[derive(Default)]
struct RawLocation {
    id: u64,
    mapping: u64,
    address: u64,
    is_folded: bool,
    /// How many lines there are when its own are.
    lines_end: usize,
}

/// Adds to a list that has room.
fn push<T>(list: &mut Vec<T>, value: T, what: &'static str, limit: usize) -> Result<(), ReadError> {
    if list.len() >= limit {
        return Err(ReadError::TooMany { what, limit });
    }
    list.push(value);
    Ok(())
}

impl Reader {
    fn field(&mut self, field: Field) -> Result<(), ReadError> {
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

    fn finish(self) -> Result<Profile, ReadError> {
        if self.sample_types.is_empty() {
            return Err(ReadError::NoTypes);
        }
        let texts = self.texts.len().max(1) as u64;
        let text = |index: u64| match index < texts {
            true => Ok(Text(index as u32)),
            false => Err(ReadError::Unknown {
                what: "text",
                id: index,
            }),
        };
        let value_type = |[kind, unit]: [u64; 2]| {
            Ok(ValueType {
                kind: text(kind)?,
                unit: text(unit)?,
            })
        };
        let functions = indices(
            "function",
            self.functions.iter().map(|of| of[function::ID as usize]),
        )?;
        let mappings = indices("mapping", self.mappings.iter().map(|of| of.id))?;
        let locations = indices("location", self.locations.iter().map(|of| of.id))?;
        let mut profile = Profile {
            sample_types: self
                .sample_types
                .iter()
                .copied()
                .map(value_type)
                .collect::<Result<_, _>>()?,
            default_kind: text(self.default_kind)?,
            period_type: self.period_type.map(value_type).transpose()?,
            time_nanos: self.numbers.time as i64,
            duration_nanos: self.numbers.duration as i64,
            period: self.numbers.period as i64,
            comments: self
                .comments
                .iter()
                .map(|&index| text(index))
                .collect::<Result<_, _>>()?,
            ..Profile::default()
        };
        for raw in &self.mappings {
            let (file, build_id) = (text(raw.file)?, text(raw.build_id)?);
            profile.mappings.push(Mapping {
                file,
                build_id,
                ..raw.mapping
            });
        }
        for raw in &self.functions {
            let text_of = |field: u64| text(raw[field as usize]);
            profile.functions.push(Function {
                name: text_of(function::NAME)?,
                system_name: text_of(function::SYSTEM_NAME)?,
                file: text_of(function::FILENAME)?,
                start_line: raw[function::START_LINE as usize] as i64,
            });
        }
        let mut start = 0;
        for raw in &self.locations {
            let lines = self.lines[start..raw.lines_end].iter();
            let lines = lines.map(|&[function, line]| {
                Ok(Line {
                    function: functions.find(function)?,
                    line: line as i64,
                })
            });
            start = raw.lines_end;
            profile.locations.push(Location {
                // 0 is none.
                mapping: (raw.mapping != 0)
                    .then(|| mappings.find(raw.mapping))
                    .transpose()?,
                address: raw.address,
                lines: lines.collect::<Result<_, _>>()?,
                is_folded: raw.is_folded,
            });
        }
        let frames = self.frames.iter().map(|&id| locations.find(id));
        profile.frames = frames.collect::<Result<_, _>>()?;
        check_values(&self.ends, profile.sample_types.len())?;
        profile.ends = self.ends.iter().map(|ends| ends[0]).collect();
        profile.values = self.values;
        if !self.texts.is_empty() {
            profile.texts = self.texts;
            // The first is empty, whatever the file says.
            profile.texts[0].clear();
        }
        Ok(profile)
    }
}

fn check_values(ends: &[[u32; 2]], expected: usize) -> Result<(), ReadError> {
    let mut start = 0;
    for (sample, &[_, end]) in ends.iter().enumerate() {
        let found = (end - start) as usize;
        if found != expected {
            return Err(ReadError::Values {
                sample,
                found,
                expected,
            });
        }
        start = end;
    }
    Ok(())
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

/// The index of each id of a table.
struct Indices {
    what: &'static str,
    /// Ids are 1, 2, 3 ... in most files.
    in_order: u64,
    others: HashMap<u64, u32>,
}

fn indices(what: &'static str, ids: impl Iterator<Item = u64>) -> Result<Indices, ReadError> {
    let mut indices = Indices {
        what,
        in_order: 0,
        others: HashMap::new(),
    };
    for (index, id) in ids.enumerate() {
        let is_next = id == index as u64 + 1 && indices.in_order == index as u64;
        let is_new = if is_next {
            indices.in_order += 1;
            true
        } else {
            let is_known = (1..=indices.in_order).contains(&id);
            id != 0 && !is_known && indices.others.insert(id, index as u32).is_none()
        };
        if !is_new {
            return Err(ReadError::Twice { what, id });
        }
    }
    Ok(indices)
}

impl Indices {
    fn find(&self, id: u64) -> Result<u32, ReadError> {
        if (1..=self.in_order).contains(&id) {
            return Ok((id - 1) as u32);
        }
        self.others.get(&id).copied().ok_or(ReadError::Unknown {
            what: self.what,
            id,
        })
    }
}
