//! `orionrt with`: runs a command on OrionRT's heap, by preloading `liborionrt.so`.
//!
//! Stands on the library's variables, which `orionrt-preload` documents. Invariant: standard input
//! and output are the command's alone, and the exit status is the command's,
//! or that of a shell that cannot start it.

#![forbid(unsafe_code)]

use std::{
    env,
    ffi::{OsStr, OsString},
    fs, io,
    io::Write,
    os::unix::{ffi::OsStrExt, process::ExitStatusExt},
    path::{self, Path, PathBuf},
    process::{Command, ExitStatus},
};

use crate::{args::WithArgs, failure::Failure};

const LIBRARY: &str = "liborionrt.so";

/// Returns the exit status of the command.
pub(crate) fn with(args: &WithArgs) -> Result<u8, Failure> {
    let library = library(args)?;
    let folder = tempfile::tempdir().map_err(|error| Failure::write(&env::temp_dir(), error))?;
    let own_stats = folder.path().join("statistics");
    let [program, arguments @ ..] = &*args.command else {
        return Err(Failure::Usage("there is no command".into()));
    };
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env("LD_PRELOAD", preloaded(&library));
    set_variables(&mut command, args, &own_stats)?;
    // Ctrl-C is for the command, and this program waits for what it makes of it. The command gets
    // it with the usual effect, since a handler does not outlive `exec`.
    let _ = ctrlc::set_handler(|| ());
    let not_started = |source| Failure::Start {
        program: program.into(),
        source,
    };
    let mut child = command.spawn().map_err(not_started)?;
    let ended = child.wait().map_err(not_started)?;
    if let Ok(text) = fs::read_to_string(&own_stats) {
        let own = report_of(&text, child.id());
        // If stderr is closed, nobody wants to know.
        let _ = write!(io::stderr(), "{own}");
    }
    Ok(exit_status(ended))
}

/// The library: as given, or beside this program, or where packages put libraries.
fn library(args: &WithArgs) -> Result<PathBuf, Failure> {
    let places = match &args.library {
        Some(given) => vec![given.clone()],
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

fn set_variables(command: &mut Command, args: &WithArgs, own_stats: &Path) -> Result<(), Failure> {
    // The command may write them from another folder.
    let stats = match &args.stats {
        Some(file) => path::absolute(file).map_err(|error| Failure::write(file, error))?,
        None => own_stats.to_owned(),
    };
    if args.has_no_stats {
        command.env_remove("ORIONRT_STATS");
    } else {
        command.env("ORIONRT_STATS", stats);
    }
    let variables: [(_, Option<&str>); 3] = [
        ("ORIONRT_DECAY", args.decay.as_deref()),
        ("ORIONRT_LIMIT", args.limit.as_deref()),
        (
            "ORIONRT_HUGE_PAGES",
            args.huge_pages.map(|pages| pages.text()),
        ),
    ];
    if let Some(profile) = &args.profile {
        command.env("ORIONRT_PROFILE", absolute_profile(profile)?);
    }
    for (name, value) in variables {
        if let Some(value) = value {
            command.env(name, value);
        }
    }
    Ok(())
}

/// The value of `ORIONRT_PROFILE` with an absolute path: the command may write from another folder.
fn absolute_profile(value: &OsStr) -> Result<OsString, Failure> {
    let bytes = value.as_bytes();
    let comma = bytes.iter().position(|&byte| byte == b',');
    let (file, options) = bytes.split_at(comma.unwrap_or(bytes.len()));
    if file.is_empty() {
        return Err(Failure::Usage("--profile: expected a file, or exit".into()));
    }
    let file = match file {
        b"exit" => Path::new("orionrt.%p.pb"),
        file => Path::new(OsStr::from_bytes(file)),
    };
    let mut absolute = path::absolute(file)
        .map_err(|error| Failure::write(file, error))?
        .into_os_string();
    absolute.push(OsStr::from_bytes(options));
    Ok(absolute)
}

/// The last report of a process: a shell that becomes another program is the same process.
fn report_of(reports: &str, process: u32) -> &str {
    let heading = format!("orionrt: process {process},");
    let Some(start) = reports.rfind(&heading) else {
        return "";
    };
    let report = &reports[start..];
    let end = report[heading.len()..].find("\norionrt: process ");
    end.map_or(report, |end| &report[..heading.len() + end + 1])
}

/// The status that a shell would give.
fn exit_status(ended: ExitStatus) -> u8 {
    let code = ended.code().or_else(|| Some(128 + ended.signal()?));
    code.and_then(|code| u8::try_from(code).ok()).unwrap_or(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_report_of_a_process_is_its_own() {
        let reports = "orionrt: process 12, sh\na\n\norionrt: process 1, true\nb\n\
                       orionrt: process 12, python3\nc\norionrt: process 123, x\nd\n";
        assert_eq!(report_of(reports, 12), "orionrt: process 12, python3\nc\n");
        assert_eq!(report_of(reports, 123), "orionrt: process 123, x\nd\n");
        assert_eq!(report_of(reports, 2), "");
    }

    #[test]
    fn the_exit_status_is_that_of_a_shell() {
        let status = |raw| exit_status(ExitStatus::from_raw(raw));
        assert_eq!([status(0), status(7 << 8), status(9)], [0, 7, 137]);
    }
}
