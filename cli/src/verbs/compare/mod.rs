//! `orionrt compare`: every strategy on one input.
//!
//! ```text
//! comparison  what the strategies reached
//! page        the best of them beside the baseline, drawn
//! show        the result as text and as JSON
//! command     the verb
//! ```

// A file uses only files above it in this list.
mod comparison;
mod page;
mod show;
mod command;

pub(crate) use command::compare;
