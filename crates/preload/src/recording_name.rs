//! The name of a recording's file, and memory to put it together in.
//!
//! Invariant: threads may have small stacks, so what is large is in a mapping of its own.

use core::{ffi::CStr, slice};

use orionrt_sys::mapping::Mapping;

use crate::{file_name::FileName, recording_calls::NoFile};

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
        let name = FileName::new(&mut room.bytes()[..MOST_NAME]);
        let name = self.expand(name, attempt);
        f(name.ok_or(NoFile(libc::ENAMETOOLONG))?)
    }

    fn expand<'r>(&self, mut name: FileName<'r>, attempt: u32) -> Option<&'r CStr> {
        let has_process = name.push_pattern(self.pattern, self.process)?;
        let mut suffixes = attempt;
        if !has_process && suffixes > 0 {
            name.push_number(self.process)?;
            suffixes -= 1;
        }
        if suffixes > 0 {
            name.push_number(suffixes)?;
        }
        name.finish()
    }
}
