//! Lifetimes and plans as CSV: `id,lower,upper,size[,alignment][,offset]`, one buffer a line.
//!
//! Columns are found by the header's names, in any order; other columns are kept out of the way: a plan is
//! written with the columns of its input in their order, then `offset`. This is the format of MiniMalloc's benchmarks,
//! with an alignment.

use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use core::str::FromStr;
use std::io::{Read, Write};

use csv::{ReaderBuilder, StringRecord, Trim};

use super::{FileError, FileMistake, Place, Plan};
use crate::{lifetimes::Lifetimes, plan::PlanError};

const UNSIGNED: &str = "a whole number from 0 to 2^64 - 1";
const SIGNED: &str = "a whole number from -2^63 to 2^63 - 1";

impl Lifetimes {
    /// Reads CSV with the header `id,lower,upper,size[,alignment]`; alignment is 1 where there is no such column.
    ///
    /// ```
    /// let text = "id,lower,upper,size\nconv1,0,2,1024\nconv2,1,3,2048\n";
    /// let lifetimes = orionrt::Lifetimes::read_csv(text.as_bytes())?;
    /// assert_eq!(lifetimes.load(), 3072);
    ///
    /// let refused = orionrt::Lifetimes::read_csv("id,lower,upper,size\na,0,x,8\n".as_bytes()).unwrap_err();
    /// assert!(refused.to_string().starts_with("line 2: upper is 'x'"));
    /// # Ok::<(), orionrt::FileError>(())
    /// ```
    ///
    /// # Errors
    /// The first mistake, with its line; see [`FileError`].
    pub fn read_csv(input: impl Read) -> Result<Self, FileError> {
        let table = Table::read(input)?;
        table.lifetimes()
    }
}

impl Plan {
    /// Reads a plan in CSV: the columns of [`Lifetimes::read_csv`] and `offset`, and checks it.
    ///
    /// # Errors
    /// The first mistake, with its line where it has one; see [`FileError`].
    pub fn read_csv(input: impl Read) -> Result<Self, FileError> {
        let table = Table::read(input)?;
        let Some(offset) = table.columns.offset else {
            return Err(table.missing("offset"));
        };
        let offsets: Result<Vec<u64>, _> = table
            .rows
            .iter()
            .map(|row| table.number(row, offset, "offset", UNSIGNED))
            .collect();
        let (lifetimes, offsets) = (table.lifetimes()?, offsets?);
        Plan::new(lifetimes, offsets).map_err(|error| {
            let place = table.place_of(&error);
            FileError::new(place, FileMistake::Plan(error))
        })
    }

    /// Writes the plan as CSV: `id,lower,upper,size,alignment,offset`.
    ///
    /// ```
    /// # use orionrt::{Lifetimes, Plan, Planner};
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
        let mut writer = csv::Writer::from_writer(output);
        writer
            .write_record(["id", "lower", "upper", "size", "alignment", "offset"])
            .map_err(unwritable)?;
        for ((_, name, row), offset) in self.lifetimes.iter().zip(&self.offsets) {
            let record = (name, row.lower, row.upper, row.size, row.alignment, offset);
            let (id, lower, upper, size, alignment, offset) = record;
            let numbers = [lower.to_string(), upper.to_string(), size.to_string()];
            let rest = [alignment.to_string(), offset.to_string()];
            let fields = core::iter::once(id.to_string()).chain(numbers).chain(rest);
            writer.write_record(fields).map_err(unwritable)?;
        }
        writer.flush().map_err(|error| unwritable(error.into()))
    }

    /// Writes the plan as CSV with the columns that its input had, in the same order, then `offset`.
    /// `input` is what [`Lifetimes::read_csv`] read.
    ///
    /// # Errors
    /// When `input` is not this plan's, or the writer fails.
    pub fn write_csv_like(&self, input: impl Read, output: impl Write) -> Result<(), FileError> {
        let table = Table::read(input)?;
        if table.rows.len() != self.offsets.len() {
            let error = PlanError::Count {
                tensors: table.rows.len(),
                offsets: self.offsets.len(),
            };
            return Err(FileError::new(Place::File, FileMistake::Plan(error)));
        }
        let mut writer = csv::Writer::from_writer(output);
        let keep = |i: &usize| Some(*i) != table.columns.offset;
        let kept = |row: &StringRecord| -> Vec<String> {
            let fields = (0..row.len()).filter(keep);
            fields.map(|i| row[i].to_string()).collect()
        };
        let mut header = kept(&table.header);
        header.push("offset".to_string());
        writer.write_record(&header).map_err(unwritable)?;
        for (row, offset) in table.rows.iter().zip(&self.offsets) {
            let mut fields = kept(row);
            fields.push(offset.to_string());
            writer.write_record(&fields).map_err(unwritable)?;
        }
        writer.flush().map_err(|error| unwritable(error.into()))
    }
}

