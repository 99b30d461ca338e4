//! Names that may be any text, as literals of Rust and C and in their comments.
//!
//! Stands on nothing. Invariant: a literal is the name, byte for byte; no name ends the comment
//! that it stands in, or turns the direction of the text.

use alloc::string::String;
use core::fmt::Write;

/// The name as a literal of Rust, with its quotes.
pub(super) fn rust_literal(name: &str) -> String {
    alloc::format!("{name:?}")
}

/// The name in a doc comment of Rust, as code.
pub(super) fn in_rust_doc(name: &str) -> String {
    alloc::format!("`{}`", rust_literal(name).replace('`', "\\u{60}"))
}

/// The name as a literal of C, with its quotes: in ASCII, with UTF-8 in octal.
pub(super) fn c_literal(name: &str) -> String {
    let mut text = String::from("\"");
    for byte in name.bytes() {
        // Writing to a string cannot fail. An octal escape has at most three digits, so what comes
        // behind it is not taken for a part of it; `?` could begin a trigraph.
        let _ = match byte {
            b'"' | b'\\' | b'?' => write!(text, "\\{}", char::from(byte)),
            b' '..=b'~' => write!(text, "{}", char::from(byte)),
            _ => write!(text, "\\{byte:03o}"),
        };
    }
    text.push('"');
    text
}

/// The name in a comment of C, in ASCII.
pub(super) fn in_c_comment(name: &str) -> String {
    let escaped: String = name.escape_default().collect();
    alloc::format!("\"{}\"", escaped.replace('*', "\\x2a"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_leaves_its_literal_or_its_comment() {
        assert_eq!(rust_literal("a\"\\\n\u{202e}é"), r#""a\"\\\n\u{202e}é""#);
        assert_eq!(in_rust_doc("a`\rb"), r#"`"a\u{60}\rb"`"#);
        assert_eq!(c_literal("a\"\\??/é1\n"), r#""a\"\\\?\?/\303\2511\012""#);
        assert_eq!(in_c_comment("a*/ é\n"), r#""a\x2a/ \u{e9}\n""#);
    }
}
