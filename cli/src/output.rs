//! Files that appear complete or not at all, and results on stdout.
//!
//! Stands on `tempfile`. A file is [`stage`]d under a temporary name in the folder of its target,
//! and gets its name when it is complete. Invariant: an error, at whatever point, leaves no new
//! file behind and an older one untouched.

#![forbid(unsafe_code)]

use std::{
    fs, io,
    io::{BufWriter, Write},
    path::{Path, PathBuf},
};

use serde::Serialize;
use tempfile::NamedTempFile;

use crate::failure::Failure;

/// A complete file that does not have its name yet; dropping it removes it.
#[derive(Debug)]
pub(crate) struct Staged {
    file: NamedTempFile,
    target: PathBuf,
    path: PathBuf,
}

/// Fails if no file at `path` can be written: to be asked before long work.
pub(crate) fn check(path: &Path) -> Result<(), Failure> {
    resolve(path).map(drop)
}

/// Writes a file under a temporary name next to `path`.
pub(crate) fn stage<E: ToString>(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> Result<(), E>,
) -> Result<Staged, Failure> {
    let target = resolve(path)?;
    let failed = |error: io::Error| Failure::write(path, error);
    let file = temporary(folder(&target)).map_err(failed)?;
    let mut buffered = BufWriter::new(file);
    write(&mut buffered).map_err(|error| Failure::write(path, error))?;
    let file = buffered
        .into_inner()
        .map_err(|error| failed(error.into_error()))?;
    // Otherwise a crash of the machine could leave an empty file under the final name.
    file.as_file().sync_all().map_err(failed)?;
    let path = path.into();
    Ok(Staged { file, target, path })
}

impl Staged {
    /// Gives the file its name, replacing an older file.
    pub(crate) fn commit(self) -> Result<(), Failure> {
        let persisted = self.file.persist(&self.target);
        persisted
            .map(drop)
            .map_err(|error| Failure::write(&self.path, error.error))
    }
}

/// The file to create or replace: where `path` leads if it is a link. Only a regular file may be
/// replaced.
fn resolve(path: &Path) -> Result<PathBuf, Failure> {
    match fs::metadata(path) {
        Ok(metadata) if metadata.is_file() => {
            fs::canonicalize(path).map_err(|error| Failure::write(path, error))
        }
        Ok(_) => Err(Failure::write(path, "it is not a regular file")),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            if folder(path).is_dir() {
                Ok(path.into())
            } else {
                let folder = folder(path).display();
                Err(Failure::write(
                    path,
                    format!("there is no folder '{folder}'"),
                ))
            }
        }
        Err(error) => Err(Failure::write(path, error)),
    }
}

fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

/// A temporary file with the permissions of any other new file, not private as usual.
fn temporary(folder: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".orionrt-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

/// Prints text on stdout. A closed pipe is not a failure: its reader has seen enough.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut stdout = io::stdout().lock();
    let written = stdout.write_all(text.as_bytes());
    match written.and_then(|()| stdout.flush()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::Print(error)),
        _ => Ok(()),
    }
}

/// Tells of something in a file that is not taken as it stands there, on stderr. If stderr is
/// closed, nobody wants to know.
pub(crate) fn warn(path: &Path, warning: &dyn std::fmt::Display) {
    let _ = writeln!(io::stderr(), "warning: {}: {warning}", path.display());
}

/// Prints one JSON object on stdout, in one line.
pub(crate) fn print_json(object: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string(object).map_err(|error| Failure::Print(error.into()))?;
    print(&format!("{text}\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let entries = fs::read_dir(folder).unwrap();
        let mut names: Vec<_> = entries
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    #[test]
    fn a_file_appears_when_it_is_complete() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plan.csv");
        let staged = stage(&path, |output| output.write_all(b"new")).unwrap();
        assert!(!path.exists());
        staged.commit().unwrap();
        assert_eq!(fs::read(&path).unwrap(), b"new");
        assert_eq!(names(folder.path()), ["plan.csv"]);
    }

    #[test]
    fn a_failed_writer_leaves_the_older_file_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("plan.csv");
        fs::write(&path, "old").unwrap();
        let failed = stage(&path, |output| {
            output.write_all(b"half").unwrap();
            Err("no more")
        });
        let message = failed.unwrap_err().to_string();
        assert!(
            message.contains("plan.csv") && message.contains("no more"),
            "{message}"
        );
        drop(stage(&path, |output| output.write_all(b"abandoned")).unwrap());
        assert_eq!(fs::read(&path).unwrap(), b"old");
        assert_eq!(names(folder.path()), ["plan.csv"]);
    }

    #[cfg(unix)]
    #[test]
    fn a_symbolic_link_stays_and_its_target_is_replaced() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let [real, link] = ["real.csv", "link.csv"].map(|name| folder.path().join(name));
        fs::write(&real, "old").unwrap();
        symlink(&real, &link).unwrap();
        let staged = stage(&link, |output| output.write_all(b"new")).unwrap();
        staged.commit().unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&real).unwrap(), b"new");
        let mode = fs::metadata(&real).unwrap().permissions().mode();
        let probe = folder.path().join("probe");
        fs::write(&probe, "").unwrap();
        assert_eq!(mode, fs::metadata(&probe).unwrap().permissions().mode());
    }

    #[test]
    fn only_regular_files_are_replaced() {
        for path in ["/dev/null", "/", "/no/such/folder/plan.csv"] {
            let message = check(Path::new(path)).unwrap_err().to_string();
            assert!(
                message.starts_with(&format!("cannot write '{path}'")),
                "{message}"
            );
        }
    }
}
