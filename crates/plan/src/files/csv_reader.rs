//! Reading lifetimes and plans from CSV, one tensor a line.
//!
//! ```text
//! id,lower,upper,size[,alignment][,gaps][,fixed_offset][,offset]
//! ```
//!
//! Columns are found by their names in the header, in any order (`csv_columns`). This is the format
//! of MiniMalloc's benchmarks, with offsets that are given: `fixed_offset` is empty where the
//! planner may choose. What is not planned becomes a warning: other columns, windows of gaps.
//!
//! Invariant: a row that is handed out has as many fields as the header. The text is kept, its rows
//! are not: each row is parsed into one record that the next row reuses, and a row that turns out
//! to be wrong is looked up again for its line. So a million tensors cost their text and their
//! [`Lifetimes`].
//!
//! Blanks around a field mean nothing (`a, 0, 2`), unless a name is in quotes (`" a",0,2`).

use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use core::str::FromStr;
use std::io::Read;

use csv::{ReaderBuilder, StringRecord};

use super::csv_columns::{Columns, missing};
use super::csv_fields::is_quoted;
use super::csv_gaps::{FieldGaps, parse_gaps};
use super::csv_warning::CsvWarning;
use super::error::{FileError, FileMistake, FilePosition};
use super::kind::{FileKind, detect};
use crate::ids::TensorId;
use crate::lifetimes::{Lifetime, Lifetimes};
use crate::plan::Plan;

const UNSIGNED: &str = "a whole number from 0 to 2^64 - 1";
const UNSIGNED_OR_NONE: &str = "a whole number from 0 to 2^64 - 1, or nothing";
const SIGNED: &str = "a whole number from -2^63 to 2^63 - 1";
const LAST: &str = "a whole number from -2^63 to 2^63 - 2";
const CSV: &str = "CSV with the header id,lower,upper,size";

impl Lifetimes {
    /// Reads CSV with the header `id,lower,upper,size[,alignment][,gaps][,fixed_offset]`. The
    /// alignment is 1 if there is no such column, gaps are written `lower-upper` and separated by
    /// blanks, and an offset is fixed where `fixed_offset` has a number. Blanks at the ends of an
    /// id are part of it only in quotes.
    ///
    /// MiniMalloc's other names are known, too: `buffer` or `buffer_id`, `start` or `begin`, and
    /// `end`, which is the last step itself. What is not planned is left out; see
    /// [`read_csv_with_warnings`](Self::read_csv_with_warnings).
    ///
    /// ```
    /// let text = "id,lower,upper,size\nconv1,0,2,1024\nconv2,1,3,2048\n";
    /// let lifetimes = orionrt_plan::Lifetimes::read_csv(text.as_bytes())?;
    /// assert_eq!(lifetimes.load(), 3072);
    ///
    /// let text = "id,lower,upper,size\na,0,x,8\n";
    /// let refused = orionrt_plan::Lifetimes::read_csv(text.as_bytes()).unwrap_err();
    /// assert!(refused.to_string().starts_with("line 2: upper is 'x'"));
    /// # Ok::<(), orionrt_plan::files::FileError>(())
    /// ```
    ///
    /// # Errors
    /// The first mistake, with its line; see [`FileError`].
    pub fn read_csv(input: impl Read) -> Result<Self, FileError> {
        Ok(Self::read_csv_with_warnings(input)?.0)
    }

    /// Reads CSV like [`read_csv`](Self::read_csv), and says what in it is not planned: columns
    /// that are not known, and windows of gaps.
    ///
    /// ```
    /// let text = "buffer,start,end,size,color\na,0,1,8,red\nb,1,2,8,blue\n";
    /// let (lifetimes, warnings) =
    ///     orionrt_plan::Lifetimes::read_csv_with_warnings(text.as_bytes())?;
    /// assert_eq!((lifetimes.rows()[0].upper, lifetimes.load()), (2, 16));
    /// assert_eq!(warnings[0].to_string(), "column 'color' is not known and is ignored");
    /// # Ok::<(), orionrt_plan::files::FileError>(())
    /// ```
    ///
    /// # Errors
    /// The first mistake, with its line; see [`FileError`].
    pub fn read_csv_with_warnings(input: impl Read) -> Result<(Self, Vec<CsvWarning>), FileError> {
        Table::read(input)?.lifetimes(|_| Ok(()))
    }
}

impl Plan {
    /// Reads a plan in CSV, which has the columns of [`Lifetimes::read_csv`] and `offset`, and
    /// checks it.
    ///
    /// # Errors
    /// The first mistake, with its line where it has one; see [`FileError`].
    pub fn read_csv(input: impl Read) -> Result<Self, FileError> {
        Ok(Self::read_csv_with_warnings(input)?.0)
    }

    /// Reads a plan like [`read_csv`](Self::read_csv), and says what in it was not looked at, as
    /// [`Lifetimes::read_csv_with_warnings`] does.
    ///
    /// # Errors
    /// The first mistake, with its line where it has one; see [`FileError`].
    pub fn read_csv_with_warnings(input: impl Read) -> Result<(Self, Vec<CsvWarning>), FileError> {
        let table = Table::read(input)?;
        let Some(column) = table.columns.offset else {
            return Err(missing(&table.header, "offset"));
        };
        let mut offsets = Vec::new();
        let (lifetimes, warnings) = table.lifetimes(|row| {
            offsets.push(row.number(column, "offset", UNSIGNED)?);
            Ok(())
        })?;
        let plan = Plan::new(lifetimes, offsets)
            .map_err(|error| FileError::plan(error, |row| table.position_of(row)))?;
        Ok((plan, warnings))
    }
}

