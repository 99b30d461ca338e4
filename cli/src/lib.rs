//! The command line of OrionRT: `orionrt plan`, `check`, `compare` and `demo`.
//!
//! A library so that its ONNX loader can be fuzzed; the binary is one call of [`main`].
//! Imports go up this list, never down it:
//!
//! ```text
//! args, failure     what was asked for; what can go wrong, and the exit status it has
//! output, report    files that appear whole or not at all; numbers and lines for people
//! progress          a spinner on long work
//! interrupt         Ctrl-C: the first ends the search, the second the process
//! input             an ONNX model or a CSV file → lifetimes; a file with a plan → the plan
//! picture           a plan as SVG
//! demo              networks that run in planned slots and on the heap
//! plan, check, compare, demo::command      one verb each
//! ```

mod args;
mod check;
mod compare;
mod demo;
mod failure;
pub mod input;
mod interrupt;
mod output;
mod picture;
mod plan;
mod progress;
mod report;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};
use failure::Failure;

/// Runs the program: parses its arguments, does what they ask for, and says how it went.
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(answer) => {
            // A closed pipe is no reason for another message: the exit status says it all.
            let _ = answer.print();
            return ExitCode::from(u8::try_from(answer.exit_code()).unwrap_or(2));
        }
    };
    match run(cli.command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.print();
            failure.exit_code()
        }
    }
}

fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Plan(args) => plan::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Compare(args) => compare::run(&args),
        Command::Demo(args) => demo::command::run(&args),
    }
}
