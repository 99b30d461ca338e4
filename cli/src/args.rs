//! What can be asked for: the verbs, their options, and how each form of argument is read.
//!
//! Stands on `clap`. Invariant: what has passed is usable as it is: alignments are powers of two, names of
//! strategies exist, plan files have a form that can be written. Anything else is wrong usage, exit status 2.

#![forbid(unsafe_code)]

#[cfg(target_os = "linux")]
mod run;
mod share;

use std::{path::PathBuf, str::FromStr, time::Duration};

use clap::{Args, Parser, Subcommand, ValueEnum, builder::RangedU64ValueParser};
use orionrt::{Planner, planner::Cancel};

#[cfg(target_os = "linux")]
pub(crate) use run::{Mode, RunArgs};
pub(crate) use share::{ShareArgs, When};

/// More threads than this do not help a search, and may be more than the system grants.
const MOST_THREADS: u64 = 256;

/// Memory plans for programs whose allocations are known ahead of time.
///
/// OrionRT learns when every tensor of a model is alive and places all of them in one region with as little peak
/// memory as can be had.
#[derive(Debug, Parser)]
#[command(name = "orionrt", version, after_help = EXAMPLES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

const EXAMPLES: &str = "\
Examples:
  orionrt demo                                   see it run; needs no file
  orionrt plan model.onnx                        how much memory does the model need?
  orionrt plan model.onnx --output plan.json     keep the plan, to load it at run time
  orionrt check plan.json                        is it a valid plan?
  orionrt compare buffers.csv                    which strategy does best?
  orionrt share a.onnx b.onnx                    how much do they need in one arena?
  orionrt run model.onnx                         how fast is it, with its memory planned?

Exit status: 0 done, 1 the input or the plan is bad, 2 wrong usage, 3 the capacity was not reached.";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Plan an ONNX model or a CSV file of lifetimes.
    Plan(PlanArgs),
    /// Verify a plan: nothing overlaps, everything is aligned.
    Check(CheckArgs),
    /// Run every strategy and show what each reaches.
    Compare(CompareArgs),
    /// Plan several models into one arena, where those that never run together have the same bytes.
    Share(ShareArgs),
    /// Run an ONNX model on the system's heap, on OrionRT's, and on planned memory.
    #[cfg(target_os = "linux")]
    Run(RunArgs),
    /// Run three networks with their tensors in planned slots, and on the heap.
    Demo(DemoArgs),
}

const PLAN_EXAMPLES: &str = "\
Examples:
  orionrt plan model.onnx --dim batch=8 --dim sequence=128
  orionrt plan buffers.csv --time-limit 10 --threads 4 --output plan.csv
  orionrt plan buffers.csv --capacity 1048576 && echo it fits
  orionrt plan buffers.csv --nodes 100000 --output plan.csv      the same plan on every machine
  orionrt plan changed.csv --keep plan.csv --output new.csv      move only what cannot stay
  orionrt plan buffers.csv --start-from plan.csv --time-limit 60 --output plan.csv    search on where it ended
  orionrt plan model.onnx --svg plan.svg                         a picture of it
  orionrt plan buffers.csv --strategy greedy-size                one strategy alone
  orionrt plan model.onnx --report                               what is alive when, and what makes the peak
  orionrt plan model.onnx --order memory --json                  run the operators in the order that it prints
  orionrt plan model.onnx --aliasing in-place --output plan.json
                                                                 for an executor that writes results over operands

A CSV file has the header id,lower,upper,size[,alignment][,fixed_offset] and one buffer a line, alive in the
steps lower..upper (upper excluded); sizes are bytes. A buffer with a number in the column fixed_offset is
placed there; an empty field leaves the choice to the planner.

Ctrl-C ends the search, and the best plan found so far is the answer; a second one ends the program.";

#[derive(Debug, Args)]
#[command(after_help = PLAN_EXAMPLES)]
pub(crate) struct PlanArgs {
    #[command(flatten)]
    pub(crate) source: SourceArgs,

    #[command(flatten)]
    pub(crate) search: SearchArgs,

    #[arg(long, value_name = "NAME", default_value = "auto", help = strategy_help())]
    pub(crate) strategy: StrategyName,

    /// Leave what this plan (.csv or .json) has where it is; only what is new, resized or in the way moves
    #[arg(long, value_name = "PLAN")]
    pub(crate) keep: Option<PathBuf>,

    /// Begin the search with this plan (.csv or .json): if it still fits, the result is never above it
    #[arg(long, value_name = "PLAN")]
    pub(crate) start_from: Option<PathBuf>,

