//! What `orionrt with --profile` takes: a file, or `exit`, then options behind commas.
//!
//! Invariant: what is accepted here is what the library accepts as `ORIONRT_PROFILE`; the library
//! itself can only say so when the command runs already. Tests of both read
//! `crates/preload/tests/profile_values.txt`. Sizes are read by [`values`](super::values).

#![forbid(unsafe_code)]

use std::{
    ffi::{OsStr, OsString},
    os::unix::ffi::{OsStrExt, OsStringExt},
    path::PathBuf,
};

use super::values::bytes;

const OPTIONS: [&str; 4] = ["every", "interval", "signal", "leaks"];

/// The highest number of a signal.
const MOST_SIGNAL: u64 = 64;

/// Where the profiles of a command go, and how they are made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ProfileSetting {
    /// The file of each process, with `%p` for the process's number.
    pub(crate) file: PathBuf,
    /// The options, each behind a comma.
    pub(crate) options: OsString,
}

/// Reads a value, or names the word that is at fault, and what was expected there.
pub(super) fn profile_setting(value: &OsStr) -> Result<ProfileSetting, String> {
    let mut words = value.as_bytes().split(|&byte| byte == b',');
    let file = words.next().unwrap_or_default();
    let refused = |word: &[u8], expected| {
        let word = String::from_utf8_lossy(word);
        Err(format!("'{word}', expected {expected}"))
    };
    if file.is_empty() {
        return refused(file, "exit or a file before the options");
    }
    if looks_like_an_option(file) {
        let expected = "exit or a file before the options; a file of that name needs ./ before it";
        return refused(file, expected);
    }
    for word in words {
        if let Err(expected) = check_option(&String::from_utf8_lossy(word)) {
            return refused(word, expected);
        }
    }
    let options = &value.as_bytes()[file.len()..];
    Ok(ProfileSetting {
        file: with_process_number(file),
        options: OsStr::from_bytes(options).to_owned(),
    })
}

/// The file, with `%p` before its ending if it is not there: without, processes that become other
/// programs, or start them, would write over each other's.
fn with_process_number(file: &[u8]) -> PathBuf {
    if file == b"exit" {
        return "orionrt.%p.pb".into();
    }
    if file.windows(2).any(|two| two == b"%p") {
        return OsStr::from_bytes(file).into();
    }
    let path = match file.strip_suffix(b".pb") {
        Some(stem) => [stem, b".%p.pb"].concat(),
        None => [file, b".%p"].concat(),
    };
    OsString::from_vec(path).into()
}

/// Whether whoever wrote this as the first word has most likely left out the file.
fn looks_like_an_option(word: &[u8]) -> bool {
    let Ok(word) = std::str::from_utf8(word) else {
        return false;
    };
    let name = word.split('=').next().unwrap_or(word);
    OPTIONS.contains(&name) || bytes(word).is_ok() || milliseconds(word).is_some()
}

/// Checks one option, or says what was expected.
fn check_option(word: &str) -> Result<(), &'static str> {
    let (name, value) = match word.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (word, None),
    };
    let is_above_zero = |number: Option<u64>| number.is_some_and(|number| number > 0);
    let (is_good, expected) = match name {
        "every" => (
            is_above_zero(value.and_then(|size| bytes(size).ok())),
            "a number of bytes above 0, as every=512K",
        ),
        "interval" => (
            is_above_zero(value.and_then(milliseconds)),
            "a time above 0 with its unit, as interval=10s or interval=500ms",
        ),
        "signal" => (
            value.is_some_and(is_signal),
            "signal=USR1, USR2, HUP, or the number of a signal that a process can handle",
        ),
        _ => (
            word == "leaks",
            "one of every=512K, interval=10s, signal=USR2, leaks",
        ),
    };
    if is_good { Ok(()) } else { Err(expected) }
}

fn is_signal(value: &str) -> bool {
    let name = value.strip_prefix("SIG").unwrap_or(value);
    // Nobody can handle KILL and STOP.
    let can_be = |number| (1..=MOST_SIGNAL).contains(&number) && ![9, 19].contains(&number);
    ["USR1", "USR2", "HUP"].contains(&name) || integer(name).is_some_and(can_be)
}

/// A time, as `500ms` or `10s`; the longest ones are all the same.
fn milliseconds(text: &str) -> Option<u64> {
    match text.strip_suffix("ms") {
        Some(number) => integer(number),
        None => Some(integer(text.strip_suffix('s')?)?.saturating_mul(1000)),
    }
}

/// A number without a sign.
fn integer(digits: &str) -> Option<u64> {
    let is_number = digits.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_library_refuses_is_refused() {
        let cases = include_str!("../../../crates/preload/tests/profile_values.txt");
        for line in cases.lines().filter(|line| !line.starts_with('#')) {
            let mut words = line
                .split(' ')
                .map(|word| if word == "_" { "" } else { word });
            let [kind, value, word] = [0; 3].map(|_| words.next().unwrap_or_default());
            let read = profile_setting(value.as_ref());
            match (kind, read) {
                ("accepted", Ok(_)) => {}
                ("refused", Err(message)) => {
                    assert!(message.starts_with(&format!("'{word}', ")), "{message}");
                }
                (_, read) => panic!("{line}: {read:?}"),
            }
        }
    }

    #[test]
    fn the_number_of_the_process_is_in_every_name() {
        for (value, file, options) in [
            ("exit,leaks", "orionrt.%p.pb", ",leaks"),
            ("heap.pb,every=4K", "heap.%p.pb", ",every=4K"),
            ("a/heap", "a/heap.%p", ""),
            ("a/%p-heap.pb", "a/%p-heap.pb", ""),
        ] {
            let read = profile_setting(value.as_ref()).expect("a value");
            let expected = ProfileSetting {
                file: file.into(),
                options: options.into(),
            };
            assert_eq!(read, expected);
        }
    }
}
