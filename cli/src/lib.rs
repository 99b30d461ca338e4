//! The command line of OrionRT: `orionrt plan`, `check`, `compare`, `share`, `run` and `demo`.
//!
//! A library so that its ONNX loader can be fuzzed; the binary is one call of [`main`], on an allocator that is made here.
//! Imports go up this list, never down it:
//!
//! ```text
//! args, failure     what was asked for; what can go wrong, and the exit status it has
//! output, report    files that appear whole or not at all; numbers and lines for people
//! progress          a spinner or a bar on long work
//! interrupt         Ctrl-C: the first ends what goes on, the second the process
//! draw              numbers that a seed determines
//! contain           code of others whose panics become errors
//! faults, resident  page faults; the memory that the process has
//! input             an ONNX model or a CSV file → lifetimes, or a model that runs; a file with a plan → the plan
//! picture           a plan as SVG
//! usage             a plan's use over time
//! switch            two heaps behind one global allocator
//! inference         real models, on either heap and replayed
//! demo              networks that run in planned slots and on the heap
//! plan, check, compare, share, inference::command, demo::command      one verb each
//! ```

mod args;
mod check;
mod compare;
mod contain;
mod demo;
mod draw;
mod failure;
mod faults;
#[cfg(target_os = "linux")]
mod inference;
pub mod input;
mod interrupt;
mod output;
mod picture;
mod plan;
mod progress;
mod report;
mod resident;
mod share;
#[cfg(target_os = "linux")]
mod switch;
mod usage;

use std::process::ExitCode;

use clap::Parser;

use args::{Cli, Command};
use failure::Failure;

/// The binary's global allocator: one of two heaps, and on it what records and replays.
#[cfg(target_os = "linux")]
pub type Allocator = orionrt::ReplayAlloc<switch::Switch>;

/// An allocator that serves every block from OrionAlloc's heap until [`main`] has it do otherwise.
#[cfg(target_os = "linux")]
#[must_use]
pub const fn allocator() -> Allocator {
    Allocator::new(switch::Switch::new())
}

/// Runs the program: parses its arguments, does what they ask for, and says how it went.
///
/// `allocator` is the program's global allocator.
pub fn main(#[cfg(target_os = "linux")] allocator: &'static Allocator) -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(answer) => {
            // A closed pipe is no reason for another message: the exit status says it all.
            let _ = answer.print();
            return ExitCode::from(u8::try_from(answer.exit_code()).unwrap_or(2));
        }
    };
    let done = run(
        cli.command,
        #[cfg(target_os = "linux")]
        allocator,
    );
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            failure.print();
            failure.exit_code()
        }
    }
}

fn run(
    command: Command,
    #[cfg(target_os = "linux")] allocator: &'static Allocator,
) -> Result<(), Failure> {
    match command {
        Command::Plan(args) => plan::run(&args),
        Command::Check(args) => check::run(&args),
        Command::Compare(args) => compare::run(&args),
        Command::Share(args) => share::run(&args),
        #[cfg(target_os = "linux")]
        Command::Run(args) => inference::command::run(&args, allocator),
        Command::Demo(args) => demo::command::run(&args),
    }
}
