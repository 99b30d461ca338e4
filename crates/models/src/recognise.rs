//! What a file is, from its first bytes.
//!
//! Stands on [`Format`]. Invariant: the bytes decide the format, not the name of the file.

use crate::error::ModelError;
use crate::model::Format;

/// How many bytes are looked at.
pub(crate) const HEAD: usize = 4096;

/// Formats that are not read here, by the bytes at an offset.
const OTHERS: &[(usize, &[u8], &str)] = &[
    (
        0,
        b"PK\x03\x04",
        "a ZIP archive (of PyTorch, Keras or NumPy?)",
    ),
    (0, b"\x1f\x8b", "a gzip archive"),
    (0, b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (0, b"BZh", "a bzip2 archive"),
    (0, b"\xfd7zXZ\0", "an XZ archive"),
    (257, b"ustar", "a tar archive"),
    (0, b"\x89HDF\r\n\x1a\n", "an HDF5 file (of Keras?)"),
    (0, b"GGUF", "a GGUF model (llama.cpp)"),
    (0, b"\x80\x02", "a Python pickle (of PyTorch?)"),
    (0, b"\x80\x03", "a Python pickle"),
    (0, b"\x80\x04", "a Python pickle"),
    (0, b"\x80\x05", "a Python pickle"),
    (0, b"\x93NUMPY", "a NumPy array"),
    (4, b"ORTM", "a model in ONNX Runtime's own format (.ort)"),
    (0, b"\x7fELF", "a program or library (ELF)"),
    (0, b"MZ", "a program or library (Windows)"),
    (0, b"\xcf\xfa\xed\xfe", "a program or library (macOS)"),
    (0, b"\x89PNG", "a picture (PNG)"),
    (0, b"%PDF", "a PDF document"),
    (
        0,
        b"version https://git-lfs",
        "a pointer of Git LFS, not the file itself",
    ),
];

/// The format of a file that begins with `head`: [`HEAD`] bytes, or all that it has.
pub(crate) fn format_of(head: &[u8]) -> Result<Format, ModelError> {
    if head.get(4..8) == Some(b"TFL3") {
        return Ok(Format::Tflite);
    }
    match other(head) {
        Some(looks_like) => Err(ModelError::Format { looks_like }),
        None => Ok(Format::Onnx),
    }
}

fn other(head: &[u8]) -> Option<&'static str> {
    if head.is_empty() {
        return Some("an empty file");
    }
    let has = |&&(at, magic, _): &&(usize, &[u8], &str)| {
        head.get(at..).is_some_and(|rest| rest.starts_with(magic))
    };
    if let Some(&(_, _, name)) = OTHERS.iter().find(has) {
        return Some(name);
    }
    if is_safetensors(head) {
        return Some("a safetensors file: weights without operators");
    }
    if let Some(text) = text(head) {
        return Some(kind_of_text(text));
    }
    match first_field(head) {
        // ModelProto: its numbers and its texts or messages.
        Some((1 | 5, 0) | (2..=4 | 6..=8 | 14 | 20 | 25 | 26, 2)) => None,
        Some((1, 2)) => Some("another protobuf message (of TensorFlow or Caffe?)"),
        _ => Some("data of an unknown format"),
    }
}

/// A header of JSON behind its length.
fn is_safetensors(head: &[u8]) -> bool {
    let Some((length, rest)) = head.split_first_chunk::<8>() else {
        return false;
    };
    u64::from_le_bytes(*length) < 1 << 40 && rest.starts_with(b"{\"")
}

/// The bytes as text, if they are text: a message of protobuf has control characters early on.
fn text(head: &[u8]) -> Option<&str> {
    let text = match std::str::from_utf8(head) {
        Ok(text) => text,
        // The last character may go on behind the head.
        Err(error) if error.error_len().is_none() && head.len() == HEAD => {
            std::str::from_utf8(&head[..error.valid_up_to()]).ok()?
        }
        Err(_) => return None,
    };
    let is_text = |c: char| !c.is_control() || matches!(c, '\t' | '\n' | '\r' | '\u{c}');
    text.chars().all(is_text).then_some(text)
}

fn kind_of_text(text: &str) -> &'static str {
    let text = text.trim_start_matches('\u{feff}').trim_start();
    let begin = |tag: &str| {
        text.get(..tag.len())
            .is_some_and(|begin| begin.eq_ignore_ascii_case(tag))
    };
    if text.is_empty() {
        "an empty text"
    } else if text.starts_with(['{', '[']) {
        "JSON"
    } else if begin("<!doctype html") || begin("<html") {
        "a web page (HTML), not the file itself"
    } else if text.starts_with("<?xml") || text.starts_with("<net") {
        "XML (of OpenVINO?)"
    } else if text.lines().next().is_some_and(|line| line.contains(',')) {
        "CSV"
    } else {
        "text"
    }
}

/// Number and wire type of the first field, if the bytes are a message of protobuf.
fn first_field(head: &[u8]) -> Option<(u8, u8)> {
    // One byte for numbers below 16, two for those below 2048.
    let (&first, rest) = head.split_first()?;
    let number = match first >> 3 {
        low if first < 0x80 => low,
        low => (*rest.first()?).checked_mul(16)?.checked_add(low & 15)?,
    };
    Some((number, first & 7))
}

#[cfg(test)]
mod tests {
    use super::format_of;
    use crate::model::Format;

    fn looks_like(bytes: &[u8]) -> String {
        format_of(bytes).unwrap_err().to_string()
    }

    #[test]
    fn other_files_are_named() {
        for (bytes, name) in [
            (&b""[..], "an empty file"),
            (
                b"PK\x03\x04archive/data.pkl",
                "a ZIP archive (of PyTorch, Keras or NumPy?)",
            ),
            (b"\x89HDF\r\n\x1a\n\0", "an HDF5 file (of Keras?)"),
            (
                b"\x20\0\0\0\0\0\0\0{\"w\":{}}",
                "a safetensors file: weights without operators",
            ),
            (b" {\"plan\": 1}", "JSON"),
            (
                b"<!DOCTYPE html><html>",
                "a web page (HTML), not the file itself",
            ),
            (b"id,lower,upper,size\na,0,1,4\n", "CSV"),
            ("fl\u{fc}chtig".as_bytes(), "text"),
            (b"\x7fELF\x02\x01", "a program or library (ELF)"),
            (b"GGUF\x03\0\0\0", "a GGUF model (llama.cpp)"),
            (
                b"\x0a\x10\x0a\x01x",
                "another protobuf message (of TensorFlow or Caffe?)",
            ),
            (b"\xff\xfe\x00\x01", "data of an unknown format"),
        ] {
            let expected =
                format!("neither an ONNX nor a TensorFlow Lite model: it looks like {name}");
            assert_eq!(looks_like(bytes), expected);
        }
    }

    #[test]
    fn models_are_told_apart_by_their_bytes() {
        assert_eq!(format_of(b"\x1c\0\0\0TFL3").unwrap(), Format::Tflite);
        assert_eq!(format_of(b"\x08\x07:\x00").unwrap(), Format::Onnx);
        // The graph first, with a name; the functions first, whose tag has two bytes.
        assert_eq!(format_of(b"\x3a\x07\x12\x05graph").unwrap(), Format::Onnx);
        assert_eq!(format_of(b"\xca\x01\x00").unwrap(), Format::Onnx);
    }
}
