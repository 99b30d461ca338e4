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
//! Stands on [`CsvTable`], which does the work.

use alloc::vec::Vec;
use std::io::Read;

use super::csv_table::CsvTable;
use super::csv_warning::CsvWarning;
use super::error::FileError;
use crate::lifetimes::Lifetimes;
use crate::plan::Plan;

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
    /// that are not known.
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
        CsvTable::read(input)?.lifetimes()
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
        CsvTable::read(input)?.plan()
    }
}
