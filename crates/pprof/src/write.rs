//! A profile as bytes of `profile.proto`, not compressed: each table as a repeated field, in order.
//!
//! Stands on [`fields`](crate::fields), [`profile`](crate::profile) and [`wire`](crate::wire).
//!
//! Invariant: an id is an index plus one, as 0 is no id, and the index of a text is its place in
//! the string table. So a profile that was read and is written is read as the same one.

use crate::fields::{function, line, location, mapping, profile, sample, value_type};
use crate::profile::{Location, Mapping, Profile, Text, ValueType};
use crate::wire::Writer;

impl Profile {
    /// The profile as bytes, which gzip is to compress: some readers expect that.
    pub fn write(&self) -> Vec<u8> {
        let mut to = Writer::default();
        for of in &self.sample_types {
            to.message(profile::SAMPLE_TYPE, |to| write_type(to, of));
        }
        for of in self.samples() {
            to.message(profile::SAMPLE, |to| {
                to.packed(
                    sample::LOCATION_ID,
                    of.locations.iter().map(|&index| id(index)),
                );
                to.packed(sample::VALUE, of.values.iter().map(|&value| value as u64));
            });
        }
        for (index, of) in self.mappings.iter().enumerate() {
            to.message(profile::MAPPING, |to| write_mapping(to, index as u32, of));
        }
        for (index, of) in self.locations.iter().enumerate() {
            to.message(profile::LOCATION, |to| write_location(to, index as u32, of));
        }
        for (index, of) in self.functions.iter().enumerate() {
            to.message(profile::FUNCTION, |to| {
                to.number(function::ID, id(index as u32));
                to.number(function::NAME, text(of.name));
                to.number(function::SYSTEM_NAME, text(of.system_name));
                to.number(function::FILENAME, text(of.file));
                to.number(function::START_LINE, of.start_line as u64);
            });
        }
        for text in &self.texts {
            to.bytes(profile::STRING_TABLE, text.as_bytes());
        }
        to.number(profile::DROP_FRAMES, text(self.dropped_frames));
        to.number(profile::KEEP_FRAMES, text(self.kept_frames));
        to.number(profile::TIME_NANOS, self.time_nanos as u64);
        to.number(profile::DURATION_NANOS, self.duration_nanos as u64);
        if let Some(of) = &self.period_type {
            to.message(profile::PERIOD_TYPE, |to| write_type(to, of));
        }
        to.number(profile::PERIOD, self.period as u64);
        to.packed(
            profile::COMMENT,
            self.comments.iter().map(|&comment| text(comment)),
        );
        to.number(profile::DEFAULT_SAMPLE_TYPE, text(self.default_kind));
        to.0
    }
}

fn id(index: u32) -> u64 {
    u64::from(index) + 1
}

fn text(text: Text) -> u64 {
    u64::from(text.0)
}

fn write_type(to: &mut Writer, of: &ValueType) {
    to.number(value_type::TYPE, text(of.kind));
    to.number(value_type::UNIT, text(of.unit));
}

fn write_mapping(to: &mut Writer, index: u32, of: &Mapping) {
    to.number(mapping::ID, id(index));
    to.number(mapping::MEMORY_START, of.start);
    to.number(mapping::MEMORY_LIMIT, of.end);
    to.number(mapping::FILE_OFFSET, of.file_offset);
    to.number(mapping::FILENAME, text(of.file));
    to.number(mapping::BUILD_ID, text(of.build_id));
    to.number(mapping::HAS_FUNCTIONS, of.has_functions.into());
    to.number(mapping::HAS_FILENAMES, of.has_files.into());
    to.number(mapping::HAS_LINE_NUMBERS, of.has_lines.into());
    to.number(mapping::HAS_INLINE_FRAMES, of.has_inlined.into());
}

fn write_location(to: &mut Writer, index: u32, of: &Location) {
    to.number(location::ID, id(index));
    to.number(location::MAPPING_ID, of.mapping.map_or(0, id));
    to.number(location::ADDRESS, of.address);
    for of in &of.lines {
        to.message(location::LINE, |to| {
            to.number(line::FUNCTION_ID, id(of.function));
            to.number(line::LINE, of.line as u64);
        });
    }
    to.number(location::IS_FOLDED, of.is_folded.into());
}
