//! Programs of some 500,000 small objects an iteration: derivatives of formulas, and an index of
//! words.
//!
//! Both are what a user would write, with the collections of the standard library and nothing of
//! OrionRT. Nearly all of their requests are below the size from which a session plans, so they
//! show what replay costs those that it leaves alone.
//!
//! Invariant: an iteration allocates all of its objects anew, and only its result outlives it.

use std::error::Error;

use orionrt_engines::{Inference, Task, Workload};

// A file uses only files above it in this list.
mod expression;
mod parser;
mod derivative;
mod formulas;
mod words;

/// Makes the program that a task names.
///
/// # Errors
/// If there is no such program.
pub fn load(task: &Task) -> Result<Box<dyn Workload>, Box<dyn Error>> {
    Ok(match task.workload.as_str() {
        "formulas" => Box::new(Inference::new(formulas::Formulas::new())),
        "words" => Box::new(Inference::new(words::Words::new())),
        other => return Err(format!("there is no program {other}").into()),
    })
}