/// A CSV file whose columns have been found and whose rows have not been read yet.
pub(super) struct Table {
    text: Vec<u8>,
    header: StringRecord,
    columns: Columns,
}

impl Table {
    pub(super) fn read(mut input: impl Read) -> Result<Self, FileError> {
        let mut text = Vec::new();
        input.read_to_end(&mut text)?;
        match Self::find(&text) {
            Ok((header, columns)) => Ok(Self {
                text,
                header,
                columns,
            }),
            Err(error) => Err(match detect(&text) {
                FileKind::Text | FileKind::Empty => error,
                found => {
                    let expected = CSV;
                    let mistake = FileMistake::OtherKind { found, expected };
                    FileError::new(FilePosition::WholeFile, mistake)
                }
            }),
        }
    }

    fn find(text: &[u8]) -> Result<(StringRecord, Columns), FileError> {
        let mut reader = reader(text);
        let header = reader.headers().map_err(|error| malformed(&error, text));
        let mut header = header?.clone();
        header.trim();
        let columns = Columns::find(&header)?;
        Ok((header, columns))
    }

    pub(super) fn header(&self) -> &StringRecord {
        &self.header
    }

    /// The column `offset`, if there is one.
    pub(super) fn offset_column(&self) -> Option<usize> {
        self.columns.offset
    }

    /// The rows, from the first.
    pub(super) fn rows(&self) -> Rows<'_> {
        let mut reader = reader(&self.text);
        // The header was read before, so this cannot fail. Without it, the first row would have the
        // header's position.
        let _ = reader.headers();
        Rows {
            text: &self.text,
            reader,
            record: StringRecord::new(),
        }
    }

    pub(super) fn count(&self) -> Result<usize, FileError> {
        let mut rows = self.rows();
        let mut count = 0;
        while rows.advance()?.is_some() {
            count += 1;
        }
        Ok(count)
    }

    /// The lifetimes of all rows, and what of the file is not in them; `visit` sees each row once,
    /// in order, and may refuse it.
    fn lifetimes(
        &self,
        mut visit: impl FnMut(&Row<'_>) -> Result<(), FileError>,
    ) -> Result<(Lifetimes, Vec<CsvWarning>), FileError> {
        let mut rows = self.rows();
        let (mut count, mut gaps) = (0, Vec::new());
        let mut windows: Option<(String, FilePosition, u64)> = None;
        let mut next = || {
            let Some(row) = rows.advance()? else {
                return Ok(None);
            };
            let named = row.named(&self.columns)?;
            let FieldGaps {
                gaps: own,
                windows: found,
            } = row.gaps(&self.columns)?;
            if let Some((first, more)) = found {
                let windows = windows.get_or_insert_with(|| (first, row.line(), 0));
                windows.2 += more;
            }
            gaps.extend((!own.is_empty()).then(|| (TensorId::from_index(count), own)));
            count += 1;
            visit(&row)?;
            Ok(Some(named))
        };
        let mut refused = None;
        let each = core::iter::from_fn(|| {
            next().unwrap_or_else(|error| {
                refused = Some(error);
                None
            })
        });
        let taken = Lifetimes::from_named(each);
        if let Some(error) = refused {
            return Err(error);
        }
        let taken = taken.and_then(|all| all.with_all_gaps(gaps));
        let lifetimes = taken.map_err(|error| {
            let position = self.position_of(error.row);
            FileError::new(position, FileMistake::Lifetime(error))
        })?;
        let mut warnings = Columns::unknown(&self.header);
        warnings.extend(
            windows.map(|(value, position, count)| CsvWarning::GapWindows {
                value,
                position,
                count,
            }),
        );
        Ok((lifetimes, warnings))
    }

    /// The line of a row, counted from 0.
    fn position_of(&self, row: usize) -> FilePosition {
        let record = reader(&self.text).into_records().nth(row);
        match record {
            Some(Ok(record)) => line(&self.text, record.position()),
            _ => FilePosition::WholeFile,
        }
    }
}

/// A reader that trims nothing, because it would allocate each record anew for that.
fn reader(text: &[u8]) -> csv::Reader<&[u8]> {
    ReaderBuilder::new().from_reader(text)
}

/// The rows of a file, one after the other, in one record.
pub(super) struct Rows<'t> {
    text: &'t [u8],
    reader: csv::Reader<&'t [u8]>,
    record: StringRecord,
}

impl Rows<'_> {
    pub(super) fn advance(&mut self) -> Result<Option<Row<'_>>, FileError> {
        let Self {
            text,
            reader,
            record,
        } = self;
        match reader.read_record(record) {
            Ok(true) => Ok(Some(Row { text, record })),
            Ok(false) => Ok(None),
            Err(error) => Err(malformed(&error, text)),
        }
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

    fn named(&self, columns: &Columns) -> Result<(String, Lifetime), FileError> {
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
    fn gaps(&self, columns: &Columns) -> Result<FieldGaps, FileError> {
        let field = columns.gaps.map_or("", |column| self.field(column));
        parse_gaps(field, columns.is_inclusive)
            .map_err(|mistake| FileError::new(self.line(), mistake))
    }

    fn line(&self) -> FilePosition {
        line(self.text, self.record.position())
    }

    fn number<T: FromStr>(
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

fn malformed(error: &csv::Error, text: &[u8]) -> FileError {
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