/// A CSV file with the columns found, its numbers not yet read.
struct Table {
    text: Vec<u8>,
    header: StringRecord,
    rows: Vec<StringRecord>,
    columns: Columns,
}

struct Columns {
    id: usize,
    lower: usize,
    upper: usize,
    size: usize,
    alignment: Option<usize>,
    offset: Option<usize>,
}

impl Table {
    fn read(mut input: impl Read) -> Result<Self, FileError> {
        let mut text = Vec::new();
        let unread = input.read_to_end(&mut text).map(drop);
        unread.map_err(|error| malformed(&error.into(), &[]))?;
        let mut reader = ReaderBuilder::new().trim(Trim::All).from_reader(&text[..]);
        let header = reader.headers().map_err(|error| malformed(&error, &text))?;
        let header = header.clone();
        let columns = Columns::find(&header)?;
        let rows: Result<Vec<_>, _> = reader.records().collect();
        let rows = rows.map_err(|error| malformed(&error, &text))?;
        Ok(Self {
            text,
            header,
            rows,
            columns,
        })
    }

    fn lifetimes(&self) -> Result<Lifetimes, FileError> {
        let c = &self.columns;
        let parse = |row: &StringRecord| -> Result<(String, i64, i64, u64, u64), FileError> {
            Ok((
                row[c.id].to_string(),
                self.number(row, c.lower, "lower", SIGNED)?,
                self.number(row, c.upper, "upper", SIGNED)?,
                self.number(row, c.size, "size", UNSIGNED)?,
                match c.alignment {
                    Some(column) => self.number(row, column, "alignment", UNSIGNED)?,
                    None => 1,
                },
            ))
        };
        let rows: Result<Vec<_>, _> = self.rows.iter().map(parse).collect();
        Lifetimes::from_rows(rows?).map_err(|error| {
            let place = self
                .rows
                .get(error.row)
                .map_or(Place::File, |row| self.line(row));
            let mistake = FileMistake::Lifetime {
                id: error.id,
                mistake: error.mistake,
            };
            FileError::new(place, mistake)
        })
    }

    fn number<T: FromStr>(
        &self,
        row: &StringRecord,
        index: usize,
        column: &'static str,
        expected: &'static str,
    ) -> Result<T, FileError> {
        row[index].parse().map_err(|_| {
            let value = row[index].to_string();
            let mistake = FileMistake::BadNumber {
                column,
                value,
                expected,
            };
            FileError::new(self.line(row), mistake)
        })
    }

    fn line(&self, row: &StringRecord) -> Place {
        line(&self.text, row.position())
    }

    fn missing(&self, column: &'static str) -> FileError {
        missing(&self.header, column)
    }

    /// The line that a mistake in a plan is about: of two tensors, the later one's.
    fn place_of(&self, error: &PlanError) -> Place {
        let row = match error {
            PlanError::Misaligned { id, .. } | PlanError::OutOfRange { id, .. } => id.index(),
            PlanError::Overlap { ids, .. } => ids[1].index(),
            _ => return Place::File,
        };
        self.rows.get(row).map_or(Place::File, |row| self.line(row))
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
            offset: find("offset"),
        })
    }
}

fn missing(header: &StringRecord, column: &'static str) -> FileError {
    let header: Vec<&str> = header.iter().collect();
    let header = header.join(",");
    FileError::new(
        Place::Line(1),
        FileMistake::MissingColumn { column, header },
    )
}

/// The line of a record. The parser's own count is of no use: it is taken before the line breaks that precede the record, so
/// it is too low after an empty line, and by one in a file with CR LF.
fn line(text: &[u8], position: Option<&csv::Position>) -> Place {
    let Some(position) = position else {
        return Place::File;
    };
    let before = (position.byte() as usize).min(text.len());
    let breaks = text[before..]
        .iter()
        .take_while(|b| matches!(b, b'\n' | b'\r'));
    let start = before + breaks.count();
    let lines = text[..start].iter().filter(|&&b| b == b'\n').count();
    Place::Line(1 + lines as u64)
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
    FileError::new(Place::File, FileMistake::Unreadable { reason })
}
