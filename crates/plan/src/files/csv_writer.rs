//! Writing lifetimes and plans as CSV.
//!
//! Stands on the reader, which finds the columns of an input that is to be written again.
//! Invariant: what is written can be read.
//!
//! Only tensors with bytes of their own are written, not those that lie within others. Steps are
//! all that is written of time: a plan that is read back knows nothing of the order of streams.

use alloc::string::String;
use std::io::{Read, Write};

use super::{
    csv_fields::Fields,
    csv_gaps::format_gaps,
    csv_table::CsvTable,
    error::{FileError, FileMistake, FilePosition},
};
use crate::lifetimes::Lifetimes;
use crate::plan::{Plan, PlanError};

impl Lifetimes {
    /// Writes CSV that [`read_csv`](Self::read_csv) reads: `id,lower,upper,size,alignment`, `gaps`
    /// if some tensor has any or has windows, and `fixed_offset` if some offset is fixed.
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
    /// When `output` refuses a write.
    pub fn write_csv(&self, output: impl Write) -> Result<(), FileError> {
        write_rows(self, None, None, output)
    }
}

impl Plan {
    /// Writes the plan as CSV: `id,lower,upper,size,alignment,offset`. Before `offset` comes `gaps`
    /// if some tensor has any or has windows, and `fixed_offset` if some offset is fixed.
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
    /// When `output` refuses a write.
    pub fn write_csv(&self, output: impl Write) -> Result<(), FileError> {
        write_rows(self.lifetimes(), None, Some(self.offsets()), output)
    }

    /// Writes the plan as CSV with all columns of its input, in their order, then `offset`.
    /// Blanks around fields are left out, except in quotes.
    /// `input` is the text that [`Lifetimes::read_csv`] read.
    ///
    /// # Errors
    /// When `input` has another number of tensors than this plan, or `output` refuses a write.
    pub fn write_csv_like(&self, input: impl Read, output: impl Write) -> Result<(), FileError> {
        CsvTable::read(input)?.write_with_offsets(self.offsets(), output)
    }
}

impl CsvTable {
    /// Writes all columns in their order, then `offset`, with these offsets of the rows. Blanks
    /// around fields are left out, except in quotes.
    ///
    /// # Errors
    /// When there are not as many offsets as rows, or `output` refuses a write.
    pub fn write_with_offsets(&self, offsets: &[u64], output: impl Write) -> Result<(), FileError> {
        self.write_with(None, offsets, output)
    }

    /// Writes all columns in their order, then a column of this name and `offset`, with these texts
    /// and offsets of the rows, as [`write_with_offsets`](Self::write_with_offsets) does. A column
    /// of the same name is left out.
    ///
    /// # Errors
    /// When there are not as many texts and offsets as rows, or `output` refuses a write.
    pub fn write_with_column(
        &self,
        name: &str,
        texts: &[String],
        offsets: &[u64],
        output: impl Write,
    ) -> Result<(), FileError> {
        if texts.len() != offsets.len() {
            return Err(self.count_mistake(texts.len(), offsets.len()));
        }
        self.write_with(Some((name, texts)), offsets, output)
    }

    fn count_mistake(&self, tensors: usize, offsets: usize) -> FileError {
        let mistake = FileMistake::Plan(PlanError::Count { tensors, offsets });
        FileError::new(FilePosition::WholeFile, mistake)
    }

    fn write_with(
        &self,
        column: Option<(&str, &[String])>,
        offsets: &[u64],
        output: impl Write,
    ) -> Result<(), FileError> {
        let tensors = self.count()?;
        if tensors != offsets.len() {
            return Err(self.count_mistake(tensors, offsets.len()));
        }
        let header = self.header();
        let is_written_anew = |at: usize| {
            let has_name = column.is_some_and(|(name, _)| &header[at] == name);
            has_name || Some(at) == self.offset_column()
        };
        let kept = (0..header.len()).filter(|&at| !is_written_anew(at));
        let mut fields = Fields::to(output);
        kept.clone()
            .try_for_each(|column| fields.text(&header[column]))?;
        if let Some((name, _)) = column {
            fields.text(name)?;
        }
        fields.text("offset")?;
        fields.end()?;
        let mut rows = self.rows();
        for (index, offset) in offsets.iter().enumerate() {
            let Some(row) = rows.advance()? else { break };
            kept.clone()
                .try_for_each(|column| fields.text(row.text(column)))?;
            if let Some((_, texts)) = column {
                fields.text(&texts[index])?;
            }
            fields.number(offset)?;
            fields.end()?;
        }
        fields.finish()
    }
}

/// One row for each tensor that has bytes of its own, ending with its text in a column of this name
/// and with its offset, if there are any.
pub(crate) fn write_rows(
    lifetimes: &Lifetimes,
    column: Option<(&str, &[String])>,
    offsets: Option<&[u64]>,
    output: impl Write,
) -> Result<(), FileError> {
    let rows = lifetimes.rows();
    let has_fixed = rows.iter().any(|row| row.fixed_offset.is_some());
    let mut with_bytes = lifetimes.iter().filter(|(_, _, row)| row.within.is_none());
    let has_gaps = with_bytes.any(|(id, ..)| {
        lifetimes.gaps(id).next().is_some() || lifetimes.windows_of(id).next().is_some()
    });
    let mut fields = Fields::to(output);
    let header = ["id", "lower", "upper", "size", "alignment"].into_iter();
    header
        .chain(has_gaps.then_some("gaps"))
        .chain(has_fixed.then_some("fixed_offset"))
        .chain(column.map(|(name, _)| name))
        .chain(offsets.map(|_| "offset"))
        .try_for_each(|name| fields.text(name))?;
    fields.end()?;
    for (id, name, row) in lifetimes.iter() {
        if row.within.is_some() {
            continue;
        }
        fields.text(name)?;
        fields.number(row.lower)?;
        fields.number(row.upper)?;
        fields.number(row.size)?;
        fields.number(row.alignment)?;
        if has_gaps {
            let field = format_gaps(lifetimes.gaps(id), lifetimes.windows_of(id));
            fields.text(&field)?;
        }
        match row.fixed_offset {
            Some(fixed) => fields.number(fixed)?,
            None if has_fixed => fields.text("")?,
            None => {}
        }
        if let Some((_, texts)) = column {
            fields.text(&texts[id.index()])?;
        }
        if let Some(offsets) = offsets {
            fields.number(offsets[id.index()])?;
        }
        fields.end()?;
    }
    fields.finish()
}
