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
//! The command line refuses what is refused here: `tests/profile_values.txt` has cases for both.
//!
//! Invariant: nothing here allocates.

use core::{ffi::c_int, time::Duration};

use crate::{
    environment::{MOST_VALUE, absolute},
    values::{bytes, integer, period},
};

const OPTIONS: [&[u8]; 4] = [b"every", b"interval", b"signal", b"leaks"];

/// Why a value is refused.
pub(crate) struct Refused<'v> {
    /// The word that is at fault.
    pub(crate) word: &'v [u8],
    /// What was expected in its place.
    pub(crate) expected: &'static str,
}

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
    /// Of the variable's value. A relative name is made absolute now: the program may go to another
    /// folder.
    pub(crate) fn parse(value: &[u8]) -> Result<Self, Refused<'_>> {
        let mut words = value.split(|&byte| byte == b',');
        let file = words.next().unwrap_or(value);
        let refused = |expected| Refused {
            word: file,
            expected,
        };
        if file.is_empty() {
            return Err(refused("exit or a file before the options"));
        }
        if looks_like_an_option(file) {
            return Err(refused(
                "exit or a file before the options; a file of that name needs ./ before it",
            ));
        }
        // The process's number keeps those of several processes apart.
        let file = if file == b"exit" {
            b"orionrt.%p.pb"
        } else {
            file
        };
        let mut settings = Self {
            file: [0; MOST_VALUE],
            file_len: 0,
            every: 512 << 10,
            interval: None,
            signal: None,
            leaks: false,
        };
        settings.file_len = absolute(file, &mut settings.file)
            .ok_or_else(|| refused("a file whose whole path has at most 4096 bytes"))?;
        for word in words {
            settings
                .set(word)
                .map_err(|expected| Refused { word, expected })?;
        }
        Ok(settings)
    }

    /// Sets one option, or says what was expected.
    fn set(&mut self, word: &[u8]) -> Result<(), &'static str> {
        let equals = word.iter().position(|&byte| byte == b'=');
        let (name, value) = word.split_at(equals.unwrap_or(word.len()));
        let value = value.get(1..).unwrap_or(&[]);
        match name {
            b"every" => {
                let every = bytes(value).filter(|&every| every > 0);
                self.every = every.ok_or("a number of bytes above 0, as every=512K")?;
            }
            b"interval" => {
                let interval = period(value).filter(|period| !period.is_zero());
                let expected = "a time above 0 with its unit, as interval=10s or interval=500ms";
                self.interval = Some(interval.ok_or(expected)?);
            }
            b"signal" => {
                let expected = "signal=USR1, USR2, HUP, or the number of a signal that a process \
                                can handle";
                self.signal = Some(signal(value).ok_or(expected)?);
            }
            b"leaks" if equals.is_none() => self.leaks = true,
            _ => return Err("one of every=512K, interval=10s, signal=USR2, leaks"),
        }
        Ok(())
    }

    /// The file's absolute path, in which `%p` stands for the process's number.
    pub(crate) fn file(&self) -> &[u8] {
        &self.file[..self.file_len]
    }
}

/// Whether whoever wrote this as the first word has most likely left out the file.
fn looks_like_an_option(word: &[u8]) -> bool {
    let name = word.split(|&byte| byte == b'=').next().unwrap_or(word);
    OPTIONS.contains(&name) || bytes(word).is_some() || period(word).is_some()
}

fn signal(value: &[u8]) -> Option<c_int> {
    let name = value.strip_prefix(b"SIG").unwrap_or(value);
    Some(match name {
        b"USR1" => libc::SIGUSR1,
        b"USR2" => libc::SIGUSR2,
        b"HUP" => libc::SIGHUP,
        _ => {
            let number = c_int::try_from(integer(value)?).ok()?;
            let can_be = (1..=libc::SIGRTMAX()).contains(&number);
            let can_be = can_be && number != libc::SIGKILL && number != libc::SIGSTOP;
            can_be.then_some(number)?
        }
    })
}
