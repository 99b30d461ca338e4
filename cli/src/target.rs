//! Where an output goes, and whether it is a file that has another role in the same run.
//!
//! Stands on [`failure`](crate::failure). A file may be known by many names (`q.csv`, `./q.csv`,
//! links), so files are compared by what they are: their device and inode, or for a file that does
//! not exist yet its folder's and its name. Invariant: files that pass [`check_files`] can be
//! written one after the other, and none of them replaces another or an input.

#![forbid(unsafe_code)]

use std::{
    collections::HashMap,
    ffi::OsString,
    fs::{self, Metadata},
    io,
    path::{Path, PathBuf},
};

use crate::failure::Failure;

/// As many links are followed as systems do.
const MAX_LINKS: usize = 40;

/// The file that an output creates or replaces.
#[derive(Debug)]
pub(crate) struct Target {
    /// Its own name: where links lead.
    pub(crate) path: PathBuf,
    /// What is known of the file that it replaces.
    pub(crate) replaced: Option<Metadata>,
    id: FileId,
}

/// What a file is, whatever it is called.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum FileId {
    Existing(Inode),
    /// The folder in which it will be, and its name there.
    New(Inode, OsString),
}

/// The device and the inode.
#[cfg(unix)]
type Inode = (u64, u64);
/// The path without links.
#[cfg(not(unix))]
type Inode = PathBuf;

#[cfg(unix)]
fn inode(path: &Path) -> io::Result<Inode> {
    fs::metadata(path).map(|metadata| of_metadata(&metadata))
}

#[cfg(unix)]
fn of_metadata(metadata: &Metadata) -> Inode {
    use std::os::unix::fs::MetadataExt;
    (metadata.dev(), metadata.ino())
}

#[cfg(not(unix))]
fn inode(path: &Path) -> io::Result<Inode> {
    fs::canonicalize(path)
}

/// A file and its role: an option's name, or what the file is.
pub(crate) type Role<'a> = (&'a str, &'a Path);

/// Fails if one of the outputs can never be written, if two are one file, or if one is an input.
/// `-` among the inputs is standard input. To be asked before long work.
pub(crate) fn check_files(outputs: &[Role], inputs: &[Role]) -> Result<(), Failure> {
    let mut taken: HashMap<FileId, Role> = HashMap::new();
    for &(role, path) in outputs {
        let target = Target::resolve(path)?;
        if let Some((other, named)) = taken.insert(target.id.clone(), (role, path)) {
            let (path, named) = (path.display(), named.display());
            return Err(Failure::Usage(format!(
                "{other} '{named}' and {role} '{path}' are the same file, expected different ones"
            )));
        }
        if Some(&target.id) == standard_output().as_ref() {
            let path = path.display();
            return Err(Failure::Usage(format!(
                "{role} '{path}' and standard output are the same file, expected different ones"
            )));
        }
    }
    for &(what, path) in inputs {
        // An input that is not there is for its reader to report.
        let id = match path == Path::new("-") {
            true => standard_input(),
            false => inode(path).ok().map(FileId::Existing),
        };
        if let Some((role, output)) = id.and_then(|id| taken.get(&id)) {
            let (output, path) = (output.display(), path.display());
            return Err(Failure::Usage(format!(
                "{role} '{output}' would replace {what} '{path}'; an input is never replaced, so \
                 name another file"
            )));
        }
    }
    Ok(())
}

/// Standard input, if it is a file.
#[cfg(unix)]
fn standard_input() -> Option<FileId> {
    use std::os::fd::AsFd;
    of_descriptor(io::stdin().as_fd())
}

/// Standard output, if it is a file.
#[cfg(unix)]
fn standard_output() -> Option<FileId> {
    use std::os::fd::AsFd;
    of_descriptor(io::stdout().as_fd())
}

#[cfg(unix)]
fn of_descriptor(descriptor: std::os::fd::BorrowedFd) -> Option<FileId> {
    let file = fs::File::from(descriptor.try_clone_to_owned().ok()?);
    let metadata = file.metadata().ok()?;
    metadata
        .is_file()
        .then(|| FileId::Existing(of_metadata(&metadata)))
}

#[cfg(not(unix))]
fn standard_input() -> Option<FileId> {
    None
}

#[cfg(not(unix))]
fn standard_output() -> Option<FileId> {
    None
}

impl Target {
    /// The file that `path` leads to. Only a regular file may be replaced.
    pub(crate) fn resolve(path: &Path) -> Result<Self, Failure> {
        let failed = |error: io::Error| Failure::write(path, error);
        match fs::metadata(path) {
            Ok(metadata) if metadata.is_file() => Ok(Self {
                path: fs::canonicalize(path).map_err(failed)?,
                replaced: Some(metadata),
                id: FileId::Existing(inode(path).map_err(failed)?),
            }),
            Ok(_) => Err(Failure::write(path, "it is not a regular file")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Self::new(path),
            Err(error) => Err(failed(error)),
        }
    }

    /// A file that does not exist; `path` may be a link to it.
    fn new(path: &Path) -> Result<Self, Failure> {
        let end = end_of_links(path);
        let folder = folder(&end);
        let name = end.file_name().filter(|_| folder.is_dir());
        let name = name.ok_or_else(|| {
            let folder = folder.display();
            Failure::write(path, format!("there is no folder '{folder}'"))
        })?;
        let folder = inode(folder).map_err(|error| Failure::write(path, error))?;
        Ok(Self {
            id: FileId::New(folder, name.into()),
            path: end,
            replaced: None,
        })
    }
}

/// Where a path leads that may be a link to something that does not exist.
fn end_of_links(path: &Path) -> PathBuf {
    let mut end = path.to_path_buf();
    for _ in 0..MAX_LINKS {
        match fs::read_link(&end) {
            Ok(next) => end = folder(&end).join(next),
            Err(_) => break,
        }
    }
    end
}

/// The folder that a file is in.
pub(crate) fn folder(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent != Path::new("") => parent,
        _ => Path::new("."),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_regular_files_are_replaced() {
        for path in ["/dev/null", "/", "/no/such/folder/plan.csv"] {
            let message = Target::resolve(Path::new(path)).unwrap_err().to_string();
            assert!(
                message.starts_with(&format!("cannot write '{path}'")),
                "{message}"
            );
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_file_is_the_same_through_links_and_other_spellings() {
        use std::os::unix::fs::symlink;
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        fs::write(at("old"), "").unwrap();
        fs::hard_link(at("old"), at("hard")).unwrap();
        fs::create_dir(at("sub")).unwrap();
        symlink(at("sub"), at("way")).unwrap();
        symlink("old", at("soft")).unwrap();
        symlink("way/new", at("dangling")).unwrap();
        let id = |name: &str| Target::resolve(&at(name)).unwrap().id;
        for same in [
            &["old", "./old", "sub/../old", "hard", "soft"][..],
            &["sub/new", "way/new", "./way/./new", "dangling"],
        ] {
            assert!(same.iter().all(|name| id(name) == id(same[0])), "{same:?}");
        }
        for name in ["new", "way/old", "way/new2"] {
            assert!(id(name) != id("old") && id(name) != id("sub/new"), "{name}");
        }
    }
}
