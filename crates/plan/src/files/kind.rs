//! What a file looks like by its first bytes, so that an error can name it.
//!
//! Stands on nothing. This is a guess for messages: no reader trusts it.

use core::fmt;

/// What a file looks like. Made by [`detect`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileKind {
    /// There are no bytes, or nothing but blanks.
    Empty,
    /// A model in ONNX's binary form.
    Onnx,
    /// A model for TensorFlow Lite.
    Tflite,
    /// JSON: an object or an array.
    Json,
    /// A file compressed by gzip.
    Gzip,
    /// A ZIP archive, as PyTorch and NumPy write their files, too.
    Zip,
    /// A file in HDF5, as Keras writes its models.
    Hdf5,
    /// Text in UTF-16.
    Utf16,
    /// A page in HTML or XML, as a server answers instead of a file.
    Html,
    /// A pointer of Git LFS to a file that has not been downloaded.
    GitLfsPointer,
    /// Other binary data.
    Binary,
    /// Other text. CSV is text.
    Text,
}

/// As many bytes are looked at.
const LOOKED_AT: usize = 4096;

/// What a file looks like whose first bytes these are; some kilobytes are enough.
///
/// ```
/// use orionrt_plan::files::{detect, FileKind};
///
/// assert_eq!(detect(b"id,lower,upper,size\n"), FileKind::Text);
/// assert_eq!(detect(b"\x1c\0\0\0TFL3\x14\0"), FileKind::Tflite);
/// assert_eq!(detect(b"<!DOCTYPE html><html>").to_string(), "an HTML page");
/// ```
#[must_use]
pub fn detect(bytes: &[u8]) -> FileKind {
    let bytes = &bytes[..bytes.len().min(LOOKED_AT)];
    let text = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = text.trim_ascii_start();
    let begins = |start: &[u8]| {
        text.get(..start.len())
            .is_some_and(|b| b.eq_ignore_ascii_case(start))
    };
    match bytes {
        _ if text.is_empty() => FileKind::Empty,
        [0x1f, 0x8b, ..] => FileKind::Gzip,
        [b'P', b'K', 3, 4, ..] | [b'P', b'K', 5, 6, ..] => FileKind::Zip,
        [0x89, b'H', b'D', b'F', ..] => FileKind::Hdf5,
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => FileKind::Utf16,
        [_, _, _, _, b'T', b'F', b'L', b'3', ..] => FileKind::Tflite,
        _ if is_onnx(bytes) => FileKind::Onnx,
        _ if begins(b"<!doctype") || begins(b"<html") || begins(b"<?xml") => FileKind::Html,
        _ if begins_json(text) => FileKind::Json,
        _ if begins(b"version https://git-lfs") => FileKind::GitLfsPointer,
        _ if is_utf16(bytes) => FileKind::Utf16,
        _ if bytes.contains(&0) => FileKind::Binary,
        _ => FileKind::Text,
    }
}

/// Whether a text begins as an object or an array of JSON does: in brackets, with a first value or
/// none. A file in TOML or INI begins with a bracket, too, and a name.
fn begins_json(text: &[u8]) -> bool {
    let (mut inside, mut closing) = (text, None);
    while let [bracket @ (b'{' | b'['), rest @ ..] = inside {
        // An object begins with a name.
        if closing == Some(b'}') {
            return false;
        }
        closing = Some(if *bracket == b'{' { b'}' } else { b']' });
        inside = rest.trim_ascii_start();
    }
    let Some(closing) = closing else {
        return false;
    };
    match inside {
        [] | [b'"', ..] => true,
        [first, ..] if *first == closing => true,
        [b'-' | b'0'..=b'9', ..] => closing == b']',
        _ => {
            let literals: [&[u8]; 3] = [b"true", b"false", b"null"];
            let ends = |rest: &[u8]| matches!(rest.trim_ascii_start(), [] | [b',' | b']', ..]);
            let is_literal = |literal: &&[u8]| inside.strip_prefix(*literal).is_some_and(ends);
            closing == b']' && literals.iter().any(is_literal)
        }
    }
}

