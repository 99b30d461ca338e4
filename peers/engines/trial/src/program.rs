//! The `main` of an engine's programs.
//!
//! Invariant: a program prints one line of JSON, or says on stderr why not and fails.

use std::{alloc::GlobalAlloc, env, error::Error, process::ExitCode};

use orionrt::{Planner, ReplayAlloc};

use crate::{
    counted::{Counted, Counts},
    measure::{Plain, Runner, measure},
    process,
    task::Task,
    workload::Load,
};

/// Runs a task on the global allocator as it is.
#[must_use]
pub fn plain(load: Load) -> ExitCode {
    report(|| run(load, |_| Box::new(Plain), None))
}

/// Runs a task in a session of the global allocator.
#[must_use]
pub fn replayed<A: GlobalAlloc + Sync>(allocator: &'static ReplayAlloc<A>, load: Load) -> ExitCode {
    report(|| run(load, |task| session(allocator, task), None))
}

/// Runs a task in a session of the global allocator, and counts requests around it and beneath it.
#[must_use]
pub fn counted<A: GlobalAlloc + Sync>(
    allocator: &'static Counted<ReplayAlloc<Counted<A>>>,
    load: Load,
) -> ExitCode {
    let count = || Counts {
        asked: allocator.asked(),
        heap: allocator.inner().inner().asked(),
        released: allocator.released(),
    };
    report(|| run(load, |task| session(allocator.inner(), task), Some(&count)))
}

fn session<A: Sync>(allocator: &'static ReplayAlloc<A>, task: &Task) -> Box<dyn Runner> {
    let session = allocator.session::<u64>(Planner::new());
    Box::new(match task.lanes {
        Some(most) => session.lanes(most),
        None => session,
    })
}

fn run(
    load: Load,
    runner: impl FnOnce(&Task) -> Box<dyn Runner>,
    count: Option<&dyn Fn() -> Counts>,
) -> Result<String, Box<dyn Error>> {
    let task = env::args().nth(1).ok_or("the only argument is a task")?;
    let task: Task = serde_json::from_str(&task)?;
    let mut workload = load(&task)?;
    process::populate_code()?;
    let mut runner = runner(&task);
    let measured = measure(&task, workload.as_mut(), runner.as_mut(), count)?;
    Ok(serde_json::to_string(&measured)?)
}

fn report(run: impl FnOnce() -> Result<String, Box<dyn Error>>) -> ExitCode {
    match run() {
        Ok(line) => println!("{line}"),
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}
