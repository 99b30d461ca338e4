//! The programs and libraries in memory, as the system lists them: where their code lies, and what
//! their files are called and identified by.
//!
//! Invariant: nothing here allocates. What cannot be read, or is not as expected, is left out.

#![forbid(unsafe_code)]

#[cfg(unix)]
use std::os::unix::fs::FileExt;
use std::{
    fs::File,
    io::{ErrorKind, Read},
};

/// The most bytes of a line of the list: those of a path, and of what is before it.
const MOST_LINE: usize = 4096 + 128;

/// The most bytes of an identifier.
const MOST_BUILD_ID: usize = 64;

/// A piece of memory that holds code.
#[derive(Clone, Copy, Debug)]
pub(super) struct Module<'m> {
    pub(super) start: usize,
    pub(super) end: usize,
    /// What part of the file it is.
    pub(super) offset: u64,
    pub(super) path: &'m [u8],
    /// The identifier that the linker gave the file, in hexadecimal; may be empty.
    pub(super) build_id: &'m [u8],
}

/// What a line is read into. All zero is an empty one.
#[derive(Debug)]
pub(super) struct Line {
    bytes: [u8; MOST_LINE],
    len: usize,
}

/// Whether the system tells of a process in files of `/proc`. Elsewhere that may be a folder that
/// anybody made, and opening a file may allocate.
pub(super) const HAS_PROC: bool = cfg!(any(target_os = "linux", target_os = "android"));

/// Calls `visit` with each piece of memory that holds code, by rising addresses; returns whether
/// these are all. Where the system has no list, that is none.
#[must_use]
pub(super) fn each_module(line: &mut Line, mut visit: impl FnMut(Module<'_>)) -> bool {
    if !HAS_PROC {
        return true;
    }
    let Ok(list) = File::open("/proc/self/maps") else {
        return true;
    };
    let memory = File::open("/proc/self/mem").ok();
    // Where the file begins that the last lines are of.
    let mut file = (0, 0);
    each_line(list, line, |line| {
        let Some(found) = Mapped::parse(line) else {
            return;
        };
        if found.offset == 0 {
            file = (found.inode, found.start);
        }
        if !found.is_code || found.path.is_empty() {
            return;
        }
        let mut hex = [0; 2 * MOST_BUILD_ID];
        let build_id = memory
            .as_ref()
            .filter(|_| file.0 == found.inode)
            .and_then(|memory| build_id(memory, file.1, &mut hex))
            .unwrap_or(&[]);
        visit(Module {
            start: found.start,
            end: found.end,
            offset: found.offset,
            path: found.path,
            build_id,
        });
    })
}

/// Calls `visit` with each line of a list, of which what is too long is cut off; returns whether
/// the list could be read to its end.
fn each_line(mut list: impl Read, line: &mut Line, mut visit: impl FnMut(&[u8])) -> bool {
    let mut chunk = [0; 512];
    line.len = 0;
    loop {
        let read = match list.read(&mut chunk) {
            Ok(0) => return true,
            Ok(read) => read,
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(_) => return false,
        };
        for &byte in &chunk[..read] {
            if byte == b'\n' {
                visit(&line.bytes[..line.len]);
                line.len = 0;
            } else if let Some(place) = line.bytes.get_mut(line.len) {
                *place = byte;
                line.len += 1;
            }
        }
    }
}

/// A line of the list.
#[derive(Debug, PartialEq)]
struct Mapped<'l> {
    start: usize,
    end: usize,
    is_code: bool,
    offset: u64,
    inode: u64,
    path: &'l [u8],
}

impl<'l> Mapped<'l> {
    /// `start-end rwxp offset device inode      path`.
    fn parse(line: &'l [u8]) -> Option<Self> {
        let mut rest = line;
        let mut word = || {
            let end = rest.iter().position(|&byte| byte == b' ');
            let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
            rest = after.trim_ascii_start();
            word
        };
        let (range, access, offset, _, inode) = (word(), word(), word(), word(), word());
        let dash = range.iter().position(|&byte| byte == b'-')?;
        Some(Self {
            start: number(&range[..dash], 16)? as usize,
            end: number(&range[dash + 1..], 16)? as usize,
            is_code: access.get(2) == Some(&b'x'),
            offset: number(offset, 16)?,
            inode: number(inode, 10)?,
            path: rest,
        })
    }
}

fn number(digits: &[u8], radix: u32) -> Option<u64> {
    u64::from_str_radix(core::str::from_utf8(digits).ok()?, radix).ok()
}

/// The identifier of the ELF file that is mapped from `start` on, in hexadecimal digits.
fn build_id<'h>(
    memory: &File,
    start: usize,
    hex: &'h mut [u8; 2 * MOST_BUILD_ID],
) -> Option<&'h [u8]> {
    const NOTES: u32 = 4;
    let start = start as u64;
    let head: [u8; 64] = read(memory, start)?;
    if !head.starts_with(b"\x7fELF\x02\x01") {
        return None;
    }
    let (table, size, count) = (u64_at(&head, 32)?, u16_at(&head, 54)?, u16_at(&head, 56)?);
    for index in 0..count.min(64) {
        let place = table.checked_add(u64::from(index) * u64::from(size))?;
        let entry: [u8; 56] = read(memory, start.checked_add(place)?)?;
        if u32_at(&entry, 0)? != NOTES {
            continue;
        }
        // The file's beginning is mapped up to its first code, notes included.
        let (offset, len) = (u64_at(&entry, 8)?, u64_at(&entry, 32)?);
        let notes: [u8; 512] = read(memory, start.checked_add(offset)?)?;
        let notes = &notes[..len.min(512) as usize];
        if let Some(id) = gnu_build_id(notes) {
            return Some(in_hexadecimal(id, hex));
        }
    }
    None
}