/// Whether the bytes begin as exporters write a model: with its version (field 1, below 32), and
/// then one of its other fields with a length or a number.
fn is_onnx(bytes: &[u8]) -> bool {
    /// Fields 2 (producer) to 8 (operator sets), each with its type on the wire.
    const NEXT: [u8; 7] = [0x12, 0x1a, 0x22, 0x28, 0x32, 0x3a, 0x42];
    matches!(bytes, [0x08, 1..=31, next, ..] if NEXT.contains(next))
}

/// Whether every second byte is 0, as in English text in UTF-16 without a mark.
fn is_utf16(bytes: &[u8]) -> bool {
    let mut pairs = bytes.chunks_exact(2);
    let is_text = |byte: u8| byte != 0 && byte.is_ascii();
    bytes.len() >= 4
        && (pairs.clone().all(|pair| is_text(pair[0]) && pair[1] == 0)
            || pairs.all(|pair| pair[0] == 0 && is_text(pair[1])))
}

impl fmt::Display for FileKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "an empty file",
            Self::Onnx => "an ONNX model",
            Self::Tflite => "a TensorFlow Lite model",
            Self::Json => "JSON",
            Self::Gzip => "a file compressed by gzip",
            Self::Zip => "a ZIP archive",
            Self::Hdf5 => "an HDF5 file",
            Self::Utf16 => "text in UTF-16",
            Self::Html => "an HTML page",
            Self::GitLfsPointer => "a Git LFS pointer to a file that was not downloaded",
            Self::Binary => "binary data",
            Self::Text => "text",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_named_by_their_first_bytes() {
        let utf16: alloc::vec::Vec<u8> = "id,lower\n"
            .encode_utf16()
            .flat_map(u16::to_le_bytes)
            .collect();
        let nested = [b'['; LOOKED_AT];
        let all: [(&[u8], FileKind); 32] = [
            (b"", FileKind::Empty),
            (b"\xef\xbb\xbf \n", FileKind::Empty),
            (b"\x08\x0a\x12\x07pytorch", FileKind::Onnx),
            (b"\x08\x03:\x10", FileKind::Onnx),
            (b"\x08\x03\x00\x10", FileKind::Binary),
            (b"\x1c\0\0\0TFL3", FileKind::Tflite),
            (b" \n{\"format\": 1}", FileKind::Json),
            (b"\xef\xbb\xbf[1]", FileKind::Json),
            (b"{", FileKind::Json),
            (b"[ ]", FileKind::Json),
            (b"{}", FileKind::Json),
            (b"[[{\"id\"", FileKind::Json),
            (b"[-1, 2]", FileKind::Json),
            (&nested, FileKind::Json),
            (b"[{[", FileKind::Text),
            (b"[{1", FileKind::Text),
            (b"[true, 1]", FileKind::Json),
            (b"[null", FileKind::Json),
            (b"[package]\nname = \"a\"\n", FileKind::Text),
            (b"[[bin]]\nname = \"a\"\n", FileKind::Text),
            (b"[nullable]\n", FileKind::Text),
            (b"{name}, {size}\n", FileKind::Text),
            (b"\x1f\x8b\x08", FileKind::Gzip),
            (b"PK\x03\x04", FileKind::Zip),
            (b"\x89HDF\r\n\x1a\n", FileKind::Hdf5),
            (b"\xff\xfei\0", FileKind::Utf16),
            (&utf16, FileKind::Utf16),
            (b"\n<HTML><head>", FileKind::Html),
            (b"<?xml version=\"1.0\"?>", FileKind::Html),
            (
                b"version https://git-lfs.github.com/spec/v1\n",
                FileKind::GitLfsPointer,
            ),
            (b"ab\0\x01", FileKind::Binary),
            (b"id,lower\n", FileKind::Text),
        ];
        for (bytes, kind) in all {
            assert_eq!(detect(bytes), kind, "{bytes:?}");
        }
    }
}
