//! Results on stdout and warnings on stderr.
//!
//! Stands on [`escape`](crate::escape). Invariant: JSON and warnings are printed without characters
//! that change a terminal; of the text of a result, that is a duty of who makes it.

#![forbid(unsafe_code)]

use std::{
    io::{self, Write},
    path::Path,
};

use serde::Serialize;
use serde_json::ser::{Formatter, Serializer};

use crate::{
    escape::is_printable,
    failure::{Failure, MAX_LINE, shortened},
};

/// Prints text on stdout. A closed pipe is not a failure: its reader has seen enough.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    print_bytes(text.as_bytes())
}

fn print_bytes(text: &[u8]) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(text);
    match written.and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::Print(error)),
        _ => Ok(()),
    }
}

/// Tells of something in a file that is not taken as it stands there, on stderr. If stderr is
/// closed, nobody wants to know.
pub(crate) fn warn(path: &Path, warning: &dyn std::fmt::Display) {
    let message = format!("{}: {warning}", path.display());
    let _ = writeln!(io::stderr(), "warning: {}", shortened(&message, MAX_LINE));
}

/// Prints one JSON object on stdout, in one line.
pub(crate) fn print_json(object: &impl Serialize) -> Result<(), Failure> {
    let mut text = Vec::new();
    let mut serializer = Serializer::with_formatter(&mut text, Printable);
    let written = object.serialize(&mut serializer);
    written.map_err(|error| Failure::Print(error.into()))?;
    text.push(b'\n');
    print_bytes(&text)
}

/// Compact JSON in which a character without a glyph is an escape sequence, for it may be shown on
/// a terminal.
struct Printable;

impl Formatter for Printable {
    /// Writes a part of a string in which JSON itself would have nothing escaped.
    fn write_string_fragment<W>(&mut self, writer: &mut W, fragment: &str) -> io::Result<()>
    where
        W: ?Sized + Write,
    {
        if fragment.chars().all(is_printable) {
            return writer.write_all(fragment.as_bytes());
        }
        for c in fragment.chars() {
            let mut buffer = [0; 4];
            if is_printable(c) {
                writer.write_all(c.encode_utf8(&mut buffer).as_bytes())?;
            } else {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    write!(writer, "\\u{unit:04x}")?;
                }
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_has_no_character_without_a_glyph_and_the_same_text() {
        let name = "\0\u{1b}[1m\u{7f}\u{9b}\u{202e}\u{2028}\u{fffe}\u{e0041}\"\\ é😀";
        let mut text = Vec::new();
        let mut serializer = Serializer::with_formatter(&mut text, Printable);
        name.serialize(&mut serializer).unwrap();
        let text = String::from_utf8(text).unwrap();
        assert!(text.chars().all(is_printable), "{text:?}");
        assert!(
            text.contains("\\udb40\\udc41") && text.contains("é😀"),
            "{text}"
        );
        assert_eq!(serde_json::from_str::<String>(&text).unwrap(), name);
    }
}
