//! The columns of a CSV file, found by their names in the header.
//!
//! Stands on the errors of files. Tools call the same column by different names; those of
//! MiniMalloc are known, too. Invariant: no two columns of a header mean the same.
//!
//! ```text
//! id │ buffer │ buffer_id        the name
//! lower │ start │ begin          the first step
//! upper                          the step after the last
//! end                            the last step itself; gaps then include their upper step, too
//! size, alignment, gaps, fixed_offset, offset
//! ```
//!
//! `stream` and `device` are columns of the command line, which reads them beside the lifetimes.

use alloc::{
    string::{String, ToString},
    vec::Vec,
};

use csv::StringRecord;

use super::csv_warning::CsvWarning;
use super::error::{FileError, FileMistake, FilePosition};

/// The names of each column, the usual one first.
const ID: &[&str] = &["id", "buffer", "buffer_id"];
const LOWER: &[&str] = &["lower", "start", "begin"];
const UPPER: &[&str] = &["upper", "end"];
const SIZE: &[&str] = &["size"];
const ALIGNMENT: &[&str] = &["alignment"];
const GAPS: &[&str] = &["gaps"];
const FIXED_OFFSET: &[&str] = &["fixed_offset"];
const OFFSET: &[&str] = &["offset"];

const ALL: [&[&str]; 8] = [
    ID,
    LOWER,
    UPPER,
    SIZE,
    ALIGNMENT,
    GAPS,
    FIXED_OFFSET,
    OFFSET,
];

/// Where each known column is.
#[derive(Clone, Debug)]
pub(super) struct Columns {
    pub(super) id: usize,
    pub(super) lower: usize,
    pub(super) upper: usize,
    pub(super) size: usize,
    pub(super) alignment: Option<usize>,
    pub(super) gaps: Option<usize>,
    pub(super) fixed_offset: Option<usize>,
    pub(super) offset: Option<usize>,
    /// Whether `upper` and the ends of gaps are last steps themselves.
    pub(super) is_inclusive: bool,
}

impl Columns {
    pub(super) fn find(header: &StringRecord) -> Result<Self, FileError> {
        let find = |names: &'static [&'static str]| find(header, names);
        let need = |names: &'static [&'static str]| {
            let found = find(names)?;
            found.ok_or_else(|| missing(header, names[0]))
        };
        let (id, lower, upper) = (need(ID)?, need(LOWER)?, need(UPPER)?);
        Ok(Self {
            id,
            lower,
            upper,
            size: need(SIZE)?,
            alignment: find(ALIGNMENT)?,
            gaps: find(GAPS)?,
            fixed_offset: find(FIXED_OFFSET)?,
            offset: find(OFFSET)?,
            is_inclusive: &header[upper] == "end",
        })
    }

    /// The columns of a header that are not known.
    pub(super) fn unknown(header: &StringRecord) -> Vec<CsvWarning> {
        let is_known = |name: &str| ALL.iter().any(|names| names.contains(&name));
        let unknown = header.iter().filter(|name| !is_known(name));
        let warnings = unknown.map(|name| CsvWarning::UnknownColumn {
            column: name.to_string(),
        });
        warnings.collect()
    }
}

/// The column that has one of these names.
fn find(header: &StringRecord, names: &[&'static str]) -> Result<Option<usize>, FileError> {
    let columns = header.iter().enumerate();
    let mut named = columns.filter(|(_, name)| names.contains(name));
    let (first, second) = (named.next(), named.next());
    match (first, second) {
        (Some((_, first)), Some((_, second))) => {
            let columns = [first, second].map(String::from);
            let mistake = FileMistake::DuplicateColumn { columns };
            Err(FileError::new(FilePosition::Line(1), mistake))
        }
        _ => Ok(first.map(|(column, _)| column)),
    }
}

pub(super) fn missing(header: &StringRecord, column: &'static str) -> FileError {
    let header: Vec<&str> = header.iter().collect();
    let header = header.join(",");
    let mistake = FileMistake::MissingColumn { column, header };
    FileError::new(FilePosition::Line(1), mistake)
}