    /// Look for any plan with a peak of at most this, and stop there; without one, exit status 3
    #[arg(long, value_name = "BYTES")]
    pub(crate) capacity: Option<u64>,

    /// Write the plan: .csv has the columns of the input and offset, .json has everything; tensors within others (--aliasing) are in .json alone
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PlanFile>,

    /// Draw the plan: steps to the right, offsets upwards, one rectangle a tensor
    #[arg(long, value_name = "FILE")]
    pub(crate) svg: Option<PathBuf>,

    /// Tell of the use over time too: what is alive when, what makes the peak, and what a buddy arena would take without a plan
    #[arg(long)]
    pub(crate) report: bool,

    /// Print one JSON object instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

const CHECK_EXAMPLES: &str = "\
Examples:
  orionrt check plan.csv
  orionrt check plan.json --capacity 1048576 && echo it fits
  orionrt check plans/shared.json                the plan of several models that 'orionrt share' wrote

Exit status: 0 valid, 1 not valid or no plan, 2 wrong usage, 3 valid but above the capacity.";

#[derive(Debug, Args)]
#[command(after_help = CHECK_EXAMPLES)]
pub(crate) struct CheckArgs {
    /// A plan: .json, or CSV with the columns id,lower,upper,size[,alignment][,fixed_offset],offset
    pub(crate) plan: PathBuf,

    /// The peak must be at most this; if it is not, exit status 3
    #[arg(long, value_name = "BYTES")]
    pub(crate) capacity: Option<u64>,

    /// Print one JSON object instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

const COMPARE_EXAMPLES: &str = "\
Examples:
  orionrt compare model.onnx
  orionrt compare model.onnx --aliasing in-place
  orionrt compare buffers.csv --time-limit 10 --json             at most ten seconds for each strategy
  orionrt compare buffers.csv --nodes 100000                     the same peaks on every machine

Ctrl-C ends the search that is under way, and the strategies until then are the answer; a second one ends the
program.";

#[derive(Debug, Args)]
#[command(after_help = COMPARE_EXAMPLES)]
pub(crate) struct CompareArgs {
    #[command(flatten)]
    pub(crate) source: SourceArgs,

    #[command(flatten)]
    pub(crate) search: SearchArgs,

    /// Print one JSON object instead of a table
    #[arg(long)]
    pub(crate) json: bool,
}

const DEMO_EXAMPLES: &str = "\
Examples:
  orionrt demo
  orionrt demo --iterations 100                  steadier times
  orionrt demo --json";

#[derive(Debug, Args)]
#[command(after_help = DEMO_EXAMPLES)]
pub(crate) struct DemoArgs {
    /// Inferences to time for each network, in planned slots and on the heap
    #[arg(long, value_name = "N", default_value_t = 10,
          value_parser = RangedU64ValueParser::<u32>::new().range(1..))]
    pub(crate) iterations: u32,

    /// Print one JSON object instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

/// What to read, and how.
#[derive(Clone, Debug, Args)]
pub(crate) struct SourceArgs {
    /// An ONNX model (.onnx), or a CSV file of lifetimes
    pub(crate) input: PathBuf,

    /// The least alignment of every offset, a power of two [default: 64 for ONNX, 1 for CSV]
    #[arg(long, value_name = "BYTES")]
    pub(crate) alignment: Option<Alignment>,

    /// The number of a symbolic dimension of an ONNX model, such as batch=8; may be repeated
    #[arg(long = "dim", value_name = "NAME=N")]
    pub(crate) dims: Vec<DimSize>,

    /// In which order the operators of an ONNX model run
    #[arg(long, value_name = "ORDER", default_value = "keep")]
    pub(crate) order: Order,

    /// Which tensors of an ONNX model lie within others; the executor must be one that makes use of that
    #[arg(long, value_name = "WHICH", default_value = "off")]
    pub(crate) aliasing: Aliasing,
}

/// An order of operators.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Order {
    /// That of the model
    Keep,
    /// One in which less memory is alive at once; never more than in the model's
    Memory,
}

/// What shares the bytes of other tensors.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Aliasing {
    /// Nothing: every tensor has bytes of its own, and the plan is right for every executor
    Off,
    /// Views: what a reshape or a contiguous slice writes is part of what it reads
    Views,
    /// Views, and results that are written over what their operator reads and nobody needs any more
    InPlace,
}

impl Aliasing {
    /// As it is written on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Views => "views",
            Self::InPlace => "in-place",
        }
    }
}

impl From<Aliasing> for orionrt::Aliasing {
    fn from(aliasing: Aliasing) -> Self {
        match aliasing {
            Aliasing::Off => Self::Off,
            Aliasing::Views => Self::Views,
            Aliasing::InPlace => Self::InPlace,
        }
    }
}

