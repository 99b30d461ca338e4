//! `orionrt run`: real inference, and what memory costs it.
//!
//! ```text
//! page     the blocks of an inference where the heap had them, beside the plan
//! command  the verb
//! ```

// A file uses only files above it in this list.
mod page;
mod command;

pub(crate) use command::run;
