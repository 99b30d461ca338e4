//! Files that appear complete or not at all.
//!
//! Stands on nothing. A file is written beside the one that it replaces, and renamed when it is
//! complete. Invariant: after an error there is no new file, and an earlier one is as it was.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

/// Writes a file, in the place of the one that the path leads to, if there is one. What is no
/// regular file, such as a pipe or a terminal, is written to as it is.
pub(crate) fn replace<E: From<io::Error>>(
    path: &Path,
    write: impl FnOnce(&File) -> Result<(), E>,
) -> Result<(), E> {
    // A link stays, and the file that it leads to is replaced.
    let target = match fs::canonicalize(path) {
        Ok(target) => target,
        Err(error) if error.kind() == ErrorKind::NotFound => path.to_path_buf(),
        Err(error) => return Err(error.into()),
    };
    let earlier = fs::metadata(&target).ok();
    if earlier.as_ref().is_some_and(|earlier| !earlier.is_file()) {
        return write(&File::create(&target)?);
    }
    let unfinished = UnfinishedFile::beside(&target)?;
    if let Some(earlier) = earlier {
        unfinished.file.set_permissions(earlier.permissions())?;
    }
    write(&unfinished.file)?;
    Ok(unfinished.rename(&target)?)
}

/// A file that is not complete. It is removed unless it is renamed.
struct UnfinishedFile {
    path: Option<PathBuf>,
    file: File,
}

impl UnfinishedFile {
    /// A new file in the folder of another one.
    fn beside(target: &Path) -> io::Result<Self> {
        static NUMBER: AtomicU64 = AtomicU64::new(0);
        let name = target.file_name().ok_or(ErrorKind::IsADirectory)?;
        loop {
            let number = NUMBER.fetch_add(1, Ordering::Relaxed);
            let mut hidden = OsString::from(".");
            hidden.push(name);
            hidden.push(format!(".{}-{number}.part", process::id()));
            let path = target.with_file_name(hidden);
            match OpenOptions::new().write(true).create_new(true).open(&path) {
                Ok(file) => {
                    let path = Some(path);
                    return Ok(Self { path, file });
                }
                // One that an earlier process of this number has left behind.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => (),
                Err(error) => return Err(error),
            }
        }
    }

    fn rename(mut self, target: &Path) -> io::Result<()> {
        match self.path.take() {
            Some(path) => fs::rename(&path, target).inspect_err(|_| {
                let _ = fs::remove_file(&path);
            }),
            None => Ok(()),
        }
    }
}

impl Drop for UnfinishedFile {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            let _ = fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    /// A folder of its own for a test, which is removed at the end.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let folder = std::env::temp_dir().join(format!("orionrt-{name}-{}", process::id()));
            fs::create_dir(&folder).unwrap();
            Self(folder)
        }

        /// The names of all files and their content.
        fn files(&self) -> Vec<(String, String)> {
            let entries = fs::read_dir(&self.0)
                .unwrap()
                .map(|entry| entry.unwrap().path());
            let name = |path: &Path| path.file_name().unwrap().to_str().unwrap().to_string();
            let mut files: Vec<_> = entries
                .map(|path| (name(&path), fs::read_to_string(&path).unwrap()))
                .collect();
            files.sort();
            files
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }

    fn text(text: &str) -> impl FnOnce(&File) -> io::Result<()> {
        move |mut file| file.write_all(text.as_bytes())
    }

    #[test]
    fn a_file_is_replaced_when_the_new_one_is_complete() {
        let folder = Folder::new("replaced");
        let path = folder.0.join("plan");
        replace(&path, text("first")).unwrap();
        replace(&path, text("second")).unwrap();
        assert_eq!(folder.files(), [("plan".into(), "second".into())]);
        let refused = replace(&path, |mut file| {
            file.write_all(b"half")?;
            assert_eq!(fs::read_to_string(&path)?, "second");
            Err(io::Error::from(ErrorKind::StorageFull))
        });
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::StorageFull);
        assert_eq!(folder.files(), [("plan".into(), "second".into())]);
        let gone = folder.0.join("none").join("plan");
        let refused = replace(&gone, text("third"));
        assert_eq!(refused.unwrap_err().kind(), ErrorKind::NotFound);
        assert!(replace(&folder.0, text("third")).is_err());
    }

    #[cfg(unix)]
    #[test]
    fn a_link_stays_and_so_does_the_mode_of_a_file() {
        use std::os::unix::fs::{PermissionsExt, symlink};

        let folder = Folder::new("linked");
        let (file, link) = (folder.0.join("file"), folder.0.join("link"));
        replace(&file, text("first")).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        symlink("file", &link).unwrap();
        replace(&link, text("second")).unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        let both = ["file", "link"].map(|name| (name.to_string(), "second".to_string()));
        assert_eq!(folder.files(), both);
        assert_eq!(
            fs::metadata(&file).unwrap().permissions().mode() & 0o777,
            0o640
        );
        replace(Path::new("/dev/null"), text("nothing")).unwrap();
        assert!(!fs::metadata("/dev/null").unwrap().is_file());
    }
}
