//! Text that comes from files, made harmless for where it is shown: a terminal, a picture, a shell.
//!
//! Stands on nothing. Names, paths and whatever else a file holds may have control characters that
//! move the cursor, line breaks that fake a message, and characters that turn the reading direction
//! around or have no glyph. Invariant: what [`printable`] returns is one line of characters with a
//! glyph, and is valid in XML once `&`, `<` and `>` are escaped; what [`shell_word`] returns is,
//! pasted into a POSIX shell, one word with the original text. (`$'...'`, for characters without a
//! glyph, is POSIX since 2024: bash, ksh and zsh know it, dash does not.)
//!
//! ```text
//! name               printable             shell_word
//! conv 1             conv 1                'conv 1'
//! it's               it's                  'it'\''s'
//! a ESC [2J          a\u{1b}[2J            $'a\033[2J'
//! ```

#![forbid(unsafe_code)]

use std::borrow::Cow;

/// Whether a character has a glyph, and leaves alone what is around it.
pub(crate) fn is_printable(c: char) -> bool {
    match c {
        ' '..='~' => true,
        '\0'..='\u{9f}' => false,
        // The standard library knows the characters without a glyph. It escapes a combining mark
        // only at the beginning of a text, where the mark has nothing to combine with.
        _ => {
            let mut buffer = [0; 8];
            buffer[0] = b'x';
            let length = 1 + c.encode_utf8(&mut buffer[1..]).len();
            let text = std::str::from_utf8(&buffer[..length]).unwrap_or_default();
            text.escape_debug().count() == 2
        }
    }
}

/// The text for a terminal or a picture: characters without a glyph are shown as in Rust, such as
/// `\n` and `\u{202e}`.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    if text.chars().all(is_printable) {
        return text.into();
    }
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        if is_printable(c) {
            shown.push(c);
        } else {
            shown.extend(c.escape_default());
        }
    }
    shown.into()
}

/// The text for XML, whose writer escapes `&`, `<` and `>`: most control characters and U+FFFE are
/// not allowed there in any form.
pub(crate) fn xml_text(text: &str) -> Cow<'_, str> {
    printable(text)
}

/// The text as one word of a POSIX shell, for commands to paste. (No argument can have a NUL.)
pub(crate) fn shell_word(text: &str) -> String {
    let is_plain =
        |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/' | ':' | ',');
    let is_plain_word = |text: &str| !text.is_empty() && text.chars().all(is_plain);
    // `=` has a meaning at the beginning of a word alone.
    let mut parts = text.split('=');
    if parts.next().is_some_and(is_plain_word) && parts.all(|part| part.chars().all(is_plain)) {
        return text.into();
    }
    if text.chars().all(is_printable) {
        return format!("'{}'", text.replace('\'', r"'\''"));
    }
    let mut word = String::from("$'");
    for c in text.chars() {
        match c {
            '\'' | '\\' => word.extend(['\\', c]),
            c if is_printable(c) => word.push(c),
            c => {
                let bytes = c.to_string().into_bytes();
                word.extend(bytes.iter().map(|byte| format!("\\{byte:03o}")));
            }
        }
    }
    word + "'"
}

/// The option that gives a dimension a size, to paste into a command.
pub(crate) fn dim_option(name: &str) -> String {
    // As a word of its own, a name that begins with a dash would be taken for an option.
    let separator = if name.starts_with('-') { "=" } else { " " };
    format!("--dim{separator}{}", shell_word(&format!("{name}=N")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn characters_without_a_glyph_are_escaped_and_all_others_kept() {
        for text in [
            "",
            "conv/1:0",
            "größe 'α' \"β\" \\n <&>",
            "日本語 é e\u{301} 😀",
        ] {
            assert_eq!(printable(text), text);
            assert!(matches!(printable(text), Cow::Borrowed(_)));
        }
        for (text, shown) in [
            ("a\nb\r\t\0", r"a\nb\r\t\u{0}"),
            (
                "\u{1b}[2J\u{7}\u{7f}\u{9b}1m",
                r"\u{1b}[2J\u{7}\u{7f}\u{9b}1m",
            ),
            ("a\u{202e}b\u{2066}\u{200f}", r"a\u{202e}b\u{2066}\u{200f}"),
            (
                "\u{2028}\u{feff}\u{200b}\u{ad}",
                r"\u{2028}\u{feff}\u{200b}\u{ad}",
            ),
            ("\u{fffe}\u{ffff}\u{10ffff}", r"\u{fffe}\u{ffff}\u{10ffff}"),
            ("\u{e0041}\u{e000}\u{a0}", r"\u{e0041}\u{e000}\u{a0}"),
        ] {
            assert_eq!(printable(text), shown);
            assert_eq!(printable(&printable(text)), shown);
        }
    }

    #[test]
    fn whatever_is_printable_is_allowed_in_xml() {
        let all = (0..=u32::from(char::MAX)).filter_map(char::from_u32);
        let allowed =
            |c: char| matches!(c, '\u{20}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}' | '\u{10000}'..);
        assert!(all.filter(|&c| is_printable(c)).all(allowed));
    }

    #[test]
    fn words_are_quoted_where_a_shell_would_change_them() {
        for (text, word) in [
            ("batch=N", "batch=N"),
            ("a.1:b/c,d=N", "a.1:b/c,d=N"),
            ("", "''"),
            ("=N", "'=N'"),
            ("my dim=N", "'my dim=N'"),
            ("$(rm x)`y`", "'$(rm x)`y`'"),
            ("it's", r"'it'\''s'"),
            ("a\\b", r"'a\b'"),
            ("~", "'~'"),
            ("größe", "'größe'"),
            ("a\n'\\\u{1b}\u{202e}", r"$'a\012\'\\\033\342\200\256'"),
        ] {
            assert_eq!(shell_word(text), word);
        }
        assert_eq!(dim_option("batch"), "--dim batch=N");
        assert_eq!(dim_option("-x y"), "--dim='-x y=N'");
    }

    #[cfg(target_os = "linux")]
    #[test]
    fn a_shell_reads_the_word_as_it_was() {
        use std::process::Command;
        let printable = [
            "a b",
            "it's",
            "$(exit 3)`exit 3`\"",
            "!a;b|c&d>e<f#g*?[h]{i,j}~",
            "\\n",
        ];
        let others = [
            "a\n\n",
            "\u{1b}]0;x\u{7}",
            "\r\t",
            "\u{202e}\u{fffe}'\\1",
            "\u{1}1",
        ];
        let all = printable.map(|text| ("sh", text)).into_iter();
        for (shell, text) in all.chain(others.map(|text| ("bash", text))) {
            let command = format!("printf %s {}", shell_word(text));
            let output = Command::new(shell).args(["-c", &command]).output();
            let output = output.expect(shell);
            assert_eq!(String::from_utf8(output.stdout).unwrap(), text, "{command}");
        }
    }
}
