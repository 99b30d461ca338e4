//! `orionrt compare`: every strategy on one input.
//!
//! ```text
//! comparison  what the strategies reached
//! page        the best of them beside the baseline, drawn
//! command     the verb, and the table
//! ```

// A file uses only files above it in this list.
mod comparison;
mod page;
mod command;

pub(crate) use command::compare;
