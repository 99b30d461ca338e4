//! The arguments of `orionrt with`.
//!
//! Stands on `clap`, on [`values`](super::values) and on
//! [`profile_setting`](super::profile_setting).

#![forbid(unsafe_code)]

use std::{ffi::OsString, path::PathBuf};

use clap::{
    Args, ValueEnum,
    builder::{OsStringValueParser, TypedValueParser},
};

use super::{
    profile_setting::{ProfileSetting, profile_setting},
    values::bytes,
};

const EXAMPLES: &str = "\
Examples:
  orionrt with python3 infer.py                      Python on OrionRT's heap
  orionrt with --decay never -- redis-server         memory stays with the process
  orionrt with --limit 512M -- ./server              what is beyond is refused
  orionrt with --stats all.json -- make -j2          statistics of every process
  orionrt with --profile heap.pb -- ./server         who allocated: see orionrt profile

The command gets the heap by LD_PRELOAD, and so do the processes that it starts. Statistics of the
command's own process are printed on standard error when it has exited, or a line that says why
there may be none, as after a signal or _exit. The exit status is that of the command.";

/// When the heap uses huge pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum HugePages {
    OnRequest,
    Always,
    Off,
}

impl HugePages {
    /// The value as the library reads it.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::OnRequest => "on-request",
            Self::Always => "always",
            Self::Off => "off",
        }
    }
}

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct WithArgs {
    /// When free memory goes back to the system: never, or a time as 250ms or 2s
    #[arg(long, value_name = "TIME", value_parser = decay)]
    pub(crate) decay: Option<String>,

    /// The most memory, as 512M or 2G; what is beyond it is refused
    #[arg(long, value_name = "BYTES", value_parser = bytes)]
    pub(crate) limit: Option<u64>,

    /// When the heap uses huge pages
    #[arg(long, value_name = "WHEN")]
    pub(crate) huge_pages: Option<HugePages>,

    /// Append the statistics of every process to this file, as JSON if it ends in .json
    #[arg(long, value_name = "FILE", conflicts_with = "has_no_stats")]
    pub(crate) stats: Option<PathBuf>,

    /// Write a heap profile of every process to a file of this name, with the process's number for
    /// %p, or before the ending; or exit, for orionrt.%p.pb; options may follow, as
    /// heap.pb,interval=10s,leaks
    #[arg(
        long,
        value_name = "FILE",
        value_parser = OsStringValueParser::new().try_map(|value| profile_setting(&value))
    )]
    pub(crate) profile: Option<ProfileSetting>,

    /// Print no statistics
    #[arg(long = "no-stats")]
    pub(crate) has_no_stats: bool,

    #[command(flatten)]
    pub(crate) preloaded: PreloadedCommand,
}

/// A command that gets the heap by preloading.
#[derive(Debug, Args)]
pub(crate) struct PreloadedCommand {
    /// The library, where it is not beside this program (also by ORIONRT_LIBRARY)
    #[arg(long, value_name = "FILE", env = "ORIONRT_LIBRARY")]
    pub(crate) library: Option<PathBuf>,

    /// The command and its arguments
    #[arg(
        value_name = "COMMAND",
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    pub(crate) command: Vec<OsString>,
}

/// A time for `ORIONRT_DECAY`.
fn decay(text: &str) -> Result<String, String> {
    let number = text.strip_suffix("ms").or_else(|| text.strip_suffix('s'));
    if text == "never" || number.is_some_and(is_integer) {
        return Ok(text.into());
    }
    Err("expected never, or a time as 250ms or 2s".into())
}

fn is_integer(text: &str) -> bool {
    text.parse::<u64>().is_ok() && text.bytes().all(|byte| byte.is_ascii_digit())
}
