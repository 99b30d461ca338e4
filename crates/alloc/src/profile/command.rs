//! The command that the process was started with, as Linux tells it; elsewhere there is none.
//!
//! Invariant: nothing here allocates. The text is valid UTF-8; what has no room, or cannot be read,
//! is left out.

#![forbid(unsafe_code)]

use std::{fs::File, io::Read};

use super::modules::HAS_PROC;

/// The most bytes of a command that are kept.
const MOST: usize = 1024;

/// The words of a command with a space between each two. All zero is no command.
#[derive(Debug)]
pub(super) struct Command {
    bytes: [u8; MOST],
    len: usize,
}

impl Command {
    /// Reads that of this process.
    pub(super) fn read(&mut self) {
        self.len = 0;
        if !HAS_PROC {
            return;
        }
        // An interruption ends it: it is for people.
        if let Ok(mut file) = File::open("/proc/self/cmdline") {
            while let Ok(more @ 1..) = file.read(&mut self.bytes[self.len..]) {
                self.len += more;
            }
        }
        self.join_words();
    }

    /// Puts a space in the place of the zero behind each word but the last, and question marks in
    /// that of bytes that are not UTF-8.
    fn join_words(&mut self) {
        let bytes = &mut self.bytes[..self.len];
        while let Err(error) = core::str::from_utf8(bytes) {
            let rest = &mut bytes[error.valid_up_to()..];
            let invalid = error.error_len().unwrap_or(rest.len());
            rest[..invalid].fill(b'?');
        }
        let end = bytes.iter().rposition(|&byte| byte != 0);
        self.len = end.map_or(0, |last| last + 1);
        for byte in &mut bytes[..self.len] {
            if *byte == 0 {
                *byte = b' ';
            }
        }
    }

    /// The text; empty if there is none.
    pub(super) fn text(&self) -> &str {
        core::str::from_utf8(&self.bytes[..self.len]).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(bytes: &[u8]) -> Command {
        let mut command = Command {
            bytes: [0; MOST],
            len: bytes.len(),
        };
        command.bytes[..bytes.len()].copy_from_slice(bytes);
        command.join_words();
        command
    }

    #[test]
    fn words_are_joined_and_bytes_that_are_not_text_are_replaced() {
        for (bytes, expected) in [
            (&b"python3\0-c\0print(1)\0"[..], "python3 -c print(1)"),
            (b"a\0\0b\0\0", "a  b"),
            (b"", ""),
            (b"\0", ""),
            (b"caf\xc3\xa9\0\xff\xfe\0", "caf\u{e9} ??"),
            // Cut off in the middle of a character.
            (b"caf\xc3", "caf?"),
            (b"\xe2\x82", "??"),
        ] {
            assert_eq!(command(bytes).text(), expected);
        }
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_command_of_this_process_begins_with_its_program() {
        let mut own = command(b"");
        own.read();
        let first = std::env::args().next().unwrap();
        assert!(own.text().starts_with(&first[..first.len().min(MOST)]));
    }
}
