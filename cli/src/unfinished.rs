//! Files that are being written under temporary names, so that none is left behind when the process
//! ends early.
//!
//! Stands on `tempfile`, which removes a file when its owner is dropped; ending the process drops
//! nothing. Invariant: each temporary file of this process is in the list from before anyone else
//! can lock the list until after it has been removed or has got its name.

#![forbid(unsafe_code)]

use std::{
    fs, io,
    path::PathBuf,
    sync::{Mutex, MutexGuard, PoisonError},
};

use tempfile::NamedTempFile;

/// The unfinished files of this process.
pub(crate) static UNFINISHED: Unfinished = Unfinished::new();

/// A list of files that have temporary names.
#[derive(Debug)]
pub(crate) struct Unfinished(Mutex<Vec<PathBuf>>);

/// An entry in the list, for as long as the file has its temporary name.
#[derive(Debug)]
pub(crate) struct Entry {
    list: &'static Unfinished,
    path: PathBuf,
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
        Ok((file, Entry { list: self, path }))
    }

    /// Removes all files. While the guard lives, none is created and none gets out of the list.
    pub(crate) fn remove_all(&self) -> MutexGuard<'_, Vec<PathBuf>> {
        let all = self.lock();
        for path in all.iter() {
            // What is gone already needs no removal, and for the rest nothing more can be done.
            let _ = fs::remove_file(path);
        }
        all
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.list.lock().retain(|path| *path != self.path);
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
}
