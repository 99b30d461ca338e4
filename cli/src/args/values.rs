//! The forms of values: seconds, sizes, alignments, dimensions, strategies and plan files.
//!
//! Stands on the library for the names of the strategies. Invariant: a value that parses is valid;
//! the message for one that does not parse names it and says what was expected.

#![forbid(unsafe_code)]

use std::{fmt, path::PathBuf, str::FromStr, time::Duration};

use orionrt::Planner;
use orionrt_models::InputValue;

use crate::escape::printable;

/// More threads do not speed a search up, and the system may not grant them.
pub(super) const MAX_THREADS: u64 = 256;

fn strategy_names() -> Vec<String> {
    let all = Planner::strategies();
    all.iter().map(|s| s.name().to_string()).collect()
}

/// The help text of `--strategy`.
pub(super) fn strategy_help() -> String {
    format!(
        "The placement strategy: one of {}",
        strategy_names().join(", ")
    )
}

/// The name of one of the library's strategies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StrategyName(pub(crate) String);

impl FromStr for StrategyName {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names = strategy_names();
        if names.iter().any(|name| name == text) {
            return Ok(Self(text.into()));
        }
        Err(format!(
            "there is no strategy '{}', expected one of {}",
            printable(text),
            names.join(", ")
        ))
    }
}

/// A time in seconds, as a decimal number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Seconds(pub(crate) Duration);

impl FromStr for Seconds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let seconds = text.parse::<f64>().ok();
        let duration = seconds.and_then(|s| Duration::try_from_secs_f64(s).ok());
        let expected = || {
            let text = printable(text);
            format!("'{text}' is not a time, expected seconds such as 2 or 0.5")
        };
        duration.map(Self).ok_or_else(expected)
    }
}

/// A power of two in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Alignment(pub(crate) u64);

impl FromStr for Alignment {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let bytes = text.parse::<u64>().ok().filter(|b| b.is_power_of_two());
        let expected = || {
            let text = printable(text);
            format!("'{text}' is not a power of two, expected 1, 2, 4, ...")
        };
        bytes.map(Self).ok_or_else(expected)
    }
}

/// A number of bytes: `4096`, `256K`, `4M` or `4MiB`, `1G`, in powers of 1024. Every option with a
/// size is read by this.
pub(super) fn bytes(text: &str) -> Result<u64, String> {
    let units = [('K', 1 << 10), ('M', 1 << 20), ('G', 1 << 30)];
    let found = units.into_iter().find_map(|(letter, unit)| {
        let number = text
            .strip_suffix("iB")
            .unwrap_or(text)
            .strip_suffix(letter)?;
        Some((number, unit))
    });
    let (number, unit) = found.unwrap_or((text, 1));
    // `parse` takes a sign, too.
    let is_unsigned = number.bytes().all(|byte| byte.is_ascii_digit());
    let bytes = number.parse::<u64>().ok().filter(|_| is_unsigned);
    let bytes = bytes.and_then(|number| number.checked_mul(unit));
    bytes.ok_or_else(|| {
        let text = printable(text);
        format!("'{text}' is not a number of bytes, expected one such as 4096, 256K or 4M")
    })
}

/// Something that is done so often in a second: at least once. So the time of any number of bytes
/// or operations is finite.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Rate(pub(crate) f64);

/// Bytes in a second: `1.6GB/s`, `800M` or `2e9`, in powers of 1000, or `1.5GiB/s`.
pub(super) fn speed(text: &str) -> Result<Rate, String> {
    let number = text.strip_suffix("/s").unwrap_or(text);
    let rate = scaled(number.strip_suffix('B').unwrap_or(number));
    rate.ok_or_else(|| {
        let text = printable(text);
        format!("'{text}' is not a speed, expected bytes in a second such as 1.6GB/s, at least 1")
    })
}

/// Operations in a second: `20GFLOP/s`, `20G` or `2e10`, in powers of 1000.
pub(super) fn operations(text: &str) -> Result<Rate, String> {
    let units = ["FLOP/s", "FLOPS", "/s"];
    let number = units.iter().find_map(|unit| text.strip_suffix(unit));
    scaled(number.unwrap_or(text)).ok_or_else(|| {
        let text = printable(text);
        format!("'{text}' is not a rate, expected operations in a second such as 20G, at least 1")
    })
}

