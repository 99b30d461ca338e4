//! Running a command with `liborionrt.so` preloaded.
//!
//! Stands on the system's `LD_PRELOAD`. Invariant: Ctrl-C is the command's, and this program waits
//! for what the command makes of it.

#![forbid(unsafe_code)]

use std::{
    env,
    ffi::OsString,
    fs,
    os::unix::process::ExitStatusExt,
    path::{Path, PathBuf},
    process::{Command, ExitStatus},
};

use crate::failure::Failure;

const LIBRARY: &str = "liborionrt.so";

/// The library, which was found.
pub(super) struct Preloaded {
    library: PathBuf,
}

impl Preloaded {
    /// Finds the library: as given, or beside this program, or where packages put libraries.
    pub(super) fn find(given: Option<&Path>) -> Result<Self, Failure> {
        library(given).map(|library| Self { library })
    }

    /// The command and its arguments, with the library.
    pub(super) fn command(&self, words: &[OsString]) -> Result<Command, Failure> {
        let [program, arguments @ ..] = words else {
            return Err(Failure::Usage("there is no command".into()));
        };
        let mut command = Command::new(program);
        command
            .args(arguments)
            .env("LD_PRELOAD", preloaded(&self.library));
        Ok(command)
    }

    /// Runs the command; returns the number of its process, and how it ended.
    pub(super) fn run(
        &self,
        mut command: Command,
        words: &[OsString],
    ) -> Result<(u32, ExitStatus), Failure> {
        // The command gets Ctrl-C with the usual effect, since a handler does not outlive `exec`.
        let _ = ctrlc::set_handler(|| ());
        let not_started = |source| Failure::Start {
            program: words.first().map(PathBuf::from).unwrap_or_default(),
            source,
        };
        let mut child = command.spawn().map_err(not_started)?;
        let ended = child.wait().map_err(not_started)?;
        Ok((child.id(), ended))
    }
}

/// The library: as given, or beside this program, or where packages put libraries.
fn library(given: Option<&Path>) -> Result<PathBuf, Failure> {
    let places = match given {
        Some(given) => vec![given.to_owned()],
        None => places(),
    };
    let found = places.iter().find(|place| place.is_file());
    let found = found.and_then(|place| fs::canonicalize(place).ok());
    if let Some(path) = found.as_ref().filter(|path| !can_be_preloaded(path)) {
        return Err(Failure::Usage(format!(
            "'{}' cannot be preloaded: spaces and colons separate the names of LD_PRELOAD; \
             copy the library to another folder, and give that with --library",
            path.display()
        )));
    }
    found.ok_or_else(|| {
        let places: Vec<_> = places
            .iter()
            .map(|place| place.display().to_string())
            .collect();
        Failure::Usage(format!(
            "there is no {LIBRARY} at {}; `cargo build --release -p orionrt-preload` builds it, \
             and --library says where it is",
            places.join(" or ")
        ))
    })
}

/// Whether `LD_PRELOAD` takes the path for one name.
fn can_be_preloaded(path: &Path) -> bool {
    !path
        .as_os_str()
        .as_encoded_bytes()
        .iter()
        .any(|byte| b" :".contains(byte))
}

fn places() -> Vec<PathBuf> {
    let program = env::current_exe().and_then(fs::canonicalize);
    let folder = program
        .ok()
        .and_then(|program| program.parent().map(Path::to_owned));
    let folder = folder.unwrap_or_default();
    vec![folder.join(LIBRARY), folder.join("../lib").join(LIBRARY)]
}

/// The library before whatever is preloaded already.
fn preloaded(library: &Path) -> OsString {
    let mut all = library.as_os_str().to_owned();
    if let Some(others) = env::var_os("LD_PRELOAD").filter(|others| !others.is_empty()) {
        all.push(":");
        all.push(others);
    }
    all
}

/// The status that a shell would give.
pub(super) fn exit_status(ended: ExitStatus) -> u8 {
    let code = ended.code().or_else(|| Some(128 + ended.signal()?));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exit_status_is_that_of_a_shell() {
        let status = |raw| exit_status(ExitStatus::from_raw(raw));
        assert_eq!([status(0), status(7 << 8), status(9)], [0, 7, 137]);
    }
}
