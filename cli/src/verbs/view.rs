//! `orionrt view`: plans or reads a plan, writes a page and opens it.
//!
//! Stands on the verbs `plan` and `check`. Invariant: a page of this verb is in a folder of its
//! user's own, and its path is printed whether or not it could be opened.

#![forbid(unsafe_code)]

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use super::{check::check, plan::plan};
use crate::{args::ViewArgs, failure::Failure, format::Lines, input::is_standard_input, output};

pub(crate) fn view(args: &ViewArgs) -> Result<(), Failure> {
    let input = &args.source.input;
    let is_page = has_ending(input, "html");
    let page = match is_page {
        true => input.clone(),
        false => {
            let page = new_page(input)?;
            match has_ending(input, "json") {
                true => check(&args.to_check_args(page.clone()))?,
                false => plan(&args.to_plan_args(page.clone()))?,
            }
            page
        }
    };
    if is_page && !page.is_file() {
        let source = std::io::ErrorKind::NotFound.into();
        return Err(Failure::Read { path: page, source });
    }
    if args.stays_closed || !open(&page) {
        let hint = Lines::default().line("open it", page.display().to_string());
        return output::print(&hint.finish());
    }
    Ok(())
}

fn has_ending(path: &Path, ending: &str) -> bool {
    let found = path.extension();
    found.is_some_and(|found| found.eq_ignore_ascii_case(ending))
}

/// A path for the page of an input, in a new folder.
fn new_page(input: &Path) -> Result<PathBuf, Failure> {
    let failed = |error: std::io::Error| Failure::write(&env::temp_dir(), error);
    let mut folder = tempfile::Builder::new();
    folder.prefix("orionrt-");
    #[cfg(unix)]
    folder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
    let folder = folder.tempdir().map_err(failed)?.keep();
    let stem = match is_standard_input(input) {
        true => None,
        false => input.file_stem(),
    };
    let mut name = stem.unwrap_or("plan".as_ref()).to_os_string();
    name.push(".html");
    Ok(folder.join(name))
}

/// Opens a page with the program that the system has for pages; returns whether that worked.
fn open(page: &Path) -> bool {
    let Some(mut command) = opener() else {
        return false;
    };
    let command = command.arg(page).stdin(Stdio::null());
    let command = command.stdout(Stdio::null()).stderr(Stdio::null());
    command.status().is_ok_and(|status| status.success())
}

/// The program that opens pages, if there is a screen to open them on.
fn opener() -> Option<Command> {
    if cfg!(target_os = "macos") {
        return Some(Command::new("open"));
    }
    if cfg!(windows) {
        let mut command = Command::new("cmd");
        command.args(["/C", "start", ""]);
        return Some(command);
    }
    let has_screen = |name| env::var_os(name).is_some_and(|value| !value.is_empty());
    let is_seen = ["DISPLAY", "WAYLAND_DISPLAY"].into_iter().any(has_screen);
    is_seen.then(|| Command::new("xdg-open"))
}
