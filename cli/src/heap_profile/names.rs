//! Names for the addresses of a profile that have no function yet.
//!
//! Stands on `binary`. A location that has functions keeps them.

#![forbid(unsafe_code)]

use std::{
    collections::{HashMap, HashSet},
    path::Path,
};

use orionrt_pprof::{Function, Line, Profile};

use super::binary::{Binary, SourceLocation};

/// Adds the functions of locations without any, from the binaries of their mappings; returns how
/// many locations have still none.
pub(crate) fn add_names(profile: &mut Profile, opens_binaries: bool) -> usize {
    let mut namer = Namer::default();
    let mut unknown = 0;
    for index in 0..profile.locations.len() {
        let location = &profile.locations[index];
        if !location.lines.is_empty() {
            continue;
        }
        let found = match location.mapping {
            Some(mapping) if opens_binaries => namer.lines(profile, mapping, location.address),
            _ => Vec::new(),
        };
        unknown += usize::from(found.is_empty());
        profile.locations[index].lines = found;
    }
    for mapping in namer.used {
        let mapping = &mut profile.mappings[mapping as usize];
        mapping.has_functions = true;
        mapping.has_files = true;
        mapping.has_lines = true;
        mapping.has_inlined = true;
    }
    unknown
}

/// The most binaries that are opened.
const MOST_BINARIES: usize = 512;

/// What was opened and found so far.
#[derive(Default)]
struct Namer {
    /// The index of the binary of each path and build id, if it could be opened.
    opened: HashMap<(String, String), Option<usize>>,
    binaries: Vec<Binary>,
    of_mappings: HashMap<u32, Option<usize>>,
    functions: HashMap<SourceLocation, u32>,
    /// The mappings that gave a name.
    used: HashSet<u32>,
}

impl Namer {
    /// The index of the binary of a mapping.
    fn binary(&mut self, profile: &Profile, mapping: u32) -> Option<usize> {
        if let Some(&known) = self.of_mappings.get(&mapping) {
            return known;
        }
        let of = profile.mappings[mapping as usize];
        let (file, build_id) = (profile.text(of.file), profile.text(of.build_id));
        let key = (file.to_owned(), build_id.to_owned());
        let has_room = self.opened.len() < MOST_BINARIES;
        let binaries = &mut self.binaries;
        let found = match self.opened.get(&key) {
            Some(&known) => known,
            None if has_room => {
                let opened = Binary::open(Path::new(file), build_id);
                let index = opened.map(|binary| {
                    binaries.push(binary);
                    binaries.len() - 1
                });
                self.opened.insert(key, index);
                index
            }
            None => None,
        };
        self.of_mappings.insert(mapping, found);
        found
    }

    fn lines(&mut self, profile: &mut Profile, mapping: u32, address: u64) -> Vec<Line> {
        let of = profile.mappings[mapping as usize];
        let offset = address.checked_sub(of.start).filter(|_| address < of.end);
        let offset = offset.and_then(|offset| offset.checked_add(of.file_offset));
        let binary = self.binary(profile, mapping);
        let binary = binary.map(|index| &self.binaries[index]);
        let (Some(offset), Some(binary)) = (offset, binary) else {
            return Vec::new();
        };
        let locations = binary.locations(offset);
        if !locations.is_empty() {
            self.used.insert(mapping);
        }
        let lines = locations.into_iter().map(|location| Line {
            line: location.line.into(),
            function: self.function(profile, location),
        });
        lines.collect()
    }

    /// The index of a function, which is added if it is new.
    fn function(&mut self, profile: &mut Profile, location: SourceLocation) -> u32 {
        let key = SourceLocation {
            line: 0,
            ..location
        };
        if let Some(&known) = self.functions.get(&key) {
            return known;
        }
        let function = Function {
            name: profile.add_text(&*key.function),
            system_name: profile.add_text(&*key.symbol),
            file: profile.add_text(&*key.file),
            start_line: 0,
        };
        profile.functions.push(function);
        let index = (profile.functions.len() - 1) as u32;
        self.functions.insert(key, index);
        index
    }
}