/// The identifier in a list of notes.
fn gnu_build_id(mut notes: &[u8]) -> Option<&[u8]> {
    const BUILD_ID: u32 = 3;
    while notes.len() >= 12 {
        let sizes = [u32_at(notes, 0)? as usize, u32_at(notes, 4)? as usize];
        let kind = u32_at(notes, 8)?;
        let name_end = 12usize.checked_add(sizes[0])?.checked_next_multiple_of(4)?;
        let end = name_end.checked_add(sizes[1])?;
        let name = notes.get(12..)?.get(..sizes[0])?;
        let content = notes.get(name_end..end)?;
        if kind == BUILD_ID && name == b"GNU\0" {
            return Some(content);
        }
        notes = notes.get(end.checked_next_multiple_of(4)?..)?;
    }
    None
}

fn in_hexadecimal<'h>(id: &[u8], hex: &'h mut [u8; 2 * MOST_BUILD_ID]) -> &'h [u8] {
    let id = &id[..id.len().min(MOST_BUILD_ID)];
    for (place, byte) in hex.chunks_exact_mut(2).zip(id) {
        let digit = |digit: u8| b"0123456789abcdef"[usize::from(digit & 15)];
        place.copy_from_slice(&[digit(byte >> 4), digit(*byte)]);
    }
    &hex[..2 * id.len()]
}

/// Reads bytes of this process's memory; `None` if they are not there.
#[cfg(unix)]
fn read<const LEN: usize>(memory: &File, address: u64) -> Option<[u8; LEN]> {
    let mut bytes = [0; LEN];
    memory.read_exact_at(&mut bytes, address).ok()?;
    Some(bytes)
}

/// No other system has a file of a process's memory.
#[cfg(not(unix))]
fn read<const LEN: usize>(_memory: &File, _address: u64) -> Option<[u8; LEN]> {
    None
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_with_spaces_in_paths_and_without_paths() {
        let line = b"7f10-7f30 r-xp 0001a000 fd:01 42                 /opt/a b/c (deleted)";
        let expected = Mapped {
            start: 0x7f10,
            end: 0x7f30,
            is_code: true,
            offset: 0x1a000,
            inode: 42,
            path: b"/opt/a b/c (deleted)",
        };
        assert_eq!(Mapped::parse(line), Some(expected));
        let line = b"10-20 rw-p 00000000 00:00 0 ";
        assert!(Mapped::parse(line).is_some_and(|found| found.path.is_empty()));
        assert_eq!(Mapped::parse(b"10+20 rw-p 00000000 00:00 0"), None);
        assert_eq!(Mapped::parse(b""), None);
    }

    #[test]
    fn the_identifier_is_found_among_other_notes() {
        let note = |kind: u32, name: &[u8], content: &[u8]| {
            let mut note = std::vec::Vec::new();
            for number in [name.len() as u32, content.len() as u32, kind] {
                note.extend(number.to_le_bytes());
            }
            for part in [name, content] {
                note.extend(part);
                note.resize(note.len().next_multiple_of(4), 0);
            }
            note
        };
        let mut notes = note(3, b"Other\0", b"abc");
        assert_eq!(gnu_build_id(&notes), None);
        notes.extend(note(3, b"GNU\0", &[0xde, 0xad, 0x01]));
        let mut hex = [0; 2 * MOST_BUILD_ID];
        let id = gnu_build_id(&notes).unwrap();
        assert_eq!(in_hexadecimal(id, &mut hex), b"dead01");
        for cut in 0..notes.len() - 4 {
            assert_eq!(gnu_build_id(&notes[..cut]), None);
        }
    }

    /// A list that is read a piece at a time, with errors between.
    struct Pieces(std::vec::Vec<Result<&'static [u8], ErrorKind>>);

    impl Read for Pieces {
        fn read(&mut self, bytes: &mut [u8]) -> std::io::Result<usize> {
            let piece = self.0.pop().unwrap_or(Ok(b""))?;
            bytes[..piece.len()].copy_from_slice(piece);
            Ok(piece.len())
        }
    }

    #[test]
    fn a_list_goes_on_after_a_signal_and_is_not_whole_after_an_error() {
        let lines = |last| {
            let mut line = Line {
                bytes: [0; MOST_LINE],
                len: 0,
            };
            let signal = Err(ErrorKind::Interrupted);
            let pieces = Pieces(std::vec![last, Ok(b"c\nd\n"), signal, Ok(b"a\nb")]);
            let mut lines = std::vec::Vec::new();
            let is_whole = each_line(pieces, &mut line, |line| lines.push(line.to_vec()));
            assert_eq!(lines, [&b"a"[..], b"bc", b"d"]);
            is_whole
        };
        assert!(lines(Ok(b"")));
        assert!(!lines(Err(ErrorKind::PermissionDenied)));
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_program_is_among_the_modules() {
        let mut line = Line {
            bytes: [0; MOST_LINE],
            len: 0,
        };
        let here = this_program_is_among_the_modules as fn() as usize;
        let mut found = 0;
        let is_whole = each_module(&mut line, |module| {
            if (module.start..module.end).contains(&here) {
                found += 1;
                assert!(module.path.starts_with(b"/"));
            }
        });
        assert_eq!((found, is_whole), (1, true));
    }
}
