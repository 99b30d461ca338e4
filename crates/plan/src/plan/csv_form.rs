//! Lifetimes and plans as CSV: `id,lower,upper,size[,alignment][,fixed_offset][,offset]`, one buffer a line.
//!
//! Columns are found by the header's names, in any order; other columns are kept out of the way: a plan is
//! written with the columns of its input in their order, then `offset`. This is the format of MiniMalloc's benchmarks,
//! with an alignment and with offsets that are given (`fixed_offset`: empty where the planner may choose).
//!
//! Only tensors with bytes of their own are written: what lies within them is theirs. Steps are all that is written of time: what streams demand beyond
//! them, a plan that is read back does not know.
//!
//! The text is kept, its rows are not: each is parsed into one record that the next one reuses, and a row that turns out to be
//! wrong is looked up again for its line. So a million buffers cost their text and their [`Lifetimes`].

use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use core::{
    fmt::{Display, Write as _},
    str::FromStr,
};
use std::io::{Read, Write};

use csv::{ReaderBuilder, StringRecord};

use super::{FileError, FileMistake, FilePosition, Plan, file::culprit};
use crate::lifetimes::{Lifetime, Lifetimes};
use crate::plan::PlanError;

const UNSIGNED: &str = "a whole number from 0 to 2^64 - 1";
const UNSIGNED_OR_NONE: &str = "a whole number from 0 to 2^64 - 1, or nothing";
const SIGNED: &str = "a whole number from -2^63 to 2^63 - 1";

impl Lifetimes {
    /// Reads CSV with the header `id,lower,upper,size[,alignment][,fixed_offset]`; alignment is 1 where there is no such column,
    /// and an offset is fixed where that column has a number.
    ///
    /// ```
    /// let text = "id,lower,upper,size\nconv1,0,2,1024\nconv2,1,3,2048\n";
    /// let lifetimes = orionrt_plan::Lifetimes::read_csv(text.as_bytes())?;
    /// assert_eq!(lifetimes.load(), 3072);
    ///
    /// let refused = orionrt_plan::Lifetimes::read_csv("id,lower,upper,size\na,0,x,8\n".as_bytes()).unwrap_err();
    /// assert!(refused.to_string().starts_with("line 2: upper is 'x'"));
    /// # Ok::<(), orionrt_plan::plan::FileError>(())
    /// ```
    ///
    /// # Errors
    /// The first mistake, with its line; see [`FileError`].
    pub fn read_csv(input: impl Read) -> Result<Self, FileError> {
        Table::read(input)?.lifetimes(|_| Ok(()))
    }

    /// Writes CSV that [`read_csv`](Self::read_csv) reads: `id,lower,upper,size,alignment`, and `fixed_offset` if some offset is fixed.
    ///
    /// ```
    /// let lifetimes = orionrt_plan::Lifetimes::from_rows([("a", 0, 1, 8, 4)])?;
    /// let mut text = Vec::new();
    /// lifetimes.write_csv(&mut text)?;
    /// assert_eq!(text, b"id,lower,upper,size,alignment\na,0,1,8,4\n");
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// What the writer says.
    pub fn write_csv(&self, output: impl Write) -> Result<(), FileError> {
        write_rows(self, None, output)
    }
}

impl Plan {
    /// Reads a plan in CSV: the columns of [`Lifetimes::read_csv`] and `offset`, and checks it.
    ///
    /// # Errors
    /// The first mistake, with its line where it has one; see [`FileError`].
    pub fn read_csv(input: impl Read) -> Result<Self, FileError> {
        let table = Table::read(input)?;
        let Some(column) = table.columns.offset else {
            return Err(missing(&table.header, "offset"));
        };
        let mut offsets = Vec::new();
        let lifetimes = table.lifetimes(|row| {
            offsets.push(row.number(column, "offset", UNSIGNED)?);
            Ok(())
        })?;
        Plan::new(lifetimes, offsets).map_err(|error| {
            let place = culprit(&error).map_or(FilePosition::File, |row| table.place_of(row));
            FileError::new(place, FileMistake::Plan(error))
        })
    }

    /// Writes the plan as CSV: `id,lower,upper,size,alignment,offset`, with `fixed_offset` before `offset` if the offset of some
    /// tensor is fixed.
    ///
    /// ```
    /// # use orionrt_plan::{Lifetimes, Plan, Planner};
    /// let plan = Planner::new().plan(&Lifetimes::from_rows([("a", 0, 1, 8, 4)])?)?;
    /// let mut text = Vec::new();
    /// plan.write_csv(&mut text)?;
    /// assert_eq!(text, b"id,lower,upper,size,alignment,offset\na,0,1,8,4,0\n");
    /// assert_eq!(Plan::read_csv(&text[..])?.offsets(), plan.offsets());
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// What the writer says.
    pub fn write_csv(&self, output: impl Write) -> Result<(), FileError> {
        write_rows(&self.lifetimes, Some(&self.offsets), output)
    }

