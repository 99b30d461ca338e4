//! `orionrt view`: plans or reads a plan, writes a page and opens it.
//!
//! Stands on the verbs `plan`, `check`, `beside` and `profile`, and on the loaders, which know a
//! plan from what is to be planned. Invariant: a page of this verb is where its user says, or in a
//! folder of its user's own, and each is opened, or its path printed.

#![forbid(unsafe_code)]

use std::{
    env, fs,
    path::Path,
    process::{Command, Stdio},
};

use tempfile::TempDir;

use super::{
    beside::{beside, has_ending},
    check::{check, option_of_model},
    plan::plan,
    profile::profile,
};
use crate::{
    args::{ProfileArgs, SourceArgs, ViewArgs},
    failure::Failure,
    format::Lines,
    input::{is_plan, is_profile},
    output,
};

pub(crate) fn view(args: &ViewArgs) -> Result<(), Failure> {
    let input = &args.source.input;
    if has_ending(input, "html") && args.others.is_empty() && args.html.is_none() {
        refuse_source_options(&args.source, "page")?;
        let found = fs::metadata(input).map_err(|source| Failure::Read {
            path: input.clone(),
            source,
        });
        return found.and_then(|_| show(args, input));
    }
    if args.others.is_empty() && is_profile(input)? {
        return view_profile(args);
    }
    if let Some(page) = &args.html {
        draw(args, page)?;
        return show(args, page);
    }
    // It goes if there is no page.
    let folder = new_folder()?;
    let page = folder.path().join("plan.html");
    draw(args, &page)?;
    let _ = folder.keep();
    show(args, &page)
}

/// Draws the flame graph of a profile, and opens it.
fn view_profile(args: &ViewArgs) -> Result<(), Failure> {
    let input = &args.source.input;
    refuse_source_options(&args.source, "profile")?;
    if args.html.is_some() {
        return Err(Failure::Usage(format!(
            "'{}' is a profile, which is drawn as a picture: `orionrt profile --svg FILE` keeps it",
            input.display()
        )));
    }
    let folder = new_folder()?;
    let picture = folder.path().join("profile.svg");
    profile(&ProfileArgs::flame_graph(input.clone(), picture.clone()))?;
    let _ = folder.keep();
    show(args, &picture)
}

/// Writes the page.
fn draw(args: &ViewArgs, page: &Path) -> Result<(), Failure> {
    let input = &args.source.input;
    if !args.others.is_empty() {
        return beside(args, page);
    }
    if is_plan(input)? {
        refuse_source_options(&args.source, "plan")?;
        check(&args.to_check_args(page.into()))
    } else {
        plan(&args.to_plan_args(page.into()))
    }
}

/// Fails if there is an option that says how to read what is to be planned; `kind` is what the file
/// is instead.
fn refuse_source_options(source: &SourceArgs, kind: &str) -> Result<(), Failure> {
    let others = [
        (source.device.is_some(), "--device"),
        (source.alignment.is_some(), "--alignment"),
    ];
    let given = others.into_iter().find(|(is_given, _)| *is_given);
    let given = option_of_model(&source.model).or(given.map(|(_, option)| option));
    given.map_or(Ok(()), |option| {
        let path = source.input.display();
        Err(Failure::Usage(format!(
            "{option} is for what is planned: '{path}' is a {kind} already"
        )))
    })
}

/// Opens a page, or prints its path where it cannot be opened or is to stay closed.
fn show(args: &ViewArgs, page: &Path) -> Result<(), Failure> {
    if !args.stays_closed && open(page) {
        return Ok(());
    }
    let hint = Lines::default().line("open it", page.display().to_string());
    output::print(&hint.finish())
}

/// A new folder for temporary files, which no other user may look into.
fn new_folder() -> Result<TempDir, Failure> {
    let mut folder = tempfile::Builder::new();
    folder.prefix("orionrt-");
    #[cfg(unix)]
    folder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o700));
    let folder = folder.tempdir();
    folder.map_err(|error| Failure::write(&env::temp_dir(), error))
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
