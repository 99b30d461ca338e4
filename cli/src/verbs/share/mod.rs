//! `orionrt share`: several models in one arena.
//!
//! ```text
//! models     loads the models, each under a name of its own
//! schedule   reads which models may run at the same time
//! search     one search for the shared plan
//! page       the arena, drawn
//! files      the files that were asked for, and writing them
//! show       the result as text and as JSON
//! command    the verb
//! ```

// A file uses only files above it in this list.
mod models;
mod schedule;
mod search;
mod page;
mod files;
mod show;
mod command;

pub(crate) use command::share;
