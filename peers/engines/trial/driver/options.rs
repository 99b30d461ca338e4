//! What the user asks for.

use std::{num::NonZero, path::PathBuf};

use clap::{Parser, ValueEnum};

/// Runs other people's engines on the system's heap, on OrionAlloc, and replayed on both.
#[derive(Debug, Parser)]
pub(crate) struct Options {
    /// One round of a few small models, for a look.
    #[arg(long)]
    pub(crate) quick: bool,
    /// Rounds; in each, every heap gets a process of its own. CPU time is shown from 3 on.
    #[arg(long, default_value_t = 1)]
    pub(crate) rounds: usize,
    /// Seconds for which a process measures, after it has warmed up.
    #[arg(long, default_value_t = 1.0)]
    pub(crate) seconds: f64,
    /// Passes that a process measures at least: 20 by default, 5 for a quick look, and 1 of a text.
    #[arg(long)]
    pub(crate) iterations: Option<NonZero<usize>>,
    /// Seconds for which a process of the first round runs before page faults count; a quick look
    /// waits for one.
    #[arg(long, default_value_t = 3.0)]
    pub(crate) settle: f64,
    /// Worker threads of the engine; several numbers are measured one after the other.
    #[arg(long, value_delimiter = ',', default_value = "1")]
    pub(crate) threads: Vec<NonZero<usize>>,
    /// Helper threads that a session may use. Without it, the session's default.
    #[arg(long)]
    pub(crate) lanes: Option<usize>,
    /// Only these engines.
    #[arg(
        long,
        value_enum,
        value_delimiter = ',',
        default_value = "rten,candle,burn,objects"
    )]
    pub(crate) engine: Vec<Engine>,
    /// Only workloads whose names contain one of these words.
    #[arg(long, value_delimiter = ',')]
    pub(crate) only: Vec<String>,
    /// All published models, also those that are like another one.
    #[arg(long, conflicts_with = "quick")]
    pub(crate) all: bool,
    /// Where models are kept; by default where the project's own checks keep them.
    #[arg(long, default_value = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../target/published"))]
    pub(crate) models: PathBuf,
    /// All figures as JSON.
    #[arg(long)]
    pub(crate) json: bool,
}

/// An engine of other people, or the programs of many small objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Engine {
    Rten,
    Candle,
    Burn,
    Objects,
}

impl Engine {
    /// The name of its folder and the beginning of its programs' names.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Rten => "rten",
            Self::Candle => "candle",
            Self::Burn => "burn",
            Self::Objects => "objects",
        }
    }
}
