//! The whole program: parses the arguments, runs the verb, reports how it went.
//!
//! Stands on [`args`](crate::args) and on [`verbs`](crate::verbs). Invariant: results go to
//! stdout, everything else to stderr, and the exit status is that of the [`Failure`], if any.

#![forbid(unsafe_code)]

use std::{env, ffi::OsString, process::ExitCode};

#[cfg(all(feature = "engine", target_os = "linux"))]
use crate::dual_heap::Allocator;
use crate::{
    args::{Cli, Command},
    failure::Failure,
    verbs,
};

/// Runs the program: parses its arguments, does what they ask for, and reports how it went.
///
/// `allocator` is the program's global allocator, which `run` switches from heap to heap.
pub fn main(
    #[cfg(all(feature = "engine", target_os = "linux"))] allocator: &'static Allocator,
) -> ExitCode {
    ExitCode::from(main_with(
        env::args_os(),
        #[cfg(all(feature = "engine", target_os = "linux"))]
        allocator,
    ))
}

/// Runs the program within another one: `args` are its arguments, the first of which is the name of
/// the program. Returns the exit status.
pub fn main_with(
    args: impl IntoIterator<Item = OsString>,
    #[cfg(all(feature = "engine", target_os = "linux"))] allocator: &'static Allocator,
) -> u8 {
    let cli = match Cli::read(args) {
        Ok(cli) => cli,
        Err(answer) => {
            // If the reader has gone away, the exit status alone must do.
            let _ = answer.print();
            return u8::try_from(answer.exit_code()).unwrap_or(2);
        }
    };
    let result = run(
        cli.command,
        #[cfg(all(feature = "engine", target_os = "linux"))]
        allocator,
    );
    match result {
        Ok(status) => status,
        Err(failure) => {
            failure.print();
            failure.exit_status()
        }
    }
}

/// Runs a verb; returns the exit status of what it has run, if that has one.
fn run(
    command: Command,
    #[cfg(all(feature = "engine", target_os = "linux"))] allocator: &'static Allocator,
) -> Result<u8, Failure> {
    let done = match command {
        Command::Plan(args) => verbs::plan(&args),
        Command::Fit(args) => verbs::fit(&args),
        Command::View(args) => verbs::view(&args),
        Command::Check(args) => verbs::check(&args),
        Command::Compare(args) => verbs::compare(&args),
        Command::Share(args) => verbs::share(&args),
        #[cfg(all(feature = "engine", target_os = "linux"))]
        Command::Run(args) => verbs::run(&args, allocator),
        #[cfg(not(all(feature = "engine", target_os = "linux")))]
        Command::Run(_) => verbs::run(),
        Command::Demo(args) => verbs::demo(&args),
        Command::Devices(args) => verbs::devices(&args),
        Command::Profile(args) => verbs::profile(&args),
        #[cfg(target_os = "linux")]
        Command::With(args) => return verbs::with(&args),
        #[cfg(target_os = "linux")]
        Command::Record(args) => return verbs::record(&args),
        Command::Trace(args) => verbs::trace(&args),
    };
    done.map(|()| 0)
}