/// How to search.
#[derive(Debug, Args)]
pub(crate) struct SearchArgs {
    /// How long a search may take; the best plan found is the answer
    #[arg(
        long,
        value_name = "SECONDS",
        default_value = "1",
        allow_negative_numbers = true
    )]
    pub(crate) time_limit: Seconds,

    /// End a search after N nodes (one buffer tried at one offset) instead of a time; on one thread, the same plan everywhere
    #[arg(long, value_name = "N", conflicts_with = "time_limit")]
    pub(crate) nodes: Option<u64>,

    /// The seed of random choices
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub(crate) seed: u64,

    /// Search with this many threads
    #[arg(long, value_name = "N", default_value_t = 1,
          value_parser = RangedU64ValueParser::<usize>::new().range(1..=MOST_THREADS))]
    pub(crate) threads: usize,
}

impl SearchArgs {
    /// A planner that searches so, until it is cancelled.
    pub(crate) fn planner(&self, alignment: u64, cancel: &Cancel) -> Planner {
        let planner = match self.nodes {
            Some(nodes) => Planner::new().nodes(nodes),
            None => Planner::new().time_limit(self.time_limit.0),
        };
        planner
            .cancelled_by(cancel)
            .seed(self.seed)
            .threads(self.threads)
            .alignment(alignment)
    }
}

fn strategy_names() -> Vec<String> {
    let all = Planner::strategies();
    all.iter().map(|s| s.name().to_string()).collect()
}

fn strategy_help() -> String {
    format!("How to place: one of {}", strategy_names().join(", "))
}

/// The name of a strategy of the library's.
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
            "there is no strategy '{text}', expected one of {}",
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
        let expected = || format!("'{text}' is no time, expected seconds such as 2 or 0.5");
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
        let expected = || format!("'{text}' is not a power of two, expected 1, 2, 4, ...");
        bytes.map(Self).ok_or_else(expected)
    }
}

/// A symbolic dimension and its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DimSize {
    pub(crate) name: String,
    pub(crate) size: usize,
}

impl FromStr for DimSize {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let expected =
            || format!("'{text}' is not NAME=N, expected a dimension and a number such as batch=8");
        let (name, size) = text.rsplit_once('=').ok_or_else(expected)?;
        let size = size.parse::<usize>().ok().filter(|size| *size > 0);
        let size = size.filter(|_| !name.is_empty()).ok_or_else(expected)?;
        let name = name.into();
        Ok(Self { name, size })
    }
}

/// The two forms of a plan in a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PlanForm {
    Csv,
    Json,
}

/// A file for a plan; its extension says in which form.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct PlanFile {
    pub(crate) path: PathBuf,
    pub(crate) form: PlanForm,
}

impl FromStr for PlanFile {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let path = PathBuf::from(text);
        let extension = path.extension().unwrap_or_default().to_ascii_lowercase();
        let form = match extension.to_str() {
            Some("csv") => PlanForm::Csv,
            Some("json") => PlanForm::Json,
            _ => {
                return Err(format!(
                    "'{text}' has no form of plan as its extension, expected .csv or .json"
                ));
            }
        };
        Ok(Self { path, form })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_definition_holds_together() {
        use clap::CommandFactory;
        Cli::command().debug_assert();
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
    fn a_dimension_is_a_name_and_a_number() {
        let dim = |text: &str| text.parse::<DimSize>().map(|d| (d.name, d.size));
        assert_eq!(dim("batch=8"), Ok(("batch".into(), 8)));
        assert_eq!(dim("a=b=2"), Ok(("a=b".into(), 2)));
        for text in ["batch", "batch=", "=8", "batch=0", "batch=-1", "batch=x"] {
            assert!(dim(text).unwrap_err().contains("NAME=N"), "{text}");
        }
    }

    #[test]
    fn the_extension_says_how_a_plan_is_written() {
        let form = |text: &str| text.parse::<PlanFile>().map(|file| file.form);
        assert_eq!(form("a/plan.csv"), Ok(PlanForm::Csv));
        assert_eq!(form("plan.JSON"), Ok(PlanForm::Json));
        for text in ["plan", "plan.txt", "csv", ".csv", "plan.csv.bak"] {
            assert!(form(text).unwrap_err().contains(".csv or .json"), "{text}");
        }
    }

    #[test]
    fn an_unknown_strategy_is_answered_with_those_there_are() {
        assert_eq!("auto".parse(), Ok(StrategyName("auto".into())));
        let error = "Auto".parse::<StrategyName>().unwrap_err();
        for name in strategy_names() {
            assert!(error.contains(&name), "{error}");
        }
    }
}
