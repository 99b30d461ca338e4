//! Real inference with its memory from the system's heap, from OrionAlloc's heap, or replayed.
//!
//! ```text
//! error         why a model does not run, and how outputs differ
//! statistics    quartiles
//! clock         processor time, wall time and page faults of an inference
//! inputs        pseudo-random values for a model's inputs
//! numpy         inputs and outputs as NumPy files
//! runner        one model, run in each of the modes
//! measure       the modes in turns
//! peak_memory   the peak memory of each mode, in a process of its own
//! report        the results as text and as JSON
//! ```

// A file uses only files above it in this list.
mod error;
mod statistics;
mod clock;
mod inputs;
mod numpy;
mod runner;
mod measure;
mod peak_memory;
mod report;

pub(crate) use error::InferenceError;
pub(crate) use measure::measure;
pub(crate) use peak_memory::{measure_here, measure_in_child_processes};
pub(crate) use report::Results;
pub(crate) use runner::Runner;
