//! What `orionrt run` does: real inference, with its memory from the system's heap, from OrionAlloc's, and replayed.
//!
//! Each file stands only on those above it:
//!
//! ```text
//! error              why a model does not run, and how outputs differ
//! statistics, clock  quartiles; what an inference takes of the processor and of the system
//! inputs             values for a model's inputs
//! bench              one model, to be run in each of the modes
//! measure            the modes in turns
//! peak               the memory of each mode, in a process of its own
//! report             the results as text and as JSON
//! command            the verb: loads, measures, prints
//! ```

mod bench;
mod clock;
pub(crate) mod command;
pub(crate) mod error;
mod inputs;
mod measure;
mod peak;
mod report;
mod statistics;
