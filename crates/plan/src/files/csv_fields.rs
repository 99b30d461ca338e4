//! Fields of CSV: which of them are in quotes, and writing them.
//!
//! Stands on the errors of files. Quotes are those of RFC 4180: a field in quotes may hold
//! anything, with each quote doubled. Invariant: a field that is written is read back as it was,
//! although the reader drops blanks at the ends of fields without quotes.

use alloc::string::String;
use core::fmt::{Display, Write as _};
use std::io::{BufWriter, Write};

use super::error::FileError;

/// Byte order mark: a reader drops one at the beginning of a file.
const BOM: char = '\u{feff}';

/// Whether the field in this column is in quotes, from its first byte to its last. `text` begins
/// with the record, or with the line breaks before it.
pub(super) fn is_quoted(text: &[u8], column: usize) -> bool {
    let is_break = |byte: &u8| matches!(byte, b'\n' | b'\r');
    let mut start = text.iter().take_while(|byte| is_break(byte)).count();
    for _ in 0..column {
        // The separator comes after the field.
        start += length(&text[start.min(text.len())..]) + 1;
    }
    let field = text.get(start..).unwrap_or_default();
    let field = &field[..length(field)];
    field.len() > 1 && field.starts_with(b"\"") && field.ends_with(b"\"")
}

/// The bytes of the first field in `text`, with its quotes.
fn length(text: &[u8]) -> usize {
    let mut end = 0;
    if text.first() == Some(&b'"') {
        end = 1;
        while let Some(quote) = text[end..].iter().position(|byte| *byte == b'"') {
            end += quote + 1;
            if text.get(end) != Some(&b'"') {
                break;
            }
            end += 1;
        }
    }
    let rest = text[end..].iter();
    end + rest
        .take_while(|byte| !matches!(byte, b',' | b'\n' | b'\r'))
        .count()
}

/// Writes records field by field; all numbers are formatted in one string.
pub(super) struct Fields<W: Write> {
    writer: BufWriter<W>,
    digits: String,
    /// Whether the next field is the first of its record.
    is_first: bool,
}

impl<W: Write> Fields<W> {
    pub(super) fn to(output: W) -> Self {
        Self {
            writer: BufWriter::new(output),
            digits: String::new(),
            is_first: true,
        }
    }

    pub(super) fn text(&mut self, text: &str) -> Result<(), FileError> {
        self.separate()?;
        if !needs_quotes(text) {
            return Ok(self.writer.write_all(text.as_bytes())?);
        }
        self.writer.write_all(b"\"")?;
        let mut parts = text.split('"');
        let first = parts.next().unwrap_or_default();
        self.writer.write_all(first.as_bytes())?;
        for part in parts {
            self.writer.write_all(b"\"\"")?;
            self.writer.write_all(part.as_bytes())?;
        }
        Ok(self.writer.write_all(b"\"")?)
    }

    pub(super) fn number(&mut self, number: impl Display) -> Result<(), FileError> {
        self.separate()?;
        self.digits.clear();
        // Writing to a string cannot fail.
        let _ = write!(self.digits, "{number}");
        Ok(self.writer.write_all(self.digits.as_bytes())?)
    }

    /// Ends the record.
    pub(super) fn end(&mut self) -> Result<(), FileError> {
        self.is_first = true;
        Ok(self.writer.write_all(b"\n")?)
    }

    pub(super) fn finish(mut self) -> Result<(), FileError> {
        Ok(self.writer.flush()?)
    }

    fn separate(&mut self) -> Result<(), FileError> {
        if !self.is_first {
            self.writer.write_all(b",")?;
        }
        self.is_first = false;
        Ok(())
    }
}

fn needs_quotes(text: &str) -> bool {
    let is_special = |byte: u8| matches!(byte, b',' | b'"' | b'\n' | b'\r');
    text.trim().len() != text.len() || text.starts_with(BOM) || text.bytes().any(is_special)
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::{format, vec::Vec};
    use proptest::prelude::*;

    #[test]
    fn quotes_are_found_where_they_begin_a_field() {
        let text = b"\r\n\"a,\"\"\nb\",c, \"d\",\"e\",f\"g\",\"h\" ,\"i";
        let quoted: Vec<bool> = (0..8).map(|column| is_quoted(text, column)).collect();
        assert_eq!(
            quoted,
            [true, false, false, true, false, false, false, false]
        );
    }

    proptest! {
        #[test]
        fn fields_are_read_as_they_were_written(
            fields in prop::collection::vec("\\PC*|[ \"\t,\r\na\u{feff}#-]{0,6}", 2..5),
        ) {
            let mut text = Vec::new();
            let mut writer = Fields::to(&mut text);
            for field in &fields {
                writer.text(field).unwrap();
            }
            writer.end().unwrap();
            writer.finish().unwrap();
            let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(&text[..]);
            let record = reader.records().next().unwrap().unwrap();
            let read: Vec<&str> = record.iter().collect();
            prop_assert_eq!(&read, &fields, "{}", format!("{text:?}"));
            for (column, field) in fields.iter().enumerate() {
                prop_assert_eq!(is_quoted(&text, column), needs_quotes(field));
            }
        }
    }
}
