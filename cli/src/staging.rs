//! Files that appear complete or not at all.
//!
//! Stands on [`target`](crate::target) and on `tempfile`. A file is [`stage`]d under a temporary
//! name in the folder of its target, and gets its name when it is complete. A symbolic link stays,
//! and the file that it leads to is replaced; of a file with several hard links, the name that is
//! given gets the new file and the others keep the old one. Invariant: an error, at whatever point,
//! leaves no new file behind and an older one untouched; a file that replaces another has its mode
//! and, where the system allows it, its owner.

#![forbid(unsafe_code)]

use std::{
    fs::{self, File, Metadata},
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;

use crate::{
    failure::Failure,
    target::{Target, folder},
    unfinished::{Entry, UNFINISHED},
};

/// A complete file that does not have its name yet; dropping it removes it.
#[derive(Debug)]
pub(crate) struct Staged {
    // Dropped first: the file is in the list of unfinished files for as long as it exists.
    file: NamedTempFile,
    unfinished: Entry,
    target: PathBuf,
    path: PathBuf,
}

/// Writes a file under a temporary name next to `path`.
pub(crate) fn stage<E: ToString>(
    path: &Path,
    write: impl FnOnce(&mut dyn Write) -> Result<(), E>,
) -> Result<Staged, Failure> {
    let target = Target::resolve(path)?;
    let failed = |error: io::Error| Failure::write(path, error);
    let is_new = target.replaced.is_none();
    let created = UNFINISHED.create(|| temporary(folder(&target.path), is_new));
    let (file, unfinished) = created.map_err(failed)?;
    let mut buffered = BufWriter::new(file);
    write(&mut buffered).map_err(|error| Failure::write(path, error))?;
    let file = buffered
        .into_inner()
        .map_err(|error| failed(error.into_error()))?;
    if let Some(replaced) = &target.replaced {
        become_like(file.as_file(), replaced).map_err(failed)?;
    }
    // Otherwise a crash of the machine could leave an empty file under the final name.
    file.as_file().sync_all().map_err(failed)?;
    Ok(Staged {
        file,
        unfinished,
        target: target.path,
        path: path.into(),
    })
}

impl Staged {
    /// Gives the file its name, replacing an older file.
    pub(crate) fn commit(self) -> Result<(), Failure> {
        let persisted = self.file.persist(&self.target);
        let done = persisted.map(drop);
        let done = done.map_err(|error| Failure::write(&self.path, error.error));
        drop(self.unfinished);
        done
    }
}

/// A temporary file. A new one has the permissions of any other new file; one that replaces another
/// is private until it has that one's.
fn temporary(folder: &Path, is_new: bool) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".orionrt-");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = if is_new { 0o666 } else { 0o600 };
        builder.permissions(fs::Permissions::from_mode(mode));
    }
    #[cfg(not(unix))]
    let _ = is_new;
    builder.tempfile_in(folder)
}

/// Gives a file the mode and the owner of the one that it replaces.
fn become_like(file: &File, replaced: &Metadata) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::{MetadataExt, fchown};
        let own = file.metadata()?;
        // Only root may give a file to others; for everyone else it stays their own.
        if (own.uid(), own.gid()) != (replaced.uid(), replaced.gid()) {
            let _ = fchown(file, Some(replaced.uid()), Some(replaced.gid()));
        }
    }
    // After the owner: changing that clears some of the mode's bits.
    file.set_permissions(replaced.permissions())
}

/// A folder that is removed again, with the folders around it that were new, unless it is kept.
#[derive(Debug)]
pub(crate) struct NewFolder {
    /// The folders that did not exist, the innermost first.
    created: Vec<PathBuf>,
    // Dropped last: a folder is in the list for as long as it may have to be removed.
    _unfinished: Entry,
}

impl NewFolder {
    /// Creates a folder where there is none.
    pub(crate) fn create(path: &Path) -> Result<Self, Failure> {
        let missing = path.ancestors().filter(|path| *path != Path::new(""));
        let missing = missing.take_while(|path| fs::symlink_metadata(path).is_err());
        let created: Vec<PathBuf> = missing.map(Path::to_path_buf).collect();
        let outermost_first = created.iter().rev().cloned().collect();
        let (done, _unfinished) =
            UNFINISHED.create_folders(outermost_first, || fs::create_dir_all(path));
        let new = Self {
            created,
            _unfinished,
        };
        done.map_err(|error| Failure::write(path, error))?;
        Ok(new)
    }

    /// Leaves the folder where it is.
    pub(crate) fn keep(mut self) {
        self.created.clear();
    }
}

impl Drop for NewFolder {
    fn drop(&mut self) {
        for path in &self.created {
            // A folder in which there is something now stays.
            let _ = fs::remove_dir(path);
        }
    }
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
        let fresh = folder.path().join("fresh");
        stage(&fresh, |output| output.write_all(b""))
            .unwrap()
            .commit()
            .unwrap();
        let probe = folder.path().join("probe");
        fs::write(&probe, "").unwrap();
        for path in [real, fresh] {
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode, fs::metadata(&probe).unwrap().permissions().mode());
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_link_to_nothing_stays_and_leads_to_the_new_file() {
        let folder = tempfile::tempdir().unwrap();
        let [new, link] = ["new.csv", "link.csv"].map(|name| folder.path().join(name));
        std::os::unix::fs::symlink("new.csv", &link).unwrap();
        stage(&link, |output| output.write_all(b"new"))
            .unwrap()
            .commit()
            .unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read(&new).unwrap(), b"new");
    }

    #[cfg(unix)]
    #[test]
    fn a_file_that_is_replaced_keeps_its_mode_and_its_other_names() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let [path, other] = ["plan.csv", "other.csv"].map(|name| folder.path().join(name));
        for mode in [0o600, 0o640, 0o666, 0o755, 0o444] {
            fs::write(&path, "old").unwrap();
            fs::hard_link(&path, &other).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let staged = stage(&path, |output| output.write_all(b"new")).unwrap();
            staged.commit().unwrap();
            let now = fs::metadata(&path).unwrap().permissions().mode() & 0o7777;
            assert_eq!((fs::read(&path).unwrap(), now), (b"new".to_vec(), mode));
            assert_eq!(fs::read(&other).unwrap(), b"old");
            fs::remove_file(&other).unwrap();
            fs::remove_file(&path).unwrap();
        }
    }

    #[cfg(unix)]
    #[test]
    fn a_folder_that_vanishes_is_an_error_that_names_the_file() {
        let outer = tempfile::tempdir().unwrap();
        let folder = outer.path().join("folder");
        let path = folder.join("plan.csv");
        fs::create_dir(&folder).unwrap();
        let staged = stage(&path, |output| output.write_all(b"new")).unwrap();
        fs::remove_dir_all(&folder).unwrap();
        let failures = [
            staged.commit().unwrap_err(),
            stage(&path, |_| Ok::<(), String>(())).unwrap_err(),
        ];
        for failure in failures {
            assert!(failure.to_string().contains("plan.csv"), "{failure}");
        }
        assert_eq!(names(outer.path()), [""; 0]);
    }

    #[test]
    fn a_new_folder_that_is_not_kept_is_removed_again() {
        let outer = tempfile::tempdir().unwrap();
        let path = outer.path().join("a/b/c");
        drop(NewFolder::create(&path).unwrap());
        assert_eq!(names(outer.path()), [""; 0]);
        NewFolder::create(&path).unwrap().keep();
        drop(NewFolder::create(&path).unwrap());
        assert!(path.is_dir());
    }
}
