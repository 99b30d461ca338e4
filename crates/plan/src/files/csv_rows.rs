//! The rows of a CSV file, one after the other, in one record.
//!
//! Stands on the columns of a header. Invariant: a row that is handed out has as many fields as the
//! header. A row that turns out to be wrong is named by its line.
//!
//! Blanks around a field mean nothing (`a, 0, 2`), unless a name is in quotes (`" a",0,2`).

use alloc::string::{String, ToString};
use core::str::FromStr;

use csv::{ReaderBuilder, StringRecord};

use super::csv_columns::Columns;
use super::csv_fields::is_quoted;
use super::csv_gaps::{FieldGaps, parse_gaps};
use super::error::{FileError, FileMistake, FilePosition};
use crate::lifetimes::Lifetime;

pub(super) const UNSIGNED: &str = "a whole number from 0 to 2^64 - 1";
const UNSIGNED_OR_NONE: &str = "a whole number from 0 to 2^64 - 1, or nothing";
const SIGNED: &str = "a whole number from -2^63 to 2^63 - 1";
const LAST: &str = "a whole number from -2^63 to 2^63 - 2";

/// A reader that trims nothing, because it would allocate each record anew for that.
pub(super) fn reader(text: &[u8]) -> csv::Reader<&[u8]> {
    ReaderBuilder::new().from_reader(text)
}

/// The rows of a file, or some of them.
pub(super) struct Rows<'t> {
    text: &'t [u8],
    reader: csv::Reader<&'t [u8]>,
    record: StringRecord,
    /// For each row of the file whether it is handed out; all are where there is none.
    kept: Option<core::slice::Iter<'t, bool>>,
}

impl<'t> Rows<'t> {
    /// The rows of a text with a header.
    pub(super) fn of(text: &'t [u8], kept: Option<&'t [bool]>) -> Self {
        let mut reader = reader(text);
        // The header was read before, so this cannot fail. Without it, the first row would have the
        // header's position.
        let _ = reader.headers();
        Self {
            text,
            reader,
            record: StringRecord::new(),
            kept: kept.map(<[bool]>::iter),
        }
    }

    pub(super) fn advance(&mut self) -> Result<Option<Row<'_>>, FileError> {
        loop {
            let read = self.reader.read_record(&mut self.record);
            if !read.map_err(|error| malformed(&error, self.text))? {
                return Ok(None);
            }
            let kept = self.kept.as_mut().map(|kept| kept.next());
            if kept.is_none_or(|kept| kept.is_some_and(|is_kept| *is_kept)) {
                break;
            }
        }
        Ok(Some(Row {
            text: self.text,
            record: &self.record,
        }))
    }
}

/// A row that has as many fields as the header.
pub(super) struct Row<'r> {
    text: &'r [u8],
    record: &'r StringRecord,
}

impl Row<'_> {
    /// A number or a list of them: blanks around it mean nothing.
    pub(super) fn field(&self, column: usize) -> &str {
        self.record[column].trim()
    }

    /// A name: blanks around it are part of it if it is in quotes.
    pub(super) fn text(&self, column: usize) -> &str {
        let (whole, trimmed) = (&self.record[column], self.field(column));
        let start = self.record.position().map_or(0, |at| at.byte() as usize);
        let text = self.text.get(start..).unwrap_or_default();
        if whole.len() != trimmed.len() && is_quoted(text, column) {
            return whole;
        }
        trimmed
    }

    pub(super) fn named(&self, columns: &Columns) -> Result<(String, Lifetime), FileError> {
        let lifetime = Lifetime {
            lower: self.number(columns.lower, "lower", SIGNED)?,
            upper: self.upper(columns)?,
            size: self.number(columns.size, "size", UNSIGNED)?,
            alignment: match columns.alignment {
                Some(column) => self.number(column, "alignment", UNSIGNED)?,
                None => 1,
            },
            fixed_offset: match columns.fixed_offset {
                Some(column) if !self.field(column).is_empty() => {
                    Some(self.number(column, "fixed_offset", UNSIGNED_OR_NONE)?)
                }
                _ => None,
            },
            within: None,
        };
        Ok((self.text(columns.id).to_string(), lifetime))
    }

    /// The step after the last one.
    fn upper(&self, columns: &Columns) -> Result<i64, FileError> {
        if !columns.is_inclusive {
            return self.number(columns.upper, "upper", SIGNED);
        }
        let last: i64 = self.number(columns.upper, "end", LAST)?;
        let upper = last.checked_add(1);
        upper.ok_or_else(|| self.bad_number(columns.upper, "end", LAST))
    }

    /// The gaps of the row, if there is a column for them.
    pub(super) fn gaps(&self, columns: &Columns) -> Result<FieldGaps, FileError> {
        let field = columns.gaps.map_or("", |column| self.field(column));
        parse_gaps(field, columns.is_inclusive)
            .map_err(|mistake| FileError::new(self.line(), mistake))
    }

    pub(super) fn line(&self) -> FilePosition {
        line(self.text, self.record.position())
    }

    pub(super) fn number<T: FromStr>(
        &self,
        index: usize,
        column: &'static str,
        expected: &'static str,
    ) -> Result<T, FileError> {
        let parsed = self.field(index).parse();
        parsed.map_err(|_| self.bad_number(index, column, expected))
    }

    fn bad_number(&self, index: usize, column: &'static str, expected: &'static str) -> FileError {
        let mistake = FileMistake::BadNumber {
            column,
            value: self.field(index).to_string(),
            expected,
        };
        FileError::new(self.line(), mistake)
    }
}

/// The line of a record. The parser's own count is taken before the line breaks that precede the
/// record, so it is too low after an empty line, and too low by one in a file with CR LF.
fn line(text: &[u8], position: Option<&csv::Position>) -> FilePosition {
    let Some(position) = position else {
        return FilePosition::WholeFile;
    };
    let before = (position.byte() as usize).min(text.len());
    let breaks = text[before..].iter();
    let breaks = breaks.take_while(|byte| matches!(byte, b'\n' | b'\r'));
    let start = before + breaks.count();
    let lines = text[..start].iter().filter(|&&byte| byte == b'\n').count();
    FilePosition::Line(1 + lines as u64)
}

pub(super) fn malformed(error: &csv::Error, text: &[u8]) -> FileError {
    let reason = match error.kind() {
        csv::ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => alloc::format!("{len} fields, expected {expected_len} as in the header"),
        csv::ErrorKind::Utf8 { .. } => "the text is not UTF-8".to_string(),
        _ => error.to_string(),
    };
    let position = line(text, error.position());
    FileError::new(position, FileMistake::Malformed { reason })
}