    /// Writes the plan as CSV with the columns that its input had, in the same order, then `offset`.
    /// `input` is what [`Lifetimes::read_csv`] read.
    ///
    /// # Errors
    /// When `input` is not this plan's, or the writer fails.
    pub fn write_csv_like(&self, input: impl Read, output: impl Write) -> Result<(), FileError> {
        let table = Table::read(input)?;
        let (tensors, offsets) = (table.count()?, self.offsets.len());
        if tensors != offsets {
            let error = PlanError::Count { tensors, offsets };
            return Err(FileError::new(FilePosition::File, FileMistake::Plan(error)));
        }
        let keeps = |column: &usize| Some(*column) != table.columns.offset;
        let mut fields = Fields::to(output);
        let mut kept = (0..table.header.len()).filter(keeps);
        kept.try_for_each(|column| fields.text(&table.header[column]))?;
        fields.text("offset")?;
        fields.end()?;
        let mut rows = table.rows();
        for offset in &self.offsets {
            let Some(row) = rows.advance()? else { break };
            let mut kept = (0..table.header.len()).filter(keeps);
            kept.try_for_each(|column| fields.text(row.field(column)))?;
            fields.number(offset)?;
            fields.end()?;
        }
        fields.finish()
    }
}

/// One row for each tensor that has bytes of its own, with an offset at its end where there are offsets.
fn write_rows(
    lifetimes: &Lifetimes,
    offsets: Option<&[u64]>,
    output: impl Write,
) -> Result<(), FileError> {
    let rows = lifetimes.rows();
    let has_fixed = rows.iter().any(|row| row.fixed_offset.is_some());
    let mut fields = Fields::to(output);
    let header = ["id", "lower", "upper", "size", "alignment"].into_iter();
    header
        .chain(has_fixed.then_some("fixed_offset"))
        .chain(offsets.map(|_| "offset"))
        .try_for_each(|name| fields.text(name))?;
    fields.end()?;
    for (i, (_, name, row)) in lifetimes.iter().enumerate() {
        if row.within.is_some() {
            continue;
        }
        fields.text(name)?;
        fields.number(row.lower)?;
        fields.number(row.upper)?;
        fields.number(row.size)?;
        fields.number(row.alignment)?;
        match row.fixed_offset {
            Some(fixed) => fields.number(fixed)?,
            None if has_fixed => fields.text("")?,
            None => {}
        }
        if let Some(offsets) = offsets {
            fields.number(offsets[i])?;
        }
        fields.end()?;
    }
    fields.finish()
}

/// A CSV file with the columns found, its rows not yet read.
struct Table {
    text: Vec<u8>,
    header: StringRecord,
    columns: Columns,
}

struct Columns {
    id: usize,
    lower: usize,
    upper: usize,
    size: usize,
    alignment: Option<usize>,
    fixed_offset: Option<usize>,
    offset: Option<usize>,
}

impl Table {
    fn read(mut input: impl Read) -> Result<Self, FileError> {
        let mut text = Vec::new();
        let unread = input.read_to_end(&mut text).map(drop);
        unread.map_err(|error| malformed(&error.into(), &[]))?;
        let mut reader = reader(&text);
        let header = reader.headers().map_err(|error| malformed(&error, &text));
        let mut header = header?.clone();
        header.trim();
        let columns = Columns::find(&header)?;
        Ok(Self {
            text,
            header,
            columns,
        })
    }

    /// The rows, from the first.
    fn rows(&self) -> Rows<'_> {
        let mut reader = reader(&self.text);
        // Read before (so it cannot fail): else the position of the first row would be the header's.
        let _ = reader.headers();
        Rows {
            text: &self.text,
            reader,
            record: StringRecord::new(),
        }
    }

    fn count(&self) -> Result<usize, FileError> {
        let mut rows = self.rows();
        let mut count = 0;
        while rows.advance()?.is_some() {
            count += 1;
        }
        Ok(count)
    }

    /// The lifetimes of all rows; `visit` sees each row once, in order, and may refuse it.
    fn lifetimes(
        &self,
        mut visit: impl FnMut(&Row<'_>) -> Result<(), FileError>,
    ) -> Result<Lifetimes, FileError> {
        let mut rows = self.rows();
        let mut next = || {
            let Some(row) = rows.advance()? else {
                return Ok(None);
            };
            let named = row.named(&self.columns)?;
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
        match refused {
            Some(error) => Err(error),
            None => taken.map_err(|error| {
                let mistake = FileMistake::Lifetime {
                    id: error.id,
                    mistake: error.mistake,
                };
                FileError::new(self.place_of(error.row), mistake)
            }),
        }
    }

    /// The line of a row, counted from 0.
    fn place_of(&self, row: usize) -> FilePosition {
        let record = reader(&self.text).into_records().nth(row);
        match record {
            Some(Ok(record)) => line(&self.text, record.position()),
            _ => FilePosition::File,
        }
    }
}

/// Nothing is trimmed here: the reader would allocate each record anew for it.
fn reader(text: &[u8]) -> csv::Reader<&[u8]> {
    ReaderBuilder::new().from_reader(text)
}

/// Rows one after the other, in one record.
struct Rows<'t> {
    text: &'t [u8],
    reader: csv::Reader<&'t [u8]>,
    record: StringRecord,
}

