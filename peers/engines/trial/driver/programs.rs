//! The programs of the engines: built, and started with a task.
//!
//! Invariant: a program runs alone, and answers or fails.

use std::{env, error::Error, process::Command};

use orionrt_engines::{Heap, Measured, Task};

use crate::options::{Engine, Options};

/// Builds the programs of the engines that are asked for.
pub(crate) fn build(options: &Options) -> Result<(), Box<dyn Error>> {
    for engine in &options.engine {
        let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.args(["build", "--quiet", "--release", "--package"]);
        command.arg(format!("orionrt-engines-{}", engine.name()));
        command.current_dir(env!("CARGO_MANIFEST_DIR"));
        if !command.status()?.success() {
            return Err(format!("{} does not build", engine.name()).into());
        }
    }
    Ok(())
}

/// Runs a task in a process of its own.
pub(crate) fn start(engine: Engine, heap: Heap, task: &Task) -> Result<Measured, Box<dyn Error>> {
    let programs = env::current_exe()?;
    let folder = programs.parent().ok_or("no folder of programs")?;
    let name = format!("{}-{}", engine.name(), heap.name());
    let output = Command::new(folder.join(&name))
        .arg(serde_json::to_string(task)?)
        // Of candle and burn; rten gets a pool from its program.
        .env("RAYON_NUM_THREADS", task.threads.to_string())
        // burn multiplies matrices on another pool.
        .env("MATMUL_NUM_THREADS", task.threads.to_string())
        .output()?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        let last = said.lines().next_back().unwrap_or_default();
        return Err(format!("{name}, {}: {last}", output.status).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}
