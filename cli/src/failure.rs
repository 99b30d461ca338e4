//! What can go wrong, in the words that a user reads, and the exit status.
//!
//! Stands on [`escape`](crate::escape): the errors of the library and of the loaders come boxed, so
//! every file can return a [`Failure`]. Invariant: a message names the file at fault. `Display` has
//! names as they are; [`Failure::print`] alone shows a message, as one line without characters that
//! change a terminal.

#![forbid(unsafe_code)]

use std::{
    error::Error,
    io::{self, Write},
    path::{Path, PathBuf},
};

use crate::escape::{dim_option, printable};

/// The most characters of a message. A name in a file may be as long as the file.
const MAX_MESSAGE: usize = 20_000;

/// The most dimensions of a list: nobody gives more by hand.
const MOST_DIMS: usize = 500;

/// The most characters of a line among others.
pub(crate) const MAX_LINE: usize = 1_000;

/// About the most bytes of that list.
const MAX_LIST: usize = 40_000;

/// Why the program did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The operating system cannot read a file.
    #[error("cannot read '{}': {source}", path.display())]
    Read { path: PathBuf, source: io::Error },
    /// A file holds something wrong, or something that cannot be planned or run.
    #[error("{}: {error}", path.display())]
    File {
        path: PathBuf,
        error: Box<dyn Error + Send + Sync>,
    },
    /// Sizes of dimensions must be given before a model can be planned or run.
    #[error("{}: sizes are missing", path.display())]
    MissingDims {
        path: PathBuf,
        missing: Vec<MissingDim>,
    },
    /// A file cannot be written.
    #[error("cannot write '{}': {reason}", path.display())]
    Write { path: PathBuf, reason: String },
    /// Stdout does not take the result.
    #[error("cannot print the result: {0}")]
    Print(io::Error),
    /// The arguments are wrong.
    #[error("{0}")]
    Usage(String),
    /// A file has no such device, or several of which none is chosen.
    #[error("{}", of_device(path, device.as_deref(), known))]
    Device {
        path: PathBuf,
        device: Option<String>,
        known: Vec<String>,
    },
    /// A device cannot be used, or not for a plan.
    #[error("{device}: {error}")]
    DeviceMemory {
        device: String,
        error: orionrt_devices::DeviceMemoryError,
    },
    /// A command cannot be started.
    #[error("{}: {source}", program.display())]
    Start { program: PathBuf, source: io::Error },
    /// Nothing within the capacity was found.
    #[error("{}: {}{}", path.display(), reached, not_written(unwritten))]
    Capacity {
        path: PathBuf,
        reached: String,
        /// The requested files, which are left as they were.
        unwritten: Vec<PathBuf>,
    },
    /// The demo, which reads no file, did not run.
    #[error("the demo failed: {0}")]
    Demo(Box<dyn Error + Send + Sync>),
}

/// A dimension whose size must be given.
#[derive(Debug)]
pub(crate) struct MissingDim {
    pub(crate) name: String,
    /// The tensor in which it occurs first, and its shape.
    pub(crate) place: String,
    /// Whether the size depends on data, so that an upper bound is asked for.
    pub(crate) is_bound: bool,
}

impl Failure {
    /// A failure because of what the file at `path` holds.
    pub(crate) fn file(path: &Path, error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::File {
            path: path.into(),
            error: error.into(),
        }
    }

    /// A failure to write the file at `path`.
    pub(crate) fn write(path: &Path, reason: impl ToString) -> Self {
        Self::Write {
            path: path.into(),
            reason: reason.to_string(),
        }
    }

    /// A failure of the demo.
    pub(crate) fn demo(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::Demo(error.into())
    }

    pub(crate) fn exit_status(&self) -> u8 {
        match self {
            Self::Usage(_) | Self::Device { .. } => 2,
            Self::Capacity { .. } => 3,
            // As of a shell.
            Self::Start { source, .. } if source.kind() == io::ErrorKind::NotFound => 127,
            Self::Start { .. } => 126,
            _ => 1,
        }
    }

    /// Prints the message on stderr. If stderr is closed, there is nowhere left to report to.
    pub(crate) fn print(&self) {
        let _ = writeln!(io::stderr(), "error: {}", self.message());
    }

    /// The message as it is shown.
    fn message(&self) -> String {
        let line = shortened(&self.to_string(), MAX_MESSAGE);
        match self {
            Self::MissingDims { missing, .. } => line + &dims_to_give(missing),
            _ => line,
        }
    }
}

/// That a file has no such device, or several of which none is chosen.
fn of_device(path: &Path, device: Option<&str>, known: &[String]) -> String {
    /// The most devices that are listed.
    const LISTED: usize = 64;
    let listed = known[..known.len().min(LISTED)].join(", ");
    let path = path.display();
    match device {
        Some(device) => format!(
            "--device {device}: '{path}' has nothing of this device, expected one of: {listed}"
        ),
        None => format!("'{path}' has several devices, expected --device and one of: {listed}"),
    }
}

/// A line for a terminal, shortened if it has more characters than `most`.
pub(crate) fn shortened(message: &str, most: usize) -> String {
    match message.char_indices().nth(most) {
        None => printable(message).into(),
        Some((end, _)) => {
            let more = message[end..].chars().count();
            format!("{}... ({more} characters more)", printable(&message[..end]))
        }
    }
}

/// The dimensions, one a line, and the options that give them: as many as anyone would read.
fn dims_to_give(missing: &[MissingDim]) -> String {
    let mut text = String::from(":\n");
    let mut listed = 0;
    for dim in missing.iter().take(MOST_DIMS) {
        if text.len() > MAX_LIST {
            break;
        }
        listed += 1;
        let kind = if dim.is_bound {
            " (depends on data: give an upper bound)"
        } else {
            ""
        };
        let line = format!("  {} in {}{kind}", dim.name, dim.place);
        text = text + &shortened(&line, MAX_LINE) + "\n";
    }
    let more = missing.len() - listed;
    if more > 0 {
        text += &format!("  and {more} more (--dims lists all of them)\n");
    }
    // What is quoted for a shell is printable.
    let options = missing[..listed].iter().map(|dim| dim_option(&dim.name));
    let options = options.collect::<Vec<_>>().join(" ");
    text + "give them with: " + &shortened(&options, MAX_MESSAGE)
}

fn not_written(files: &[PathBuf]) -> String {
    let each = files
        .iter()
        .map(|f| format!("; '{}' was not written", f.display()));
    each.collect()
}
