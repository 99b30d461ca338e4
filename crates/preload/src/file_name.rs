//! Names of files, put together from a pattern in which `%p` is the process's number.
//!
//! Invariant: nothing here allocates.

use core::{ffi::CStr, str};

/// A name that is being put together. Every step is `None` where there is no room for it.
pub(crate) struct FileName<'r> {
    room: &'r mut [u8],
    len: usize,
}

impl<'r> FileName<'r> {
    /// An empty name, with room for so many bytes and the zero at its end.
    pub(crate) fn new(room: &'r mut [u8]) -> Self {
        Self { room, len: 0 }
    }

    pub(crate) fn push(&mut self, bytes: &[u8]) -> Option<()> {
        let end = self.len.checked_add(bytes.len())?;
        self.room.get_mut(self.len..end)?.copy_from_slice(bytes);
        self.len = end;
        Some(())
    }

    /// Adds a dot and a number.
    pub(crate) fn push_number(&mut self, number: u32) -> Option<()> {
        self.push(b".")?;
        self.push(decimal(number, &mut [0; 10]).as_bytes())
    }

    /// Adds a pattern; returns whether it has the process's number.
    pub(crate) fn push_pattern(&mut self, pattern: &[u8], process: u32) -> Option<bool> {
        let (mut rest, mut has_process) = (pattern, false);
        while let Some((&byte, after)) = rest.split_first() {
            if let (b'%', [b'p', after @ ..]) = (byte, after) {
                (rest, has_process) = (after, true);
                self.push(decimal(process, &mut [0; 10]).as_bytes())?;
            } else {
                rest = after;
                self.push(&[byte])?;
            }
        }
        Some(has_process)
    }

    /// The name, which ends with a zero; `None` also if there is another one in it.
    pub(crate) fn finish(mut self) -> Option<&'r CStr> {
        self.push(&[0])?;
        let Self { room, len } = self;
        CStr::from_bytes_with_nul(room.get(..len)?).ok()
    }
}

/// A number's digits.
pub(crate) fn decimal(mut number: u32, place: &mut [u8; 10]) -> &str {
    let mut first = place.len();
    loop {
        first -= 1;
        place[first] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            return str::from_utf8(&place[first..]).unwrap_or_default();
        }
    }
}
