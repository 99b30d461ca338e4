//! One column of a CSV file: what stands beside the lifetimes, such as the stream of each tensor.
//!
//! Stands on the reader of CSV. Invariant: there is a text for each row, in their order.

use alloc::{
    string::{String, ToString},
    vec::Vec,
};
use std::io::Read;

use super::csv_reader::Table;
use super::error::FileError;

/// Reads one column of a file that [`Lifetimes::read_csv`](crate::Lifetimes::read_csv) reads: a
/// text for each row, without blanks around it unless it is quoted; `None` if the header has no
/// such column. This is for columns that are not planned, which
/// [`CsvWarning`](super::CsvWarning) names.
///
/// ```
/// use orionrt_plan::files::read_csv_column;
///
/// let text = "id,lower,upper,size,stream\na,0,1,8,copy\nb,1,2,8,compute\n";
/// let streams = read_csv_column(text.as_bytes(), "stream")?;
/// assert_eq!(streams, Some(vec!["copy".to_string(), "compute".to_string()]));
/// assert_eq!(read_csv_column(text.as_bytes(), "color")?, None);
/// # Ok::<(), orionrt_plan::files::FileError>(())
/// ```
///
/// # Errors
/// If the file is no CSV of lifetimes, or a row has not as many fields as the header.
pub fn read_csv_column(input: impl Read, name: &str) -> Result<Option<Vec<String>>, FileError> {
    let table = Table::read(input)?;
    let Some(column) = table.header().iter().position(|column| column == name) else {
        return Ok(None);
    };
    let mut rows = table.rows();
    let mut texts = Vec::new();
    while let Some(row) = rows.advance()? {
        texts.push(row.text(column).to_string());
    }
    Ok(Some(texts))
}
