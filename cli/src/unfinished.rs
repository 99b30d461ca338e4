//! Files that are being written under temporary names, and new folders for them, so that none is
//! left behind when the process ends early.
//!
//! Stands on `tempfile`, which removes a file when its owner is dropped; ending the process drops
//! nothing. Invariant: each temporary file of this process is in the list from before anyone else
//! can lock the list until after it has been removed or has got its name; so is each new folder
//! until it is kept.

#![forbid(unsafe_code)]

use std::{
    fs, io,
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tempfile::NamedTempFile;

/// The unfinished files of this process.
pub(crate) static UNFINISHED: Unfinished = Unfinished::new();

/// A list of files that have temporary names and of new folders; what is within a folder comes
/// behind it.
#[derive(Debug)]
pub(crate) struct Unfinished(Mutex<Vec<PathBuf>>);

/// Entries in the list, for as long as the file has its temporary name or the folders are not kept.
#[derive(Debug)]
pub(crate) struct Entry {
    list: &'static Unfinished,
    paths: Vec<PathBuf>,
}

impl Unfinished {
    const fn new() -> Self {
        Self(Mutex::new(Vec::new()))
    }

    fn lock(&self) -> MutexGuard<'_, Vec<PathBuf>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Creates a temporary file.
    pub(crate) fn create(
        &'static self,
        create: impl FnOnce() -> io::Result<NamedTempFile>,
    ) -> io::Result<(NamedTempFile, Entry)> {
        let mut all = self.lock();
        let file = create()?;
        let path = file.path().to_path_buf();
        all.push(path.clone());
        let paths = vec![path];
        Ok((file, Entry { list: self, paths }))
    }

    /// Creates folders, the outermost first.
    pub(crate) fn create_folders(
        &'static self,
        paths: Vec<PathBuf>,
        create: impl FnOnce() -> io::Result<()>,
    ) -> (io::Result<()>, Entry) {
        let mut all = self.lock();
        let created = create();
        all.extend(paths.iter().cloned());
        (created, Entry { list: self, paths })
    }

    /// Removes all files, and all folders that are empty then. While the guard lives, none is
    /// created and none gets out of the list.
    pub(crate) fn remove_all(&self) -> MutexGuard<'_, Vec<PathBuf>> {
        let all = self.lock();
        for path in all.iter().rev() {
            // What is gone already needs no removal, and for the rest nothing more can be done.
            let _ = fs::remove_file(path).or_else(|_| fs::remove_dir(path));
        }
        all
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.list.lock().retain(|path| !self.paths.contains(path));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_that_are_unfinished_are_removed_and_finished_ones_are_not() {
        static LIST: Unfinished = Unfinished::new();
        let folder = tempfile::tempdir().unwrap();
        let create = || LIST.create(|| NamedTempFile::new_in(folder.path()));
        let [(done, entry), unfinished] = [(); 2].map(|()| create().unwrap());
        let path = folder.path().join("done");
        done.persist(&path).unwrap();
        drop(entry);
        let all = LIST.remove_all();
        assert_eq!(all.len(), 1);
        assert!(path.exists() && !unfinished.0.path().exists());
        drop(all);
        drop(unfinished);
        assert!(LIST.lock().is_empty());
    }

    #[test]
    fn new_folders_are_removed_with_the_unfinished_files_in_them() {
        static LIST: Unfinished = Unfinished::new();
        let outer = tempfile::tempdir().unwrap();
        let [a, b] = ["a", "a/b"].map(|name| outer.path().join(name));
        let create = || LIST.create_folders(vec![a.clone(), b.clone()], || fs::create_dir_all(&b));
        let (created, folders) = create();
        created.unwrap();
        let file = LIST.create(|| NamedTempFile::new_in(&b)).unwrap();
        drop(LIST.remove_all());
        assert!(!a.exists());
        drop((file, folders));
        assert!(LIST.lock().is_empty());
        // One that is kept is in the list no longer, and one with a file in it stays.
        drop(create().1);
        drop(LIST.remove_all());
        assert!(b.exists());
        let (_, _folders) = create();
        fs::write(b.join("done"), "").unwrap();
        drop(LIST.remove_all());
        assert!(b.join("done").exists());
    }
}
