//! The arguments of `orionrt demo`.
//!
//! Stands on `clap` and the forms of values.

#![forbid(unsafe_code)]

use std::{fmt, str::FromStr};

use clap::{Args, ValueEnum, builder::RangedU64ValueParser};

use super::values::bytes;
use crate::escape::printable;

const EXAMPLES: &str = "\
Examples:
  orionrt demo
  orionrt demo --iterations 100                  steadier times
  orionrt demo --json
  orionrt demo --capacity 70%                    in less memory than the peak, for added time
  orionrt demo --capacity 2M --way spill         idle tensors go to a file meanwhile
  orionrt demo --capacity 50% --stream-weights   weights count, and stay in a file";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct DemoArgs {
    /// Inferences to time for each network, in both ways in which it runs
    #[arg(long, value_name = "N", default_value_t = 10,
          value_parser = RangedU64ValueParser::<u32>::new().range(1..))]
    pub(crate) iterations: u32,

    /// Run each network within this many bytes, such as 2M, or within this part of its peak, such
    /// as 70%; or within the least that is found to be enough. Beside it, it runs without a limit
    #[arg(long, value_name = "BYTES|PERCENT")]
    pub(crate) capacity: Option<Capacity>,

    /// How to free memory, for --capacity: several are used together; recompute and spill, if none
    /// is given
    #[arg(long = "way", value_enum, value_name = "WAY", requires = "capacity")]
    pub(crate) ways: Vec<Way>,

    /// Count weights as tensors, too, and read them from a file when they are needed
    #[arg(long, requires = "capacity")]
    pub(crate) stream_weights: bool,

    /// Print one JSON object instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

impl DemoArgs {
    /// The ways to free memory, each once.
    pub(crate) fn ways(&self) -> Vec<Way> {
        let default = [Way::Recompute, Way::Spill];
        let is_used = |way: &Way| match self.ways.is_empty() {
            true => default.contains(way),
            false => self.ways.contains(way),
        };
        let all = Way::value_variants().iter().copied();
        all.filter(is_used).collect()
    }
}

/// A way to free the memory of tensors that are idle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Way {
    /// Run operators again to have their results back
    Recompute,
    /// Copy tensors to a memory-mapped file, and back
    Spill,
}

impl Way {
    /// The word for it on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Recompute => "recompute",
            Self::Spill => "spill",
        }
    }
}

/// What a network is to run in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Capacity {
    /// Bytes.
    Bytes(u64),
    /// A part of the network's peak, in percent.
    Percent(u64),
}

impl Capacity {
    /// In bytes, for a network with this peak.
    pub(crate) fn of(self, peak_bytes: u64) -> u64 {
        match self {
            Self::Bytes(bytes) => bytes,
            Self::Percent(percent) => {
                let bytes = u128::from(peak_bytes) * u128::from(percent) / 100;
                u64::try_from(bytes).unwrap_or(u64::MAX)
            }
        }
    }
}

impl FromStr for Capacity {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let Some(number) = text.strip_suffix('%') else {
            return bytes(text).map(Self::Bytes);
        };
        // `parse` takes a sign, too.
        let is_unsigned = number.bytes().all(|byte| byte.is_ascii_digit());
        let percent = number.parse().ok().filter(|_| is_unsigned);
        percent.map(Self::Percent).ok_or_else(|| {
            let text = printable(text);
            format!("'{text}' is not a part of the peak, expected a whole number such as 70%")
        })
    }
}

impl fmt::Display for Capacity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "{bytes}"),
            Self::Percent(percent) => write!(f, "{percent}%"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capacity_is_bytes_or_a_part_of_the_peak() {
        let capacity = |text: &str| text.parse::<Capacity>();
        let parsed = ["4096", "2M", "2MiB", "70%"].map(|text| capacity(text).unwrap());
        let bytes = parsed.map(|capacity| capacity.of(1001));
        assert_eq!(bytes, [4096, 2 << 20, 2 << 20, 700]);
        assert_eq!(capacity("70%").unwrap().of(u64::MAX), u64::MAX / 10 * 7 + 3);
        assert_eq!(parsed.map(|c| c.to_string())[2..], ["2097152", "70%"]);
        for text in ["", "%", "-5%", "+5%", "1.5%", "70 %", "70%%", "much"] {
            assert!(capacity(text).unwrap_err().contains(&format!("'{text}'")));
        }
    }
}
