//! A CSV file as a table: its lifetimes, and the columns beside them.
//!
//! Stands on the rows of a file. Invariant: the text is kept, its rows are not: each row is parsed
//! into one record that the next row reuses. So a million tensors cost their text and their
//! [`Lifetimes`].

use alloc::{
    string::{String, ToString},
    sync::Arc,
    vec::Vec,
};
use std::io::Read;

use csv::StringRecord;

use super::csv_columns::{Columns, missing};
use super::csv_rows::{Row, Rows, UNSIGNED, malformed, reader};
use super::csv_warning::CsvWarning;
use super::error::{FileError, FileMistake, FilePosition};
use super::kind::{FileKind, detect};
use crate::ids::TensorId;
use crate::lifetimes::Lifetimes;
use crate::plan::Plan;

const CSV: &str = "CSV with the header id,lower,upper,size";

/// A CSV file of lifetimes that may have more columns than are planned, such as the stream or the
/// device of each tensor. [`Lifetimes::read_csv`] and [`Plan::read_csv`] are for files without.
///
/// ```
/// use orionrt_plan::{Planner, files::CsvTable};
///
/// let text = "id,lower,upper,size,device\na,0,2,8,gpu0\nb,0,2,8,gpu1\nc,2,4,8,gpu0\n";
/// let table = CsvTable::read(text.as_bytes())?;
/// let devices = table.column("device")?.expect("the header has it");
/// let first = table.filtered(|row| devices[row] == "gpu0")?;
/// let plan = Planner::new().plan(&first.lifetimes()?.0)?;
/// assert_eq!((plan.len(), plan.peak()), (2, 8));
/// let mut output = Vec::new();
/// first.write_with_offsets(plan.offsets(), &mut output)?;
/// assert_eq!(output, b"id,lower,upper,size,device,offset\na,0,2,8,gpu0,0\nc,2,4,8,gpu0,0\n");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct CsvTable {
    text: Arc<Vec<u8>>,
    header: StringRecord,
    columns: Columns,
    /// For each row of the file whether it is of the table; all are where there is none.
    kept: Option<Vec<bool>>,
}

impl CsvTable {
    /// Reads a file and finds the columns of its header; its rows are looked at when they are asked
    /// for.
    ///
    /// # Errors
    /// If the file is no CSV with the header of lifetimes.
    pub fn read(mut input: impl Read) -> Result<Self, FileError> {
        let mut text = Vec::new();
        input.read_to_end(&mut text)?;
        match Self::find(&text) {
            Ok((header, columns)) => Ok(Self {
                text: Arc::new(text),
                header,
                columns,
                kept: None,
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

    /// The text of each row in a column, without blanks around it unless it is quoted; `None` if
    /// the header has no such column.
    ///
    /// # Errors
    /// If the header has two such columns, or a row has not as many fields as the header.
    pub fn column(&self, name: &str) -> Result<Option<Vec<String>>, FileError> {
        let columns = self.header.iter().enumerate();
        let mut named = columns.filter(|(_, column)| *column == name);
        let (Some((column, _)), second) = (named.next(), named.next()) else {
            return Ok(None);
        };
        if second.is_some() {
            let columns = [name, name].map(String::from);
            let mistake = FileMistake::DuplicateColumn { columns };
            return Err(FileError::new(FilePosition::Line(1), mistake));
        }
        let mut rows = self.rows();
        let mut texts = Vec::new();
        while let Some(row) = rows.advance()? {
            texts.push(row.text(column).to_string());
        }
        Ok(Some(texts))
    }

    /// The table of some of these rows, which are counted from 0.
    ///
    /// # Errors
    /// If a row has not as many fields as the header.
    pub fn filtered(&self, mut keeps: impl FnMut(usize) -> bool) -> Result<Self, FileError> {
        let mut number = 0;
        let mut keeps_next = || {
            number += 1;
            keeps(number - 1)
        };
        let kept = match &self.kept {
            None => (0..self.count()?).map(|_| keeps_next()).collect(),
            Some(kept) => kept
                .iter()
                .map(|&is_kept| is_kept && keeps_next())
                .collect(),
        };
        Ok(Self {
            kept: Some(kept),
            ..self.clone()
        })
    }

    /// The lifetimes of the rows, and what of the file is not in them.
    ///
    /// # Errors
    /// The first mistake, with its line; see [`FileError`].
    pub fn lifetimes(&self) -> Result<(Lifetimes, Vec<CsvWarning>), FileError> {
        self.visited(|_| Ok(()))
    }

    /// The plan of the rows, which have a column `offset`, and what of the file was not looked at.
    /// The plan is checked.
    ///
    /// # Errors
    /// The first mistake, with its line where it has one; see [`FileError`].
    pub fn plan(&self) -> Result<(Plan, Vec<CsvWarning>), FileError> {
        let Some(column) = self.columns.offset else {
            return Err(missing(&self.header, "offset"));
        };
        let mut offsets = Vec::new();
        let (lifetimes, warnings) = self.visited(|row| {
            offsets.push(row.number(column, "offset", UNSIGNED)?);
            Ok(())
        })?;
        let plan = Plan::new(lifetimes, offsets)
            .map_err(|error| FileError::plan(error, |row| self.position_of(row)))?;
        Ok((plan, warnings))
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
        Rows::of(&self.text, self.kept.as_deref())
    }

    pub(super) fn count(&self) -> Result<usize, FileError> {
        let mut rows = self.rows();
        let mut count = 0;
        while rows.advance()?.is_some() {
            count += 1;
        }
        Ok(count)
    }

    /// The lifetimes of the rows, and what of the file is not in them; `visit` sees each row once,
    /// in order, and may refuse it.
    pub(super) fn visited(
        &self,
        mut visit: impl FnMut(&Row<'_>) -> Result<(), FileError>,
    ) -> Result<(Lifetimes, Vec<CsvWarning>), FileError> {
        let mut rows = self.rows();
        let (mut count, mut gaps, mut windows) = (0, Vec::new(), Vec::new());
        let mut next = || {
            let Some(row) = rows.advance()? else {
                return Ok(None);
            };
            let named = row.named(&self.columns)?;
            let own = row.gaps(&self.columns)?;
            let id = TensorId::from_index(count);
            gaps.extend((!own.gaps.is_empty()).then_some((id, own.gaps)));
            windows.extend((!own.windows.is_empty()).then_some((id, own.windows)));
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
        let taken = taken.and_then(|all| all.with_all_gaps(gaps)?.with_all_windows(windows));
        let lifetimes = taken.map_err(|error| {
            let position = self.position_of(error.row);
            FileError::new(position, FileMistake::Lifetime(error))
        })?;
        Ok((lifetimes, Columns::unknown(&self.header)))
    }

    /// The line of a row, counted from 0.
    pub(super) fn position_of(&self, row: usize) -> FilePosition {
        let mut rows = self.rows();
        for _ in 0..row {
            let _ = rows.advance();
        }
        match rows.advance() {
            Ok(Some(found)) => found.line(),
            _ => FilePosition::WholeFile,
        }
    }
}