impl Rows<'_> {
    fn advance(&mut self) -> Result<Option<Row<'_>>, FileError> {
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
struct Row<'r> {
    text: &'r [u8],
    record: &'r StringRecord,
}

impl Row<'_> {
    fn field(&self, column: usize) -> &str {
        self.record[column].trim()
    }

    fn named(&self, columns: &Columns) -> Result<(String, Lifetime), FileError> {
        let lifetime = Lifetime {
            lower: self.number(columns.lower, "lower", SIGNED)?,
            upper: self.number(columns.upper, "upper", SIGNED)?,
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
        Ok((self.field(columns.id).to_string(), lifetime))
    }

    fn number<T: FromStr>(
        &self,
        index: usize,
        column: &'static str,
        expected: &'static str,
    ) -> Result<T, FileError> {
        self.field(index).parse().map_err(|_| {
            let value = self.field(index).to_string();
            let mistake = FileMistake::BadNumber {
                column,
                value,
                expected,
            };
            FileError::new(line(self.text, self.record.position()), mistake)
        })
    }
}

/// Writes records field by field, the numbers by way of one string.
struct Fields<W: Write> {
    writer: csv::Writer<W>,
    digits: String,
}

impl<W: Write> Fields<W> {
    fn to(output: W) -> Self {
        let writer = csv::Writer::from_writer(output);
        let digits = String::new();
        Self { writer, digits }
    }

    fn text(&mut self, text: &str) -> Result<(), FileError> {
        self.writer.write_field(text).map_err(unwritable)
    }

    fn number(&mut self, number: impl Display) -> Result<(), FileError> {
        self.digits.clear();
        // Writing to a string cannot fail.
        let _ = write!(self.digits, "{number}");
        self.writer.write_field(&self.digits).map_err(unwritable)
    }

    fn end(&mut self) -> Result<(), FileError> {
        let no_more = None::<&[u8]>;
        self.writer.write_record(no_more).map_err(unwritable)
    }

    fn finish(mut self) -> Result<(), FileError> {
        self.writer
            .flush()
            .map_err(|error| unwritable(error.into()))
    }
}

impl Columns {
    fn find(header: &StringRecord) -> Result<Self, FileError> {
        let find = |name: &str| header.iter().position(|column| column == name);
        let need = |name| find(name).ok_or_else(|| missing(header, name));
        Ok(Self {
            id: need("id")?,
            lower: need("lower")?,
            upper: need("upper")?,
            size: need("size")?,
            alignment: find("alignment"),
            fixed_offset: find("fixed_offset"),
            offset: find("offset"),
        })
    }
}

fn missing(header: &StringRecord, column: &'static str) -> FileError {
    let header: Vec<&str> = header.iter().collect();
    let header = header.join(",");
    FileError::new(
        FilePosition::Line(1),
        FileMistake::MissingColumn { column, header },
    )
}

/// The line of a record. The parser's own count is of no use: it is taken before the line breaks that precede the record, so
/// it is too low after an empty line, and by one in a file with CR LF.
fn line(text: &[u8], position: Option<&csv::Position>) -> FilePosition {
    let Some(position) = position else {
        return FilePosition::File;
    };
    let before = (position.byte() as usize).min(text.len());
    let breaks = text[before..]
        .iter()
        .take_while(|b| matches!(b, b'\n' | b'\r'));
    let start = before + breaks.count();
    let lines = text[..start].iter().filter(|&&b| b == b'\n').count();
    FilePosition::Line(1 + lines as u64)
}

fn malformed(error: &csv::Error, text: &[u8]) -> FileError {
    let place = line(text, error.position());
    let mistake = match error.kind() {
        csv::ErrorKind::Io(error) => FileMistake::Unreadable {
            reason: error.to_string(),
        },
        csv::ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => FileMistake::Malformed {
            reason: alloc::format!("{len} fields, expected {expected_len} as in the header"),
        },
        csv::ErrorKind::Utf8 { .. } => FileMistake::Malformed {
            reason: "the text is not UTF-8".to_string(),
        },
        _ => FileMistake::Malformed {
            reason: error.to_string(),
        },
    };
    FileError::new(place, mistake)
}

fn unwritable(error: csv::Error) -> FileError {
    let reason = error.to_string();
    FileError::new(FilePosition::File, FileMistake::Unreadable { reason })
}
