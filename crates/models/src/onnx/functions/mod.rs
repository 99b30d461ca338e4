//! Inlines functions of the model: each call becomes the nodes of the function's body.
//!
//! ```text
//! names    names that nothing else has
//! paths    how long the names of values in bodies become
//! copy     a part of a function with the names and attributes of a call
//! inline   all calls of a model
//! ```

// A file uses only files above it in this list.
mod names;
mod paths;
mod copy;
mod inline;
#[cfg(test)]
mod tests;

pub(crate) use inline::inline;
