//! What the environment says about the heap: the variables that begin with `ORIONRT_`.
//!
//! | variable | values |
//! | --- | --- |
//! | `ORIONRT_DECAY` | when free memory goes back: `never`, or a time as `250ms` or `2s` |
//! | `ORIONRT_HUGE_PAGES` | `on-request`, `always`, `off` |
//! | `ORIONRT_LIMIT` | the most memory, in bytes, or as `512K`, `512M`, `2G` |
//! | `ORIONRT_PROFILE` | heap profiles: see [`profile_settings`](crate::profile_settings) |
//! | `ORIONRT_RECORD` | a file to which every call is recorded; `%p` is the process's number |
//! | `ORIONRT_RECORD_LIMIT` | the most bytes of that file, as `ORIONRT_LIMIT`; 1 GiB unless told |
//! | `ORIONRT_RECORD_STACKS` | `1` records stacks, too; `0`, the default, does not |
//! | `ORIONRT_STATS` | statistics when the process exits: `exit` for standard error, or a file |
//!
//! A variable that is not known, or whose value is not understood, is named on standard error once
//! by each process, when the heap is made, and has no effect.
//!
//! Where statistics, profiles and recordings go is kept from then on: a program may overwrite the
//! memory of its environment to change the title that it has in lists of processes.
//!
//! Invariant: nothing here allocates.

use core::str;
use std::sync::{
    OnceLock,
    atomic::{AtomicBool, AtomicUsize, Ordering::Relaxed},
};

use orionrt_alloc::{OrionAlloc, arena::HugePages, heap::Decay, profile::Sampling};
use orionrt_sys::process::warn;

use crate::{
    environment::{MOST_VALUE, absolute, each_variable},
    profile_settings::{ProfileSettings, Refused},
    values::{bytes, period},
};

/// What the names of all variables begin with.
const PREFIX: &[u8] = b"ORIONRT_";

/// Where statistics go when the process exits, once the heap is made.
static STATS: OnceLock<Target> = OnceLock::new();

/// How profiles are made, once the heap is made.
static PROFILE: OnceLock<ProfileSettings> = OnceLock::new();

/// Where recordings go, once the heap is made.
static RECORD: OnceLock<Target> = OnceLock::new();

static ARE_READ: AtomicBool = AtomicBool::new(false);

/// The most bytes of a recording.
static RECORD_BYTES: AtomicUsize = AtomicUsize::new(1 << 30);

/// Whether stacks are recorded, too.
static RECORD_STACKS: AtomicBool = AtomicBool::new(false);

struct Target {
    bytes: [u8; MOST_VALUE],
    len: usize,
}

impl Target {
    /// Of a value that is not too long.
    fn new(value: &[u8]) -> Self {
        let mut bytes = [0; MOST_VALUE];
        bytes[..value.len()].copy_from_slice(value);
        let len = value.len();
        Self { bytes, len }
    }
}

/// The value of `ORIONRT_STATS` when the heap was made.
pub(crate) fn stats_target() -> Option<&'static [u8]> {
    let target = STATS.get()?;
    Some(&target.bytes[..target.len])
}

/// The value of `ORIONRT_RECORD` when the heap was made, as an absolute path.
pub(crate) fn record_target() -> Option<&'static [u8]> {
    let target = RECORD.get()?;
    Some(&target.bytes[..target.len])
}

/// The most bytes of a recording.
pub(crate) fn record_bytes() -> usize {
    RECORD_BYTES.load(Relaxed)
}

/// Whether stacks are recorded, too.
pub(crate) fn record_stacks() -> bool {
    RECORD_STACKS.load(Relaxed)
}

/// How profiles are made, if `ORIONRT_PROFILE` asked for them when the heap was made.
pub(crate) fn profile_settings() -> Option<&'static ProfileSettings> {
    PROFILE.get()
}

/// Whether the environment has been read, which the first allocation does.
pub(crate) fn are_read() -> bool {
    ARE_READ.load(Relaxed)
}

