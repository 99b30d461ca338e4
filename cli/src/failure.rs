//! What can go wrong, in the words that a user reads, and the exit status that it has.
//!
//! Stands on the errors of the library and of the loaders. Invariant: a message names the file at fault.

#![forbid(unsafe_code)]

use std::{
    io::{self, Write},
    path::{Path, PathBuf},
    process::ExitCode,
};

use orionrt::{
    ArenaError, files::FileError, graph::GraphError, models::SharingError, planner::PlannerError,
    slots::PoolError,
};

#[cfg(target_os = "linux")]
use crate::inference::error::{Difference, InferenceError};
use crate::{demo::run_error::RunError, input::onnx::OnnxError};

/// Why the program did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("cannot read '{}': {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    #[error("{}: {error}{}", path.display(), hint(path))]
    Input {
        path: PathBuf,
        error: Box<FileError>,
    },
    #[error("{}: {error}", path.display())]
    Onnx {
        path: PathBuf,
        error: Box<OnnxError>,
    },
    #[error("{}: {error}", path.display())]
    Planning {
        path: PathBuf,
        error: Box<PlannerError>,
    },
    #[error("{}: {error}", path.display())]
    Sharing {
        path: PathBuf,
        error: Box<SharingError>,
    },
    #[error("{}: {reason}", path.display())]
    Schedule { path: PathBuf, reason: String },
    #[error("{}: {error}", path.display())]
    BadPlan {
        path: PathBuf,
        error: Box<FileError>,
    },
    #[cfg(target_os = "linux")]
    #[error("{}: {error}", path.display())]
    Inference {
        path: PathBuf,
        error: Box<InferenceError>,
    },
    #[cfg(target_os = "linux")]
    #[error("{}: {difference}", path.display())]
    Outputs {
        path: PathBuf,
        difference: Difference,
    },
    #[error("cannot write '{}': {reason}", path.display())]
    Write { path: PathBuf, reason: String },
    #[error("cannot print the result: {0}")]
    Print(io::Error),
    #[error("{0}")]
    Usage(String),
    #[error("{}: {}{}", path.display(), reached, not_written(unwritten))]
    Capacity {
        path: PathBuf,
        reached: String,
        /// The files that were asked for and hold nothing new.
        unwritten: Vec<PathBuf>,
    },
    #[error("the demo cannot be built: {0}")]
    Graph(#[from] GraphError),
    #[error("the demo has no plan: {0}")]
    DemoPlan(#[from] PlannerError),
    #[error("{0}")]
    Arena(#[from] ArenaError),
    #[error("{0}")]
    Pool(#[from] PoolError),
    #[error("{0}")]
    Run(#[from] RunError),
    #[error(
        "{network}: inference {iteration} in planned slots and on the heap gave different bits"
    )]
    Differs {
        network: &'static str,
        iteration: u32,
    },
}

impl Failure {
    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Usage(_) => 2,
            Self::Onnx { error, .. } if is_usage(error) => 2,
            Self::Capacity { .. } => 3,
            _ => 1,
        })
    }

    /// Says it on stderr; if that is closed there is nobody to tell.
    pub(crate) fn print(&self) {
        let _ = writeln!(io::stderr(), "error: {self}");
    }
}

/// An option that matches nothing in the model is most likely a typing mistake.
fn is_usage(error: &OnnxError) -> bool {
    matches!(error, OnnxError::UnknownDim { .. })
}

/// What is read as CSV because its name says nothing else may have been meant as a model.
fn hint(path: &Path) -> &'static str {
    if path
        .extension()
        .is_some_and(|e| e.eq_ignore_ascii_case("csv"))
    {
        ""
    } else {
        " (a file that is not named .onnx is read as CSV)"
    }
}

fn not_written(files: &[PathBuf]) -> String {
    let each = files
        .iter()
        .map(|f| format!("; '{}' is not written", f.display()));
    each.collect()
}
