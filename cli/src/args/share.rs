//! The arguments of `orionrt share`.

#![forbid(unsafe_code)]

use std::{convert::Infallible, path::PathBuf, str::FromStr};

use clap::Args;

use super::{SearchArgs, SourceArgs};

const EXAMPLES: &str = r#"Examples:
  orionrt share detect.onnx label.onnx                          one runs, then the other
  orionrt share detect.onnx label.onnx --schedule any           any two at once: nothing is shared
  orionrt share detect.onnx label.onnx speech.onnx --schedule who.json
  orionrt share detect.onnx label.onnx --output plans           plans/detect.csv, plans/label.csv, plans/shared.json
  orionrt share camera.csv radar.csv --schedule when.json --json

A schedule file names models by their files, without folder and extension ('detect'; a second one is 'detect#2').
It says either which two may run at the same time, all others never do:
  {"together": [["detect", "speech"], ["label", "speech"]]}
or at which steps of a common clock each starts:
  {"starts": {"camera": [0, 100], "radar": [50]}}"#;

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct ShareArgs {
    /// The first model, and how all are read: options for ONNX models are for those among them
    #[command(flatten)]
    pub(crate) source: SourceArgs,

    /// More models
    #[arg(value_name = "INPUT")]
    pub(crate) others: Vec<PathBuf>,

    /// Which models may run at the same time: 'one-at-a-time', 'any', or a JSON file that says so (below)
    #[arg(long, value_name = "WHEN", default_value = "one-at-a-time")]
    pub(crate) schedule: When,

    #[command(flatten)]
    pub(crate) search: SearchArgs,

    /// Write a plan for each model into this folder, NAME.csv with its offsets in the arena, and shared.json with all of them
    #[arg(long, value_name = "DIR")]
    pub(crate) output: Option<PathBuf>,

    /// Print one JSON object instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

/// Which models may run at the same time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum When {
    OneAtATime,
    Any,
    File(PathBuf),
}

impl FromStr for When {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text {
            "one-at-a-time" => Self::OneAtATime,
            "any" => Self::Any,
            file => Self::File(file.into()),
        })
    }
}
