//! The inference engine: an ONNX file as a model that tract can run.
//!
//! Only `orionrt run` uses it, and only where the feature `engine` builds it in: planning needs no
//! engine.
//!
//! ```text
//! error      why a file is not a model that can run
//! reading    runs tract's reader on a thread of its own, where its panics end
//! dims       gives every dimension of every input its size
//! checks     refuses or simplifies what makes tract fail badly
//! weights    the files that have a model's weights
//! runnable   all of it: a file → a model that is ready to run
//! oracle     what tract infers beside what `orionrt-models` does (tests)
//! ```
//!
//! Invariant: a panic inside tract becomes an [`EngineError`]. It takes `panic = "unwind"`.

// A file uses only files above it in this list.
mod error;
mod reading;
mod dims;
mod checks;
mod weights;
mod runnable;
#[cfg(test)]
mod oracle;

pub(crate) use runnable::{Runnable, load_runnable};
