//! The fields of a line: hexadecimal numbers and texts, separated by blanks.
//!
//! Stands on [`error`](super::error). Invariant: an error names the field.

#![forbid(unsafe_code)]

use super::error::HeaptrackError;

/// The fields of a line that have not been read yet.
pub(super) struct Fields<'l> {
    /// The number of the line.
    pub(super) line: u64,
    rest: &'l [u8],
}

impl<'l> Fields<'l> {
    pub(super) fn of(line: u64, rest: &'l [u8]) -> Self {
        Self { line, rest }
    }

    /// The next field, if there is one.
    fn next(&mut self) -> Option<&'l [u8]> {
        self.rest = self.rest.trim_ascii_start();
        let end = self.rest.iter().position(u8::is_ascii_whitespace);
        let (field, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        (!field.is_empty()).then_some(field)
    }

    /// A hexadecimal number, if there is one more field.
    pub(super) fn optional(&mut self, field: &'static str) -> Result<Option<u64>, HeaptrackError> {
        let Some(text) = self.next() else {
            return Ok(None);
        };
        let number = std::str::from_utf8(text).ok().filter(|text| {
            // What else Rust would read: a sign.
            text.bytes().all(|byte| byte.is_ascii_hexdigit())
        });
        let number = number.and_then(|text| u64::from_str_radix(text, 16).ok());
        number.map(Some).ok_or_else(|| {
            let expected = "a hexadecimal number below 2^64";
            self.wrong(field, shown(text), expected)
        })
    }

    /// A hexadecimal number.
    pub(super) fn number(&mut self, field: &'static str) -> Result<u64, HeaptrackError> {
        let number = self.optional(field)?;
        number.ok_or_else(|| self.wrong(field, "missing".into(), "a hexadecimal number"))
    }

    /// A text whose length stands before it, in bytes.
    pub(super) fn sized(&mut self, field: &'static str) -> Result<&'l [u8], HeaptrackError> {
        let length = self.number(field)?;
        let text = self.rest.strip_prefix(b" ").unwrap_or(self.rest);
        let end = usize::try_from(length)
            .ok()
            .filter(|&end| end <= text.len());
        let Some(end) = end else {
            let found = format!("{length} bytes long in a line with {} more", text.len());
            return Err(self.wrong(field, found, "a text that ends within its line"));
        };
        self.rest = &text[end..];
        Ok(&text[..end])
    }

    /// The rest of the line.
    pub(super) fn rest(&mut self) -> &'l [u8] {
        let rest = std::mem::take(&mut self.rest);
        rest.strip_prefix(b" ").unwrap_or(rest)
    }

    /// A text without blanks.
    pub(super) fn word(&mut self, field: &'static str) -> Result<&'l [u8], HeaptrackError> {
        let word = self.next();
        word.ok_or_else(|| self.wrong(field, "missing".into(), "a text"))
    }

    /// An error about a field.
    pub(super) fn wrong(
        &self,
        field: &'static str,
        found: String,
        expected: &'static str,
    ) -> HeaptrackError {
        HeaptrackError::Field {
            line: self.line,
            field,
            found,
            expected,
        }
    }
}

/// The beginning of a text, in quotes.
pub(super) fn shown(text: &[u8]) -> String {
    /// The most bytes that are shown.
    const BYTES: usize = 40;
    let more = if text.len() > BYTES { "..." } else { "" };
    let text = String::from_utf8_lossy(&text[..text.len().min(BYTES)]);
    format!("'{text}{more}'")
}
