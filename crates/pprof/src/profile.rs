//! A profile in memory: samples, and the tables of locations, functions, mappings and texts that
//! they refer to by index.
//!
//! ```text
//!   sample ──► locations ──► lines ──► function ──► texts
//!   values         └───────► mapping ─────────────────┘
//! ```
//!
//! Stands on nothing. Samples lie in three flat tables, 4 bytes for each frame and 8 for each
//! value, since a profile has far more of them than of all else.
//!
//! Invariant: `ends` rises and ends at the length of `frames`, `values` has one for each sample and
//! type, and the text with index 0 is empty. What is public may be changed by anyone, so whoever
//! uses an index expects one that is beyond its table; [`Profile::read`] returns none.

/// A text of a profile, by its index. The first is empty.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Text(pub(crate) u32);

/// What a value of a sample counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ValueType {
    /// As `inuse_space`.
    pub kind: Text,
    /// As `bytes`.
    pub unit: Text,
}

/// A file in the memory of the process.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mapping {
    /// Its first address.
    pub start: u64,
    /// One past its last address.
    pub end: u64,
    /// The byte of the file at its first address.
    pub file_offset: u64,
    /// The path.
    pub file: Text,
    /// The build id in hexadecimal digits, or empty.
    pub build_id: Text,
    /// Whether the locations in it have all the functions that could be found.
    pub has_functions: bool,
    /// Whether the functions have files.
    pub has_files: bool,
    /// Whether the locations have lines.
    pub has_lines: bool,
    /// Whether inlined functions are among them.
    pub has_inlined: bool,
}

/// A place in the code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Location {
    /// The index of its mapping.
    pub mapping: Option<u32>,
    /// An address within its instruction, for a call: not the return address.
    pub address: u64,
    /// The functions that it is in, innermost first: all but the last are inlined. None if nothing
    /// is known of them.
    pub lines: Vec<Line>,
    /// Whether several places are counted as this one.
    pub is_folded: bool,
}

/// A line of a function.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// The index of the function.
    pub function: u32,
    /// The number in its file, or 0.
    pub line: i64,
}

/// A function.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Function {
    /// As people read it.
    pub name: Text,
    /// As the linker knows it.
    pub system_name: Text,
    /// The source file.
    pub file: Text,
    /// The line in it that the function begins at, or 0.
    pub start_line: i64,
}

/// A sample: a stack and its values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample<'p> {
    /// The indices of its locations, innermost first.
    pub locations: &'p [u32],
    /// A value for each sample type.
    pub values: &'p [i64],
}

/// A profile. Indices in what was read are within their tables.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// What is counted.
    pub sample_types: Vec<ValueType>,
    /// The kind that is shown first; empty if none is chosen.
    pub default_kind: Text,
    /// A regular expression of functions: frames of these, and those that they call, are not shown.
    /// Empty if all are.
    pub dropped_frames: Text,
    /// A regular expression of functions that are shown all the same; may be empty.
    pub kept_frames: Text,
    /// The files in memory.
    pub mappings: Vec<Mapping>,
    /// The places in the code.
    pub locations: Vec<Location>,
    /// The functions.
    pub functions: Vec<Function>,
    /// When it was taken, in nanoseconds since 1970, or 0.
    pub time_nanos: i64,
    /// For how long it was taken, or 0.
    pub duration_nanos: i64,
    /// What is between two samples.
    pub period_type: Option<ValueType>,
    /// How much of it, on average.
    pub period: i64,
    /// Texts for people.
    pub comments: Vec<Text>,
    pub(crate) texts: Vec<String>,
    /// The locations of all samples.
    pub(crate) frames: Vec<u32>,
    /// Where each sample's locations end.
    pub(crate) ends: Vec<u32>,
    /// As many values for each sample as there are types.
    pub(crate) values: Vec<i64>,
}

impl Default for Profile {
    fn default() -> Self {
        Profile {
            sample_types: Vec::new(),
            default_kind: Text(0),
            dropped_frames: Text(0),
            kept_frames: Text(0),
            mappings: Vec::new(),
            locations: Vec::new(),
            functions: Vec::new(),
            time_nanos: 0,
            duration_nanos: 0,
            period_type: None,
            period: 0,
            comments: Vec::new(),
            texts: vec![String::new()],
            frames: Vec::new(),
            ends: Vec::new(),
            values: Vec::new(),
        }
    }
}

impl Profile {
    /// The text with this index. Empty if it is of another profile that has more.
    pub fn text(&self, text: Text) -> &str {
        self.texts.get(text.0 as usize).map_or("", |text| text)
    }

    /// Adds a text, which is not looked for among those that are there.
    pub fn add_text(&mut self, text: impl Into<String>) -> Text {
        let text = text.into();
        if text.is_empty() {
            return Text(0);
        }
        self.texts.push(text);
        Text((self.texts.len() - 1) as u32)
    }

    /// Adds a sample: the indices of its locations, innermost first, and a value for each type, of
    /// which those that are missing are 0.
    pub fn add_sample(&mut self, locations: &[u32], values: &[i64]) {
        self.frames.extend_from_slice(locations);
        self.ends.push(self.frames.len() as u32);
        let values = values.iter().copied().chain(std::iter::repeat(0));
        self.values.extend(values.take(self.sample_types.len()));
    }

    /// How many samples there are.
    pub fn sample_count(&self) -> usize {
        self.ends.len()
    }

    /// The samples.
    pub fn samples(&self) -> impl Iterator<Item = Sample<'_>> {
        let types = self.sample_types.len();
        let starts = std::iter::once(0).chain(self.ends.iter().map(|&end| end as usize));
        starts
            .zip(&self.ends)
            .enumerate()
            .map(move |(index, (start, &end))| Sample {
                locations: &self.frames[start..end as usize],
                values: self
                    .values
                    .get(index * types..(index + 1) * types)
                    .unwrap_or_default(),
            })
    }
}
