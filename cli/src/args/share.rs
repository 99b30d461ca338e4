//! The arguments of `orionrt share`.
//!
//! Stands on `source` and `search`.

#![forbid(unsafe_code)]

use std::{convert::Infallible, path::PathBuf, str::FromStr};

use clap::Args;

use super::{search::SearchArgs, source::SourceArgs};

const EXAMPLES: &str = r#"Examples:
  orionrt share detect.onnx label.onnx                      one runs, then the other
  orionrt share detect.onnx label.onnx --schedule any       both may run at once: nothing is shared
  orionrt share detect.onnx label.onnx speech.onnx --schedule pairs.json
  orionrt share camera.csv radar.csv --schedule starts.json --json

A dimension is set in every model that has it, or in one of them alone:
  orionrt share encode.onnx decode.onnx --dim batch=1 --dim decode:length=64

Writes plans/detect.csv, plans/label.csv and plans/shared.json:
  orionrt share detect.onnx label.onnx --output plans

Draws the arena, with each model in a colour of its own:
  orionrt share detect.onnx label.onnx --html arena.html

A schedule file calls models by the names of their files, without folder and extension ('detect';
a second model of that name is 'detect#2'). It lists either the pairs that may run at the same time:
  {"together": [["detect", "speech"], ["label", "speech"]]}
or the steps of a common clock at which each model starts:
  {"starts": {"camera": [0, 100], "radar": [50]}}"#;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ShareArgs {
    // The first model, and how all are read: CSV files ignore the options for models.
    #[command(flatten)]
    pub(crate) source: SourceArgs,

    /// More models
    #[arg(value_name = "INPUT")]
    pub(crate) others: Vec<PathBuf>,

    /// Which models may run at the same time: 'one-at-a-time', 'any', or a JSON file (see below)
    #[arg(long, value_name = "WHEN", default_value = "one-at-a-time")]
    pub(crate) schedule: ScheduleArg,

    #[command(flatten)]
    pub(crate) search: SearchArgs,

    /// Write into this folder NAME.csv for each model, with its offsets in the arena, and
    /// shared.json with all of them
    #[arg(long, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,

    /// Write a page to look at in a browser: the shared arena with the tensors of each model in a
    /// colour of its own, beside a region for each
    #[arg(long, value_name = "FILE")]
    pub(crate) html: Option<PathBuf>,

    /// Print one JSON object instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which models may run at the same time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ScheduleArg {
    OneAtATime,
    Any,
    File(PathBuf),
}

impl FromStr for ScheduleArg {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text {
            "one-at-a-time" => Self::OneAtATime,
            "any" => Self::Any,
            file => Self::File(file.into()),
        })
    }
}