/// Sets a heap up as the environment says.
pub(crate) fn apply(settings: OrionAlloc) -> OrionAlloc {
    ARE_READ.store(true, Relaxed);
    let mut settings = Some(settings);
    each_variable(PREFIX, |name, value| {
        let Some(before) = settings.take() else {
            return;
        };
        settings = Some(match value {
            Some(value) => apply_one(before, name, value),
            None => {
                warn(&[
                    "orionrt: ",
                    text(name),
                    " is too long, expected 4096 bytes at most\n",
                ]);
                before
            }
        });
    });
    settings.unwrap_or_default()
}

fn apply_one(settings: OrionAlloc, name: &[u8], value: &[u8]) -> OrionAlloc {
    let expected = match &name[PREFIX.len()..] {
        b"DECAY" => match decay(value) {
            Some(decay) => return settings.with_decay(decay),
            None => "never, or a time as 250ms or 2s",
        },
        b"HUGE_PAGES" => match huge_pages(value) {
            Some(policy) => return settings.with_huge_pages(policy),
            None => "on-request, always, or off",
        },
        b"LIMIT" => match bytes(value) {
            Some(limit) => return settings.with_limit(limit),
            None => "a number of bytes, as 512M",
        },
        // A privileged program must not write where whoever starts it says.
        b"PROFILE" if is_privileged() => return settings,
        b"PROFILE" => match ProfileSettings::parse(value) {
            Ok(profile) => {
                let every = profile.every;
                PROFILE.get_or_init(|| profile);
                return settings.with_profile(Sampling::every(every));
            }
            Err(Refused { word, expected }) => {
                refuse(name, ": '", word, expected);
                return settings;
            }
        },
        b"RECORD" => match record(value) {
            Some(true) => return settings.observed(),
            Some(false) => return settings,
            None => "a file",
        },
        b"RECORD_LIMIT" => match bytes(value) {
            Some(limit) => {
                RECORD_BYTES.store(limit, Relaxed);
                return settings;
            }
            None => "a number of bytes, as 512M",
        },
        b"RECORD_STACKS" => match value {
            b"0" | b"1" => {
                RECORD_STACKS.store(value == b"1", Relaxed);
                return settings;
            }
            _ => "1 or 0",
        },
        b"STATS" if !value.is_empty() => {
            // It may be known: two threads may both be the first that allocate.
            STATS.get_or_init(|| Target::new(value));
            return settings;
        }
        b"STATS" => "exit, or a file",
        // What the command line finds the library by.
        b"LIBRARY" => return settings,
        _ => {
            warn(&["orionrt: the variable ", text(name), " is not known\n"]);
            return settings;
        }
    };
    refuse(name, " is '", value, expected);
    settings
}

/// Names a variable, and its value or a part of it, on standard error.
fn refuse(name: &[u8], verb: &str, value: &[u8], expected: &str) {
    let (name, value) = (text(name), text(value));
    warn(&[
        "orionrt: ",
        name,
        verb,
        value,
        "', expected ",
        expected,
        "\n",
    ]);
}

/// Whether the process has more rights than whoever started it.
pub(crate) fn is_privileged() -> bool {
    // SAFETY: reads a value that the system has passed to the process.
    unsafe { libc::getauxval(libc::AT_SECURE) != 0 }
}

/// Keeps where recordings go; `false` if there are none, since the process is privileged and must
/// not write where whoever starts it says; `None` if that is no path.
fn record(value: &[u8]) -> Option<bool> {
    if value.is_empty() {
        return None;
    }
    if is_privileged() {
        return Some(false);
    }
    let mut target = Target::new(&[]);
    target.len = absolute(value, &mut target.bytes)?;
    RECORD.get_or_init(|| target);
    Some(true)
}

fn decay(value: &[u8]) -> Option<Decay> {
    if value == b"never" {
        return Some(Decay::Never);
    }
    Some(Decay::After(period(value)?))
}

fn huge_pages(value: &[u8]) -> Option<HugePages> {
    Some(match value {
        b"on-request" => HugePages::OnRequest,
        b"always" => HugePages::Always,
        b"off" => HugePages::Off,
        _ => return None,
    })
}

fn text(bytes: &[u8]) -> &str {
    str::from_utf8(bytes).unwrap_or("(not UTF-8)")
}
