//! The name of a recording's file, and memory to put it together in.
//!
//! Invariant: threads may have small stacks, so what is large is in a mapping of its own.

use core::{ffi::CStr, slice};

use orionrt_sys::mapping::Mapping;

use crate::recording_calls::NoFile;

/// The most bytes of a name, with the zero at its end.
const MOST_NAME: usize = 4096;

/// Zeros to write to, for as long as this lives.
pub(crate) struct Scratch(Mapping);

impl Scratch {
    /// So many bytes; `None` if there is no memory.
    pub(crate) fn new(bytes: usize) -> Option<Self> {
        let memory = Mapping::reserve(bytes, 1).ok()?;
        memory.commit(0..memory.len()).ok()?;
        Some(Self(memory))
    }

    pub(crate) fn bytes(&mut self) -> &mut [u8] {
        // SAFETY: committed by `new`, and lent once at a time.
        unsafe { slice::from_raw_parts_mut(self.0.base().as_ptr(), self.0.len()) }
    }
}

/// What names are made of.
#[derive(Clone, Copy)]
pub(crate) struct Naming<'a> {
    /// `%p` in it stands for the process's number.
    pub(crate) pattern: &'a [u8],
    pub(crate) process: u32,
}

impl Naming<'_> {
    /// Calls `f` with the name for an attempt, the first of which is 0. The others have the
    /// process's number appended, if it is not in the pattern, then the number of the attempt.
    pub(crate) fn with_name<R>(
        &self,
        attempt: u32,
        f: impl FnOnce(&CStr) -> Result<R, NoFile>,
    ) -> Result<R, NoFile> {
        let mut room = Scratch::new(MOST_NAME).ok_or(NoFile(libc::ENOMEM))?;
        let mut name = Name {
            bytes: room.bytes(),
            len: 0,
        };
        f(name.expand(self, attempt)?)
    }
}

/// A name that is being put together.
struct Name<'r> {
    bytes: &'r mut [u8],
    len: usize,
}

impl Name<'_> {
    fn push(&mut self, bytes: &[u8]) -> Result<(), NoFile> {
        let end = self.len + bytes.len();
        // One byte stays for the zero.
        let place = self.bytes.get_mut(self.len..end);
        let place = place.filter(|_| end < MOST_NAME);
        place
            .ok_or(NoFile(libc::ENAMETOOLONG))?
            .copy_from_slice(bytes);
        self.len = end;
        Ok(())
    }

    fn push_number(&mut self, mut number: u32) -> Result<(), NoFile> {
        let mut digits = [0; 10];
        let mut at = digits.len();
        loop {
            at -= 1;
            digits[at] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                return self.push(&digits[at..]);
            }
        }
    }

    fn expand(&mut self, naming: &Naming, attempt: u32) -> Result<&CStr, NoFile> {
        let Naming { pattern, process } = *naming;
        let mut suffixes = attempt;
        let mut rest = pattern;
        let mut has_process = false;
        while let Some((&byte, others)) = rest.split_first() {
            if byte == b'%' && others.first() == Some(&b'p') {
                self.push_number(process)?;
                (rest, has_process) = (&others[1..], true);
            } else {
                self.push(&[byte])?;
                rest = others;
            }
        }
        if !has_process && suffixes > 0 {
            self.push(b".")?;
            self.push_number(process)?;
            suffixes -= 1;
        }
        if suffixes > 0 {
            self.push(b".")?;
            self.push_number(suffixes)?;
        }
        let bytes = self.bytes.get(..=self.len).unwrap_or_default();
        CStr::from_bytes_with_nul(bytes).map_err(|_| NoFile(libc::EINVAL))
    }
}