/// A number of at least 1, with a unit or without.
fn scaled(text: &str) -> Option<Rate> {
    let units = [
        ("Ki", 1024.0),
        ("Mi", 1_048_576.0),
        ("Gi", 1_073_741_824.0),
        ("k", 1e3),
        ("K", 1e3),
        ("M", 1e6),
        ("G", 1e9),
        ("T", 1e12),
    ];
    let found = units
        .into_iter()
        .find_map(|(name, unit)| Some((text.strip_suffix(name)?, unit)));
    let (number, unit) = found.unwrap_or((text, 1.0));
    let rate = number.parse::<f64>().ok()? * unit;
    (rate >= 1.0 && rate.is_finite()).then_some(Rate(rate))
}

/// How tensors are compressed while they are idle: `2.5`, or `2.5:1GB/s`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct CompressArg {
    /// The bytes of a tensor over those of its compressed form, above 1.
    pub(crate) ratio: f64,
    /// The bytes of tensors that are compressed, or expanded, in a second.
    pub(crate) speed: Rate,
}

impl CompressArg {
    /// The speed where none is given, in bytes a second: about that of LZ4.
    const SPEED: Rate = Rate(5e8);
}

impl FromStr for CompressArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (ratio, speed) = match text.split_once(':') {
            Some((ratio, given)) => (ratio, speed(given)?),
            None => (text, Self::SPEED),
        };
        let ratio = ratio.parse::<f64>().ok();
        let ratio = ratio.filter(|ratio| *ratio > 1.0 && ratio.is_finite());
        let ratio = ratio.ok_or_else(|| {
            let text = printable(text);
            format!(
                "'{text}' is not RATIO or RATIO:SPEED, \
                 expected a ratio above 1 such as 2 or 2.5:1GB/s"
            )
        })?;
        Ok(Self { ratio, speed })
    }
}

/// The name of a pool, and its capacity if it has one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PoolArg {
    pub(crate) name: String,
    pub(crate) capacity: Option<u64>,
}

impl FromStr for PoolArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, capacity) = match text.rsplit_once('=') {
            Some((name, size)) => (name, Some(bytes(size)?)),
            None => (text, None),
        };
        if name.is_empty() {
            let text = printable(text);
            return Err(format!(
                "'{text}' is not NAME or NAME=BYTES, expected a pool such as fast=256K"
            ));
        }
        let name = name.into();
        Ok(Self { name, capacity })
    }
}

/// A dimension and its size. Where several models are read, `MODEL:NAME=N` is for one of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DimSize {
    pub(crate) name: String,
    pub(crate) size: u64,
}

impl FromStr for DimSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || {
            let text = printable(text);
            format!("'{text}' is not NAME=N, expected a dimension and a size such as batch=8")
        };
        let (name, size) = text.rsplit_once('=').ok_or_else(expected)?;
        let size = size.parse::<u64>().ok().filter(|size| *size > 0);
        let size = size.filter(|_| !name.is_empty()).ok_or_else(expected)?;
        let name = name.into();
        Ok(Self { name, size })
    }
}

impl fmt::Display for DimSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.name, self.size)
    }
}

/// The value of an input: numbers or truth values, separated by commas.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct InputArg {
    pub(crate) name: String,
    pub(crate) value: InputValue,
    /// The argument as it was given.
    pub(crate) text: String,
}

impl FromStr for InputArg {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected = || {
            let text = printable(text);
            format!(
                "'{text}' is not NAME=VALUE, \
                 expected an input and its elements such as axes=0,2 or training=false"
            )
        };
        let (name, value) = text.rsplit_once('=').ok_or_else(expected)?;
        if name.is_empty() {
            return Err(expected());
        }
        Ok(Self {
            name: name.into(),
            value: elements(value).ok_or_else(expected)?,
            text: text.into(),
        })
    }
}

/// The elements of a value, all of one kind; nothing at all is an empty list.
fn elements(text: &str) -> Option<InputValue> {
    let text = text.trim_start_matches('[').trim_end_matches(']');
    let words: Vec<&str> = text.split(',').map(str::trim).collect();
    if words == [""] {
        return Some(InputValue::Ints(Vec::new()));
    }
    let ints: Option<Vec<i64>> = words.iter().map(|word| word.parse().ok()).collect();
    let bools: Option<Vec<bool>> = words.iter().map(|word| word.parse().ok()).collect();
    let floats: Option<Vec<f64>> = words.iter().map(|word| word.parse().ok()).collect();
    ints.map(InputValue::Ints)
        .or(bools.map(InputValue::Bools))
        .or(floats.map(InputValue::Floats))
}

