//! A profile whose messages have all been read: what they name is found, and checked.
//!
//! Stands on `unresolved` and `indices`. Invariant: every index of a profile that is returned is
//! within its table, and every sample has a value for each type.

use crate::error::ReadError;
use crate::fields::function;
use crate::indices::Indices;
use crate::profile::{Function, Line, Location, Mapping, Profile, Text, ValueType};
use crate::unresolved::Unresolved;

impl Unresolved {
    /// The profile, if all that it names is there.
    pub(crate) fn resolve(self) -> Result<Profile, ReadError> {
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
        let functions = Indices::new(
            "function",
            self.functions.iter().map(|of| of[function::ID as usize]),
        )?;
        let mappings = Indices::new("mapping", self.mappings.iter().map(|of| of.id))?;
        let locations = Indices::new("location", self.locations.iter().map(|of| of.id))?;
        let types = self.sample_types.iter().copied().map(value_type);
        let comments = self.comments.iter().map(|&index| text(index));
        let mut profile = Profile {
            sample_types: types.collect::<Result<_, _>>()?,
            default_kind: text(self.default_kind)?,
            dropped_frames: text(self.dropped_frames)?,
            kept_frames: text(self.kept_frames)?,
            period_type: self.period_type.map(value_type).transpose()?,
            time_nanos: self.numbers.time as i64,
            duration_nanos: self.numbers.duration as i64,
            period: self.numbers.period as i64,
            comments: comments.collect::<Result<_, _>>()?,
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
        profile.locations = self.locations(&functions, &mappings)?;
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

    fn locations(
        &self,
        functions: &Indices,
        mappings: &Indices,
    ) -> Result<Vec<Location>, ReadError> {
        let mut start = 0;
        let locations = self.locations.iter().map(|raw| {
            let lines = self.lines[start..raw.lines_end].iter();
            let lines = lines.map(|&[function, line]| {
                Ok(Line {
                    function: functions.find(function)?,
                    line: line as i64,
                })
            });
            start = raw.lines_end;
            Ok(Location {
                // 0 is none.
                mapping: (raw.mapping != 0)
                    .then(|| mappings.find(raw.mapping))
                    .transpose()?,
                address: raw.address,
                lines: lines.collect::<Result<_, _>>()?,
                is_folded: raw.is_folded,
            })
        });
        locations.collect()
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
