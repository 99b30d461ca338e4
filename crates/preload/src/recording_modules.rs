//! The programs and libraries that the addresses of stacks are in, as the system lists them.
//!
//! Invariant: nothing here allocates. A line that is not as expected is left out.

use core::sync::atomic::{AtomicU64, Ordering};

use crate::{environment::each_line, recording_name::Scratch};

/// How many modules are remembered, so that each is in a recording once, for the most part.
const REMEMBERED: usize = 1024;

static KNOWN: [AtomicU64; REMEMBERED] = [const { AtomicU64::new(0) }; REMEMBERED];

/// The most bytes of a line of the list.
const MOST_LINE: usize = 4096 + 128;

/// Forgets which modules a recording has.
pub(crate) fn begin() {
    for known in &KNOWN {
        known.store(0, Ordering::Relaxed);
    }
}

/// Calls `visit` with each piece of memory that holds the code of a file and is not known yet: its
/// range, the byte of the file at its start, and the path. It is known if `visit` returns `true`.
pub(crate) fn each_new_module(mut visit: impl FnMut([u64; 3], &[u8]) -> bool) {
    let Some(mut room) = Scratch::new(MOST_LINE) else {
        return;
    };
    each_line(c"/proc/self/maps", room.bytes(), |line| {
        let Some((range, path)) = parsed(line) else {
            return;
        };
        let mark = range[0] ^ range[1].rotate_left(24) ^ range[2].rotate_left(48) | 1;
        let known = &KNOWN[(mark.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 54) as usize];
        if known.load(Ordering::Relaxed) != mark && visit(range, path) {
            known.store(mark, Ordering::Relaxed);
        }
    });
}

/// `start-end rwxp offset device inode      path`, if that is code of a file.
fn parsed(line: &[u8]) -> Option<([u64; 3], &[u8])> {
    let mut rest = line;
    let mut word = || {
        let end = rest.iter().position(|&byte| byte == b' ');
        let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
        rest = after.trim_ascii_start();
        word
    };
    let (range, access, offset, _, _) = (word(), word(), word(), word(), word());
    let dash = range.iter().position(|&byte| byte == b'-')?;
    let is_code = access.get(2) == Some(&b'x') && rest.first() == Some(&b'/');
    let [start, end, offset] = [&range[..dash], &range[dash + 1..], offset].map(hexadecimal);
    Some(([start?, end?, offset?], rest)).filter(|_| is_code)
}

fn hexadecimal(digits: &[u8]) -> Option<u64> {
    u64::from_str_radix(core::str::from_utf8(digits).ok()?, 16).ok()
}