/// An output that is the new value of an input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct OutputInInput {
    pub(crate) output: String,
    pub(crate) input: String,
}

impl FromStr for OutputInInput {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let names = text.rsplit_once('=');
        let names = names.filter(|(output, input)| !output.is_empty() && !input.is_empty());
        let (output, input) = names.ok_or_else(|| {
            let text = printable(text);
            format!("'{text}' is not OUTPUT=INPUT, expected two tensors such as present=past")
        })?;
        Ok(Self {
            output: output.into(),
            input: input.into(),
        })
    }
}

impl fmt::Display for OutputInInput {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.output, self.input)
    }
}

/// The format of a plan file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PlanFormat {
    Csv,
    Json,
    /// A copy of the TensorFlow Lite model that is planned, with the plan in it.
    Tflite,
}

/// A file for a plan; its extension selects the format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PlanFile {
    pub(crate) path: PathBuf,
    pub(crate) format: PlanFormat,
}

impl FromStr for PlanFile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let path = PathBuf::from(text);
        let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
        let format = match extension.to_str() {
            Some("csv") => PlanFormat::Csv,
            Some("json") => PlanFormat::Json,
            Some("tflite") => PlanFormat::Tflite,
            _ => {
                let text = printable(text);
                return Err(format!(
                    "'{text}' does not end in a format of plans, \
                     expected .csv or .json (or .tflite for a model of that format)"
                ));
            }
        };
        Ok(Self { path, format })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_output_and_its_input_have_names() {
        let parsed: OutputInInput = "present.0=past.0".parse().expect("two names");
        assert_eq!((&*parsed.output, &*parsed.input), ("present.0", "past.0"));
        assert_eq!(parsed.to_string(), "present.0=past.0");
        for text in ["", "present", "present=", "=past"] {
            let error = text.parse::<OutputInInput>().unwrap_err();
            assert!(
                error.starts_with(&format!("'{text}' is not OUTPUT=INPUT")),
                "{error}"
            );
        }
    }

    #[test]
    fn seconds_are_decimal_and_never_negative() {
        let parsed = ["1", "0.25", "0"].map(|text| text.parse::<Seconds>().unwrap().0);
        assert_eq!(parsed.map(|d| d.as_millis()), [1000, 250, 0]);
        for text in ["", "-1", "1s", "nan", "inf", "1e300", "1,5"] {
            let error = text.parse::<Seconds>().unwrap_err();
            assert!(error.contains(&format!("'{text}'")), "{error}");
        }
    }

    #[test]
    fn an_alignment_is_a_power_of_two() {
        let parsed = ["1", "64", "9223372036854775808"].map(|t| t.parse::<Alignment>().unwrap().0);
        assert_eq!(parsed, [1, 64, 1 << 63]);
        for text in ["", "0", "48", "-2", "64B", "18446744073709551616"] {
            assert!(text.parse::<Alignment>().is_err(), "{text}");
        }
    }

    #[test]
    fn bytes_have_units_of_1024() {
        let sizes = ["0", "4096", "256K", "4M", "4MiB", "1G"];
        let parsed = sizes.map(|text| bytes(text).unwrap());
        assert_eq!(parsed, [0, 4096, 256 << 10, 4 << 20, 4 << 20, 1 << 30]);
        let wrong = [
            "",
            "K",
            "-1",
            "+1K",
            "1k",
            "1.5M",
            "1 K",
            "1iB",
            "KiB",
            "99999999999G",
        ];
        for text in wrong {
            let error = bytes(text).unwrap_err();
            assert!(error.contains(&format!("'{text}'")), "{error}");
        }
    }

    #[test]
    fn speeds_and_rates_have_units_of_1000() {
        let parsed = ["1.6GB/s", "800M", "2e9", "1B/s", "1.5GiB/s", "3k/s"];
        let parsed = parsed.map(|text| speed(text).unwrap().0);
        assert_eq!(parsed, [1.6e9, 8e8, 2e9, 1.0, 1.5 * 1_073_741_824.0, 3e3]);
        let parsed = ["20GFLOP/s", "20GFLOPS", "20G", "2e10", "1T"];
        let parsed = parsed.map(|text| operations(text).unwrap().0);
        assert_eq!(parsed, [2e10, 2e10, 2e10, 2e10, 1e12]);
        for text in [
            "", "G", "0", "0.5", "1e-300", "-1G", "nan", "inf", "1e400", "1 GB/s", "1Gb/s", "fast",
        ] {
            assert!(speed(text).unwrap_err().contains(&format!("'{text}'")));
            assert!(operations(text).unwrap_err().contains(&format!("'{text}'")));
        }
    }

    #[test]
    fn compression_is_a_ratio_with_or_without_a_speed() {
        let parsed = |text: &str| {
            text.parse::<CompressArg>()
                .map(|arg| (arg.ratio, arg.speed.0))
        };
        assert_eq!(parsed("2"), Ok((2.0, CompressArg::SPEED.0)));
        assert_eq!(parsed("2.5:1GB/s"), Ok((2.5, 1e9)));
        for text in ["", "1", "0.5", "inf", "nan", "two", ":1G"] {
            assert!(parsed(text).unwrap_err().contains("RATIO"), "{text}");
        }
        assert!(parsed("2:fast").unwrap_err().contains("'fast'"));
    }

    #[test]
    fn a_pool_is_a_name_with_or_without_a_capacity() {
        let pool = |text: &str| {
            text.parse::<PoolArg>()
                .map(|pool| (pool.name, pool.capacity))
        };
        assert_eq!(pool("fast=256K"), Ok(("fast".into(), Some(256 << 10))));
        assert_eq!(pool("slow"), Ok(("slow".into(), None)));
        assert!(pool("=4").unwrap_err().contains("NAME=BYTES"));
        assert!(pool("fast=much").unwrap_err().contains("'much'"));
    }

    #[test]
    fn a_dimension_is_a_name_and_a_positive_number() {
        let dim = |text: &str| text.parse::<DimSize>().map(|d| (d.name, d.size));
        assert_eq!(dim("batch=8"), Ok(("batch".into(), 8)));
        assert_eq!(dim("a=b=2"), Ok(("a=b".into(), 2)));
        for text in ["batch", "batch=", "=8", "batch=0", "batch=-1", "batch=x"] {
            assert!(dim(text).unwrap_err().contains("NAME=N"), "{text}");
        }
    }

    #[test]
    fn an_input_is_a_name_and_elements_of_one_kind() {
        let input = |text: &str| text.parse::<InputArg>().map(|arg| (arg.name, arg.value));
        let ints = |name: &str, ints: &[i64]| Ok((name.into(), InputValue::Ints(ints.into())));
        assert_eq!(input("axes=0,-2"), ints("axes", &[0, -2]));
        assert_eq!(input("axes=[1]"), ints("axes", &[1]));
        assert_eq!(input("axes="), ints("axes", &[]));
        let flag = Ok(("b".into(), InputValue::Bools(vec![true])));
        assert_eq!(input("b=true"), flag);
        let scales = Ok(("s".into(), InputValue::Floats(vec![1.0, 0.5])));
        assert_eq!(input("s=1,0.5"), scales);
        for text in ["axes", "=1", "axes=a", "axes=1,true"] {
            assert!(input(text).unwrap_err().contains("NAME=VALUE"), "{text}");
        }
    }

    #[test]
    fn the_extension_selects_the_format_of_a_plan() {
        let format = |text: &str| text.parse::<PlanFile>().map(|file| file.format);
        assert_eq!(format("a/plan.csv"), Ok(PlanFormat::Csv));
        assert_eq!(format("plan.JSON"), Ok(PlanFormat::Json));
        assert_eq!(format("model.tflite"), Ok(PlanFormat::Tflite));
        for text in ["plan", "plan.txt", "csv", ".csv", "plan.csv.bak"] {
            let error = format(text).unwrap_err();
            assert!(error.contains(".csv or .json"), "{text}");
        }
    }

    #[test]
    fn the_message_for_an_unknown_strategy_lists_the_strategies() {
        assert_eq!("auto".parse(), Ok(StrategyName("auto".into())));
        let error = "Auto".parse::<StrategyName>().unwrap_err();
        for name in strategy_names() {
            assert!(error.contains(&name), "{error}");
        }
    }
}
