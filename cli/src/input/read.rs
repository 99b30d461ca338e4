//! The bytes of a file or of standard input, and what kind of file they are.
//!
//! Stands on [`failure`](crate::failure). Invariant: the message about a file that cannot be read
//! names it; standard input and pipes are read once.

#![forbid(unsafe_code)]

use std::{
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

use orionrt::files::{FileKind, detect};

use crate::failure::Failure;

/// The name of standard input among arguments.
const STANDARD_INPUT: &str = "-";
/// The bytes at the beginning of a file that tell its kind.
const HEAD: u64 = 4096;

/// A file or standard input.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// A file whose bytes have not been read.
    File(PathBuf),
    /// The bytes of standard input.
    Bytes(Vec<u8>),
}

impl Source {
    /// The source that an argument names. Reads standard input and pipes, which can be read once,
    /// but no file.
    pub(super) fn open(path: &Path) -> Result<Self, Failure> {
        if is_pipe(path) {
            return read(path).map(Self::Bytes);
        }
        if !is_standard_input(path) {
            return Ok(Self::File(path.into()));
        }
        let mut bytes = Vec::new();
        let read = io::stdin().lock().read_to_end(&mut bytes);
        read.map_err(|source| unreadable(path, source))?;
        Ok(Self::Bytes(bytes))
    }

    /// All bytes.
    pub(crate) fn bytes(&self) -> Result<Vec<u8>, Failure> {
        match self {
            Self::Bytes(bytes) => Ok(bytes.clone()),
            Self::File(path) => read(path),
        }
    }

    /// Whether this is a model: by its content, or by the extension of its name.
    pub(super) fn is_model(&self) -> Result<bool, Failure> {
        Ok(self.is_named_model() || looks_like_model(&self.head()?))
    }

    /// Whether this is a model by the extension of its name. Standard input has no name.
    pub(super) fn is_named_model(&self) -> bool {
        matches!(self, Self::File(path) if is_named_model(path))
    }

    /// The bytes at the beginning, which tell the kind of the file.
    pub(super) fn head(&self) -> Result<Vec<u8>, Failure> {
        match self {
            Self::Bytes(bytes) => Ok(bytes[..bytes.len().min(HEAD as usize)].into()),
            Self::File(path) => head(path),
        }
    }
}

/// Whether the bytes at the beginning of a file are those of a model.
pub(super) fn looks_like_model(bytes: &[u8]) -> bool {
    matches!(detect(bytes), FileKind::Onnx | FileKind::Tflite)
}

/// Whether the extension is that of a model.
pub(crate) fn is_named_model(path: &Path) -> bool {
    has_extension(path, "onnx") || has_extension(path, "tflite")
}

/// Whether a file is a profile in pprof's format. Standard input and pipes, which can be read once,
/// are taken for something else.
pub(crate) fn is_profile(path: &Path) -> Result<bool, Failure> {
    if is_standard_input(path) || is_pipe(path) {
        return Ok(false);
    }
    Ok(orionrt_pprof::is_profile(&head(path)?))
}

fn head(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(|source| unreadable(path, source))?;
    let read = file.take(HEAD).read_to_end(&mut bytes);
    read.map_err(|source| unreadable(path, source))?;
    Ok(bytes)
}

/// Whether a path names a pipe, as a shell passes one for `<(command)`.
#[cfg(unix)]
fn is_pipe(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt;
    std::fs::metadata(path).is_ok_and(|metadata| metadata.file_type().is_fifo())
}

#[cfg(not(unix))]
fn is_pipe(_path: &Path) -> bool {
    false
}

/// Whether an argument names standard input.
pub(crate) fn is_standard_input(path: &Path) -> bool {
    path == Path::new(STANDARD_INPUT)
}

/// Reads all of a file or of standard input.
pub(crate) fn read_any(path: &Path) -> Result<Vec<u8>, Failure> {
    Source::open(path)?.bytes()
}

/// Reads all of a file.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(path).map_err(|source| unreadable(path, source))
}

fn unreadable(path: &Path, source: io::Error) -> Failure {
    Failure::Read {
        path: path.into(),
        source,
    }
}

/// Whether the file's extension is this one, in any case of letters.
pub(super) fn has_extension(path: &Path, extension: &str) -> bool {
    path.extension()
        .is_some_and(|e| e.eq_ignore_ascii_case(extension))
}
