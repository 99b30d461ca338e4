//! What `ORIONRT_PROFILE` says: where profiles go, and how they are made.
//!
//! The first word is `exit` or a file; options follow, each behind a comma:
//!
//! | option | meaning |
//! | --- | --- |
//! | `every=512K` | one sample in so many bytes, on average |
//! | `interval=10s` | a profile every so often, besides the one at exit |
//! | `signal=USR2` | a profile for each signal: `USR1`, `USR2`, `HUP` or a number |
//! | `leaks` | what is live at exit, on standard error |
//!
//! Invariant: nothing here allocates.

use core::{ffi::c_int, time::Duration};

use crate::{
    environment::MOST_VALUE,
    values::{bytes, integer, period},
};

/// What the variable is expected to be.
pub(crate) const EXPECTED: &str =
    "exit or a file, then any of ,every=512K ,interval=10s ,signal=USR2 ,leaks";

/// Where profiles go, and how they are made.
pub(crate) struct ProfileSettings {
    file: [u8; MOST_VALUE],
    file_len: usize,
    /// Bytes from one sample to the next.
    pub(crate) every: usize,
    pub(crate) interval: Option<Duration>,
    pub(crate) signal: Option<c_int>,
    pub(crate) leaks: bool,
}

impl ProfileSettings {
    /// Of the variable's value; `None` if it is not as expected.
    pub(crate) fn parse(value: &[u8]) -> Option<Self> {
        let mut words = value.split(|&byte| byte == b',');
        let file = words.next().filter(|file| !file.is_empty())?;
        // The process's number keeps those of several processes apart.
        let file = if file == b"exit" {
            b"orionrt.%p.pb"
        } else {
            file
        };
        let mut settings = Self {
            file: [0; MOST_VALUE],
            file_len: file.len(),
            every: 512 << 10,
            interval: None,
            signal: None,
            leaks: false,
        };
        settings.file[..file.len()].copy_from_slice(file);
        for word in words {
            let equals = word.iter().position(|&byte| byte == b'=');
            let (name, value) = word.split_at(equals.unwrap_or(word.len()));
            let value = value.get(1..).unwrap_or(&[]);
            match name {
                b"every" => settings.every = bytes(value).filter(|&every| every > 0)?,
                b"interval" => settings.interval = Some(interval(value)?),
                b"signal" => settings.signal = Some(signal(value)?),
                b"leaks" if equals.is_none() => settings.leaks = true,
                _ => return None,
            }
        }
        Some(settings)
    }

    /// The file, in which `%p` stands for the process's number.
    pub(crate) fn file(&self) -> &[u8] {
        &self.file[..self.file_len]
    }
}

/// A time above zero, as `500ms` or `10s`.
fn interval(value: &[u8]) -> Option<Duration> {
    period(value).filter(|period| !period.is_zero())
}

fn signal(value: &[u8]) -> Option<c_int> {
    let name = value.strip_prefix(b"SIG").unwrap_or(value);
    Some(match name {
        b"USR1" => libc::SIGUSR1,
        b"USR2" => libc::SIGUSR2,
        b"HUP" => libc::SIGHUP,
        _ => {
            let number = c_int::try_from(integer(value)?).ok()?;
            (1..=libc::SIGRTMAX()).contains(&number).then_some(number)?
        }
    })
}
