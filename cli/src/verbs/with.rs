//! `orionrt with`: runs a command on OrionRT's heap, by preloading `liborionrt.so`.
//!
//! Stands on the library's variables, which `orionrt-preload` documents, and on
//! [`preloaded`](super::preloaded). Invariant: standard input and output are the command's alone,
//! and the exit status is the command's, or that of a shell that cannot start it.

#![forbid(unsafe_code)]

use std::{
    env,
    ffi::OsString,
    fs, io,
    io::Write,
    os::unix::process::ExitStatusExt,
    path::{self, Path},
    process::{Command, ExitStatus},
};

use super::preloaded::{Preloaded, exit_status};
use crate::{
    args::{ProfileSetting, WithArgs},
    failure::Failure,
};

/// Returns the exit status of the command.
pub(crate) fn with(args: &WithArgs) -> Result<u8, Failure> {
    let preloaded = Preloaded::find(args.preloaded.library.as_deref())?;
    let folder = tempfile::tempdir().map_err(|error| Failure::write(&env::temp_dir(), error))?;
    let own_stats = folder.path().join("statistics");
    let mut command = preloaded.command(&args.preloaded.command)?;
    set_variables(&mut command, args, &own_stats)?;
    let (process, ended) = preloaded.run(command, &args.preloaded.command)?;
    if args.stats.is_none() && !args.has_no_stats {
        let reports = fs::read_to_string(&own_stats).unwrap_or_default();
        let own = match report_of(&reports, process) {
            "" => no_statistics(ended),
            own => own.into(),
        };
        // If stderr is closed, nobody wants to know.
        let _ = write!(io::stderr(), "{own}");
    }
    Ok(exit_status(ended))
}

/// Why there may be no statistics of a command that ended like this.
fn no_statistics(ended: ExitStatus) -> String {
    let why = match ended.signal() {
        Some(signal) => format!("signal {signal} ended the command"),
        None => "the command ended by _exit, as many shells do, is linked statically, or has more \
                 rights than you (setuid)"
            .into(),
    };
    format!("orionrt: no statistics: {why}\n")
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
    let limit = args.limit.map(|bytes| bytes.to_string());
    let variables: [(_, Option<&str>); 3] = [
        ("ORIONRT_DECAY", args.decay.as_deref()),
        ("ORIONRT_LIMIT", limit.as_deref()),
        (
            "ORIONRT_HUGE_PAGES",
            args.huge_pages.map(|pages| pages.text()),
        ),
    ];
    if let Some(profile) = &args.profile {
        command.env("ORIONRT_PROFILE", profile_variable(profile)?);
    }
    for (name, value) in variables {
        if let Some(value) = value {
            command.env(name, value);
        }
    }
    Ok(())
}

/// The value of `ORIONRT_PROFILE` with an absolute path: the command may go to another folder
/// before it starts a process.
fn profile_variable(profile: &ProfileSetting) -> Result<OsString, Failure> {
    let file = path::absolute(&profile.file);
    let file = file.map_err(|error| Failure::write(&profile.file, error))?;
    let mut variable = file.into_os_string();
    variable.push(&profile.options);
    Ok(variable)
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
    fn a_command_without_statistics_is_told_why_in_a_line() {
        let killed = no_statistics(ExitStatus::from_raw(9));
        assert_eq!(
            killed,
            "orionrt: no statistics: signal 9 ended the command\n"
        );
        let exited = no_statistics(ExitStatus::from_raw(0));
        assert!(
            exited.contains("linked statically") && exited.lines().count() == 1,
            "{exited}"
        );
    }
}
